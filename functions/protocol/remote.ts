import { refuse, type Result } from '../../schema/refusal.ts'
import type { Effects } from '../../schema/effects.ts'
import type { ConnectionDocument } from '../../schema/policy.ts'
import type { Query } from '../../schema/request.ts'
import type { Permit } from '../permit.ts'
import { Fault, type Secrets } from '../ports.ts'
import { arrived, aborted, type Arrived } from './arrive.ts'
import { aboutOf, digestOf, unpack, type Answer, type CarriedOutcome, type CarriedPlan, type Errand, type Looked, type Seen } from './carry.ts'
import { cutOff, reasonOf, type Cuts } from './halt.ts'
import { TransportError } from './post.ts'
import type { Description, Executed, Finding, Grants, Masked, Plan, Protocol, Run } from './protocol.ts'
import { cutIdOf, keyNameOf, seal, uncover } from './seal.ts'

/** Carries a sealed errand there and its answer's body back, once. Throws TransportError, or Refused where it is certain that nobody began it. */
export type Send = (sealed: string, timeoutMs: number) => Promise<string>
export class Refused extends Error {}
/** `here`: an engine that understands without its target (Kubernetes): then it is asked, and only looks and what is run are carried there. `cuts`: the way by which a cut gets there; left out: there is none, and what is cut goes on there until its own time is over. `by`: the name under which this function sends errands, and its key lies; left out: there is one key for all. */
export interface RemoteOptions { readonly secrets: Secrets; readonly now: () => number; readonly isPermit: (value: unknown) => boolean; readonly send: Send; readonly here?: Protocol; readonly cuts?: Cuts; readonly by?: string | null }

/** A catalog is read within 15 s there, and a function that was not there yet takes a second. */
const patienceMs = 20_000
/** How much later than `Run.until` an answer may still come, ms. */
const lateMs = 2000
/** When a piece of what lasts must have begun, ms: the whole was decided on, is on record, and is judged again meanwhile. */
const pieceMs = 5000
type Deed = Omit<Extract<Errand, { op: 'execute' }>, 'run'>
interface Understood { readonly connection: ConnectionDocument; readonly query: Query; readonly roles?: readonly string[]; readonly seen?: string }

/**
 * Engines that run elsewhere, in a private network, as an engine of this process. Everything is decided here; there it is understood again and run only if it is the same (inside.ts). An answer to a write that did not
 * come is `unknown`, as a lost answer to COMMIT is, and nothing is ever sent twice.
 */
