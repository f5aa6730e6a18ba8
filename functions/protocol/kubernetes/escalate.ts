import type { Json } from '../json.ts'
import { membersOf, type Members } from './body.ts'
import { isSystem, named } from './kind.ts'
import type { Attributes, Dry } from './plan.ts'

const group = 'rbac.authorization.k8s.io'
/** `resource`: `…/roles/escalate`, `…/clusterroles/bind`: what the API server calls verbs of the role. */
export interface Escalation { readonly resource: string; readonly namespace: string | null; readonly name: string | null }

/**
 * What a write of a role or binding gives away beyond itself. The API server asks whether the writer has the rights it hands on, or may `escalate` and `bind`; here the writer is the gate's
 * service account, which may have many, so the caller's rules must name them. `objects`: the object as submitted and as it will be; null: not known, and then anything may be in it.
 */
export function escalationsOf(attributes: Attributes, objects: readonly Json[] | null): readonly Escalation[] {
  const { resource, namespace, name, verb } = attributes
  if (attributes.group !== group || verb === 'delete' || verb === 'deletecollection' || verb === 'get' || verb === 'list' || verb === 'watch') return []
  const known = objects?.map(membersOf).filter((object) => object !== null) ?? []
  if (resource === 'roles' || resource === 'clusterroles') {
    const dangerous = objects === null || known.some(givesMuch)
    const own = name ?? textOf(known.map((object) => membersOf(object.metadata)?.name))
    return dangerous ? [{ resource: `${group}/${resource}/escalate`, namespace, name: own }] : []
  }
  if (resource !== 'rolebindings' && resource !== 'clusterrolebindings') return []
  const refs = known.map((object) => membersOf(object.roleRef)).filter((ref) => ref !== null)
  if (objects === null || refs.length === 0) return ['roles', 'clusterroles'].map((role) => ({ resource: `${group}/${role}/bind`, namespace, name: null }))
  return refs.map((ref) => ({ resource: `${group}/${ref.kind === 'Role' ? 'roles' : 'clusterroles'}/bind`, namespace, name: textOf([ref.name]) }))
}

const tokenType = 'kubernetes.io/service-account-token', tokenOwner = 'kubernetes.io/service-account.name'
/**
 * A Secret of this type is filled with a token of the account its annotation names, and the token never ends: another way to ask for one. `settings`: what is submitted. An object that was of this type and this account
 * before, and stays so, gives nothing new.
 */
export function tokensOf({ group, resource, subresource, namespace, verb }: Attributes, settings: readonly Json[], dry: Dry | undefined): readonly Escalation[] {
  if (group !== '' || resource !== 'secrets' || subresource !== null || (verb !== 'create' && verb !== 'update' && verb !== 'patch')) return []
  const known = [...settings, ...(dry?.object ? [dry.object as Json] : [])].map(membersOf).filter((object) => object !== null)
  const ownerOf = (object: Members | null) => membersOf(membersOf(object?.metadata)?.annotations)?.[tokenOwner]
  const old = membersOf((dry?.oldObject ?? null) as Json)
  // Left as it was, whatever it is: its owner is nobody's to be told, for annotations come masked. Submitted for an object of another type it counts, the same or not, or that would tell.
  const after = membersOf((dry?.object ?? null) as Json)
  const submitted = settings.map(membersOf).some((object) => object?.type !== undefined || ownerOf(object) !== undefined)
  const untouched = old !== null && after !== null && !submitted && after.type === old.type && ownerOf(after) === ownerOf(old)
  const same = old?.type === tokenType && known.every((object) => [undefined, tokenType].includes(object.type as string | undefined) && [undefined, ownerOf(old)].includes(ownerOf(object)))
  if (untouched || same || !known.some((object) => object.type === tokenType || ownerOf(object) !== undefined)) return []
  return [{ resource: 'serviceaccounts/token', namespace, name: textOf(known.map(ownerOf)) }]
}

const textOf = (values: readonly (Json | undefined)[]): string | null => values.find((value) => typeof value === 'string' && value !== '') as string | undefined ?? null
/** Elements of a list; where a JSON patch only points into it, what it puts there. */
const listed = (value: Json | undefined): readonly Json[] => (typeof value === 'object' && value !== null ? Object.values(value) as readonly Json[] : [])

/** A role that reaches Secrets, tokens, processes or roles, or everything; or that others add to, or that adds to others. */
function givesMuch(role: Members): boolean {
  const labels = Object.keys(membersOf(membersOf(role.metadata)?.labels) ?? {})
  if (role.aggregationRule || labels.some((label) => label.startsWith('rbac.authorization.k8s.io/aggregate-to-'))) return true
  return listed(role.rules).some((entry) => {
    const rule = membersOf(entry)
    if (!rule) return true
    if (listed(rule.verbs).some((verb) => ['*', 'bind', 'escalate', 'impersonate'].includes(String(verb)))) return true
    if (listed(rule.nonResourceURLs).some((url) => String(url).includes('*'))) return true
    const groups = rule.apiGroups === undefined ? [''] : listed(rule.apiGroups)
    return groups.includes('*') || listed(rule.resources).some((resource) => groups.some((of) => reaches(String(of), String(resource))))
  })
}
function reaches(of: string, resource: string): boolean {
  if (of === '*' || resource.includes('*')) return true
  const [plain = '', sub] = resource.split('/')
  return isSystem(of, plain, sub ?? null) || named(of, plain, null) === 'secrets'
}
