import { ndjsonLine } from '../record/export/ndjson.ts'
import { ocsfOf } from '../record/export/ocsf.ts'
import { told, type Told } from '../../schema/told.ts'
import { belonging, type Belonging } from './belonging.ts'
import type { Client, Reply } from './client.ts'
import { parse, search, type World } from './command.ts'
import { continued, type Out } from './continued.ts'
import { list, object, refused, text } from './output.ts'
import { lackingOf, reachOf } from './reach.ts'
import { exit, Stop, type Exit, type Terminal } from './terminal.ts'
import { visible } from './visible.ts'

const usage = 'sluice audit export --format ndjson|ocsf [--from TIME] [--to TIME] [--after CURSOR] [--out FILE]'
const options = {
  format: { type: 'string' }, from: { type: 'string' }, to: { type: 'string' }, subject: { type: 'string' }, actor: { type: 'string' }, connection: { type: 'string' }, kind: { type: 'string' },
  session: { type: 'string' }, evaluation: { type: 'string' }, object: { type: 'string' }, action: { type: 'string' }, decision: { type: 'string' }, rule: { type: 'string' }, after: { type: 'string' }, out: { type: 'string' }, json: { type: 'boolean' },
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
  const out = path === undefined ? toTerminal(world.terminal) : await continued(path, format, after !== undefined)
  try {
    const beside = await belonging(path ?? null, after !== undefined).catch(async (error: unknown) => { await out.drop?.(); throw error })
    try {
      return await run(world.terminal, gate, { ...filter, export: format }, first, createWriter(format, out, beside), after)
    } finally {
      await beside.close()
    }
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
      for (const line of pages === 1 ? reachOf(object(reply.body)) : lackingOf(object(reply.body))) say(line)
      count += await writer.page(events, object(reply.body)['log'])
      if (typeof next !== 'string') break
      cursor = next                                                                  // this page is written: whatever breaks now breaks after it
      if (terminal.live) terminal.err(`\r\u001b[K${count} events, back to ${visible(text(object(events.at(-1))['at']))}`)
      if (pages % tellEvery === 0 && writer.waits === 0) { await writer.sync(); say(`${count} events; continue with --after ${visible(next)}`) }
      const following = await fetchPage(gate, { ...filter, after: next })
      if (following.status >= 300) { await writer.end(); await writer.sync(); say(`broke off after ${count} events; continue with --after ${visible(next)}`); return refused(terminal, following, false) }
      reply = following
    }
    await writer.end()
    await writer.sync()
    say(`${count} ${count === 1 ? 'event' : 'events'}`)
    const told = writer.belongs()
    if (told !== null) say(told)
    return exit.done
  } catch (error) {
    await writer.end().then(() => writer.sync()).catch(() => {})                                               // what broke may be the very place it writes to
    if (cursor === null) await writer.drop().catch(() => {})                                                    // no cursor leads behind what is in it
    say(`broke off after ${count} events; ${cursor === null ? 'begin again' : `continue with --after ${visible(cursor)}`}`)
    throw error
  }
}

const fetchPage = (gate: Client, filter: Readonly<Record<string, string | undefined>>): Promise<Reply> => gate.call('GET', `/v1/audit/events${search({ ...filter, limit: page })}`)

interface Writer { page(events: readonly unknown[], log: unknown): Promise<number>; belongs(): string | null; end(): Promise<void>; sync(): Promise<void>; drop(): Promise<void>; /** Outcomes that are not written yet. */ readonly waits: number }

/** OCSF wants an outcome told with what was done, which its intent says: that comes right after it in this order, so an outcome waits for the next event, and no longer. */
function createWriter(format: Format, out: Out, beside: Belonging): Writer {
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
    async page(events, log) {
      await beside.page(log)
      const fresh = out.last === null ? events : events.filter((event) => text(object(event)['id']) < (out.last ?? ''))
      for (const event of fresh) await out.write(write(event))
      return fresh.length
    },
    end: async () => { if (held.length > 0) await out.write(release(null)) },
    sync: async () => { await beside.sync(); await out.sync() }, drop: async () => { if (out.drop) { await out.drop(); await beside.drop() } }, belongs: () => beside.told(), get waits() { return held.length },
  }
}

const toTerminal = (terminal: Terminal): Out => ({ last: null, sync: async () => {}, close: async () => {}, write: async (text) => { terminal.out(text); await terminal.drained?.() } })
