import * as z from 'zod'
import type { Handshake } from './handshake.ts'
import type { Message } from '../socket.ts'

/** What a WebSocket API of API Gateway sends its one function: the part of it that is used. Its three routes are $connect, $default and $disconnect. */
const headers = z.record(z.string(), z.string()).nullish()
const lists = z.record(z.string(), z.array(z.string())).nullish()
const event = z.object({
  requestContext: z.object({ eventType: z.enum(['CONNECT', 'MESSAGE', 'DISCONNECT']), connectionId: z.string().min(1).max(128), requestId: z.string().min(1).max(128), messageId: z.string().min(1).max(128).nullish() }),
  headers, multiValueHeaders: lists, queryStringParameters: z.record(z.string(), z.unknown()).nullish(), multiValueQueryStringParameters: z.record(z.string(), z.unknown()).nullish(),
  body: z.string().nullish(), isBase64Encoded: z.boolean().nullish(),
})
type Event = z.infer<typeof event>
export interface EventAnswer { readonly statusCode: number; readonly headers?: Readonly<Record<string, string>> }
interface Socket {
  connect(handshake: Handshake): Promise<{ readonly status: number; readonly protocol: string | null }>
  message(message: Message): Promise<void>
  disconnect(which: { readonly id: string }): Promise<void>
}

/** The socket as a Lambda function. Answers go by push: what a frame's invocation returns is only that it ended. An event of another shape is a wrong wiring, and throws. */
export const createHandler = (socket: Socket) => async (input: unknown): Promise<EventAnswer> => {
  const read = event.parse(input)
  const { eventType, connectionId: id, messageId, requestId } = read.requestContext
  switch (eventType) {
    case 'CONNECT': {
      const { status, protocol } = await socket.connect({ id, headers: headersOf(read), query: given(read.queryStringParameters) || given(read.multiValueQueryStringParameters) })
      return { statusCode: status, ...(protocol === null ? {} : { headers: { 'Sec-WebSocket-Protocol': protocol } }) }
    }
    case 'MESSAGE':
      await socket.message({ id, frame: messageId ?? requestId, body: read.isBase64Encoded ? '' : read.body ?? '' })   // base64 is a binary frame, which is no call
      return { statusCode: 200 }
    case 'DISCONNECT':
      await socket.disconnect({ id })
      return { statusCode: 200 }
  }
}

const given = (parameters: Readonly<Record<string, unknown>> | null | undefined): boolean => Object.keys(parameters ?? {}).length > 0

/** Lower case; the single values only where the lists have none, because the gateway sends both. A name in two spellings keeps every value. */
function headersOf({ headers, multiValueHeaders }: Event): Handshake['headers'] {
  const found: Record<string, string[]> = Object.create(null) as Record<string, string[]>
  for (const [name, values] of Object.entries(multiValueHeaders ?? {})) (found[name.toLowerCase()] ??= []).push(...values)
  const listed = new Set(Object.keys(found))
  for (const [name, value] of Object.entries(headers ?? {})) if (!listed.has(name.toLowerCase())) (found[name.toLowerCase()] ??= []).push(value)
  return found
}