export function createRemote({ secrets, now, isPermit, send, here, cuts, by = null }: RemoteOptions): Protocol {
  const known = new WeakMap<object, Understood>()
  const came = new WeakMap<object, { readonly plan: object; readonly masked: Arrived['masked'] }>()

  /** What was found of statements, and of those that run now, by the very query that was asked: whoever asks meanwhile whether it may go on needs no errand to know what it is. */
  const found = new WeakMap<object, CarriedPlan>()
  const running = new WeakMap<Query, { readonly connection: ConnectionDocument; readonly plan: CarriedPlan }>()

  /** Of an engine that understands here, what was found there of what runs now, likewise. */
  const going = new WeakMap<Query, Plan>()

  async function asked(errand: Errand, timeoutMs: number, cut?: AbortSignal): Promise<Answer> {
    const secret = await secrets.get(keyNameOf(by))
    const sealed = seal(secret, errand, now(), by)
    return unpack(await aborted(send(sealed, timeoutMs), cut, cuts && cut ? () => cuts.say(cutIdOf(secret, sealed), reasonOf(cut)) : null))
  }
  /** Where nothing is changed: whatever fails is a fault. */
  async function ask<T>(errand: Errand): Promise<T> {
    const answer = await asked(errand, patienceMs).catch((error: unknown) => {
      throw error instanceof Fault ? error : new Fault('target-unavailable', 'the engines of private targets cannot be reached', { cause: new Error(error instanceof TransportError ? error.kind : 'no answer') })
    })
    if (!answer.ok) throw new Fault(answer.code, answer.message)
    return answer.value as T
  }

  const kept = (plan: Plan, about: Understood): Plan => { known.set(plan.plan, about); return plan }

  /** Understood here, and looked for there, where there is something to be looked for. */
  async function understood(engine: Protocol, connection: ConnectionDocument, query: Query, roles: readonly string[]): Promise<Result<Plan>> {
    const found = await engine.classify(connection, query, roles)
    if (!found.ok) return found
    const { preview, ...plan } = { ...found.value, plan: Object.freeze({}) }
    if (!preview) return { ok: true, value: kept(plan, { connection, query, roles }) }
    const look = async (): Promise<Result<Plan>> => {
      const seen = going.get(query)
      if (seen) return { ok: true, value: seen }
      const value = await looked(connection, query, roles)
      return value.ok && plan.lasting ? { ok: true, value: Object.assign(value.value, { lasting: true as const }) } : value
    }
    return { ok: true, value: kept({ ...plan, preview: look }, { connection, query, roles }) }
  }
  async function looked(connection: ConnectionDocument, query: Query, roles: readonly string[]): Promise<Result<Plan>> {
    const found = await ask<Result<Seen>>({ op: 'preview', connection, query, roles })
    if (!found.ok) return found
    const { looked: hidden, seen } = found.value
    const plan = { ...uncover(await secrets.get(keyNameOf(by)), 'looked', aboutOf({ connection, query, roles }), hidden) as Looked, plan: Object.freeze({}) }
    return { ok: true, value: kept(plan, { connection, query, roles, seen }) }
  }

  /** Throws as `asked` does, and TransportError where it is cut and nothing more is heard of it: what was sent may be done all the same. */
  async function perform(errand: Deed, plan: Plan, { deadline, until, agreed, rowMode, maxRows, cut, heard }: Run): Promise<Executed> {
    if (cut?.aborted) return { status: 'failed', refusal: cutOff(reasonOf(cut)) }
    const deed = deedOf(plan, errand.query)
    const patience = until === undefined ? errand.obligations.limits.timeoutMs + patienceMs : Math.max(1, Math.min(errand.obligations.limits.timeoutMs + patienceMs, until + lateMs - now()))
    const carried = async (piece: Pick<Run, 'deadline' | 'maxRows' | 'piece'>, cut?: AbortSignal): Promise<CarriedOutcome> => {
      const answer = await asked({ ...errand, run: { rowMode, ...(until === undefined ? {} : { until }), ...(agreed && { agreed }), ...piece } }, patience, cut)
      return answer.ok ? answer.value as CarriedOutcome : lost(deed, answer.message)
    }
    const outcome = await carried({ deadline, maxRows, ...(plan.lastsMs === undefined ? {} : { piece: { after: null } }) }, cut)
    try {
      for (const [stream, text] of outcome.heard ?? []) await heard?.(stream, Buffer.from(text, 'base64'))
    } catch {
      return unheard
    }
    if (outcome.status !== 'succeeded') return { status: outcome.status, refusal: outcome.refusal }
    // It came to its end before it heard. Whom a lock stops gets no rows that came after it; of a write that is there, that it is there is the truth.
    if (cut?.aborted && deed !== 'change') return deed === 'read' ? { status: 'failed', refusal: cutOff(reasonOf(cut)) } : byItself(reasonOf(cut))
    const left = (items: number) => outcome.answer?.listed === undefined || maxRows === null ? maxRows : Math.max(0, maxRows - items)
    const { rows, masked } = arrived(cut?.aborted ? bare(outcome) : outcome, { lastsMs: plan.lastsMs ?? 0, now, cut: cut ?? null, async more(after, items) {
      const next = await carried({ deadline: now() + pieceMs, maxRows: left(items), piece: { after } })
      return next.status === 'succeeded' ? next.answer ?? null : null
    } })
    came.set(rows.raw, { plan: plan.plan, masked })
    return { status: 'succeeded', rows }
  }

  return {
    async classify(connection, query, roles = []) {
      if (here) return understood(here, connection, query, roles)
      const now = running.get(query)
      const told = now && JSON.stringify(now.connection) === JSON.stringify(connection) ? { ok: true, value: now.plan } as const : await ask<Result<CarriedPlan>>({ op: 'classify', connection, query })
      if (!told.ok) return told
      const { held, ...rest } = told.value
      const plan: Plan = { ...rest, plan: Object.freeze({}), lasting: true, ...(held && { preview: async () => refuse(held) }) }
      found.set(plan.plan, told.value)
      return { ok: true, value: kept(plan, { connection, query }) }
    },
    async execute(permit: Permit, plan: Plan, run: Run): Promise<Executed> {
      if (!isPermit(permit)) throw new Error('invariant: execution without a permit')
      if (permit.effects !== plan.effects) throw new Error('invariant: a permit for another plan')
      const about = known.get(plan.plan)
      if (about === undefined) throw new Error('invariant: this plan is not of this engine')
      const { effects, obligations } = permit
      if (now() >= run.deadline) return { status: 'failed', refusal: { slug: 'timeout', reason: 'deadline_passed', detail: 'the time in which this could begin has passed, and nothing ran', next: 'retry' } }
      const digest = digestible(effects)
      if (digest === null) return { status: 'failed', refusal: { slug: 'statement-unsupported', reason: 'too_deep', detail: 'the object is nested deeper than can be carried to a private target', next: 'none' } }
      const own = found.get(plan.plan)
      if (own) running.set(about.query, { connection: about.connection, plan: own })
      if (plan.lasting && about.seen !== undefined) going.set(about.query, plan)
      try {
        return await perform({ op: 'execute', ...about, effects: digest, obligations }, plan, run)
      } catch (error) {
        if (error instanceof Refused || error instanceof Fault) return unreachable(error.message)          // before anything was sent, or refused at the door
        if (run.cut?.aborted && effects.readOnly) return { status: 'failed', refusal: cutOff(reasonOf(run.cut)) }
        return lost(deedOf(plan, about.query), error instanceof TransportError ? error.kind : 'no answer')
      } finally {
        running.delete(about.query)
        going.delete(about.query)
      }
    },
    mask(permit, plan, rows): Masked {
      const found = came.get(rows.raw)
      if (!isPermit(permit) || found === undefined || found.plan !== plan.plan) throw new Error('invariant: these rows are not of this engine')
      return found.masked as unknown as Masked
    },
    describe: (connection) => here ? here.describe(connection) : ask<Description>({ op: 'describe', connection }),
    inspect: (connection, names) => ask<readonly Finding[]>({ op: 'inspect', connection, names }),
    ping: async (connection) => { await ask({ op: 'ping', connection }) },
    grants: (connection, rules) => ask<Grants>({ op: 'grants', connection, rules }),
    estimate: async (connection, query) => here ? query.statements.map(() => null) : ask<readonly ({ readonly rows: number; readonly cost: number } | null)[]>({ op: 'estimate', connection, query }),
    close: async () => {},
  }
}

