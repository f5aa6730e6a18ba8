import * as z from 'zod'
import { lockBody, planBody, policyBody } from './administration.ts'
import * as answer from './answer.ts'
import { decisionBody } from './approval.ts'
import { hostBody, podBody, queryBody } from './request.ts'

/**
 * The OpenAPI 3.1 document of the HTTP API, made from the zod shapes the gate itself parses with. schema/generate.ts writes it to
 * schema/openapi.json, which the gate serves; nothing is made at run time.
 */
interface Operation {
  readonly method: 'get' | 'put' | 'post' | 'delete'; readonly path: string; readonly id: string; readonly summary: string; readonly text?: string
  readonly answers: string; readonly body?: string; readonly open?: true; readonly query?: readonly Parameter[]; readonly headers?: readonly Parameter[]
  readonly refusals: readonly number[]; readonly html?: true; /** Where it is neither JSON nor a page. */ readonly type?: string; /** May answer 202. */ readonly waits?: true
}
interface Parameter { readonly name: string; readonly description: string; readonly schema?: object }

/** Of every call with a token: 400 also for a query parameter it does not know, 404 also for a session that is another's. */
const always = [400, 401, 404, 500, 503]
const session: Parameter = { name: 'Sluice-Session', description: 'groups calls for replay; made by the gate on first use, bound to subject, actor and issuer' }
const key: Parameter = { name: 'Idempotency-Key', description: '1 to 255 visible ascii characters; kept 24 h. The same body gets the stored answer, another body 422, one in flight 409', schema: { type: 'string', minLength: 1, maxLength: 255 } }
const prefer: Parameter = { name: 'Prefer', description: '`wait=N`, at most 55 seconds, for what waits for a person' }
const statement = 'One `sql`, or a `transaction` of several that is decided whole and runs whole or not at all. Values belong into `params` (`$1`…). 64-bit integers and numerics are strings, both ways.'

