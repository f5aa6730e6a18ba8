import type { ConnectionDocument } from '../../../schema/policy.ts'
import { Fault, type Secrets } from '../../ports.ts'
import type { Plan, Protocol } from '../protocol.ts'
import { secretName } from '../secret.ts'
import { createClassifier } from './classify.ts'
import { describe } from './describe.ts'
import { serverError } from './diagnose.ts'
import { estimate } from './estimate.ts'
import { createExecute, type Understood } from './execute.ts'
import { grants } from './grants.ts'
import { inspect } from './inspect.ts'
import { createMask } from './mask.ts'
import { pathOf } from './pins.ts'
import { createRoleCheck } from './role.ts'
import { TransportError } from '../post.ts'
import type { RawResult, Sql, Transport } from './port.ts'
import { createNeon, type Endpoint } from './transport.ts'

export interface PostgresOptions {
  readonly secrets: Secrets
  readonly now: () => number
  readonly alarm: (what: string, detail: Readonly<Record<string, unknown>>) => void
  /** From functions/decide/permit.ts; passed in because engines know no stage. */
  readonly isPermit: (value: unknown) => boolean
  /** Where Neon's protocols are answered for a database host; null or left out: where Neon answers them. */
  readonly endpoint?: (host: string) => Endpoint | null
  /** What carries statements to the target; left out: Neon's serverless driver. */
  readonly transport?: Transport
}
const catalogBytes = 64 * 1024 * 1024
const catalogTimeoutMs = 15_000

/** The PostgreSQL engine: classify → execute → mask. */
export function createPostgres({ secrets, now, alarm, isPermit, endpoint, transport = createNeon({ now, endpointOf: endpointBy(endpoint) }) }: PostgresOptions): Protocol {
  async function ask(secret: string, statements: readonly Sql[]): Promise<RawResult> {
    const { results, cut } = await transport.batch({ url: await secrets.get(secret), statements, maxBytes: catalogBytes, timeoutMs: catalogTimeoutMs })
    const last = results.at(-1)
    if (cut || last === undefined) throw new TransportError('too-large', 'the catalog is larger than it may be')
    return last
  }
  /** The catalog is read as the role that reads, which sees all of pg_catalog; rows as objects of text. */
  async function read(connection: ConnectionDocument, sql: string, params: readonly unknown[] = []): Promise<Record<string, string | null>[]> {
    const secret = secretName(connection, { readOnly: true, plain: false })
    if (secret === null) throw new Fault('secret-missing', `connection ${connection.name} names no secret`)
    try {
      const { fields, rows } = await ask(secret, [catalogPins, { text: sql, values: params.map((value) => (value === null ? null : String(value))) }])
      return rows.map((row) => Object.fromEntries(fields.map(({ name }, index) => [name, row[index] ?? null])))
    } catch (error) {
      if (error instanceof TransportError || serverError(error)) throw new Fault('target-unavailable', 'the target\'s catalog cannot be read', { cause: reasonOf(error) })
      throw error
    }
  }

  const classifier = createClassifier({ read, now })
  const known = new WeakMap<object, Understood>()
  const understood = (plan: Plan): Understood => {
    const inner = known.get(plan.plan)
    if (inner === undefined) throw new Error('invariant: this plan is not of this engine')
    return inner
  }
  const checkRole = createRoleCheck({ ask: async (secret, sql) => (await ask(secret, [sql])).rows[0] ?? [], now, alarm })
  const execute = createExecute({ secrets, now, alarm, isPermit, understood, transport, checkRole, forget: ({ name }) => classifier.forget(name) })
  return {
    async classify(connection, query) {
      const plan = await classifier.classify(connection, query)
      if (plan.ok) known.set(plan.value.plan, { connection, plan: plan.value.plan, originals: query.statements.map(({ sql }) => sql) })
      return plan
    },
    execute,
    mask: createMask({ isPermit, understood }),
    describe: (connection) => describe(connection, classifier),
    inspect: async (connection, names) => inspect(await classifier.catalog(connection, 0), names),
    grants: (connection, rules) => grants(connection, rules, {
      describe: (one) => describe(one, classifier), read, ask: async (secret, sql) => (await ask(secret, [catalogPins, sql])).rows[0] ?? [], kindOf,
      timeoutMs: ({ limits }) => durationMs(limits?.timeout ?? '10s'),
    }),
    async estimate(connection, query) {
      const plan = await classifier.classify(connection, query)
      const secret = plan.ok ? secretName(connection, plan.value.plan) : null
      // Planning runs functions that call themselves immutable: with a user's function in it, there is no guess without running a part.
      if (!plan.ok || secret === null || plan.value.effects.accesses.some(({ action, system }) => action === 'call' && !system)) return query.statements.map(() => null)
      return estimate(connection, plan.value, (sql, searchPath) => ask(secret, [pinned(searchPath), sql]))
    },
    ping: async (connection) => { await read(connection, 'SELECT 1') },
    close: transport.close,
  }
}

const kindOf = (error: unknown): string | null => {
  if (error instanceof Fault) return error.code === 'secret-missing' ? 'there is no such secret' : null
  return error instanceof TransportError ? 'the target does not answer' : serverError(error) ? `the target refuses it (${serverError(error)?.code})` : null
}
const durationMs = (text: string): number => { const [, count, unit = 's'] = /^(\d+)(ms|s|m|h)$/.exec(text) ?? []; return Number(count ?? 10) * ({ ms: 1, s: 1000, m: 60_000, h: 3_600_000 }[unit] ?? 1000) }

/** The driver's words may hold a host name and a user; a cause is logged, so it keeps the kind alone. */
const reasonOf = (error: unknown): Error => new Error(error instanceof TransportError ? `${error.kind}: ${error.message}` : `sqlstate ${serverError(error)?.code}`)

const pinned = (searchPath: readonly string[]): Sql => ({
  text: `SELECT pg_catalog.set_config('search_path', $1, true), pg_catalog.set_config('statement_timeout', $2, true), pg_catalog.set_config('DateStyle', 'ISO, MDY', true),
    pg_catalog.set_config('standard_conforming_strings', 'on', true), pg_catalog.set_config('client_min_messages', 'error', true)`,
  values: [pathOf(searchPath), String(catalogTimeoutMs)],
})
const catalogPins = pinned([])

/** By the host of a connection string; `URL` knows their form well enough for this. Bounded: when full it starts anew. */
function endpointBy(endpoint: PostgresOptions['endpoint']): (url: string) => Endpoint | null {
  const hosts = new Map<string, string>()
  return (url) => {
    if (endpoint === undefined) return null
    const host = hosts.get(url) ?? (URL.canParse(url) ? new URL(url).hostname : '')
    if (hosts.size >= 100) hosts.clear()
    hosts.set(url, host)
    return endpoint(host)
  }
}
