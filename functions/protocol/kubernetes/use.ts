import type { Used } from '../../../schema/effects.ts'
import type { Json } from '../json.ts'
import { membersOf } from './body.ts'
import type { Dry } from './plan.ts'
import { operationsOf, settingOf } from './pointer.ts'
import type { Statement } from './request.ts'
import { meets, type ClassRule } from './rules.ts'
import { labelKeys, termsOf } from './selector.ts'

/** What detectors leave in the place of a hit, and what masks look like. */
const detected = /\[redacted: ([a-z-]{1,32})\]|\[withheld: too large to inspect\]/
const starred = /\*\*\*|\[redacted\b|\[withheld\b/i
/** Annotations that repeat the object: asking after them asks after what it holds. */
const annotations = ['metadata', 'annotations', '*']

/**
 * Uses of classified values that no mask can follow: predicates of the server's, tests and copies of a JSON patch, writes that only tell whether a guess was right, and masks
 * written back over what they hide.
 */
export function usesOf(statement: Statement, classes: readonly ClassRule[], dry: Dry | undefined): readonly Used[] {
  const { attributes, query, body, contentType } = statement
  const uses: Used[] = []
  const note = (rule: ClassRule, how: string, back?: 'mask') => { uses.push({ resource: rule.resource, column: rule.column, dataClass: rule.dataClass, statement: 0, span: null, how, ...(back ? { back } : {}) }) }
  for (const { field } of termsOf(query.get('fieldSelector')?.[0] ?? '') ?? []) for (const rule of classes) if (meets(rule.steps, field.split('.'))) note(rule, 'in a field selector')
  for (const key of labelKeys(query.get('labelSelector')?.[0] ?? '') ?? []) for (const rule of classes) if (meets(rule.steps, ['metadata', 'labels', key])) note(rule, 'in a label selector')
  if (body === null || attributes.verb === 'delete' || attributes.verb === 'deletecollection') return uses
  const json = body as Json
  const copied = classes[0] ? [...classes, { ...classes[0], steps: annotations }] : []
  if (contentType === 'application/json-patch+json') {
    for (const { op, path, from } of operationsOf(json)) {
      for (const rule of copied) {
        if (op === 'test' && meets(rule.steps, path)) note(rule, 'in a test of a json patch')
        if (from && meets(rule.steps, from)) note(rule, `in a ${op} of a json patch`)
      }
    }
  }
  const guess = guessOf(statement, dry)
  for (const set of settingOf(contentType, json)) {
    for (const rule of classes) {
      for (const value of leavesAt(set, rule.steps)) {
        if (guess !== null) note(rule, guess)
        if (typeof value === 'string' && isMask(value)) note(rule, `as a new value of ${rule.column}`, 'mask')
      }
    }
  }
  const mark = markIn(json)
  if (mark !== null) uses.push({ resource: attributes.resource, column: 'the object', dataClass: mark, statement: 0, span: null, how: 'as a new value', back: 'detector' })
  return [...new Map(uses.map((use) => [JSON.stringify(use), use])).values()]
}

/**
 * How a write of a value tells whether it was the value already, and leaves it as it is where it was not; null: it does not, it overwrites. A dry run answers and changes nothing; an apply that does not force
 * conflicts where the value differs; an immutable object takes the same value and refuses another.
 */
function guessOf({ attributes, query, contentType }: Statement, dry: Dry | undefined): string | null {
  if (attributes.verb !== 'update' && attributes.verb !== 'patch') return null
  if (query.get('dryRun')) return 'as a new value in a dry run, which would tell whether it is the value'
  if (contentType === 'application/apply-patch+yaml' && query.get('force')?.[0] !== 'true') return 'as a new value in an apply without force, whose conflict would tell whether it is the value'
  return dry?.oldObject?.immutable === true ? 'as a new value of an immutable object, whose refusal would tell whether it is the value' : null
}

/** What is set at a path, every leaf below it. */
function leavesAt(value: Json, steps: readonly string[]): readonly Json[] {
  if (typeof value !== 'object' || value === null) return [value]
  const [step, ...rest] = steps
  const children = Object.entries(value) as [string, Json][]
  if (step === undefined) return children.flatMap(([, child]) => leavesAt(child, []))
  return children.filter(([key]) => step === '*' || key === step).flatMap(([, child]) => leavesAt(child, rest))
}

/** As it stands, or inside its base64. */
function isMask(value: string): boolean {
  if (starred.test(value)) return true
  return /^[A-Za-z0-9+/]{4,}={0,2}$/.test(value) && starred.test(Buffer.from(value, 'base64').toString('latin1'))
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