const operations: readonly Operation[] = [
  { method: 'get', path: '/healthz', id: 'alive', summary: 'Alive', answers: 'Alive', open: true, refusals: [] },
  { method: 'get', path: '/readyz', id: 'ready', summary: 'Can decide, execute and record; 503 when not', answers: 'Ready', open: true, refusals: [] },
  { method: 'get', path: '/.well-known/oauth-protected-resource', id: 'metadata', summary: 'Which issuers are accepted (RFC 9728)', answers: 'Metadata', open: true, refusals: [503] },
  { method: 'get', path: '/problems', id: 'problems', summary: 'Every refusal, as a page', answers: 'Page', open: true, html: true, refusals: [] },
  { method: 'get', path: '/problems/{slug}', id: 'problem', summary: 'One refusal: what happened and what to do', answers: 'Page', open: true, html: true, refusals: [404] },
  { method: 'get', path: '/v1/me', id: 'me', summary: 'Who the gate takes you for, and what you may do on which connection. Start here', answers: 'Me', refusals: always },
  { method: 'get', path: '/v1/connections', id: 'connections', summary: 'The connections you may use', answers: 'Connections', refusals: always },
  { method: 'get', path: '/v1/connections/{connection}/schema', id: 'schema', summary: 'The tables and columns you may use, with data class and mask', answers: 'Schema', query: [{ name: 'purpose', description: 'what the access is for, where rules ask for it' }], refusals: [403, ...always] },
  { method: 'get', path: '/v1/connections/{connection}/grants', id: 'grants', summary: 'The roles and grants the connection needs on its target, as a script, and where those in force differ', text: 'For those who may read the policy. Reads catalogs, changes nothing.', answers: 'Grants', refusals: [400, 403, 404, ...always] },
  { method: 'post', path: '/v1/connections/{connection}/query', id: 'query', summary: 'Decide, execute, mask and record', text: statement, answers: 'Rows', body: 'Query', headers: [session, key, prefer], waits: true, refusals: [403, 409, 410, 413, 422, 429, 502, 504, ...always] },
  { method: 'post', path: '/v1/connections/{connection}/explain', id: 'explain', summary: 'The decision and why; nothing is executed', text: statement, answers: 'Explanation', body: 'Explain', headers: [session], refusals: [413, ...always] },
  { method: 'post', path: '/v1/connections/{connection}/exec', id: 'exec', summary: 'Run one command on a host, or in a container of a cluster, without a terminal and without input', text: 'On a host (an SSH connection) decided as `exec` of its very words. In a container (`namespace`, `pod`) decided as `create` of `pods/exec`, which a rule must name. The command and what it wrote are on record.', answers: 'Said', body: 'Exec', headers: [session, key, prefer], waits: true, refusals: [403, 409, 410, 413, 422, 429, 502, 504, ...always] },
  { method: 'get', path: '/v1/requests', id: 'requests', summary: 'Access requests in short: your own, and those you may decide, newest first', answers: 'Requests', query: [
    { name: 'status', description: 'only those in this state' }, { name: 'limit', description: 'requests a page', schema: { type: 'integer', minimum: 1, maximum: 200, default: 50 } }, { name: 'after', description: '`next` of the page before' },
  ], refusals: always },
  { method: 'get', path: '/v1/requests/{id}', id: 'request', summary: 'One access request; with its result, for whoever asked', answers: 'OneRequest', refusals: always },
  { method: 'delete', path: '/v1/requests/{id}', id: 'cancel', summary: 'Take your own request back', answers: 'OneRequest', refusals: [403, 409, ...always] },
  { method: 'post', path: '/v1/requests/{id}/decision', id: 'decide', summary: 'Say yes or no. People only, signed in at most 15 minutes ago; approval itself starts the execution', answers: 'OneRequest', body: 'Decision', refusals: [403, 409, 410, 413, ...always] },
  { method: 'get', path: '/v1/audit/events', id: 'events', summary: 'The record, newest first', answers: 'Events', query: [
    { name: 'from', description: 'ISO 8601, from this moment on' }, { name: 'to', description: 'ISO 8601, before this moment' }, { name: 'subject', description: '`user:…` or `agent:…`' }, { name: 'actor', description: '`user:…` or `agent:…`' },
    { name: 'connection', description: 'a connection\'s name' }, { name: 'kind', description: 'intent, outcome, correction, refusal, policy, lock, audit-read, explain, repeat, stream, start, unauthenticated, heartbeat, writer, void, log-key, sign-in, erasure, prune, request, approval, rejection, cancellation, expiry or stale' }, { name: 'session', description: 'a session id' }, { name: 'evaluation', description: 'an evaluation id, as every answer carries it' },
    { name: 'object', description: 'what was accessed, such as `public.orders`; `*` stands for any text. This and the next three are answered by the index of the log, which follows it: the answer then has `indexedTo`' }, { name: 'action', description: 'such as `select`; with `object`, of the same access' },
    { name: 'decision', description: 'permit, deny or ask; of outcomes succeeded, failed or unknown', schema: { type: 'string', enum: ['permit', 'deny', 'ask', 'succeeded', 'failed', 'unknown'] } }, { name: 'rule', description: 'a rule that took part, such as `support-agent.rules[0]`' },
    { name: 'limit', description: 'events a page', schema: { type: 'integer', minimum: 1, maximum: 200, default: 50 } }, { name: 'after', description: '`next` of the page before' }, { name: 'export', description: 'recorded with the read: what the page becomes a part of', schema: { type: 'string', enum: ['ndjson', 'ocsf'] } },
  ], refusals: [403, ...always] },
  { method: 'get', path: '/v1/audit/events/{id}', id: 'event', summary: 'One event', answers: 'OneEvent', refusals: [403, ...always] },
  { method: 'get', path: '/v1/audit/sessions/{id}', id: 'replay', summary: 'A session: its events in order, with its access requests', text: 'A long session comes in parts, the newest first, each in order; `next` continues with the part before it.', answers: 'Session', query: [
    { name: 'limit', description: 'events a part', schema: { type: 'integer', minimum: 1, maximum: 1000, default: 500 } }, { name: 'after', description: '`next` of the part after it' },
  ], refusals: [403, ...always] },
  { method: 'get', path: '/v1/audit/events/{id}/receipt', id: 'receipt', summary: 'Proof that an event is in the log (c2sp.org/tlog-proof), for whoever has the log\'s key', text: '404 with `retry` while it is stored and not in the log yet, which takes about a second.', answers: 'Text', type: 'text/plain', refusals: [403, ...always] },
  { method: 'delete', path: '/v1/audit/sessions/{id}/content', id: 'eraseSession', summary: 'Erase the content of a session by destroying its keys; for whom a rule permits `delete` on `audit`', text: 'On record before the first key goes. Again with `after` until `next` is null; broken off, again from the start.', answers: 'Erased', query: [{ name: 'after', description: '`next` of the call before' }], refusals: [403, ...always] },
  { method: 'delete', path: '/v1/audit/content', id: 'eraseSubject', summary: 'Erase the content of what a subject wrote before a time', answers: 'Erased', query: [{ name: 'subject', description: '`user:…` or `agent:…`' }, { name: 'before', description: 'ISO 8601' }, { name: 'after', description: '`next` of the call before' }], refusals: [403, ...always] },
  { method: 'get', path: '/v1/audit/log/checkpoint', id: 'checkpoint', summary: 'The newest signed checkpoint (c2sp.org/tlog-checkpoint)', answers: 'Text', type: 'text/plain', refusals: [403, ...always] },
  { method: 'get', path: '/v1/audit/log/vkey', id: 'vkey', summary: 'The log\'s public key (c2sp.org/signed-note)', answers: 'Text', type: 'text/plain', refusals: [403, ...always] },
  { method: 'get', path: '/v1/audit/log/keys', id: 'keys', summary: 'How one key of the log followed another: `{"keys": […]}`, each a note signed by both, oldest first', answers: 'Text', type: 'application/json', refusals: [403, ...always] },
  { method: 'get', path: '/v1/audit/log/{content}', id: 'content', summary: 'What can still be opened of the content of a bundle of entries, as lines of JSON: `content/<N>[.p/<W>]`', text: '`{id, opening, text}`: HMAC-SHA-256 of `text` under `opening` (hex) is the commitment in the entry. `{id, state}`: erased or damaged. `{next}`: go on with `from`.', answers: 'Text', type: 'application/x-ndjson', query: [{ name: 'from', description: '`next` of the answer before', schema: { type: 'integer' } }], refusals: [403, ...always] },
  { method: 'get', path: '/v1/audit/log/{tile}', id: 'tile', summary: 'A tile of the log (c2sp.org/tlog-tiles): `tile/<L>/<N>[.p/<W>]`, `tile/entries/<N>[.p/<W>]`', answers: 'Tile', type: 'application/octet-stream', refusals: [403, ...always] },
  { method: 'get', path: '/v1/policy', id: 'policy', summary: 'The policy in force', answers: 'Policy', refusals: [403, ...always] },
  { method: 'put', path: '/v1/policy', id: 'apply', summary: 'Put a policy in force, whole, if `from` still is', answers: 'Applied', body: 'PolicyBody', refusals: [403, 409, 413, 502, ...always] },
  { method: 'post', path: '/v1/policy/plan', id: 'plan', summary: 'What a policy would change; nothing is changed', answers: 'Plan', body: 'PlanBody', refusals: [403, 413, ...always] },
  { method: 'get', path: '/v1/locks', id: 'locks', summary: 'Every lock', answers: 'Locks', refusals: [403, ...always] },
  { method: 'get', path: '/v1/locks/{target}', id: 'locked', summary: 'One lock', answers: 'OneLock', refusals: [403, ...always] },
  { method: 'put', path: '/v1/locks/{target}', id: 'lock', summary: 'Stop a subject, a role, a connection or everything', text: 'Holds for every statement that begins more than 2 s later. `everything` and `connection:sluice` never keep locks from being lifted.', answers: 'OneLock', body: 'LockBody', refusals: [403, 413, 502, ...always] },
  { method: 'delete', path: '/v1/locks/{target}', id: 'unlock', summary: 'Lift a lock', answers: 'Unlocked', refusals: [403, 502, ...always] },
]

