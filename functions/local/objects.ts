import { randomBytes } from 'node:crypto'
import { link, mkdir, open, readdir, readFile, rm, stat, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Fault, type Objects } from '../ports.ts'

const shape = /^(?:[a-z0-9][a-z0-9.-]*\/)*[a-z0-9][a-z0-9.-]*\/?$/
const bundle = /^tile\/entries\/(?:x\d{3}\/){0,5}\d{3}$/
const passing = /^staging\/[^/]+$|^tile\/\w+\/[x\d/]+\.p\/$/

/**
 * Write-once objects on disk, the twin of S3 with Object Lock. What is there is never opened for writing: bytes go to a file of their own, read-only and
 * synced, which then takes its name by a link that fails where the name is taken; so an object is there whole or not at all, also after a kill or a power cut.
 * It is honest about what it is: the directory's owner can delete what lies in it, and only a checkpoint kept elsewhere shows that.
 */
export function createObjects(directory: string): Objects {
  const made = new Set<string>()
  /** The path is checked here, because it may come from a URL. */
  function placeOf(path: string): string {
    if (path.length > 200 || !shape.test(path) || path.includes('..')) throw new Fault('internal', 'not a path of the log')
    return join(directory, path)
  }

  async function folder(path: string): Promise<void> {
    if (made.has(path)) return
    await mkdir(path, { recursive: true, mode: 0o700 })
    if (path !== directory) await folder(dirname(path))
    await sync(path === directory ? path : dirname(path))
    if (made.size > 10_000) made.clear()
    made.add(path)
  }

  async function create(path: string, bytes: Uint8Array): Promise<'created' | 'same'> {
    const place = placeOf(path)
    const there = await read(place)
    if (there !== null) return same(path, there, bytes)
    const parent = dirname(place)
    await folder(parent)
    const draft = join(directory, `draft-${randomBytes(9).toString('hex')}`)
    try {
      const file = await open(draft, 'wx', 0o400)
      try {
        await file.writeFile(bytes)
        await file.sync()
      } finally {
        await file.close()
      }
      await link(draft, place)                                      // not rename, which would replace what is there
      await sync(parent)
      return 'created'
    } catch (error) {
      const code = codeOf(error)
      if (code === 'ENOENT') made.clear()
      const now = code === 'EEXIST' ? await read(place) : null
      if (now === null) throw new Fault('store-unavailable', `\`${path}\` cannot be written (${code})`, { cause: error })
      await sync(parent)                                            // the other writer may not have come so far
      return same(path, now, bytes)
    } finally {
      await unlink(draft).catch(() => undefined)                    // killed before this, a draft stays that nobody reads
    }
  }

  /** In the order of bytes of whole paths, which is that of names where a folder's ends in its slash. */
  async function* below(folder: string, past: string): AsyncGenerator<string> {
    const entries = await readdir(join(directory, folder), { withFileTypes: true }).catch((error: unknown) => { if (codeOf(error) === 'ENOENT') return []; throw new Fault('store-unavailable', `\`${folder}\` cannot be read (${codeOf(error)})`, { cause: error }) })
    for (const path of entries.map((entry) => `${folder}${entry.name}${entry.isDirectory() ? '/' : ''}`).toSorted()) {
      if (!path.endsWith('/')) { if (path > past) yield path }
      else if (path > past || past.startsWith(path)) yield* below(path, past)
    }
  }
  async function after(folder: string, path: string, limit: number): Promise<readonly string[]> {
    const found: string[] = []
    for await (const one of below(folder, path)) if (found.push(one) === limit) break
    return found
  }

  async function forget(path: string): Promise<void> {
    if (!passing.test(path)) throw new Fault('internal', `\`${path}\` is for ever`)
    await rm(placeOf(path), { recursive: true, force: true })
    made.delete(join(directory, path).replace(/\/$/, ''))
  }
  async function prune(path: string, before: number): Promise<void> {
    if (!bundle.test(path)) throw new Fault('internal', `\`${path}\` is for ever`)
    const there = await stat(placeOf(path)).catch((error: unknown) => { if (codeOf(error) === 'ENOENT') return null; throw error })
    if (there === null) return
    if (!(there.mtimeMs < before)) throw new Fault('internal', `\`${path}\` is younger than what may go`)
    await rm(placeOf(`${path}.p`), { recursive: true, force: true })    // before it: a run that breaks off finds the rest by it
    await rm(placeOf(path))
    await sync(dirname(placeOf(path)))
  }
  return { create, get: (path) => read(placeOf(path)), after, forget, prune }
}

function same(path: string, there: Uint8Array, bytes: Uint8Array): 'same' {
  if (Buffer.compare(there, bytes) !== 0) throw new Fault('internal', `other bytes are at \`${path}\``)
  return 'same'
}

async function read(place: string): Promise<Uint8Array | null> {
  try {
    return await readFile(place)
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EISDIR'].includes(codeOf(error))) return null
    throw new Fault('store-unavailable', `an object cannot be read (${codeOf(error)})`, { cause: error })
  }
}

/** A name is durable once its folder is. */
async function sync(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
const codeOf = (error: unknown): string => error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
