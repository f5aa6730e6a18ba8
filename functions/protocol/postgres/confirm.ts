import type { PlannedStatement } from './plan.ts'
import type { Field } from './port.ts'
import type { Withheld } from './withhold.ts'

/**
 * The second opinion: what the server says it returned must be what the analysis said it would, column by column, name and origin. A view's
 * column has the view's oid; an expression, and in its place what is withheld, has 0 and 0. null when they agree, else where they do not, for the alarm. A disagreement means that
 * one of the two is wrong about where the data comes from, so nothing of it may leave.
 */
export function disagreement({ outputs }: PlannedStatement, fields: readonly Field[], withheld: Withheld | null = null): string | null {
  const expected = outputs ?? []
  if (fields.length !== expected.length) return `${expected.length} columns expected, ${fields.length} came`
  for (const [index, output] of expected.entries()) {
    const field = fields[index] as Field
    const fetched = withheld === null || withheld.needs[index] === 'value'
    const origin = (fetched ? output.origin : null) ?? { relation: 0, column: 0 }
    if (field.tableID !== origin.relation || field.columnID !== origin.column) {
      return `column ${index}: origin ${origin.relation}/${origin.column} expected, ${field.tableID}/${field.columnID} came`
    }
    if (field.name !== output.name) return `column ${index}: another name came than was expected`
  }
  return null
}
