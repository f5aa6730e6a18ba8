import type { ConnectionDocument, MaskName } from '../../../schema/policy.ts'
import type { Catalog, Column, Relation } from './catalog.ts'
import { kin } from './kin.ts'

/** One classified base column whose data is meant. */
export interface Tag { readonly dataClass: string; readonly resource: string; readonly column: string }

/**
 * What `classify` says, spread to where the same data lies: down to inheritance children and partitions, up to the parents that show them, and along
 * generated columns. Views follow by lineage (relation.ts).
 */
export interface Classes {
  /** Every class the connection knows; what an opaque function may return. */
  readonly all: readonly string[]
  /** `plain`: the column holds the data itself. `derived`: something computed from it. `none`: the document says it carries nothing. */
  of(relation: Relation, column: Column): { readonly plain: readonly Tag[]; readonly derived: readonly Tag[]; readonly none: boolean }
  /** `schema.function.column: none` or a class, for what a function returns; undefined when the document is silent. */
  returned(key: string): string | undefined
  /** A classify entry names a column this table does not have: its data may be elsewhere in the table now, so nothing of it may be read. */
  closed(relation: Relation): string | null
  /** The column came to a table that holds a class after the policy was applied, and nobody has said what it holds. */
  came(relation: Relation, column: Column): boolean
  /** How the class is shown to whoever may not see it. With `hash`, whoever may write the column could compare. */
  mask(dataClass: string): MaskName
}

export function createClasses(catalog: Catalog, connection: ConnectionDocument): Classes {
  const entries = new Map(Object.entries(connection.classify ?? {}).map(([key, value]) => [key, typeof value === 'string' ? { class: value, optional: false } : value]))
  const tables = new Map<string, string[]>()
  for (const [key, entry] of entries) {
    const [schema, table, column] = key.split('.')
    if (column !== undefined && !entry.optional) tables.set(`${schema}.${table}`, [...tables.get(`${schema}.${table}`) ?? [], column])
  }
  const known = new Map<string, { plain: readonly Tag[]; derived: readonly Tag[]; none: boolean }>()

  const own = (relation: Relation, name: string): string | undefined => entries.get(`${relation.schema}.${relation.name}.${name}`)?.class
  function plainOf(relation: Relation, name: string): Tag[] {
    const relatives = kin(catalog, relation)
    const found = new Map<string, Tag>()
    for (const relative of relatives) {
      const dataClass = relative.columns.some((c) => c.name === name) ? own(relative, name) : undefined
      if (dataClass !== undefined && dataClass !== 'none') found.set(dataClass, { dataClass, resource: `${relation.schema}.${relation.name}`, column: name })
    }
    return [...found.values()]
  }
  /** null: it holds no class. A partition made after the apply has the columns of its parent. */
  const expected = new Map<number, ReadonlySet<string> | null>()
  function expectedIn(relation: Relation, known: NonNullable<ConnectionDocument['known']>): ReadonlySet<string> | null {
    if (!relation.columns.some((column) => plainOf(relation, column.name).length > 0)) return null
    const relatives = kin(catalog, relation).map((relative) => `${relative.schema}.${relative.name}`)
    const named = [...entries.keys()].flatMap((key) => { const at = key.lastIndexOf('.'); return relatives.includes(key.slice(0, at)) ? [key.slice(at + 1)] : [] })
    return new Set([...named, ...relatives.flatMap((name) => known[name] ?? [])])
  }
  return {
    all: [...new Set([...entries.values()].map((e) => e.class).filter((c) => c !== 'none'))].sort(),
    of(relation, column) {
      const key = `${relation.oid}.${column.attnum}`
      const cached = known.get(key)
      if (cached) return cached
      const derived = own(relation, column.name) === 'none' ? [] : column.from.flatMap((attnum) => {
        const source = relation.columns.find((c) => c.attnum === attnum)
        return source ? plainOf(relation, source.name) : []
      })
      const answer = { plain: plainOf(relation, column.name), derived, none: own(relation, column.name) === 'none' }
      known.set(key, answer)
      return answer
    },
    returned: (key) => entries.get(key)?.class,
    closed(relation) {
      return tables.get(`${relation.schema}.${relation.name}`)?.find((name) => !relation.columns.some((c) => c.name === name)) ?? null
    },
    came(relation, column) {
      if (!connection.known || !'rpf'.includes(relation.kind)) return false
      let names = expected.get(relation.oid)
      if (names === undefined) expected.set(relation.oid, names = expectedIn(relation, connection.known))
      return names !== null && !names.has(column.name)
    },
    mask: (dataClass) => connection.mask?.[dataClass] ?? connection.mask?.['*'] ?? 'redact',
  }
}
