import type { MaskName } from '../../../schema/policy.ts'
import type { Body, Expression, Item, Query, Statement } from './ast.ts'

/**
 * What a mask does not look at does not leave the database: in place of a column that comes masked stands the part of it that its mask needs. It is also why the size of an answer tells nothing of a masked value: of each no
 * more than `longest` can come, so `sparing` keeps room for as many rows as it says, whatever is in them. The column is still read with the account's right to read it.
 */

/** What a column's values are, for this: `text` of any length; `fixed`: always short; `other`: what no mask shows anything of. */
export type Form = 'text' | 'fixed' | 'other'
const texts: ReadonlySet<string> = new Set(['char', 'varchar', 'tinytext', 'text', 'mediumtext', 'longtext'])
const others: ReadonlySet<string> = new Set(['json', 'binary', 'varbinary', 'tinyblob', 'blob', 'mediumblob', 'longblob', 'enum', 'set', 'geometry', 'point', 'linestring', 'polygon', 'multipoint', 'multilinestring', 'multipolygon', 'geometrycollection'])
export const formOf = (type: string, json: boolean): Form => (json || others.has(type) ? 'other' : texts.has(type) ? 'text' : 'fixed')
/** Of two columns that a set operation makes one. */
export const commonForm = (one: Form | undefined, other: Form | undefined): Form | undefined => (one === other ? one : one === undefined || other === undefined || one === 'other' || other === 'other' ? 'other' : 'text')

/** How much of a value a mask looks at: nothing; whether it is NULL; all of a `value` that is short; an address of a length that one may have; its `end` or its `start`; a `digest` in place of what is long. */
export type Need = 'nothing' | 'presence' | 'value' | 'address' | 'end' | 'start' | 'digest'
/** The most bytes of a value that come for each. `end` and `start`: four a character. */
export const longest: Readonly<Record<Need, number>> = { nothing: 0, presence: 0, value: 80, address: 320, end: 260, start: 44, digest: 256 }

/** `whole`: its rows cannot be limited (a locking read, which would lock others), so nothing may come whose size tells. */
export function needOf(mask: MaskName, form: Form | undefined, whole: boolean): Need {
  if (mask === 'null' || form === undefined || form === 'other') return 'nothing'
  if (mask === 'redact' || mask === 'none') return form === 'text' ? 'presence' : 'nothing'
  if (whole) return 'nothing'
  if (form === 'fixed') return 'value'
  switch (mask) {
    case 'email': return 'address'
    case 'last4': return 'end'
    case 'year': return 'start'
    case 'hash': return 'digest'
  }
}

/** How many rows may come, and the bytes that their masked values may take beside what `limits.bytes` counts. `needs`: of each statement's outputs, null for one that is shown. */
export function sparing(needs: readonly (readonly (Need | null)[])[]): { readonly rows: number; readonly bytesOf: (rows: number) => number } {
  const row = needs.flat().reduce((sum, need) => sum + (need === null ? 0 : longest[need] + descriptionBytes), 0)
  return { rows: row === 0 ? Infinity : Math.max(1, Math.floor(roomBytes / row) - 1), bytesOf: (rows) => (row === 0 ? 0 : (rows + 1) * row) }
}
const roomBytes = 8 * 1024 * 1024
/** Its length, in digits, which goes beside it. */
const descriptionBytes = 8

/** The statement that fetches no more. Where a statement compares or sorts a column its mask does not hold, so only lists of plain columns are met here. */
export function withholding(tree: Statement, needs: readonly (Need | null)[]): Statement {
  return tree.kind === 'query' ? inQuery(tree, needs) : tree
}
const inQuery = (query: Query, needs: readonly (Need | null)[]): Query => ({ ...query, body: inBody(query.body, needs) })
function inBody(body: Body, needs: readonly (Need | null)[]): Body {
  switch (body.kind) {
    case 'query': return inQuery(body, needs)
    case 'set': return { ...body, first: inBody(body.first, needs), rest: body.rest.map((one) => ({ ...one, operand: inBody(one.operand, needs) })) }
    case 'select': return { ...body, items: body.items.map((item, i) => { const need = needs[i] ?? null; return item.kind === 'star' || need === null || need === 'value' || item.expression.kind !== 'column' ? item : { ...item, expression: part(need, item) } }) }
  }
}

/** Each is the same to its mask as the value itself. `case when false then c end` is NULL in the column's own type. */
function part(need: Exclude<Need, 'value'>, { expression: column, span }: Item): Expression {
  const call = (name: string, ...args: Expression[]): Expression => ({ kind: 'call', schema: null, name: { text: name, span }, arguments: args, star: false, distinct: false, over: null, span })
  const when = (condition: Expression, result: Expression, otherwise: Expression | null): Expression => ({ kind: 'case', operand: null, branches: [{ when: condition, result }], otherwise, span })
  const text = (value: string): Expression => ({ kind: 'string', value, span })
  const number = (value: number): Expression => ({ kind: 'number', text: String(value), span })
  const unicode: Expression = { kind: 'transcode', operand: column, charset: 'utf8mb4', span }
  const none = when({ kind: 'boolean', value: false, span }, column, null)
  const long = (result: Expression): Expression => when({ kind: 'binary', operator: '>', left: call('octet_length', need === 'digest' ? unicode : column), right: number(longest[need]), span }, result, column)
  switch (need) {
    case 'nothing': return none
    case 'presence': return when({ kind: 'is', negated: true, operand: column, test: 'null', span }, text(''), none)
    case 'address': return long(text(''))
    case 'end': return long(call('right', column, number(longest.end / 4)))
    case 'start': return long(call('left', column, number(longest.start / 4)))
    case 'digest': return long(call('concat', text('\x01'), call('sha2', unicode, number(256))))
  }
}
