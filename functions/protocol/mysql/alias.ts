import { fold, type Catalog } from './catalog.ts'

/** The name that a reference (by its node) is printed under. `like`: what it is called, for who reads a plan. */
export type Alias = (node: object, like: string) => string

const named = new WeakMap<Catalog, ReadonlySet<string>>()
function relationNames(catalog: Catalog): ReadonlySet<string> {
  const there = named.get(catalog)
  if (there) return there
  const names = new Set([...catalog.schemas.values()].flatMap(({ relations }) => [...relations.values()].map(({ name }) => fold(name))))
  named.set(catalog, names)
  return names
}

/**
 * Whatever a statement names itself (tables in FROM, derived tables, entries of a WITH, the row of an INSERT) is printed under a name of the gate's making: once in the whole statement, and no relation's. A server that looks
 * for it elsewhere than the gate did finds nothing, whatever its rules of scope, of case or of which WITH is in sight. One node has one name, however often it is gone through.
 */
export function aliases(catalog: Catalog): Alias {
  const given = new Map<object, string>()
  return (node, like) => {
    const there = given.get(node)
    if (there !== undefined) return there
    const stem = like.toLowerCase().replace(/[^a-z0-9_]+/g, '').slice(0, 24) || 't'
    let name = `${stem}_${given.size + 1}`
    while (relationNames(catalog).has(name)) name = `s${name}`
    given.set(node, name)
    return name
  }
}
