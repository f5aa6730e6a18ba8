import { lstat, open, rm, type FileHandle } from 'node:fs/promises'
import { object, text } from './output.ts'
import { exit, Stop } from './terminal.ts'

/** Where an export's lines go. */
export interface Out {
  write(text: string): Promise<void>
  /** What was written survives a power cut: asked before a cursor is told, which says that everything before it is there. */
  sync(): Promise<void>
  close(): Promise<void>
  /** It broke off before there was a cursor: the file that was made for it goes again, so that beginning again finds none. Left out: the file was there before. */
  drop?(): Promise<void>
  /** The last event that is there already: only older ones follow. */
  readonly last: string | null
}

/** A file of one's own: it holds what the audit holds, so only its owner reads it. Never written over; with a cursor it is continued after its last whole line. */
export async function continued(path: string, format: 'ndjson' | 'ocsf', more: boolean): Promise<Out> {
  const there = await lstat(path).catch((error: NodeJS.ErrnoException) => { if (error.code === 'ENOENT') return null; throw new Stop(exit.invalid, `\`${path}\` cannot be written: ${error.code}`) })
  if (there && !more) throw new Stop(exit.invalid, `there is a \`${path}\` already; --after CURSOR continues it`)
  if (there && !there.isFile()) throw new Stop(exit.invalid, `\`${path}\` is not a plain file`)
  const file = await open(path, there ? 'r+' : 'wx', 0o600).catch((error: NodeJS.ErrnoException) => { throw new Stop(exit.invalid, `\`${path}\` cannot be written: ${error.code}`) })
  const { end, line, torn } = there ? await tail(file, there.size) : { end: 0, line: null, torn: Buffer.alloc(0) }
  const kept = line === null ? null : object(readJson(line))
  const ocsf = kept !== null && 'class_uid' in kept
  const last = kept === null ? null : text(ocsf ? object(kept['metadata'])['uid'] : kept['id'])
  if (last !== null && (!/^evt_[0-9A-Z]{26}$/.test(last) || ocsf !== (format === 'ocsf'))) { await file.close(); throw new Stop(exit.invalid, `\`${path}\` does not end in a line of a ${format} export`) }
  let [at, fragment] = [end, torn]
  return {
    last, close: () => file.close(), ...(there ? {} : { drop: () => rm(path, { force: true }) }),
    async sync() {
      if (fragment.length > 0) throw gap(path)
      await file.datasync()
    },
    async write(text) {
      if (text === '') return
      // A crash tore this very line; where another comes, the cursor is of a moment after it, and what lies between would be missing.
      const bytes = Buffer.from(text)
      if (!bytes.subarray(0, fragment.length).equals(fragment)) throw gap(path)
      fragment = Buffer.alloc(0)
      for (let done = 0; done < bytes.length;) done += (await file.write(bytes, done, bytes.length - done, at + done)).bytesWritten
      at += bytes.length
    },
  }
}

const gap = (path: string): Stop => new Stop(exit.invalid, `\`${path}\` ends before this cursor: continue with an earlier one, or export anew`)

const maxLineBytes = 16 * 1024 * 1024
/** Where the last whole line ends, and that line. A torn one after it is a write that a crash cut off. */
async function tail(file: FileHandle, size: number): Promise<{ readonly end: number; readonly line: string | null; readonly torn: Buffer }> {
  for (let window = 64 * 1024; ; window *= 4) {
    const from = Math.max(0, size - window)
    const bytes = Buffer.alloc(size - from)
    await file.read(bytes, 0, bytes.length, from)
    const end = bytes.lastIndexOf(10)
    const start = end < 1 ? -1 : bytes.lastIndexOf(10, end - 1)
    if (end >= 0 && (start >= 0 || from === 0)) return { end: from + end + 1, line: bytes.subarray(start + 1, end).toString('utf8'), torn: bytes.subarray(end + 1) }
    if (from === 0) return { end: 0, line: null, torn: bytes }
    if (window > maxLineBytes) return { end: size, line: '', torn: Buffer.alloc(0) }
  }
}
function readJson(line: string): unknown {
  try { return JSON.parse(line) } catch { return null }
}
