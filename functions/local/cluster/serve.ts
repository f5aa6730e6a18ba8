import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { gzipSync } from 'node:zlib'
import { readBody } from '../wire.ts'
import type { Call, Reply, World } from './call.ts'
import { discovery } from './discovery.ts'
import { Failure, forbidden, noSuchPath, notAllowed } from './failure.ts'
import { gnostic } from './gnostic.ts'
import { findKind, kindNamed, type Kind } from './kinds.ts'
import type { Fields } from './object.ts'
import { openapi, openapiIndex, swagger } from './openapi.ts'
import { readTarget, type Reading } from './path.ts'
import { mayDo, mayRead, type User } from './rbac.ts'
import { get, getAll, watch } from './read.ts'
import { review } from './review.ts'
import { subresource } from './sub.ts'
import { create, patch, remove, removeAll, update } from './write.ts'

/** What this server made of a request, for tests that hold it against what somebody else made of it. */
export interface Seen { readonly method: string; readonly target: string; readonly reading: Reading | null; readonly headers: IncomingMessage['headers']; readonly user: string | null; readonly audit: string; readonly body: Buffer }
const mostBytes = 3 * 1024 * 1024
const gzipFromBytes = 1024

export function createHandler(world: World, see: (seen: Seen) => void) {
  const answer = (request: IncomingMessage, body: Buffer, audit: string): Reply => {
    const { method = '', url = '' } = request
    const reading = readTarget(method, url)
    const user = identify(world, request)
    see({ method, target: url, reading, headers: request.headers, user: user?.name ?? null, audit, body })
    if (reading === null) return { status: 400, body: '400 Bad Request', contentType: 'text/plain; charset=utf-8' }
    if (user === null) throw new Failure(401, 'Unauthorized', 'Unauthorized')
    return route(world, { method, reading, headers: request.headers, user, body, kind: reading.isResource ? findKind(reading.group, reading.version, reading.resource) : null })
  }
  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const audit = String(request.headers['audit-id'] ?? randomUUID())
    try {
      const body = await readBody(request, mostBytes)
      if (body === null) throw new Failure(413, 'RequestEntityTooLarge', `Request entity too large: limit is ${mostBytes}`)
      send(request, response, answer(request, body, audit), audit)
    } catch (error) {
      const failure = error instanceof Failure ? error : new Failure(500, 'InternalError', error instanceof Error ? error.stack ?? error.message : String(error))
      if (!response.headersSent) send(request, response, { status: failure.code, body: failure.status }, audit)
      else response.destroy()
    }
  }
}

/** The token's user; with Impersonate headers whoever they name, where the token's user may do everything. null: nobody we know. */
export function identify({ tokens, store }: World, { headers }: IncomingMessage): User | null {
  const [, token = ''] = /^Bearer (\S+)$/i.exec(headers.authorization ?? '') ?? []
  const user = tokens.read(token, (namespace, name, uid) => store.get(kindNamed('ServiceAccount'), namespace, name)?.metadata.uid === uid)
  if (user === null) return null
  const as = headers['impersonate-user']
  if (as === undefined && !Object.keys(headers).some((name) => name.startsWith('impersonate-'))) return { ...user, groups: [...user.groups.filter((group) => group !== 'system:authenticated'), 'system:authenticated'] }
  if (!user.groups.includes('system:masters') || typeof as !== 'string') throw new Failure(403, 'Forbidden', `users "${String(as)}" is forbidden: User "${user.name}" cannot impersonate resource "users" in API group "" at the cluster scope`)
  return { name: as, groups: [...(headers['impersonate-group'] === undefined ? [] : String(headers['impersonate-group']).split(', ')), 'system:authenticated'] }
}

function route(world: World, call: Call): Reply {
  const { reading, user, kind } = call
  if (!reading.isResource) {
    if (!mayRead(world.store, user, reading.path, reading.verb)) throw new Failure(403, 'Forbidden', `forbidden: User "${user.name}" cannot ${reading.verb} path "${reading.path}"`)
    return call.method === 'GET' || call.method === 'HEAD' ? plain(call) : refuse(notAllowed())
  }
  const { verb, group, resource, subresource: sub, namespace, name } = reading
  if (!mayDo(world.store, user, { verb, group, resource, subresource: sub, namespace, name }) && !(kind?.virtual && verb === 'create')) throw forbidden(user.name, verb, { group, plural: resource, subresource: sub, name, namespace })
  if (!kind || verb === 'proxy' || reading.prefix !== (group === '' ? 'api' : 'apis')) throw noSuchPath()
  // A path of another scope than the kind's is no path: real routes are made per scope.
  if (reading.parts.some((part) => part === '') || (kind.namespaced && namespace === '' && !['list', 'watch'].includes(verb)) || (!kind.namespaced && namespace !== '' && kind.kind !== 'Namespace')) throw noSuchPath()
  return sub === '' ? resourceful(world, call, kind) : subresource(world, call, kind)
}
function refuse(failure: Failure): never { throw failure }

