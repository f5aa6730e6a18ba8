import { lstat, open, type FileHandle } from 'node:fs/promises'
import { ndjsonLine } from '../record/export/ndjson.ts'
import { ocsfOf } from '../record/export/ocsf.ts'
import { told, type Told } from '../../schema/told.ts'
import type { Client, Reply } from './client.ts'
import { parse, search, type World } from './command.ts'
import { list, object, refused, text } from './output.ts'
import { exit, Stop, type Exit, type Terminal } from './terminal.ts'
import { visible } from './visible.ts'

const usage = 'sluice audit export --format ndjson|ocsf [--from TIME] [--to TIME] [--after CURSOR] [--out FILE]'
const options = {
  format: { type: 'string' }, from: { type: 'string' }, to: { type: 'string' }, subject: { type: 'string' }, actor: { type: 'string' }, connection: { type: 'string' }, kind: { type: 'string' },
  session: { type: 'string' }, evaluation: { type: 'string' }, after: { type: 'string' }, out: { type: 'string' }, json: { type: 'boolean' },
} as const
const formats = ['ndjson', 'ocsf'] as const
type Format = (typeof formats)[number]
const page = '200'
/** Pages between two words about where it stands. */
const tellEvery = 10

/**
 * `sluice audit export --format …`: events as lines, newest first, page by page: never more than one page in memory. What was written before it broke off is whole: the
 * cursor continues there, and a line that is there already is not written twice.
 */
export async function exportEvents(args: readonly string[], world: World): Promise<Exit> {
  const { values: { format: named, after, out: path, json: _lines, ...filter } } = parse(args, options, [0, 0], usage)
  const format = formats.find((one) => one === named)
  if (format === undefined) throw new Stop(exit.invalid, `--format is ndjson or ocsf; the whole log as files is \`sluice audit export --log DIR\`\nusage: ${usage}`)
  const gate = await world.gate()
  const first = await fetchPage(gate, { ...filter, export: format, after })
  if (first.status >= 300) return refused(world.terminal, first, false)              // before a file is made
  const out = path === undefined ? toTerminal(world.terminal) : await toFile(path, format, after !== undefined)
  try {
    return await run(world.terminal, gate, { ...filter, export: format }, first, createWriter(format, out), after)
  } finally {
    await out.close()
  }
}

async function run(terminal: Terminal, gate: Client, filter: Readonly<Record<string, string | undefined>>, first: Reply, writer: Writer, started: string | undefined): Promise<Exit> {
  let cursor: string | null = started ?? null
  let [reply, count] = [first, 0]
  const say = (words: string) => terminal.err(`${terminal.live ? '\r\u001b[K' : ''}${words}\n`)
  try {
    for (let pages = 1; ; pages++) {
      const events = list(object(reply.body)['events'])
      const next = object(reply.body)['next']
      count += await writer.page(events)
      if (typeof next !== 'string') break
      if (terminal.live) terminal.err(`\r\u001b[K${count} events, back to ${visible(text(object(events.at(-1))['at']))}`)
      if (pages % tellEvery === 0 && writer.waits === 0) { await writer.sync(); say(`${count} events; continue with --after ${visible(next)}`) }
      const following = await fetchPage(gate, { ...filter, after: next })
      if (following.status >= 300) { cursor = next; await writer.end(); await writer.sync(); say(`broke off after ${count} events; continue with --after ${visible(next)}`); return refused(terminal, following, false) }
      ;[reply, cursor] = [following, next]
    }
    await writer.end()
    await writer.sync()
    say(`${count} ${count === 1 ? 'event' : 'events'}`)
    return exit.done
  } catch (error) {
    await writer.end().then(() => writer.sync()).catch(() => {})                                               // what broke may be the very place it writes to
    say(`broke off after ${count} events; ${cursor === null ? 'begin again' : `continue with --after ${visible(cursor)}`}`)
    throw error
  }
}

const fetchPage = (gate: Client, filter: Readonly<Record<string, string | undefined>>): Promise<Reply> => gate.call('GET', `/v1/audit/events${search({ ...filter, limit: page })}`)

interface Out {
  write(text: string): Promise<void>
  /** What was written survives a power cut: asked before a cursor is told, which says that everything before it is there. */
  sync(): Promise<void>
  close(): Promise<void>
  /** The last event that is there already: only older ones follow. */
  readonly last: string | null
}
interface Writer { page(events: readonly unknown[]): Promise<number>; end(): Promise<void>; sync(): Promise<void>; /** Outcomes that are not written yet. */ readonly waits: number }

/** OCSF wants an outcome told with what was done, which its intent says: that comes right after it in this order, so an outcome waits for the next event, and no longer. */
function createWriter(format: Format, out: Out): Writer {
  let held: Told[] = []
  const release = (intent: Told | null): string => { const lines = held.map((event) => ndjsonLine(ocsfOf(event, intent !== null && event.intent === intent.id ? intent : null))).join(''); held = []; return lines }
  const write = (event: unknown): string => {
    if (format === 'ndjson') return ndjsonLine(event)
    const read = told.safeParse(event)
    if (!read.success) throw new Stop(exit.failed, `event \`${text(object(event)['id'])}\` is none that this version can read`)
    const { data } = read
    if (data.kind === 'outcome' || data.kind === 'correction') {
      const before = held[0] !== undefined && held[0].intent !== data.intent ? release(null) : ''
      held.push(data)
      return before
    }
    return release(data) + ndjsonLine(ocsfOf(data))
  }
  return {
    async page(events) {
      const fresh = out.last === null ? events : events.filter((event) => text(object(event)['id']) < (out.last ?? ''))
      for (const event of fresh) await out.write(write(event))
      return fresh.length
    },
    end: async () => { if (held.length > 0) await out.write(release(null)) },
    sync: () => out.sync(), get waits() { return held.length },
  }
}

const toTerminal = (terminal: Terminal): Out => ({ last: null, sync: async () => {}, close: async () => {}, write: async (text) => { terminal.out(text); await terminal.drained?.() } })

/** A file of one's own: it holds what the audit holds, so only its owner reads it. Never written over; with a cursor it is continued after its last whole line. */
async function toFile(path: string, format: Format, more: boolean): Promise<Out> {
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
    last, close: () => file.close(),
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
