import * as z from 'zod'
import { ok } from '../../schema/refusal.ts'
import { rowsBody } from '../answer.ts'
import type { Gate } from '../gate.ts'
import type { Ports } from '../ports.ts'
import { inSql } from '../question.ts'
import { argumentsOf, createAct } from './act.ts'
import type { Caller } from './call.ts'
import { fence, type Told } from './fence.ts'
import { refused } from './refused.ts'
import { usualRows } from './tools.ts'

/**
 * The tool `run`: the same two functions of the gate that HTTP calls, with the members of the tool's arguments that are a request's body as that body. What
 * is wrong with them the gate says, so that both doors refuse alike.
 */
export function createRun(ports: Ports, gate: Gate) {
  const act = createAct(ports, gate, {
    undone: 'run',
    again: ({ body, status }, { evaluation }) => answered(body, status, evaluation, 'done earlier, and not run again'),
    async done({ masked, batch, outcome }, { evaluation, session }, keep) {
      const body = rowsBody(masked, batch, { evaluation, session, event: outcome })
      await keep(200, body)
      return answered(body, 200, evaluation)
    },
  })
  return async function run(door: Caller, sent: Readonly<Record<string, unknown>>): Promise<Told> {
    const parsed = argumentsOf(sent)
    if (!parsed.ok) return refused(parsed.refusal, null)
    const { connection, check, key, body } = parsed.value
    // Arrays cost half the tokens of objects; a hundred rows are what a model can read.
    const asked = { rowMode: 'array', ...(check ? {} : { maxRows: usualRows }), ...body }
    return act({ ...door, connection, idempotencyKey: key, waitMs: 0, question: inSql(async () => ok<unknown>(asked)) }, check)
  }
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