function resourceful(world: World, call: Call, kind: Kind): Reply {
  const { verb, parts } = call.reading
  if (kind.virtual) return verb === 'create' ? review(world, call, kind) : refuse(notAllowed())
  const named = parts.length > 1
  switch (verb) {
    case 'get': return get(world, call, kind)
    case 'list': return getAll(world, call, kind)
    case 'watch': return watch(world, call, kind)
    case 'create': return named ? refuse(notAllowed()) : create(world, call, kind)
    case 'update': return named ? update(world, call, kind) : refuse(notAllowed())
    case 'patch': return named ? patch(world, call, kind) : refuse(notAllowed())
    case 'delete': return remove(world, call, kind)
    case 'deletecollection': return removeAll(world, call, kind)
    default: throw notAllowed()
  }
}

const version = { major: '1', minor: '32', gitVersion: 'v1.32.0-demo', gitCommit: 'demo', gitTreeState: 'clean', buildDate: '2026-01-01T00:00:00Z', goVersion: 'none', compiler: 'none', platform: 'linux/amd64' }
const swaggerProtobuf = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf'
function plain({ reading, headers }: Call): Reply {
  const path = reading.path.replace(/(.)\/+$/, '$1')
  const accept = headers.accept ?? ''
  if (path === '/version') return { status: 200, body: version }
  if (/^\/(healthz|livez|readyz)$/.test(path)) return { status: 200, body: 'ok', contentType: 'text/plain; charset=utf-8' }
  if (path === '/openapi/v2') return accept.includes('proto-openapi.spec.v2') ? { status: 200, body: gnostic(swagger()).toString('latin1'), contentType: swaggerProtobuf } : { status: 200, body: swagger() }
  if (path === '/openapi/v3') return { status: 200, body: openapiIndex() }
  const document = path.startsWith('/openapi/v3/') ? openapi(path.slice('/openapi/v3/'.length)) : null
  if (document) return { status: 200, body: document }
  if (path === '/') return { status: 200, body: { paths: ['/api', '/apis', '/healthz', '/livez', '/openapi/v2', '/openapi/v3', '/readyz', '/version'] } }
  const aggregate = accept.includes('as=APIGroupDiscoveryList') ? /v=v2(?!beta)/.test(accept) ? 'v2' : 'v2beta1' : null
  const found: Fields | null = discovery(path, aggregate)
  if (found === null) throw noSuchPath()
  return { status: 200, body: found, ...(found['kind'] === 'APIGroupDiscoveryList' ? { contentType: `application/json;g=apidiscovery.k8s.io;v=${aggregate};as=APIGroupDiscoveryList` } : {}) }
}

function send(request: IncomingMessage, response: ServerResponse, { status, body, contentType = 'application/json', warnings = [], stream }: Reply, audit: string): void {
  const headers: Record<string, string | string[]> = { 'audit-id': audit, 'cache-control': 'no-cache, private', 'content-type': contentType, ...(warnings.length ? { warning: warnings.map((one) => `299 - ${JSON.stringify(one)}`) } : {}) }
  if (stream) {
    response.writeHead(status, headers)
    response.flushHeaders()
    const gone = new AbortController()
    response.once('close', () => gone.abort())
    stream({ write: (chunk) => response.write(chunk), end: () => response.end(), signal: gone.signal })
    return
  }
  const bytes = contentType === swaggerProtobuf ? Buffer.from(body as string, 'latin1') : Buffer.from(typeof body === 'string' ? body : `${JSON.stringify(body)}\n`)
  const zipped = bytes.length >= gzipFromBytes && /\bgzip\b/.test(String(request.headers['accept-encoding'] ?? ''))
  const out = zipped ? gzipSync(bytes, { level: 1 }) : bytes
  response.writeHead(status, { ...headers, ...(zipped ? { 'content-encoding': 'gzip', vary: 'Accept-Encoding' } : {}), 'content-length': String(out.length) }).end(out)
}
