import type { Shown } from '../../../schema/effects.ts'
import type { ConnectionDocument } from '../../../schema/policy.ts'
import { named, resourceOf } from './kind.ts'
import type { Attributes } from './plan.ts'

/** A path inside an object that holds a class: members by name, `*` for any of them, and for any place of a list. */
export interface ClassRule { readonly resource: string; readonly column: string; readonly dataClass: string; readonly steps: readonly string[] }

export const secretClass = 'kubernetes.secret'
/** What holds a class whatever a policy says. */
const builtin: readonly (readonly [string, string])[] = [
  ['secrets', 'data.*'], ['secrets', 'stringData.*'], ['serviceaccounts/token', 'status.token'], ['authentication.k8s.io/tokenreviews', 'spec.token'],
]

/** `data.password`, `spec.keys[*].value`, `data.tls\.crt`, `*.value`. */
export function stepsIn(column: string): readonly string[] {
  const steps: string[] = []
  let step = ''
  for (let at = 0; at < column.length; at++) {
    const char = column[at] ?? ''
    if (char === '\\') step += column[++at] ?? ''
    else if (char === '.') { steps.push(step); step = '' } else if (/^\[\d*\*?\]/.test(column.slice(at))) {
      if (step !== '') steps.push(step)
      step = '*'
      at = column.indexOf(']', at)
      if (column[at + 1] === '.') { steps.push(step); step = ''; at++ }
    } else step += char
  }
  return [...steps, step].filter((one) => one !== '')
}

/** The classes an object of this resource may hold; a path the policy names goes before what is built in. Rules of a resource hold for its subresources, whose answers show the same object. */
export function rulesOf({ classify = {} }: Pick<ConnectionDocument, 'classify'>, attributes: Attributes): { readonly classes: readonly ClassRule[]; readonly harmless: readonly string[] } {
  if (!attributes.isResource) return { classes: [], harmless: [] }
  const names = [named(attributes.group, attributes.resource, null), resourceOf(attributes)]
  const entries = Object.entries(classify).flatMap(([key, value]) => {
    const colon = key.indexOf(':')
    const resource = key.slice(0, colon)
    return colon > 0 && names.includes(resource) ? [{ resource, column: key.slice(colon + 1), dataClass: typeof value === 'string' ? value : value.class }] : []
  })
  const own = builtin.filter(([resource, column]) => names.includes(resource) && !entries.some((entry) => entry.column === column)).map(([resource, column]) => ({ resource, column, dataClass: secretClass }))
  const all = [...own, ...entries].map((entry) => ({ ...entry, steps: stepsIn(entry.column) }))
  return { classes: all.filter(({ dataClass }) => dataClass !== 'none'), harmless: all.filter(({ dataClass }) => dataClass === 'none').map(({ column }) => column) }
}

/** Rules, and no path of them twice: what `effects.shown` says of an answer, taken back. */
export const ruleOf = ({ resource, column, dataClass }: Pick<Shown, 'resource' | 'column' | 'dataClass'>): ClassRule => ({ resource, column, dataClass, steps: stepsIn(column) })

/** true where one path leads to the other, or is it: what is read at the one then tells of what is at the other. A policy need not say which members are lists, nor does a mask ask. */
export function meets(steps: readonly string[], path: readonly string[]): boolean {
  const unlisted = path.filter((step) => !position.test(step))
  return leads(steps, path) || leads(steps, unlisted) || leads(steps.filter((step) => step !== '*'), unlisted)
}
/** An element of a list, as a JSON pointer says it. */
export const position = /^(?:\d+|-)$/
function leads(steps: readonly string[], path: readonly string[]): boolean {
  const length = Math.min(steps.length, path.length)
  for (let n = 0; n < length; n++) if (steps[n] !== '*' && path[n] !== '*' && steps[n] !== path[n]) return false
  return true
}
