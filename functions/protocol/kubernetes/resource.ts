import type { Served } from './discovery.ts'
import { isSystem } from './kind.ts'

/** `resource`: `deployments`, or with its subresource `deployments/scale`. */
export interface Named { readonly group: string; readonly resource: string }

const groupsWithoutDot = new Set(['apps', 'batch', 'autoscaling', 'policy', 'extensions'])

/** What a rule or an access calls a resource: `pods/log`, `apps/deployments/scale`. */
export const nameOf = ({ group, resource }: Named): string => (group === '' ? resource : `${group}/${resource}`)

/** The parts of such a name; a first part with a dot, or one of five old groups, is a group. */
export function partsOf(name: string): Named {
  const slash = name.indexOf('/')
  const first = name.slice(0, Math.max(0, slash))
  return first.includes('.') || groupsWithoutDot.has(first) ? { group: first, resource: name.slice(slash + 1) } : { group: '', resource: name }
}

/** As rules read it: `*` alone is every resource; inside a part it is any run of characters. */
export function covers(pattern: string, name: string): boolean {
  if (pattern === '*') return true
  const [wanted, given] = [pattern.split('/'), name.split('/')]
  return wanted.length === given.length && wanted.every((part, index) => glob(part, given[index] ?? ''))
}
export function glob(pattern: string, text: string): boolean {
  const pieces = pattern.split('*')
  const [first = '', last = ''] = [pieces[0], pieces.at(-1)]
  if (pieces.length === 1) return pattern === text
  if (!text.startsWith(first) || !text.endsWith(last) || text.length < first.length + last.length) return false
  let at = first.length
  for (const piece of pieces.slice(1, -1)) {
    const found = text.indexOf(piece, at)
    if (found < 0) return false
    at = found + piece.length
  }
  return at <= text.length - last.length
}

/** Names of what a pattern covers among what is served, as an `allow` does: what is sensitive (Access.system) only by its own name. */
export const covered = (pattern: string, served: readonly Served[]): readonly string[] => [...new Set(served.filter((one) => {
  const [resource = '', ...sub] = one.resource.split('/')
  return covers(pattern, nameOf(one)) && (pattern === nameOf(one) || !isSystem(one.group, resource, sub.length > 0 ? sub.join('/') : null))
}).map(nameOf))].sort()
