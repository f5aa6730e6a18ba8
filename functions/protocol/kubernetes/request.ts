import { ok, type Result } from '../../../schema/refusal.ts'
import type { Param, Query } from '../../../schema/request.ts'
import type { Json } from '../json.ts'
import { acceptOf } from './accept.ts'
import { attributesIn } from './attributes.ts'
import { bodyOf, type Members } from './body.ts'
import { parametersOf } from './parameters.ts'
import { partsOf, targetOf, type Parts } from './path.ts'
import type { Attributes } from './plan.ts'
import { rulesOf } from './rules.ts'
import { clip, unreadable, unsupported } from './say.ts'
import { toldOf } from './told.ts'

/** Subresources that are another protocol behind HTTP: their parameters are not read, for nothing is sent. */
export const carried: ReadonlySet<string> = new Set(['attach', 'portforward', 'proxy'])

/**
 * One HTTP request as the one statement it is (`Protocol.read`): `METHOD target`, canonical, with the headers that matter and the body as a JSON value. Reading that statement again gives
 * the same. `target` is the raw one; nothing in it is trusted.
 */
export function readRequest(method: string, target: string, headers: Readonly<Record<string, string>>, body: Uint8Array | null): Result<Query> {
  const parts = partsOf(target)
  if (!parts.ok) return parts
  const canonical = canonicalOf(method, parts.value)
  if (!canonical.ok) return canonical
  const { attributes, query } = canonical.value
  const decoded = carried.has(attributes.subresource ?? '') ? ok({ value: null, contentType: null }) : bodyOf(attributes, headers['content-type'], body, query)
  if (!decoded.ok) return decoded
  const accept = acceptOf(headers.accept, aboutOf(attributes))
  const { value, contentType } = decoded.value
  const sql = `${method} ${targetOf({ segments: parts.value.segments, query })}`
  const sent = { sql, params: [{ accept, ...(contentType === null ? {} : { 'content-type': contentType }) }, value as Param] }
  const told = toldOf(rulesOf({}, attributes).classes, contentType, value)             // what a policy classifies is hidden once it is known: Plan.told
  return ok({
    statements: [sent], batch: false, isolation: 'read committed', purpose: null, reveal: [], rowMode: 'object', maxRows: null, form: 'kubernetes',
    ...(told === value ? {} : { told: toldWith(sent, told) }),
  })
}

/** The statement with another body. */
export const toldWith = ({ sql, params }: Query['statements'][number], told: Json): Query['statements'] => [{ sql, params: [params[0] ?? null, told as Param] }]

interface Canonical { readonly attributes: Attributes; readonly query: Parts['query'] }
/** What the server will decide by, from the parameters as they are forwarded. */
function canonicalOf(method: string, parts: Parts): Result<Canonical> {
  const first = attributesIn(method, parts)
  if (!first.ok) return first
  if (!first.value.isResource) {
    const wrong = badPath(method, parts.segments)
    if (wrong) return wrong
  }
  if (first.value.isResource && carried.has(first.value.subresource ?? '')) return ok({ attributes: first.value, query: new Map() })
  const query = parametersOf(first.value, parts.query)
  if (!query.ok) return query
  const attributes = attributesIn(method, { segments: parts.segments, query: query.value })
  return attributes.ok ? ok({ attributes: attributes.value, query: query.value }) : attributes
}

/** Discovery, versions, types, health. Everything else without a resource, such as `/metrics`, `/logs` and `/debug`, is closed. */
const paths = [
  /^\/$/, /^\/version$/, /^\/api(\/v1)?$/, /^\/apis(\/[a-z0-9.-]+){0,2}$/, /^\/openapi\/v2$/, /^\/openapi\/v3(\/[a-z0-9.-]+){0,3}$/, /^\/(healthz|livez|readyz)(\/[a-z0-9.:-]+){0,2}$/,
  /^\/\.well-known\/openid-configuration$/, /^\/openid\/v1\/jwks$/,
]
function badPath(method: string, segments: readonly string[]) {
  const path = `/${segments.join('/')}`
  if (method !== 'GET' && method !== 'HEAD') return unsupported('method', `\`${clip(path)}\` is no resource, and can only be read`)
  return paths.some((pattern) => pattern.test(path)) ? null : unsupported('path', `\`${clip(path)}\` is no resource, and not one of the paths the gate serves: discovery, /version, /openapi, /healthz, /livez, /readyz`)
}

function aboutOf({ isResource, resource, subresource, group }: Attributes): 'object' | 'log' | 'document' {
  if (!isResource) return 'document'
  return group === '' && resource === 'pods' && subresource === 'log' ? 'log' : 'object'
}

/** A statement of ours, taken apart again. What a store gave back is read as strictly as what came on the wire. */
export interface Statement extends Canonical {
  readonly method: string; readonly target: string; readonly accept: string; readonly contentType: string | null
  readonly body: Members | readonly Param[] | null
}
export function statementOf({ form, statements }: Query): Result<Statement> {
  const [statement] = statements
  if (form !== 'kubernetes' || statements.length !== 1 || !statement) return unreadable('form', 'this connection is a cluster: it is asked through the Kubernetes API')
  const [method = '', target = ''] = statement.sql.split(' ')
  const [headers, body] = statement.params
  const parts = partsOf(target)
  if (!parts.ok) return parts
  const canonical = canonicalOf(method, parts.value)
  if (!canonical.ok) return canonical
  const { accept, 'content-type': contentType } = headers as { accept?: unknown; 'content-type'?: unknown }
  if (`${method} ${targetOf({ segments: parts.value.segments, query: canonical.value.query })}` !== statement.sql || typeof accept !== 'string') return unreadable('form', 'the statement is not canonical')
  return ok({ ...canonical.value, method, target, accept, contentType: typeof contentType === 'string' ? contentType : null, body: (body ?? null) as Statement['body'] })
}
