import type { ConnectionDocument } from '../../../schema/policy.ts'
import type { Description } from '../protocol.ts'
import type { Catalog, Relation } from './catalog.ts'

type Kind = Description['relations'][number]['kind']
const kinds: Readonly<Record<string, Kind>> = { r: 'table', p: 'partitioned table', v: 'view', m: 'materialized view', f: 'foreign table' }

/** The class a policy gives a column by its own name; null also for `none`. What reaches a view's column is told by classify, not here. */
export function classOf({ classify }: ConnectionDocument, schema: string, relation: string, column: string): string | null {
  const path = `${schema}.${relation}.${column}`
  const entry = classify && Object.hasOwn(classify, path) ? classify[path] : undefined
  const dataClass = typeof entry === 'string' ? entry : entry?.class
  return dataClass === undefined || dataClass === 'none' ? null : dataClass
}

/** Every relation of the target's own schemas with its columns, sorted by name. The server's catalog is not part of it, nor are partitions: their parent is. */
export function describe(connection: ConnectionDocument, catalog: Catalog): Description {
  const described = [...catalog.relations.values()].filter((relation) => isUsers(relation) && !relation.partition && kinds[relation.kind] !== undefined)
  described.sort((a, b) => compare(a.schema, b.schema) || compare(a.name, b.name))
  return {
    relations: described.map((relation) => ({
      schema: relation.schema, name: relation.name, kind: kinds[relation.kind] ?? 'table',
      columns: relation.columns.map(({ name, typeName, notNull }) => ({ name, type: typeName, nullable: !notNull, class: classThrough(connection, catalog, relation, name) })),
    })),
  }
}
export const isUsers = ({ schema }: { readonly schema: string }): boolean => schema !== 'information_schema' && !schema.startsWith('pg_')

/** A column of a partition or child holds its parents' data, and the other way round: whichever of them is classified counts. */
function classThrough(connection: ConnectionDocument, catalog: Catalog, relation: Relation, column: string): string | null {
  const seen = new Set<number>()
  const next = [relation.oid]
  for (let oid = next.pop(); oid !== undefined; oid = next.pop()) {
    const here = catalog.relations.get(oid)
    if (here === undefined || seen.has(oid)) continue
    seen.add(oid)
    const dataClass = classOf(connection, here.schema, here.name, column)
    if (dataClass !== null) return dataClass
    next.push(...here.parents, ...here.children)
  }
  return null
}
const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)
