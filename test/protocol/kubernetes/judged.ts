import { classify } from '../../../functions/protocol/kubernetes/classify.ts'
import type { Dry } from '../../../functions/protocol/kubernetes/plan.ts'
import { readRequest } from '../../../functions/protocol/kubernetes/request.ts'
import type { ConnectionDocument } from '../../../schema/policy.ts'

export const json = 'application/json', merge = 'application/merge-patch+json', patch = 'application/json-patch+json', apply = 'application/apply-patch+yaml', strategic = 'application/strategic-merge-patch+json'
/** What one request is found to be, where it is read and not refused; `dry`: what the server said it would make of the object. */
export function judged(method: string, target: string, body: unknown = null, type = json, { classes = {}, dry }: { classes?: ConnectionDocument['classify']; dry?: Dry } = {}) {
  const read = readRequest(method, target, body === null ? {} : { 'content-type': type }, body === null ? null : Buffer.from(JSON.stringify(body)))
  if (!read.ok) throw new Error(read.refusal.detail)
  const result = classify({ name: 'cluster', classify: classes }, JSON.parse(JSON.stringify(read.value)) as typeof read.value, dry)       // as a store gives it back
  if (!result.ok) throw new Error(result.refusal.detail)
  return result.value
}
/** Each as `verb resource namespace/name`; `!`: what only a rule that names it lets. */
export const accesses = (...args: Parameters<typeof judged>) => judged(...args).effects.accesses.map(({ action, resource, system, target }) => `${action} ${resource}${system ? '!' : ''} ${target?.namespace ?? '-'}/${target?.name ?? '-'}`)
export const web = '/api/v1/namespaces/web'
export const rbac = '/apis/rbac.authorization.k8s.io/v1'
