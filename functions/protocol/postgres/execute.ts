import type { ConnectionDocument } from '../../../schema/policy.ts'
import type { Permit } from '../../permit.ts'
import type { Secrets } from '../../ports.ts'
import { missingIn } from '../facts.ts'
import { heldMask } from '../held.ts'
import type { Executed, Plan, Run } from '../protocol.ts'
import { maskKeySecret, secretName } from '../secret.ts'
import { within } from '../within.ts'
import { unavailable } from '../trouble.ts'
import { late, newNonce, type Job } from './frame.ts'
import { failed, outcomeOf, rawOf, stale, type Ran } from './outcome.ts'
import type { PostgresPlan } from './plan.ts'
import { runRead } from './read.ts'
import type { createRoleCheck } from './role.ts'
import type { Transport } from './port.ts'
import { sparing, withheldOf } from './withhold.ts'
import { runWrite, type WriteWay } from './write.ts'

export interface Understood { readonly connection: ConnectionDocument; readonly plan: PostgresPlan; readonly originals: readonly string[] }
export interface ExecuteOptions {
  readonly secrets: Secrets
  readonly now: () => number
  readonly alarm: (what: string, detail: Readonly<Record<string, unknown>>) => void
  readonly isPermit: (value: unknown) => boolean
  /** The plan behind an opaque one that this engine made; throws for any other. */
  readonly understood: (plan: Plan) => Understood
  readonly transport: Pick<Transport, 'batch' | 'take'>
  readonly checkRole: ReturnType<typeof createRoleCheck>
  readonly forget: (connection: ConnectionDocument) => void
}

/**
 * Permit and plan → what the target did. Receives what was decided; proves that the permit is one and is for this very plan, that the time has not
 * passed, that the role is no more than it should be; then runs, once. Refuses by throwing only where the code around it is wrong.
 */
export function createExecute({ secrets, now, alarm, isPermit, understood, transport, checkRole, forget }: ExecuteOptions) {
  return async function execute(permit: Permit, plan: Plan, run: Run): Promise<Executed> {
    if (!isPermit(permit)) throw new Error('invariant: execution without a permit')
    if (permit.effects !== plan.effects) throw new Error('invariant: a permit for another plan')
    const { connection, plan: inner, originals } = understood(plan)
    const absent = missingIn(inner)
    if (absent === 'stale') forget(connection)
    if (absent !== null) return absent === 'stale' ? stale.executed : absent
    const { masks } = permit.obligations
    const limits = within(permit, run, now())
    const credentials = await secretsFor(connection, inner, masks.includes('hash'))
    if (!credentials.ok) return credentials.executed
    const { url, secret, maskKey } = credentials
    const withheld = inner.statements.map((statement) => withheldOf(statement, permit.obligations, plan.effects.shown, inner.catalog))
    const spare = sparing(withheld, limits)
    const maxRows = Math.min(limits.rows, run.maxRows ?? Infinity, spare.rows)
    const job: Job = {
      connection, plan: inner, originals, effects: plan.effects, limits, url, deadline: run.deadline, nonce: newNonce(), maxRows, spareBytes: spare.bytesOf(maxRows), withheld,
      masked: inner.statements.map(({ outputs }) => (outputs ?? []).map(({ shown }) => heldMask(shown, masks, plan.effects.shown) !== null)),
    }
    const ran = await roleThenRun(job, secret, run)
    if (ran.ok) {
      if (inner.statements.some(({ kind }) => kind === 'ddl')) forget(connection)
      return { status: 'succeeded', rows: rawOf({ results: ran.results, rowMode: run.rowMode, maskKey }) }
    }
    if (ran.executed.status === 'stale') forget(connection)
    return ran.executed
  }

  async function roleThenRun(job: Job, secret: string, { cut, whose }: Pick<Run, 'cut' | 'whose'>): Promise<Ran> {
    const way: WriteWay = { batch: (batch) => transport.batch({ ...batch, cut, whose }), alarm, take: (url, ms) => transport.take(url, ms, cut, whose), now }
    try {
      const role = await checkRole(job.connection, secret, job.plan.relations.map(({ oid }) => oid))
      if (!role.ok) return failed(role.refusal)
    } catch (error) {
      return outcomeOf(error, job, null)
    }
    if (now() >= job.deadline) return failed(late)                   // as late as can be here; the target judges once more
    return job.plan.readOnly && job.plan.isolation === 'read committed' ? runRead(job, way) : runWrite(job, way)
  }

  /** A missing secret is found before anything ran, so it is `failed`, not thrown: the intent that is on record gets its outcome. */
  async function secretsFor(connection: ConnectionDocument, plan: PostgresPlan, needsKey: boolean) {
    const secret = secretName(connection, plan)
    try {
      if (secret === null) throw new Error('no secret for this kind of statement')
      return { ok: true, secret, url: await secrets.get(secret), maskKey: needsKey ? await secrets.get(maskKeySecret) : null } as const
    } catch (error) {
      return { ok: false, executed: { status: 'failed', refusal: unavailable('secret_missing', 'the gate has no credential for this', (error as Error).name) } as const } as const
    }
  }
}
