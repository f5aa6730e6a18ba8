/** Random statements over schema.sql, as text: mostly valid, often with names that may mean two things. Same seed, same statements. */
export function createGenerator(seed: number) {
  let state = seed >>> 0 || 1
  const random = (): number => { state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9 >>> 0; return ((state ^ (state >>> 13)) >>> 0) / 2 ** 32 }
  const upTo = (n: number): number => Math.floor(random() * n)
  const pick = <T>(items: readonly T[]): T => items[upTo(items.length)] as T
  const chance = (p: number): boolean => random() < p
  const tables: Readonly<Record<string, readonly string[]>> = {
    a: ['id', 'name', 'ssn', 'ref', 'n'], b: ['id', 'a_id', 'name', 'email', 'note', 'tag'], c: ['id', 'k', 'v'], 'o2.d': ['id', 'name', 'secret', 'a'], va: ['id', 'title', 'ssn', 'n'], vb: ['id', 'note', 'title', 'loud'],
  }
  interface Item { readonly alias: string; readonly cols: readonly string[] }
  let ctes: Item[] = []
  const word = (text: string): string => (chance(0.1) ? text.toUpperCase() : chance(0.1) ? `\`${text}\`` : text)
  /** Few names, so that they shadow one another. */
  const aliasName = (): string => pick(['a', 'b', 'x', 'y', 'z', 'name', 'id', 'va'])
  const column = (items: readonly Item[]): string => {
    if (items.length === 0) return String(upTo(9))
    const item = pick(items)
    const col = pick(item.cols)
    return chance(0.12) ? word(col) : `${item.alias}.${word(col)}`
  }
  const literal = (): string => pick(['1', '2', "'x'", "'name-1'", 'NULL', '3.5', 'TRUE'])
  function value(items: readonly Item[], depth: number): string {
    const inner = () => value(items, depth - 1)
    if (depth <= 0 || chance(0.35)) return chance(0.75) ? column(items) : literal()
    return pick([
      () => `concat(${inner()}, ${inner()})`, () => `coalesce(${inner()}, ${inner()})`, () => `(${inner()} + ${inner()})`, () => `upper(${inner()})`, () => `CASE WHEN ${condition(items, depth - 1)} THEN ${inner()} ELSE ${inner()} END`,
      () => `cast(${inner()} AS char)`, () => `(SELECT ${pick(['max', 'min', 'count'])}(${column([{ alias: 'q', cols: tables['a'] ?? [] }, ...items])}) FROM a q WHERE ${condition([{ alias: 'q', cols: tables['a'] ?? [] }, ...items], depth - 2)})`,
      () => `fa(${inner()})`, () => `json_object('k', ${inner()})`, () => `substring(${inner()}, 1, 3)`, () => `if(${condition(items, depth - 1)}, ${inner()}, ${inner()})`,
    ])()
  }
  function condition(items: readonly Item[], depth: number): string {
    const inner = () => value(items, depth - 1)
    if (depth <= 0) return `${column(items)} = ${literal()}`
    return pick([
      () => `${inner()} = ${inner()}`, () => `${inner()} < ${literal()}`, () => `${inner()} IS NOT NULL`, () => `${column(items)} LIKE '%1%'`, () => `${column(items)} BETWEEN 1 AND 5`, () => `${column(items)} IN (${literal()}, ${literal()})`,
      () => `(${condition(items, depth - 1)} AND ${condition(items, depth - 1)})`, () => `(${condition(items, depth - 1)} OR NOT ${condition(items, depth - 1)})`,
      () => `EXISTS (SELECT * FROM b w WHERE ${condition([{ alias: 'w', cols: tables['b'] ?? [] }, ...items], depth - 2)})`, () => `${column(items)} IN (SELECT ${pick(['id', 'ref', 'name'])} FROM a)`,
    ])()
  }
  function source(used: Set<string>, depth: number): { readonly text: string; readonly item: Item } {
    let alias = aliasName()
    while (used.has(alias)) alias += 'q'
    used.add(alias)
    if (depth > 0 && chance(0.25)) { const [text, cols] = query(depth - 1); return { text: `(${text}) ${alias}`, item: { alias, cols } } }
    if (ctes.length > 0 && chance(0.3)) { const cte = pick(ctes); return { text: `${cte.alias} AS ${alias}`, item: { alias, cols: cte.cols } } }
    const name = pick(Object.keys(tables))
    return { text: `${chance(0.2) && !name.includes('.') ? 'o1.' : ''}${name} ${alias}`, item: { alias, cols: tables[name] ?? [] } }
  }
  function from(depth: number): { readonly text: string; readonly items: readonly Item[] } {
    const used = new Set<string>()
    const first = source(used, depth)
    const items = [first.item]
    let { text } = first
    for (let n = upTo(3); n > 0; n--) {
      const next = source(used, depth)
      const common = next.item.cols.find((col) => items.every((item) => item.cols.includes(col)))
      const joined = pick(['on', 'left', 'right', 'comma', 'using', 'natural'])
      if (joined === 'using' && common) text = `(${text}) JOIN ${next.text} USING (${common})`
      else if (joined === 'natural') text = `(${text}) NATURAL JOIN ${next.text}`
      else if (joined === 'comma') text = `${text} CROSS JOIN ${next.text}`
      else text = `(${text}) ${joined === 'on' ? 'JOIN' : joined === 'left' ? 'LEFT JOIN' : 'RIGHT JOIN'} ${next.text} ON ${condition([...items, next.item], 1)}`
      items.push(next.item)
    }
    return { text, items }
  }
  /** Text, and the names of its outputs. */
  function query(depth: number): readonly [string, readonly string[]] {
    const { text, items } = from(depth)
    if (chance(0.15)) { const names = items.map((item, i) => `${item.alias}.${word(pick(item.cols))} AS ${pick(['id', 'name', 'ssn'])}${i}`); return [`SELECT ${names.join(', ')} FROM ${text}${chance(0.5) ? ` LIMIT ${1 + upTo(5)}` : ''}`, names.map((name) => name.split(' AS ')[1] ?? '')] }
    if (chance(0.1)) return [`SELECT * FROM ${text}${tail(items, [], depth)}`, [...new Set(items.flatMap(({ cols }) => cols))]]
    const grouped = chance(0.2)
    const names = Array.from({ length: 1 + upTo(3) }, (_, i) => pick(['id', 'name', `o${i}`, `p${i}`, 'ssn'])).filter((name, i, all) => all.indexOf(name) === i)
    const group = column(items)
    const list = names.map((name, i) => `${grouped ? (i === 0 ? group : `${pick(['max', 'min', 'count', 'sum', 'group_concat'])}(${column(items)})`) : chance(0.1) ? `row_number() OVER (PARTITION BY ${column(items)} ORDER BY ${column(items)})` : value(items, depth)} AS ${name}`)
    const one = `SELECT ${chance(0.1) ? 'DISTINCT ' : ''}${list.join(', ')} FROM ${text}${chance(0.6) ? ` WHERE ${condition(items, depth)}` : ''}${grouped ? ` GROUP BY ${chance(0.5) ? group : '1'}${chance(0.3) ? ` HAVING ${column([...items, { alias: names[0] ?? '', cols: names }])} IS NOT NULL` : ''}` : ''}`
    if (chance(0.12) && depth > 0) { const other = from(0); return [`${one} ${pick(['UNION', 'UNION ALL', 'EXCEPT', 'INTERSECT'])} SELECT ${names.map(() => column(other.items)).join(', ')} FROM ${other.text}`, names] }
    return [`${one}${tail(items, names, depth)}`, names]
  }
  function tail(items: readonly Item[], names: readonly string[], depth: number): string {
    const key = chance(0.4) && names.length > 0 ? pick(names) : chance(0.3) ? '1' : value(items, Math.min(depth, 1))
    return `${chance(0.35) ? ` ORDER BY ${key}${chance(0.3) ? ' DESC' : ''}` : ''}${chance(0.25) ? ` LIMIT ${1 + upTo(5)}` : ''}`
  }
  function write(): string {
    const items: readonly Item[] = [{ alias: 'b', cols: tables['b'] ?? [] }]
    const { text, items: more } = from(0)
    return pick([
      () => `UPDATE b SET note = ${value(items, 2)} WHERE ${condition(items, 2)}`, () => `UPDATE b JOIN a m ON m.id = b.a_id SET b.note = ${value([...items, { alias: 'm', cols: tables['a'] ?? [] }], 1)}`,
      () => `DELETE FROM b WHERE ${condition(items, 2)}`, () => `DELETE b FROM b JOIN ${pick(['a', 'o2.d', 'va'])} r ON r.id = b.id`, () => `DELETE FROM a WHERE ${condition([{ alias: 'a', cols: tables['a'] ?? [] }], 1)}`,
      () => `INSERT INTO c(k, v) SELECT ${value(more, 1)}, ${value(more, 1)} FROM ${text}`, () => `INSERT INTO c(id, k, v) VALUES (${upTo(20)}, 'k${upTo(20)}', (SELECT max(note) FROM b)) ON DUPLICATE KEY UPDATE v = concat(VALUES(v), ${pick(['k', 'c.v', 'id'])})`,
      () => `REPLACE INTO c(id, k) VALUES (${upTo(9)}, 'z${upTo(9)}')`, () => 'CALL pc()', () => `UPDATE c SET v = ${value([{ alias: 'c', cols: tables['c'] ?? [] }], 1)} ORDER BY id LIMIT 2`, () => `SELECT id FROM ${pick(['a', 'va', 'b'])} FOR UPDATE`,
    ])()
  }
  return {
    next(): string {
      ctes = []
      if (chance(0.15)) return write()
      if (!chance(0.2)) return query(2)[0]
      const recursive = chance(0.3)
      const [text, cols] = recursive ? ['SELECT id, name, 1 AS n FROM a WHERE id = 1 UNION ALL SELECT a.id, w0.name, n + 1 FROM a JOIN w0 ON a.id = w0.id + 1 WHERE n < 4', ['id', 'name', 'n']] as const : query(1)
      const withs = `WITH ${recursive ? 'RECURSIVE ' : ''}w0 AS (${text})`
      ctes = [{ alias: 'w0', cols }]
      return `${withs} ${query(1)[0]}`
    },
  }
}
