import type { Used } from '../../../schema/effects.ts'
import type { ConnectionDocument, MaskName } from '../../../schema/policy.ts'
import type { Json } from '../json.ts'
import { redacted } from '../shown.ts'
import { annotationsIn, isApplied, isPlain, leadsToAnnotations } from './annotation.ts'
import { membersOf } from './body.ts'
import { named } from './kind.ts'
import type { Dry } from './plan.ts'
import { operationsOf, settingOf } from './pointer.ts'
import type { Statement } from './request.ts'
import { meets, position, type ClassRule } from './rules.ts'
import { labelKeys, termsOf } from './selector.ts'

/** What detectors leave in the place of a hit, and what masks look like. */
const detected = /\[redacted: ([a-z-]{1,32})\]|\[withheld: too large to inspect\]/
const starred = /\*\*\*|\[redacted\b|\[withheld\b/i
/** Annotations that repeat the object: asking after them asks after what it holds. */
const annotations = ['metadata', 'annotations', '*']
/** Elements of sets are names there. */
const managed = ['metadata', 'managedFields']

/**
 * Uses of classified values that no mask can follow: predicates of the server's, tests and copies of a JSON patch, writes that only tell whether a guess was right, and masks
 * written back over what they hide.
 */
export function usesOf(statement: Statement, classes: readonly ClassRule[], mask: ConnectionDocument['mask'], dry: Dry | undefined): readonly Used[] {
  const { attributes, query, body, contentType } = statement
  const uses: Used[] = []
  const note = (rule: ClassRule, how: string, back?: 'mask') => { uses.push({ resource: rule.resource, column: rule.column, dataClass: rule.dataClass, statement: 0, span: null, how, ...(back ? { back } : {}) }) }
  for (const { field } of termsOf(query.get('fieldSelector')?.[0] ?? '') ?? []) for (const rule of classes) if (meets(rule.steps, field.split('.'))) note(rule, 'in a field selector')
  for (const key of labelKeys(query.get('labelSelector')?.[0] ?? '') ?? []) for (const rule of classes) if (meets(rule.steps, ['metadata', 'labels', key])) note(rule, 'in a label selector')
  if (body === null || attributes.verb === 'delete' || attributes.verb === 'deletecollection') return uses
  const json = body as Json
  const copied = classes[0] ? [...classes, { ...classes[0], steps: annotations }, { ...classes[0], steps: managed }] : []
  if (contentType === 'application/json-patch+json') {
    for (const { op, path, from, value } of operationsOf(json)) {
      if (op === 'test' && (leadsToAnnotations(path) || annotationsIn(value ?? null).length > 0)) for (const rule of classes) note(rule, 'in a test of a json patch')
      if (from && leadsToAnnotations(from)) for (const rule of classes) note(rule, `in a ${op} of a json patch`)
      for (const rule of copied) {
        if (op === 'test' && meets(rule.steps, path)) note(rule, 'in a test of a json patch')
        // Also into it: what is put there is not in the patch to be looked at.
        if (from && (meets(rule.steps, from) || (rule.steps !== annotations && rule.steps !== managed && meets(rule.steps, path)))) note(rule, `in a ${op} of a json patch`)
      }
    }
  }
  for (const set of settingOf(contentType, json)) {
    for (const rule of classes) {
      for (const value of leavesAt(set, rule.steps)) {
        const shown = mask && Object.hasOwn(mask, rule.dataClass) ? mask[rule.dataClass] ?? 'redact' : mask?.['*'] ?? 'redact'
        const guess = shown === 'hash' && value !== null ? 'as a new value, whose hash could be compared with those of others' : guessOf(statement, rule, value, dry)
        if (guess !== null) note(rule, guess)
        if ((typeof value === 'string' && isMask(value, shown)) || (shown === 'null' && value === null && attributes.verb === 'update')) note(rule, `as a new value of ${rule.column}`, 'mask')
      }
    }
  }
  for (const set of settingOf(contentType, json)) {
    for (const [name, value] of annotationsIn(set)) {
      if (typeof value === 'string' && isPlain(name, value)) continue
      for (const rule of classes) {
        if (tells(statement) && !says(statement, classes, name, value)) note(rule, 'in annotations, which come masked, as a new value that a dry run or a conflict would tell from the one there')
        if (typeof value === 'string' && !isApplied(name) && value.includes(redacted)) note(rule, `as a new value of metadata.annotations.${name}`, 'mask')
      }
    }
  }
  const mark = markIn(json)
  if (mark !== null) uses.push({ resource: attributes.resource, column: 'the object', dataClass: mark, statement: 0, span: null, how: 'as a new value', back: 'detector' })
  return [...new Map(uses.map((use) => [JSON.stringify(use), use])).values()]
}

/** A write whose answer says whether a value was there already, and leaves it where it was not. */
const tells = ({ attributes, query, contentType }: Statement): boolean => (attributes.verb === 'update' || attributes.verb === 'patch')
  && (query.has('dryRun') || (contentType === 'application/apply-patch+yaml' && query.get('force')?.[0] !== 'true'))
/** The copy that `kubectl apply` keeps, where it sets nothing of what comes masked: then it tells of nothing that is. */
function says({ contentType }: Statement, classes: readonly ClassRule[], name: string, value: Json): boolean {
  if (!isApplied(name) || typeof value !== 'string' || contentType === 'application/apply-patch+yaml') return false
  try {
    const copy = JSON.parse(value) as Json
    return membersOf(copy) !== null && !classes.some(({ steps }) => leavesAt(copy, steps).length > 0) && annotationsIn(copy).every(([inner, one]) => typeof one === 'string' && isPlain(inner, one))
  } catch {
    return false
  }
}

/** Whether a write sets anything that holds a class. */
export const sets = ({ contentType, body }: Pick<Statement, 'contentType' | 'body'>, classes: readonly ClassRule[]): boolean =>
  body !== null && settingOf(contentType, body as Json).some((set) => classes.some(({ steps }) => leavesAt(set, steps).length > 0))

/** Kinds of Kubernetes' own that take any value in the place of another; but for what says of itself that it is immutable. A pod's fields, a job's, and those of a kind nobody here knows may be fixed. */
const overwritten: ReadonlySet<string> = new Set(['secrets', 'configmaps', 'replicationcontrollers', 'podtemplates', 'apps/deployments', 'apps/daemonsets', 'apps/statefulsets', 'apps/replicasets', 'batch/cronjobs'])

/**
 * How a write of a value tells whether it was the value already, and leaves it as it is where it was not; null: it does not, it overwrites. A dry run answers and changes nothing; an apply that does not force
 * conflicts where the value differs; an immutable field takes the same value and refuses another; a list of what to delete deletes what it guessed. Where a field may be immutable, a value that is there and one that
 * the cluster does not take are refused in the same words.
 */
function guessOf({ attributes, query, contentType, body }: Statement, { steps }: ClassRule, value: Json, dry: Dry | undefined): string | null {
  if (attributes.verb !== 'update' && attributes.verb !== 'patch') return null
  if (query.get('dryRun')) return 'as a new value in a dry run, which would tell whether it is the value'
  if (contentType === 'application/apply-patch+yaml' && query.get('force')?.[0] !== 'true') return 'as a new value in an apply without force, whose conflict would tell whether it is the value'
  if (contentType === 'application/strategic-merge-patch+json' && /"\$(?:deleteFromPrimitiveList\/|patch":"delete")/.test(JSON.stringify(body))) return 'in a patch that deletes by value, which would tell whether it is the value'
  if (dry === undefined) return null
  const fixed = 'as a new value of what may be immutable, whose refusal would tell whether it is the value'
  if (overwritten.has(named(attributes.group, attributes.resource, null))) return dry.oldObject === undefined || dry.oldObject?.immutable === true ? fixed : null
  if (steps[0] === 'metadata' || dry.oldObject === null) return null
  return dry.object === undefined || dry.oldObject === undefined || leavesAt(dry.oldObject as Json, steps).includes(value) ? fixed : null
}

/** What a strategic merge patch writes before the name of a list. */
const directive = /^\$(?:deleteFromPrimitiveList|setElementOrder)\//
/** What is set at a path, every leaf below it. */
const leavesAt = (value: Json, steps: readonly string[]): readonly Json[] => placesAt(value, steps).map((one) => one.value)
/** The same with where each stands, a list as a whole. */
export function placesAt(value: Json, steps: readonly string[], path: readonly string[] = [], listed = false): readonly { readonly value: Json; readonly path: readonly string[] }[] {
  if (typeof value !== 'object' || value === null) return [{ value, path }]
  const [step, ...rest] = steps
  const within = listed || Array.isArray(value)
  return (Object.entries(value) as [string, Json][]).flatMap(([key, child]) => {
    const name = key.replace(directive, '')
    const at = within ? path : [...path, name]
    if (step === undefined) return placesAt(child, [], at, within)
    return [...(step === '*' || name === step ? placesAt(child, rest, at, within) : []), ...(step !== '*' && position.test(key) ? placesAt(child, [step, ...rest], at, within) : [])]   // a path need not say what is a list
  })
}

/** As it stands, or inside its base64. */
function isMask(value: string, mask: MaskName): boolean {
  const looks = (text: string) => starred.test(text) || (mask === 'year' && /^\d{4}-01-01$/.test(text))
  return looks(value) || (/^[A-Za-z0-9+/]{4,}={0,2}$/.test(value) && looks(Buffer.from(value, 'base64').toString('latin1')))
}

/** The first mark of a detector anywhere in it. */
function markIn(value: Json): string | null {
  const open: Json[] = [value]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (typeof next === 'string') {
      const found = detected.exec(next)
      if (found) return found[1] ?? 'withheld'
    } else if (Array.isArray(next)) open.push(...next as readonly Json[])
    else { const members = membersOf(next); if (members) for (const [key, member] of Object.entries(members)) open.push(key, member) }
  }
  return null
}
