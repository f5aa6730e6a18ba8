import type { Body, Expression, Item, JsonColumn, JsonFallback, JsonTable, Limit, Locking, Query, Reference, Select, SetOperation, Star, Table, With } from '../ast.ts'
import { isPlain, quoteName, quoteText } from '../quote.ts'
import { printExpression, printOrderBy, printWindow } from './expression.ts'

export const expression = (e: Expression): string => printExpression(e, printQuery)
const some = (text: string): boolean => text !== ''

export function printQuery(query: Query): string {
  return [
    query.with ? printWith(query.with) : '', printBody(query.body), query.orderBy.length > 0 ? printOrderBy(query.orderBy, printQuery) : '',
    query.limit ? printLimit(query.limit) : '', ...query.locking.map(printLocking),
  ].filter(some).join(' ')
}

export function printWith({ recursive, entries }: With): string {
  const printed = entries.map(({ name, columns, query }) => `${quoteName(name)}${columns.length > 0 ? ` (${columns.map(quoteName).join(', ')})` : ''} AS (${printQuery(query)})`)
  return `WITH ${recursive ? 'RECURSIVE ' : ''}${printed.join(', ')}`
}

function printBody(body: Body): string {
  switch (body.kind) {
    case 'select': return printSelect(body)
    case 'query': return `(${printQuery(body)})`
    case 'set': return printSet(body)
  }
}

function printSet({ first, rest }: SetOperation): string {
  const operand = (of: Body): string => (of.kind === 'set' ? `(${printSet(of)})` : printBody(of))
  return operand(first) + rest.map((one) => ` ${one.operator.toUpperCase()} ${one.all ? 'ALL ' : ''}${operand(one.operand)}`).join('')
}

function printSelect(select: Select): string {
  const items = select.items.map((item) => (item.kind === 'star' ? printStar(item) : printItem(item)))
  // without FROM there is no place for the rest of them on one of the servers
  const dual = select.where !== null || select.groupBy.length > 0 || select.having !== null
  const from = select.from.length > 0 ? `FROM ${printReferences(select.from)}` : dual ? 'FROM DUAL' : ''
  return [
    `SELECT ${select.distinct ? 'DISTINCT ' : ''}${items.join(', ')}`, from, select.where ? `WHERE ${expression(select.where)}` : '',
    select.groupBy.length > 0 ? `GROUP BY ${select.groupBy.map(expression).join(', ')}${select.rollup ? ' WITH ROLLUP' : ''}` : '', select.having ? `HAVING ${expression(select.having)}` : '',
    select.windows.length > 0 ? `WINDOW ${select.windows.map(({ name, window }) => `${quoteName(name)} AS ${printWindow(window, printQuery)}`).join(', ')}` : '',
  ].filter(some).join(' ')
}

const printStar = ({ schema, table }: Star): string => `${schema ? `${quoteName(schema)}.` : ''}${table ? `${quoteName(table)}.` : ''}*`

function printItem({ expression: e, name }: Item): string {
  // always named: what the server would make of an expression's text is not what it was called in the caller's
  return e.kind === 'column' && e.name.text === name.text ? expression(e) : `${expression(e)} AS ${quoteName(name)}`
}

export const printReferences = (references: readonly Reference[]): string => references.map(printReference).join(', ')

function printReference(reference: Reference): string {
  switch (reference.kind) {
    case 'table': return printTable(reference)
    case 'derived': return `${reference.lateral ? 'LATERAL ' : ''}(${printQuery(reference.query)}) AS ${quoteName(reference.alias)}${reference.columns.length > 0 ? ` (${reference.columns.map(quoteName).join(', ')})` : ''}`
    case 'jsonTable': return printJsonTable(reference)
    case 'join': {
      const bare = !reference.natural && !reference.on && reference.using.length === 0
      if (bare && reference.type !== 'inner') throw new Error('an outer join of the tree has no condition')
      const words = `${reference.natural ? 'NATURAL ' : ''}${reference.type === 'inner' ? (bare ? 'CROSS ' : '') : `${reference.type.toUpperCase()} `}JOIN`
      const condition = reference.on ? ` ON ${expression(reference.on)}` : reference.using.length > 0 ? ` USING (${reference.using.map(quoteName).join(', ')})` : ''
      return `(${printReference(reference.left)} ${words} ${printReference(reference.right)}${condition})`
    }
  }
}

export function printTable({ schema, name, alias, ignored = [] }: Table): string {
  const kept = ignored.map((text) => quoteName({ text }))
  return `${schema ? `${quoteName(schema)}.` : ''}${quoteName(name)}${alias ? ` AS ${quoteName(alias)}` : ''}${kept.length > 0 ? ` IGNORE INDEX (${kept.join(', ')})` : ''}`
}

function printJsonTable({ document, path, columns, alias }: JsonTable): string {
  return `JSON_TABLE(${expression(document)}, ${text(path)} COLUMNS (${columns.map(printJsonColumn).join(', ')})) AS ${quoteName(alias)}`
}

function printJsonColumn(column: JsonColumn): string {
  switch (column.kind) {
    case 'ordinality': return `${quoteName(column.name)} FOR ORDINALITY`
    case 'nested': return `NESTED PATH ${text(column.path)} COLUMNS (${column.columns.map(printJsonColumn).join(', ')})`
    case 'exists': case 'value': {
      const { size, scale, name } = column.type
      const type = `${name.toUpperCase()}${size === null ? '' : `(${size}${scale === null ? '' : `, ${scale}`})`}`
      if (column.kind === 'exists') return `${quoteName(column.name)} ${type} EXISTS PATH ${text(column.path)}`
      return `${quoteName(column.name)} ${type} PATH ${text(column.path)}${fallback(column.onEmpty, 'EMPTY')}${fallback(column.onError, 'ERROR')}`
    }
  }
}

function fallback(of: JsonFallback | null, event: string): string {
  if (!of) return ''
  return ` ${of.kind === 'default' ? `DEFAULT ${text(of.value)}` : of.kind.toUpperCase()} ON ${event}`
}

/** Where the grammar takes a text in quotes and nothing else. */
function text(value: string): string {
  if (!isPlain(value)) throw new Error('a text of the tree is not plain')
  return quoteText(value)
}

export function printLimit({ count, offset }: Limit): string {
  return `LIMIT ${expression(count)}${offset ? ` OFFSET ${expression(offset)}` : ''}`
}

/** LOCK IN SHARE MODE is what both servers know where FOR SHARE says no more than that. */
function printLocking({ strength, of, wait }: Locking): string {
  if (strength === 'share' && of.length === 0 && !wait) return 'LOCK IN SHARE MODE'
  return `FOR ${strength.toUpperCase()}${of.length > 0 ? ` OF ${of.map(quoteName).join(', ')}` : ''}${wait ? ` ${wait.toUpperCase()}` : ''}`
}
