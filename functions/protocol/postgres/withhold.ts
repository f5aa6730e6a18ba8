import type { Effects, Obligations } from '../../../schema/effects.ts'
import type { Catalog } from './catalog.ts'
import { named } from './mask.ts'
import { heldMask, needOf, type Need } from './masks.ts'
import { quote } from './pins.ts'
import type { Output, PlannedStatement } from './plan.ts'
import { typeOf, type ValueType } from './render.ts'

/** What of each output has to come, and the select list that fetches no more. */
export interface Withheld { readonly needs: readonly Need[]; readonly select: string; readonly alias: string }

/**
 * What is only ever shown redacted need not leave the database. The statement itself stays as it is, inside the parentheses in which its row cap is
 * put anyway; what changes is the list around it: in place of `*` each output by its position, and for one that is not to come a NULL of its type, or
 * for one whose mask tells NULL from a value, an empty text where there is one. So nothing within (DISTINCT, an order by position or alias, a set operation) means
 * something else, names and types stay, and the planner drops what nobody asks for. It is still read with the role's right to read it.
 * null: all of it has to come, or the statement cannot be put in parentheses (RETURNING, EXPLAIN).
 */
export function withheldOf({ wrappable, outputs }: PlannedStatement, { masks }: Pick<Obligations, 'masks'>, shown: Effects['shown'], catalog: Catalog): Withheld | null {
  if (!wrappable || outputs === null || outputs.every((output) => output.shown.length === 0)) return null
  const needs = outputs.map((output) => need(output, masks, shown, catalog))
  if (needs.every((one) => one === 'value')) return null
  const list = outputs.map(({ name }, index) => `${fetching[needs[index] ?? 'nothing'](`s.c${index + 1}`)} AS ${quote(name)}`)
  return { needs, select: list.join(', '), alias: `s(${outputs.map((_, index) => `c${index + 1}`).join(', ')})` }
}

/** `false` and no operator, so that nothing of it is looked up. The literal takes the column's type from the other branch, and only the server's own text types come here. */
const fetching: Readonly<Record<Need, (column: string) => string>> = {
  value: (column) => column,
  presence: (column) => `CASE WHEN ${column} IS NOT NULL THEN '' ELSE CASE WHEN false THEN ${column} END END`,
  nothing: (column) => `CASE WHEN false THEN ${column} END`,
}

function need({ origin, shown: indexes }: Output, masks: Obligations['masks'], shown: Effects['shown'], catalog: Catalog): Need {
  const held = heldMask(indexes, masks, shown)
  if (held === null) return 'value'
  if (held.mask === 'null') return 'nothing'
  const type = origin && valueType(catalog, origin)
  if (type === null) return 'value'                                  // of what type it is, only the answer will say
  const needed = needOf(held.mask, type)
  return needed === 'presence' && !type.builtin ? 'value' : needed
}

/** As the server will report it: a domain as what it is over. */
function valueType(catalog: Catalog, { relation, column }: NonNullable<Output['origin']>): (ValueType & { readonly builtin: boolean }) | null {
  let oid = catalog.relations.get(relation)?.columns.find(({ attnum }) => attnum === column)?.type
  for (let depth = 0; oid !== undefined && depth < 32; depth++) {
    const type = catalog.types.get(oid)
    if (type?.kind !== 'd') return { ...typeOf(oid, (one) => named(catalog, one)), builtin: oid < 16384 }
    oid = type.base
  }
  return null
}
