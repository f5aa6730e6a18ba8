import { createHash } from 'node:crypto'
import { bindText } from './bind.ts'
import type { Catalog } from './catalog.ts'
import { isSystem, type Findings } from './effects.ts'
import { guardText } from './snapshot.ts'

/**
 * What a plan's meaning rests on: the objects it reaches, and the names it looked up, so that an object which newly shadows one is noticed too. Inside
 * the transaction, after locking `plan.relations`, `sql` must give `expected`; anything else is a stale catalog and nothing may run.
 */
export interface Reach {
  readonly relations: readonly number[]; readonly schemas: readonly string[]
  readonly names: { readonly relations: readonly string[]; readonly functions: readonly string[]; readonly operators: readonly string[]; readonly types: readonly string[] }
  readonly functions: readonly number[]; readonly types: readonly number[]
}
export interface Guard {
  /** One row, one column `fingerprint`, to be compared with `expected` as text. Reads pg_catalog only, so any role may run it; locks nothing; means the same under any path. */
  readonly sql: string
  /** Array literals, in the order of `$1`… */
  readonly params: readonly string[]
  readonly expected: string
}

const sorted = <T extends string | number>(items: Iterable<T>): T[] => [...new Set(items)].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))

export function reachOf(found: Findings): Reach {
  const { names } = found
  return {
    relations: sorted([...found.relations.keys()].filter((oid) => !isSystem(found.catalog.relations.get(oid)?.schema ?? ''))),
    schemas: sorted([...names.schemas].filter((name) => !isSystem(name))),
    names: { relations: sorted(names.relations), functions: sorted(names.functions), operators: sorted(names.operators), types: sorted(names.types) },
    functions: sorted(found.functions), types: sorted(found.types),
  }
}
export function joinReach(all: readonly Reach[]): Reach {
  const [only] = all
  if (only && all.length === 1) return only
  const names = (kind: keyof Reach['names']) => sorted(all.flatMap((reach) => reach.names[kind]))
  return {
    relations: sorted(all.flatMap((r) => r.relations)), schemas: sorted(all.flatMap((r) => r.schemas)), functions: sorted(all.flatMap((r) => r.functions)), types: sorted(all.flatMap((r) => r.types)),
    names: { relations: names('relations'), functions: names('functions'), operators: names('operators'), types: names('types') },
  }
}

/** As collation "C" has it: bytes of UTF-8, which for other than ASCII is not the order of UTF-16 units. */
const byBytes = (a: string, b: string): number => (a === b ? 0 : isAscii(a) && isAscii(b) ? (a < b ? -1 : 1) : Buffer.compare(Buffer.from(a), Buffer.from(b)))
const isAscii = (text: string): boolean => /^[\x00-\x7f]*$/.test(text)
/** The lines `guardText` makes of the live catalog, made of ours, without the one on `made`. Also what an approval's fingerprint is taken over: a cast between other types does not change what was approved. */
export function linesOf(catalog: Catalog, reach: Reach): string[] {
  const places = reach.schemas.flatMap((name) => catalog.schemas.get(name) ?? [])
  const functions = new Map([...places.flatMap((place) => reach.names.functions.flatMap((name) => place.functions.get(name) ?? [])), ...reach.functions.flatMap((oid) => catalog.functions.get(oid) ?? [])].map((fn) => [fn.oid, fn]))
  const types = new Map([...places.flatMap((place) => reach.names.types.flatMap((name) => place.types.get(name) ?? [])), ...reach.types.flatMap((oid) => catalog.types.get(oid) ?? [])].map((type) => [type.oid, type]))
  return [
    ...reach.relations.map((oid) => `g${oid}=${catalog.relations.get(oid)?.print ?? ''}`),
    ...reach.schemas.flatMap((name) => { const place = catalog.schemas.get(name); return place?.oid ? [`n${place.oid}=${name}${place.version}`] : [] }),
    ...places.flatMap((place) => reach.names.relations.flatMap((name) => { const r = place.relations.get(name); return r ? [`r${r.oid}=${r.name}@${r.schema}`] : [] })),
    ...[...functions.values()].map((fn) => `p${fn.oid}=${fn.version}`),
    ...places.flatMap((place) => reach.names.operators.flatMap((name) => (place.operators.get(name) ?? []).map((o) => `o${o.oid}=${o.version}`))),
    ...[...types.values()].map((type) => `t${type.oid}=${type.version}`),
  ].sort(byBytes)
}
export function makeGuard(reach: Reach, lines: readonly string[], made = ''): Guard {
  const { names } = reach
  const part = (items: readonly (string | number)[]) => ({ size: items.length, text: String(bindText(items.map(String))) })
  const { sql, values } = guardText({
    relations: part(reach.relations), schemas: part(reach.schemas), relationNames: part(names.relations), functionNames: part(names.functions), operatorNames: part(names.operators),
    typeNames: part(names.types), functions: part(reach.functions), types: part(reach.types),
  })
  return { sql: qualified(sql), params: values, expected: createHash('md5').update([...lines, `x${made}`].sort(byBytes).join(';')).digest('hex') }
}
/**
 * The guard may run before the path is pinned, when an operator or a type of somebody's own could stand before the server's: `=` that is always true would
 * end all guarding. snapshot.ts spells its parts as one reads them, and here each operator and type gets its schema. A test holds the result against the parser.
 */
const qualified = (sql: string): string => sql.replace(/ (=|<>|>|\|\|) /g, ' OPERATOR(pg_catalog.$1) ').replace(/::(?=(?:text|oid|int4)\b)/g, '::pg_catalog.')
