import { createCatalogue } from '../catalogue.ts'
import type { Ports, Shelf } from '../ports.ts'

const everyMs = 1000
/** After a failure, which it has told of: a log that is not the indexed one will not become it in a second. */
const patienceMs = 30_000

/** The follower of this machine: a round a second, and a last one when it stops. Gives what stops it. Nothing waits for it and nothing is lost with it. */
export function startIndexing(ports: Ports, shelf: Shelf): () => Promise<void> {
  const { log } = ports
  if (log === null) return async () => {}
  const catalogue = createCatalogue({ ...ports, log, shelf })
  let running: Promise<unknown> | null = null
  let notBefore = -Infinity
  const failed = (error: unknown) => {
    notBefore = performance.now() + patienceMs
    ports.alarm('the index does not follow the log', { error: error instanceof Error ? error.message : 'unknown' })
  }
  const timer = setInterval(() => {
    if (performance.now() >= notBefore) running ??= catalogue.follow().catch(failed).finally(() => { running = null })
  }, everyMs)
  timer.unref()
  return async () => {
    clearInterval(timer)
    await running
  }
}
