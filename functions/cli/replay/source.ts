import { createReadStream } from 'node:fs'
import { told, toldRequest, type Told, type ToldRequest } from '../../../schema/told.ts'
import { encode, search, type World } from '../command.ts'
import { list, object, refused, text } from '../output.ts'
import { exit, Stop } from '../terminal.ts'

/** `gone`: what is lacking, each in words; whoever replays is told, for a gap looks like silence. */
export interface Session { readonly events: readonly Told[]; readonly requests: readonly ToldRequest[]; readonly missing: readonly string[]; readonly damaged: readonly string[] }
export interface Range { readonly from: string | undefined; readonly to: string | undefined }
const maxLine = 16 * 1024 * 1024

/** A session from the gate, every part of it. Throws Stop with the refusal's exit code, after it was told. */
export async function gateSession(world: World, id: string, json: boolean): Promise<Session> {
  const gate = await world.gate()
  const events: Told[] = []
  const [missing, damaged]: [string[], string[]] = [[], []]
  const requests = new Map<string, ToldRequest>()
  for (let after: string | undefined; ;) {
    const reply = await gate.call('GET', `/v1/audit/sessions/${encode(id)}${search({ limit: '500', after })}`)
    if (reply.status >= 300) throw new Stop(refused(world.terminal, reply, json), 'nothing was replayed')
    const body = object(reply.body)
    for (const event of list(body['events'])) events.push(...read(event, damaged))
    missing.push(...list(body['missing']).map(text))
    damaged.push(...list(body['damaged']).map(text))
    for (const request of list(body['requests'])) { const known = toldRequest.safeParse(request); if (known.success) requests.set(known.data.id, known.data) }
    if (typeof body['next'] !== 'string') return { events, requests: [...requests.values()], missing, damaged }
    after = body['next']
  }
}

/** Everything on record in the range, newest first, a page at a time. What cannot be read is added to `damaged` by its id. */
export async function* gateEvents(world: World, range: Range, json: boolean, damaged: string[]): AsyncGenerator<Told> {
  const gate = await world.gate()
  for (let after: string | undefined; ;) {
    const reply = await gate.call('GET', `/v1/audit/events${search({ ...range, limit: '200', after })}`)
    if (reply.status >= 300) throw new Stop(refused(world.terminal, reply, json), 'the replay is not complete')
    damaged.push(...list(object(reply.body)['damaged']).map(text))
    for (const event of list(object(reply.body)['events'])) yield* read(event, damaged)
    const next = object(reply.body)['next']
    if (typeof next !== 'string') return
    after = next
  }
}

/**
 * A session out of an NDJSON export: its own events, and what people said of its access requests, which lies in their sessions. Read twice, because an answer may stand before its
 * question; what is kept is the session alone.
 */
export async function fileSession(path: string, id: string): Promise<Session> {
  const wanted = new Set<string>()
  const damaged: string[] = []
  for await (const event of lines(path, damaged)) if (event.session === id && event.request !== undefined) wanted.add(event.request)
  const events: Told[] = []
  const seen = new Set<string>()
  for await (const event of lines(path, [])) {
    if (seen.has(event.id) || !(event.session === id || (event.request !== undefined && wanted.has(event.request)))) continue
    seen.add(event.id)
    events.push(event)
  }
  return { events, requests: [], missing: [], damaged }
}

export async function* fileEvents(path: string, { from, to }: Range, damaged: string[]): AsyncGenerator<Told> {
  const [start, end] = [edge(from), edge(to)]
  for await (const event of lines(path, damaged)) if ((start === null || Date.parse(event.at) >= start) && (end === null || Date.parse(event.at) < end)) yield event
}
function edge(time: string | undefined): number | null {
  if (time === undefined) return null
  if (Number.isNaN(Date.parse(time))) throw new Stop(exit.invalid, `\`${time}\` is not a time such as 2026-11-22T09:00:00Z`)
  return Date.parse(time)
}

/** Only a line feed ends a line: what other readers take for one stands escaped in our files, and would be part of a text in others'. */
async function* lines(path: string, damaged: string[]): AsyncGenerator<Told> {
  let [rest, number] = ['', 0]
  const stream = createReadStream(path, { encoding: 'utf8' })
  try {
    for await (const chunk of stream) {
      const parts = `${rest}${String(chunk)}`.split('\n')
      rest = parts.pop() ?? ''
      if (rest.length > maxLine) throw new Stop(exit.invalid, `line ${number + parts.length + 1} of \`${path}\` is over 16 MB`)
      for (const line of parts) { number++; if (line.trim() !== '') yield* readLine(line, path, number, damaged) }
    }
  } catch (error) {
    if (error instanceof Stop) throw error
    throw new Stop(exit.invalid, `cannot read \`${path}\`: ${error instanceof Error && 'code' in error && error.code === 'ENOENT' ? 'there is no such file' : error instanceof Error ? error.message : 'unknown'}`)
  } finally {
    stream.destroy()
  }
  if (rest.trim() !== '') yield* readLine(rest, path, number + 1, damaged)
}

function readLine(line: string, path: string, number: number, damaged: string[]): readonly Told[] {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    throw new Stop(exit.invalid, `line ${number} of \`${path}\` is not json; is the file whole?`)
  }
  if ('class_uid' in object(value)) throw new Stop(exit.invalid, `\`${path}\` is an OCSF export; a replay needs one made with --format ndjson`)
  return read(value, damaged, `line ${number} of \`${path}\``)
}

/** Empty where it names itself an event and is none that this version can read: then its id is added to `damaged`, and it keeps nobody from the rest. Throws Stop for what is no event at all. */
function read(value: unknown, damaged: string[], where = 'the gate'): readonly Told[] {
  const event = told.safeParse(value)
  if (event.success) return [event.data]
  const id = text(object(value)['id'])
  if (!/^evt_[0-9A-Z]{1,40}$/.test(id)) throw new Stop(exit.invalid, `${where} gave no event that this version can read: ${id.slice(0, 60)} ${event.error.issues[0]?.path.join('.') ?? ''}`)
  damaged.push(id)
  return []
}
