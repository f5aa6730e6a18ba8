import { randomBytes } from 'node:crypto'
import { chmod, link, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { birthOf } from './process.ts'

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
interface Owner { readonly pid: number; readonly birth: string | null; readonly url: string | null }

/**
 * Takes the state directory (made when missing; null: one for this run alone). Throws AlreadyRunning when a living process has it; the lock of
 * a dead one is taken over. 0711, because PostgreSQL's account must pass through; what lies in it is closed file by file.
 */
export async function openState(wanted: string | null): Promise<State> {
  const directory = wanted === null ? await mkdtemp(join(tmpdir(), 'sluice-')) : resolve(wanted)
  await mkdir(directory, { recursive: true, mode: 0o711 })
  await chmod(directory, 0o711)
  const lock = join(directory, 'lock')
  const me: Owner = { pid: process.pid, birth: birthOf(process.pid), url: null }
  await take(lock, me)
  return {
    directory,
    announce: (url) => replace(lock, { ...me, url }),
    release: () => wanted === null ? rm(directory, { recursive: true, force: true }) : rm(lock, { force: true }),
  }
}

/** `link` creates the whole file or fails, so nobody ever reads half a lock. */
async function take(lock: string, me: Owner): Promise<void> {
  const mine = `${lock}-${randomBytes(4).toString('hex')}`
  await writeFile(mine, JSON.stringify(me), { mode: 0o600 })
  try {
    for (let attempt = 0; attempt < 10; attempt++) {
      if (await link(mine, lock).then(() => true, ignore('EEXIST'))) return
      const found = await readFile(lock, 'utf8').catch(() => null)
      if (found === null) continue
      const owner = read(found)
      if (owner !== null && owner.birth !== null && birthOf(owner.pid) === owner.birth) throw new AlreadyRunning(`sluice is already running${owner.url ? ` on ${owner.url}` : ', and still starting'} (pid ${owner.pid}); stop it first, or set PORT and --state`)
      await setAside(lock, found)
    }
    throw new Error(`corrupt state: \`${lock}\` cannot be taken; delete it`)
  } finally {
    await rm(mine, { force: true })
  }
}

/** Two starts may both see the dead one's lock: whoever finds that it moved the other's fresh lock puts it back. */
async function setAside(lock: string, dead: string): Promise<void> {
  const aside = `${lock}-${randomBytes(4).toString('hex')}`
  if (!await rename(lock, aside).then(() => true, ignore('ENOENT'))) return
  if (await readFile(aside, 'utf8') !== dead) await link(aside, lock).catch(ignore('EEXIST'))
  await rm(aside, { force: true })
}

function read(text: string): Owner | null {
  try {
    const { pid, birth, url } = JSON.parse(text) as Partial<Owner>
    return typeof pid === 'number' && typeof birth === 'string' ? { pid, birth, url: typeof url === 'string' ? url : null } : null
  } catch {
    return null
  }
}

async function replace(path: string, owner: Owner): Promise<void> {
  await writeFile(`${path}-new`, JSON.stringify(owner), { mode: 0o600 })
  await rename(`${path}-new`, path)
}

const ignore = (code: string) => (error: NodeJS.ErrnoException): false => {
  if (error.code !== code) throw error
  return false
}
