import type { Hints } from '../hint.ts'
import type { Ports } from '../ports.ts'
import { createSequencer } from '../sequence.ts'

const everyMs = 1000
/** The whole ledger is looked through so often, and sooner where hints say that they do not know it all; in between other processes' events wait. */
const lookEveryMs = 30_000
const soonestMs = 2000

/** The sequencer of this machine: a round a second, a look when it is due, and a last of each when it stops. Gives what stops it. */
export function startSequencing(ports: Ports, hints: Hints): () => Promise<void> {
  const { log } = ports
  if (log === null) return async () => {}
  const sequencer = createSequencer({ ...ports, log }, hints)
  let looked = -Infinity
  const running: { round: Promise<unknown> | null; look: Promise<unknown> | null } = { round: null, look: null }

  /** A look may take seconds where much has happened; rounds do not wait for it. */
  function tick(): void {
    running.round ??= sequencer.round().catch(failed).finally(() => { running.round = null })
    if (performance.now() - looked < (sequencer.isBehind() ? soonestMs : lookEveryMs)) return
    running.look ??= sequencer.reconcile().catch(failed).finally(() => {
      looked = performance.now()
      running.look = null
    })
  }
  const failed = (error: unknown) => ports.alarm('the log is not written', { error: error instanceof Error ? error.message : 'unknown' })
  const timer = setInterval(tick, everyMs)
  timer.unref()
  return async () => {
    clearInterval(timer)
    await Promise.all([running.round, running.look])
    await sequencer.round().then(() => sequencer.isBehind() ? sequencer.reconcile() : 0).catch(failed)
  }
}
