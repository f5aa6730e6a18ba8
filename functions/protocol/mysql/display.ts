import type { Show } from './ast.ts'
import { columnKey, tableKey, type Catalog } from './catalog.ts'
import { indexesOf, keyOf, keysOf, partsOf, type Cell, type Page } from './dictionary.ts'
import { quoted } from './pins.ts'
import type { Seen } from '../../../schema/request.ts'

/** What SHOW and DESCRIBE say, answered from the catalog and of what the caller may see alone; nothing is sent. `home`: the database of a name without one. null: the table is not among what is seen. */
export function display(node: Show, catalog: Catalog, seen: readonly Seen[], home: string): Page | null {
  const parts = partsOf(catalog, seen)
  const matching = (name: string): boolean => !('like' in node) || node.like === null || like(node.like, name)
  switch (node.what) {
    case 'databases': return { columns: ['Database'], rows: [...new Set(parts.map(({ relation }) => relation.schema))].sort().filter(matching).map((name) => [name]) }
    case 'tables': {
      const schema = node.schema?.text ?? home
      const own = parts.filter(({ relation }) => tableKey(catalog, relation.schema) === tableKey(catalog, schema) && matching(relation.name)).map(({ relation }) => relation)
      const rows = [...own].sort((a, b) => (a.name < b.name ? -1 : 1)).map(({ name, kind }) => (node.full ? [name, kind === 'view' ? 'VIEW' : 'BASE TABLE'] : [name]))
      return { columns: [`Tables_in_${schema}`, ...(node.full ? ['Table_type'] : [])], rows }
    }
    case 'columns': case 'index': case 'create table': {
      const schema = node.table.schema?.text ?? home
      const part = parts.find(({ relation }) => tableKey(catalog, relation.schema) === tableKey(catalog, schema) && tableKey(catalog, relation.name) === tableKey(catalog, node.table.name.text))
      if (!part) return null
      if (node.what === 'index') {
        const rows = indexesOf(part).flatMap((index) => index.columns.map((name, i): Cell[] => [part.relation.name, index.unique ? '0' : '1', index.name, String(i + 1), name, 'A', null, null, null, part.columns.some((c) => c.name === name && c.nullable) ? 'YES' : '', index.ordered ? 'BTREE' : 'FULLTEXT', '', '']))
        return { columns: ['Table', 'Non_unique', 'Key_name', 'Seq_in_index', 'Column_name', 'Collation', 'Cardinality', 'Sub_part', 'Packed', 'Null', 'Index_type', 'Comment', 'Index_comment'], rows }
      }
      if (node.what === 'create table') return { columns: ['Table', 'Create Table'], rows: [[part.relation.name, created(part, parts)]] }
      const rows = part.columns.filter(({ name }) => matching(name)).map((column): Cell[] => {
        const head = [column.name, column.columnType]
        const tail = [column.nullable ? 'YES' : 'NO', keyOf(part, column), null, column.extra]
        return node.full ? [...head, null, ...tail, '', ''] : [...head, ...tail]
      })
      return { columns: node.full ? ['Field', 'Type', 'Collation', 'Null', 'Key', 'Default', 'Extra', 'Privileges', 'Comment'] : ['Field', 'Type', 'Null', 'Key', 'Default', 'Extra'], rows }
    }
  }
}
/** A table made of what is seen of it: no defaults, comments, checks or expressions, which hold values, and no next number. */
function created(part: Parameters<typeof keyOf>[0], all: readonly (typeof part)[]): string {
  const names = (columns: readonly string[]): string => `(${columns.map(quoted).join(',')})`
  const lines = [
    ...part.columns.map(({ name, columnType, nullable, extra }) => `${quoted(name)} ${columnType}${nullable ? '' : ' NOT NULL'}${/auto_increment/i.test(extra) ? ' AUTO_INCREMENT' : ''}`),
    ...indexesOf(part).map((index) => `${index.name === 'PRIMARY' ? 'PRIMARY KEY' : `${index.unique ? 'UNIQUE ' : index.ordered ? '' : 'FULLTEXT '}KEY ${quoted(index.name)}`} ${names(index.columns)}`),
    ...keysOf(part, all).map((key) => `CONSTRAINT ${quoted(key.name)} FOREIGN KEY ${names(key.columns)} REFERENCES ${quoted(key.toTable)} ${names(key.referenced)}`),
  ]
  const { kind, name } = part.relation
  return kind === 'view' ? `-- the view ${quoted(name)} has\n${lines.join('\n')}` : `CREATE TABLE ${quoted(name)} (\n  ${lines.join(',\n  ')}\n)`
}
/** A pattern of LIKE, over names, without case. Goes back to the last `%` alone, so no pattern takes long. */
export function like(pattern: string, name: string): boolean {
  const signs = [...columnKey(pattern).matchAll(/\\(.)|(.)/gs)].map(([, escaped, plain]) => (escaped !== undefined ? escaped : plain === '%' ? null : plain === '_' ? undefined : plain ?? ''))
  const text = [...columnKey(name)]
  let [at, sign, star, from] = [0, 0, -1, 0]
  while (at < text.length) {
    if (sign < signs.length && signs[sign] === null) { star = sign++; from = at; continue }
    if (sign < signs.length && (signs[sign] === undefined || signs[sign] === text[at])) { at++; sign++; continue }
    if (star < 0) return false
    sign = star + 1
    at = ++from
  }
  return signs.slice(sign).every((one) => one === null)
}
