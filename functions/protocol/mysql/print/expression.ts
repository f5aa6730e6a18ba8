import type { Bound, Call, CastType, Expression, Frame, GroupConcat, Like, Order, Query, Window } from '../ast.ts'
import { isPlain, quoteBare, quoteBytes, quoteName, quoteText } from '../quote.ts'

/** Every operator in parentheses of its own, so that no precedence of any server or sql_mode takes part. `query` prints what stands in the parentheses of a subquery. */
type PrintQuery = (query: Query) => string

export function printExpression(e: Expression, query: PrintQuery): string {
  const inner = (of: Expression): string => printExpression(of, query)
  const list = (of: readonly Expression[]): string => of.map(inner).join(', ')
  const not = (negated: boolean): string => (negated ? 'NOT ' : '')
  switch (e.kind) {
    case 'null': return 'NULL'
    case 'boolean': return e.value ? 'TRUE' : 'FALSE'
    case 'number': return number(e.text)
    case 'string': return quoteText(e.value)
    case 'bytes': return quoteBytes(e)
    case 'temporal': return `${e.type.toUpperCase()}${plain(e.value)}`
    case 'parameter': return '?'
    case 'column': return [e.schema, e.table, e.name].filter((name) => name !== null).map(quoteName).join('.')
    case 'default': return e.column ? `DEFAULT(${inner(e.column)})` : 'DEFAULT'
    case 'inserted': return `VALUES(${inner(e.column)})`
    case 'unary': return e.operator === 'not' ? `(NOT ${inner(e.operand)})` : `(${e.operator}${inner(e.operand)})`
    case 'binary': return `(${inner(e.left)} ${e.operator.toUpperCase()} ${inner(e.right)})`
    case 'logical': return `(${e.operands.map(inner).join(` ${e.operator.toUpperCase()} `)})`
    case 'like': return `(${inner(e.operand)} ${not(e.negated)}LIKE ${inner(e.pattern)}${escape(e)})`
    case 'regexp': return `(${inner(e.operand)} ${not(e.negated)}REGEXP ${inner(e.pattern)})`
    case 'between': return `(${inner(e.operand)} ${not(e.negated)}BETWEEN ${inner(e.low)} AND ${inner(e.high)})`
    case 'in': return `(${inner(e.operand)} ${not(e.negated)}IN (${list(e.list)}))`
    case 'inQuery': return `(${inner(e.operand)} ${not(e.negated)}IN (${query(e.query)}))`
    case 'is': return `(${inner(e.operand)} IS ${not(e.negated)}${e.test.toUpperCase()})`
    case 'exists': return `EXISTS (${query(e.query)})`
    case 'quantified': return `(${inner(e.operand)} ${e.operator} ${e.quantifier.toUpperCase()} (${query(e.query)}))`
    case 'subquery': return `(${query(e.query)})`
    case 'row': return `ROW(${list(e.items)})`
    case 'case': {
      const branches = e.branches.map(({ when, result }) => `WHEN ${inner(when)} THEN ${inner(result)} `).join('')
      return `(CASE ${e.operand ? `${inner(e.operand)} ` : ''}${branches}${e.otherwise ? `ELSE ${inner(e.otherwise)} ` : ''}END)`
    }
    case 'cast': return `CAST(${inner(e.operand)} AS ${printType(e.type)})`
    case 'transcode': return `CONVERT(${inner(e.operand)} USING ${e.charset})`
    case 'collate': return `(${inner(e.operand)} COLLATE ${word(e.collation)})`
    case 'shift': return `(${inner(e.operand)} ${e.operator} INTERVAL ${inner(e.amount)} ${e.unit.toUpperCase()})`
    case 'extract': return `EXTRACT(${e.unit.toUpperCase()} FROM ${inner(e.operand)})`
    case 'trim': return `TRIM(${e.remove || e.side !== 'both' ? `${e.side.toUpperCase()} ${e.remove ? `${inner(e.remove)} ` : ''}FROM ` : ''}${inner(e.operand)})`
    case 'timestampdiff': return `TIMESTAMPDIFF(${e.unit.toUpperCase()}, ${inner(e.from)}, ${inner(e.to)})`
    case 'call': return printCall(e, query)
    case 'groupConcat': return printGroupConcat(e, query)
    case 'match': return `MATCH (${list(e.columns)}) AGAINST (${inner(e.against)}${{ natural: '', boolean: ' IN BOOLEAN MODE', expansion: ' WITH QUERY EXPANSION' }[e.mode]})`
  }
}

