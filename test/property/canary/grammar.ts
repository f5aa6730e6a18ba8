import * as fc from 'fast-check'
import { relations, type Column, type Type } from './schema.ts'

/**
 * Random statements that mostly type-check: every name is one that is in scope. Small on purpose: one flow a statement finds more than ten of
 * which one is refused.
 */
export const statement: fc.Arbitrary<string> = fc.gen().map((g) => {
  const maker = new Maker((max) => g(fc.nat, { max }))
  return maker.statement()
})

interface Source { readonly sql: string; readonly alias: string; readonly columns: readonly Column[] }
interface Made { readonly sql: string; readonly columns: readonly Column[] }
const types: readonly Type[] = ['int', 'text', 'bool', 'date', 'numeric', 'json', 'array']

class Maker {
  private count = 0
  private ctes: Source[] = []
  private readonly upTo: (max: number) => number
  constructor(upTo: (max: number) => number) { this.upTo = upTo }

  private one<T>(items: readonly T[]): T { return items[this.upTo(items.length - 1)]! }
  private chance(percent: number): boolean { return this.upTo(99) < percent }
  private name(): string { return `t${++this.count}` }

  statement(): string {
    const kind = this.upTo(19)
    const ctes = this.chance(20) ? this.withList() : ''
    if (kind < 15) return `${ctes}${this.query(2).sql}`
    return `${ctes}${this.write()}`
  }

  private withList(): string {
    const entries = Array.from({ length: 1 + this.upTo(1) }, () => {
      const alias = this.name()
      const recursive = this.chance(15)
      const made = recursive ? this.recursion(alias) : this.chance(15) ? this.returning() : this.query(1)
      this.ctes.push({ sql: alias, alias, columns: made.columns })
      return `${alias}${made.columns.length > 0 && this.chance(25) ? `(${made.columns.map(({ name }) => name).join(', ')})` : ''} AS ${this.chance(15) ? 'MATERIALIZED ' : ''}(${made.sql})`
    })
    return `WITH RECURSIVE ${entries.join(', ')} `
  }
  private recursion(alias: string): Made {
    const source = this.one(['people', 'v_people', 'notes'])
    const column = this.one(relations[source]!.filter(({ type }) => type === 'text'))
    const second = this.one([`SELECT r.id + 10, r.c FROM ${alias} r WHERE r.id < 5`, `SELECT p.id, r.c FROM ${source} p JOIN ${alias} r ON r.id + 1 = p.id`, `SELECT r.id + 10, p.${column.name} FROM ${alias} r JOIN ${source} p USING (id) WHERE r.id < 3`])
    return { sql: `SELECT id, ${column.name} AS c FROM ${source} UNION ${this.chance(70) ? 'ALL ' : ''}${second}`, columns: [{ name: 'id', type: 'int' }, { name: 'c', type: 'text' }] }
  }

  private query(depth: number): Made {
    if (depth > 0 && this.chance(18)) return this.setOperation(depth)
    if (this.chance(6)) return this.values(depth)
    if (this.chance(4)) return this.table()
    return this.select(depth)
  }
  private table(): Made {
    const name = this.one(Object.keys(relations).filter((name) => !name.startsWith('ONLY')))
    return { sql: `TABLE ${name}`, columns: relations[name]! }
  }
  private values(depth: number): Made {
    const columns = Array.from({ length: 1 + this.upTo(1) }, (_, i) => ({ name: `column${i + 1}`, type: this.one(['int', 'text'] as const) }))
    const row = () => `(${columns.map(({ type }) => this.expression(type, [], depth - 1)).join(', ')})`
    return { sql: `VALUES ${row()}, ${row()}`, columns }
  }
  private setOperation(depth: number): Made {
    const left = this.select(depth - 1, 1 + this.upTo(1))
    const sources = [this.from(0)]
    const right = `SELECT ${left.columns.map(({ type }) => this.expression(type, sources, 1)).join(', ')} FROM ${sources[0]!.sql}${this.where(sources, 0)}`
    const tail = this.chance(25) ? ` ORDER BY ${1 + this.upTo(left.columns.length - 1)}` : ''
    return { sql: `(${left.sql}) ${this.one(['UNION ALL', 'UNION ALL', 'UNION', 'INTERSECT', 'EXCEPT', 'EXCEPT ALL'])} (${right})${tail}`, columns: left.columns }
  }

