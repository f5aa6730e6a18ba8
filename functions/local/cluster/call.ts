import type { IncomingHttpHeaders } from 'node:http'
import { Failure } from './failure.ts'
import type { Kind } from './kinds.ts'
import type { Logs } from './log.ts'
import type { Fields, Item } from './object.ts'
import type { Reading } from './path.ts'
import type { User } from './rbac.ts'
import type { Store } from './store.ts'
import { partial, table, type Include } from './table.ts'
import type { Tokens } from './token.ts'

/** Everything this API server is made of; one a cluster. */
export interface World {
  readonly store: Store
  readonly tokens: Tokens
  readonly logs: Logs
  readonly now: () => number
  /** Lower-case letters and digits, for generated names. */
  readonly random: (length: number) => string
  readonly uid: () => string
  /** Of `application/vnd.kubernetes.protobuf` bodies; null: they are refused with 415. */
  readonly decode: ((body: Buffer) => unknown) | null
}
/** A request whose caller is known and may do what it asks. */
export interface Call {
  readonly method: string
  readonly reading: Reading
  readonly headers: IncomingHttpHeaders
  readonly user: User
  readonly body: Buffer
  /** null: none was asked for (paths of no resource). */
  readonly kind: Kind | null
}
export interface Reply {
  readonly status: number
  /** Text where the content type says so. */
  readonly body: Fields | string
  readonly contentType?: string
  readonly warnings?: readonly string[]
  /** Instead of `body`: called once the head is sent; `signal` is aborted when the caller is gone. */
  readonly stream?: (out: { readonly write: (chunk: string) => void; readonly end: () => void; readonly signal: AbortSignal }) => void
}
export const reply = (status: number, body: Fields | string): Reply => ({ status, body })
/** The first value of a query parameter; '' for none. */
export const parameter = ({ reading }: Call, name: string): string => reading.query.get(name)?.[0] ?? ''
export const managerOf = (call: Call): string => parameter(call, 'fieldManager') || (call.headers['user-agent'] ?? 'unknown').split('/')[0] || 'unknown'
export const timeOf = ({ now }: World): string => new Date(now()).toISOString().replace(/\.\d+Z$/, 'Z')

export interface Form { readonly as: 'object' | 'table' | 'partial'; readonly include: Include }
/** What form of the answer the caller accepts, the first it names that there is. Throws 406 where there is none, protobuf alone among them. */
export function formOf(call: Call): Form {
  const include = parameter(call, 'includeObject') || 'Metadata'
  if (include !== 'None' && include !== 'Metadata' && include !== 'Object') throw new Failure(400, 'BadRequest', `unrecognized includeObject value: "${include}"`)
  for (const one of (call.headers.accept ?? '*/*').split(',')) {
    const [type = '', ...parameters] = one.trim().split(';').map((part) => part.trim())
    if (!['application/json', 'application/*', '*/*'].includes(type)) continue
    const as = parameters.find((part) => part.startsWith('as='))?.slice(3)
    if (as === 'Table') return { as: 'table', include }
    if (as === 'PartialObjectMetadata' || as === 'PartialObjectMetadataList') return { as: 'partial', include }
    if (as === undefined) return { as: 'object', include }
  }
  throw new Failure(406, 'NotAcceptable', 'only the following media types are accepted: application/json')
}

export function renderOne(world: World, kind: Kind, item: Item, { as, include }: Form): Fields {
  if (as === 'table') return table(kind.kind, [item], { include, metadata: { resourceVersion: item.metadata.resourceVersion }, now: world.now() })
  return as === 'partial' ? partial(item) : item
}
/** A list as the real server gives it: without kind and version on its items. */
export function renderList(world: World, kind: Kind, items: readonly Item[], metadata: Fields, { as, include }: Form): Fields {
  if (as === 'table') return table(kind.kind, items, { include, metadata, now: world.now() })
  if (as === 'partial') return { kind: 'PartialObjectMetadataList', apiVersion: 'meta.k8s.io/v1', metadata, items: items.map((item) => ({ metadata: item.metadata })) }
  return { kind: `${kind.kind}List`, apiVersion: kind.group === '' ? kind.version : `${kind.group}/${kind.version}`, metadata, items: items.map(({ kind: _kind, apiVersion: _version, ...item }) => item) }
}
