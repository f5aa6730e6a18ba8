import * as z from 'zod'
import { ok, type Result } from '../../schema/refusal.ts'
import type { Query } from '../../schema/request.ts'
import { waitingOf } from '../approve/view.ts'
import { disclose, enclose } from '../envelope.ts'
import { explained } from '../explanation.ts'
import type { Gate } from '../gate.ts'
import type { Door } from '../own.ts'
import type { Ports } from '../ports.ts'
import { faultRefusal } from '../problem.ts'
import { fence, type Told } from './fence.ts'
import { objectTold } from './object.ts'
import { refused } from './refused.ts'
import { waiting } from './waiting.ts'

const own = z.looseObject({ connection: z.string(), check: z.boolean().optional(), key: z.string().regex(/^[\x21-\x7e]{1,255}$/).optional() })
/** Reads the body of a command as `POST /v1/connections/{c}/exec` does. */
export type ReadCommand = (body: Result<unknown>) => Promise<Result<Query>>

/**
 * The tool `command`: the words of one command on a host, or in a container, as the body of the route `exec`, through the same two functions of the gate. What is wrong with them the gate says, so that both doors refuse alike.
 */
export function createCommand(ports: Ports, gate: Gate, read: ReadCommand) {
  return async function command(door: Door, sent: Readonly<Record<string, unknown>>): Promise<Told> {
    const parsed = own.safeParse(sent)
    if (!parsed.success) return refused({ slug: 'invalid-request', reason: 'arguments', next: 'fix', detail: '`connection` must be text, `check` true or false, and `key` 1 to 255 visible ascii characters without spaces' }, null)
    const { connection, check = false, key = null, ...body } = parsed.data
    const call = { ...door, connection: connection.slice(0, 64), idempotencyKey: key, waitMs: 0, strict: true, question: () => read(ok<unknown>(body)) } as const
    return check ? explain(call) : run(call)
  }

  async function explain(call: Parameters<Gate['explain']>[0]): Promise<Told> {
    const { evaluation, result } = explained(await gate.explain(call))
    if (!result.ok) return refused(result.refusal, evaluation)
    const { decision, evaluation: _evaluation, session: _session, ...why } = result.value
    return fence({ head: `checked, nothing was run. Decision: ${decision}`, facts: { decision, evaluation }, data: why })
  }

  async function run(call: Parameters<Gate['query']>[0]): Promise<Told> {
    const { evaluation, result } = await gate.query(call)
    if (!result.ok) return refused(result.refusal, evaluation)
    const answer = result.value
    if ('waiting' in answer) return waiting(waitingOf(answer.waiting, ports.self.console))
    if ('stored' in answer) return objectTold(disclose(answer.stored.body), { evaluation }, 'run earlier, and not run again')
    const { answer: given } = answer.masked
    if (given === undefined || !(given.body instanceof Uint8Array)) throw new TypeError('invariant: a command is answered whole')
    const enclosed = { status: given.status, type: given.headers['content-type'] ?? 'application/json', bytes: new Uint8Array(given.body) }
    await answer.keep(given.status, enclose(enclosed)).catch((error: unknown) => faultRefusal(error, ports.alarm))   // as HTTP does
    return objectTold(enclosed, { evaluation, receipt: { event: answer.outcome } })
  }
}