  private select(depth: number, width?: number): Made {
    const sources = this.sources(depth)
    if (width === undefined && this.chance(20)) return this.aggregate(sources, depth)
    const distinct = this.chance(8) ? `DISTINCT ${this.chance(30) ? `ON (${this.anything(sources, 0)}) ` : ''}` : ''
    const outputs = this.outputs(sources, depth, width)
    return { sql: `SELECT ${distinct}${outputs.sql} FROM ${sources.map(({ sql }) => sql).join(', ')}${this.where(sources, depth)}${this.tail(sources, outputs.columns, depth)}`, columns: outputs.columns }
  }
  private outputs(sources: readonly Source[], depth: number, width?: number): Made {
    const items: string[] = []
    const columns: Column[] = []
    for (let left = width ?? 1 + this.upTo(2); left > 0; left--) {
      const source = this.one(sources)
      if (width === undefined && this.chance(12)) {
        items.push(this.chance(50) || sources.length > 1 ? `${source.alias}.*` : '*')
        columns.push(...source.columns)
        continue
      }
      const column: Column = this.chance(55) ? { ...this.one(source.columns), name: this.name() } : { name: this.name(), type: this.one(types) }
      const sql = this.chance(4) ? this.odd(source) : this.expression(column.type, sources, depth)
      items.push(`${sql} AS ${column.name}`)
      columns.push(column)
    }
    return { sql: items.join(', '), columns: unique(columns) }
  }
  /** Ways to reach a column that are not its name. */
  private odd({ alias, columns }: Source): string {
    const { name } = this.one(columns)
    return this.one([`${alias}`, `(${alias}).${name}`, `${name}(${alias})`, `row_to_json(${alias})`, `(${alias}.*)::text`, `ROW(${alias}.*)`, `to_jsonb(${alias})->>'${name}'`, `(SELECT ${alias}.${name})`, `ARRAY[${alias}.${name}]`, `jsonb_build_object('k', ${alias}.${name})`,
      `label(${alias})`, `${alias}.label`, `count(*) OVER (PARTITION BY ${alias}.${name})`, `row_number() OVER (ORDER BY ${alias}.${name})`, `lag(${alias}.${name}) OVER (ORDER BY ${alias}.${this.one(columns).name})`, `coalesce(${alias}.${name})`, `(${alias}.${name}) IS NULL`])
  }

  private aggregate(sources: readonly Source[], depth: number): Made {
    const keys = Array.from({ length: this.upTo(2) }, () => this.reference(sources)).filter((key) => key !== null)
    const filter = this.chance(35) ? ` FILTER (WHERE ${this.expression('bool', sources, depth - 1)})` : ''
    const call = this.one(['count(*)', `count(${this.anything(sources, 0)})`, `max(${this.expression('text', sources, 0)})`, `sum(${this.expression('int', sources, 0)})`, `string_agg(${this.expression('text', sources, 0)}, ',' ORDER BY ${this.anything(sources, 0)})`,
      `array_agg(${this.anything(sources, 0)})`, `json_agg(${this.one(sources).alias})`, `min(${this.expression('date', sources, 0)})`, `bool_or(${this.expression('bool', sources, 0)})`])
    const columns: Column[] = [...keys.map(({ type }) => ({ name: this.name(), type })), { name: this.name(), type: 'text' }]
    const list = [...keys.map(({ sql }, i) => `${sql} AS ${columns[i]!.name}`), `(${call}${filter})::text AS ${columns.at(-1)!.name}`]
    const group = keys.length === 0 ? '' : ` GROUP BY ${this.chance(15) ? `${this.one(['ROLLUP', 'CUBE'])} (${keys.map(({ sql }) => sql).join(', ')})` : keys.map(({ sql }) => sql).join(', ')}`
    const having = this.chance(15) ? ` HAVING ${this.one(['count(*) > 1', `max(${this.expression('int', sources, 0)}) > 3`])}` : ''
    return { sql: `SELECT ${list.join(', ')} FROM ${sources.map(({ sql }) => sql).join(', ')}${this.where(sources, depth)}${group}${having}${this.chance(50) ? ' ORDER BY 1' : ''}`, columns }
  }

