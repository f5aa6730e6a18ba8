import { randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { stage } from './management.ts'

interface Connection { readonly id: string; readonly connectedAt: number; readonly host: string }
const random = (): string => `${randomBytes(11).toString('base64url')}=`

/** As API Gateway draws them: sixteen characters, the last `=`. */
export const newConnectionId = random

function context({ id, connectedAt, host }: Connection, eventType: 'CONNECT' | 'MESSAGE' | 'DISCONNECT', routeKey: string, now: number) {
  return { connectionId: id, eventType, routeKey, stage, domainName: host, apiId: 'local', connectedAt, requestTimeEpoch: now, requestId: random(), messageDirection: 'IN' }
}

/** The events of a WebSocket API, with the members a function may rely on. Header names as the client wrote them. */
export function connectEvent(connection: Connection, request: IncomingMessage, now: number): object {
  const lists: Record<string, string[]> = Object.create(null) as Record<string, string[]>
  for (let at = 0; at < request.rawHeaders.length; at += 2) (lists[request.rawHeaders[at] ?? ''] ??= []).push(request.rawHeaders[at + 1] ?? '')
  const query: Record<string, string[]> = Object.create(null) as Record<string, string[]>
  for (const [name, value] of new URL(request.url ?? '/', 'http://localhost').searchParams) (query[name] ??= []).push(value)
  const last = (of: Record<string, string[]>) => Object.fromEntries(Object.entries(of).map(([name, values]) => [name, values.at(-1)]))
  return {
    requestContext: context(connection, 'CONNECT', '$connect', now), headers: last(lists), multiValueHeaders: lists, isBase64Encoded: false,
    ...(Object.keys(query).length === 0 ? {} : { queryStringParameters: last(query), multiValueQueryStringParameters: query }),
  }
}

/** One frame. The route is always `$default`: our API has no other, so every `action` selects it. */
export const messageEvent = (connection: Connection, body: string, now: number): object =>
  ({ requestContext: { ...context(connection, 'MESSAGE', '$default', now), messageId: random() }, body, isBase64Encoded: false })

export const disconnectEvent = (connection: Connection, code: number, now: number): object =>
  ({ requestContext: { ...context(connection, 'DISCONNECT', '$disconnect', now), disconnectStatusCode: code, disconnectReason: '' }, isBase64Encoded: false })
