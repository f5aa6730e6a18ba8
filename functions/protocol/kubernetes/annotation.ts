import type { Json } from '../json.ts'
import { membersOf } from './body.ts'

/** The copy of the whole object that `kubectl apply` keeps, and compares with what it is given next time. */
const applied = 'kubectl.kubernetes.io/last-applied-configuration'

/**
 * Annotations that controllers of Kubernetes' own write and clients read (`kubectl rollout`, the scheduler of volumes), by the one form that the controller gives them: a count, a yes, a time. Anybody may write under
 * these names too, but nothing of another form is shown there. A name or a word is no such form, so `kubernetes.io/service-account.name` and its like are not here.
 */
const count = /^\d{1,6}$/
const yes = /^(?:yes|true)$/
const forms: ReadonlyMap<string, RegExp> = new Map([
  ['deployment.kubernetes.io/revision', count], ['deployment.kubernetes.io/desired-replicas', count], ['deployment.kubernetes.io/max-replicas', count], ['deprecated.daemonset.template.generation', count],
  ['pv.kubernetes.io/bind-completed', yes], ['pv.kubernetes.io/bound-by-controller', yes],
  ['k8s.io/initial-events-end', yes],                                  // of a bookmark: without it a client waits for ever for the rest of a list that streams
  ['kubectl.kubernetes.io/restartedAt', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:Z|[+-]\d\d:\d\d)$/],
])

export const isApplied = (name: string): boolean => name === applied
/** Whether what stands under this name is of no more content than its form, on an object that holds a class too. */
export const isPlain = (name: string, text: string): boolean => text === '' || forms.get(name)?.test(text) === true

/** Every annotation that a partial object sets, its own and those of templates in it. */
export function annotationsIn(value: Json): readonly (readonly [name: string, value: Json])[] {
  if (Array.isArray(value)) return (value as readonly Json[]).flatMap(annotationsIn)
  const inner = membersOf(membersOf(value)?.metadata)?.annotations
  const own = membersOf(inner)
  const rest = Object.values(membersOf(value) ?? {}).flatMap((member) => annotationsIn(member as Json))
  return [...(own ? Object.entries(own) as [string, Json][] : inner === undefined || inner === null ? [] : [['', inner] as const]), ...rest]
}

/** Whether a JSON pointer leads to annotations, or to what is nothing but metadata with them in it. */
export const leadsToAnnotations = (path: readonly string[]): boolean => path.some((step, at) => step === 'metadata' && (path[at + 1] === undefined || path[at + 1] === 'annotations'))
