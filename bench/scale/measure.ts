import type { Item } from '../../functions/aws/dynamo.ts'
import { tables } from '../../schema/item.ts'
import { mint } from '../../test/support/local.ts'
import { sizeOf, type Use } from './capacity.ts'
import { measureLog, type Log } from './log.ts'
import type { Call, Done } from './serve.ts'
import { open, path, type Opened } from './world.ts'

/** Of one of its kind, each an average: what it took of DynamoDB, of the target by HTTP and of the CPU; how many functions were invoked for it, and states that its machine entered; its events, and their bytes as they lie in the record. */
export interface Kind { readonly uses: readonly Use[]; readonly calls: number; readonly target: number; readonly cpuMs: number; readonly invoked: number; readonly states: number; readonly events: number; readonly bytes: number }
/** `readsPerWaiting`: read units of one request that waits, each time the sweeper looks; `pointer`: of a look at the policy. */
export interface Measured { readonly kinds: Readonly<Record<string, Kind>>; readonly log: Log; readonly readsPerWaiting: number; readonly pointer: number }

/** What people are asked for, and what follows when they have decided. */
export const asking = 'asking for approval, people told'
export const ending = 'its approval, execution and end'
const query = '/v1/connections/shop/query'
const count = Number(process.env['COUNT'] ?? 6000)
const asks = 20
const rounds = 3
const share = (uses: readonly Use[], of: number): Use[] => uses.map((use) => ({ ...use, writes: use.writes / of, reads: use.reads / of }))
const sql = (text: string, keep = true) => ({ path: query, keep, body: { sql: text } })

/** `shares`: of the mix that is played, by kind. */
export async function measure(shares: Readonly<Record<string, number>>): Promise<Measured> {
  const closers: (() => unknown)[] = []
  const onEnd = (close: () => unknown): void => { closers.push(close) }
  try {
    const opened = await open(onEnd)
    const taking = createTaking(opened)
    const [agent, lead] = [await mint(opened.place, 'agent:bot', ['readers']), await mint(opened.place, 'user:lea@acme.dev', ['leads'])]
    const kinds = await plain(opened, taking, agent)
    const { readsPerWaiting, ...approvals } = await approval(opened, taking, agent, lead)
    const all: Readonly<Record<string, Kind>> = { ...kinds, ...approvals }
    const sum = (of: (kind: Kind) => number): number => Object.entries({ ...shares, [ending]: shares[asking] ?? 0 }).reduce((so, [name, part]) => so + part * (all[name] ? of(all[name]) : 0), 0)
    return { kinds: all, readsPerWaiting, pointer: taking.pointer(), log: await measureLog(opened, taking.images, taking.total, sum(({ bytes }) => bytes) / sum(({ events }) => events), onEnd) }
  } finally {
    for (const close of closers.toReversed()) await close()
  }
}

/** Takes what was counted since the last time, and keeps what the record's stream would bring. */
function createTaking({ dynamo, target }: Opened) {
  const images: Item[] = []
  const total = { events: 0, bytes: 0 }
  let pointer = 1
  /** As one of `of`. */
  function take(of: number, cpuMs: number, invoked: number, states = 0): Kind {
    const { uses, images: added, calls } = dynamo.take()
    const events = added.filter(({ sk }) => sk?.S?.startsWith('evt_'))
    const bytes = events.reduce((sum, item) => sum + sizeOf(item), 0)
    images.push(...events)
    total.events += events.length
    total.bytes += bytes
    // The policy is looked at every two seconds, by whatever request comes then: it is counted by processes.
    const pointers = uses.filter(({ table }) => table === tables.policy.name)
    if (pointers.length > 0) pointer = pointers.reduce((sum, { reads }) => sum + reads, 0) / pointers.length
    return { uses: share(uses.filter(({ table }) => table !== tables.policy.name), of), calls: (calls - pointers.length) / of, target: target.take() / of, cpuMs: cpuMs / of, invoked, states, events: events.length / of, bytes: bytes / of }
  }
  return { images, total, take, nothing: () => { take(1, 0, 0) }, pointer: () => pointer }
}
type Taking = ReturnType<typeof createTaking>