  private sources(depth: number): Source[] {
    const first = this.from(depth)
    if (!this.chance(35)) return [first]
    const second = this.from(Math.max(0, depth - 1))
    if (this.chance(30)) return [first, second]
    return [this.join(first, second)]
  }
  private from(depth: number): Source {
    const alias = this.name()
    const ctes = this.ctes.filter(({ columns }) => columns.length > 0)
    if (ctes.length > 0 && this.chance(45)) {
      const cte = this.one(ctes)
      return { sql: `${cte.sql} AS ${alias}`, alias, columns: cte.columns }
    }
    if (depth > 0 && this.chance(25)) {
      const made = this.query(depth - 1)
      return { sql: `(${made.sql}) AS ${alias}`, alias, columns: made.columns }
    }
    const relation = this.one([...Object.keys(relations), 'people', 'people', 'v_people'])
    const columns = relations[relation]!
    if (this.chance(8)) {
      const renamed = columns.map(({ type }, i) => ({ name: `c${i + 1}`, type }))
      return { sql: `${relation} AS ${alias}(${renamed.map(({ name }) => name).join(', ')})`, alias, columns: renamed }
    }
    return { sql: `${relation} AS ${alias}${this.chance(2) ? ' TABLESAMPLE BERNOULLI (100)' : ''}`, alias, columns }
  }
  private join(left: Source, right: Source): Source {
    const alias = this.name()
    const shared = left.columns.filter(({ name, type }) => right.columns.some((other) => other.name === name && other.type === type))
    const verb = this.one(['JOIN', 'LEFT JOIN', 'RIGHT JOIN', 'FULL JOIN'])
    const both = [left, right]
    const qualified = unique(both.flatMap(({ columns }) => columns))
    const how = this.upTo(11)
    if (how < 2) return { sql: `(${left.sql} NATURAL ${verb} ${right.sql}) AS ${alias}`, alias, columns: qualified }
    if (how < 5 && shared.length > 0) return { sql: `(${left.sql} ${verb} ${right.sql} USING (${this.one(shared).name})) AS ${alias}`, alias, columns: qualified }
    if (how < 7) {
      const lateral = this.name()
      const column = this.one(left.columns)
      return { sql: `(${left.sql} CROSS JOIN LATERAL (SELECT ${left.alias}.${column.name} AS c) AS ${lateral}) AS ${alias}`, alias, columns: [{ name: 'c', type: column.type }] }
    }
    return { sql: `(${left.sql} ${verb === 'FULL JOIN' ? 'JOIN' : verb} ${right.sql} ON ${this.expression('bool', both, 0)}) AS ${alias}`, alias, columns: qualified }
  }

  private where(sources: readonly Source[], depth: number): string { return this.chance(35) ? ` WHERE ${this.expression('bool', sources, depth)}` : '' }
  private tail(sources: readonly Source[], columns: readonly Column[], depth: number): string {
    const order = this.chance(25) ? ` ORDER BY ${this.chance(40) ? String(1 + this.upTo(columns.length - 1)) : this.anything(sources, 0)}` : ''
    const limit = this.chance(8) ? ` LIMIT ${this.chance(70) ? String(1 + this.upTo(3)) : this.countOf(this.one(['notes', 'people', 'v_people', 'logs']), depth)}` : ''
    return `${order}${limit}`
  }

  private countOf(relation: string, depth: number): string {
    return `(SELECT count(*) FROM ${relation} AS l WHERE ${this.expression('bool', [{ sql: relation, alias: 'l', columns: relations[relation]! }], depth - 1)})`
  }

  private reference(sources: readonly Source[], type?: Type): { sql: string; type: Type } | null {
    const all = sources.flatMap(({ alias, columns }) => columns.filter((column) => type === undefined || column.type === type).map((column) => ({ sql: `${alias}.${column.name}`, type: column.type })))
    return all.length > 0 ? this.one(all) : null
  }
  private anything(sources: readonly Source[], depth: number): string { return this.expression(this.one(types), sources, depth) }

