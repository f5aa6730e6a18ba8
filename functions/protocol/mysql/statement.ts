import type { Explain, Query, Show, Statement } from './ast.ts'
import { insert, remove, update } from './change.ts'
import { missing, spanIn, unsupported, withheld } from './effects.ts'
import { expression, useRoutine, type Analysis } from './expression.ts'
import { findProcedure, findRelation } from './names.ts'
import type { PlannedStatement } from './plan.ts'
import { query } from './select.ts'
import type { Col, Scope } from './scope.ts'

/** One statement by its kind. `cols`: what it returns, null when no rows. `capped`: it may be printed with a LIMIT. */
export interface Analysed { readonly kind: PlannedStatement['kind']; readonly cols: readonly Col[] | null; readonly capped: boolean; readonly answer?: PlannedStatement['answer'] }

export function analyse(a: Analysis, node: Statement, scope: Scope): Analysed {
  const written = (kind: 'insert' | 'replace' | 'update' | 'delete'): Analysed => ({ kind, cols: null, capped: false })
  switch (node.kind) {
    case 'query': return { kind: 'select', cols: query(a, node, scope), capped: !locks(node) && a.found.readOnly }
    case 'insert': insert(a, node, scope); return written(node.replace ? 'replace' : 'insert')
    case 'update': update(a, node, scope); return written('update')
    case 'delete': remove(a, node, scope); return written('delete')
    case 'procedure': {
      for (const argument of node.arguments) expression(a, argument, scope, 'as an argument of a procedure')
      const own = findProcedure(a.found, scope.frame, node)
      useRoutine(a, own, node.span)
      a.found.replace(scope.frame, node, { ...node, schema: { text: own.schema, span: node.span }, name: { text: own.name, span: node.span } })
      return { kind: 'call', cols: null, capped: false }
    }
    case 'show': return show(a, node, scope)
    case 'explain': return explain(a, node, scope)
  }
}
const locks = (node: Query): boolean => node.locking.length > 0
const output = (name: string): Col => ({ name, tags: [], derived: [], origin: null, json: false, unclassified: false, touch: null, at: null })

/** A plan of a read, which nothing runs: of tables only, because a view's plan shows how it is defined. */
function explain(a: Analysis, node: Explain, scope: Scope): Analysed {
  const { statement } = node
  if (statement.kind !== 'query') throw unsupported('explain_write', 'only a select can be explained here; to see what a write would do, send it to `/explain` of the connection', node.span)
  query(a, statement, scope)
  const { found } = a
  if (!found.readOnly) throw unsupported('explain_write', 'only a read that calls no routine and locks nothing can be explained here', node.span)
  if ([...found.relations.values()].some(({ relation }) => relation.kind === 'view')) throw withheld('explain_definition', 'a plan of a view shows how it is defined; explain a select from tables', node.span)
  const traditional = ['id', 'select_type', 'table', ...(found.catalog.mariadb ? [] : ['partitions']), 'type', 'possible_keys', 'key', 'key_len', 'ref', 'rows', ...(found.catalog.mariadb ? [] : ['filtered']), 'Extra']
  return { kind: 'explain', cols: (node.format === 'json' ? ['EXPLAIN'] : traditional).map(output), capped: false }
}

/** Answered from the catalog, nothing is sent: whoever may select all of a table's columns may see what they are. */
function show(a: Analysis, node: Show, scope: Scope): Analysed {
  const span = spanIn(scope.frame, node.span)
  if (node.what !== 'columns' && node.what !== 'index') throw unsupported('unknown_syntax', `\`show ${node.what}\` is not supported: it does not know what you may see; the connection's schema does (\`sluice schema\`, \`GET /v1/connections/{c}/schema\`), and \`show columns\` and \`show index\` tell of one table`, span)
  const relation = findRelation(a.found, scope.frame, node.table, 'select')
  const handle = a.found.access('select', relation.schema, relation.name, scope.frame, span, true)
  a.found.reach(relation, { named: false, written: false })
  for (const { name } of relation.columns) handle.read(name)
  const answer = node.what === 'index'
    ? { columns: ['Key_name', 'Non_unique', 'Seq_in_index', 'Column_name'], rows: relation.indexes.flatMap(({ name, unique, columns }) => columns.map((column, i) => [name, unique ? '0' : '1', String(i + 1), column])) }
    : { columns: ['Field', 'Type', 'Null'], rows: relation.columns.filter(({ name }) => node.like === null || like(node.like).test(name)).map(({ name, columnType, nullable }) => [name, columnType, nullable ? 'YES' : 'NO']) }
  if (relation.kind === 'view' && node.what === 'index') throw missing('42000', 'a view has no index', span)
  return { kind: 'show', cols: answer.columns.map(output), capped: false, answer }
}
/** A pattern of LIKE, over names, without case. */
const like = (pattern: string): RegExp => new RegExp(`^${[...pattern.matchAll(/\\(.)|(.)/gs)].map(([, escaped, plain]) => (escaped === undefined && plain === '%' ? '.*' : escaped === undefined && plain === '_' ? '.' : (escaped ?? plain ?? '').replace(/[.*+?^${}()|[\]\\]/, '\\$&'))).join('')}$`, 'isu')
