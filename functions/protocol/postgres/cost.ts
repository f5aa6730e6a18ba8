import type { Refusal } from '../../../schema/refusal.ts'
import type { PlannedStatement } from './plan.ts'
import type { RawResult } from './port.ts'

/**
 * A ceiling on the planner's own estimate, for a connection that sets one: a statement whose estimate is higher does not run. It is a fence against
 * accidents, made of statistics that may be wrong; the time-out, the caps and `temp_file_limit` are what holds against intent. Never ANALYZE,
 * which would run it, and never a word of the plan: estimates are made from the values in the tables.
 */
export const costing = 'EXPLAIN (FORMAT JSON) '
export const costed = ({ kind }: PlannedStatement): boolean => kind === 'select' || kind === 'insert' || kind === 'update' || kind === 'delete' || kind === 'merge'

/** The planner's total cost of the whole statement, in its own units. An answer that cannot be read costs too much. */
export function costIn({ rows }: Pick<RawResult, 'rows'>): number {
  try {
    const plan: unknown = JSON.parse(rows[0]?.[0] ?? '')
    const [top] = Array.isArray(plan) ? plan as readonly { Plan?: { 'Total Cost'?: unknown } }[] : []
    const cost = top?.Plan?.['Total Cost']
    return typeof cost === 'number' ? cost : Infinity
  } catch {
    return Infinity
  }
}

export const tooCostly = (statement: number | null): Refusal => ({
  slug: 'too-large', reason: 'too_costly', next: 'fix', ...(statement === null ? {} : { statement }),
  detail: 'the target expects more work of this statement than the limit allows, and nothing ran: read fewer rows by a filter on an indexed column, join on keys, or use a smaller `limit`',
})
