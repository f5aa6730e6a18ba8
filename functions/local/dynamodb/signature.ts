import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { type WireError, wireError } from './dynalite.ts'

/** What the server knows of its one client. */
export interface Credentials { readonly accessKeyId: string; readonly secretAccessKey: string; readonly sessionToken?: string | undefined }

/** AWS takes a signature five minutes either way; a request frozen in a sleeping process dies of it. */
export const toleranceMs = 5 * 60_000

const hex = (data: string | Buffer): string => createHash('sha256').update(data).digest('hex')
const hmac = (key: string | Buffer, data: string): Buffer => createHmac('sha256', key).update(data).digest()
const refused = (type: string, message: string): WireError => wireError(type, message)

/**
 * AWS Signature Version 4, the server's half, written from the specification and not from our client, so that the two check each other.
 * Returns what is wrong, or null.
 */
export function checkSignature(request: IncomingMessage, body: Buffer, credentials: Credentials, now: number, service: 'dynamodb' | 'states' = 'dynamodb'): WireError | null {
  const match = /^AWS4-HMAC-SHA256 Credential=([^/,\s]+)\/(\d{8})\/([^/,\s]+)\/(dynamodb|states)\/aws4_request, ?SignedHeaders=([^,\s]+), ?Signature=([0-9a-f]{64})$/.exec(request.headers.authorization ?? '')
  if (!match) return refused('IncompleteSignatureException', 'the authorization header is not a version 4 signature')
  const [, id = '', day = '', region = '', signedFor = '', names = '', given = ''] = match
  if (signedFor !== service) return refused('InvalidSignatureException', `Credential should be scoped to correct service: '${service}'.`)
  const date = request.headers['x-amz-date']
  if (typeof date !== 'string' || !/^\d{8}T\d{6}Z$/.test(date) || !date.startsWith(day)) return refused('IncompleteSignatureException', 'x-amz-date is missing or of another day')
  const at = Date.parse(date.replace(/^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})Z$/, '$1-$2-$3T$4:$5:$6Z'))
  if (Math.abs(now - at) > toleranceMs) return refused('InvalidSignatureException', `Signature ${at < now ? 'expired' : 'not yet current'}: ${date}`)
  if (id !== credentials.accessKeyId) return refused('UnrecognizedClientException', 'The security token included in the request is invalid.')
  if ((request.headers['x-amz-security-token'] ?? undefined) !== credentials.sessionToken) return refused('UnrecognizedClientException', 'The security token included in the request is invalid')
  const signed = names.split(';')
  if (['host', 'x-amz-date', 'x-amz-target'].some((name) => !signed.includes(name))) return refused('InvalidSignatureException', 'host, x-amz-date and x-amz-target must be signed')
  const headers = signed.map((name) => `${name}:${String(request.headers[name] ?? '').trim().replace(/ +/g, ' ')}\n`).join('')
  const canonical = `${request.method}\n/\n\n${headers}\n${names}\n${hex(body)}`
  const key = hmac(hmac(hmac(hmac(`AWS4${credentials.secretAccessKey}`, day), region), service), 'aws4_request')
  const expected = hmac(key, `AWS4-HMAC-SHA256\n${date}\n${day}/${region}/${service}/aws4_request\n${hex(canonical)}`)
  return timingSafeEqual(expected, Buffer.from(given, 'hex')) ? null : refused('InvalidSignatureException', 'The request signature we calculated does not match the signature you provided.')
}
