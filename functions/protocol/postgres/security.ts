import type { Node } from 'libpg-query'
import type { Span } from '../../../schema/refusal.ts'
import { Refused, unsupported } from '../refused.ts'
import type { Relation } from './catalog.ts'
import type { Frame } from './effects.ts'
import { expression, type Analysis } from './expression.ts'
import { columnsOf, systemColumns } from './columns.ts'
import type { Scope } from './scope.ts'

/**
 * What row security reads, calls and decides by, as a view's query would: tables in it are reads through the table, their own policies and views
 * included; a classified column that decides which rows come is a use. It runs with the rights of whoever asks. All policies of a command count, whatever
 * role they are for: which roles the target's are members of may change without a word to us. `commands`: letters of pg_policy.polcmd.
 */
export function rowSecurity(a: Analysis, relation: Relation, frame: Frame, span: Span | null, commands: string): void {
  // The server refuses a policy that comes back to its own table; what it reads was counted on the first round.
  if (a.guarding.has(relation.oid)) return
  const { found } = a
  const mark = found.log.length
  const { texts } = found
  found.texts = null                                // a constant in a policy is no value that is written
  a.guarding.add(relation.oid)
  try {
    for (const { command, clauses } of a.policies(relation.oid)) if (commands.includes(command)) for (const clause of clauses) policy(a, relation, clause?.node, frame, span)
  } catch (error) {
    if (error instanceof Refused && error.refusal.slug === 'target-error') throw unknown(relation, frame, span)
    throw error
  } finally {
    a.guarding.delete(relation.oid)
    found.texts = texts
    found.log.length = mark                         // FOR UPDATE locks no row of what only a policy reads
  }
}
const unknown = (relation: Relation, frame: Frame, span: Span | null): Refused =>
  unsupported('unknown_policy', `row security of \`${frame.via[0] ?? `${relation.schema}.${relation.name}`}\` is not one the gate understands`, span)

/** `clause`: the node of `SELECT expression`. */
function policy(a: Analysis, relation: Relation, clause: Node | undefined, frame: Frame, span: Span | null): void {
  const [target] = clause && 'SelectStmt' in clause ? clause.SelectStmt.targetList ?? [] : []
  if (!target || !('ResTarget' in target)) throw unknown(relation, frame, span)
  const inner: Frame = { via: [...frame.via, `${relation.schema}.${relation.name}`], path: [], span: () => span, view: true, invoker: frame.invoker, policy: true }
  // The server asks nobody for the right to read the table's own columns here, so they are no reads; what is in them counts all the same.
  const nobody = { read: () => {} }
  const cols = columnsOf(a, relation, nobody, null, inner).map((col, i) => ({ ...col, touch: () => { const column = relation.columns[i]; if (column) a.found.looked(relation, column, inner) } }))
  const scope: Scope = {
    frame: inner, parent: null, ctes: new Map(),
    items: [{ alias: relation.name, named: true, bare: true, cols, oid: relation.oid, handle: null, relation, system: systemColumns(relation, nobody), reached: [] }],
  }
  expression(a, target.ResTarget.val, scope, `in row security of ${relation.name}`)
}
