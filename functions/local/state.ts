import { chmod, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { DatabaseSync } from 'node:sqlite'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

/** Somebody else's: one line that says who, and where it answers. */
export class AlreadyRunning extends Error {}

/** The state directory, held by this process until `release`. */
export interface State {
  readonly directory: string
  /** Written beside the lock, so that a second start can say where the first one answers. */
  announce(url: string): Promise<void>
  /** Lets go; an ephemeral directory is gone afterwards. */
  release(): Promise<void>
}
interface Owner { readonly pid: number; readonly url: string | null }

/**
 * Takes the state directory (made when missing; null: one for this run alone). Throws AlreadyRunning when a living process has it. 0711, because
 * PostgreSQL's account must pass through; what lies in it is closed file by file.
 */
export async function openState(wanted: string | null): Promise<State> {
  const directory = wanted === null ? await mkdtemp(join(tmpdir(), 'sluice-')) : resolve(wanted)
  try {
    await mkdir(directory, { recursive: true, mode: 0o711 })
    await chmod(directory, 0o711)
  } catch (error) {
    throw new Error(`the state directory \`${directory}\` cannot be made or changed (${error instanceof Error && 'code' in error ? String(error.code) : 'unknown'}); --state DIR names another`, { cause: error })
  }
  const letGo = await take(join(directory, 'lock'), join(directory, 'owner.json'))
  await tell(join(directory, 'owner.json'), { pid: process.pid, url: null })
  return {
    directory,
    announce: (url) => tell(join(directory, 'owner.json'), { pid: process.pid, url }),
    async release() {
      if (wanted === null) await rm(directory, { recursive: true, force: true })
      letGo()
    },
  }
}

const held = new Set<DatabaseSync>()
/**
 * The kernel's own lock, through SQLite: whoever dies has let go of it, so there is no dead one's lock to judge and no moment in which two may
 * take it over. The file itself stays; it holds nothing.
 */
async function take(lock: string, owner: string): Promise<() => void> {
  const database = new DatabaseSync(lock)
  held.add(database)                                          // a handle that is collected lets go
  try {
    database.exec('PRAGMA busy_timeout = 0; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
    await chmod(lock, 0o600)
    return () => { held.delete(database); database.close() }
  } catch (error) {
    held.delete(database)
    database.close()
    if ((error as { errcode?: unknown }).errcode !== 5) throw new Error(`corrupt state: \`${lock}\` cannot be taken; delete it`, { cause: error })   // 5: SQLITE_BUSY
    const { pid, url } = await read(owner)
    throw new AlreadyRunning(`sluice is already running${url ? ` on ${url}` : ', and still starting'}${pid ? ` (pid ${pid})` : ''}; stop it first, or set PORT and --state`, { cause: error })
  }
}

async function read(path: string): Promise<Partial<Owner>> {
  try {
    const { pid, url } = JSON.parse(await readFile(path, 'utf8')) as Partial<Owner>
    return { ...(typeof pid === 'number' ? { pid } : {}), url: typeof url === 'string' ? url : null }
  } catch {
    return {}
  }
}

/** Whole or not at all: the other start reads it at any moment. */
async function tell(path: string, owner: Owner): Promise<void> {
  await writeFile(`${path}-new`, JSON.stringify(owner), { mode: 0o600 })
  await rename(`${path}-new`, path)
}
