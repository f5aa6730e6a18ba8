import type { Catalog, Relation } from './catalog.ts'

/** Partitions and inheritance children of a relation, however deep, without itself. */
export const below = (catalog: Catalog, relation: Relation): readonly Relation[] => along(catalog, relation, (r) => r.children)
/** The relation, what it is a part of, and its own parts: wherever a row of it may lie or be seen. */
export const kin = (catalog: Catalog, relation: Relation): readonly Relation[] => [relation, ...along(catalog, relation, (r) => r.parents), ...below(catalog, relation)]

function along(catalog: Catalog, relation: Relation, next: (r: Relation) => readonly number[], seen = new Set<number>()): Relation[] {
  return next(relation).flatMap((oid) => {
    const other = catalog.relations.get(oid)
    if (!other || seen.has(oid)) return []
    seen.add(oid)
    return [other, ...along(catalog, other, next, seen)]
  })
}
