import type { Hints } from '../hint.ts'
import type { Ports } from '../ports.ts'
import { createSequencer } from '../sequence.ts'

const everyMs = 1000
/** The whole ledger is looked through so often, and sooner where hints say that they do not know it all; in between other processes' events wait. */
const lookEveryMs = 30_000
const soonestMs = 2000

/** The sequencer of this machine: a round a second, one after the other, and a last look when it stops. Gives what stops it. */
export function startSequencing(ports: Ports, hints: Hints): () => Promise<void> {
  const { log } = ports
  if (log === null) return async () => {}
  const sequencer = createSequencer({ ...ports, log }, hints)
  let looked = -Infinity
  let running: Promise<void> = Promise.resolve()
  let busy = false

  async function turn(): Promise<void> {
    await sequencer.round()
    const since = performance.now() - looked
    if (since < (sequencer.isBehind() ? soonestMs : lookEveryMs)) return
    looked = performance.now()
    await sequencer.reconcile()
  }
  function tick(): void {
    if (busy) return
    busy = true
    running = turn().catch(failed).finally(() => { busy = false })
  }
  const failed = (error: unknown) => ports.alarm('the log is not written', { error: error instanceof Error ? error.message : 'unknown' })
  const timer = setInterval(tick, everyMs)
  timer.unref()
  return async () => {
    clearInterval(timer)
    await running
    await sequencer.round().then(() => sequencer.isBehind() ? sequencer.reconcile() : 0).catch(failed)
  }
}
