import type { Id } from '../../schema/event.ts'
import { ok, refuse, type Refusal, type Result } from '../../schema/refusal.ts'
import { frameId, maxMessageBytes, maxPushBytes, socketCall, type SocketCall } from '../../schema/socket.ts'
import { parseJson } from '../json.ts'
import { problemOf, statusOf } from '../problem.ts'

/** What answers a call. `body` is JSON already. `request` and `location`: what is said instead where it does not fit. `follow`: people decide, and this connection is to hear of it. */
export interface Spoken { readonly status: number; readonly body: string; readonly request?: string; readonly location?: string; readonly follow?: Id<'arq'> }
/** The state of one request. */
export interface State extends Spoken { readonly request: string; readonly location: string }

/** The text of a frame → the call in it. `id` is given also where the rest is wrong, so that the refusal finds its call; null where there is none to be had. */
export function readCall(text: string): { readonly id: string | null; readonly call: Result<SocketCall> } {
  if (text.length > maxMessageBytes || Buffer.byteLength(text) > maxMessageBytes) return { id: null, call: refuse(tooLong) }
  const value = parseJson(text)
  if (!value.ok) return { id: null, call: value }
  const id = frameId.safeParse(typeof value.value === 'object' && value.value !== null && Object.hasOwn(value.value, 'id') ? Reflect.get(value.value, 'id') : null)
  const call = socketCall.safeParse(value.value)
  return { id: id.success ? id.data : null, call: call.success ? ok(call.data) : refuse(invalid(call.error.issues[0])) }
}

function invalid(issue: { readonly code?: string; readonly path: readonly PropertyKey[]; readonly message: string; readonly keys?: readonly string[] } | undefined): Refusal {
  const refusal = (detail: string): Refusal => ({ slug: 'invalid-request', reason: 'invalid_frame', next: 'fix', detail })
  if (issue?.path[0] === 'action') return refusal('`action` must be `query`, `exec`, `explain`, `follow`, `cancel` or `ping`')
  if (issue?.code === 'unrecognized_keys') return refusal(`member \`${visible(issue.keys?.[0])}\` is not known in this frame`)
  if (issue === undefined || issue.path.length === 0) return refusal('a frame is one json object: `{"id": …, "action": …}`')
  return refusal(issue.message.startsWith('`') ? issue.message : `member \`${visible(String(issue.path[0]))}\` is missing or not of its kind`)
}
const visible = (text = '') => text.slice(0, 64).replace(/[`\p{C}]/gu, '?')
const tooLong: Refusal = { slug: 'too-large', reason: 'frame_too_large', detail: 'a message on the socket is at most 128 KB; send it over http, or send less', next: 'fix' }

export const refused = (refusal: Refusal, evaluation: string | null): Spoken => ({ status: statusOf(refusal), body: JSON.stringify(problemOf(refusal, evaluation)) })

/** The answer to a call. Where it is over 100 KB: the id of the request it is about and where to get it; without one, `too-large` and how to have it after all. */
export function answerText(id: string | null, spoken: Spoken, overflow: Refusal): string {
  const { status, body, request, location } = spoken
  const text = `{"id":${JSON.stringify(id)},"status":${status},"body":${body}}`
  if (fits(text)) return text
  if (request !== undefined && location !== undefined) return JSON.stringify({ id, status: 303, request, location })
  const problem = refused(overflow, null)
  return `{"id":${JSON.stringify(id)},"status":${problem.status},"body":${problem.body}}`
}

/** What became of a request, unasked: no `id`, but the request's. */
export function outcomeText({ status, body, request, location }: State): string {
  const text = `{"request":${JSON.stringify(request)},"status":${status},"body":${body}}`
  return fits(text) ? text : JSON.stringify({ request, status: 303, location })
}
const fits = (text: string): boolean => text.length <= maxPushBytes && Buffer.byteLength(text) <= maxPushBytes
