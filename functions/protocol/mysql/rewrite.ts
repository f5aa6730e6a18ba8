import type { Param } from '../../../schema/request.ts'
import { refuse, ok, type Refusal, type Result } from '../../../schema/refusal.ts'
import type { Expression, Parameter, Statement } from './ast.ts'

/**
 * The tree as it was understood: names qualified, stars spelled out (`replaced`), parameters as typed literals. The driver pastes parameters into the text, so there is no text of theirs: what is printed holds them,
 * and was looked at whole.
 */
export function rewrite(statement: Statement, replaced: ReadonlyMap<object, object | readonly object[]>): Statement {
  return copy(statement, (node) => replaced.get(node)) as Statement
}
/** Literals in the place of `?`. Refuses what no literal says. */
export function bind(statement: Statement, params: readonly Param[]): Result<Statement> {
  const limits = new Set<number>()
  const bound = new Map<number, Expression>()
  for (const [i, param] of params.entries()) {
    const literal = literalOf(param)
    if (typeof literal === 'string') return refuse(wrong(i, literal))
    bound.set(i, literal)
  }
  const text = copy(statement, (node) => {
    if (isLimit(node)) for (const part of [node.count, node.offset]) if (part !== null && isParameter(part)) limits.add(part.index)
    return isParameter(node) ? bound.get(node.index) : undefined
  }) as Statement
  for (const index of limits) {
    const literal = bound.get(index)
    if (literal?.kind !== 'number' || !/^\d+$/.test(literal.text)) return refuse(wrong(index, 'a limit is a whole number of 0 or more'))
  }
  return ok(text)
}
const wrong = (index: number, detail: string): Refusal => ({ slug: 'invalid-request', reason: 'parameter_type', detail: `parameter ${index + 1}: ${detail}`, next: 'fix' })
const isParameter = (node: object): node is Parameter => 'kind' in node && node.kind === 'parameter'
const isLimit = (node: object): node is { readonly count: object; readonly offset: object | null } => 'count' in node && 'offset' in node && typeof node.count === 'object'

const nowhere = { start: 0, end: 0 }
/** A string says what cannot be one. Text is text: a number in quotes is compared as MySQL compares text. */
function literalOf(param: Param): Expression | string {
  if (param === null) return { kind: 'null', span: nowhere }
  if (typeof param === 'boolean') return { kind: 'boolean', value: param, span: nowhere }
  if (typeof param === 'string') return param.isWellFormed() ? { kind: 'string', value: param, span: nowhere } : 'it is not well-formed text'
  if (Array.isArray(param)) return 'an array is no value here; write one `?` for each element, or send a JSON document as text'
  if (typeof param === 'object') return { kind: 'string', value: JSON.stringify(param), span: nowhere }
  if (!Number.isFinite(param)) return 'it is not a number'
  const text = String(Math.abs(param)).replace('e+', 'e')
  const number: Expression = { kind: 'number', text, span: nowhere }
  return param < 0 ? { kind: 'unary', operator: '-', operand: number, span: nowhere } : number
}

/** A copy with some nodes replaced; what stands in a node's place is gone through as well, itself excepted. Untouched parts are shared. */
function copy(value: unknown, replacement: (node: object) => object | readonly object[] | undefined): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) {
    return value.flatMap((item: unknown): unknown[] => {
      const by = typeof item === 'object' && item !== null ? replacement(item) : undefined
      return Array.isArray(by) ? by.map((one: object) => fields(one, replacement)) : [by === undefined ? copy(item, replacement) : fields(by, replacement)]
    })
  }
  return fields(replacement(value) ?? value, replacement)
}
function fields(node: object, replacement: (node: object) => object | readonly object[] | undefined): unknown {
  if (Array.isArray(node)) return copy(node, replacement)
  return Object.fromEntries(Object.entries(node).map(([key, inner]: [string, unknown]) => [key, key === 'span' ? inner : copy(inner, replacement)]))
}