  /** A condition whose answer differs between the worlds when its column is classified: the literals stand between their values. */
  private predicate(sources: readonly Source[]): string | null {
    const reference = this.reference(sources)
    if (reference === null) return null
    switch (reference.type) {
      case 'int': return `${reference.sql} > 80000`
      case 'text': return `${reference.sql} LIKE '%a%'`
      case 'date': return `${reference.sql} < date '1980-01-01'`
      case 'numeric': return `${reference.sql} > 5`
      case 'json': return `${reference.sql}::text LIKE '%S%'`
      case 'array': return `array_to_string(${reference.sql}, '') LIKE '%a%'`
      case 'bool': return reference.sql
    }
  }

  private expression(type: Type, sources: readonly Source[], depth: number): string {
    const predicate = type === 'bool' && this.chance(55) ? this.predicate(sources) : null
    if (predicate !== null) return predicate
    const reference = this.chance(depth > 0 ? 62 : 85) ? this.reference(sources, type) : null
    if (reference !== null) return reference.sql
    if (depth <= 0) return this.literal(type)
    const inner = (wanted: Type) => this.expression(wanted, sources, depth - 1)
    if (this.chance(12)) return this.scalar(type, sources, depth)
    if (this.chance(8)) return `CASE WHEN ${inner('bool')} THEN ${inner(type)} ELSE ${inner(type)} END`
    if (this.chance(6)) return `coalesce(${inner(type)}, ${inner(type)})`
    switch (type) {
      case 'int': return this.one([() => `(${inner('int')} + ${inner('int')})`, () => `length(${inner('text')})`, () => `extract(year FROM ${inner('date')})::int`, () => `cardinality(${inner('array')})`, () => `(${inner('json')}->>'k')::int`, () => `abs(${inner('int')})`])()
      case 'text': return this.one([() => `upper(${inner('text')})`, () => `(${inner('text')} || ${inner('text')})`, () => `${inner('int')}::text`, () => `substr(${inner('text')}, 2)`, () => `(${inner('array')})[1]`, () => `${inner('json')}::text`, () => `md5(${inner('text')})`, () => `concat(${inner('int')}, ${inner('text')})`, () => `(${inner('text')})::varchar(80)`, () => `${inner('date')}::text`])()
      case 'bool': return this.one([() => `${inner('int')} > ${inner('int')}`, () => `${inner('text')} LIKE '%a%'`, () => `${inner('text')} = ${inner('text')}`, () => `${inner('int')} IS NOT NULL`, () => `NOT ${inner('bool')}`, () => `(${inner('bool')} OR ${inner('bool')})`, () => `${inner('text')} = ANY (${inner('array')})`,
        () => `EXISTS (${this.query(depth - 1).sql})`, () => `${inner('int')} IN (SELECT id FROM ${this.one(['people', 'v_filter', 'orders'])})`, () => `${inner('date')} < now()`, () => `(${inner('int')}, ${inner('text')}) < (3, 'm')`, () => `${inner('text')} IS DISTINCT FROM 'ops'`])()
      case 'date': return this.one([() => `(${inner('date')} + ${inner('int')} % 100)`, () => `date_trunc('year', ${inner('date')})::date`])()
      case 'numeric': return this.one([() => `(${inner('numeric')} * 2)`, () => `${inner('int')}::numeric`, () => `round(${inner('numeric')}, 1)`])()
      case 'json': return this.one([() => `jsonb_build_object('v', ${inner('text')})`, () => `to_jsonb(${inner('int')})`, () => `(${inner('json')} -> 'k')`, () => `(${inner('json')} || '{"z": 1}')`])()
      case 'array': return this.one([() => `ARRAY[${inner('text')}, ${inner('text')}]`, () => `array_append(${inner('array')}, ${inner('text')})`, () => `string_to_array(${inner('text')}, 'a')`, () => `ARRAY(SELECT ${this.one(['name', 'ssn'])} FROM people ORDER BY id)`])()
    }
  }
  private scalar(type: Type, outer: readonly Source[], depth: number): string {
    const source = this.from(0)
    const correlated = this.reference(outer)
    const filter = this.chance(40) && correlated !== null ? ` WHERE ${correlated.sql} IS NOT NULL` : ''
    return `(SELECT ${this.expression(type, [source], depth - 1)} FROM ${source.sql}${filter} ORDER BY ${this.chance(80) ? '1' : this.anything([source], 0)} LIMIT 1)`
  }
  private literal(type: Type): string {
    switch (type) {
      case 'int': return this.one(['1', '3', '0', '80000'])
      case 'text': return this.one(["'a'", "'ops'", "''"])
      case 'bool': return this.one(['true', 'false'])
      case 'date': return this.one(["date '2024-01-05'", "date '1980-01-01'"])
      case 'numeric': return '1.5'
      case 'json': return `'{"k": 1}'::jsonb`
      case 'array': return "ARRAY['a', 'ops']"
    }
  }

