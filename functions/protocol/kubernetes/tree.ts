import type { MaskName } from '../../../schema/policy.ts'
import { email, hashHex, last4, redacted, year } from '../shown.ts'
import type { ClassRule } from './rules.ts'
import { stepsIn } from './rules.ts'

/** What is done at a place: `mask` null shows it as it is; `managed`: a place that may repeat what is masked elsewhere in the object; `packed`: base64 of text that detectors look through. */
export type Rule = { readonly kind: 'class'; readonly mask: MaskName | null; readonly dataClass: string; readonly base64: boolean } | { readonly kind: 'managed' | 'harmless' | 'packed' }
export interface Node { readonly children: Map<string, Node>; star: Node | null; rule: Rule | null }
/** An object's rules from its top. `hides`: something in it is masked, and so are its annotations; then the members that a copy of it may show. */
export interface Root extends Node { readonly hides: ReadonlySet<string> | null }
const node = (): Node => ({ children: new Map(), star: null, rule: null })

/** Rules of an object as a tree over its members. `masks[i]`: what `rules[i]` gets; one that nobody decided is redacted. */
export function treeOf(rules: readonly ClassRule[], masks: readonly (MaskName | null | undefined)[], harmless: readonly string[], packed: readonly string[] = []): Root | null {
  if (rules.length === 0 && harmless.length === 0 && packed.length === 0) return null
  const root = node()
  for (const path of packed) place(root, stepsIn(path)).rule = { kind: 'packed' }
  for (const path of harmless) place(root, stepsIn(path)).rule = { kind: 'harmless' }
  let hidden = false
  let values = false
  rules.forEach(({ resource, steps, dataClass }, index) => {
    const given = masks[index]
    const mask = given === undefined ? 'redact' : given
    hidden ||= mask !== null
    const base64 = (resource === 'secrets' && steps[0] === 'data') || (resource === 'configmaps' && steps[0] === 'binaryData')
    values ||= mask !== null && resource !== 'secrets'
    place(root, steps).rule = { kind: 'class', mask, dataClass, base64 }
  })
  // A set's element is its own name in managedFields: `v:"…"`. The members of a Secret are not.
  if (values) place(root, ['metadata', 'managedFields']).rule ??= { kind: 'managed' }
  // A member that such an object does not have may be a misspelt one.
  const members = rules.some(({ resource }) => resource === 'secrets') ? ofSecret : [...ofObject, ...root.children.keys()]
  return { ...root, hides: hidden ? new Set(members) : null }
}
const ofSecret = ['apiVersion', 'kind', 'metadata', 'type', 'immutable', 'data', 'stringData']
const ofObject = ['apiVersion', 'kind', 'metadata', 'spec', 'status', 'type', 'immutable', 'data', 'stringData', 'binaryData']
function place(from: Node, steps: readonly string[]): Node {
  let at = from
  for (const step of steps) {
    if (step === '*') at = at.star ??= node()
    else {
      const next = at.children.get(step) ?? node()
      at.children.set(step, next)
      at = next
    }
  }
  return at
}

const nowhere: readonly Node[] = []
/** Where a member of this name is. What its own name says goes before what is said of every name. */
export function below(nodes: readonly Node[], key: string): readonly Node[] {
  if (nodes.length === 0) return nowhere
  const out: Node[] = []
  for (const { children, star } of nodes) {
    const exact = children.get(key)
    if (exact) out.push(exact)
    if (star && !exact?.rule) out.push(star)
  }
  return out
}
/** Where an element of a list is: also where the path did not say that it is one. */
export function inList(nodes: readonly Node[]): readonly Node[] {
  return nodes.length === 0 ? nowhere : nodes.flatMap((one) => (one.star ? [one.star, one] : [one]))
}

/** The one rule of a place; of several classes that are masked differently none shows anything. */
export function ruleAt(nodes: readonly Node[]): Rule | null {
  const rules = nodes.flatMap(({ rule }) => rule ?? [])
  const hidden = rules.flatMap((rule) => (rule.kind === 'class' && rule.mask !== null ? [rule] : []))
  const [first, ...others] = hidden
  if (!first) return rules.find(({ kind }) => kind === 'managed') ?? rules[0] ?? null
  return others.every((one) => one.mask === first.mask && one.dataClass === first.dataClass) ? first : { ...first, mask: 'redact' }
}

/** A value's text as its mask shows it; null: as nothing. In the base64 that its member is, where it is. */
export function masked({ mask, dataClass, base64 }: Extract<Rule, { kind: 'class' }>, text: string, key: string | null): string | null {
  if (mask === null) return text
  const shown = shownAs(mask, dataClass, base64 ? Buffer.from(text, 'base64').toString('utf8') : text, key)
  return shown === null || !base64 ? shown : Buffer.from(shown).toString('base64')
}
function shownAs(mask: MaskName, dataClass: string, text: string, key: string | null): string | null {
  switch (mask) {
    case 'null': return null
    case 'redact': case 'none': return redacted                       // `none` is no way to show what has a class
    case 'email': return email(text)
    case 'last4': return last4(text)
    case 'year': return year(text)
    case 'hash': return key === null ? redacted : hashHex(dataClass, text, key)
  }
}
