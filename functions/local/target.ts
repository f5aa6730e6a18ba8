import { join } from 'node:path'
import { loadDemo } from './demo-data.ts'
import { startPglite } from './pglite.ts'
import { NoPostgres, startPostgres } from './postgres.ts'
import type { Progress } from './progress.ts'
import { makeIndex, type IndexUrls } from './search.ts'

/** The demo's database server, with the shop in it. */
export interface Target {
  /** Secret name → connection string. */
  readonly secrets: Readonly<Record<string, string>>
  /** One session for everybody: connections must not be kept. */
  readonly single: boolean
  /** Makes the database of a record's index beside the shop; null where the server has one database for everything. */
  readonly index: ((record: string) => Promise<IndexUrls>) | null
  readonly ended: Promise<string>
  stop(): Promise<void>
}

/** Real PostgreSQL where a package for this platform is installed, else PGlite, and says so. Throws one clear line. */
export async function startTarget(state: string, progress: Progress, signal: AbortSignal): Promise<Target> {
  const server = await progress.step('postgresql', () => startPostgres({ directory: join(state, 'postgres'), signal })).catch((error: unknown) => {
    if (error instanceof NoPostgres) return null
    throw error
  })
  const { superuserUrl, stop, ended } = server ?? await startFallback(state, progress)
  // Loading takes seconds, and whoever stops a start wants it stopped now: the transaction goes with its server.
  const abort = () => { void stop().catch(() => {}) }
  signal.addEventListener('abort', abort)
  try {
    signal.throwIfAborted()
    const onLoad = () => progress.say('making the demo shop (once): 12 000 customers, 120 000 orders')
    const { secrets } = await progress.step('demo shop', () => loadDemo(superuserUrl, { oneDatabase: server === null, onLoad }))
    return { secrets, single: server === null, index: server && ((record) => makeIndex(superuserUrl, record)), ended, stop }
  } catch (error) {
    await stop()
    signal.throwIfAborted()
    throw error
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

async function startFallback(state: string, progress: Progress) {
  progress.warn(`no native postgresql for ${process.platform}-${process.arch}: using PGlite, one session for everybody, slower, without locks, timeouts or separate accounts to rely on`)
  const server = await progress.step('pglite', () => startPglite({ directory: join(state, 'pglite') }))
  return { ...server, ended: new Promise<string>(() => {}) }
}