const shapes: Readonly<Record<string, z.ZodType>> = {
  Problem: answer.problem, Query: queryBody, Explain: z.union([...queryBody.options, hostBody, podBody]), Rows: answer.rows, Exec: z.union([hostBody, podBody]), Said: answer.said, Waiting: answer.waiting, Requests: answer.requests, OneRequest: answer.oneRequest, Decision: decisionBody, Explanation: answer.explanation, Me: answer.me, Connections: answer.connections, Schema: answer.schema, Grants: answer.grants, Events: answer.events, OneEvent: answer.oneEvent, Session: answer.session, Erased: answer.erased,
  Policy: answer.policy, PolicyBody: policyBody, Applied: answer.applied, PlanBody: planBody, Plan: answer.plan, LockBody: lockBody, OneLock: answer.oneLock, Locks: answer.locks, Unlocked: answer.unlocked,
  Metadata: answer.metadata, Alive: z.object({ alive: z.literal(true) }), Ready: z.object({ ready: z.boolean() }),
}

export function openapi(): Record<string, unknown> {
  const paths: Record<string, Record<string, unknown>> = {}
  for (const operation of operations) (paths[operation.path] ??= {})[operation.method] = described(operation)
  return {
    openapi: '3.1.1',
    info: {
      title: 'Sluice', version: '1', license: { name: 'MIT', identifier: 'MIT' },
      description: 'A gate in the data path for AI agents. Each statement is decided by policy, executed with credentials the caller never sees, masked and recorded. Refusals are RFC 9457 problems whose `type` opens as a page. Below `/v1/kubernetes/{connection}/` is the API of a cluster as the cluster itself describes it (`…/openapi/v3`), for kubectl and client libraries; refusals there are Kubernetes `Status` objects.',
    },
    security: [{ token: [] }],
    paths,
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: 'A token of one of the issuers at /.well-known/oauth-protected-resource, for this gate\'s audience' } },
      schemas: Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [name, shapeOf(shape)])),
    },
  }
}

