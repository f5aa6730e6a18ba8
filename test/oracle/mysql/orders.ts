/** Random reads whose order is left open: sorts by what many rows share, joins, lists, windows, limits, with classified columns beside. Same seed, same statements. */
export function createOrders(seed: number) {
  let state = seed >>> 0 || 1
  const random = (): number => { state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9 >>> 0; return ((state ^ (state >>> 13)) >>> 0) / 2 ** 32 }
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T
  const chance = (p: number): boolean => random() < p
  const clear: Readonly<Record<string, readonly string[]>> = { a: ['id', 'name', 'ref', 'n'], b: ['id', 'name', 'note', 'a_id'], d: ['id', 'name', 'a'], va: ['id', 'title', 'n'], x: ['id', 'name'] }
  const classified: Readonly<Record<string, string>> = { a: 'ssn', b: 'email', d: 'secret', va: 'ssn' }
  const froms: readonly (readonly [text: string, aliases: readonly string[]])[] = [
    ['a', ['a']], ['a', ['a']], ['b', ['b']], ['o2.d', ['d']], ['va', ['va']], ['a JOIN b ON b.a_id = a.id', ['a', 'b']], ['b JOIN a ON a.id = b.a_id', ['a', 'b']], ['a LEFT JOIN b ON b.a_id = a.id', ['a', 'b']], ['a JOIN o2.d ON d.a = a.ref', ['a', 'd']],
    ['a JOIN b ON b.name = a.name', ['a', 'b']], ['a JOIN o2.d ON d.name <> a.name', ['a', 'd']], ['b JOIN va ON va.id = b.a_id', ['b', 'va']], ['b JOIN a ON a.id = b.a_id JOIN o2.d ON d.id = a.id', ['a', 'b', 'd']], ['(SELECT id, name FROM a ORDER BY ref LIMIT 20) x', ['x']],
    ['(SELECT id, name FROM a WHERE n > 2 LIMIT 9) x JOIN b ON b.a_id = x.id', ['x', 'b']], ['a STRAIGHT_JOIN b ON b.a_id < a.ref', ['a', 'b']],
  ]
  const column = (aliases: readonly string[]): string => { const alias = pick(aliases); return `${alias}.${pick(clear[alias] ?? [])}` }
  const key = (aliases: readonly string[]): string => { const alias = pick(aliases); return `${alias}.${pick((clear[alias] ?? []).filter((name) => name !== 'id'))}` }
  function list(aliases: readonly string[]): string {
    const columns = Array.from({ length: 1 + Math.floor(random() * 3) }, (_, i) => `${column(aliases)} AS c${i}`)
    const hidden = aliases.flatMap((alias) => (classified[alias] !== undefined && chance(0.7) ? [`${alias}.${classified[alias]} AS h_${alias}`] : []))
    const windows = chance(0.15) ? [`${pick(['row_number()', `lag(${column(aliases)})`, `first_value(${column(aliases)})`, 'ntile(3)', `sum(${pick(aliases)}.id)`])} OVER (ORDER BY ${key(aliases)}) AS w`] : []
    return [...columns, ...hidden, ...windows].join(', ')
  }
  const where = (aliases: readonly string[]): string => (chance(0.35) ? ` WHERE ${column(aliases)} ${pick(['> 3', 'IS NOT NULL', '<> 1', 'IN (1, 2, 3, 4)', "LIKE '%1%'"])}` : '')
  const tail = (aliases: readonly string[]): string => `${chance(0.6) ? ` ORDER BY ${key(aliases)}${chance(0.3) ? ' DESC' : ''}` : ''}${chance(0.6) ? ` LIMIT ${pick(['1', '3', '10', '5 OFFSET 4'])}` : ''}`
  function one(): string {
    const [from, aliases] = pick(froms)
    const group = key(aliases)
    return pick([
      () => `SELECT ${list(aliases)} FROM ${from}${where(aliases)}${tail(aliases)}`, () => `SELECT ${list(aliases)} FROM ${from}${where(aliases)}${tail(aliases)}`, () => `SELECT ${list(aliases)} FROM ${from}${where(aliases)}${tail(aliases)}`,
      () => `SELECT DISTINCT ${column(aliases)} AS c FROM ${from}${where(aliases)}${chance(0.5) ? ' LIMIT 3' : ''}`,
      () => `SELECT ${group} AS g, ${pick(['count(*)', `group_concat(${column(aliases)})`, `group_concat(${column(aliases)} ORDER BY ${key(aliases)})`, `json_arrayagg(${column(aliases)})`, `max(${column(aliases)})`])} AS v FROM ${from}${where(aliases)} GROUP BY g${chance(0.5) ? ' ORDER BY v' : ''}${chance(0.5) ? ' LIMIT 2' : ''}`,
      () => `SELECT ${list(aliases)} FROM ${from} WHERE ${aliases[0]}.id IN (SELECT id FROM (SELECT id FROM a${chance(0.5) ? ' ORDER BY ref' : ''} LIMIT 12) q)${tail(aliases)}`,
    ])()
  }
  return {
    next(): string {
      const first = one()
      return chance(0.08) ? `(${'SELECT name AS c0, ssn AS h FROM a ORDER BY ref LIMIT 5'}) UNION ALL SELECT ${column(['b'])}, ${pick(['b.email', 'b.note'])} FROM b${chance(0.5) ? ' ORDER BY c0 LIMIT 6' : ''}` : first
    },
  }
}
