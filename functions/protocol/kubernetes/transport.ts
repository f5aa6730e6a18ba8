import { randomUUID } from 'node:crypto'
import type { ClientRequest, IncomingMessage } from 'node:http'
import https from 'node:https'
import type { Readable } from 'node:stream'
import { expanded } from './bytes.ts'
import type { Cluster } from './kubeconfig.ts'
import { failureOf, TransportError } from './trouble.ts'

/**
 * One request to an API server over TLS that believes the cluster's own authority alone. HTTP/1.1, kept alive. Never follows a redirect and repeats nothing; what to
 * repeat is the caller's to know, and `sent` of the error is what it goes by.
 */
export interface Call {
  readonly method: string
  /** Path and query, sent as it is behind the cluster's prefix. */
  readonly target: string
  readonly accept: string
  readonly contentType?: string | null
  readonly body?: string | null
  /** null: the cluster's own credential. */
  readonly token: string | null
  /** Epoch ms; nothing is sent after it. */
  readonly deadline: number
  /** How long the status and headers may take from sending, ms. */
  readonly headersMs: number
  /** Holds its connection as long as the other side likes: counted apart. */
  readonly stream?: boolean
  readonly signal?: AbortSignal
  /** Of a cached answer: sent as If-None-Match. */
  readonly etag?: string
}
export interface Reply {
  readonly status: number
  /** Lower case, without parameters. */
  readonly contentType: string
  /** Those that may reach a caller. */
  readonly headers: Readonly<Record<string, string>>
  /** What the API server's own audit log knows it by: as it says, else as it was asked to (before 1.21 it says nothing of a watch). */
  readonly audit: string
  /** Decoded. Read it or destroy it: until then it holds a connection. */
  readonly body: Readable
}
export type Send = (cluster: Cluster, call: Call) => Promise<Reply>

const connectMs = 5_000
const freeMs = 20_000
const mostCalls = 128
const mostStreams = 128
const maxHeaderBytes = 32 * 1024
/** A warning is shown where the API server writes it of itself (deprecation); a webhook's may quote the object. */
const deprecation = /^299 (?:-|[\w.]+) "[\w./ -]+ is deprecated in v[\w. ,+;/-]+"$/

/** Under a name of ours from the start: what is never answered can be found in the cluster's audit log too. */
type Named = Call & { readonly audit: string }
interface Pool { readonly agent: https.Agent; calls: number; streams: number; used: number }

