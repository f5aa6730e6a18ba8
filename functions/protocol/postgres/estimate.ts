import type { Effects } from '../../../schema/effects.ts'
import type { ConnectionDocument } from '../../../schema/policy.ts'
import { bindText } from './bind.ts'
import { costed, costing } from './cost.ts'
import type { PostgresPlan } from './plan.ts'
import type { RawResult, Sql } from './port.ts'

export interface Estimate { readonly rows: number; readonly cost: number }

/**
 * What the planner expects of each statement, for the people who decide: `EXPLAIN`, which plans and never executes, one statement a transaction that may
 * not write, as the role that would run it (a write is planned as the role that may write; PostgreSQL lets a read-only transaction plan it). null where
 * there is nothing to plan, or the server would not: an estimate is a help, and nobody waits for it.
 */
export async function estimate(connection: ConnectionDocument, { effects, plan }: { readonly effects: Effects; readonly plan: PostgresPlan }, ask: (sql: Sql, searchPath: readonly string[]) => Promise<RawResult>): Promise<readonly (Estimate | null)[]> {
  const estimates: (Estimate | null)[] = []
  for (const statement of plan.statements) {
    if (!costed(statement) || statement.missing || runsInPlanning(effects, plan)) estimates.push(null)
    else estimates.push(await ask({ text: `${costing}${statement.text}`, values: statement.params.map(bindText) }, connection.searchPath ?? ['public']).then(expected, () => null))
  }
  return estimates
}

/**
 * The planner computes calls on constants ahead, of functions that say they are immutable or stable, and looks into those written in SQL. Of the target's
 * own that would run what nobody has approved yet; a trigger's, which is volatile, planning never calls.
 */
function runsInPlanning({ accesses }: Effects, { catalog }: PostgresPlan): boolean {
  return accesses.some(({ action, system, resource }) => {
    const [schema = '', name = ''] = resource.split('.')
    const functions = catalog.schemas.get(schema)?.functions.get(name) ?? []
    return action === 'call' && !system && (functions.length === 0 || functions.some(({ volatility, language }) => volatility !== 'v' || language === 'sql'))
  })
}

/** Rows of the top node; of a write, the rows it would touch, which its one child finds. */
export function expected({ rows }: Pick<RawResult, 'rows'>): Estimate | null {
  try {
    const [top] = JSON.parse(rows[0]?.[0] ?? '') as readonly { readonly Plan?: Node }[]
    const node = top?.Plan
    const finding = node?.['Node Type'] === 'ModifyTable' ? node.Plans?.[0] : node
    const [found, cost] = [finding?.['Plan Rows'], node?.['Total Cost']]
    return typeof found === 'number' && typeof cost === 'number' ? { rows: found, cost } : null
  } catch {
    return null
  }
}
interface Node { readonly 'Node Type'?: string; readonly 'Plan Rows'?: unknown; readonly 'Total Cost'?: unknown; readonly Plans?: readonly Node[] }
