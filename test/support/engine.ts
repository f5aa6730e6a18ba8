import type { Effects, Shown } from '../../schema/effects.ts'
import type { ConnectionDocument } from '../../schema/policy.ts'
import type { Query, Statement } from '../../schema/request.ts'
import { ok, refuse, type Refusal, type Result } from '../../schema/refusal.ts'
import { Fault } from '../../functions/ports.ts'
import type { Description, Executed, Masked, Plan, Protocol, Raw } from '../../functions/protocol/protocol.ts'

/**
 * An engine of a few sentences over tables in memory, so that app, command line and scenarios run alone:
 * `select a, b | * | count(*) from s.t [where c = v] [order by c] [limit n]`, `insert into s.t (…)`, `update s.t set c = …`, `delete from s.t`.
 * What it cannot read is refused as the real one would. Whatever reaches `run` is listed in `ran`.
 */
export interface Table { readonly columns: Readonly<Record<string, string>>; readonly rows: readonly Readonly<Record<string, unknown>>[] }
export interface FakeEngine extends Protocol {
  readonly ran: string[]
  /** What execute answers next instead of running. */
  next: Executed | null
  down: boolean
}
interface Understood { readonly action: 'select' | 'insert' | 'update' | 'delete'; readonly resource: string; readonly columns: readonly string[]; readonly counts: boolean; readonly filter: readonly [string, string] | null; readonly limit: number | null }

const no = (slug: Refusal['slug'], reason: string, detail: string, more: Partial<Refusal> = {}) => refuse({ slug, reason, detail, next: 'fix', ...more })