/** null: an object in it is nested too deep. */
function digestible(effects: Effects): string | null {
  try {
    return digestOf(effects)
  } catch {
    return null
  }
}
/** What a statement that changed something says of it to whom it may not go on for: how many rows, and none of them, for they were masked as was true when it began. */
const bare = (outcome: Extract<CarriedOutcome, { status: 'succeeded' }>): typeof outcome => ({ ...outcome, results: outcome.results.map((result) => (result.rows.length === 0 ? result : { ...result, rows: [], truncated: true })) })
type Undone = Exclude<Executed, { status: 'succeeded' }>
const unreachable = (inner: string): Undone => ({ status: 'failed', refusal: { slug: 'target-unavailable', reason: 'target_unreachable', detail: 'the target cannot be reached', next: 'retry', retryAfterSeconds: 2, inner } })
const unknown = (detail: string, inner: string): Undone => ({ status: 'unknown', refusal: { slug: 'outcome-unknown', reason: 'answer_lost', detail, next: 'none', inner } })
type Done = 'read' | 'change' | 'command'
const deedOf = ({ effects, lasting }: Plan, { form }: Query): Done => (effects.readOnly ? 'read' : lasting && form !== undefined ? 'command' : 'change')
/** What only reads has no effect, whatever became of it. A command may go on where it is, and what it writes there reaches no record. */
const lost = (deed: Done, inner: string): Undone => deed === 'read' ? unreachable(inner)
  : deed === 'command' ? unknown('the command was sent and its end was not heard of, so it may have done what it does, or be running still, until its own time; what it wrote is not known; look before sending it again', inner)
    : unknown('the answer was lost: the change may or may not be there', inner)
/** It ended there, and its answer came. */
const unheard = unknown('the command ran, and what it wrote could not be recorded, so nobody is shown it; look before sending it again', 'what the command wrote could not be recorded')
const byItself = (why: string): Undone => ({
  status: 'unknown', refusal: { slug: 'outcome-unknown', reason: 'cut', next: 'none', inner: `cut: ${why}; it had ended by itself`, detail: `the command ended while it was being cut, because it may not go on (${why}); what it did is done, and what it wrote is on record` },
})
