import type { MySqlPlan, PlannedStatement } from './plan.ts'
import type { RawResult } from './transport.ts'

/**
 * What the planner expects of each statement, for the people who decide: `EXPLAIN`, which plans and never executes, of the text that would run. Cost: rows it expects to look at, which is the only unit that
 * MySQL, MariaDB and PlanetScale share. null where there is nothing to plan, or the server would not: an estimate is a help, and nobody waits for it. Planning reads constant tables and runs subqueries in FROM
 * on some servers, so a statement that calls a routine of the target's own is not planned.
 */
export async function estimate({ statements }: MySqlPlan, calls: boolean, ask: (sql: string) => Promise<RawResult>): Promise<readonly ({ readonly rows: number; readonly cost: number } | null)[]> {
  const estimates = []
  for (const statement of statements) {
    if (calls || !planned(statement)) estimates.push(null)
    else estimates.push(await ask(`EXPLAIN ${statement.text}`).then(expected, () => null))
  }
  return estimates
}
export function planned({ kind, missing, answer }: PlannedStatement): boolean {
  if (missing || answer) return false
  switch (kind) {
    case 'select': case 'insert': case 'replace': case 'update': case 'delete': return true
    case 'call': case 'explain': case 'show': return false
  }
}

/** Of a join, the rows of each table for each row before it; of the parts that run beside, the sum of what they look at. */
export function expected({ fields, rows }: Pick<RawResult, 'fields' | 'rows'>): { readonly rows: number; readonly cost: number } | null {
  const at = (name: string) => fields.findIndex((field) => field.name.toLowerCase() === name)
  const [id, count, kept] = [at('id'), at('rows'), at('filtered')]
  if (count < 0 || id < 0) return null
  const parts = new Map<string, { rows: number; looked: number }>()
  for (const row of rows) {
    const many = Number(row[count] ?? 1)
    if (!Number.isFinite(many)) return null
    const part = parts.get(row[id] ?? '') ?? { rows: 1, looked: 0 }
    const looked = part.rows * many
    parts.set(row[id] ?? '', { looked: part.looked + looked, rows: looked * (kept < 0 ? 1 : Number(row[kept] ?? 100) / 100) })
  }
  const [first] = parts.values()
  return first === undefined ? null : { rows: Math.round(first.rows), cost: Math.round([...parts.values()].reduce((sum, { looked }) => sum + looked, 0)) }
}
