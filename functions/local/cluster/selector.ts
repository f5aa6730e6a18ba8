import { badRequest } from './failure.ts'
import { at, text, type Item } from './object.ts'

export type Matches = (item: Item) => boolean

/** `a=b`, `a==b`, `a!=b`, `a`, `!a`, `a in (b,c)`, `a notin (b)`; joined by commas outside brackets. */
export function labelSelector(selector: string): Matches {
  const tests = selector.split(/,(?![^(]*\))/).map((term) => term.trim()).filter((term) => term !== '').map(labelTerm)
  return (item) => tests.every((test) => test(item.metadata.labels ?? {}))
}
function labelTerm(term: string): (labels: Readonly<Record<string, string>>) => boolean {
  const set = /^([^\s!=()]+)\s+(in|notin)\s+\(([^()]*)\)$/.exec(term)
  if (set) {
    const [, key = '', how, inside = ''] = set
    const values = inside.split(',').map((value) => value.trim())
    return (labels) => values.includes(labels[key] ?? '\0') === (how === 'in')
  }
  const compared = /^([^\s!=()]+)\s*(==?|!=)\s*([^\s!=()]*)$/.exec(term)
  if (compared) {
    const [, key = '', how, value] = compared
    return (labels) => (labels[key] === value) === (how !== '!=')
  }
  const exists = /^(!?)\s*([^\s!=()]+)$/.exec(term)
  if (!exists) throw badRequest(`unable to parse requirement: found '${term}', expected: '=', '!=', '==', 'in', notin'`)
  const [, not, key = ''] = exists
  return (labels) => (labels[key] !== undefined) === (not === '')
}

/** `metadata.name`, `metadata.namespace` of everything, and what the real server also knows of pods, events, nodes, secrets and namespaces. */
const known: Readonly<Record<string, readonly string[]>> = {
  Pod: ['spec.nodeName', 'spec.restartPolicy', 'spec.serviceAccountName', 'status.phase', 'status.podIP'],
  Event: ['involvedObject.kind', 'involvedObject.namespace', 'involvedObject.name', 'involvedObject.uid', 'involvedObject.apiVersion', 'involvedObject.resourceVersion', 'involvedObject.fieldPath', 'reason', 'type'],
  Secret: ['type'], Namespace: ['status.phase'], Node: ['spec.unschedulable'], ReplicaSet: ['status.replicas'], Job: ['status.successful'],
}
export function fieldSelector(selector: string, kind: string): Matches {
  const tests = selector.split(',').filter((term) => term !== '').map((term) => {
    const [, path = '', how = '', value = ''] = /^([^!=]+)(==?|!=)(.*)$/s.exec(term) ?? []
    if (path === '') throw badRequest(`invalid field selector "${term}"`)
    if (!['metadata.name', 'metadata.namespace', ...known[kind] ?? []].includes(path)) throw badRequest(`field label not supported: ${path}`)
    return (item: Item) => (text(at(item, ...path.split('.'))) === value) === (how !== '!=')
  })
  return (item) => tests.every((test) => test(item))
}

/** Of a controller: `matchLabels` and `matchExpressions`. Matches nothing where it says nothing. */
export function podSelector(selector: unknown): Matches {
  const labels = Object.entries(at(selector, 'matchLabels') ?? {})
  return labels.length === 0 ? () => false : (item) => labels.every(([key, value]) => item.metadata.labels?.[key] === value)
}
