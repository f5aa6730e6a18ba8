import type { TLSSocket } from 'node:tls'
import { connect } from 'node:tls'
import type { RawData, WebSocket } from 'ws'
import type { Executed, Run } from '../protocol.ts'
import { CredentialError, type Credentials } from './credential.ts'
import { listen } from '../hear.ts'
import type { Masker } from '../masker.ts'
import type { Cluster } from './kubeconfig.ts'
import { unknown } from './outcome.ts'
import type { KubernetesPlan } from './plan.ts'
import { isObject } from './precondition.ts'
import { rawOf } from './raw.ts'
import { tlsOf } from './transport.ts'
import { failureOf, TransportError } from './trouble.ts'
import { unstarted, untouched } from './untouched.ts'

export interface ExecJob {
  readonly plan: KubernetesPlan; readonly cluster: Cluster; readonly account: string; readonly run: Run; readonly maskKey: string | null
  readonly limits: { readonly bytes: number; readonly timeoutMs: number }
  /** Masks one of the outputs, for the record. */
  readonly begin: () => Masker
}
export type RunExec = (job: ExecJob) => Promise<Executed>
interface Opened { readonly socket: WebSocket; readonly audit: string | null }
interface Refused { readonly status: number; readonly audit: string | null; readonly bytes: Uint8Array }
const connectMs = 5_000
const errorBytes = 64 * 1024
/** Of one frame; the API server sends at most 32 KB at once. */
const frameBytes = 1024 * 1024
/** Of the last channel, which carries a Status. */
const [stdoutChannel, stderrChannel, errorChannel] = [1, 2, 3]

/**
 * One command in a pod, without a terminal and without input, to its end: over the WebSocket the API server has for it. From the moment the connection is asked for the command may run, so
 * whatever is lost then is `unknown`, and so is a failure that does not say that it never began.
 */
export function createExec({ credentials, now }: { readonly credentials: Credentials; readonly now: () => number }): RunExec {
  return async function exec(job) {
    const target = execTarget(job.plan.target)
    const token = await credentials.token(job.cluster, job.account)
    let opened = await open(job, target, token, now)
    if (!('socket' in opened) && opened.status === 401) opened = await open(job, target, await credentials.token(job.cluster, job.account, token), now)
    if ('socket' in opened) return finish(opened, job)
    if (opened.status === 401) throw new CredentialError(`the cluster does not accept the token it minted for \`${job.account}\``)
    const { status, audit, bytes } = opened
    if (status < 400) throw new TransportError('broken', `the cluster does not open a connection and answers ${status}`, false)
    if (status >= 500 && !untouched(status, bytes) && !unstarted(bytes)) return unknown(`the cluster answered ${status}; its Audit-ID is ${audit}`)     // a proxy's word for a connection that it passed on
    return { status: 'succeeded', rows: rawOf({ status, contentType: 'application/json', headers: {}, audit, maskKey: null, body: { kind: 'bytes', bytes } }) }
  }
}

/** Output alone, whatever was asked for: what goes in or paints a terminal is not on record. */
export function execTarget(target: string): string {
  const [path = '', query = ''] = target.split('?', 2)
  const kept = query.split('&').filter((pair) => /^(?:command|container)=/.test(pair))
  return `${path}?${[...kept, 'stdin=false', 'stdout=true', 'stderr=true', 'tty=false'].join('&')}`
}

async function open({ cluster, run }: ExecJob, target: string, token: string, now: () => number): Promise<Opened | Refused> {
  const { WebSocket: Connection } = await import('ws')                     // before there is anything to lose; most processes never run a command
  const tls = await secured(cluster, run.cut)
  if (now() >= run.deadline) {
    tls.destroy()
    throw new TransportError('late', 'the time to begin has passed', false)
  }
  const host = cluster.host.includes(':') ? `[${cluster.host}]` : cluster.host
  const socket = new Connection(`wss://${host}:${cluster.port}${cluster.prefix}${target}`, ['v5.channel.k8s.io', 'v4.channel.k8s.io'], {
    createConnection: () => tls, headers: { authorization: `Bearer ${token}`, 'user-agent': 'sluice' }, perMessageDeflate: false, followRedirects: false, handshakeTimeout: connectMs, maxPayload: frameBytes,
  })
  return new Promise((resolve, reject) => {
    let audit: string | null = null
    socket.binaryType = 'nodebuffer'
    socket.once('upgrade', ({ headers }) => { audit = auditOf(headers['audit-id']) })
    socket.once('open', () => {
      socket.pause()                                                       // nothing is lost between here and whoever listens
      resolve({ socket, audit })
    })
    socket.once('unexpected-response', (request, response) => {
      const parts: Buffer[] = []
      let bytes = 0
      response.on('data', (part: Buffer) => { if ((bytes += part.byteLength) <= errorBytes) parts.push(part) })
      response.once('error', () => undefined)
      response.once('close', () => {
        request.destroy()
        resolve({ status: response.statusCode ?? 502, audit: auditOf(response.headers['audit-id']), bytes: bytes > errorBytes ? new Uint8Array() : Buffer.concat(parts) })
      })
      setTimeout(() => response.destroy(), connectMs).unref()
    })
    socket.on('error', (error: NodeJS.ErrnoException) => { reject(new TransportError('lost', `the cluster did not open the command's connection (${error.code ?? 'no code'})`, true)) })
  })
}

