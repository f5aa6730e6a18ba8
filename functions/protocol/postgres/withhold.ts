import type { Effects, Limits, Obligations } from '../../../schema/effects.ts'
import type { Catalog } from './catalog.ts'
import { named } from './mask.ts'
import { heldMask } from '../held.ts'
import { longest, needOf, type Need } from './masks.ts'
import { quote } from './pins.ts'
import type { Output, PlannedStatement } from './plan.ts'
import { typeOf, type ValueType } from './render.ts'

/**
 * What of each output has to come, and the select list that fetches no more. `bytes`: the most that the masked values of one row can be in the answer's body;
 * `rewritten`: something comes in another form than the statement gives it.
 */
export interface Withheld { readonly needs: readonly Need[]; readonly select: string; readonly alias: string; readonly bytes: number; readonly rewritten: boolean }

/**
 * What no mask shows need not leave the database. The statement itself stays as it is, inside the parentheses in which its row cap is
 * put anyway, or a write in those of a WITH entry; what changes is the list around it: in place of `*` each output by its position, and for one of which less is
 * needed the part that its mask looks at. So nothing within (DISTINCT, an order by position or alias, a set operation) means
 * something else, names and types stay, and the planner drops what nobody asks for. It is still read with the role's right to read it.
 *
 * It is also why the size of an answer tells nothing of a masked value: of each no more than `longest` can come, so `sparing` keeps room for as many rows as it says,
 * whatever is in them, and whether the cap is met depends on what is shown.
 * null: nothing is masked, or the statement has no such form (EXPLAIN; a write inside its WITH).
 */
export function withheldOf({ wrappable, returnable, outputs }: PlannedStatement, { masks }: Pick<Obligations, 'masks'>, shown: Effects['shown'], catalog: Catalog): Withheld | null {
  if ((!wrappable && !returnable) || outputs === null) return null
  const fetched = outputs.map((output) => fetch(output, masks, shown, catalog))
  if (fetched.every((one) => one === null)) return null
  const list = outputs.map(({ name }, index) => { const one = fetched[index] ?? null; const column = `s.c${index + 1}`; return `${one === null ? column : fetching[one.need](column, one.type)} AS ${quote(name)}` })
  return {
    needs: fetched.map((one) => one?.need ?? 'value'), select: list.join(', '), alias: `s(${outputs.map((_, index) => `c${index + 1}`).join(', ')})`,
    bytes: fetched.reduce((sum, one) => sum + (one === null ? 0 : escaped * longest[one.need] + 3), 0), rewritten: fetched.some((one) => one !== null && one.need !== 'value'),
  }
}
/** JSON writes a control character in six. */
const escaped = 6
/** Neon answers no more than this at once, in bytes. */
const endpointBytes = 10 * 1024 * 1024
const leastSpareBytes = 1024 * 1024

/** How many rows may come of all statements together, and the bytes their masked values may take beside what `limits.bytes` counts. */
export function sparing(withheld: readonly (Withheld | null)[], { bytes }: Pick<Limits, 'bytes'>): { readonly rows: number; readonly bytesOf: (rows: number) => number } {
  const row = withheld.reduce((sum, one) => sum + (one?.bytes ?? 0), 0)
  const room = Math.max(leastSpareBytes, endpointBytes - 1024 * 1024 - bytes)
  return { rows: row === 0 ? Infinity : Math.max(1, Math.floor(room / row) - 1), bytesOf: (rows) => (row === 0 ? 0 : (rows + 1) * row) }
}

const longer = (measure: string, most: number): string => `${measure} OPERATOR(pg_catalog.>) ${most}`
/** `bpchar` with its padding, which comes with it. */
const octets = (column: string, type: string) => `pg_catalog.octet_length(${column}${type === 'pg_catalog.bpchar' ? '' : '::pg_catalog.text'})`
/** Every name is the server's own, whatever the path; a literal takes the column's type from the other branch. `type`: as SQL. Each is the same to its mask as the value itself: a test holds it. */
const fetching: Readonly<Record<Need, (column: string, type: string) => string>> = {
  value: (column) => column,
  presence: (column) => `CASE WHEN ${column} IS NOT NULL THEN '' ELSE CASE WHEN false THEN ${column} END END`,
  nothing: (column) => `CASE WHEN false THEN ${column} END`,
  address: (column, type) => `CASE WHEN ${longer(octets(column, type), longest.address)} THEN '' ELSE ${column} END`,
  end: (column, type) => `CASE WHEN ${longer(octets(column, type), longest.end)} THEN pg_catalog.right(${column}::pg_catalog.text, ${longest.end / 4})::${type} ELSE ${column} END`,
  start: (column, type) => `CASE WHEN ${longer(octets(column, type), longest.start)} THEN pg_catalog.left(${column}::pg_catalog.text, ${longest.start / 4})::${type} ELSE ${column} END`,
  digest: (column, type) => `CASE WHEN ${longer(octets(column, type), longest.digest)} THEN pg_catalog.concat(pg_catalog.chr(1), pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(${column}::pg_catalog.text, 'UTF8')), 'hex'))::${type} ELSE ${column} END`,
  short: (column, type) => `CASE WHEN ${longer(octets(column, type), longest.short)} THEN NULL ELSE ${column} END`,
}

function fetch({ origin, type: known, shown: indexes }: Output, masks: Obligations['masks'], shown: Effects['shown'], catalog: Catalog): { readonly need: Need; readonly type: string } | null {
  const held = heldMask(indexes, masks, shown)
  if (held === null) return null
  const type = held.mask === 'null' ? null : valueType(catalog, catalog.relations.get(origin?.relation ?? 0)?.columns.find(({ attnum }) => attnum === origin?.column)?.type ?? known ?? 0)
  return type === null ? { need: 'nothing', type: '' } : { need: needOf(held.mask, type), type: type.sql }   // of what type it is, only the answer would say
}

/** As the server will report it: a domain as what it is over. */
function valueType(catalog: Catalog, oid: number): (ValueType & { readonly sql: string }) | null {
  let at = oid
  for (let depth = 0; at > 0 && depth < 32; depth++) {
    const type = catalog.types.get(at)
    if (type?.kind !== 'd') {
      const value = typeOf(at, (one) => named(catalog, one))
      const sql = type ? `${quote(type.schema)}.${quote(type.name)}` : textTypes[at]
      return value.kind === 'text' && !value.array && sql === undefined ? null : { ...value, sql: sql ?? '' }
    }
    at = type.base
  }
  return null
}
const textTypes: Readonly<Record<number, string>> = { 25: 'pg_catalog.text', 1043: 'pg_catalog.varchar', 1042: 'pg_catalog.bpchar', 19: 'pg_catalog.name' }
