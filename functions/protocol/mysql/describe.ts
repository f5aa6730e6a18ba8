import type { ConnectionDocument } from '../../../schema/policy.ts'
import type { Description } from '../protocol.ts'
import { systemSchemas, type Catalog, type Column, type Relation } from './catalog.ts'
import { createClasses, type Classes } from './classes.ts'
import type { Classifier } from './classify.ts'
import { quoted } from './pins.ts'

/** A schema shown is at most this old. */
const maxAgeMs = 2000

/**
 * Every table and view of the target's own databases with its columns, sorted by name; no column that is refused because nobody has said what it holds. A column's class is that of the data it holds or is
 * computed from, so a view's follow its lineage, as they do when it is read.
 */
export async function describe(connection: ConnectionDocument, classifier: Pick<Classifier, 'catalog' | 'classify'>): Promise<Description> {
  const catalog = await classifier.catalog(connection, maxAgeMs)
  const classes = createClasses(connection, catalog)
  const relations: Description['relations'][number][] = []
  for (const relation of relationsOf(catalog)) {
    if (relation.kind === 'other') continue
    const columns = []
    for (const column of relation.columns) {
      const dataClass = await classOf(connection, classifier, classes, relation, column)
      if (dataClass !== undefined) columns.push({ name: column.name, type: column.columnType, nullable: column.nullable, class: dataClass })
    }
    relations.push({ schema: relation.schema, name: relation.name, kind: relation.kind, columns })
  }
  return { relations }
}
/** Those of the target's own databases, sorted. */
export const relationsOf = ({ schemas }: Catalog): readonly Relation[] => [...schemas.values()].filter(({ name }) => !systemSchemas.has(name.toLowerCase())).flatMap(({ relations }) => [...relations.values()])
  .sort((a, b) => compare(a.schema, b.schema) || compare(a.name, b.name))
const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)

/** What classify says of reading this column alone. A view it cannot follow cannot be read either, and shows no class; undefined: to be read by nobody for now. */
async function classOf(connection: ConnectionDocument, { classify }: Pick<Classifier, 'classify'>, classes: Classes, relation: Relation, column: Column): Promise<string | null | undefined> {
  if (classes.came(relation, column)) return undefined
  if (relation.kind === 'table') {
    const { plain, derived } = classes.of(relation, column)
    return plain[0]?.dataClass ?? derived[0]?.dataClass ?? null
  }
  const sql = `SELECT ${quoted(column.name)} FROM ${quoted(relation.schema)}.${quoted(relation.name)}`
  const plan = await classify(connection, { statements: [{ sql, params: [] }], batch: false, isolation: 'read committed', purpose: null, reveal: [], rowMode: 'array', maxRows: null })
  if (!plan.ok) return null
  if (plan.value.fails) return undefined
  return plan.value.effects.shown[0]?.dataClass ?? plan.value.effects.used[0]?.dataClass ?? null
}
