import { kindNamed } from './kinds.ts'
import { fields, list, text, type Fields } from './object.ts'
import type { Store } from './store.ts'

/** Who a token says is calling. `system:masters` may do everything, as on a real cluster. */
export interface User { readonly name: string; readonly groups: readonly string[]; readonly uid?: string }
export interface Ask { readonly verb: string; readonly group: string; readonly resource: string; readonly subresource: string; readonly namespace: string; readonly name: string }

const covers = (values: unknown, wanted: string) => list(values).some((value) => value === '*' || value === wanted)
const isBound = (subjects: unknown, { name, groups }: User) => list(subjects).map(fields).some((subject) => {
  if (subject['kind'] === 'User') return subject['name'] === name
  if (subject['kind'] === 'Group') return groups.includes(text(subject['name']))
  return `system:serviceaccount:${text(subject['namespace'])}:${text(subject['name'])}` === name
})

/** The rules that role objects in the store give a user, in a namespace ('': those of the whole cluster alone). */
export function rulesFor(store: Store, user: User, namespace: string): readonly Fields[] {
  const refs = [
    ...store.list(kindNamed('ClusterRoleBinding'), '').map((binding) => ({ binding, in: '' })),
    ...(namespace === '' ? [] : store.list(kindNamed('RoleBinding'), namespace).map((binding) => ({ binding, in: namespace }))),
  ].filter(({ binding }) => isBound(binding['subjects'], user))
  return refs.flatMap(({ binding, in: where }) => {
    const ref = fields(binding['roleRef'])
    const role = ref['kind'] === 'Role' ? store.get(kindNamed('Role'), where, text(ref['name'])) : store.get(kindNamed('ClusterRole'), '', text(ref['name']))
    return list(role?.['rules']).map(fields)
  })
}

export function mayDo(store: Store, user: User, ask: Ask): boolean {
  if (user.groups.includes('system:masters')) return true
  const what = ask.subresource === '' ? ask.resource : `${ask.resource}/${ask.subresource}`
  return rulesFor(store, user, ask.namespace).some((rule) => covers(rule['verbs'], ask.verb) && covers(rule['apiGroups'], ask.group)
    && (covers(rule['resources'], what) || (ask.subresource !== '' && covers(rule['resources'], `*/${ask.subresource}`)))
    && (list(rule['resourceNames']).length === 0 || list(rule['resourceNames']).includes(ask.name)))
}

const open = [/^\/(api|apis|openapi)(\/|$)/, /^\/version\/?$/, /^\/(healthz|livez|readyz)(\/|$)/]
/** Of a path of no resource: what every authenticated user may read, and what rules name. */
export function mayRead(store: Store, user: User, path: string, verb: string): boolean {
  if (user.groups.includes('system:masters') || (verb === 'get' && open.some((pattern) => pattern.test(path)))) return true
  return rulesFor(store, user, '').some((rule) => covers(rule['verbs'], verb) && list(rule['nonResourceURLs']).some((url) => url === path || (text(url).endsWith('*') && path.startsWith(text(url).slice(0, -1)))))
}
