import { missing, unsupported, withheld } from '../refused.ts'
import type { Explain, Query, Show, Statement } from './ast.ts'
import { insert, remove, update } from './change.ts'
import type { Page } from './dictionary.ts'
import { display } from './display.ts'
import { spanIn } from './effects.ts'
import { expression, useRoutine, type Analysis } from './expression.ts'
import { findProcedure, findRelation } from './names.ts'
import type { PlannedStatement } from './plan.ts'
import { heldIn } from './relation.ts'
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
  // How many rows it expects, and which index it would take, it reads off values, their lengths at least.
  for (const { relation } of found.relations.values()) found.use(heldIn(found, relation, relation.columns.map(({ name }) => name)), 'in a plan, whose guesses rest on it', spanIn(scope.frame, node.span))
  const traditional = ['id', 'select_type', 'table', ...(found.catalog.mariadb ? [] : ['partitions']), 'type', 'possible_keys', 'key', 'key_len', 'ref', 'rows', ...(found.catalog.mariadb ? [] : ['filtered']), 'Extra']
  return { kind: 'explain', cols: (node.format === 'json' ? ['EXPLAIN'] : traditional).map(output), capped: false }
}

/**
 * Answered from the catalog, and of what the caller may see alone. A table that is not among it is an access to all its columns, so that it is told like one that is not there; so is any, while nobody has said what the caller
 * may see.
 */
function show(a: Analysis, node: Show, scope: Scope): Analysed {
  const { found } = a
  found.wants = true
  const home = scope.frame.schema
  const page = found.seen === null && 'table' in node ? null : display(node, found.catalog, found.seen ?? [], home)
  const { columns, rows } = page ?? named(a, node, scope)
  const answer = { columns, rows: rows.map((row) => row.map((cell) => (cell === null ? null : String(cell)))) }
  return { kind: 'show', cols: columns.map(output), capped: false, answer }
}
function named(a: Analysis, node: Show, scope: Scope): Page {
  const { found } = a
  const span = spanIn(scope.frame, node.span)
  if (!('table' in node)) throw unsupported('unknown_syntax', `\`show ${node.what}\` is not supported`, span)
  const relation = findRelation(found, scope.frame, node.table, 'select')
  const handle = found.access('select', relation.schema, relation.name, scope.frame, span, true)
  found.reach(relation, { named: false, written: false })
  for (const { name } of relation.columns) handle.read(name)
  const page = display(node, found.catalog, [{ schema: relation.schema, name: relation.name, columns: relation.columns.map(({ name }) => name) }], scope.frame.schema)
  if (page === null) throw missing('42S02', `there is no table \`${relation.name}\``, span)
  return page
}
