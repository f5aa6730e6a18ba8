import type { ConnectionDocument } from '../../schema/policy.ts'
import type { Effects, Limits, Obligations } from '../../schema/effects.ts'
import type { Param, Query } from '../../schema/request.ts'
import { isPermit, makePermit } from '../../functions/decide/permit.ts'
import type { Executed, Masked, Plan, Run } from '../../functions/protocol/protocol.ts'
import type { Catalog } from '../../functions/protocol/postgres/catalog.ts'
import { createExecute } from '../../functions/protocol/postgres/execute.ts'
import { createMask } from '../../functions/protocol/postgres/mask.ts'
import type { Output, PlannedStatement, PostgresPlan, Reached } from '../../functions/protocol/postgres/plan.ts'
import { createRoleCheck } from '../../functions/protocol/postgres/role.ts'
import { makeGuard } from '../../functions/protocol/postgres/guard.ts'
import type { Transport } from '../../functions/protocol/postgres/port.ts'
import pg from 'pg'

export interface Written { readonly sql: string; readonly params?: readonly Param[]; readonly kind?: PlannedStatement['kind']; readonly wrappable?: boolean; readonly outputs?: readonly Output[] | null }
export interface Drawn {
  readonly relations?: readonly string[]
  readonly written?: readonly string[]
  readonly readOnly?: boolean
  readonly plain?: boolean
  readonly isolation?: Query['isolation']
  readonly shown?: Effects['shown']
  readonly originals?: readonly string[]
}
export const widest: Limits = { rows: 1000, bytes: 1024 * 1024, timeoutMs: 5000, affected: 100, statementsPerHour: null, rowsPerHour: null }

/**
 * The execution half of the engine alone, on plans drawn by hand and confirmed by asking the server: so that a test can also hand it a plan that is
 * wrong, late or a lie. `url` is the role's connection string, `admin` any that may read the catalog.
 */
export function openTarget({ url, admin, transport, connection, now = Date.now }: {
  readonly url: string; readonly admin: string; readonly transport: Transport; readonly connection?: Partial<ConnectionDocument>; readonly now?: () => number
}) {
  const document: ConnectionDocument = { version: 1, kind: 'connection', name: 'shop', engine: 'postgres', secret: 'shop', ...connection }
  const alarms: { what: string; detail: Readonly<Record<string, unknown>> }[] = []
  const alarm = (what: string, detail: Readonly<Record<string, unknown>>) => { alarms.push({ what, detail }) }
  const secrets = { get: async (name: string) => (name === 'sluice-mask-key' ? 'k'.repeat(32) : url) }
  const known = new Map<object, { connection: ConnectionDocument; plan: PostgresPlan; originals: readonly string[] }>()
  const understood = (plan: Plan) => known.get(plan.plan)!
  const checkRole = createRoleCheck({
    now, alarm, ask: async (_, sql) => (await transport.batch({ url, statements: [sql], maxBytes: 1e6, timeoutMs: 5000 })).results[0]!.rows[0]!,
  })
  const forgotten: string[] = []
  const execute = createExecute({ secrets, now, alarm, isPermit, understood, transport, checkRole, forget: ({ name }) => { forgotten.push(name) } })
  const mask = createMask({ isPermit, understood })

  async function draw(statements: readonly Written[], drawn: Drawn = {}): Promise<Plan> {
    const client = new pg.Client(admin)
    await client.connect()
    try {
      const planned: PlannedStatement[] = []
      for (const { sql, params = [], kind = kindOf(sql), wrappable = kind === 'select' && !/^with .*(insert|update|delete)/is.test(sql), outputs } of statements) {
        planned.push({ kind, text: sql, params, wrappable, outputs: outputs !== undefined ? outputs : await outputsOf(client, sql, kind) })
      }
      const names = [...new Set([...drawn.relations ?? [], ...drawn.written ?? []])]
      const { rows } = await client.query('SELECT c.oid::int8::int4 AS oid, nspname, relname FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname || \'.\' || relname = ANY ($1)', [names])
      const relations = (rows as { oid: number; nspname: string; relname: string }[]).map(({ oid, nspname, relname }): Reached => ({ oid, schema: nspname, name: relname, written: (drawn.written ?? []).includes(`${nspname}.${relname}`) }))
      const readOnly = drawn.readOnly ?? planned.every(({ kind }) => kind === 'select' || kind === 'show')
      const guard = makeGuard({ relations: relations.map(({ oid }) => oid), schemas: ['public'], names: { relations: relations.map(({ name }) => name), functions: [], operators: [], types: [] }, functions: [], types: [] }, [])
      const { fingerprint } = (await client.query(guard.sql, [...guard.params])).rows[0] as { fingerprint: string }
      const plan: PostgresPlan = {
        connection: 'shop', statements: planned, isolation: drawn.isolation ?? 'read committed', catalog: { relations: new Map(), types: new Map() } as unknown as Catalog, relations, plain: drawn.plain ?? true, readOnly, fresh: true, heapOrder: false,
        guard: { ...guard, expected: fingerprint },
      }
      const effects: Effects = {
        accesses: relations.map(({ schema, name }) => ({ action: 'select', resource: `${schema}.${name}`, columns: [], system: false, via: [], statement: 0, span: null })), shown: drawn.shown ?? [], used: [], readOnly, fingerprint: '',
      }
      known.set(plan, { connection: document, plan, originals: drawn.originals ?? statements.map(({ sql }) => sql) })
      return { effects, plan }
    } finally {
      await client.end()
    }
  }
  const permit = (plan: Plan, obligations: Partial<Omit<Obligations, 'limits'>> & { readonly limits?: Partial<Limits> } = {}) =>
    makePermit(plan.effects, { masks: plan.effects.shown.map(() => null), revealed: [], detect: [], ...obligations, limits: { ...widest, ...obligations.limits } })
  async function run(plan: Plan, { obligations, ...more }: Partial<Run> & { readonly obligations?: Parameters<typeof permit>[1] } = {}): Promise<Executed & { readonly masked?: Masked }> {
    const granted = permit(plan, obligations)
    const executed = await execute(granted, plan, { deadline: now() + 20_000, rowMode: 'object', maxRows: null, ...more })
    return executed.status === 'succeeded' ? { ...executed, masked: mask(granted, plan, executed.rows) } : executed
  }
  return { draw, run, permit, execute, mask, alarms, forgotten, close: () => transport.close() }
}

