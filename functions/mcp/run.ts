import * as z from 'zod'
import { ok, refuse } from '../../schema/refusal.ts'
import { rowsBody } from '../answer.ts'
import { waitingOf } from '../approve/view.ts'
import { explained } from '../explanation.ts'
import type { Gate } from '../gate.ts'
import type { Door } from '../own.ts'
import { faultRefusal } from '../problem.ts'
import type { Ports } from '../ports.ts'
import { inSql } from '../question.ts'
import { fence, type Told } from './fence.ts'
import { refused } from './refused.ts'
import { usualRows } from './tools.ts'
import { waiting } from './waiting.ts'

const own = z.looseObject({ connection: z.string(), check: z.boolean().optional(), key: z.string().regex(/^[\x21-\x7e]{1,255}$/).optional() })

/**
 * The tool `run`: the same two functions of the gate that HTTP calls, with the members of the tool's arguments that are a request's body as that body. What
 * is wrong with them the gate says, so that both doors refuse alike.
 */
export function createRun(ports: Ports, gate: Gate) {
  async function run(door: Door, sent: Readonly<Record<string, unknown>>): Promise<Told> {
    const parsed = own.safeParse(sent)
    if (!parsed.success) return refused(invalid, null)
    const { connection, check = false, key = null, ...rest } = parsed.data
    // Arrays cost half the tokens of objects; a hundred rows are what a model can read.
    const body = { rowMode: 'array', ...(check ? {} : { maxRows: usualRows }), ...rest }
    const call = { ...door, connection: connection.slice(0, 64), idempotencyKey: key, waitMs: 0, question: inSql(async () => ok<unknown>(body)) }
    return check ? explain(call) : query(call)
  }

  async function explain(call: Parameters<Gate['explain']>[0]): Promise<Told> {
    const { evaluation, result } = explained(await gate.explain(call))
    if (!result.ok) return refused(result.refusal, evaluation)
    const { decision, evaluation: _evaluation, session: _session, ...why } = result.value
    return fence({ head: `checked, nothing was run. Decision: ${decision}`, facts: { decision, evaluation }, data: why })
  }

  async function query(call: Parameters<Gate['query']>[0]): Promise<Told> {
    const { evaluation, session, result } = await gate.query(call)
    if (!result.ok) return refused(result.refusal, evaluation)
    const answer = result.value
    if ('waiting' in answer) return waiting(waitingOf(answer.waiting, ports.self.console))
    if ('stored' in answer) return answered(answer.stored.body, answer.stored.status, evaluation, 'done earlier, and not run again')
    const body = rowsBody(answer.masked, answer.batch, { evaluation, session, event: answer.outcome })
    await answer.keep(200, body).catch((error: unknown) => faultRefusal(error, ports.alarm))   // as HTTP does: a store that fails here costs the repeat, not this answer
    return answered(body, 200, evaluation)
  }
  return run
}

const anyObject = z.looseObject({})
const counted = z.object({ rowCount: z.int().optional(), truncated: z.boolean().optional() })

/** The serialised body of a 200, or of a stored problem, as a tool's result. */
export function answered(body: string, status: number, evaluation: string, done = 'done'): Told {
  const { evaluation: first, session: _session, receipt, ...data } = anyObject.parse(JSON.parse(body))
  if (status >= 400) return fence({ head: 'refused, as the first time this call was made', facts: { evaluation }, data, isError: true })
  const counts = counted.parse(data)
  const more = counts.truncated === true ? '; there are more rows: narrow the statement, or give maxRows' : ''
  return fence({ head: `${done}${counts.rowCount === undefined ? '' : `, ${counts.rowCount} ${counts.rowCount === 1 ? 'row' : 'rows'}`}${more}`, facts: { evaluation: first ?? evaluation, ...(receipt === undefined ? {} : { receipt }) }, data })
}

const invalid = refuse({ slug: 'invalid-request', reason: 'arguments', next: 'fix', detail: '`connection` must be text, `check` true or false, and `key` 1 to 255 visible ascii characters without spaces' }).refusal
