import type { MergeStmt, Node } from 'libpg-query'
import { unsupported } from '../refused.ts'
import { noteWritten } from '../writeback.ts'
import { consequences } from './consequence.ts'
import { expression, type Analysis } from './expression.ts'
import { fromItem } from './from.ts'
import type { Col, Scope } from './scope.ts'
import { planning } from './planning.ts'
import { placed } from './relation.ts'
import { rowSecurity } from './security.ts'
import { withClause } from './with.ts'
import { assignments, leftOut, returning, setColumn, setName, whole, writeTarget, type Event, type Target } from './change.ts'

/** MERGE: each WHEN is a write of its own kind; joining reads the target even where no column of it is named. */
export function merge(a: Analysis, node: MergeStmt, parent: Scope): readonly Col[] {
  const level = withClause(a, node.withClause, { frame: parent.frame, parent, items: [], ctes: new Map() })
  const clauses = (node.mergeWhenClauses ?? []).map((clause) => {
    if (!('MergeWhenClause' in clause)) throw unsupported('unknown_syntax', 'this part of a merge is not supported', null)
    return clause.MergeWhenClause
  })
  const events = [...new Set(clauses.map((clause) => eventOf(clause.commandType)).filter((event) => event !== null))]
  const target = writeTarget(a, node.relation, events, level)
  a.found.access('select', target.relation.schema, target.relation.name, level.frame, target.span, true)
  placed(a.found, target.relation, target.span)   // read, whatever is done to it
  planning(a, target.relation, level.frame, target.span)
  rowSecurity(a, target.relation, level.frame, target.span, 'r')
  if (!node.sourceRelation) throw unsupported('unknown_syntax', 'a merge has a source', null)
  const source = fromItem(a, node.sourceRelation, level, []).space
  const both: Scope = { ...level, items: [target.item, ...source] }
  expression(a, node.joinCondition, both, 'in a join condition')
  for (const clause of clauses) {
    const scope = clause.matchKind === 'MERGE_WHEN_MATCHED' ? both : clause.matchKind === 'MERGE_WHEN_NOT_MATCHED_BY_SOURCE' ? { ...level, items: [target.item] } : { ...level, items: source }
    expression(a, clause.condition, scope, 'in a merge condition')
    const event = eventOf(clause.commandType)
    if (event === 'update') consequences(a.found, target.relation, 'update', assignments(a, clause.targetList, target, scope), level.frame, target.span)
    if (event === 'delete') consequences(a.found, target.relation, 'delete', target.relation.columns, level.frame, target.span)
    if (event === 'insert') insertion(a, clause.targetList, clause.values ?? [], target, scope)
  }
  return returning(a, node.returningClause, target, [...source, target.item], level)   // the order the server joins them in, which `*` shows
}
function eventOf(command: string | undefined): Event | null {
  if (command === 'CMD_INSERT') return 'insert'
  if (command === 'CMD_UPDATE') return 'update'
  if (command === 'CMD_DELETE') return 'delete'
  if (command === 'CMD_NOTHING') return null
  throw unsupported('unknown_syntax', 'this part of a merge is not supported', null)
}
function insertion(a: Analysis, names: readonly Node[] | undefined, values: readonly Node[], target: Target, scope: Scope): void {
  const columns = names ? names.map((name) => setName(a, name, target, scope)) : whole(a, target, scope)
  consequences(a.found, target.relation, 'insert', columns, scope.frame, target.span)
  leftOut(a, target.relation, target.span)
  for (const [i, value] of values.entries()) {
    const [, texts] = a.found.textsOf(() => expression(a, value, scope, `as a new value of ${columns[i]?.name ?? 'a column'}`))
    const column = columns[i]
    if (!column) continue
    setColumn(a, scope.frame, target.relation, column, [value], true, target.span)
    noteWritten(a.found, target.relation, column, texts, target.span)
  }
}