function understand({ sql, params }: Statement, tables: Readonly<Record<string, Table>>, statement: number): Result<Understood> {
  const text = sql.trim().replace(/;$/, '')
  if (!/^(select|insert|update|delete|copy|do|begin|drop|with|explain)\b/i.test(text)) return no('statement-unparsable', 'syntax_error', 'the statement cannot be parsed', { span: { start: 0, end: Math.min(sql.length, 6) }, statement })
  const read = /^select\s+(\*|count\(\*\)|[\w\s,]+?)\s+from\s+([\w.]+)(?:\s+where\s+(\w+)\s*=\s*('[^']*'|\$?\d+))?(?:\s+order\s+by\s+\w+)?(?:\s+limit\s+(\d+))?$/is.exec(text)
  const write = /^(?:insert\s+into\s+([\w.]+)|(?:update|delete\s+from)\s+([\w.]+)).*$/is.exec(text)
  const named = read?.[2] ?? write?.[1] ?? write?.[2]
  if (named === undefined) return no('statement-unsupported', 'unsupported', 'this kind of statement is not something the gate can vouch for', { statement })
  const resource = named.includes('.') ? named : `public.${named}`
  const wanted = (text.match(/\$\d+/g) ?? []).length
  if (wanted !== params.length) return no('invalid-request', 'parameter_count', `the statement has ${wanted} parameters and ${params.length} were sent`)
  if (!read) return ok({ action: /^insert/i.test(text) ? 'insert' : /^update/i.test(text) ? 'update' : 'delete', resource, columns: [], counts: false, filter: null, limit: null })
  const all = Object.keys(tables[resource]?.columns ?? {})
  const columns = read[1] === '*' ? all : read[1] === 'count(*)' ? [] : (read[1] ?? '').split(',').map((name) => name.trim())
  const value = read[4]?.startsWith('$') ? String(params[Number(read[4].slice(1)) - 1]) : read[4]?.replace(/^'|'$/g, '')
  return ok({ action: 'select', resource, columns, counts: read[1] === 'count(*)', filter: read[3] === undefined || value === undefined ? null : [read[3], value], limit: read[5] === undefined ? null : Number(read[5]) })
}

const classOf = (connection: ConnectionDocument, column: string): string | null => {
  const entry = connection.classify?.[column]
  const name = typeof entry === 'object' ? entry.class : entry
  return name === undefined || name === 'none' ? null : name
}

export function createEngine(tables: Readonly<Record<string, Table>>): FakeEngine {
  const engine: FakeEngine = {
    ran: [], next: null, down: false,
    async classify(connection, query) {
      if (engine.down) throw new Fault('target-unavailable', 'connect ECONNREFUSED 10.1.2.3:5432')
      return plan(connection, query, tables)
    },
    async execute(_, { plan }) {
      if (engine.next) return engine.next
      const { understood, query, connection } = plan as Prepared
      engine.ran.push(...query.statements.map(({ sql }) => sql))
      const missing = understood.flatMap((one, statement) => tables[one.resource] ? [] : [statement])[0]
      if (missing !== undefined) return { status: 'failed', refusal: { slug: 'target-error', reason: 'undefined_table', detail: 'the target knows no such table', next: 'fix', sqlstate: '42P01', statement: missing } }
      return { status: 'succeeded', rows: { raw: { understood, connection, query }, rowCounts: understood.map((one) => one.action === 'select' ? rowsOf(one, tables).length : 1), truncated: false } }
    },
    mask: (permit, _, rows) => mask(permit.obligations.masks, permit.effects.shown, rows, tables),
    async describe(connection): Promise<Description> {
      if (engine.down) throw new Fault('target-unavailable', 'down')
      return {
        relations: Object.entries(tables).map(([name, table]) => ({
          schema: name.split('.')[0] ?? '', name: name.split('.')[1] ?? '', kind: 'table',
          columns: Object.entries(table.columns).map(([column, type]) => ({ name: column, type, nullable: true, class: classOf(connection, `${name}.${column}`) })),
        })),
      }
    },
    async inspect(_, names) {
      if (engine.down) throw new Fault('target-unavailable', 'down')
      const known = (name: string) => name.includes('*') || Object.hasOwn(tables, name.split('.').slice(0, 2).join('.'))
      return names.filter(({ name, optional }) => !optional && !known(name)).map(({ name }) => ({ level: 'error', name, message: `\`${name}\` names nothing on the target` }))
    },
    async grants(_, rules) {
      if (engine.down) throw new Fault('target-unavailable', 'down')
      return { script: `${rules.flatMap(({ on }) => on).map((name) => `GRANT SELECT ON ${name} TO reader;`).join('\n')}\n`, roles: [{ use: 'read', name: 'reader' }], findings: [] }
    },
    async close() {},
  }
  return engine
}

interface Prepared { readonly understood: readonly Understood[]; readonly query: Query; readonly connection: ConnectionDocument }

function plan(connection: ConnectionDocument, query: Query, tables: Readonly<Record<string, Table>>): Result<Plan> {
  const understood: Understood[] = []
  for (const [i, statement] of query.statements.entries()) {
    const one = understand(statement, tables, i)
    if (!one.ok) return one
    understood.push(one.value)
  }
  const whole = { start: 0, end: 6 }
  const effects: Effects = {
    accesses: understood.map((one, statement) => ({ action: one.action, resource: one.resource, columns: one.action === 'select' ? [...new Set([...one.columns, ...(one.filter ? [one.filter[0]] : [])])] : null, system: one.resource.startsWith('pg_catalog.'), via: [], statement, span: whole })),
    shown: understood.flatMap((one, statement) => one.columns.flatMap((column, output): Shown[] => {
      const dataClass = classOf(connection, `${one.resource}.${column}`)
      return dataClass === null ? [] : [{ dataClass, resource: one.resource, column, statement, span: whole, output }]
    })),
    used: understood.flatMap((one, statement) => {
      const dataClass = one.filter ? classOf(connection, `${one.resource}.${one.filter[0]}`) : null
      return dataClass === null || !one.filter ? [] : [{ dataClass, resource: one.resource, column: one.filter[0], statement, span: whole, how: 'in a where clause' }]
    }),
    readOnly: understood.every((one) => one.action === 'select'), fingerprint: '0'.repeat(64),
  }
  return ok({ effects, plan: { understood, query, connection } satisfies Prepared })
}

function rowsOf(one: Understood, tables: Readonly<Record<string, Table>>): readonly Readonly<Record<string, unknown>>[] {
  const rows = tables[one.resource]?.rows ?? []
  const [column, value] = one.filter ?? [null, null]
  return rows.filter((row) => column === null || String(row[column]) === value).slice(0, one.limit ?? 1000)
}

function mask(masks: readonly (string | null)[], shown: readonly Shown[], { raw }: Raw, tables: Readonly<Record<string, Table>>): Masked {
  const { understood, connection, query } = raw as Prepared
  const results = understood.map((one, statement) => {
    if (one.action !== 'select') return { columns: [], rows: [], rowCount: 1, truncated: false }
    if (one.counts) return { columns: [{ name: 'count', type: 'int8' }], rows: [{ count: String(rowsOf(one, tables).length) }], rowCount: 1, truncated: false }
    const maskAt = (output: number) => masks[shown.findIndex((item) => item.statement === statement && item.output === output)] ?? null
    const rows = rowsOf(one, tables).map((row) => one.columns.map((column, output) => maskAt(output) === null ? row[column] ?? null : '‹masked›'))
    return {
      columns: one.columns.map((column, output) => {
        const dataClass = classOf(connection, `${one.resource}.${column}`)
        const masked = maskAt(output)
        return { name: column, type: tables[one.resource]?.columns[column] ?? 'text', ...(dataClass === null ? {} : { class: dataClass }), ...(masked === null ? {} : { masked }) }
      }),
      rows: query.rowMode === 'array' ? rows : rows.map((row) => Object.fromEntries(one.columns.map((column, i) => [column, row[i]]))), rowCount: rows.length, truncated: false,
    }
  })
  return { results } as unknown as Masked
}
