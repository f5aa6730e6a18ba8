import type { Effects, Limits, Obligations } from '../../../schema/effects.ts'
import type { ConnectionDocument } from '../../../schema/policy.ts'
import type { Refusal } from '../../../schema/refusal.ts'
import type { Permit } from '../../permit.ts'
import type { Secrets } from '../../ports.ts'
import { missingIn } from '../facts.ts'
import { heldMask } from '../held.ts'
import type { Executed, Plan, Run } from '../protocol.ts'
import { maskKeySecret, secretName } from '../secret.ts'
import { TransportError } from '../post.ts'
import { within } from '../within.ts'
import { transportRefusal, unavailable } from '../trouble.ts'
import { refusalOf } from './diagnose.ts'
import { rawOf, stale } from './outcome.ts'
import type { Flavour } from './pins.ts'
import type { MySqlPlan, PlannedStatement } from './plan.ts'
import type { createAccountCheck } from './role.ts'
import { runPlan } from './run.ts'
import type { Sessions } from './sessions.ts'
import { ServerError } from './transport.ts'
import { needOf, sparing, type Need } from './withhold.ts'

export interface Understood { readonly connection: ConnectionDocument; readonly plan: MySqlPlan }
/** All that one run of a plan needs, found before anything is sent. */
export interface Job {
  readonly connection: ConnectionDocument
  readonly plan: MySqlPlan
  readonly effects: Effects
  readonly limits: Limits
  /** For each statement, which of its outputs come masked. */
  readonly masked: readonly (readonly boolean[])[]
  /** Rows that may come back, of all statements together. */
  readonly maxRows: number
  /** The bytes that the masked values of so many rows may be, beside what the limits count. */
  readonly maskedBytes: (rows: number) => number
  /** Epoch ms after which nothing begins. */
  readonly deadline: number
  readonly flavour: Flavour
  /** The connection string, credential and all. */
  readonly url: string
}
export interface ExecuteOptions {
  readonly secrets: Secrets
  readonly now: () => number
  readonly alarm: (what: string, detail: Readonly<Record<string, unknown>>) => void
  readonly isPermit: (value: unknown) => boolean
  /** The plan behind an opaque one that this engine made; throws for any other. */
  readonly understood: (plan: Plan) => Understood
  /** By the credential in a connection string. */
  readonly sessions: Sessions
  readonly flavourOf: (url: string) => Promise<Flavour>
  readonly checkAccount: ReturnType<typeof createAccountCheck>
  /** Rows of the query of a plan's guard, asked with the credential the catalog is read with. */
  readonly look: (connection: ConnectionDocument, sql: string) => Promise<readonly (readonly (string | null)[])[]>
  readonly forget: (connection: ConnectionDocument) => void
}

/**
 * Permit and plan → what the target did. Receives what was decided; proves that the permit is one and is for this very plan, and that the time has not passed; then runs, once. Refuses by throwing only where
 * the code around it is wrong.
 */
export function createExecute({ secrets, now, alarm, isPermit, understood, sessions, flavourOf, checkAccount, look, forget }: ExecuteOptions) {
  return async function execute(permit: Permit, plan: Plan, run: Run): Promise<Executed> {
    if (!isPermit(permit)) throw new Error('invariant: execution without a permit')
    if (permit.effects !== plan.effects) throw new Error('invariant: a permit for another plan')
    const { connection, plan: inner } = understood(plan)
    const absent = missingIn(inner)
    if (absent === 'stale') forget(connection)
    if (absent !== null) return absent === 'stale' ? stale.executed : absent
    const { masks } = permit.obligations
    const limits = within(permit, run, now())
    try {
      const secret = secretName(connection, inner)
      if (secret === null) throw new Error('no secret for this kind of statement')
      const url = await secrets.get(secret)
      const maskKey = masks.includes('hash') ? await secrets.get(maskKeySecret) : null
      const flavour = await flavourOf(url)
      const account = await checkAccount(connection, secret, flavour)
      if (!account.ok) return { status: 'failed', refusal: account.refusal }
      const needs = inner.statements.map((statement) => needsOf(statement, masks, plan.effects.shown))
      const { rows, bytesOf } = sparing(needs)
      const job: Job = {
        connection, url, plan: { ...inner, statements: inner.statements.map((statement, i) => sparingly(statement, needs[i] ?? [])) }, effects: plan.effects, limits, maxRows: Math.min(limits.rows, run.maxRows ?? Infinity, rows), maskedBytes: bytesOf, deadline: run.deadline, flavour,
        masked: needs.map((all) => all.map((need) => need !== null)),
      }
      const ran = await runPlan(job, { sessions, now, alarm, look: (sql) => look(connection, sql), cut: run.cut, whose: run.whose })
      if (ran.ok) return { status: 'succeeded', rows: rawOf({ results: ran.results, rowMode: run.rowMode, maskKey }) }
      if (ran.executed.status === 'stale') forget(connection)
      return ran.executed
    } catch (error) {                                               // before anything was sent: the intent that is on record gets its outcome
      return { status: 'failed', refusal: refusalBefore(error) }
    }
  }
}

/** Of each output, what its mask looks at; null: all of it may be seen. */
const needsOf = ({ outputs, capped }: PlannedStatement, masks: Obligations['masks'], shown: Effects['shown']): readonly (Need | null)[] =>
  (outputs ?? []).map((output) => { const held = heldMask(output.shown, masks, shown); return held === null ? null : needOf(held.mask, output.form, capped === null) })
/** What is not a column any more is reported as none. */
function sparingly(statement: PlannedStatement, needs: readonly (Need | null)[]): PlannedStatement {
  if (!statement.withheld || needs.every((need) => need === null || need === 'value')) return statement
  return { ...statement, ...statement.withheld(needs), outputs: statement.outputs?.map((output, i) => (needs[i] === null || needs[i] === 'value' ? output : { ...output, origin: null })) ?? null }
}

function refusalBefore(error: unknown): Refusal {
  if (error instanceof TransportError) return transportRefusal(error)
  if (error instanceof ServerError) return refusalOf(error, null, true)
  return unavailable('secret_missing', 'the gate has no credential for this', error instanceof Error ? error.name : 'unknown')
}
