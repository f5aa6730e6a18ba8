import { admit } from './admit.ts'
import { contentTypeOf, isDry, readBody, readObject, readOptions, unsupported } from './body.ts'
import { formOf, managerOf, parameter, renderList, renderOne, reply, timeOf, type Call, type Reply, type World } from './call.ts'
import { alreadyExists, badRequest, conflict, Failure, notFound } from './failure.ts'
import { kindNamed, type Kind } from './kinds.ts'
import { applied, updated } from './managed.ts'
import { at, fields, isFields, text, withAt, type Fields, type Item } from './object.ts'
import { jsonPatch, mergePatch } from './patch.ts'
import { isTrue } from './path.ts'
import { placeOf, selected } from './read.ts'
import { unknownFields } from './schema.ts'
import { strategicPatch } from './strategic.ts'
import { judgeApplied, judgePatched, judgeSent } from './typed.ts'

/** Addresses for services, by how many there were. */
const nextAddress = ({ store }: World) => () => { const n = store.list(kindNamed('Service'), '').length; return `10.96.${Math.floor(n / 250)}.${n % 250 + 1}` }
const hasStatus = (kind: Kind) => kind.subresources.includes('status')

/** `fieldValidation`: Strict refuses what is not known, Warn (also where it is left out) says so, Ignore lets it pass. */
function validate(call: Call, kind: Kind, object: Fields): readonly string[] {
  const mode = parameter(call, 'fieldValidation') || 'Warn'
  const unknown = mode === 'Ignore' ? [] : unknownFields(kind.kind, object).map((path) => `unknown field "${path}"`)
  if (mode === 'Strict' && unknown.length > 0) throw badRequest(`${kind.kind} in version "${kind.version}" cannot be handled as a ${kind.kind}: strict decoding error: ${unknown.join(', ')}`)
  return unknown
}

export function create(world: World, call: Call, kind: Kind): Reply {
  const namespace = placeOf(call, kind)
  const given = readObject(world, call)
  judgeSent(kind, given)
  const warnings = validate(call, kind, given)
  const dry = isDry(call)
  const form = formOf(call)
  const name = text(at(given, 'metadata', 'name')) || (at(given, 'metadata', 'generateName') ? `${text(at(given, 'metadata', 'generateName'))}${world.random(5)}` : '')
  if (name === '') throw new Failure(422, 'Invalid', `${kind.kind} "" is invalid: metadata.name: Required value: name or generateName is required`)
  if (kind.namespaced && !world.store.get(kindNamed('Namespace'), '', namespace)) throw notFound({ group: '', plural: 'namespaces' }, namespace)
  if (world.store.get(kind, namespace, name)) throw alreadyExists(kind, name)
  const item = admit(kind, given, { namespace, name, before: null, address: nextAddress(world) })
  const fresh = updated(null, hasStatus(kind) && kind.kind !== 'Namespace' ? withAt(item, ['status'], kind.kind === 'Pod' ? { phase: 'Pending', qosClass: 'BestEffort' } : {}) : item, managerOf(call), '', timeOf(world))
  return { ...reply(201, renderOne(world, kind, dry ? imagined(world, kind, fresh) : world.store.add(kind, fresh), form)), warnings }
}
/** What a dry run of a create answers with. */
const imagined = (world: World, kind: Kind, item: Item): Item => ({ ...item, metadata: { ...item.metadata, uid: world.uid(), creationTimestamp: timeOf(world), resourceVersion: '', ...(kind.generation ? { generation: 1 } : {}) } })

/** Everything that changes an object that is there: judged, admitted, and kept unless it is a dry run. */
function keep(world: World, call: Call, kind: Kind, before: Item, next: Fields, owned?: Item): Reply {
  const { name, subresource } = call.reading
  const namespace = placeOf(call, kind)
  const form = formOf(call)
  const expect = text(at(next, 'metadata', 'resourceVersion'))
  if (expect !== '' && expect !== before.metadata.resourceVersion) throw conflict(kind, name, 'the object has been modified; please apply your changes to the latest version and try again')
  const uid = text(at(next, 'metadata', 'uid'))
  if (uid !== '' && uid !== before.metadata.uid) throw conflict(kind, name, `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${before.metadata.uid}`)
  const whole = subresource === 'status' ? { ...before, status: next['status'] } : hasStatus(kind) && before['status'] !== undefined ? { ...next, status: before['status'] } : next
  const admitted = admit(kind, whole, { namespace, name, before, address: nextAddress(world) })
  const metadata = { ...admitted.metadata, uid: before.metadata.uid, creationTimestamp: before.metadata.creationTimestamp, resourceVersion: before.metadata.resourceVersion, ...(before.metadata.generation === undefined ? {} : { generation: before.metadata.generation }) }
  const item = owned ? { ...admitted, metadata: { ...metadata, managedFields: owned.metadata['managedFields'] } } : updated(before, { ...admitted, metadata }, managerOf(call), subresource, timeOf(world))
  return reply(200, renderOne(world, kind, isDry(call) ? item : world.store.replace(kind, item), form))
}

