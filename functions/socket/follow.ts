import { isOpen, type RequestView } from '../../schema/approval.ts'
import type { Id } from '../../schema/event.ts'
import type { Reply } from '../door.ts'
import type { Gate } from '../gate.ts'
import type { Door } from '../own.ts'
import type { Ports, Socket, Sockets } from '../ports.ts'
import { faultRefusal } from '../problem.ts'
import { cut, standingOf } from './cut.ts'
import { outcomeText, refused, type State } from './frame.ts'

interface Shown { readonly request: RequestView; readonly result?: unknown }
/** What of functions/requests.ts it takes to tell of a request. */
export interface Shows { show(door: Door, id: string): Promise<Reply<Shown>> }

/** One request as `GET /v1/requests/{id}` gives it to this caller now. */
async function stateOf(requests: Shows, door: Door, id: string): Promise<{ readonly state: State; readonly request: RequestView | null }> {
  const { evaluation, result } = await requests.show(door, id)
  const spoken = result.ok ? { status: 200, body: JSON.stringify(result.value) } : refused(result.refusal, evaluation)
  return { state: { ...spoken, request: id, location: `/v1/requests/${id}` }, request: result.ok ? result.value.request : null }
}

/**
 * The state of a request, and word of its end where that is still to come and the request is this caller's own. Looked at again once the subscription
 * is stored: an end between the two would be told to nobody.
 */
export async function follow(sockets: Sockets, requests: Shows, door: Door, socket: Socket, id: string): Promise<State> {
  const { state, request } = await stateOf(requests, door, id)
  if (!request?.mine || !isOpen(request.status)) return state
  await sockets.follow(request.id, socket.id, socket.expiresAt)
  return (await stateOf(requests, door, id)).state
}

/** Subscribes to a request that was just answered with 202. Its outcome, where that came before the subscription; else null, and it will be pushed. */
export async function awaitOutcome(sockets: Sockets, requests: Shows, door: Door, socket: Socket, id: Id<'arq'>): Promise<string | null> {
  await sockets.follow(id, socket.id, socket.expiresAt)
  const { state, request } = await stateOf(requests, door, id)
  return request && !isOpen(request.status) ? outcomeText(state) : null
}

/**
 * Tells every connection that follows a request what became of it; from whichever process saw its end. Each is asked anew whether it stands, and each
 * gets what its own caller would get over HTTP at this moment, so a name in the list of followers is worth nothing to whoever may not see the request.
 * A hint only: the state is in the store, a lost push costs a question. Never throws.
 */
export async function notifyRequest(ports: Ports, gate: Pick<Gate, 'admit'>, requests: Shows, request: { readonly id: Id<'arq'> }): Promise<void> {
  const { sockets } = ports
  if (sockets === null) return
  const tell = async (id: string): Promise<void> => {
    const socket = await sockets.get(id)
    if (socket === null) return
    const standing = await standingOf(ports, gate, socket)
    if (!standing.stands) return standing.end ? cut(ports, sockets, id, null, standing.refusal) : undefined
    const { state, request: seen } = await stateOf(requests, { authorization: standing.authorization, session: socket.session }, request.id)
    if (seen?.mine && await sockets.push(id, outcomeText(state)) === 'gone') await sockets.remove(id)
  }
  try {
    const told = await Promise.allSettled((await sockets.followers(request.id)).map(tell))
    for (const one of told) if (one.status === 'rejected') faultRefusal(one.reason, ports.alarm)
  } catch (error) {
    faultRefusal(error, ports.alarm)
  }
}
