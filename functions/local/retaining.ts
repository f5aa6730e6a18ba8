import type { Ports } from '../ports.ts'
import { createRetention } from '../retain.ts'

const everyMs = 3_600_000

/** What the policy says of how long the record is kept is done at the start and once an hour. Gives what stops it, also while it waits for the log. */
export function startRetaining(ports: Ports): () => Promise<void> {
  let awake = (): void => {}
  let stopped = false
  const pause = (ms: number): Promise<void> => stopped ? Promise.resolve() : new Promise((resolve) => {
    const timer = setTimeout(resolve, ms)
    awake = () => { clearTimeout(timer); resolve() }
  })
  const retention = createRetention(ports, pause)
  let running: Promise<unknown> = Promise.resolve()
  const run = (): void => { running = retention.run().catch((error: unknown) => ports.alarm('what is over its time is kept', { error: error instanceof Error ? error.message : 'unknown' })) }
  run()
  const timer = setInterval(run, everyMs)
  timer.unref()
  return async () => {
    clearInterval(timer)
    stopped = true
    awake()
    await running
  }
}