  private write(): string { return this.returning().sql }
  private returning(): Made {
    const table = this.one(['notes', 'notes', 'orders', 'people', 'logs'])
    const target: Source = { sql: table, alias: table, columns: relations[table]! }
    const kind = this.upTo(3)
    const back = this.chance(60) ? this.outputs([target], 1) : null
    const returning = back === null ? '' : ` RETURNING ${back.sql}`
    const sql = kind === 0 ? this.insert(table, returning) : kind === 1 ? this.update(target, returning) : kind === 2 ? this.merge() : `DELETE FROM ${table}${this.where([target], 1)}${returning}`
    return { sql, columns: kind === 2 || back === null ? [] : back.columns }
  }
  private insert(table: string, returning: string): string {
    const source = this.from(1)
    const id = `${100 + this.count} + row_number() OVER ()`
    if (table === 'people') return `INSERT INTO people (id, name, ssn) VALUES (${100 + this.count}, ${this.expression('text', [], 1)}, ${this.expression('text', [], 1)})${returning}`
    if (table === 'orders') return `INSERT INTO orders (id, note, amount) SELECT ${id}, ${this.expression('text', [source], 1)}, ${this.expression('numeric', [source], 1)} FROM ${source.sql}${returning}`
    if (table === 'logs') return `INSERT INTO logs (id, kind, payload) SELECT ${this.expression('int', [source], 0)}, ${this.expression('text', [source], 1)}, ${this.expression('text', [source], 1)} FROM ${source.sql}${returning}`
    const conflict = this.chance(30) ? ` ON CONFLICT (id) DO ${this.chance(40) ? 'NOTHING' : `UPDATE SET body = ${this.one(['excluded.body', "notes.body || 'x'", '(SELECT max(ssn) FROM people)'])}`}` : ''
    return `INSERT INTO notes (id, body, n) SELECT ${this.chance(50) ? this.expression('int', [source], 0) : id}, ${this.expression('text', [source], 1)}, ${this.expression('int', [source], 1)} FROM ${source.sql}${conflict}${returning}`
  }
  private update(target: Source, returning: string): string {
    const other = this.chance(35) ? this.from(0) : null
    const scope = other === null ? [target] : [target, other]
    const column = this.one(target.columns.filter(({ name }) => name !== 'id' && name !== 'kind'))
    const value = this.chance(15) ? 'DEFAULT' : this.expression(column.type, scope, 1)
    return `UPDATE ${target.sql} SET ${column.name} = ${value}${other === null ? '' : ` FROM ${other.sql}`}${this.where(scope, 1)}${returning}`
  }
  private merge(): string {
    const source = this.from(1)
    const key = this.reference([source], 'int')?.sql ?? '1'
    const matched = this.one([`UPDATE SET body = ${this.expression('text', [source], 1)}`, 'DELETE', 'DO NOTHING'])
    const condition = this.chance(30) ? ` AND ${this.expression('bool', [source], 0)}` : ''
    return `MERGE INTO notes USING ${source.sql} ON notes.id = ${key} WHEN MATCHED${condition} THEN ${matched}`
  }
}

/** The second column of one name cannot be named, so nobody refers to it. */
function unique(columns: readonly Column[]): Column[] {
  const times = new Map<string, number>()
  for (const { name } of columns) times.set(name, (times.get(name) ?? 0) + 1)
  const once = columns.filter(({ name }) => times.get(name) === 1)
  return once.length > 0 ? once : [columns[0] ?? { name: 'id', type: 'int' }]
}
