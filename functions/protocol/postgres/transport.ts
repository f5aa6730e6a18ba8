import { Agent as PlainAgent, request as plainRequest, type ClientRequest, type IncomingMessage } from 'node:http'
import { Agent as TlsAgent, request as tlsRequest } from 'node:https'
import type { Socket } from 'node:net'
import { neon, neonConfig } from '@neondatabase/serverless'
import { salvage } from './salvage.ts'

/** One result as the server sent it: values are its text, in arrays. */
export interface Field { readonly name: string; readonly tableID: number; readonly columnID: number; readonly dataTypeID: number; readonly dataTypeModifier: number }
export interface RawResult { readonly command: string; readonly rowCount: number | null; readonly fields: readonly Field[]; readonly rows: readonly (readonly (string | null)[])[] }
export interface Sql { readonly text: string; readonly values: readonly (string | null)[] }
/** Where the driver's two protocols are answered: URL of `/sql`, and the `ws:` URL of `/v2`. */
export interface Endpoint { readonly http: string; readonly websocket: string }

/** The way to the target failed, or its answer was no answer. `unreachable` also where a connection broke in the middle of a result. */
export class TransportError extends Error {
  readonly kind: 'unreachable' | 'timeout' | 'too-large'
  constructor(kind: TransportError['kind'], message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'TransportError'
    this.kind = kind
  }
}

/** Beyond the rows' own bytes: field descriptions, quotes, escapes. */
const overheadBytes = 512 * 1024
/** A kept connection that rested longer is not used: the other side, or a freeze of this process, may have ended it. */
const maxIdleMs = 4000
const agents = {
  'http:': { request: plainRequest, agent: new PlainAgent({ keepAlive: true, maxSockets: 64, maxFreeSockets: 16 }) },
  'https:': { request: tlsRequest, agent: new TlsAgent({ keepAlive: true, maxSockets: 64, maxFreeSockets: 16 }) },
}
const restedSince = new WeakMap<object, number>()
for (const { agent } of Object.values(agents)) agent.on('free', (socket: Socket) => restedSince.set(socket, Date.now()))

interface Orders { readonly url: string | null; readonly maxBytes: number; readonly timeoutMs: number; /** What came of an answer that was cut is no answer. */ readonly whole?: true; cut: boolean; bytes: number }
interface Init { readonly headers: Record<string, string>; readonly body: string; readonly sluice?: Orders }

/**
 * The driver's `fetch`, on node:http with kept connections: a third of the CPU (see the bench). The configuration is the process's own, so all
 * that differs by call comes with the call, and a call that is not ours goes the usual way.
 */
neonConfig.fetchFunction = (url: string, init: Init) => (init.sluice ? send(init.sluice.url ?? url, init, init.sluice) : fetch(url, { method: 'POST', ...init }))

function send(target: string, { headers, body }: Init, orders: Orders): Promise<{ ok: boolean; status: number; json(): Promise<unknown>; text(): Promise<string> }> {
  return new Promise((resolve, reject) => {
    const { request, agent, place } = placeOf(target)
    dropRested(agent.freeSockets)
    const bytes = Buffer.from(body)
    const call: ClientRequest = request({ ...place, method: 'POST', agent, headers: { ...headers, 'Content-Type': 'application/json', 'Content-Length': bytes.length } })
    const timer = setTimeout(() => fail(new TransportError('timeout', 'no whole answer in time')), orders.timeoutMs)
    const fail = (error: Error) => {
      clearTimeout(timer)
      call.destroy()
      reject(error instanceof TransportError ? error : new TransportError('unreachable', 'the connection failed', { cause: error }))
    }
    call.on('error', fail)
    call.on('response', (response) => collect(response, orders, (text) => {
      clearTimeout(timer)
      if (orders.cut) call.destroy()
      if (orders.cut && orders.whole) return fail(new TransportError('too-large', 'the answer went past the byte cap'))
      const status = response.statusCode ?? 0
      resolve({ ok: status === 200, status, json: async () => (orders.cut ? salvage(text) : JSON.parse(text)), text: async () => text })
    }, fail))
    call.end(bytes)
  })
}

