import type { ClientRequest, IncomingMessage } from 'node:http'
import https from 'node:https'
import { createGunzip } from 'node:zlib'
import { pipeline, type Readable, Transform } from 'node:stream'
import type { Cluster } from './kubeconfig.ts'

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
  readonly audit: string | null
  /** Decoded. Read it or destroy it: until then it holds a connection. */
  readonly body: Readable
}
/** `sent`: bytes of the request left, so that a write may have happened. The message is ours and quotes nothing. */
export class TransportError extends Error {
  readonly kind: 'unreachable' | 'untrusted' | 'late' | 'lost' | 'timeout' | 'broken' | 'busy' | 'cut'
  readonly sent: boolean
  constructor(kind: TransportError['kind'], message: string, sent: boolean) {
    super(message)
    this.name = 'TransportError'
    this.kind = kind
    this.sent = sent
  }
}
export type Send = (cluster: Cluster, call: Call) => Promise<Reply>

const connectMs = 5_000
const freeMs = 20_000
const mostCalls = 128
const mostStreams = 128
const maxHeaderBytes = 32 * 1024
/** A list of one kind packs to a thirtieth; a bomb to a thousandth. Below the floor nobody counts. */
const mostExpansion = 300
const expansionFloorBytes = 4 * 1024 * 1024
/** A warning is shown where the API server writes it of itself (deprecation); a webhook's may quote the object. */
const deprecation = /^299 (?:-|[\w.]+) "[\w./ -]+ is deprecated in v[\w. ,+;/-]+"$/

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
    try {
      return replyOf(await exchange(cluster, call, pool.agent, now), call, done)
    } catch (error) {
      done()
      throw error
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
function headersOf(cluster: Cluster, { accept, contentType, body, token, etag }: Call): Record<string, string> {
  const bearer = token ?? ('token' in cluster.credential ? cluster.credential.token : null)
  return {
    accept, 'accept-encoding': 'gzip', 'user-agent': 'sluice', ...(bearer === null ? {} : { authorization: `Bearer ${bearer}` }),
    ...(body == null ? {} : { 'content-length': String(Buffer.byteLength(body)), ...(contentType ? { 'content-type': contentType } : {}) }), ...(etag === undefined ? {} : { 'if-none-match': etag }),
  }
}

/** Nothing is written before the connection stands and the time is looked at: a request queued behind a slow handshake would begin too late. */
function exchange(cluster: Cluster, call: Call, agent: https.Agent, now: () => number): Promise<{ request: ClientRequest; response: IncomingMessage }> {
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

/** Node's codes, sorted. Its messages name hosts and ports, so they stay behind. */
export function failureOf(error: NodeJS.ErrnoException, sent: boolean): TransportError {
  const code = error.code ?? ''
  if (code.startsWith('HPE_')) return new TransportError('broken', `the cluster's answer is not http (${code})`, sent)
  if (/^(CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|ERR_TLS_CERT_|ERR_SSL_|ERR_TLS_|EPROTO)/.test(code)) return new TransportError('untrusted', `the cluster is not who its authority says (${code})`, sent)
  return new TransportError(sent ? 'lost' : 'unreachable', `${sent ? 'the connection to the cluster broke off' : 'the cluster cannot be reached'} (${code || 'no code'})`, sent)
}

function replyOf({ request, response }: { request: ClientRequest; response: IncomingMessage }, call: Call, done: () => void): Reply {
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
  const body = encoding === 'gzip' ? expanded(response) : response
  return {
    status, body, contentType: (headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '', audit: oneLine(headers['audit-id']),
    headers: kept(headers, response),
  }
}

/** Ends with an error past what honest JSON packs to. `pipeline` destroys both ends, whichever fails or is left. */
function expanded(response: IncomingMessage): Readable {
  const gunzip = createGunzip()
  let bytes = 0
  const meter = new Transform({
    transform(chunk: Buffer, _, give) {
      bytes += chunk.byteLength
      if (bytes > expansionFloorBytes && bytes > gunzip.bytesWritten * mostExpansion) give(new TransportError('broken', 'the cluster\'s answer expands beyond reason', true))
      else give(null, chunk)
    },
  })
  return pipeline(response, gunzip, meter, () => undefined)
}

/**
 * A body as it comes, at the pace of whoever asks for more; the time between is theirs and counts for nothing. Throws TransportError; however it is left, the
 * connection is let go.
 */
export async function* chunksOf(body: Readable, idleMs: number): AsyncGenerator<Uint8Array, void, undefined> {
  const arm = () => setTimeout(() => { body.destroy(new TransportError('timeout', `the cluster fell silent for ${idleMs} ms in mid-answer`, true)) }, idleMs)
  let timer = arm()
  try {
    for await (const chunk of body) {
      clearTimeout(timer)
      yield chunk as Uint8Array
      timer = arm()
    }
  } catch (error) {
    if (error instanceof TransportError) throw error
    const { code = 'no code' } = error as NodeJS.ErrnoException
    throw new TransportError(code.startsWith('Z_') ? 'broken' : 'lost', `the cluster broke off in mid-answer (${code})`, true)
  } finally {
    clearTimeout(timer)
    body.destroy()
  }
}

/** All of a body; null: it is over `maxBytes`, and what came of it is gone. */
export async function wholeOf(body: Readable, idleMs: number, maxBytes: number): Promise<Buffer | null> {
  const parts: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of chunksOf(body, idleMs)) {
    if ((bytes += chunk.byteLength) > maxBytes) return null
    parts.push(chunk)
  }
  return Buffer.concat(parts)
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
