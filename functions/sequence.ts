import { hash } from 'node:crypto'
import type { Event, Id } from '../schema/event.ts'
import { firstIdAt } from '../schema/item.ts'
import { createCommitter } from './commit.ts'
import { createGathering } from './gather.ts'
import type { Hints } from './hint.ts'
import { createOrdering } from './ordering.ts'
import { leafOf } from './leaf.ts'
import type { Log, Ports } from './ports.ts'
import { createRing } from './succession.ts'

/** No sequencer has looked for so long: where the stream takes every place, the schedule's call finds none. */
const lateMs = 3 * 60_000
/** Silence is told so often. */
const idleMs = 10 * 60_000

/**
 * Puts the record into its Merkle log, off the request path: nothing a caller waits for is written here, and nothing here is lost when it dies. `round` takes what this process has just
 * stored, `reconcile` looks through the ledger for what anybody stored. Any number of sequencers may run, and both of one at once. Both give how many events were added, and throw Fault:
 * what was not added is found by the next `reconcile`.
 */
export function createSequencer(ports: Pick<Ports, 'now' | 'ledger' | 'alarm'> & { readonly log: Log; /** Left out: a timer. */ readonly pause?: (ms: number) => Promise<unknown> }, hints: Hints) {
  const { now, ledger } = ports
  const committer = createCommitter(ports)
  const gathering = createGathering(ports, committer)
  const { ordered } = createOrdering(ports, committer)
  const ring = createRing(ports.log)
  const begun = now()
  let behind = true

  async function round(): Promise<number> {
    const { events, dropped } = hints.take()
    if (dropped) behind = true
    try {
      const added = await committer.commit((await ordered(events)).map(leafOf), gathering.mark())
      await succeed()
      if (events.length === 0) await heartbeat()
      return added
    } catch (error) {
      behind = true
      gathering.doubt(events)
      throw error
    }
  }

  /**
   * Where nothing happens, that is an event too: it makes a new tree, so that the checkpoint is signed anew and nobody can hold back an old one and say that nothing came. The
   * time is in the tree and not beside it (a checkpoint has none), so that a year later it can be told from the log alone when it was alive. Any number of sequencers make the same event.
   */
  async function heartbeat(): Promise<void> {
    const head = await committer.head()
    if (now() - (head?.at ?? begun) < idleMs) return
    const slot = now() - now() % idleMs
    const id = firstIdAt(slot)
    const evaluation: Id<'eval'> = `eval_${id.slice(4)}`
    const event: Event = { id, at: new Date(slot).toISOString(), evaluation, session: null, who: null, connection: null, policy: null, kind: 'heartbeat', change: { everySeconds: idleMs / 1000 } }
    await ledger.append(event)
    await committer.commit([leafOf(event)], gathering.mark())
  }

  /** A key that was made and signs nothing yet: that it follows is an event first. Dies after it: the next look puts it into the log, and then it is so. Two that tell it at once: the first counts. */
  async function succeed(): Promise<void> {
    if (!ports.log.further?.length) return
    const head = await committer.head()
    const note = head && await ring.due(head.keys ?? [], now())
    if (!note) return
    const id: Id<'evt'> = `${firstIdAt(now()).slice(0, 14)}${hash('sha256', note, 'hex').slice(0, 15).toUpperCase()}0` as Id<'evt'>
    const event: Event = { id, at: new Date(now()).toISOString(), evaluation: `eval_${id.slice(4)}`, session: null, who: null, connection: null, policy: null, kind: 'log-key', change: { note } }
    await ledger.append(event)
    const stored = await ledger.get(id)                             // with the number its process gave it
    await committer.commit([leafOf(stored ?? event)], gathering.mark())
  }

  async function reconcile(): Promise<number> {
    behind = false
    try {
      return await gathering.reconcile()
    } catch (error) {
      behind = true
      throw error
    }
  }
  return { round, reconcile, /** A look through the ledger is due sooner than usual. */ isBehind: () => behind || now() - Math.max(gathering.mark().near, committer.near()) > lateMs }
}
export type Sequencer = ReturnType<typeof createSequencer>
