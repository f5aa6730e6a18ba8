import * as z from 'zod'
import { ok, refuse, type Result } from '../../schema/refusal.ts'
import { waitingOf } from '../approve/view.ts'
import { disclose, enclose } from '../envelope.ts'
import { explained } from '../explanation.ts'
import type { Answer, Call, Gate } from '../gate.ts'
import type { Ports } from '../ports.ts'
import { faultRefusal } from '../problem.ts'
import { fence, type Told } from './fence.ts'
import { objectTold } from './object.ts'
import { refused } from './refused.ts'
import { waiting } from './waiting.ts'

type Done = Extract<Answer, { readonly masked: unknown }>
type Stored = Extract<Answer, { readonly stored: unknown }>['stored']
interface Known { readonly evaluation: string; readonly session: string | null }
/** What a tool that does something says in its own words. */
interface Words {
  /** What a check did not do: `run`, `changed`. */
  readonly undone: string
  /** The answer of an earlier call with the same key. */
  readonly again: (stored: Stored, known: Known) => Told
  /** `keep`: the answer for a repeat; a store that fails there costs the repeat and not this answer, as over HTTP. null: it is not to be had again. */
  readonly done: (answer: Done, known: Known, keep: (status: number, body: string | null) => Promise<void>) => Promise<Told>
}

/** A tool's call of the gate: the same two functions that HTTP calls, `explain` where only the decision is asked for. */
export function createAct(ports: Ports, gate: Gate, { undone, again, done }: Words) {
  return (call: Call, check: boolean): Promise<Told> => (check ? explain(call) : query(call))

  async function explain(call: Call): Promise<Told> {
    const { evaluation, result } = explained(await gate.explain(call))
    if (!result.ok) return refused(result.refusal, evaluation)
    const { decision, evaluation: _evaluation, session: _session, ...why } = result.value
    return fence({ head: `checked, nothing was ${undone}. Decision: ${decision}`, facts: { decision, evaluation }, data: why })
  }
  async function query(call: Call): Promise<Told> {
    const { evaluation, session, result } = await gate.query(call)
    if (!result.ok) return refused(result.refusal, evaluation)
    const answer = result.value
    if ('waiting' in answer) return waiting(waitingOf(answer.waiting, ports.self.console))
    if ('stored' in answer) return again(answer.stored, { evaluation, session })
    return done(answer, { evaluation, session }, (status, body) => answer.keep(status, body).catch((error: unknown) => { faultRefusal(error, ports.alarm) }))
  }
}

/** An answer in the target's own protocol, one of another time, and one that came in `bytes` now. `kept`: it came whole. */
export const objectAgain = (stored: Stored, { evaluation }: Known, done: string): Told => objectTold(disclose(stored.body), { evaluation }, done)
export async function objectDone({ masked: { answer }, outcome }: Done, { evaluation }: Known, bytes: Uint8Array, keep: (status: number, body: string | null) => Promise<void>, kept: boolean): Promise<Told> {
  if (answer === undefined) throw new TypeError('invariant: an engine of its own protocol answers in it')
  const enclosed = { status: answer.status, type: answer.headers['content-type'] ?? 'application/json', bytes: new Uint8Array(bytes) }
  await keep(answer.status, kept ? enclose(enclosed) : null)
  return objectTold(enclosed, { evaluation, receipt: { event: outcome } })
}

const own = z.looseObject({ connection: z.string(), check: z.boolean().optional(), key: z.string().regex(/^[\x21-\x7e]{1,255}$/).optional() })
/** Of a tool whose other arguments are the body of a route: those that are the tool's own, and that body, whatever is in it. What is wrong with it the gate says, so that both doors refuse alike. */
export function argumentsOf(sent: Readonly<Record<string, unknown>>): Result<{ readonly connection: string; readonly check: boolean; readonly key: string | null; readonly body: Readonly<Record<string, unknown>> }> {
  const parsed = own.safeParse(sent)
  if (!parsed.success) return refuse({ slug: 'invalid-request', reason: 'arguments', next: 'fix', detail: '`connection` must be text, `check` true or false, and `key` 1 to 255 visible ascii characters without spaces' })
  const { connection, check = false, key = null, ...body } = parsed.data
  return ok({ connection: connection.slice(0, 64), check, key, body })
}
