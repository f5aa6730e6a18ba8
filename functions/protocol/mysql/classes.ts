import type { ConnectionDocument, MaskName } from '../../../schema/policy.ts'
import { columnKey, tableKey, type Catalog, type Column, type Relation } from './catalog.ts'

/** One classified base column whose data is meant. */
export interface Tag { readonly dataClass: string; readonly resource: string; readonly column: string }

/**
 * What `classify` says, spread along generated columns and defaults. Views follow by lineage (relation.ts). Column names are compared without case, as the server does; schemas and tables
 * with it where the server tells two spellings apart.
 */
export interface Classes {
  /** Every class the connection knows; what an opaque routine may return. */
  readonly all: readonly string[]
  /** `plain`: the column holds the data itself. `derived`: something computed from it. `none`: the document says it carries nothing. */
  of(relation: Relation, column: Column): Held
  /** `schema.routine.routine: none` or a class, for what a routine returns; undefined when the document is silent. */
  returned(key: string): string | undefined
  /** A classify entry names a column this table does not have: its data may be elsewhere in the table now, so nothing of it may be read. */
  closed(relation: Relation): string | null
  /** The column came to a table that holds a class after the policy was applied, and nobody has said what it holds. */
  came(relation: Relation, column: Column): boolean
  mask(dataClass: string): MaskName
}
interface Held { readonly plain: readonly Tag[]; readonly derived: readonly Tag[]; readonly none: boolean }

export function createClasses(connection: ConnectionDocument, server: Pick<Catalog, 'lowerCase'>): Classes {
  const nameOf = ({ schema, name }: Relation): string => tableKey(server, `${schema}.${name}`)
  const entries = new Map<string, { readonly class: string; readonly optional: boolean; readonly column: string; readonly table: string }>()
  for (const [key, value] of Object.entries(connection.classify ?? {})) {
    const at = key.lastIndexOf('.')
    const [table, column] = [tableKey(server, key.slice(0, at)), key.slice(at + 1)]
    entries.set(`${table}.${columnKey(column)}`, { ...(typeof value === 'string' ? { class: value, optional: false } : { class: value.class, optional: true }), column, table })
  }
  const known = new WeakMap<Column, Held>()
  const own = (relation: Relation, name: string): string | undefined => entries.get(`${nameOf(relation)}.${columnKey(name)}`)?.class
  const plainOf = (relation: Relation, name: string): readonly Tag[] => {
    const dataClass = own(relation, name)
    return dataClass === undefined || dataClass === 'none' ? [] : [{ dataClass, resource: `${relation.schema}.${relation.name}`, column: name }]
  }
  /** A generated column may be made from another one. */
  function sourcesOf(relation: Relation, column: Column, seen: Set<string>): readonly Tag[] {
    if (seen.has(column.name) || own(relation, column.name) === 'none') return []
    seen.add(column.name)
    return column.from.flatMap((name) => { const source = relation.columns.find((c) => c.name === name); return source ? [...plainOf(relation, name), ...sourcesOf(relation, source, seen)] : [] })
  }
  const holders = new WeakMap<Relation, boolean>()
  const holds = (relation: Relation): boolean => {
    let answer = holders.get(relation)
    if (answer === undefined) holders.set(relation, answer = relation.columns.some((column) => plainOf(relation, column.name).length > 0))
    return answer
  }
  const shut = new WeakMap<Relation, string | null>()
  const late = new WeakMap<Column, boolean>()
  function closedBy(relation: Relation): string | null {
    const names = [...entries.values()].filter((entry) => !entry.optional && entry.table === nameOf(relation)).map(({ column }) => column)
    return names.find((name) => !relation.columns.some((c) => columnKey(c.name) === columnKey(name))) ?? null
  }
  function isLate(relation: Relation, column: Column): boolean {
    if (!connection.known || relation.kind !== 'table' || !holds(relation)) return false
    return own(relation, column.name) === undefined && !Object.entries(connection.known).flatMap(([table, names]) => (tableKey(server, table) === nameOf(relation) ? names : [])).some((name) => columnKey(name) === columnKey(column.name))
  }
  return {
    all: [...new Set([...entries.values()].map((entry) => entry.class).filter((one) => one !== 'none'))].sort(),
    of(relation, column) {
      const cached = known.get(column)
      if (cached) return cached
      const answer = { plain: plainOf(relation, column.name), derived: sourcesOf(relation, column, new Set()), none: own(relation, column.name) === 'none' }
      known.set(column, answer)
      return answer
    },
    returned: (key) => { const at = key.lastIndexOf('.'); return entries.get(`${tableKey(server, key.slice(0, at))}.${columnKey(key.slice(at + 1))}`)?.class },
    closed(relation) {
      let answer = shut.get(relation)
      if (answer === undefined) shut.set(relation, answer = closedBy(relation))
      return answer
    },
    came(relation, column) {
      let answer = late.get(column)
      if (answer === undefined) late.set(column, answer = isLate(relation, column))
      return answer
    },
    mask: (dataClass) => connection.mask?.[dataClass] ?? connection.mask?.['*'] ?? 'redact',
  }
}
