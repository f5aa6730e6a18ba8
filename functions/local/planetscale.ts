import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { isLoopback } from './neon/target.ts'
import { errorBody, isServerError } from './planetscale/error.ts'
import { Exhausted } from './planetscale/pool.ts'
import { createSessions, Gone, type Caller, type SessionOptions } from './planetscale/session.ts'
import { maxBytes, Several, TooLarge } from './planetscale/statement.ts'
import { readUsername } from './planetscale/target.ts'

export interface PlanetScaleOptions {
  readonly port?: number
  /** Which servers may be reached through it; default: those on this machine. Without it any process here could use us as its way out. */
  readonly allow?: (host: string, port: number) => boolean | Promise<boolean>
  readonly sessions?: SessionOptions
}
export interface PlanetScale { readonly url: string; /** Sessions that hold a wire connection. */ held(): number; close(): Promise<void> }
type Sessions = ReturnType<typeof createSessions>
class Malformed extends Error {}
class Forbidden extends Error {}

/**
 * PlanetScale's HTTP API on loopback, as `@planetscale/database` speaks it: `POST /psdb.v1alpha1.Database/{CreateSession,Execute}` with basic authentication, whose user name says which server and database
 * (planetscale/target.ts). An error of the server is 200 with `error`, as there. Others: 400 the body is wrong, 401 no or a bad user name or password, 403 caller or target not allowed, 404 the session is
 * gone, 413 request too large, 500 the database cannot be reached or went away, 503 no connection free, 507 the answer is too large.
 */
export async function startPlanetScale({ port = 0, allow = isLoopback, sessions: bounds }: PlanetScaleOptions = {}): Promise<PlanetScale> {
  const sessions = createSessions(bounds)
  const server = createServer((request, response) => {
    void answer(request, response, sessions, allow).catch(() => response.destroy())
  })
  await new Promise<void>((done, fail) => server.once('error', fail).listen(port, '127.0.0.1', done))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    held: sessions.held,
    async close() {
      const closed = new Promise((done) => server.close(done))
      server.closeAllConnections()
      sessions.close()
      await closed
    },
  }
}

/** A loopback peer, a loopback Host (a page that rebinds its name to 127.0.0.1 sends its own) and no Origin (only browsers send one). */
function fromHere(request: IncomingMessage): boolean {
  const host = /^(\[[^\]]+\]|[^:]+)(:\d+)?$/.exec(request.headers.host ?? '')?.[1]?.replace(/^\[(.*)\]$/, '$1')
  return isLoopback(request.socket.remoteAddress ?? '') && host !== undefined && isLoopback(host) && request.headers.origin === undefined
}

async function answer(request: IncomingMessage, response: ServerResponse, sessions: Sessions, allow: NonNullable<PlanetScaleOptions['allow']>): Promise<void> {
  if (!fromHere(request)) return send(response, 403, failure('PERMISSION_DENIED', 'only programs on this machine may use this endpoint'))
  const call = /^\/psdb\.v1alpha1\.Database\/(CreateSession|Execute)$/.exec(request.url ?? '')?.[1]
  if (call === undefined || request.method !== 'POST') return send(response, 404, failure('UNIMPLEMENTED', 'no such call'))
  try {
    const text = await readText(request)
    const caller = callerOf(request)
    if (!await allow(caller.target.host, caller.target.port)) throw new Forbidden('this database is not one of those the endpoint serves')
    const { query, session } = readBody(text)
    if (call === 'CreateSession') return send(response, 200, { branch: 'local', session: sessions.create(caller) })
    if (typeof query !== 'string' || query.includes('\0')) throw new Malformed('`query` is not a text')
    const abandoned = new AbortController()
    response.once('close', () => { if (!response.writableFinished) abandoned.abort() })
    const began = performance.now()
    const { token, ran, error } = await sessions.execute(caller, session, query, abandoned.signal)
    if (isServerError(error)) return send(response, 200, { session: token, error: errorBody(error) })
    send(response, 200, { session: token, result: ran?.result ?? {}, timing: (performance.now() - began) / 1000 })
  } catch (error) {
    if (!response.headersSent) fail(response, error)
  }
}

function callerOf({ headers }: IncomingMessage): Caller {
  const [, encoded] = /^Basic ([A-Za-z0-9+/]+=*)$/.exec(headers.authorization ?? '') ?? []
  const text = Buffer.from(encoded ?? '', 'base64').toString('latin1')
  const colon = text.indexOf(':')
  try {
    if (colon < 0) throw new Error('no password')
    return { target: readUsername(text.slice(0, colon)), password: text.slice(colon + 1), key: text }
  } catch {
    throw new Unauthenticated('no user name and password of this endpoint')
  }
}
class Unauthenticated extends Error {}

function readBody(text: string): { readonly query?: unknown; readonly session?: unknown } {
  try {
    const body: unknown = JSON.parse(text)
    if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body
  } catch { /* told below */ }
  throw new Malformed('the body is not an object of json')
}

function fail(response: ServerResponse, error: unknown): void {
  const [status, code, message] = reasonOf(error)
  send(response, status, failure(code, message))
}
function reasonOf(error: unknown): readonly [number, string, string] {
  if (error instanceof Malformed) return [400, 'INVALID_ARGUMENT', error.message]
  if (error instanceof Several) return [400, 'UNIMPLEMENTED', error.message]
  if (error instanceof Unauthenticated) return [401, 'UNAUTHENTICATED', error.message]
  if (error instanceof Forbidden) return [403, 'PERMISSION_DENIED', error.message]
  if (error instanceof Gone) return [404, 'NOT_FOUND', error.message]
  if (error instanceof RequestTooLarge) return [413, 'RESOURCE_EXHAUSTED', error.message]
  if (error instanceof TooLarge) return [507, 'RESOURCE_EXHAUSTED', error.message]
  if (error instanceof Exhausted) return [503, 'RESOURCE_EXHAUSTED', error.message]
  // 1045: PlanetScale says it of the password of its own, before any server is asked.
  if (isServerError(error) && (error.errno === 1045 || error.errno === 1044)) return [401, 'UNAUTHENTICATED', 'the server does not let this account in']
  return [500, 'UNAVAILABLE', 'the database cannot be reached, or went away']
}
const failure = (code: string, message: string) => ({ error: { code, message } })

class RequestTooLarge extends Error {}
function readText(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  return new Promise((done, fail) => {
    request.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size <= maxBytes) chunks.push(chunk)
      else fail(new RequestTooLarge(`the request is larger than ${maxBytes} bytes`))   // the rest is read and thrown away, so that the 413 arrives
    })
    request.on('end', () => done(Buffer.concat(chunks).toString('utf8'))).on('error', fail)
  })
}

function send(response: ServerResponse, status: number, body: unknown): void {
  if (response.destroyed) return
  const text = JSON.stringify(body)
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text), ...(status === 413 ? { connection: 'close' } : {}) }).end(text)
}
