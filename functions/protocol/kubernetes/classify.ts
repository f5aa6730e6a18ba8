import type { Access, Effects, Target } from '../../../schema/effects.ts'
import type { ConnectionDocument } from '../../../schema/policy.ts'
import { ok, type Refusal, type Result } from '../../../schema/refusal.ts'
import type { Query } from '../../../schema/request.ts'
import type { Json } from '../json.ts'
import { inYaml, membersOf } from './body.ts'
import { everyNeed, harmlessKinds, needsOf } from './capability.ts'
import { changedIn, managers, setsManagers } from './changed.ts'
import { isSystem, kindOf, named, resourceOf, writesStatus } from './kind.ts'
import type { Attributes, Dry, KubernetesPlan } from './plan.ts'
import { reachesPod } from './pod.ts'
import { settingOf } from './pointer.ts'
import { escalationsOf, tokensOf } from './escalate.ts'
import { carried, statementOf, toldWith, type Statement } from './request.ts'
import { rulesOf, type ClassRule } from './rules.ts'
import { unsupported } from './say.ts'
import { basisOf, stable, stateOf } from './state.ts'
import { toldOf } from './told.ts'
import { unsaidIn } from './unsaid.ts'
import { sets, usesOf } from './use.ts'

/** `fails`, `told`: see Plan. */
export interface Classified { readonly effects: Effects; readonly plan: KubernetesPlan; readonly fails?: Refusal; readonly told?: Query['statements'] }

/** What a request would do, from its text alone; with `dry`, also from what the target said the object is and would be. Pure. */
export function classify(connection: Pick<ConnectionDocument, 'name' | 'classify' | 'mask'>, query: Query, dry?: Dry): Result<Classified> {
  const read = statementOf(query)
  if (!read.ok) return read
  const statement = read.value
  const { attributes } = statement
  const { classes, harmless } = rulesOf(connection, attributes)
  const writes = !['get', 'list', 'watch'].includes(attributes.verb)
  const plan = planOf(connection.name, statement, harmless, dry)
  const effects: Effects = {
    accesses: attributes.isResource ? accessesOf(statement, classes, dry) : [],
    shown: classes.map(({ resource, column, dataClass }, output) => ({ resource, column, dataClass, statement: 0, span: null, output })),
    used: usesOf(statement, classes, connection.mask, dry), readOnly: !writes, fingerprint: fingerprintOf(plan, dry),
  }
  const failed = failing(attributes, statement.method)
  const [sent] = query.statements
  const told = sent ? toldOf(classes, statement.contentType, statement.body as Json) : null
  return ok({ effects, plan, ...(failed ? { fails: failed } : {}), ...(sent && told !== statement.body ? { told: toldWith(sent, told) } : {}) })
}

function planOf(connection: string, statement: Statement, harmless: readonly string[], dry: Dry | undefined): KubernetesPlan {
  const { attributes, method, target, accept, contentType, body, query } = statement
  const asked = attributes.verb.startsWith('delete') ? membersOf(body as Json)?.dryRun : null
  const dryRun = query.has('dryRun') || (Array.isArray(asked) && asked.length > 0)       // `[]` is none: it deletes
  return {
    connection, attributes, method: method as KubernetesPlan['method'], target, accept, contentType, body: body === null ? null : inYaml(JSON.stringify(body)), harmless,
    form: formOf(attributes), dryRun, preview: previews(attributes), basis: basisOf(statement, dry),
  }
}
function formOf({ verb, isResource, group, resource, subresource }: Attributes): KubernetesPlan['form'] {
  if (isResource && group === '' && resource === 'pods' && subresource === 'log') return 'log'
  if (isResource && group === '' && resource === 'pods' && subresource === 'exec') return 'exec'
  return isResource && (verb === 'list' || verb === 'watch') ? verb : 'whole'
}
const previewed: ReadonlySet<string | null> = new Set([null, 'status', 'scale', 'ephemeralcontainers', 'resize', 'approval', 'finalize'])
function previews(attributes: Attributes): boolean {
  const { verb, isResource, group, subresource } = attributes
  if (!isResource || group === 'authorization.k8s.io' || group === 'authentication.k8s.io') return false
  if (reachesPod(attributes)) return true
  if (!previewed.has(subresource)) return false
  return verb === 'create' || verb === 'update' || verb === 'patch' || verb === 'delete'
}

/** What is understood and decided, and then not carried: told only to whom it would be allowed. */
function failing({ isResource, group, resource, subresource }: Attributes, method: string): Refusal | null {
  if (!isResource) return null
  if (carried.has(subresource ?? '')) return unsupported('not_carried', `\`${subresource ?? ''}\` speaks another protocol through the API server, which the gate can neither mask nor record; it is not carried`).refusal
  if (group === '' && resource === 'pods' && subresource === 'exec' && method !== 'POST') return unsupported('upgrade', 'a session inside a pod is not carried; run one command with `POST /v1/connections/{connection}/exec`').refusal
  return null
}