function secured(cluster: Cluster, cut: AbortSignal | undefined): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    if (cut?.aborted) return reject(new TransportError('cut', 'cut before it began', false))
    const socket = connect({ ...tlsOf(cluster, false) })
    const timer = setTimeout(() => socket.destroy(new TransportError('unreachable', `no connection within ${connectMs} ms`, false)), connectMs)
    socket.once('secureConnect', () => { clearTimeout(timer); resolve(socket) })
    socket.once('error', (error) => { clearTimeout(timer); reject(error instanceof TransportError ? error : failureOf(error, false)) })
  })
}

/**
 * Heard whole, by the record, up to `mostBytes`; past that the command is let go of, and its answer says so. Of both outputs together the answer holds at most `limits.bytes`. A process that
 * nobody listens to any more ends when it next writes, as behind any closed pipe: what it does until then is not the gate's to stop.
 */
function finish({ socket, audit }: Opened, job: ExecJob): Promise<Executed> {
  const { run, limits, maskKey } = job
  return new Promise((resolve) => {
    let ending: Ending | null = null
    let [over, wrote] = [false, false]
    const end = (what: () => Executed, short = true) => {
      if (over) return
      over = true
      clearTimeout(timer)
      run.cut?.removeEventListener('abort', cut)
      socket.terminate()
      // The rest of what it wrote is on record before its outcome is, whatever that is.
      void output.close(short).then(() => { resolve(what()) }, () => { resolve(unheard) })
    }
    const output = listen(job, () => { end(() => unheard) }, { stop: () => { socket.pause() }, go: () => { socket.resume() } })
    const lost = (why: string) => { end(() => unknown(why)) }
    const cut = () => { const reason: unknown = run.cut?.reason; end(() => cutOff(reason instanceof Error ? reason.message : 'it may not go on')) }
    const timer = setTimeout(() => { lost(`no end of the command within ${limits.timeoutMs} ms`) }, limits.timeoutMs)
    const ended = (exitCode: number | null, more: { readonly ended?: string } = {}) => {
      const { stdout, stderr, truncated, cut } = output.kept()
      return { status: 'succeeded', rows: rawOf({ ...json, status: 200, audit, maskKey, body: { kind: 'exec', stdout, stderr, exitCode, truncated, cut, ...more } }) } as const
    }
    run.cut?.addEventListener('abort', cut, { once: true })
    socket.on('error', () => undefined)                                    // `close` follows, and says the same
    socket.on('message', (data: RawData, binary: boolean) => {
      if (over || !binary || !Buffer.isBuffer(data) || data.byteLength === 0) return
      const [channel, rest] = [data[0], data.subarray(1)]
      if (channel === errorChannel) ending = endingOf(rest)
      else if (channel === stdoutChannel || channel === stderrChannel) {
        wrote ||= rest.byteLength > 0
        if (output.take(channel === stdoutChannel ? 'stdout' : 'stderr', rest)) return
        end(() => ended(null, { ended: `it wrote more than ${output.most / 1024 / 1024} MB, which is the most a command may; it was let go of there, and how it ended is not known` }))
      }
    })
    socket.once('close', () => {
      if (ending === null) return lost('the connection broke off before the command had ended')
      const { ...last } = ending
      // What broke behind the API server is told as a failure like one to begin with; of a command that wrote something, or that nobody says never began, it is no word on what became of it.
      if (!('exitCode' in last) && (wrote || !unstarted(last.bytes))) return lost(`the cluster names no end of the command: ${last.code} ${last.message}`)
      end(() => ('exitCode' in last ? ended(last.exitCode) : { status: 'succeeded', rows: rawOf({ ...json, status: last.code, audit, maskKey, body: { kind: 'bytes', bytes: last.bytes } }) }), false)
    })
    if (run.cut?.aborted) cut()
    else socket.resume()
  })
}

/** The command began, so what it did until then is done. */
const cutOff = (reason: string): Executed => ({
  status: 'unknown', refusal: { slug: 'outcome-unknown', reason: 'cut', next: 'none', inner: `cut: ${reason}`, detail: `the command was ended while it ran, because it may not go on (${reason}); what it did until then is done, and what it wrote is on record` },
})
const unheard: Executed = unknown('what the command wrote could not be recorded, so it was ended')
const json = { contentType: 'application/json', headers: {} }
type Ending = { readonly exitCode: number } | { readonly code: number; readonly message: string; readonly bytes: Uint8Array }

/** The Status on the error channel: success, an exit code, or a failure to run it, to its end or at all. */
function endingOf(bytes: Buffer): Ending | null {
  let value: unknown
  try {
    value = JSON.parse(bytes.toString('utf8'))
  } catch {
    return null
  }
  if (!isObject(value)) return null
  if (value['status'] === 'Success') return { exitCode: 0 }
  const causes = isObject(value['details']) && Array.isArray(value['details']['causes']) ? value['details']['causes'].filter(isObject) : []
  const code = causes.find(({ reason }) => reason === 'ExitCode')?.['message']
  if (value['reason'] === 'NonZeroExitCode' && typeof code === 'string' && /^\d{1,3}$/.test(code)) return { exitCode: Number(code) }
  const message = typeof value['message'] === 'string' ? value['message'].slice(0, 500) : ''
  return { code: typeof value['code'] === 'number' && value['code'] >= 400 && value['code'] < 600 ? value['code'] : 500, message, bytes: Buffer.from(JSON.stringify({ ...value, kind: 'Status', apiVersion: 'v1' })) }
}
const auditOf = (value: string | string[] | undefined): string | null => (typeof value === 'string' && /^[\w.:-]{1,128}$/.test(value) ? value : null)
