import type { Arithmetic, Comparison, Expression, Unary } from '../ast.ts'
import type { Cursor } from './cursor.ts'
import { readPrimary } from './primary.ts'
import { readUnit } from './unit.ts'

/**
 * Expressions, by the precedence that both servers' grammars have: OR, XOR, AND, NOT, comparisons and IS, one predicate (IN, BETWEEN, LIKE, REGEXP), bits and sums, prefixes. Where
 * those grammars differ (predicates in a row, IS TRUE compared again, LIKE followed by a sum) parentheses are demanded.
 */
export function readExpression(cursor: Cursor): Expression {
  return cursor.deeper(() => readChain(cursor, 'or', () => readChain(cursor, 'xor', () => readChain(cursor, 'and', () => readNot(cursor)))))
}

function readChain(cursor: Cursor, operator: 'or' | 'xor' | 'and', operand: () => Expression): Expression {
  const start = cursor.peek().start
  const first = operand()
  const operands = [first]
  const more = () => cursor.accept(operator) || (operator === 'and' && cursor.acceptMark('&&'))
  while (more()) operands.push(operand())
  return operands.length === 1 ? first : { kind: 'logical', operator, operands, span: cursor.spanFrom(start) }
}

function readNot(cursor: Cursor): Expression {
  const start = cursor.peek().start
  if (!cursor.accept('not')) return readComparison(cursor)
  const operand = cursor.deeper(() => readNot(cursor))
  return { kind: 'unary', operator: 'not', operand, span: cursor.spanFrom(start) }
}

const comparisons: Readonly<Record<string, Comparison>> = { '=': '=', '<=>': '<=>', '<>': '<>', '!=': '<>', '<': '<', '<=': '<=', '>': '>', '>=': '>=' }

function comparisonHere(cursor: Cursor): Comparison | undefined {
  const token = cursor.peek()
  return token.kind === 'symbol' && Object.hasOwn(comparisons, token.text) ? comparisons[token.text] : undefined
}

function readComparison(cursor: Cursor): Expression {
  const start = cursor.peek().start
  for (let left = readPredicate(cursor); ;) {
    if (cursor.accept('is')) {
      const negated = cursor.accept('not')
      const test = readTest(cursor)
      left = { kind: 'is', negated, operand: left, test, span: cursor.spanFrom(start) }
      // one server's grammar ends here, the other's compares the truth value
      if (test !== 'null' && (cursor.is('is') || comparisonHere(cursor))) return cursor.fail('a pair of parentheses')
      continue
    }
    const operator = comparisonHere(cursor)
    if (!operator) return left
    cursor.take()
    if (cursor.is('any', 'some', 'all') && cursor.opensQuery(1)) {
      if (operator === '<=>') cursor.fail('another operator')
      const quantifier = cursor.isWord(cursor.take(), 'all') ? 'all' : 'any'
      left = { kind: 'quantified', operator, quantifier, operand: left, query: cursor.queryInParentheses(), span: cursor.spanFrom(start) }
    } else left = { kind: 'binary', operator, left, right: readPredicate(cursor), span: cursor.spanFrom(start) }
  }
}

function readTest(cursor: Cursor): 'null' | 'true' | 'false' | 'unknown' {
  for (const test of ['null', 'true', 'false', 'unknown'] as const) if (cursor.accept(test)) return test
  return cursor.fail('NULL, TRUE, FALSE or UNKNOWN')
}

const predicates = ['in', 'between', 'like', 'regexp', 'rlike', 'sounds', 'member'] as const
function readPredicate(cursor: Cursor): Expression {
  const start = cursor.peek().start
  const operand = readOperand(cursor)
  const negated = cursor.is('not') && cursor.isWord(cursor.peek(1), ...predicates) && cursor.accept('not')
  if (!cursor.is(...predicates)) return operand
  const found = readPredicateOf(cursor, operand, negated, start)
  // the servers read a second one in different ways, or not at all
  if (cursor.is(...predicates) || (cursor.is('not') && cursor.isWord(cursor.peek(1), ...predicates))) cursor.fail('a pair of parentheses')
  return found
}

