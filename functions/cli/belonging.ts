import { lstat, open, readFile, rename, rm, writeFile, type FileHandle } from 'node:fs/promises'
import { parseCheckpoint, type Checkpoint } from '../record/log/checkpoint.ts'
import { FormatError } from '../record/log/format.ts'
import { parseNote } from '../record/log/note.ts'
import { placesText } from '../record/export/places.ts'
import { object, text } from './output.ts'
import { exit, Stop } from './terminal.ts'

/** What an export belongs to: the newest checkpoint its pages named, and where in the log its events are. */
export interface Belonging {
  /** Before the page itself is written, so that no event is there whose place would be missing. `log`: as the gate gave it with the page. Throws Stop where the log went back. */
  page(log: unknown): Promise<void>
  sync(): Promise<void>
  close(): Promise<void>
  /** As an export's file: where it broke off before there was a cursor, beginning again finds none of it. */
  drop(): Promise<void>
  /** In words. null: the gate keeps no log. */
  told(): string | null
}

/**
 * Beside the file of events: `FILE.checkpoint`, the signed note as it is, which `sluice audit verify --checkpoint` takes, and `FILE.places`, a line an event: its id and its index. A page that is
 * written again after a crash stands there twice, and says the same. `path` null: nothing is kept, only told.
 */
export async function belonging(path: string | null, more: boolean): Promise<Belonging> {
  if (path !== null && !more && await lstat(`${path}.checkpoint`).catch(() => null)) throw new Stop(exit.invalid, `there is a \`${path}.checkpoint\` already`)
  let newest: { readonly note: string; readonly checkpoint: Checkpoint } | null = more && path !== null ? await kept(`${path}.checkpoint`) : null
  const places = path === null ? null : await opened(`${path}.places`, more)
  return {
    async page(log) {
      const { checkpoint: note, places: given } = object(log)
      if (typeof note !== 'string') return
      const checkpoint = read(note)
      if (newest !== null && (checkpoint.size < newest.checkpoint.size || checkpoint.origin !== newest.checkpoint.origin)) throw new Stop(exit.failed, `the gate shows ${checkpoint.size} entries of the log and showed ${newest.checkpoint.size} before: it went back, or is another; keep what is here, it is the proof`)
      if (path !== null && newest?.note !== note) await whole(`${path}.checkpoint`, note)
      newest = { note, checkpoint }
      await places?.appendFile(placesText(Object.entries(object(given))))
    },
    sync: async () => { await places?.datasync() },
    close: async () => { await places?.close() },
    drop: async () => { if (path !== null && !more) for (const end of ['checkpoint', 'checkpoint.new', 'places']) await rm(`${path}.${end}`, { force: true }) },
    told: () => newest === null ? null : `they belong to the log as of ${newest.checkpoint.size} entries, root ${Buffer.from(newest.checkpoint.root).toString('base64')}`,
  }
}

function read(note: string): Checkpoint {
  try {
    return parseCheckpoint(parseNote(Buffer.from(note)).text)
  } catch (error) {
    if (error instanceof FormatError) throw new Stop(exit.failed, `the gate's checkpoint is not one: ${error.message}`)
    throw error
  }
}

async function kept(path: string): Promise<{ readonly note: string; readonly checkpoint: Checkpoint } | null> {
  const note = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => { if (error.code === 'ENOENT') return null; throw new Stop(exit.invalid, `\`${path}\` cannot be read: ${text(error.code)}`) })
  return note === null ? null : { note, checkpoint: read(note) }
}

/** For its owner alone, as the events are; continued after its last whole line. */
async function opened(path: string, more: boolean): Promise<FileHandle> {
  const there = await lstat(path).catch(() => null)
  if (there && (!more || !there.isFile())) throw new Stop(exit.invalid, more ? `\`${path}\` is not a plain file` : `there is a \`${path}\` already`)
  try {
    if (there) {
      const end = (await readFile(path)).lastIndexOf(10) + 1
      const cut = await open(path, 'r+')
      await cut.truncate(end).finally(() => cut.close())
    }
    return await open(path, there ? 'a' : 'ax', 0o600)
  } catch (error) {
    throw new Stop(exit.invalid, `\`${path}\` cannot be written: ${text((error as NodeJS.ErrnoException).code)}`)
  }
}

async function whole(path: string, note: string): Promise<void> {
  await writeFile(`${path}.new`, note, { mode: 0o600 })
  await rename(`${path}.new`, path)
}
