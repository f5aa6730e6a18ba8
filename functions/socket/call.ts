import { ok, type Refusal } from '../../schema/refusal.ts'
import type { SocketCall } from '../../schema/socket.ts'
import { rowsBody } from '../answer.ts'
import { waitingOf } from '../approve/view.ts'
import type { Reply } from '../door.ts'
import { createExec } from '../exec.ts'
import { explained } from '../explanation.ts'
import type { Call, Gate } from '../gate.ts'
import { Waiting } from '../own.ts'
import type { Ports, Socket, Sockets } from '../ports.ts'
import { faultRefusal } from '../problem.ts'
import { inEither, inSql } from '../question.ts'
import { follow, type Shows } from './follow.ts'
import { refused, type Spoken } from './frame.ts'

/** What of functions/requests.ts the calls of a socket need. */
export interface Requests extends Shows { cancel(door: Pick<Call, 'authorization' | 'session'>, id: string): Promise<Reply<unknown>> }

/** API Gateway gives an invocation 29 s and then sends a frame of its own for it: a statement is over before that, with time to record and push what came of it. Where a connection lets one take longer, http does. */
const callMs = 25_000

/** Every call of a socket: the very functions that serve it over HTTP, with the token the socket was opened with. Nothing here decides. */
export function createCalls(ports: Ports & { readonly sockets: Sockets }, gate: Gate, requests: Requests) {
  function spokenOf<T>({ evaluation, result }: Reply<T>): Spoken {
    return result.ok ? { status: 200, body: JSON.stringify(result.value) } : refused(result.refusal, evaluation)
  }

  async function query(door: Call): Promise<Spoken> {
    const { evaluation, session, result } = await gate.query(door)
    if (!result.ok) return refused(result.refusal, evaluation)
    const answer = result.value
    if ('waiting' in answer) return { status: 202, body: JSON.stringify({ request: waitingOf(answer.waiting, ports.self.console), evaluation }), follow: answer.waiting.id }
    if ('stored' in answer) return { status: answer.stored.status, body: answer.stored.body }
    const body = rowsBody(answer.masked, answer.batch, { evaluation, session, event: answer.outcome })
    await answer.keep(200, body).catch((error: unknown) => faultRefusal(error, ports.alarm))   // as over HTTP: before the answer, so that a repeat finds it
    return { status: 200, body }
  }

  const { exec, question } = createExec(ports, gate)
  async function command(door: Omit<Call, 'question' | 'idempotencyKey'>, key: string, body: unknown): Promise<Spoken> {
    const { result, ...reply } = await exec(door, ok(key), async () => ok(body))
    if (!result.ok || !(result.value instanceof Waiting)) return spokenOf({ ...reply, result })
    const { asked } = result.value
    if ('stored' in asked) return { status: asked.stored.status, body: asked.stored.body }
    return { status: 202, body: JSON.stringify({ request: waitingOf(asked.waiting, ports.self.console), evaluation: reply.evaluation }), follow: asked.waiting.id }
  }

  return async (call: SocketCall, authorization: string, socket: Socket): Promise<Spoken> => {
    const door = { authorization, session: socket.session }
    switch (call.action) {
      case 'query': return query({ ...door, connection: call.connection, idempotencyKey: keyOf(call, socket), waitMs: 0, until: ports.now() + callMs, question: inSql(async () => ok(call.body)) })
      case 'exec': return command({ ...door, connection: call.connection, waitMs: 0, until: ports.now() + callMs }, keyOf(call, socket), call.body)
      case 'explain': return spokenOf(explained(await gate.explain({ ...door, connection: call.connection, idempotencyKey: null, waitMs: 0, question: inEither(question, async () => ok(call.body)) })))
      case 'follow': return follow(ports.sockets, requests, door, socket, call.request)
      case 'cancel': return spokenOf(await requests.cancel(door, call.request))
      case 'ping': return { status: 200, body: '{}' }
    }
  }
}

/** A frame may be delivered twice. Its id names it within the connection, so the second delivery meets the first one's claim. */
const keyOf = (call: SocketCall & { readonly action: 'query' | 'exec' }, socket: Socket): string => call.idempotencyKey ?? `socket:${socket.id}:${call.id}`

/** An answer over 100 KB has run already: how to have it all the same, without running it again. */
export function overflowOf(call: SocketCall, socket: Socket): Refusal {
  const detail = 'the answer is over 100 KB, too large for the socket'
  if (call.action !== 'query' && call.action !== 'exec') return { slug: 'too-large', reason: 'answer_too_large', next: 'fix', detail: `${detail}; make the same call over http` }
  return {
    slug: 'too-large', reason: 'answer_too_large', next: 'fix',
    detail: `${detail}; it was executed: post the same body over http with \`idempotency-key: ${keyOf(call, socket)}\` to have ${call.action === 'exec' ? 'what it wrote' : 'its rows'} without running it again, or ask for ${call.action === 'exec' ? 'less' : 'fewer'}`,
  }
}