function described({ path, id, summary, text, answers, body, open, query, headers, refusals, html, type, waits }: Operation): Record<string, unknown> {
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({ name, in: 'path', required: true, schema: { type: 'string' } }))
  const inQuery = (query ?? []).map(({ name, description, schema }) => ({ name, in: 'query', description, schema: schema ?? { type: 'string' } }))
  const inHeader = (headers ?? []).map(({ name, description, schema }) => ({ name, in: 'header', description, schema: schema ?? { type: 'string' } }))
  const parameters = [...inPath, ...inQuery, ...inHeader]
  const answered = html || type ? { [type ?? 'text/html']: { schema: { type: 'string' } } } : { 'application/json': { schema: reference(answers) } }
  return {
    operationId: id, summary, ...(text ? { description: text } : {}), ...(open ? { security: [] } : {}),
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(body ? { requestBody: { required: true, content: { 'application/json': { schema: reference(body) } } } } : {}),
    responses: {
      200: { description: summary, content: answered },
      ...(waits ? { 202: { description: 'Waits for people; `Location` is the request, `Retry-After` when to look again', content: { 'application/json': { schema: reference('Waiting') } } } } : {}),
      ...Object.fromEntries([...new Set(refusals)].sort().map((status) => [status, { description: 'Refused', content: { 'application/problem+json': { schema: reference('Problem') } } }])),
      ...(id === 'ready' ? { 503: { description: 'Not ready', content: answered } } : {}),
    },
  }
}

const reference = (name: string) => ({ $ref: `#/components/schemas/${name}` })

/** zod names the recursive "any json value" as a definition of its own, which a component cannot hold; in JSON Schema that is simply `{}`. */
function shapeOf(shape: z.ZodType): unknown {
  const { $schema: _, $defs, ...rest } = z.toJSONSchema(shape, { target: 'draft-2020-12', io: 'input' })
  for (const [name, definition] of Object.entries($defs ?? {})) {
    if (definition.anyOf?.length !== 6) throw new Error(`definition ${name} is not the one of any json value: give the shape a component of its own`)
  }
  return JSON.parse(JSON.stringify(rest), (_, value: unknown) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
    if ('$ref' in value && typeof value.$ref === 'string' && value.$ref.startsWith('#/$defs/')) return {}
    return Object.fromEntries(Object.entries(value).filter(([member, of]) => !((member === 'minimum' || member === 'maximum') && Math.abs(Number(of)) === Number.MAX_SAFE_INTEGER)))
  })
}