export function createTransport({ now }: { readonly now: () => number }): { readonly send: Send; close(): void } {
  const pools = new Map<string, Pool>()

  /** One for each cluster and credential at the door: a client certificate outranks a token, so a call that carries a token must not come with one. */
  function poolOf(cluster: Cluster, own: boolean): Pool {
    const key = `${cluster.identity} ${own && 'cert' in cluster.credential ? cluster.credential.cert : ''}`
    const found = pools.get(key) ?? { agent: new https.Agent({ ...tlsOf(cluster, own), keepAlive: true, keepAliveMsecs: 15_000, timeout: freeMs, scheduling: 'lifo' }), calls: 0, streams: 0, used: now() }
    pools.delete(key)
    pools.set(key, found)
    for (const [old, pool] of pools) {
      if (pools.size <= 200) break
      if (pool.calls + pool.streams > 0 || pool === found) continue
      pool.agent.destroy()
      pools.delete(old)
    }
    // After a freeze the kept connections are dead without knowing it; a write on one of them would be lost, and nobody could say whether it was.
    if (now() - found.used > freeMs) for (const sockets of Object.values(found.agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy()
    found.used = now()
    return found
  }

  async function send(cluster: Cluster, call: Call): Promise<Reply> {
    if (call.signal?.aborted) throw new TransportError('cut', 'cut before it began', false)
    const pool = poolOf(cluster, call.token === null)
    const kind = call.stream ? 'streams' : 'calls'
    if (pool[kind] >= (call.stream ? mostStreams : mostCalls)) throw new TransportError('busy', `as many ${kind} are open to the cluster as may be`, false)
    pool[kind]++
    const done = once(() => { pool[kind]-- })
    const audit = randomUUID()
    try {
      return replyOf(await exchange(cluster, { ...call, audit }, pool.agent, now), { ...call, audit }, done)
    } catch (error) {
      done()
      throw error instanceof TransportError && error.sent ? new TransportError(error.kind, `${error.message}; its Audit-ID is ${audit}`, true) : error
    }
  }
  return { send, close: () => { for (const { agent } of pools.values()) agent.destroy() } }
}

/** Given `ca`, Node believes no other authority; the rest withstands an environment that says otherwise. */
export function tlsOf(cluster: Cluster, own: boolean) {
  const { credential } = cluster
  return {
    host: cluster.host, port: cluster.port, ca: cluster.ca, rejectUnauthorized: true, minVersion: 'TLSv1.2' as const, ALPNProtocols: ['http/1.1'],
    ...(cluster.serverName === null ? {} : { servername: cluster.serverName }), ...(own && 'cert' in credential ? { cert: credential.cert, key: credential.key } : {}),
  }
}

/** Only these go up, whatever a caller sent: no header of theirs is copied, so none can impersonate. */
function headersOf(cluster: Cluster, { accept, contentType, body, token, etag, audit }: Named): Record<string, string> {
  const bearer = token ?? ('token' in cluster.credential ? cluster.credential.token : null)
  return {
    accept, 'accept-encoding': 'gzip', 'user-agent': 'sluice', 'audit-id': audit, ...(bearer === null ? {} : { authorization: `Bearer ${bearer}` }),
    ...(body == null ? {} : { 'content-length': String(Buffer.byteLength(body)), ...(contentType ? { 'content-type': contentType } : {}) }), ...(etag === undefined ? {} : { 'if-none-match': etag }),
  }
}

/** Nothing is written before the connection stands and the time is looked at: a request queued behind a slow handshake would begin too late. */
function exchange(cluster: Cluster, call: Named, agent: https.Agent, now: () => number): Promise<{ request: ClientRequest; response: IncomingMessage }> {
  return new Promise((resolve, reject) => {
    let sent = false
    const request = https.request({ ...(cluster.serverName === null ? {} : { servername: cluster.serverName }), host: cluster.host, port: cluster.port, method: call.method, path: cluster.prefix + call.target, agent, headers: headersOf(cluster, call), maxHeaderSize: maxHeaderBytes, setDefaultHeaders: true })
    const stop = (error: Error) => {
      clearTimeout(timer)
      call.signal?.removeEventListener('abort', cut)
      reject(error instanceof TransportError ? error : failureOf(error, sent))
      request.destroy()
    }
    const cut = () => { stop(new TransportError('cut', 'cut', sent)) }
    let timer = setTimeout(() => { stop(new TransportError('unreachable', `no connection within ${connectMs} ms`, false)) }, connectMs)
    call.signal?.addEventListener('abort', cut, { once: true })
    request.on('error', stop)
    request.on('response', (response) => {
      clearTimeout(timer)
      call.signal?.removeEventListener('abort', cut)
      request.off('error', stop)
      request.on('error', () => undefined)                          // from here on the response tells of it
      resolve({ request, response })
    })
    request.on('upgrade', (_, socket) => { socket.destroy(); stop(new TransportError('broken', 'the cluster changed the protocol unasked', true)) })
    const go = () => {
      clearTimeout(timer)
      if (now() >= call.deadline) return stop(new TransportError('late', 'the time to begin has passed', false))
      timer = setTimeout(() => { stop(new TransportError('timeout', `no answer within ${call.headersMs} ms`, true)) }, call.headersMs)
      sent = true
      request.end(call.body ?? undefined)
    }
    request.on('socket', (socket) => {
      if (socket.connecting) socket.once('secureConnect', go)
      else go()
    })
  })
}

function replyOf({ request, response }: { request: ClientRequest; response: IncomingMessage }, call: Named, done: () => void): Reply {
  const { headers, statusCode: status = 0 } = response
  const encoding = headers['content-encoding'] ?? 'identity'
  response.once('close', done)
  if (encoding !== 'identity' && encoding !== 'gzip') {
    request.destroy()
    throw new TransportError('broken', 'the cluster answers in an encoding nobody asked for', true)
  }
  const cut = () => { response.destroy(new TransportError('cut', 'cut', true)) }
  call.signal?.addEventListener('abort', cut, { once: true })
  response.once('close', () => call.signal?.removeEventListener('abort', cut))
  const body = encoding === 'gzip' && call.method !== 'HEAD' ? expanded(response) : response          // of a HEAD there is nothing to expand, whatever its headers say
  return {
    status, body, contentType: (headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '', audit: oneLine(headers['audit-id']) ?? call.audit,
    headers: kept(headers, response),
  }
}

const oneLine = (value: string | string[] | undefined): string | null => (typeof value === 'string' && /^[\w.:-]{1,128}$/.test(value) ? value : null)

function kept(headers: IncomingMessage['headers'], { rawHeaders }: IncomingMessage): Record<string, string> {
  const found: Record<string, string> = {}
  const audit = oneLine(headers['audit-id'])
  const type = headers['content-type']
  if (type && /^[\w.+/@-]+(?:; ?[\w.-]+=(?:[\w.+/@-]+|"[\w.+/@ -]*"))*$/.test(type) && type.length <= 300) found['content-type'] = type
  if (audit !== null) found['audit-id'] = audit
  if (headers.etag && /^(?:W\/)?"[\x21\x23-\x7e]{0,200}"$/.test(headers.etag)) found['etag'] = headers.etag
  if (headers['retry-after'] && /^\d{1,5}$/.test(headers['retry-after'])) found['retry-after'] = headers['retry-after']
  const warnings = rawHeaders.flatMap((name, i) => (i % 2 === 0 && name.toLowerCase() === 'warning' ? [rawHeaders[i + 1] ?? ''] : [])).filter((text) => text.length < 400 && deprecation.test(text))
  if (warnings.length > 0) found['warning'] = warnings.slice(0, 10).join(', ')
  return found
}

function once(run: () => void): () => void {
  let ran = false
  return () => {
    if (ran) return
    ran = true
    run()
  }
}