function accessesOf(statement: Statement, classes: readonly ClassRule[], dry: Dry | undefined): readonly Access[] {
  const { attributes, body } = statement
  const { verb, group, resource, subresource } = attributes
  const own = membersOf(membersOf(body as Json)?.metadata)
  const made = verb === 'create' && subresource === null && typeof own?.name === 'string' && own.name !== '' ? own.name : null
  const name = attributes.name ?? made
  const namespace = group === '' && resource === 'namespaces' ? name : attributes.namespace
  const scoped = kindOf(group, resource)?.clusterScoped === true && resource !== 'namespaces'
  const place: Omit<Target, 'needs'> = { namespace, name, ...(scoped ? { clusterScoped: true as const } : {}), ...(dry?.object === undefined ? {} : { object: judged(attributes, dry.object) }), ...(dry?.oldObject === undefined ? {} : { oldObject: judged(attributes, dry.oldObject) }), ...changes(statement, classes, dry) }
  const access = (action: Access['action'], resource: string, system: boolean, target: Target): Access => ({ action, resource, columns: null, system, via: [], statement: 0, span: null, target })
  const main = access(verb, resourceOf(attributes), isSystem(group, resource, subresource), { ...place, needs: needed(statement, classes, dry) })
  // A patch or update of what is not there creates it, where the server lets it; of what could not be seen, nobody knows.
  const creates = (verb === 'patch' || verb === 'update') && subresource === null && dry !== undefined && (dry.oldObject === null || (dry.oldObject === undefined && (verb === 'update' || statement.contentType === 'application/apply-patch+yaml')))
  return [
    main, ...(creates ? [{ ...main, action: 'create' as const }] : []),
    ...tokensOf(attributes, body === null ? [] : settingOf(statement.contentType, body as Json), dry).map((one) => access('create', one.resource, true, { namespace: one.namespace, name: one.name, needs: [] })),
    ...escalationsOf(attributes, objectsOf(statement, dry)).map((one) => access(verb, one.resource, true, { namespace: one.namespace, name: one.name, needs: [], ...(one.namespace === null ? { clusterScoped: true as const } : {}) })),
  ]
}

/** An object as conditions see it. The API server leaves the number out of a Scale where it is zero. */
function judged({ subresource }: Attributes, object: NonNullable<Dry['object']> | null): NonNullable<Dry['object']> | null {
  const spec = membersOf((object?.spec ?? {}) as Json)
  return subresource === 'scale' && object?.kind === 'Scale' && spec !== null ? { ...object, spec: { replicas: 0, ...spec } } : object
}

function changes(statement: Statement, classes: readonly ClassRule[], { object, oldObject }: Dry = {}): Pick<Target, 'changed'> {
  const { attributes } = statement
  const [before, after] = [judged(attributes, oldObject ?? null), judged(attributes, object ?? null)]
  if (before === null || after === null) return {}
  const claimed = statement.body !== null && setsManagers(statement.contentType, statement.body as Json, before) ? [managers] : []
  const changed = changedIn(before, after, writesStatus(attributes), [...unsaidIn(statement, classes), ...claimed])
  return changed === null ? {} : { changed }
}

/** Everything known of the object a write leaves behind; null: a patch of an object nobody told of. */
function objectsOf({ attributes, contentType, body }: Statement, dry: Dry | undefined): readonly Json[] | null {
  const submitted = body === null ? [] : settingOf(contentType, body as Json)
  if (attributes.verb === 'patch' && dry && dry.object === undefined) return null
  return [...submitted, ...(dry?.object ? [dry.object as Json] : [])]
}

function needed(statement: Statement, classes: readonly ClassRule[], dry: Dry | undefined): Target['needs'] {
  const { attributes, contentType, body } = statement
  const { verb, group, resource, subresource } = attributes
  if ((verb !== 'create' && verb !== 'update' && verb !== 'patch') || harmlessKinds.has(named(group, resource, null)) || ['scale', 'eviction', 'binding', 'exec', 'log', 'status'].includes(subresource ?? '')) return []
  // A first look at what says the whole of an object again: whether it leaves the pods as they are is known only with the object, and the decision is made then.
  if (dry === undefined && previews(attributes) && (verb === 'update' || contentType === 'application/apply-patch+yaml')) return []
  // Not where it sets what holds a class: that it needs no permit would tell that the value is the one there.
  if (dry?.object && dry.oldObject && sameBeyondReplicas(dry.object as Json, dry.oldObject as Json) && !sets(statement, classes)) return []
  const objects = objectsOf(statement, dry)
  if (objects) return needsOf(objects)
  const settings = settingOf(contentType, body as Json)
  return moves(contentType, body as Json) || !settings.every(changesLittle) ? everyNeed : []
}
const moves = (contentType: string | null, body: Json): boolean => contentType === 'application/json-patch+json' && JSON.stringify(body).includes('"from"')

/** Labels, annotations, the number of replicas: no pod may do more for them than before. */
function changesLittle(setting: Json): boolean {
  const { metadata, spec, apiVersion: _version, kind: _kind, ...others } = membersOf(setting) ?? { other: null }
  const within = (value: Json | undefined, names: readonly string[]) => value === undefined || Object.keys(membersOf(value) ?? { '': null }).every((key) => names.includes(key))
  return Object.keys(others).length === 0 && within(metadata, ['name', 'namespace', 'labels', 'annotations', 'finalizers']) && within(spec, ['replicas', 'paused', 'suspend'])
}

function sameBeyondReplicas(one: Json, other: Json): boolean {
  // More or fewer of the same pods: each may do what it could.
  const rest = (value: Json) => { const { metadata: _metadata, status: _status, spec, ...others } = membersOf(value) ?? {}; const { replicas: _replicas, ...own } = membersOf(spec) ?? { replicas: null, spec }; return stable({ ...others, spec: own as Json }) }
  return rest(one) === rest(other)
}

/** The object as it is now; an approval given over it is stale once it is another. Whatever people are shown of a change is made from what this covers. */
const fingerprintOf = ({ basis }: KubernetesPlan, dry: Dry | undefined): string => stateOf(dry?.pod === undefined ? dry?.oldObject : dry.pod && { ...dry.pod }, basis)
