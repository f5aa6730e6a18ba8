import { contentTypeOf, isDry, readBody, readObject, readOptions } from './body.ts'
import { managerOf, parameter, reply, timeOf, type Call, type Reply, type World } from './call.ts'
import { badRequest, conflict, Failure, invalid, noSuchPath, notAllowed, notFound } from './failure.ts'
import { apiVersionOf, kindNamed, type Kind } from './kinds.ts'
import type { LogOptions } from './log.ts'
import { updated } from './managed.ts'
import { at, count, fields, list, text, withAt, type Fields, type Item } from './object.ts'
import { isTrue } from './path.ts'
import { get, placeOf } from './read.ts'
import { patch, patched, update } from './write.ts'

/** What lies below an object. Authorised by now as `resource/subresource`. */
export function subresource(world: World, call: Call, kind: Kind): Reply {
  const { verb, subresource: name, parts } = call.reading
  if (!kind.subresources.includes(name) || (parts.length > 3 && name !== 'proxy')) throw noSuchPath()
  switch (name) {
    case 'status': case 'ephemeralcontainers': return verb === 'get' ? get(world, call, kind) : verb === 'update' ? update(world, call, kind) : verb === 'patch' ? patch(world, call, kind) : refuse()
    case 'finalize': return verb === 'update' ? update(world, call, kind) : refuse()
    case 'scale': return scale(world, call, kind)
    case 'log': return verb === 'get' ? log(world, call, kind) : refuse()
    case 'eviction': return verb === 'create' ? evict(world, call, kind) : refuse()
    case 'token': return verb === 'create' ? mint(world, call, kind) : refuse()
    case 'exec': case 'attach': case 'portforward': throw badRequest('you must specify at least 1 container in the upgrade request: Upgrade request required')
    default: throw new Failure(503, 'ServiceUnavailable', 'the demo\'s pods and nodes serve nothing')
  }
}
function refuse(): never { throw notAllowed() }
function found(world: World, call: Call, kind: Kind): Item {
  const item = world.store.get(kind, placeOf(call, kind), call.reading.name)
  if (!item) throw notFound(kind, call.reading.name)
  return item
}

function scaleOf(item: Item): Fields {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = item.metadata
  return {
    kind: 'Scale', apiVersion: 'autoscaling/v1', metadata: { name, namespace, uid, resourceVersion, creationTimestamp }, spec: { replicas: count(at(item, 'spec', 'replicas')) },
    status: { replicas: count(at(item, 'status', 'replicas')), selector: Object.entries(fields(at(item, 'spec', 'selector', 'matchLabels'))).map(([key, value]) => `${key}=${String(value)}`).join(',') },
  }
}
function scale(world: World, call: Call, kind: Kind): Reply {
  const { verb, name } = call.reading
  const item = found(world, call, kind)
  if (verb === 'get') return reply(200, scaleOf(item))
  if (verb !== 'update' && verb !== 'patch') return refuse()
  const next = verb === 'update' ? readObject(world, call) : patched(scaleOf(item), contentTypeOf(call), readBody(world, call), { ...kind, group: '' })
  const wanted = at(next, 'spec', 'replicas') ?? 0
  if (!Number.isInteger(wanted) || (wanted as number) < 0) throw invalid({ group: 'autoscaling', kind: 'Scale' }, name, [['spec.replicas', `Invalid value: ${JSON.stringify(wanted)}: must be greater than or equal to 0`]])
  const expect = text(at(next, 'metadata', 'resourceVersion'))
  if (expect !== '' && expect !== item.metadata.resourceVersion) throw conflict(kind, name, 'the object has been modified; please apply your changes to the latest version and try again')
  const scaled = updated(item, withAt(item, ['spec', 'replicas'], wanted), managerOf(call), 'scale', timeOf(world))
  return reply(200, scaleOf(isDry(call) ? scaled : world.store.replace(kind, scaled)))
}

