/** A rule's `schema.name`, `*` for any run of characters inside a part, as two expressions. */
export function parts(pattern: string): [RegExp, RegExp] {
  const dot = pattern.indexOf('.')
  const [schema, name] = dot < 0 ? [pattern, '*'] : [pattern.slice(0, dot), pattern.slice(dot + 1)]
  return [patterned(schema), patterned(name)]
}
/** One part of it, or a column, as an expression. With case: as rules are compared. */
export const patterned = (part: string): RegExp => new RegExp(`^${part.split('*').map((text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('.*')}$`, 's')
