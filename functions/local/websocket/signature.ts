import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

interface Credentials { readonly accessKeyId: string; readonly secretAccessKey: string; readonly sessionToken?: string | undefined }
const toleranceMs = 5 * 60_000
const hex = (text: string | Buffer): string => createHash('sha256').update(text).digest('hex')
const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest()

/** AWS Signature Version 4, the server's half, for `execute-api`; written from the specification and not from our client, so that the two check each other. */
export function isSigned(request: IncomingMessage, body: Buffer, credentials: Credentials, now: number): boolean {
  const match = /^AWS4-HMAC-SHA256 Credential=([^/,\s]+)\/(\d{8})\/([^/,\s]+)\/execute-api\/aws4_request, ?SignedHeaders=([^,\s]+), ?Signature=([0-9a-f]{64})$/.exec(request.headers.authorization ?? '')
  const date = request.headers['x-amz-date']
  if (!match || typeof date !== 'string' || !/^\d{8}T\d{6}Z$/.test(date)) return false
  const [, id = '', day = '', region = '', names = '', given = ''] = match
  const at = Date.parse(date.replace(/^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})Z$/, '$1-$2-$3T$4:$5:$6Z'))
  if (!date.startsWith(day) || !(Math.abs(now - at) <= toleranceMs) || id !== credentials.accessKeyId) return false
  if ((request.headers['x-amz-security-token'] ?? undefined) !== credentials.sessionToken) return false
  const signed = names.split(';')
  if (!signed.includes('host') || !signed.includes('x-amz-date')) return false
  const [path = '', search = ''] = (request.url ?? '').split('?')
  if (search !== '') return false
  // Each segment as it was sent, escaped once more: what the specification calls the URI-encoded path.
  const uri = path.split('/').map((segment) => encodeURIComponent(segment).replace(/[!'()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`)).join('/')
  const headers = signed.map((name) => `${name}:${String(request.headers[name] ?? '').trim().replace(/ +/g, ' ')}\n`).join('')
  const canonical = `${request.method}\n${uri}\n\n${headers}\n${names}\n${hex(body)}`
  const key = hmac(hmac(hmac(hmac(`AWS4${credentials.secretAccessKey}`, day), region), 'execute-api'), 'aws4_request')
  return timingSafeEqual(hmac(key, `AWS4-HMAC-SHA256\n${date}\n${day}/${region}/execute-api/aws4_request\n${hex(canonical)}`), Buffer.from(given, 'hex'))
}
