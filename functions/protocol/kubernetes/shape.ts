import type { Effects, Obligations } from '../../../schema/effects.ts'
import { createDetect, type Counts } from '../detect.ts'
import { redacted } from '../shown.ts'
import { rebuiltFailure, textMember } from './failure.ts'
import type { KubernetesPlan } from './plan.ts'
import { ruleOf, secretClass } from './rules.ts'
import { slicesOf, stringAt, withElements, withMembers } from './scan.ts'
import { treeOf, type Root } from './tree.ts'
import { rewrite, type Look } from './walk.ts'

export interface Shaping {
  readonly plan: Pick<KubernetesPlan, 'attributes' | 'harmless'>
  readonly effects: Pick<Effects, 'shown'>
  readonly obligations: Pick<Obligations, 'masks' | 'detect'>
  readonly maskKey: string | null
}

/**
 * The forms an answer of the API server has: an object, a list of them, a table of rows, a Status. `document` tells them apart and masks each; `element` and `member` are of a list or table that streams.
 * An object is masked by the resource that was asked for, for the items of a list do not say what they are.
 */
export function createShape({ plan, effects, obligations, maskKey }: Shaping) {
  const counts: Counts = {}
  const detect = obligations.detect.length === 0 ? null : createDetect(obligations.detect, counts)
  const look: Look = { text: detect?.text ?? null, maskKey, seen: new Set() }
  const rules = effects.shown.map(ruleOf)
  const hidden = rules.filter((_, index) => obligations.masks[index] !== null)
  const packed = detect !== null && plan.attributes.group === '' && plan.attributes.resource === 'configmaps' ? ['binaryData.*'] : []
  const root = treeOf(rules, obligations.masks, plan.harmless ?? [], packed)
  const own = plan.attributes.group === '' && (plan.attributes.resource === 'secrets' || plan.attributes.resource === 'configmaps')
  // Their tables are printed by the server itself, and show how many values there are. Of any other kind whoever defined it chose what a column shows.
  const opaque = hidden.some(({ steps }) => !own || !['data', 'stringData', 'binaryData'].includes(steps[0] ?? ''))
  let columns: readonly string[] = []

  const object = (text: string) => rewrite(text, root, look)
  const plain = (text: string) => rewrite(text, null, look)
  function row(text: string): string {
    return withMembers(text, slicesOf(text), (key, value) => {
      if (key === 'object') return value === 'null' ? value : object(value)
      if (key !== 'cells') return plain(value)
      let index = -1
      return withElements(value, (cell) => { index++; return opaque && !shownCell(columns[index], index, cell) ? (cell === 'null' ? cell : JSON.stringify(redacted)) : index === 0 ? cell : plain(cell) })
    })
  }
  /** One item of a list, or row of a table. */
  function element(key: string, text: string): string {
    return key === 'rows' ? row(text) : object(text)
  }
  /** Any other member beside them. */
  function member(key: string, text: string): string {
    if (key === 'columnDefinitions' && text !== 'null') {
      const names: string[] = []
      withElements(text, (definition) => { names.push(textMember(definition, 'name') ?? ''); return definition })
      if (names.length > 0) columns = names
    }
    return key === 'metadata' ? rewrite(`{"metadata":${text}}`, root, look).slice('{"metadata":'.length, -1) : plain(text)
  }
  function document(text: string): string {
    const slices = slicesOf(text)
    const kind = slices.find(({ key }) => key === 'kind')
    const name = kind && text[kind.start] === '"' ? stringAt(text, kind.start, kind.end) : null
    if (name === 'Status' && hidden.length > 0 && textMember(text, 'status') !== 'Success') return rebuiltFailure(text)
    const listed = slices.find(({ key, start }) => (key === 'items' || key === 'rows') && text[start] === '[')
    // By what was asked, not by the name alone: a kind may be called `AllowList`, and an object of it have `items`.
    const many = plan.attributes.verb === 'list' || plan.attributes.verb === 'deletecollection' ? name?.endsWith('List') === true : false
    if (listed && (many || (name === 'Table' && (textMember(text, 'apiVersion') ?? 'meta.k8s.io/').startsWith('meta.k8s.io/')))) return withMembers(text, slices, (key, value) => (key === listed.key ? withElements(value, (one) => element(key, one)) : member(key, value)))
    // What asked for something else and got a Secret: no rule was decided for it, so nothing of it is shown.
    if (name === 'Secret' && textMember(text, 'apiVersion') === 'v1' && plan.attributes.resource !== 'secrets') return rewrite(text, unasked, look)
    const shown = object(text)
    if (!listed || root === null) return shown
    // It does not say that it is a list, and holds what could be the items of one: they are masked as both.
    return withMembers(shown, slicesOf(shown), (key, value) => (key === listed.key ? withElements(value, (one) => (one.startsWith('{') ? element(key, one) : object(one))) : value))
  }
  return { document, element, member, plain, detected: counts as Readonly<Record<string, number>> }
}
export type Shape = ReturnType<typeof createShape>
const unasked: Root | null = treeOf(['data.*', 'stringData.*'].map((column) => ruleOf({ resource: 'secrets', column, dataClass: secretClass })), [], [])

/** Of a table that others designed: the name, and the age in the server's own form. */
function shownCell(column: string | undefined, index: number, cell: string): boolean {
  return (index === 0 && /^"[a-z0-9.:-]+"$/.test(cell) && column === 'Name') || (column === 'Age' && /^"(?:\d+[ydhms])+"$|^"<unknown>"$/.test(cell))
}
