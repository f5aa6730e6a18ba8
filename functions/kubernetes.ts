import type { Context } from 'hono'
import { ok, refuse, type Refusal, type Result } from '../schema/refusal.ts'
import type { Query } from '../schema/request.ts'
import { endOf } from './allowance.ts'
import { send } from './answer.ts'
import { challenge } from './authenticate/challenge.ts'
import { readBytes } from './body.ts'
import { disclose, enclose } from './envelope.ts'
import type { Answer, Gate } from './gate.ts'
import { doorOf, keyOf, waitOf } from './knock.ts'
import type { Ports } from './ports.ts'
import { faultRefusal } from './problem.ts'
import type { Masked } from './protocol/protocol.ts'
import { mostRetryAfterSeconds, noUpgrade, statusBody, waitingStatus, type Status } from './status.ts'
import type { RawTarget } from './target.ts'

type Answered = NonNullable<Masked['answer']>
type Headers = Readonly<Record<string, string>>
/** A connection's name stands for itself: one with an escape in it is none. What is behind it is the target that the engine reads. */
const form = /^\/v1\/kubernetes\/([a-z0-9][a-z0-9._-]{0,62})(?:(\/[^]*)|(\?[^]*))?$/

/**
 * `ANY /v1/kubernetes/{connection}/*`: the Kubernetes API behind the gate, for kubectl and client libraries as they are. Nothing here decides: it hands on the raw target, the two headers that
 * matter and the body, and gives back the masked answer, or a refusal as the `Status` those clients read. `accept` and `content-type` are all that gets through; a request to act as
 * somebody else is refused, because it would be taken for one that was.
 */
export function createKubernetes(ports: Ports, gate: Gate, targetOf: RawTarget) {
  return (c: Context): Promise<Response> => kubernetes(c).catch((error: unknown) => refused(c, faultRefusal(error, ports.alarm), null, {}))

  async function kubernetes(c: Context): Promise<Response> {
    const [whole, connection, path = '/', query = ''] = form.exec(targetOf(c.env) ?? '') ?? []
    if (whole === undefined || connection === undefined) return refused(c, ambiguous, null, {})
    const key = keyOf(c)
    const { evaluation, session, result } = await gate.query({
      ...doorOf(c), ...endOf(c.env, ports.now()), connection, idempotencyKey: key.ok ? key.value : null, waitMs: waitOf(c), gone: () => c.req.raw.signal.aborted, strict: true, question: async () => (key.ok ? read(c, `${path}${query}`) : key),
    })
    const promise = ports.promise?.(evaluation) ?? null
    const headers = { ...(session === null ? {} : { 'sluice-session': session }), ...(promise === null ? {} : { 'sluice-promise': promise }) }
    return result.ok ? answered(c, result.value, evaluation, headers) : refused(c, result.refusal, evaluation, headers)
  }

  /** Only once the caller is known: until then not a byte of the body is read. */
  async function read(c: Context, target: string): Promise<Result<Query>> {
    const engine = ports.engines.kubernetes
    if (!engine?.read) return refuse(noEngine)
    const { method } = c.req
    const about = { inner: `${method.slice(0, 16)} ${target.slice(0, 2000)}` }
    const headers = c.req.raw.headers
    if (headers.has('upgrade') || tunnels.test(target)) return refuse({ ...noUpgrade, ...about })
    if ([...headers.keys()].some((name) => /^(impersonate-|x-remote-)/.test(name))) return refuse({ ...impersonation, ...about })
    const encoding = headers.get('content-encoding')
    if (encoding !== null && encoding.toLowerCase() !== 'identity') return refuse({ ...compressed, ...about })
    const body = await readBytes(c.req.raw)
    if (body === null) return refuse({ ...tooLarge, ...about })
    if (body === 'broken') return refuse({ ...broken, ...about })
    const passed = Object.fromEntries(['accept', 'content-type'].flatMap((name) => { const value = headers.get(name); return value === null ? [] : [[name, value]] }))
    const query = await engine.read(method, target, passed, body.length === 0 ? null : body)
    if (!query.ok) return refuse({ ...query.refusal, inner: [about.inner, query.refusal.inner].filter((text) => text !== undefined).join(': ') })
    const said = wordsOf(headers)
    return said.ok ? ok({ ...query.value, ...said.value }) : said
  }

  async function answered(c: Context, answer: Answer, evaluation: string, headers: Headers): Promise<Response> {
    if ('waiting' in answer) return sendStatus(c, waitingStatus(answer.waiting, ports.self.console, evaluation), { ...headers, location: `/v1/requests/${answer.waiting.id}` })
    if ('stored' in answer) {
      const { status, type, bytes } = disclose(answer.stored.body)
      return sent(c, { status, headers: { 'content-type': type }, body: bytes, audit: null }, headers)
    }
    const { answer: given } = answer.masked
    if (given === undefined) throw new TypeError('invariant: an engine of its own protocol answers in it')
    const kept = given.body instanceof Uint8Array ? enclose({ status: given.status, type: given.headers['content-type'] ?? 'application/json', bytes: given.body }) : null
    // As for rows: before the answer. What streams is not kept; a repeat under its key is told so.
    await answer.keep(given.status, kept).catch((error: unknown) => faultRefusal(error, ports.alarm))
    return sent(c, given, headers)
  }

  function refused(c: Context, refusal: Refusal, evaluation: string | null, headers: Headers): Response {
    return sendStatus(c, statusBody(refusal, evaluation), {
      ...headers, ...(refusal.slug === 'unauthenticated' ? { 'www-authenticate': challenge(refusal, ports.self.url) } : {}), ...retryAfter(refusal),
    })
  }
}

