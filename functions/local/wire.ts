import type { IncomingMessage } from 'node:http'

/** A page in the machine's browser can reach loopback: by another name (DNS rebinding) or as a cross-origin post. Neither is a client of ours. */
export const isOurs = ({ headers }: IncomingMessage): boolean => /^(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?$/.test(headers.host ?? '') && headers.origin === undefined

/** null: over `maxBytes`. */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer | null> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > maxBytes) return null
    chunks.push(chunk)
  }
  return chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks)
}

/** null: not a JSON object. */
export function readObject(body: Buffer): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'))
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value as Record<string, unknown> : null
  } catch {
    return null
  }
}
