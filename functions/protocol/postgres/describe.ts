import type { ConnectionDocument } from '../../../schema/policy.ts'
import type { Description } from '../protocol.ts'
import type { Column, Relation } from './catalog.ts'
import { createClasses, type Classes } from './classes.ts'
import type { Classifier } from './classify.ts'
import { quote } from './pins.ts'

type Kind = Description['relations'][number]['kind']
const kinds: Readonly<Record<string, Kind>> = { r: 'table', p: 'partitioned table', v: 'view', m: 'materialized view', f: 'foreign table' }

/** A schema shown is at most this old. */
const maxAgeMs = 2000

/**
 * Every relation of the target's own schemas with its columns, sorted by name. The server's catalog is not part of it, nor are partitions: their
 * parent is; nor a column that is refused because nobody has said what it holds. A column's class is that of the data it holds or is computed from, so a view's follow its lineage, as they do when it is read.
 */
export async function describe(connection: ConnectionDocument, classifier: Pick<Classifier, 'catalog' | 'classify'>): Promise<Description> {
  const catalog = await classifier.catalog(connection, maxAgeMs)
  const classes = createClasses(catalog, connection)
  const described = [...catalog.relations.values()].filter((relation) => isUsers(relation) && !relation.partition && kinds[relation.kind] !== undefined)
  described.sort((a, b) => compare(a.schema, b.schema) || compare(a.name, b.name))
  const relations: Description['relations'][number][] = []
  for (const relation of described) {
    const columns = []
    for (const column of relation.columns) {
      const dataClass = await classOf(connection, classifier, classes, relation, column)
      if (dataClass !== undefined) columns.push({ name: column.name, type: column.typeName, nullable: !column.notNull, class: dataClass })
    }
    relations.push({ schema: relation.schema, name: relation.name, kind: kinds[relation.kind] ?? 'table', columns })
  }
  return { relations }
}
export const isUsers = ({ schema }: { readonly schema: string }): boolean => schema !== 'information_schema' && !schema.startsWith('pg_')

/** What classify says of reading this column alone. A view it cannot follow cannot be read either, and shows no class; undefined: to be read by nobody for now. */
async function classOf(connection: ConnectionDocument, { classify }: Pick<Classifier, 'classify'>, classes: Classes, relation: Relation, column: Column): Promise<string | null | undefined> {
  if (classes.came(relation, column)) return undefined
  if (relation.definition === null) {
    const { plain, derived } = classes.of(relation, column)
    return plain[0]?.dataClass ?? derived[0]?.dataClass ?? null
  }
  const sql = `SELECT ${quote(column.name)} FROM ${quote(relation.schema)}.${quote(relation.name)}`
  const plan = await classify(connection, { statements: [{ sql, params: [] }], batch: false, isolation: 'read committed', purpose: null, reveal: [], rowMode: 'array', maxRows: null })
  if (!plan.ok) return null
  if (plan.value.fails) return undefined
  return plan.value.effects.shown[0]?.dataClass ?? plan.value.effects.used[0]?.dataClass ?? null
}
const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)
