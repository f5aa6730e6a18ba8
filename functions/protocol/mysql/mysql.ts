import type { ConnectionDocument } from '../../../schema/policy.ts'
import { Fault, type Secrets } from '../../ports.ts'
import { TransportError } from '../post.ts'
import type { Plan, Protocol } from '../protocol.ts'
import { secretName } from '../secret.ts'
import { createClassifier } from './classify.ts'
import { describe } from './describe.ts'
import { isGone } from './enter.ts'
import { estimate } from './estimate.ts'
import { createExecute, type Understood } from './execute.ts'
import { grants } from './grants.ts'
import { inspect } from './inspect.ts'
import { createMask } from './mask.ts'
import { flavourOf, type Flavour } from './pins.ts'
import { createAccountCheck } from './role.ts'
import { createSessions, type Lease } from './sessions.ts'
import { openSession, ServerError, type Endpoint, type RawResult, type Session } from './transport.ts'

export interface MySqlOptions {
  readonly secrets: Secrets
  readonly now: () => number
  readonly alarm: (what: string, detail: Readonly<Record<string, unknown>>) => void
  /** From functions/decide/permit.ts; passed in because engines know no stage. */
  readonly isPermit: (value: unknown) => boolean
  /** Where the driver's protocol is answered for a connection string, and by which user name; null or left out: where PlanetScale answers it. */
  readonly endpoint?: (url: string) => Endpoint | null
  /** A session with the credential in a secret; left out: of PlanetScale's serverless driver. */
  readonly open?: (secret: string) => Session
}
const catalogBounds = { maxBytes: 64 * 1024 * 1024, timeoutMs: 15_000 }
const flavourAgeMs = 600_000

/** The MySQL engine: classify → execute → mask. */
export function createMySql({ secrets, now, alarm, isPermit, endpoint, open = (url) => openSession(url, endpoint?.(url) ?? null) }: MySqlOptions): Protocol {
  const sessions = createSessions(open, now)
  const flavours = new Map<string, { readonly flavour: Flavour; readonly at: number }>()
  /** Asked now and then: a target may be upgraded under us, and settings have other names then. */
  async function flavourAt(url: string): Promise<Flavour> {
    const held = flavours.get(url)
    if (held && now() - held.at < flavourAgeMs) return held.flavour
    const { rows } = await alone(url, 'SELECT VERSION()')
    const flavour = flavourOf(rows[0]?.[0] ?? '')
    if (flavours.size >= 100) flavours.clear()
    flavours.set(url, { flavour, at: now() })
    return flavour
  }
  const ask = async (secret: string, sql: string): Promise<RawResult> => alone(await secrets.get(secret), sql)
  /** A text of ours in a session of its own. */
  async function alone(url: string, sql: string): Promise<RawResult> {
    const session = open(url)
    try {
      return await session.run(sql, catalogBounds)
    } finally {
      session.end?.()
    }
  }

  /** The same in one that rests between: it is asked at each call, and nothing but our own texts is ever said in it. */
  async function again(url: string, sql: string): Promise<RawResult> {
    const said = async (lease: Lease): Promise<RawResult> => {
      try {
        const told = await lease.session.run(sql, catalogBounds)
        lease.rest()
        return told
      } catch (error) {
        lease.end()
        throw error
      }
    }
    const kept = sessions.kept(url, '')
    if (kept === null) return said(sessions.open(url, ''))
    return said(kept).catch((error: unknown) => { if (isGone(error)) return said(sessions.open(url, '')); throw error })
  }

  /**
   * The catalog is read as the account that writes where there is one: information_schema shows each account what it has rights on, and triggers only to one that has TRIGGER, which the account that reads must
   * not have. Every text sent here is ours.
   */
  function catalogSecret({ name, secret, secrets: own }: ConnectionDocument): string {
    const found = own?.write ?? secret ?? own?.read
    if (found === undefined) throw new Fault('secret-missing', `connection ${name} names no secret`)
    return found
  }
  async function rowsOf(connection: ConnectionDocument, secret: string, sql: string): Promise<RawResult> {
    try {
      return await ask(secret, sql)
    } catch (error) {
      if (error instanceof Fault) throw error
      throw new Fault('target-unavailable', 'the target\'s catalog cannot be read', { cause: reasonOf(error) })
    }
  }
  const read = async (connection: ConnectionDocument, sql: string): Promise<Record<string, string | null>[]> => {
    const { fields, rows } = await rowsOf(connection, catalogSecret(connection), sql)
    return rows.map((row) => Object.fromEntries(fields.map(({ name }, index) => [name, row[index] ?? null])))
  }

  const classifier = createClassifier({ read, now })
  const known = new WeakMap<object, Understood>()
  const understood = (plan: Plan): Understood => {
    const inner = known.get(plan.plan)
    if (inner === undefined) throw new Error('invariant: this plan is not of this engine')
    return inner
  }
  const checkAccount = createAccountCheck({ ask: async (secret, sql) => (await ask(secret, sql)).rows, now, alarm })
  const execute = createExecute({
    secrets, now, alarm, isPermit, understood, sessions, flavourOf: flavourAt, checkAccount, forget: ({ name }) => classifier.forget(name),
    look: async (connection, sql) => (await again(await secrets.get(catalogSecret(connection)), sql)).rows,
  })
  return {
    async classify(connection, query) {
      const plan = await classifier.classify(connection, query)
      if (plan.ok) known.set(plan.value.plan, { connection, plan: plan.value.plan })
      return plan
    },
    execute,
    mask: createMask({ isPermit, understood }),
    describe: (connection) => describe(connection, classifier),
    inspect: async (connection, names) => inspect(await classifier.catalog(connection, 0), names),
    async grants(connection, rules) {
      const catalog = await classifier.catalog(connection, 0)
      return grants(connection, rules, {
        describe: (one) => describe(one, classifier), flavour: flavourOf(catalog.version), kindOf, ask: async (secret, sql) => (await ask(secret, sql)).rows,
        routines: [...catalog.schemas.values()].flatMap(({ functions, procedures }) => [...functions.values(), ...procedures.values()]),
      })
    },
    async estimate(connection, query) {
      const plan = await classifier.classify(connection, query)
      const secret = plan.ok ? secretName(connection, plan.value.plan) : null
      if (!plan.ok || secret === null) return query.statements.map(() => null)
      return estimate(plan.value.plan, plan.value.effects.accesses.some(({ action, system }) => action === 'call' && !system), (sql) => ask(secret, sql))
    },
    ping: async (connection) => { await rowsOf(connection, secretName(connection, { readOnly: true, plain: false }) ?? catalogSecret(connection), 'SELECT 1') },
    close: async () => sessions.close(),
  }
}

const kindOf = (error: unknown): string | null => {
  if (error instanceof Fault) return error.code === 'secret-missing' ? 'there is no such secret' : null
  return error instanceof TransportError ? 'the target does not answer' : error instanceof ServerError ? `the target refuses it (${error.errno})` : null
}
/** The driver's words may hold a host name and a user; a cause is logged, so it keeps the kind alone. */
const reasonOf = (error: unknown): Error => new Error(error instanceof TransportError ? `${error.kind}: ${error.message}` : error instanceof ServerError ? `errno ${error.errno}` : 'the secret is no connection string of this engine')
