/** A rule's `schema.name`, `*` for any run of characters inside a part, as two expressions. */
export function parts(pattern: string): [RegExp, RegExp] {
  const dot = pattern.indexOf('.')
  const [schema, name] = dot < 0 ? [pattern, '*'] : [pattern.slice(0, dot), pattern.slice(dot + 1)]
  const expression = (part: string) => new RegExp(`^${part.split('*').map((text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('.*')}$`, 's')
  return [expression(schema), expression(name)]
}