const sendStatus = (c: Context, status: Status, headers: Headers): Response => send(c, status.code, 'application/json', JSON.stringify(status), headers)

/** What clients read of the target's headers, and no other: how an answer is cached, sniffed and framed is ours to say. A stream is pulled as its reader reads, and cancelled when nobody does. */
function sent(c: Context, { status, headers, body, audit }: Answered, extra: Headers): Response {
  const type = headers['content-type'] ?? 'application/json'
  const rest = Object.fromEntries(Object.entries(headers).filter(([name]) => passedBack.has(name)))
  const bare = c.req.method === 'HEAD' || status === 204 || status === 304
  const stream = body instanceof ReadableStream
  if (stream && (bare || c.req.raw.signal.aborted)) void body.cancel('caller gone').catch(() => {})
  return send(c, status, type, bare ? null : stream ? body : new Uint8Array(body), { ...rest, ...(audit === null ? {} : { 'audit-id': audit }), ...extra })
}

const passedBack: ReadonlySet<string> = new Set(['etag', 'last-modified', 'vary', 'warning', 'retry-after', 'allow', 'x-kubernetes-pf-flowschema-uid', 'x-kubernetes-pf-prioritylevel-uid'])

/** See status.ts: never where something may have run. */
function retryAfter({ slug, retryAfterSeconds }: Refusal): Headers {
  const ran = slug === 'outcome-unknown' || slug === 'internal' || slug === 'timeout'
  return ran || retryAfterSeconds === undefined || retryAfterSeconds > mostRetryAfterSeconds ? {} : { 'retry-after': String(Math.max(1, Math.ceil(retryAfterSeconds))) }
}

/** What SQL says in its body: `Sluice-Purpose`, and `Sluice-Reveal` with classes between commas. */
function wordsOf(headers: Request['headers']): Result<Pick<Query, 'purpose' | 'reveal'>> {
  const purpose = headers.get('sluice-purpose')
  const reveal = (headers.get('sluice-reveal') ?? '').split(',').map((name) => name.trim()).filter((name) => name !== '')
  if (purpose !== null && !/^[\x20-\x7e]{1,500}$/.test(purpose)) return refuse(invalid('purpose', '`sluice-purpose` must be 1 to 500 visible ascii characters'))
  if (reveal.length > 32 || reveal.some((name) => name.length > 64)) return refuse(invalid('reveal', '`sluice-reveal` holds at most 32 classes of at most 64 characters, between commas'))
  return ok({ purpose, reveal: [...new Set(reveal)] })
}

const tunnels = /\/(?:exec|attach|portforward)(?:[/?]|$)/
const invalid = (reason: string, detail: string): Refusal => ({ slug: 'invalid-request', reason, next: 'fix', detail })
const ambiguous = invalid('target', 'the path has no one reading: write /v1/kubernetes/{connection}/ and the API\'s own path, without escapes in the connection\'s name')
const impersonation: Refusal = { slug: 'statement-unsupported', reason: 'impersonation', next: 'fix', detail: 'the gate decides by your own token: leave `--as` and its headers out' }
const compressed = invalid('content_encoding', 'a compressed body is not read: send it without `content-encoding`')
const broken = invalid('body_broken', 'the body ended before it was complete')
const tooLarge: Refusal = { slug: 'too-large', reason: 'body_too_large', next: 'fix', detail: 'the body is over 1 MiB; send less in one call' }
const noEngine: Refusal = { slug: 'not-found', reason: 'no_connection', next: 'none', detail: 'there is no connection to a cluster here' }