const tickMs = 1000
function log(world: World, call: Call, kind: Kind): Reply {
  const pod = found(world, call, kind)
  const number = (name: string) => { const given = parameter(call, name); if (given !== '' && !/^-?\d+$/.test(given)) throw badRequest(`Invalid value: "${given}": must be a number`); return given === '' || Number(given) < 0 ? null : Number(given) }
  const flag = (name: string) => isTrue(call.reading.query.get(name))
  const options: LogOptions = { container: parameter(call, 'container'), tail: number('tailLines'), since: number('sinceSeconds'), timestamps: flag('timestamps'), bytes: number('limitBytes'), previous: flag('previous') }
  const lines = world.logs.lines(pod, options)
  if (!flag('follow')) return { status: 200, body: lines.join(''), contentType: 'text/plain' }
  return {
    status: 200, body: '', contentType: 'text/plain',
    stream({ write, end, signal }) {
      write(lines.join(''))
      let ticks = 0
      const timer = setInterval(() => {
        const now = world.store.get(kind, pod.metadata.namespace ?? '', pod.metadata.name)
        if (now === null || at(now, 'status', 'phase') === 'Succeeded') { clearInterval(timer); return end() }
        write(world.logs.next(pod, options, ++ticks))
      }, tickMs)
      signal.addEventListener('abort', () => clearInterval(timer))
      if (at(pod, 'status', 'phase') === 'Succeeded') { clearInterval(timer); end() }
    },
  }
}

function evict(world: World, call: Call, kind: Kind): Reply {
  const options = readOptions(world, call)
  const pod = found(world, call, kind)
  const { uid } = fields(fields(options['deleteOptions'])['preconditions'])
  if (uid !== undefined && uid !== pod.metadata.uid) throw conflict(kind, pod.metadata.name, `Precondition failed: UID in precondition: ${text(uid)}, UID in object meta: ${pod.metadata.uid}`)
  if (!isDry(call, fields(options['deleteOptions']))) world.store.remove(kind, pod.metadata.namespace ?? '', pod.metadata.name)
  return reply(201, { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success' })
}

const [shortestSeconds, longestSeconds, usualSeconds] = [600, 86_400, 3600]
/** A TokenRequest: a token for a service account, for as long as is asked, ten minutes at least. */
function mint(world: World, call: Call, kind: Kind): Reply {
  const request = readObject(world, call)
  const account = found(world, call, kind)
  const { name, namespace = '', uid } = account.metadata
  const seconds = count(at(request, 'spec', 'expirationSeconds'), usualSeconds)
  if (seconds < shortestSeconds) throw invalid({ group: 'authentication.k8s.io', kind: 'TokenRequest' }, name, [['spec.expirationSeconds', `Invalid value: ${seconds}: may not specify a duration less than 10 minutes`]])
  const until = Math.floor(world.now() / 1000) + Math.min(seconds, longestSeconds)
  const audiences = list(at(request, 'spec', 'audiences')).map(text)
  return reply(201, {
    kind: 'TokenRequest', apiVersion: 'authentication.k8s.io/v1', metadata: { name, namespace, creationTimestamp: timeOf(world) },
    spec: { audiences: audiences.length ? audiences : ['https://kubernetes.default.svc'], expirationSeconds: Math.min(seconds, longestSeconds), boundObjectRef: null },
    status: { token: world.tokens.mint(namespace, name, uid, until, audiences), expirationTimestamp: new Date(until * 1000).toISOString().replace('.000Z', 'Z') },
  })
}

/** Pods by the kind that made them are found under it: for `describe` of the demo and for rollouts. */
export const ownerOf = (item: Item): Fields => fields(list(item.metadata['ownerReferences'])[0])
export const ownedBy = (owner: Item): Fields => ({ apiVersion: apiVersionOf(kindNamed(owner.kind)), kind: owner.kind, name: owner.metadata.name, uid: owner.metadata.uid, controller: true, blockOwnerDeletion: true })
