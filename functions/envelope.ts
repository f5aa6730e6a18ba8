import * as z from 'zod'
import { Fault } from './ports.ts'

/**
 * An answer in the target's own protocol, as text: to be kept, and given again as the target gave it, byte for byte. `GET /v1/requests/{id}` shows it in this form.
 */
export interface Enclosed { readonly status: number; readonly type: string; readonly bytes: Uint8Array<ArrayBuffer> }
const form = z.object({ status: z.int().min(200).max(599), type: z.string(), body: z.string().optional(), base64: z.string().optional() })

export function enclose({ status, type, bytes }: { readonly status: number; readonly type: string; readonly bytes: Uint8Array }): string {
  const text = Buffer.from(bytes).toString('utf8')
  return JSON.stringify({ status, type, ...(Buffer.from(text).equals(bytes) ? { body: text } : { base64: Buffer.from(bytes).toString('base64') }) })
}

/** Throws Fault internal where the text is no such thing. */
export function disclose(text: string): Enclosed {
  const found = form.safeParse(JSON.parse(text))
  if (!found.success) throw new Fault('internal', 'a kept answer is not of the form of its call')
  const { status, type, body, base64 } = found.data
  return { status, type, bytes: new Uint8Array(base64 === undefined ? Buffer.from(body ?? '') : Buffer.from(base64, 'base64')) }
}
