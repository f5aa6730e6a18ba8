import type { CastType, Expression, Match, Trim } from '../ast.ts'
import { isReserved } from '../words.ts'
import type { Cursor } from './cursor.ts'
import { readOrderBy } from './window.ts'
import { readColumnReference } from './column.ts'
import { readBareText, readSizes } from './text.ts'
import { readUnit } from './unit.ts'

/** Functions whose arguments are written in a way of their own. Each reads from behind the `(` to before the `)`. */
const specials: Readonly<Record<string, (cursor: Cursor, start: number, word: string) => Expression>> = {
  cast: (cursor, start) => {
    const operand = cursor.expression()
    cursor.expect('as')
    return { kind: 'cast', operand, type: readType(cursor), span: cursor.spanFrom(start) }
  },
  convert: (cursor, start) => {
    const operand = cursor.expression()
    if (cursor.acceptMark(',')) return { kind: 'cast', operand, type: readType(cursor), span: cursor.spanFrom(start) }
    cursor.expect('using')
    const charset = cursor.accept('utf8mb4') ? 'utf8mb4' : (cursor.is('binary') ? cursor.expect('binary') : cursor.fail('utf8mb4 or binary'), 'binary')
    return { kind: 'transcode', operand, charset, span: cursor.spanFrom(start) }
  },
  extract: (cursor, start) => {
    const unit = readUnit(cursor)
    cursor.expect('from')
    return { kind: 'extract', unit, operand: cursor.expression(), span: cursor.spanFrom(start) }
  },
  trim: readTrim,
  substring: readSubstring, substr: readSubstring, mid: readSubstring,
  position: (cursor, start) => {
    const needle = cursor.operand()
    cursor.expect('in')
    return call(cursor, start, 'locate', [needle, cursor.expression()])
  },
  group_concat: (cursor, start) => {
    const distinct = cursor.accept('distinct')
    const values = cursor.list(cursor.expression)
    const orderBy = readOrderBy(cursor)
    return { kind: 'groupConcat', distinct, arguments: values, orderBy, separator: cursor.accept('separator') ? readBareText(cursor) : ',', span: cursor.spanFrom(start) }
  },
  date_add: readShift, date_sub: readShift, adddate: readShift, subdate: readShift,
  timestampadd: (cursor, start) => {
    const unit = readUnit(cursor, true)
    cursor.expectMark(',')
    const amount = cursor.expression()
    cursor.expectMark(',')
    return { kind: 'shift', operator: '+', operand: cursor.expression(), amount, unit, span: cursor.spanFrom(start) }
  },
  timestampdiff: (cursor, start) => {
    const unit = readUnit(cursor, true)
    cursor.expectMark(',')
    const from = cursor.expression()
    cursor.expectMark(',')
    return { kind: 'timestampdiff', unit, from, to: cursor.expression(), span: cursor.spanFrom(start) }
  },
  default: (cursor, start) => ({ kind: 'default', column: readColumnReference(cursor), span: cursor.spanFrom(start) }),
  values: (cursor, start) => ({ kind: 'inserted', column: readColumnReference(cursor), span: cursor.spanFrom(start) }),
}
export const isSpecial = (word: string): boolean => word === 'match' || Object.hasOwn(specials, word)

/** The word was not taken yet. */
export function readSpecial(cursor: Cursor, word: string): Expression {
  const token = cursor.take()
  if (word === 'match') return readMatch(cursor, token.start)
  if (word === 'default' && !cursor.isMark('(')) return { kind: 'default', column: null, span: { start: token.start, end: token.end } }
  const open = cursor.peek()
  if (open.start !== token.end && !isReserved(word)) cursor.deny('spaced_call', 'the parenthesis of a call follows its name at once', { start: token.start, end: open.end })
  const read = specials[word]
  if (!read) return cursor.fail('an expression')
  const found = cursor.inParentheses(() => read(cursor, token.start, word))
  if (cursor.is('over')) cursor.fail('the end of the expression')
  return { ...found, span: cursor.spanFrom(token.start) }
}