/** Requests that one function answers; CPU is the lowest of the rounds. */
async function plain({ gate, host }: Opened, { take, nothing }: Taking, agent: string): Promise<Record<string, Kind>> {
  async function calls(of: number, status: number, one: (n: number) => Omit<Call, 'token'>): Promise<Kind> {
    const send = async (from: number, many: number): Promise<Done> => {
      const done = await gate.ask({ what: 'calls', calls: Array.from({ length: many }, (_, n) => ({ token: agent, ...one(from + n) })) })
      if (done.statuses?.some((each) => each !== status)) throw new Error(`${[...new Set(done.statuses)].join(', ')} in the place of ${status}: ${done.last}`)
      return done
    }
    const each = Math.ceil(of / rounds)
    await send(0, each)                                             // compiled, connected, its catalogue read
    nothing()
    let lowest = Infinity
    for (let round = 1; round <= rounds; round++) lowest = Math.min(lowest, (await send(round * each, each)).cpuMs)
    return take(rounds * each, lowest * rounds, 1)
  }
  return {
    'read, 1 row, session kept': await calls(count, 200, () => sql('select id, status from orders where id = 7')),
    'read, 1 row, session of its own': await calls(200, 200, () => sql('select id, status from orders where id = 7', false)),
    'read, 200 rows': await calls(60, 200, () => sql('select id, status, note from orders order by id limit 200')),
    refusal: await calls(150, 403, () => sql('select 1 from secrets')),
    ...host ? { 'a command on a host': await calls(30, 200, (n) => ({ path: '/v1/connections/bastion/exec', keep: true, body: { command: ['echo', 'up', String(n), 'days'] } })) } : {},
  }
}

/** `asks` requests until people were told and are waited for, then a look of the sweeper, then what is decided to its end: each step as the state machine asks for it. The first time unmeasured. */
async function approval({ gate, dynamo, steps }: Opened, { take, nothing }: Taking, agent: string, lead: string): Promise<Record<typeof asking | typeof ending, Kind> & { readonly readsPerWaiting: number }> {
  const cpu = async (): Promise<number> => (await gate.ask({ what: 'calls', calls: [] })).totalMs
  const until = async (step: string, times: number): Promise<void> => { for (let waited = 0; (steps[step] ?? 0) < times; waited++) { if (waited > 2000) throw new Error(`no ${step}`); await new Promise((resolve) => { setTimeout(resolve, 10) }) } }
  async function call(status: number, one: Call): Promise<string> {
    const { last = '', statuses } = await gate.ask({ what: 'calls', calls: [one] })
    if (statuses?.[0] !== status) throw new Error(`${statuses?.[0]} in the place of ${status}: ${last}`)
    return last
  }
  async function ask(round: number): Promise<readonly { readonly id: string; readonly digest: string }[]> {
    const made: { id: string; digest: string }[] = []
    for (let n = 0; n < asks; n++) made.push((JSON.parse(await call(202, { token: agent, ...sql(`update orders set status = 'x' where id = ${round * asks + n}`) })) as { request: { id: string; digest: string } }).request)
    await until('wait', (round + 1) * asks)
    return made
  }
  async function decide(round: number, made: Awaited<ReturnType<typeof ask>>): Promise<void> {
    for (const { id, digest } of made) await call(200, { token: lead, path: `/v1/requests/${id}/decision`, body: { decision: 'approve', digest } })
    await until('tell', (round + 1) * asks)
  }
  await decide(0, await ask(0))
  nothing()
  const { before, after } = path()
  const begun = await cpu()
  const made = await ask(1)
  const asked = take(asks, await cpu() - begun, 3, before)
  await gate.ask({ what: 'sweep' })
  const readsPerWaiting = dynamo.take().uses.filter(({ table }) => table === tables.requests.name).reduce((sum, { reads }) => sum + reads, 0) / asks
  const deciding = await cpu()
  await decide(1, made)
  const ended = take(asks, await cpu() - deciding, 3, after)
  if (Object.entries(steps).some(([, times]) => times !== 2 * asks)) throw new Error(`a step came twice: ${JSON.stringify(steps)}`)
  return { [asking]: asked, [ending]: ended, readsPerWaiting }
}