function kindOf(sql: string): PlannedStatement['kind'] {
  const word = /^\s*(?:with .*\b)?(insert|update|delete|merge|select|values|table|explain|show|truncate|create|alter|drop)\b/is.exec(sql)?.[1]?.toLowerCase() ?? 'select'
  return /^(create|alter|drop)$/.test(word) ? 'ddl' : /^(values|table)$/.test(word) ? 'select' : word as PlannedStatement['kind']
}

/** What the server says the statement would return, without running it. */
async function outputsOf(client: pg.Client, sql: string, kind: PlannedStatement['kind']): Promise<readonly Output[] | null> {
  const fields = await new Promise<pg.FieldDef[]>((resolve) => {
    const { connection } = client as unknown as { connection: NodeJS.EventEmitter & { parse(q: object): void; describe(q: object): void; sync(): void } }
    const busy = client as unknown as { readyForQuery: boolean; activeQuery: unknown; _activeQuery: unknown }
    let found: pg.FieldDef[] = []
    const query = Object.assign(Object.create(null) as object, {
      submit() { connection.parse({ text: sql, name: 'drawn' }); connection.describe({ type: 'S', name: 'drawn' }); connection.sync() },
      handleRowDescription(message: { fields: pg.FieldDef[] }) { found = message.fields }, handleError() { resolve([]) }, handleReadyForQuery() { resolve(found) },
      handleParseComplete() {}, handleDataRow() {}, handleCommandComplete() {}, handlePortalSuspended() {}, handleEmptyQuery() {}, on() {}, once() {},
    })
    void busy
    client.query(query as unknown as pg.Submittable)
  })
  await client.query('DEALLOCATE ALL')
  if (fields.length === 0) return kind === 'select' || kind === 'show' ? [] : null
  return fields.map(({ name, tableID, columnID }) => ({ name, origin: tableID === 0 ? null : { relation: tableID, column: columnID }, shown: [] }))
}
