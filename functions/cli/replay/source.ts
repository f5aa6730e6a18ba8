import { createReadStream } from 'node:fs'
import { told, toldRequest, type Told, type ToldRequest } from '../../../schema/told.ts'
import { encode, search, type World } from '../command.ts'
import { list, object, refused, text } from '../output.ts'
import { exit, Stop } from '../terminal.ts'

export interface Session { readonly events: readonly Told[]; readonly requests: readonly ToldRequest[] }
export interface Range { readonly from: string | undefined; readonly to: string | undefined }
const maxLine = 16 * 1024 * 1024

/** A session from the gate, every part of it. Throws Stop with the refusal's exit code, after it was told. */
export async function gateSession(world: World, id: string, json: boolean): Promise<Session> {
  const gate = await world.gate()
  const events: Told[] = []
  const requests = new Map<string, ToldRequest>()
  for (let after: string | undefined; ;) {
    const reply = await gate.call('GET', `/v1/audit/sessions/${encode(id)}${search({ limit: '500', after })}`)
    if (reply.status >= 300) throw new Stop(refused(world.terminal, reply, json), 'nothing was replayed')
    const body = object(reply.body)
    events.push(...list(body['events']).map((event) => read(event, 'the gate')))
    for (const request of list(body['requests'])) { const known = toldRequest.safeParse(request); if (known.success) requests.set(known.data.id, known.data) }
    if (typeof body['next'] !== 'string') return { events, requests: [...requests.values()] }
    after = body['next']
  }
}

/** Everything on record in the range, newest first, a page at a time. */
export async function* gateEvents(world: World, range: Range, json: boolean): AsyncGenerator<Told> {
  const gate = await world.gate()
  for (let after: string | undefined; ;) {
    const reply = await gate.call('GET', `/v1/audit/events${search({ ...range, limit: '200', after })}`)
    if (reply.status >= 300) throw new Stop(refused(world.terminal, reply, json), 'the replay is not complete')
    for (const event of list(object(reply.body)['events'])) yield read(event, 'the gate')
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
  for await (const event of lines(path)) if (event.session === id && event.request !== undefined) wanted.add(event.request)
  const events: Told[] = []
  const seen = new Set<string>()
  for await (const event of lines(path)) {
    if (seen.has(event.id) || !(event.session === id || (event.request !== undefined && wanted.has(event.request)))) continue
    seen.add(event.id)
    events.push(event)
  }
  return { events, requests: [] }
}

export async function* fileEvents(path: string, { from, to }: Range): AsyncGenerator<Told> {
  const [start, end] = [edge(from), edge(to)]
  for await (const event of lines(path)) if ((start === null || Date.parse(event.at) >= start) && (end === null || Date.parse(event.at) < end)) yield event
}
function edge(time: string | undefined): number | null {
  if (time === undefined) return null
  if (Number.isNaN(Date.parse(time))) throw new Stop(exit.invalid, `\`${time}\` is not a time such as 2026-11-22T09:00:00Z`)
  return Date.parse(time)
}

/** Only a line feed ends a line: what other readers take for one stands escaped in our files, and would be part of a text in others'. */
async function* lines(path: string): AsyncGenerator<Told> {
  let [rest, number] = ['', 0]
  const stream = createReadStream(path, { encoding: 'utf8' })
  try {
    for await (const chunk of stream) {
      const parts = `${rest}${String(chunk)}`.split('\n')
      rest = parts.pop() ?? ''
      if (rest.length > maxLine) throw new Stop(exit.invalid, `line ${number + parts.length + 1} of \`${path}\` is over 16 MB`)
      for (const line of parts) { number++; if (line.trim() !== '') yield readLine(line, path, number) }
    }
  } catch (error) {
    if (error instanceof Stop) throw error
    throw new Stop(exit.invalid, `cannot read \`${path}\`: ${error instanceof Error && 'code' in error && error.code === 'ENOENT' ? 'there is no such file' : error instanceof Error ? error.message : 'unknown'}`)
  } finally {
    stream.destroy()
  }
  if (rest.trim() !== '') yield readLine(rest, path, number + 1)
}

function readLine(line: string, path: string, number: number): Told {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    throw new Stop(exit.invalid, `line ${number} of \`${path}\` is not json; is the file whole?`)
  }
  if ('class_uid' in object(value)) throw new Stop(exit.invalid, `\`${path}\` is an OCSF export; a replay needs one made with --format ndjson`)
  return read(value, `line ${number} of \`${path}\``)
}

function read(value: unknown, where: string): Told {
  const event = told.safeParse(value)
  if (event.success) return event.data
  throw new Stop(exit.invalid, `${where} gave no event that this version can read: ${text(object(value)['id']).slice(0, 60)} ${event.error.issues[0]?.path.join('.') ?? ''}`)
}