/** Taken apart once: a process speaks to few endpoints. */
const places = new Map<string, (typeof agents)['http:' | 'https:'] & { readonly place: { readonly hostname: string; readonly port: string; readonly path: string } }>()
function placeOf(target: string) {
  const known = places.get(target)
  if (known) return known
  const { protocol, hostname, port, pathname, search } = new URL(target)
  const place = { ...agents[protocol === 'http:' ? 'http:' : 'https:'], place: { hostname: hostname.replace(/^\[|\]$/g, ''), port, path: `${pathname}${search}` } }
  if (places.size >= 100) places.clear()
  places.set(target, place)
  return place
}

/** Counts as the body comes in, so that no answer can fill the memory; what came up to the cap is kept for `salvage`. */
function collect(response: IncomingMessage, orders: Orders, done: (text: string) => void, fail: (error: Error) => void): void {
  const chunks: Buffer[] = []
  let ended = false
  const end = () => {
    if (ended) return
    ended = true
    done(Buffer.concat(chunks).toString('utf8'))
  }
  response.on('data', (chunk: Buffer) => {
    if (ended) return
    chunks.push(chunk)
    orders.bytes += chunk.length
    if (orders.bytes <= orders.maxBytes + overheadBytes) return
    orders.cut = true
    end()
  })
  response.on('end', () => (response.complete ? end() : fail(new TransportError('unreachable', 'the answer broke off'))))
  response.on('error', (error) => { if (!ended) fail(error) })
}

function dropRested(free: NodeJS.ReadOnlyDict<Socket[]>): void {
  const limit = Date.now() - maxIdleMs
  for (const sockets of Object.values(free)) for (const socket of [...(sockets ?? [])]) if ((restedSince.get(socket) ?? 0) < limit) socket.destroy()
}

/** The driver itself on this transport, for a database of our own. Each call takes at most `timeoutMs`; an answer over `maxBytes` is an error. */
export const openNeon = (url: string, endpoint: Endpoint | null, bounds: { readonly maxBytes: number; readonly timeoutMs: number }) =>
  neon(url, { disableWarningInBrowsers: true, fetchOptions: { get sluice(): Orders { return { url: endpoint?.http ?? null, ...bounds, whole: true, cut: false, bytes: 0 } } } })

const asText = { getTypeParser: () => (text: string) => text }

export interface Batch { readonly url: string; readonly endpoint: Endpoint | null; readonly statements: readonly Sql[]; readonly maxBytes: number; readonly timeoutMs: number }
/**
 * One HTTP request, one read-only transaction at read committed, every statement through the extended protocol (so a text is one statement or an
 * error). `bytes`: of the body. `cut`: the answer went past `maxBytes` and its last result holds only the rows that came whole; `rowCount` is then null.
 * Throws TransportError, or the driver's NeonDbError with `code` for what the server refused.
 */
export async function postBatch({ url, endpoint, statements, maxBytes, timeoutMs }: Batch): Promise<{ readonly results: readonly RawResult[]; readonly cut: boolean; readonly bytes: number }> {
  const orders: Orders = { url: endpoint?.http ?? null, maxBytes, timeoutMs, cut: false, bytes: 0 }
  const sql = neon(url, { disableWarningInBrowsers: true })
  try {
    const results = await sql.transaction(statements.map(({ text, values }) => sql.query(text, [...values], { types: asText })), {
      arrayMode: true, fullResults: true, isolationLevel: 'ReadCommitted', readOnly: true, fetchOptions: { sluice: orders },
    })
    if (results.length !== statements.length) throw new TransportError(orders.cut ? 'too-large' : 'unreachable', 'not one result a statement')
    return { results: results as unknown as RawResult[], cut: orders.cut, bytes: orders.bytes }
  } catch (error) {
    if (orders.cut) throw new TransportError('too-large', 'the answer went past the byte cap before its last result', { cause: error })
    throw understood(error)
  }
}

/** The driver wraps what its fetch threw; an answer of another status than 200 and 400 is not the database speaking. */
function understood(error: unknown): unknown {
  if (error instanceof TransportError) return error
  const inner = (error as { sourceError?: unknown }).sourceError
  if (inner instanceof TransportError) return inner
  if (typeof (error as { code?: unknown }).code === 'string' && (error as { code: string }).code.length === 5) return error
  const text = String((error as Error).message)
  if (/^Server error \(HTTP status (413|507)\)/.test(text) || /response is too large/i.test(text)) return new TransportError('too-large', 'the endpoint would not carry the answer')
  return new TransportError('unreachable', 'no answer of a database', { cause: error })
}