const call = (cursor: Cursor, start: number, name: string, values: readonly Expression[]): Expression => {
  const span = cursor.spanFrom(start)
  return { kind: 'call', schema: null, name: { text: name, span }, arguments: values, star: false, distinct: false, over: null, span }
}

function readTrim(cursor: Cursor, start: number): Trim {
  const side = cursor.accept('leading') ? 'leading' : cursor.accept('trailing') ? 'trailing' : 'both'
  const said = side !== 'both' || cursor.accept('both')
  if (said && cursor.accept('from')) return { kind: 'trim', side, remove: null, operand: cursor.expression(), span: cursor.spanFrom(start) }
  const first = cursor.expression()
  if (cursor.accept('from')) return { kind: 'trim', side, remove: first, operand: cursor.expression(), span: cursor.spanFrom(start) }
  return said ? cursor.fail('FROM') : { kind: 'trim', side, remove: null, operand: first, span: cursor.spanFrom(start) }
}

/** Also with FROM and FOR between. */
function readSubstring(cursor: Cursor, start: number): Expression {
  const values = [cursor.expression()]
  const spoken = cursor.accept('from')
  if (!spoken) cursor.expectMark(',')
  values.push(cursor.expression())
  if (spoken ? cursor.accept('for') : cursor.acceptMark(',')) values.push(cursor.expression())
  return call(cursor, start, 'substring', values)
}

/** DATE_ADD(d, INTERVAL n unit); ADDDATE and SUBDATE also take a number of days. */
function readShift(cursor: Cursor, start: number, word: string): Expression {
  const operator = word.endsWith('sub') || word.startsWith('sub') ? '-' : '+'
  const operand = cursor.expression()
  cursor.expectMark(',')
  const interval = cursor.accept('interval')
  if (!interval && word.startsWith('date')) cursor.fail('INTERVAL')
  const amount = cursor.expression()
  return { kind: 'shift', operator, operand, amount, unit: interval ? readUnit(cursor) : 'day', span: cursor.spanFrom(start) }
}

function readMatch(cursor: Cursor, start: number): Match {
  const columns = cursor.inParentheses(() => cursor.list(() => readColumnReference(cursor)))
  cursor.expect('against')
  const found = cursor.inParentheses(() => ({ against: cursor.operand(), mode: readMode(cursor) }))
  return { kind: 'match', columns, ...found, span: cursor.spanFrom(start) }
}

function readMode(cursor: Cursor): Match['mode'] {
  if (cursor.accept('with')) {
    cursor.expect('query', 'expansion')
    return 'expansion'
  }
  if (!cursor.accept('in')) return 'natural'
  if (cursor.accept('boolean')) {
    cursor.expect('mode')
    return 'boolean'
  }
  cursor.expect('natural', 'language', 'mode')
  if (!cursor.accept('with')) return 'natural'
  cursor.expect('query', 'expansion')
  return 'expansion'
}

/** Whether the type takes a size, and a scale after it. */
const types: ReadonlyMap<string, readonly [name: CastType['name'], sizes: 0 | 1 | 2]> = new Map<string, readonly [CastType['name'], 0 | 1 | 2]>([
  ['char', ['char', 1]], ['binary', ['binary', 1]], ['signed', ['signed', 0]], ['unsigned', ['unsigned', 0]], ['decimal', ['decimal', 2]], ['double', ['double', 0]], ['float', ['float', 0]],
  ['date', ['date', 0]], ['datetime', ['datetime', 1]], ['time', ['time', 1]], ['json', ['json', 0]],
])
function readType(cursor: Cursor): CastType {
  const token = cursor.peek()
  const [name, sizes] = (token.kind === 'word' ? types.get(token.lower) : undefined) ?? []
  if (!name || sizes === undefined) return cursor.fail('CHAR, BINARY, SIGNED, UNSIGNED, DECIMAL, DOUBLE, FLOAT, DATE, DATETIME, TIME or JSON')
  cursor.take()
  if (name === 'signed' || name === 'unsigned') cursor.accept('integer', 'int')
  return { name, ...readSizes(cursor, sizes) }
}
