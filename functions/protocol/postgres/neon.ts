import { neon, neonConfig } from '@neondatabase/serverless'
import { postInTurn } from '../endpoint.ts'
import { TransportError } from '../post.ts'
import type { Batch, RawResult, Transport } from './port.ts'
import { salvage } from './salvage.ts'
import type { Endpoint } from './transport.ts'

/** Beyond the rows' own bytes: field descriptions, quotes, escapes. */
const overheadBytes = 512 * 1024

interface Orders { readonly url: string | null; readonly maxBytes: number; readonly timeoutMs: number; /** What came of an answer that was cut is no answer. */ readonly whole?: true; readonly whose?: string | undefined; cut: boolean; bytes: number }
interface Init { readonly headers: Record<string, string>; readonly body: string; readonly sluice?: Orders }

/**
 * The driver's `fetch`, on node:http with kept connections: a third of the CPU (see the bench). The configuration is the process's own, so all
 * that differs by call comes with the call, and a call that is not ours goes the usual way.
 */
neonConfig.fetchFunction = (url: string, init: Init) => (init.sluice ? send(init.sluice.url ?? url, init, init.sluice) : fetch(url, { method: 'POST', ...init }))

async function send(target: string, { headers, body }: Init, orders: Orders): Promise<{ ok: boolean; status: number; json(): Promise<unknown>; text(): Promise<string> }> {
  const { status, text, cut, bytes } = await postInTurn(target, headers, body, { maxBytes: orders.maxBytes + overheadBytes, timeoutMs: orders.timeoutMs, whose: orders.whose })
  orders.cut = cut
  orders.bytes += bytes
  if (cut && orders.whole) throw new TransportError('too-large', 'the answer went past the byte cap')
  return { ok: status === 200, status, json: async () => (cut ? salvage(text) : JSON.parse(text)), text: async () => text }
}

/** The driver itself on this transport, for a database of our own. Each call takes at most `timeoutMs`; an answer over `maxBytes` is an error. */
export const openNeon = (url: string, endpoint: Endpoint | null, bounds: { readonly maxBytes: number; readonly timeoutMs: number }) =>
  neon(url, { disableWarningInBrowsers: true, fetchOptions: { get sluice(): Orders { return { url: endpoint?.http ?? null, ...bounds, whole: true, cut: false, bytes: 0 } } } })

const asText = { getTypeParser: () => (text: string) => text }

/** One HTTP request. `bytes`: of the body. */
export async function postBatch({ url, statements, maxBytes, timeoutMs, whose }: Batch, endpoint: Endpoint | null): ReturnType<Transport['batch']> {
  const orders: Orders = { url: endpoint?.http ?? null, maxBytes, timeoutMs, whose, cut: false, bytes: 0 }
  const sql = neon(url, { disableWarningInBrowsers: true })
  try {
    const results = await sql.transaction(statements.map(({ text, values }) => sql.query(text, [...values], { types: asText })), {
      arrayMode: true, fullResults: true, isolationLevel: 'ReadCommitted', readOnly: true, fetchOptions: { sluice: orders },
    })
    if (results.length !== statements.length) throw new TransportError(orders.cut ? 'too-large' : 'unreachable', 'not one result a statement')
    return { results: results as unknown as RawResult[], cut: orders.cut, bytes: orders.bytes }
  } catch (error) {
    if (orders.cut) throw new TransportError('too-large', 'the answer went past the byte cap before its last result', { cause: error })
    throw understood(error)
  }
}

/** The driver wraps what its fetch threw; an answer of another status than 200 and 400 is not the database speaking. */
function understood(error: unknown): unknown {
  if (error instanceof TransportError) return error
  const inner = (error as { sourceError?: unknown }).sourceError
  if (inner instanceof TransportError) return inner
  if (typeof (error as { code?: unknown }).code === 'string' && (error as { code: string }).code.length === 5) return error
  const text = String((error as Error).message)
  if (/^Server error \(HTTP status (413|507)\)/.test(text) || /response is too large/i.test(text)) return new TransportError('too-large', 'the endpoint would not carry the answer')
  return new TransportError('unreachable', 'no answer of a database', { cause: error })
}
