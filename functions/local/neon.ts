import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import pg from 'pg'
import { createPools, Exhausted, type Lease, type PoolOptions, type Pools } from './neon/pool.ts'
import { beginOf, errorBody, Malformed, maxBytes, readBody, runStatement, TooLarge, type Result, type Statement } from './neon/statement.ts'
import { isLoopback, readTarget, type Target } from './neon/target.ts'
import { createTunnel, deny, type Allow } from './neon/tunnel.ts'

export interface NeonOptions {
  readonly port?: number
  /** Which databases may be reached through it; default: those on this machine. Without it any process here could use us as its way out. */
  readonly allow?: Allow
  readonly pool?: PoolOptions
}
export interface Neon { readonly url: string; close(): Promise<void> }

/**
 * Neon's endpoint on loopback: `POST /sql` (one statement or a batch) and the WebSocket `/v2?address=host:port`, as `@neondatabase/serverless`
 * speaks them. Statuses: 400 the body is wrong or the database refused (its fields in the body), 403 caller or target not allowed, 413 request
 * and 507 answer over 10 MiB, 500 the database cannot be reached or went away, 503 no connection free.
 */
export async function startNeon({ port = 0, allow = isLoopback, pool }: NeonOptions = {}): Promise<Neon> {
  const pools = createPools(pool)
  const tunnel = createTunnel(allow)
  const server = createServer((request, response) => {
    void answer(request, response, pools, allow).catch(() => response.destroy())
  })
  server.on('upgrade', (request, socket, head) => {
    socket.on('error', () => socket.destroy())
    const url = new URL(request.url ?? '/', 'http://localhost')
    if (!fromHere(request)) return deny(socket, 403)
    if (url.pathname !== '/v2') return deny(socket, 404)
    tunnel.accept(request, socket, head, url.searchParams.get('address')).catch(() => socket.destroy())
  })
  await new Promise<void>((done, fail) => server.once('error', fail).listen(port, '127.0.0.1', done))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      tunnel.close()
      const closed = new Promise((done) => server.close(done))
      server.closeAllConnections()
      await Promise.all([closed, pools.close()])
    },
  }
}

/** A loopback peer, a loopback Host (a page that rebinds its name to 127.0.0.1 sends its own) and no Origin (only browsers send one). */
function fromHere(request: IncomingMessage): boolean {
  const host = /^(\[[^\]]+\]|[^:]+)(:\d+)?$/.exec(request.headers.host ?? '')?.[1]?.replace(/^\[(.*)\]$/, '$1')
  return isLoopback(request.socket.remoteAddress ?? '') && host !== undefined && isLoopback(host) && request.headers.origin === undefined
}

async function answer(request: IncomingMessage, response: ServerResponse, pools: Pools, allow: Allow): Promise<void> {
  if (!fromHere(request)) return send(response, 403, { message: 'only programs on this machine may use this endpoint' })
  if (request.url?.split('?')[0] !== '/sql') return send(response, 404, { message: 'no such path' })
  if (request.method !== 'POST') return send(response, 405, { message: 'only POST' })
  try {
    const text = await readText(request)
    const header = (name: string) => request.headers[name] === 'true'
    if (request.headers.authorization !== undefined) throw new Malformed('a jwt instead of a password is not served here')
    if (!header('neon-raw-text-output')) throw new Malformed('only `Neon-Raw-Text-Output: true` is served here')
    const { batch, statements } = readBody(text, header('neon-array-mode'))
    const begin = batch ? beginOf(request.headers) : null
    const key = String(request.headers['neon-connection-string'] ?? '')
    const target = reading(key)
    if (!await allow(target.host, target.port)) return send(response, 403, { message: 'this database is not one of those the endpoint serves' })
    const lease = await pools.take(key, target)
    if (response.closed) return await lease.give()                // hung up while it waited for a connection: nothing may run for nobody
    const stopWatching = cancelWhenAbandoned(response, lease, target)
    try {
      const results = await runAll(lease, statements, begin)
      stopWatching()
      send(response, 200, batch ? { results } : results[0])
    } finally {
      stopWatching()
      await lease.give()
    }
  } catch (error) {
    if (!response.headersSent) fail(response, error)
  }
}

/** One statement as it is; a batch inside BEGIN and COMMIT. Whatever a batch leaves open after an error is rolled back. */
async function runAll({ client, drop }: Lease, statements: readonly Statement[], begin: string | null): Promise<Result[]> {
  const budget = { left: maxBytes }
  const results: Result[] = []
  try {
    if (begin) await client.query(begin)
    for (const statement of statements) results.push(await runStatement(client, statement, budget))
    if (begin) await client.query('COMMIT')
  } catch (error) {
    if (error instanceof TooLarge || !(error instanceof pg.DatabaseError)) drop()
    else if (begin) await client.query('ROLLBACK').catch(drop)
    throw error
  }
  return results
}

/** A caller that hung up wants its statement stopped, as Neon does. The connection is not used again: the cancel may arrive late. */
function cancelWhenAbandoned(response: ServerResponse, lease: Lease, target: Target): () => void {
  const abandoned = () => {
    const { processID, secretKey } = lease.client as unknown as { processID: number; secretKey: number }
    const message = Buffer.alloc(16)
    for (const [index, word] of [16, 80_877_102, processID, secretKey].entries()) message.writeInt32BE(word, index * 4)
    const wire = connect(target.port, target.host, () => wire.end(message))
    wire.on('error', () => {})
    wire.setTimeout(5_000, () => wire.destroy())
    lease.drop()
  }
  response.once('close', abandoned)
  return () => { response.off('close', abandoned) }
}

function fail(response: ServerResponse, error: unknown): void {
  if (error instanceof Malformed) return send(response, 400, { message: error.message })
  if (error instanceof pg.DatabaseError) return send(response, 400, errorBody(error))
  if (error instanceof TooLarge) return send(response, 507, { message: error.message })
  if (error instanceof RequestTooLarge) return send(response, 413, { message: error.message })
  if (error instanceof Exhausted) return send(response, 503, { message: error.message })
  send(response, 500, { message: 'the database cannot be reached, or went away', code: (error as NodeJS.ErrnoException).code ?? null })
}

function reading(key: string): Target {
  try {
    return readTarget(key)
  } catch (error) {
    throw new Malformed(error instanceof URIError ? 'the connection string has a bad escape' : (error as Error).message)
  }
}

class RequestTooLarge extends Error {}
function readText(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  return new Promise((done, fail) => {
    request.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size <= maxBytes) chunks.push(chunk)
      else fail(new RequestTooLarge(`request is too large (max is ${maxBytes} bytes)`))   // the rest is read and thrown away, so that the 413 arrives
    })
    request.on('end', () => done(Buffer.concat(chunks).toString('utf8'))).on('error', fail)
  })
}

function send(response: ServerResponse, status: number, body: unknown): void {
  const text = JSON.stringify(body)
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text), ...(status === 413 ? { connection: 'close' } : {}) }).end(text)
}
