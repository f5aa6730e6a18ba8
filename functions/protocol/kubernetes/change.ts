import type { DetectorName } from '../../../schema/policy.ts'
import type { Json } from '../json.ts'
import { isApplied } from './annotation.ts'
import { changedIn, managers } from './changed.ts'
import type { Classified } from './classify.ts'
import { printable, unifiedDiff } from './diff.ts'
import { writesStatus } from './kind.ts'
import { maskObject } from './mask.ts'
import type { Dry } from './plan.ts'
import { isObject } from './precondition.ts'

type Value = Readonly<Record<string, unknown>>

/** Which object it is, and how often its specification has changed: what a person can hold against the cluster. */
function identityOf(old: Value | null | undefined): readonly string[] {
  if (old === null) return ['# there is no such object yet']
  const { uid, generation } = (old?.['metadata'] ?? {}) as Value
  if (typeof uid !== 'string' || !/^[\w.-]{1,64}$/.test(uid)) return []
  return [`# of the object with uid ${uid}${typeof generation === 'number' ? `, generation ${generation}` : ''}`]
}

/** Of the copy that `kubectl apply` keeps, and a difference leaves out, what changes there and not in the object: the next apply takes that for what was there. */
function copied(before: Value | null, after: Value | null, status: boolean): readonly string[] {
  if (before === null || after === null) return []
  const [all, own] = [changedIn(before, after, status), changedIn(bare(before), bare(after), status)]
  const places = all === null || own === null ? ['more places than are looked at'] : all.filter((place) => !own.includes(place))
  const named = places.slice(0, 20).map((place) => printable(place).slice(0, 200)).join(', ')
  return places.length === 0 ? [] : [`# the copy that \`kubectl apply\` keeps changes where the object does not: ${named}${places.length > 20 ? ` and ${places.length - 20} more` : ''}`]
}
function bare(value: Value): Value {
  const { metadata } = value
  if (!isObject(metadata) || !isObject(metadata['annotations'])) return value
  return { ...value, metadata: { ...metadata, annotations: Object.fromEntries(Object.entries(metadata['annotations']).filter(([name]) => !isApplied(name))) } }
}

function imagesOf(value: Value | null): readonly string[] {
  const spec = value?.['spec']
  const containers = isObject(spec) && Array.isArray(spec['containers']) ? spec['containers'].filter(isObject) : []
  return containers.map(({ name, image }) => `# its container \`${printable(String(name))}\` runs ${printable(String(image))}`)
}

/** What people who decide see of a change: every class masked, whoever asks and whoever looks, for the diff goes into chat and onto the record. */
export function changeOf({ plan, effects }: Classified, { object, oldObject, pod }: Dry, detect: readonly DetectorName[], silent: string | undefined): string {
  const claimed = effects.accesses[0]?.target?.changed?.includes(managers) ? ['# it sets who manages which field: what somebody applies next may take away, or leave, what it did not'] : []
  const note = [...(silent === undefined ? [] : [`# ${silent}`]), ...claimed]
  if (!pod && object === undefined) return note.join('\n')
  const shown = (value: Value | null): Value | null => (value === null ? null : maskObject(value as Json, { plan, effects, obligations: { masks: effects.shown.map(() => 'redact' as const), detect }, maskKey: null }) as Value)
  try {
    if (pod) return [...note, ...identityOf({ metadata: { uid: pod.uid } }), ...imagesOf(shown({ apiVersion: 'v1', kind: 'Pod', spec: { containers: pod.containers } }))].join('\n')
    const [before, after] = [oldObject ?? null, object ?? null]
    const unseen = oldObject === undefined ? ['# the object as it is could not be seen'] : []
    const status = writesStatus(plan.attributes)
    return [...note, ...unseen, ...identityOf(oldObject), ...copied(before, after, status), unifiedDiff({ before: { clear: before, shown: shown(before) }, after: { clear: after, shown: shown(after) }, status })].join('\n')
  } catch {
    return [...note, '# the change cannot be shown: the object is not of a form that can be masked'].join('\n')
  }
}
