import type { Assignment, Delete, Insert, Show, Statement, Update } from './ast.ts'
import { expression, printLimit, printQuery, printReferences, printTable, printWith } from './print/query.ts'
import { printOrderBy } from './print/expression.ts'
import { quoteName, quoteText } from './quote.ts'

/**
 * Tree → the text that runs: names in backticks, an operator's parentheses, text that neither `sql_mode` nor a character set reads in another way. parse(print(x)) is x. Whoever sends it pins
 * `collation_connection` to the default of utf8mb4 (SET NAMES), which is what text with an introducer has. Throws where the tree holds what no parse gives.
 */
export function print(statement: Statement): string {
  switch (statement.kind) {
    case 'query': return printQuery(statement)
    case 'insert': return printInsert(statement)
    case 'update': return printUpdate(statement)
    case 'delete': return printDelete(statement)
    case 'procedure': return `CALL ${statement.schema ? `${quoteName(statement.schema)}.` : ''}${quoteName(statement.name)}(${statement.arguments.map(expression).join(', ')})`
    case 'show': return printShow(statement)
    case 'explain': return `EXPLAIN ${statement.format === 'json' ? 'FORMAT=JSON ' : ''}${print(statement.statement)}`
  }
}

const join = (...parts: readonly string[]): string => parts.filter((part) => part !== '').join(' ')
const names = (of: Insert['columns']): string => (of ? `(${of.map(quoteName).join(', ')})` : '')
const assignments = (of: readonly Assignment[]): string => of.map(({ column, value }) => `${expression(column)} = ${expression(value)}`).join(', ')

function printInsert({ replace, ignore, table, columns, source, alias, onDuplicate }: Insert): string {
  const rows = source.kind === 'query' ? printQuery(source) : `VALUES ${source.rows.map((row) => `(${row.map(expression).join(', ')})`).join(', ')}`
  const row = alias ? `AS ${quoteName(alias.name)}${alias.columns.length > 0 ? ` ${names(alias.columns)}` : ''}` : ''
  return join(replace ? 'REPLACE' : 'INSERT', ignore ? 'IGNORE' : '', 'INTO', printTable(table), names(columns), rows, row, onDuplicate.length > 0 ? `ON DUPLICATE KEY UPDATE ${assignments(onDuplicate)}` : '')
}

function tail({ where, orderBy, limit }: Pick<Update, 'where' | 'orderBy' | 'limit'>): string {
  return join(where ? `WHERE ${expression(where)}` : '', orderBy.length > 0 ? printOrderBy(orderBy, printQuery) : '', limit ? printLimit(limit) : '')
}

function printUpdate(update: Update): string {
  return join(update.with ? printWith(update.with) : '', 'UPDATE', update.ignore ? 'IGNORE' : '', printReferences(update.from), 'SET', assignments(update.assignments), tail(update))
}

function printDelete(change: Delete): string {
  const targets = change.targets ? `${change.targets.map(printTable).join(', ')} FROM` : 'FROM'
  return join(change.with ? printWith(change.with) : '', 'DELETE', change.ignore ? 'IGNORE' : '', targets, printReferences(change.from), tail(change))
}

function printShow(show: Show): string {
  const like = (pattern: string | null): string => (pattern === null ? '' : `LIKE ${quoteText(pattern)}`)
  switch (show.what) {
    case 'databases': return join('SHOW DATABASES', like(show.like))
    case 'tables': return join('SHOW', show.full ? 'FULL' : '', 'TABLES', show.schema ? `FROM ${quoteName(show.schema)}` : '', like(show.like))
    case 'columns': return join('SHOW', show.full ? 'FULL' : '', 'COLUMNS FROM', printTable(show.table), like(show.like))
    case 'index': return `SHOW INDEX FROM ${printTable(show.table)}`
    case 'create table': return `SHOW CREATE TABLE ${printTable(show.table)}`
  }
}
