import { Agent as PlainAgent, request as plainRequest, type ClientRequest, type IncomingMessage } from 'node:http'
import { Agent as TlsAgent, request as tlsRequest } from 'node:https'
import type { Socket } from 'node:net'

/** The way to the target failed, or its answer was no answer. `unreachable` also where a connection broke in the middle of a result; `cut`: ended here, by whoever asked (`Run.cut`). */
export class TransportError extends Error {
  readonly kind: 'unreachable' | 'timeout' | 'too-large' | 'cut'
  constructor(kind: TransportError['kind'], message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'TransportError'
    this.kind = kind
  }
}

/** A kept connection that rested longer is not used: the other side, or a freeze of this process, may have ended it. */
const maxIdleMs = 4000
const agents = {
  'http:': { request: plainRequest, agent: new PlainAgent({ keepAlive: true, maxSockets: 64, maxFreeSockets: 16 }) },
  'https:': { request: tlsRequest, agent: new TlsAgent({ keepAlive: true, maxSockets: 64, maxFreeSockets: 16 }) },
}
const restedSince = new WeakMap<object, number>()
for (const { agent } of Object.values(agents)) agent.on('free', (socket: Socket) => restedSince.set(socket, Date.now()))

export interface Posted { readonly status: number; readonly text: string; /** The answer went past `maxBytes`; `text` is what came before. */ readonly cut: boolean; readonly bytes: number }
/**
 * One POST on node:http with kept connections: a third of the CPU of `fetch` (see the bench). Never sent twice. At most `timeoutMs`, and no more of an answer than `maxBytes` is kept in memory.
 * Throws TransportError.
 */
export function post(target: string, headers: Readonly<Record<string, string>>, body: string, { maxBytes, timeoutMs }: { readonly maxBytes: number; readonly timeoutMs: number }): Promise<Posted> {
  return new Promise((resolve, reject) => {
    const { request, agent, place } = placeOf(target)
    dropRested(agent.freeSockets)
    const bytes = Buffer.from(body)
    const call: ClientRequest = request({ ...place, method: 'POST', agent, headers: { ...headers, 'Content-Type': 'application/json', 'Content-Length': bytes.length } })
    const timer = setTimeout(() => fail(new TransportError('timeout', 'no whole answer in time')), timeoutMs)
    const fail = (error: Error) => {
      clearTimeout(timer)
      call.destroy()
      reject(error instanceof TransportError ? error : new TransportError('unreachable', 'the connection failed', { cause: error }))
    }
    call.on('error', fail)
    call.on('response', (response) => collect(response, maxBytes, ({ text, cut, bytes: came }) => {
      clearTimeout(timer)
      if (cut) call.destroy()
      resolve({ status: response.statusCode ?? 0, text, cut, bytes: came })
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

/** Counts as the body comes in, so that no answer can fill the memory. */
function collect(response: IncomingMessage, maxBytes: number, done: (it: { readonly text: string; readonly cut: boolean; readonly bytes: number }) => void, fail: (error: Error) => void): void {
  const chunks: Buffer[] = []
  let [ended, bytes] = [false, 0]
  const end = (cut: boolean) => {
    if (ended) return
    ended = true
    done({ text: Buffer.concat(chunks).toString('utf8'), cut, bytes })
  }
  response.on('data', (chunk: Buffer) => {
    if (ended) return
    chunks.push(chunk)
    bytes += chunk.length
    if (bytes > maxBytes) end(true)
  })
  response.on('end', () => (response.complete ? end(false) : fail(new TransportError('unreachable', 'the answer broke off'))))
  response.on('error', (error) => { if (!ended) fail(error) })
}

function dropRested(free: NodeJS.ReadOnlyDict<Socket[]>): void {
  const limit = Date.now() - maxIdleMs
  for (const sockets of Object.values(free)) for (const socket of [...(sockets ?? [])]) if ((restedSince.get(socket) ?? 0) < limit) socket.destroy()
}
