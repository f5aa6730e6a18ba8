import * as z from 'zod'
import type { Refusal } from '../schema/refusal.ts'
import { challenge } from './authenticate/challenge.ts'
import { readBody } from './body.ts'
import type { Gate } from './gate.ts'
import { createCalls, type Caller, type McpParts } from './mcp/call.ts'
import { problemOf, faultRefusal, statusOf } from './problem.ts'
import type { Ports } from './ports.ts'

/**
 * `POST /mcp`: the Model Context Protocol, revision 2026-07-28, and for older clients 2024-11-05 to 2025-11-25, without any state between two calls. Order:
 * Origin, token, body, and only then the protocol's own server, which sees no stranger's byte. Answers are JSON, never a stream.
 */
export function createMcp(ports: Ports, gate: Gate, parts: McpParts): (request: Request, end: Pick<Caller, 'until'>) => Promise<Response> {
  const calls = createCalls(ports, gate, parts)

  /** As HTTP does it, and not as the SDK does: no `error` in the challenge where no token came (RFC 6750 section 3.1). */
  const problem = (refusal: Refusal, session: string | null = null): Response => answer(JSON.stringify(problemOf(refusal, null)), statusOf(refusal), 'application/problem+json', {
    ...(refusal.slug === 'unauthenticated' ? { 'www-authenticate': challenge(refusal, ports.self.url) } : {}),
    ...(refusal.retryAfterSeconds === undefined ? {} : { 'retry-after': String(Math.max(1, Math.ceil(refusal.retryAfterSeconds))) }),
    ...(session === null ? {} : { 'sluice-session': session }),
  })

  async function serve(request: Request, end: Pick<Caller, 'until'>): Promise<Response> {
    // A page in a browser that reached this by a name of its own (DNS rebinding) says where it comes from; programs say nothing.
    const origin = request.headers.get('origin')
    if (origin !== null && origin !== new URL(ports.self.url).origin) return problem(foreignOrigin)
    const authorization = request.headers.get('authorization')
    const admitted = await gate.admit({ authorization, session: request.headers.get('sluice-session') })
    if (!admitted.ok) return problem(admitted.refusal)
    const { session, caller } = admitted.value
    const body = await readBody(request)
    if (!body.ok) return rpcError(body.refusal, null, session)
    const refusal = unfit(body.value)
    if (refusal) return rpcError(refusal, idOf(body.value), session)
    const response = await (await loadServer()).serve(calls({ authorization, session, ...end }, { signal: request.signal, tokenExpiresAt: caller.expiresAt }), request, body.value)
    return answer(response.body, response.status, response.headers.get('content-type'), { ...allowOf(response), 'sluice-session': session })
  }

  return async function mcp(request, end) {
    try {
      return await serve(request, end)
    } catch (error) {
      return problem(faultRefusal(error, ports.alarm))
    }
  }
}

/** The SDK and its schemas are half a megabyte: read when the first call comes, so that whoever never speaks the protocol never pays. */
const loadServer = () => import('./mcp/server.ts')

function answer(body: string | ReadableStream | null, status: number, type: string | null, extra: Readonly<Record<string, string>>): Response {
  return new Response(body, { status, headers: { ...(type === null ? {} : { 'content-type': type }), 'cache-control': 'no-store', 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer', ...extra } })
}
const allowOf = (response: Response): Record<string, string> => { const allow = response.headers.get('allow'); return allow === null ? {} : { allow } }

const messageForm = z.looseObject({ method: z.string().optional() })
const identified = z.looseObject({ id: z.union([z.string(), z.number()]) })

/**
 * What never reaches the SDK. A batch, which the protocol dropped: one POST would be a thousand statements under one answer. A subscription: nothing is
 * ever published here, and its stream would outlive token and lock.
 */
function unfit(body: unknown): Refusal | null {
  if (Array.isArray(body)) return { slug: 'invalid-request', reason: 'batch', next: 'fix', detail: 'one message a POST: batches are not part of the protocol any more' }
  const message = messageForm.safeParse(body)
  if (!message.success) return { slug: 'invalid-request', reason: 'message', next: 'fix', detail: 'the body must be one json-rpc message' }
  if (message.data.method === 'subscriptions/listen') return { slug: 'not-found', reason: 'method', next: 'none', detail: 'there is nothing to subscribe to here' }
  return null
}

/** JSON-RPC 2.0: the error as its own members, and the whole problem as `data`. */
function rpcError(refusal: Refusal, id: string | number | null, session: string): Response {
  const code = refusal.reason === 'not_json' || refusal.reason === 'not_utf8' ? -32700 : refusal.reason === 'method' ? -32601 : -32600
  return answer(JSON.stringify({ jsonrpc: '2.0', id, error: { code, message: refusal.detail, data: problemOf(refusal, null) } }), statusOf(refusal), 'application/json', { 'sluice-session': session })
}
const idOf = (body: unknown): string | number | null => identified.safeParse(body).data?.id ?? null

const foreignOrigin: Refusal = { slug: 'denied', reason: 'origin', next: 'none', detail: 'pages of another origin may not speak to this gate' }
