import { ok, type Result } from '../../schema/refusal.ts'
import type { Query } from '../../schema/request.ts'
import type { Gate } from '../gate.ts'
import type { Ports } from '../ports.ts'
import { argumentsOf, createAct, objectAgain, objectDone } from './act.ts'
import type { Caller } from './call.ts'
import type { Told } from './fence.ts'
import { refused } from './refused.ts'

/** Reads the body of a command as `POST /v1/connections/{c}/exec` does. */
export type ReadCommand = (body: Result<unknown>) => Promise<Result<Query>>

/**
 * The tool `command`: the words of one command on a host, or in a container, as the body of the route `exec`, through the same two functions of the gate. What is wrong with them the gate says, so that both doors refuse alike.
 */
export function createCommand(ports: Ports, gate: Gate, read: ReadCommand) {
  const act = createAct(ports, gate, {
    undone: 'run',
    again: (stored, known) => objectAgain(stored, known, 'run earlier, and not run again'),
    async done(answer, known, keep) {
      const body = answer.masked.answer?.body
      if (!(body instanceof Uint8Array)) throw new TypeError('invariant: a command is answered whole')
      return objectDone(answer, known, body, keep, true)
    },
  })
  return async function command(door: Caller, sent: Readonly<Record<string, unknown>>): Promise<Told> {
    const parsed = argumentsOf(sent)
    if (!parsed.ok) return refused(parsed.refusal, null)
    const { connection, check, key, body } = parsed.value
    return act({ ...door, connection, idempotencyKey: key, waitMs: 0, strict: true, question: () => read(ok<unknown>(body)) }, check)
  }
}
