/** Output names for objects: a repeated one gets `_2`, `_3`, … past every name that is taken, so that no value replaces another. */
export function uniqueNames(names: readonly string[]): readonly string[] {
  const taken = new Set(names)
  const used = new Set<string>()
  const next = new Map<string, number>()
  return names.map((name) => {
    let unique = name
    for (let n = next.get(name) ?? 2; used.has(unique); n++) {
      next.set(name, n + 1)
      unique = taken.has(`${name}_${n}`) ? unique : `${name}_${n}`
    }
    used.add(unique)
    return unique
  })
}
