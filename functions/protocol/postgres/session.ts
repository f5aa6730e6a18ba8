import { Client } from '@neondatabase/serverless'
import WebSocket from 'ws'
import { createLine, turn } from '../places.ts'
import { TransportError } from '../post.ts'
import type { RawResult, Session } from './port.ts'
import type { Endpoint } from './transport.ts'

/** What we touch of the driver's own client that its types leave out. */
interface Query { callback: (error: Error | null, result: RawResult) => void }
type QueryClass = new (config: object) => Query & { requiresPreparation(): boolean }
class Extended extends (Client as unknown as { Query: QueryClass }).Query {
  /** The driver would send a text without parameters by the simple protocol, in which `a; b` is two statements. */
  override requiresPreparation(): boolean { return true }
}
interface Entry { readonly client: Client; readonly url: string; restedSince: number; bytes: number; broken: (error: Error) => void; dead: boolean }

const maxOpen = 8
const maxIdle = 4
/** A session that rested longer is thrown away: the server or a freeze of this process may have ended it, and finding out costs a time-out. */
const maxIdleMs = 8000
const asText = { getTypeParser: () => (text: string) => text }

/** Sessions inside the driver's WebSocket. */
export function createSessions({ now, endpointOf }: { readonly now: () => number; readonly endpointOf: (url: string) => Endpoint | null }) {
  const idle: Entry[] = []
  const open = new Map<string, number>()
  const waiting = new Map<string, ReturnType<typeof createLine<() => void>>>()

  function cut(entry: Entry, reason: Error = new TransportError('unreachable', 'the connection was cut')): void {
    if (entry.dead) return
    entry.dead = true
    open.set(entry.url, (open.get(entry.url) ?? 1) - 1)
    const rested = idle.indexOf(entry)
    if (rested >= 0) idle.splice(rested, 1)
    wakeOne(entry.url)
    const socket = entry.client.neonConfig as unknown as { ws: WebSocket | null }
    socket.ws?.terminate()
    entry.broken(reason)
  }
  const wakeOne = (url: string): void => waiting.get(url)?.next()?.()

  function kept(url: string): Entry | null {
    for (const entry of [...idle]) if (now() - entry.restedSince > maxIdleMs) cut(entry)
    const index = idle.findLastIndex((entry) => entry.url === url)
    return index < 0 ? null : idle.splice(index, 1)[0] ?? null
  }

  async function connect(url: string, timeoutMs: number): Promise<Entry> {
    open.set(url, (open.get(url) ?? 0) + 1)
    const client = new Client({ connectionString: url, types: asText } as ConstructorParameters<typeof Client>[0])
    configure(client, endpointOf(url))
    const entry: Entry = { client, url, restedSince: 0, bytes: 0, broken: () => {}, dead: false }
    client.on('error', (error) => cut(entry, error))
    client.on('end', () => cut(entry))
    ;(client.connection.stream as NodeJS.EventEmitter).on('data', (chunk: Buffer) => { entry.bytes += chunk.length })
    try {
      await bounded(entry, timeoutMs, () => client.connect())
    } catch (error) {
      cut(entry)
      throw error
    }
    return entry
  }

  /** A session for this connection string, waiting for a place at most `timeoutMs`, in the turn of `whose` it is. Throws TransportError or the server's refusal to let us in. */
  async function take(url: string, timeoutMs: number, _cut?: AbortSignal, whose = ''): Promise<Session> {
    const until = now() + timeoutMs
    for (;;) {
      const rested = kept(url)
      if (rested) return session(rested, true)
      if ((open.get(url) ?? 0) < maxOpen) return session(await connect(url, Math.max(1, until - now())), false)
      const line = waiting.get(url) ?? createLine<() => void>()
      waiting.set(url, line)
      await turn(line, whose, until - now())
    }
  }

  function session(entry: Entry, wasKept: boolean): Session {
    return {
      kept: wasKept,
      run: ({ text, values }, { maxBytes, timeoutMs }) => {
        entry.bytes = 0
        const watch = (chunk: Buffer) => { if (entry.bytes + chunk.length > maxBytes) cut(entry, new TransportError('too-large', 'the answer went past the byte cap')) }
        const stream = entry.client.connection.stream as NodeJS.EventEmitter
        stream.prependListener('data', watch)
        return bounded(entry, timeoutMs, () => new Promise<RawResult>((resolve, reject) => {
          const query = new Extended({ text, values: [...values], rowMode: 'array' })
          query.callback = (error, result) => (error ? reject(error) : resolve(result))
          entry.client.query(query as unknown as string).catch?.(() => {})
        })).finally(() => stream.removeListener('data', watch))
      },
      release: () => {
        if (entry.dead) return
        entry.restedSince = now()
        idle.push(entry)
        while (idle.length > maxIdle) cut(idle[0] as Entry)
        wakeOne(entry.url)
      },
      destroy: () => cut(entry),
    }
  }

  /** What `work` gives, or the end of the connection, or the end of the time, whichever is first; after the last two it is cut. */
  function bounded<T>(entry: Entry, timeoutMs: number, work: () => Promise<T>): Promise<T> {
    if (entry.dead) return Promise.reject(new TransportError('unreachable', 'the connection was cut'))
    return new Promise<T>((resolve, reject) => {
      const timer = setTimeout(() => cut(entry, new TransportError('timeout', 'no answer in time')), timeoutMs)
      entry.broken = reject
      work().then(resolve, reject).finally(() => {
        clearTimeout(timer)
        entry.broken = () => {}
      })
    })
  }

  return { take, close: async () => { for (const entry of [...idle]) cut(entry) } }
}

function configure(client: Client, endpoint: Endpoint | null): void {
  const socket = client.neonConfig as unknown as { webSocketConstructor: unknown; pipelineConnect: false; pipelineTLS: false; useSecureWebSocket: boolean; wsProxy: unknown }
  socket.webSocketConstructor = WebSocket
  socket.pipelineConnect = false                                   // `password` sends it before the server has said how it wants it; SCRAM does not take that
  if (endpoint === null) return
  const url = new URL(endpoint.websocket)
  socket.useSecureWebSocket = url.protocol === 'wss:'
  socket.wsProxy = (host: string, port: number | string) => `${url.host}${url.pathname}?address=${host}:${port}`
}