function readPredicateOf(cursor: Cursor, operand: Expression, negated: boolean, start: number): Expression {
  if (cursor.accept('between')) {
    const low = readOperand(cursor)
    cursor.expect('and')
    return { kind: 'between', negated, operand, low, high: readOperand(cursor), span: cursor.spanFrom(start) }
  }
  if (cursor.accept('regexp', 'rlike')) return { kind: 'regexp', negated, operand, pattern: readOperand(cursor), span: cursor.spanFrom(start) }
  if (cursor.accept('like')) {
    const pattern = readPrefixed(cursor)
    const escape = readEscape(cursor)
    return { kind: 'like', negated, operand, pattern, escape, span: cursor.spanFrom(start) }
  }
  if (!cursor.accept('in')) return cursor.fail('an operator')
  if (cursor.opensQuery()) {
    const open = cursor.peek()
    // ((SELECT …)): a list of one scalar to one reader, a set to another
    if (cursor.isSymbol(cursor.peek(1), '(')) cursor.deny('doubled_parentheses', 'write the query of IN in one pair of parentheses', { start: open.start, end: open.end })
    return { kind: 'inQuery', negated, operand, query: cursor.queryInParentheses(), span: cursor.spanFrom(start) }
  }
  const list = cursor.inParentheses(() => cursor.list(() => cursor.expression()))
  if (list.length === 1 && list[0]?.kind === 'subquery') cursor.deny('doubled_parentheses', 'write the query of IN in one pair of parentheses', list[0].span)
  return { kind: 'in', negated, operand, list, span: cursor.spanFrom(start) }
}

function readEscape(cursor: Cursor): string {
  if (!cursor.accept('escape')) return '\\'
  const token = cursor.peek()
  if (token.kind !== 'string' || [...token.text].length !== 1) return cursor.fail('one character in quotes')
  cursor.take()
  return token.text
}

/** How tight each holds; all are left-associative. */
const strengths: ReadonlyMap<string, readonly [operator: Arithmetic, strength: number]> = new Map<string, readonly [Arithmetic, number]>([
  ['|', ['|', 1]], ['&', ['&', 2]], ['<<', ['<<', 3]], ['>>', ['>>', 3]], ['+', ['+', 4]], ['-', ['-', 4]],
  ['*', ['*', 5]], ['/', ['/', 5]], ['div', ['div', 5]], ['%', ['%', 5]], ['mod', ['%', 5]], ['^', ['^', 6]],
])

/** Bits and sums: what stands on either side of a predicate. */
export function readOperand(cursor: Cursor, least = 1): Expression {
  const { start } = cursor.peek()
  for (let left = readPrefixed(cursor); ;) {
    const token = cursor.peek()
    const [operator, strength] = (token.kind === 'word' ? strengths.get(token.lower) : token.kind === 'symbol' ? strengths.get(token.text) : undefined) ?? []
    if (!operator || !strength || strength < least) return left
    cursor.take()
    if ((operator === '+' || operator === '-') && cursor.accept('interval')) {
      const amount = cursor.expression()
      left = { kind: 'shift', operator, operand: left, amount, unit: readUnit(cursor), span: cursor.spanFrom(start) }
    } else left = { kind: 'binary', operator, left, right: readOperand(cursor, strength + 1), span: cursor.spanFrom(start) }
  }
}

/** A primary with what stands before it. `!` binds as tight as a minus; only NOT is weak. */
function readPrefixed(cursor: Cursor): Expression {
  const { start } = cursor.peek()
  const operator: Unary['operator'] | undefined = cursor.isMark('-') ? '-' : cursor.isMark('~') ? '~' : cursor.isMark('!') ? 'not' : undefined
  if (operator) {
    cursor.take()
    return { kind: 'unary', operator, operand: cursor.deeper(() => readPrefixed(cursor)), span: cursor.spanFrom(start) }
  }
  if (cursor.acceptMark('+')) return cursor.deeper(() => readPrefixed(cursor))
  if (cursor.is('binary') && !cursor.isSymbol(cursor.peek(1), ')', ',')) {
    cursor.take()
    return { kind: 'cast', operand: cursor.deeper(() => readPrefixed(cursor)), type: { name: 'binary', size: null, scale: null }, span: cursor.spanFrom(start) }
  }
  return readPrimary(cursor)
}
