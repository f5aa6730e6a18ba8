import type { ConnectionDocument } from '../../../schema/policy.ts'
import type { Job } from './execute.ts'
import type { Fitted } from './outcome.ts'
import type { PlannedStatement } from './plan.ts'
import type { Field, RawResult } from './transport.ts'

/**
 * The columns a result reports against those the analysis found: as many, and where one is a base table's column, of that table and that name. null: they agree; else where they do not. What the server says
 * confirms only plain columns (a view, a derived table, a CTE and a UNION report names of their own); but a classified column that it reports where none was found is a disagreement anywhere.
 */
export function disagreement({ outputs }: Pick<PlannedStatement, 'outputs'>, fields: readonly Field[], classify: ConnectionDocument['classify']): string | null {
  if (fields.length !== (outputs?.length ?? 0)) return `${fields.length} columns instead of ${outputs?.length ?? 0}`
  const classified = classifiedIn(classify)
  for (const [index, { origin, shown }] of (outputs ?? []).entries()) {
    const { database = '', orgTable = '', orgName = '' } = fields[index] ?? {}
    const reported = `${database}.${orgTable}.${orgName}`.toLowerCase()
    if (origin && reported !== `${origin.schema}.${origin.table}.${origin.column}`.toLowerCase()) return `output ${index} is of another column`
    if (shown.length === 0 && classified.has(reported)) return `output ${index} is of a classified column`
  }
  return null
}
const lists = new WeakMap<object, ReadonlySet<string>>()
function classifiedIn(classify: ConnectionDocument['classify'] = {}): ReadonlySet<string> {
  const known = lists.get(classify)
  if (known) return known
  const list = new Set(Object.entries(classify).filter(([, entry]) => (typeof entry === 'string' ? entry : entry.class) !== 'none').map(([column]) => column.toLowerCase()))
  lists.set(classify, list)
  return list
}

/**
 * Rows and bytes are budgets of the answer, spent in order; each result keeps whole rows and says when some are missing. null: there is no answer. A later result of which nothing was read would be missing
 * unsaid. Beside masked values nothing is left out by bytes: how much more came would tell their lengths.
 */
export function fit(results: readonly RawResult[], { maxRows, limits, masked }: Pick<Job, 'maxRows' | 'limits' | 'masked'>): readonly Fitted[] | null {
  let [rowsLeft, bytesLeft] = [maxRows, limits.bytes]
  const hides = masked.some((columns) => columns.includes(true))
  const fitted: Fitted[] = []
  for (const [index, result] of results.entries()) {
    const within = result.rows.slice(0, Math.max(0, rowsLeft))
    let count = 0
    for (; count < within.length; count++) {
      bytesLeft -= bytesOf(within[count] ?? [], masked[index] ?? [])
      if (bytesLeft < 0) break
    }
    if (bytesLeft < 0 && (hides || index < results.length - 1)) return null
    rowsLeft -= count
    fitted.push({ ...result, rows: within.slice(0, count), rowCount: result.fields.length > 0 ? count : result.affected, truncated: count < result.rows.length })
  }
  return fitted
}
/** As JSON writes them. A value that comes masked counts the same whatever it is. */
const bytesOf = (row: readonly (string | null)[], masked: readonly boolean[]): number =>
  row.reduce((sum, cell, index) => sum + (masked[index] ? 3 : cell === null ? 5 : Buffer.byteLength(JSON.stringify(cell)) + 1), 2)