export function update(world: World, call: Call, kind: Kind): Reply {
  const { name } = call.reading
  const namespace = placeOf(call, kind)
  const given = readObject(world, call)
  judgeSent(kind, given)
  const warnings = validate(call, kind, given)
  const before = world.store.get(kind, namespace, name)
  if (!before) throw notFound(kind, name)
  return { ...keep(world, call, kind, before, given), warnings }
}

export function patch(world: World, call: Call, kind: Kind): Reply {
  const { name, subresource } = call.reading
  const namespace = placeOf(call, kind)
  const type = contentTypeOf(call)
  const before = world.store.get(kind, namespace, name)
  if (type === 'application/apply-patch+yaml') return apply(world, call, kind, before)
  if (!before) throw notFound(kind, name)
  const given = readBody(world, call)
  const next = patched(before, type, given, kind)
  judgePatched(kind, next)
  const warnings = subresource === '' ? validate(call, kind, next) : []
  return { ...keep(world, call, kind, before, next), warnings }
}
/** The document as the patch makes it, by its content type. */
export function patched(before: Fields, type: string, given: unknown, kind: Kind): Fields {
  if (type === 'application/json-patch+json') return jsonPatch(before, given)
  if (type === 'application/merge-patch+json') return fields(mergePatch(before, given))
  if (type !== 'application/strategic-merge-patch+json' || kind.group === 'acme.io') throw unsupported('application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml')
  if (!isFields(given)) throw badRequest('the patch is no object')
  return strategicPatch(before, given)
}

function apply(world: World, call: Call, kind: Kind, before: Item | null): Reply {
  const { name, subresource } = call.reading
  const namespace = placeOf(call, kind)
  const config = readObject(world, call)
  const manager = parameter(call, 'fieldManager')
  if (manager === '') throw new Failure(422, 'Invalid', 'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch')
  if (at(config, 'metadata', 'managedFields') !== undefined) throw badRequest('metadata.managedFields must be nil')
  if (config['apiVersion'] === undefined || config['kind'] === undefined) throw badRequest('an applied object says its apiVersion and kind')
  judgeApplied(kind, config)
  const warnings = validate(call, kind, config)
  const merged = applied(before, config, manager, subresource, isTrue(call.reading.query.get('force')), timeOf(world))
  if (before) return { ...keep(world, call, kind, before, merged, merged), warnings }
  if (kind.namespaced && !world.store.get(kindNamed('Namespace'), '', namespace)) throw notFound({ group: '', plural: 'namespaces' }, namespace)
  const fresh = admit(kind, merged, { namespace, name, before: null, address: nextAddress(world) })
  const form = formOf(call)
  return { ...reply(201, renderOne(world, kind, isDry(call) ? imagined(world, kind, fresh) : world.store.add(kind, hasStatus(kind) && kind.kind !== 'Namespace' ? withAt(fresh, ['status'], {}) : fresh), form)), warnings }
}

export function remove(world: World, call: Call, kind: Kind): Reply {
  const { name } = call.reading
  const namespace = placeOf(call, kind)
  const options = readOptions(world, call)
  const before = world.store.get(kind, namespace, name)
  if (!before) throw notFound(kind, name)
  const { uid, resourceVersion } = fields(options['preconditions'])
  if ((uid !== undefined && uid !== before.metadata.uid) || (resourceVersion !== undefined && resourceVersion !== before.metadata.resourceVersion)) throw conflict(kind, name, 'Precondition failed')
  const graceful = kind.kind === 'Pod' || kind.kind === 'Namespace'
  if (!isDry(call, options)) drop(world, call, kind, before, options)
  if (graceful) return reply(200, renderOne(world, kind, withAt(before, ['metadata', 'deletionTimestamp'], timeOf(world)), formOf(call)))
  return reply(200, { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details: { name, ...(kind.group ? { group: kind.group } : {}), kind: kind.plural, uid: before.metadata.uid } })
}
/** Orphans keep living where the caller says so: what pointed at it is cut off first. */
function drop(world: World, call: Call, kind: Kind, item: Item, options: Fields): void {
  const orphan = (options['propagationPolicy'] ?? parameter(call, 'propagationPolicy')) === 'Orphan' || options['orphanDependents'] === true
  world.store.remove(kind, item.metadata.namespace ?? '', item.metadata.name)
  if (!orphan) return
  const { uid } = item.metadata
  for (const name of ['Pod', 'ReplicaSet', 'Job'] as const) {
    const dependent = kindNamed(name)
    for (const one of world.store.list(dependent, item.metadata.namespace ?? '')) {
      const owners = (one.metadata['ownerReferences'] as readonly Fields[] | undefined)?.filter((owner) => owner['uid'] !== uid)
      if (owners && owners.length === 0) world.store.replace(dependent, withAt(one, ['metadata', 'ownerReferences'], undefined))
    }
  }
}

/** As the real server: answers with everything it deletes, also on a dry run. */
export function removeAll(world: World, call: Call, kind: Kind): Reply {
  const options = readOptions(world, call)
  const items = selected(world, call, kind)
  if (!isDry(call, options)) for (const item of items) drop(world, call, kind, item, options)
  return reply(200, renderList(world, kind, items, { resourceVersion: String(world.store.revision()) }, formOf(call)))
}
