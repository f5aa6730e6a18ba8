import { createIds } from '../../functions/aws/ulid.ts'
import { dayOf, eventKey, tables } from '../../schema/item.ts'
import type { Use } from './capacity.ts'
import { asking, ending, type Kind, type Measured } from './measure.ts'

export interface Mix { readonly agents: number; /** Requests a second of each. */ readonly each: number; readonly seconds: number; readonly shares: Readonly<Record<string, number>>; /** How long people take. */ readonly decideSeconds: number; readonly timeMs: (kind: Kind) => number }
/** Units in the busiest second: of the busiest partition of each sort, and of each table. */
export interface Played { readonly keys: ReadonlyMap<string, Units>; readonly tables: ReadonlyMap<string, Units>; readonly requests: number; readonly processes: number; readonly waiting: number; readonly unsequenced: number; readonly events: number; readonly kilobytes: number }
export interface Units { readonly writes: number; readonly reads: number }

export const own = 'an item of one request or event'

/**
 * The key that this use meets in the play, made as schema/item.ts makes it, by the event or the agent that it is of; and the sort of keys it is counted with. Keys that one request alone has are not told apart: each is as busy as one
 * request makes it. What has one name for everybody keeps it.
 */
function keyOf({ table, index, key }: Use, agent: number, event: string): { readonly sort: string; readonly key: string } {
  const alike = (sort: string, which: string) => ({ sort: `${table}${index === null ? '' : ` ${index}`}, ${sort}`, key: which })
  switch (table) {
    case tables.audit.name: return key === 'days' ? alike('`days`', key) : key.startsWith('fate#') ? alike(own, own) : alike('one of the day\'s 16', eventKey(event).pk)
    case tables.keys.name: return alike('the day', dayOf(event))
    case tables.requests.name: return index === 'byState' ? alike(`\`${key}\``, key) : index === 'byRequester' ? alike('a requester', String(agent)) : alike(own, own)
    case tables.state.name: return key.startsWith('meter#') ? alike('a meter', String(agent)) : key.startsWith('task#') ? alike(own, own) : alike(`\`${key}\``, key)
    case tables.log.name: return key.startsWith('evt_') ? alike(own, own) : alike(`\`${key}\``, key)
    case tables.policy.name: return alike(`\`${key}\``, key)
    default: throw new Error(`a table that the play does not know: ${table}`)
  }
}
/** Those of one key and kind as one, so that a second of a thousand requests is a few thousand additions. */
function merged(uses: readonly Use[]): readonly Use[] {
  const found = new Map<string, Use>()
  const sortOf = ({ key }: Use): string => /^(evt_|arq_|call#|result#|meter#|task#|\d{4}-)/.exec(key)?.[1] ?? key
  for (const use of uses) {
    const name = `${use.table} ${use.index} ${use.index === 'byRequester' ? '' : sortOf(use)}`
    const had = found.get(name)
    found.set(name, had ? { ...had, writes: had.writes + use.writes, reads: had.reads + use.reads } : use)
  }
  return [...found.values()]
}

type Peaks = Map<string, Units>
const more = (had: Units | undefined, { writes, reads }: Units, times = 1): Units => ({ writes: (had?.writes ?? 0) + times * writes, reads: (had?.reads ?? 0) + times * reads })
const higher = (peaks: Peaks, name: string, { writes, reads }: Units): void => { const had = peaks.get(name); peaks.set(name, { writes: Math.max(had?.writes ?? 0, writes), reads: Math.max(had?.reads ?? 0, reads) }) }

/** What one second takes of each key and of each table. */
function createSecond() {
  const [keys, all]: [Map<string, { readonly sort: string; readonly units: Units }>, Peaks] = [new Map(), new Map()]
  return {
    add(use: Use, times: number, agent: number, event: string): void {
      const { sort, key } = keyOf(use, agent, event)
      const name = `${sort} ${key}`
      keys.set(name, { sort, units: key === own ? use : more(keys.get(name)?.units, use, times) })
      all.set(use.table, more(all.get(use.table), use, times))
    },
    end(peaks: { readonly keys: Peaks; readonly tables: Peaks }): void {
      for (const { sort, units } of keys.values()) higher(peaks.keys, sort, units)
      for (const [table, units] of all) higher(peaks.tables, table, units)
    },
  }
}

/** Seconds of that many agents, against the keys of schema/item.ts. The numbers are the same each time: chance is a generator with a seed. */
export function play({ kinds, log, readsPerWaiting, pointer }: Measured, { agents, each, seconds, shares, decideSeconds, timeMs }: Mix): Played {
  let random = 42
  const chance = () => { random = (random * 1_103_515_245 + 12_345) % 2_147_483_648; return random / 2_147_483_648 }
  const clock = { ms: Date.parse('2026-11-22T09:00:00Z') }
  const id = createIds(() => clock.ms)
  const uses = new Map(Object.entries(kinds).map(([name, kind]) => [name, merged(kind.uses)]))
  const [perEvent, perCommit] = [merged(log.perEvent), merged(log.perCommit)]
  const peaks = { keys: new Map<string, Units>(), tables: new Map<string, Units>() }
  const decided: number[][] = Array.from({ length: seconds + 2 * decideSeconds }, () => [])
  const most = { requests: 0, processes: 0, waiting: 0, unsequenced: 0, events: 0, kilobytes: 0 }
  let [waiting, unsequenced] = [0, 0]
  for (let second = 0; second < seconds; second++, clock.ms += 1000) {
    const now = createSecond()
    let [busyMs, events] = [0, 0]
    const happen = (name: string, agent: number): void => {
      const kind = kinds[name]
      if (kind === undefined) throw new Error(`nothing was measured of: ${name}`)
      const event = id('evt')
      for (const use of uses.get(name) ?? []) now.add(use, 1, agent, event)
      ;[busyMs, events] = [busyMs + timeMs(kind), events + kind.events]
      most.kilobytes += kind.bytes / 1024 / seconds
    }
    for (let agent = 0; agent < agents; agent++) {
      if (chance() > each) continue
      most.requests += 1 / seconds
      let at = chance()
      const name = Object.keys(shares).find((one) => (at -= shares[one] ?? 0) < 0) ?? asking
      happen(name, agent)
      if (name !== asking) continue
      waiting++
      decided[second + Math.floor(decideSeconds * (0.5 + chance()))]?.push(agent)
    }
    for (const agent of decided[second] ?? []) { happen(ending, agent); waiting-- }
    most.events += events / seconds
    const taken = Math.min(unsequenced + events, log.perSecond, log.distantPerSecond, log.twoPerSecond)
    unsequenced += events - taken
    for (const use of perEvent) now.add(use, taken, 0, '')
    for (const use of perCommit) now.add(use, Math.ceil(taken / 1000), 0, '')
    // Each minute the sweeper reads everybody who waits; here a sixtieth of it each second.
    now.add({ table: tables.requests.name, index: 'byState', key: 'open', writes: 0, reads: waiting * readsPerWaiting / 60 }, 1, 0, '')
    // Each process looks at the policy every two seconds.
    const processes = Math.ceil(busyMs / 1000)
    now.add({ table: tables.policy.name, index: null, key: 'policy', writes: 0, reads: processes / 2 * pointer }, 1, 0, '')
    now.end(peaks)
    ;[most.processes, most.waiting, most.unsequenced] = [Math.max(most.processes, processes), Math.max(most.waiting, waiting), Math.max(most.unsequenced, unsequenced)]
  }
  return { ...peaks, ...most }
}
