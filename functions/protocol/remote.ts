import { refuse, type Result } from '../../schema/refusal.ts'
import type { ConnectionDocument } from '../../schema/policy.ts'
import type { Query } from '../../schema/request.ts'
import type { Permit } from '../permit.ts'
import { Fault, type Secrets } from '../ports.ts'
import { digestOf, seal, unpack, type Answer, type CarriedOutcome, type CarriedPlan, type Errand } from './carry.ts'
import { carryKey } from './inside.ts'
import { TransportError } from './post.ts'
import type { Description, Executed, Finding, Grants, Masked, MaskedResult, Plan, Protocol, Raw, Run } from './protocol.ts'

/** Carries a sealed errand there and its answer's body back, once. Throws TransportError, or Refused where it is certain that nobody began it. */
export type Send = (sealed: string, timeoutMs: number) => Promise<string>
export class Refused extends Error {}
export interface RemoteOptions { readonly secrets: Secrets; readonly now: () => number; readonly isPermit: (value: unknown) => boolean; readonly send: Send }

/** A catalog is read within 15 s there, and a function that was not there yet takes a second. */
const patienceMs = 20_000

/**
 * Engines that run elsewhere, in a private network, as an engine of this process. Everything is decided here; there it is understood again and run only if it is the same (inside.ts). An answer to a write that did not
 * come is `unknown`, as a lost answer to COMMIT is, and nothing is ever sent twice.
 */
export function createRemote({ secrets, now, isPermit, send }: RemoteOptions): Protocol {
  const known = new WeakMap<object, { readonly connection: ConnectionDocument; readonly query: Query }>()
  const came = new WeakMap<object, { readonly plan: object; readonly results: readonly MaskedResult[] }>()

  const asked = async (errand: Errand, timeoutMs: number): Promise<Answer> => unpack(await send(seal(await secrets.get(carryKey), errand, now()), timeoutMs))
  /** Where nothing is changed: whatever fails is a fault. */
  async function ask<T>(errand: Errand): Promise<T> {
    const answer = await asked(errand, patienceMs).catch((error: unknown) => {
      throw error instanceof Fault ? error : new Fault('target-unavailable', 'the engines of private targets cannot be reached', { cause: new Error(error instanceof TransportError ? error.kind : 'no answer') })
    })
    if (!answer.ok) throw new Fault(answer.code, answer.message)
    return answer.value as T
  }

  return {
    async classify(connection, query) {
      const found = await ask<Result<CarriedPlan>>({ op: 'classify', connection, query })
      if (!found.ok) return found
      const { held, ...rest } = found.value
      const plan: Plan = { ...rest, plan: Object.freeze({}), ...(held && { preview: async () => refuse(held) }) }
      known.set(plan.plan, { connection, query })
      return { ok: true, value: plan }
    },
    async execute(permit: Permit, plan: Plan, run: Run): Promise<Executed> {
      if (!isPermit(permit)) throw new Error('invariant: execution without a permit')
      if (permit.effects !== plan.effects) throw new Error('invariant: a permit for another plan')
      const understood = known.get(plan.plan)
      if (understood === undefined) throw new Error('invariant: this plan is not of this engine')
      const { effects, obligations } = permit
      const { deadline, rowMode, maxRows } = run
      if (now() >= deadline) return { status: 'failed', refusal: { slug: 'timeout', reason: 'deadline_passed', detail: 'the time in which this could begin has passed, and nothing ran', next: 'retry' } }
      try {
        const answer = await asked({ op: 'execute', ...understood, effects: digestOf(effects), obligations, run: { deadline, rowMode, maxRows } }, obligations.limits.timeoutMs + patienceMs)
        if (!answer.ok) return lost(effects.readOnly, answer.message)
        const outcome = answer.value as CarriedOutcome
        if (outcome.status !== 'succeeded') return outcome
        const rows: Raw = { raw: Object.freeze({}), rowCounts: outcome.rowCounts, truncated: outcome.truncated }
        came.set(rows.raw, { plan: plan.plan, results: outcome.results })
        return { status: 'succeeded', rows }
      } catch (error) {
        if (error instanceof Refused || error instanceof Fault) return unreachable(error.message)          // before anything was sent, or refused at the door
        return lost(effects.readOnly, error instanceof TransportError ? error.kind : 'no answer')
      }
    },
    mask(permit, plan, rows): Masked {
      const found = came.get(rows.raw)
      if (!isPermit(permit) || found === undefined || found.plan !== plan.plan) throw new Error('invariant: these rows are not of this engine')
      return { results: found.results } as unknown as Masked
    },
    describe: (connection) => ask<Description>({ op: 'describe', connection }),
    inspect: (connection, names) => ask<readonly Finding[]>({ op: 'inspect', connection, names }),
    ping: async (connection) => { await ask({ op: 'ping', connection }) },
    grants: (connection, rules) => ask<Grants>({ op: 'grants', connection, rules }),
    estimate: (connection, query) => ask<readonly ({ readonly rows: number; readonly cost: number } | null)[]>({ op: 'estimate', connection, query }),
    close: async () => {},
  }
}

const unreachable = (inner: string): Executed => ({ status: 'failed', refusal: { slug: 'target-unavailable', reason: 'target_unreachable', detail: 'the target cannot be reached', next: 'retry', retryAfterSeconds: 2, inner } })
/** What only reads has no effect, whatever became of it. */
const lost = (readOnly: boolean, inner: string): Executed => (readOnly ? unreachable(inner)
  : { status: 'unknown', refusal: { slug: 'outcome-unknown', reason: 'answer_lost', detail: 'the answer was lost: the change may or may not be there', next: 'none', inner } })