/** Said wherever it could matter: without it a backslash is what one sql_mode takes and another does not. */
function escape({ escape: character, pattern }: Like): string {
  return character === '\\' && pattern.kind === 'string' && !pattern.value.includes('\\') ? '' : ` ESCAPE ${quoteText(character)}`
}

function number(text: string): string {
  if (!/^(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][-+]?\d+)?$/.test(text)) throw new Error('a number of the tree is none')
  return text
}
/** What is written as it is must be what it seems, whoever made the node. */
function word(text: string): string {
  if (!/^[a-z_][a-z0-9_]*$/.test(text)) throw new Error('a word of the tree is none')
  return text
}
function plain(text: string): string {
  if (!isPlain(text)) throw new Error('a text of the tree is not plain')
  return quoteText(text)
}

const sizes = ({ size, scale }: Pick<CastType, 'size' | 'scale'>): string => (size === null ? '' : `(${size}${scale === null ? '' : `, ${scale}`})`)
const printType = (type: CastType): string => `${type.name.toUpperCase()}${sizes(type)}`

function printCall(e: Call, query: PrintQuery): string {
  const name = e.schema ? `${quoteName(e.schema)}.${quoteName(e.name)}` : word(e.name.text)
  const values = e.star ? '*' : `${e.distinct ? 'DISTINCT ' : ''}${e.arguments.map((one) => printExpression(one, query)).join(', ')}`
  const over = !e.over ? '' : ` OVER ${'kind' in e.over ? printWindow(e.over, query) : quoteName(e.over)}`
  const order = e.orderBy && e.orderBy.length > 0 ? ` ${printOrderBy(e.orderBy, query)}` : ''
  return `${name}(${values}${order})${over}`
}

function printGroupConcat(e: GroupConcat, query: PrintQuery): string {
  const order = e.orderBy.length > 0 ? ` ${printOrderBy(e.orderBy, query)}` : ''
  return `GROUP_CONCAT(${e.distinct ? 'DISTINCT ' : ''}${e.arguments.map((one) => printExpression(one, query)).join(', ')}${order} SEPARATOR ${quoteBare(e.separator)})`
}

export const printOrderBy = (orders: readonly Order[], query: PrintQuery): string =>
  `ORDER BY ${orders.map(({ expression, descending }) => `${printExpression(expression, query)}${descending ? ' DESC' : ''}`).join(', ')}`

export function printWindow(window: Window, query: PrintQuery): string {
  const parts = [
    window.base ? quoteName(window.base) : '',
    window.partitionBy.length > 0 ? `PARTITION BY ${window.partitionBy.map((one) => printExpression(one, query)).join(', ')}` : '',
    window.orderBy.length > 0 ? printOrderBy(window.orderBy, query) : '',
    window.frame ? printFrame(window.frame, query) : '',
  ]
  return `(${parts.filter((part) => part !== '').join(' ')})`
}

function printFrame({ unit, start, end }: Frame, query: PrintQuery): string {
  const bound = (of: Bound): string => {
    if (of.kind !== 'preceding' && of.kind !== 'following') return of.kind.toUpperCase()
    const value = printExpression(of.value, query)
    return `${of.unit ? `INTERVAL ${value} ${of.unit.toUpperCase()}` : value} ${of.kind.toUpperCase()}`
  }
  return `${unit.toUpperCase()} ${end ? `BETWEEN ${bound(start)} AND ${bound(end)}` : bound(start)}`
}
