import { createHmac, hash } from 'node:crypto'
import type { Place } from './dynamo.ts'

/**
 * AWS Signature Version 4 for DynamoDB's JSON protocol: always POST /, no query. Signs what decides the request's meaning: host, date,
 * operation, token and body. The day's key and the constant text are made once, so that a request costs four hashes and no object of OpenSSL's, which would cost more than they do when it is collected.
 * Returns node:http's flat list of headers. `at` is epoch ms, as the server's clock has it.
 */
export function createSigner({ region, endpoint, credentials }: Place): (target: string, body: string, at: number) => string[] {
  const { host } = new URL(endpoint)
  const { accessKeyId, secretAccessKey, sessionToken } = credentials
  const token = sessionToken === undefined ? '' : `x-amz-security-token:${sessionToken}\n`
  const names = `host;x-amz-date;${sessionToken === undefined ? '' : 'x-amz-security-token;'}x-amz-target`
  let second = -1
  let date = ''
  let day = ''
  let scope = ''
  let key: Hmac | null = null

  function tick(at: number): Hmac {
    second = Math.floor(at / 1000)
    date = new Date(second * 1000).toISOString().replace(/[-:]|\.000/g, '')
    if (key && date.startsWith(day)) return key
    day = date.slice(0, 8)
    scope = `${day}/${region}/dynamodb/aws4_request`
    key = keyedBy([region, 'dynamodb', 'aws4_request'].reduce((previous, part) => hmac(previous, part), hmac(`AWS4${secretAccessKey}`, day)))
    return key
  }

  return (target, body, at) => {
    const current = key && Math.floor(at / 1000) === second ? key : tick(at)
    const canonical = `POST\n/\n\nhost:${host}\nx-amz-date:${date}\n${token}x-amz-target:${target}\n\n${names}\n${hash('sha256', body)}`
    const signature = current(`AWS4-HMAC-SHA256\n${date}\n${scope}\n${hash('sha256', canonical)}`)
    const headers = [
      'host', host, 'content-type', 'application/x-amz-json-1.0', 'content-length', String(Buffer.byteLength(body)), 'x-amz-date', date, 'x-amz-target', target,
      'authorization', `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scope}, SignedHeaders=${names}, Signature=${signature}`,
    ]
    if (sessionToken !== undefined) headers.push('x-amz-security-token', sessionToken)
    return headers
  }
}

const hmac = (key: string | Buffer, data: string): Buffer => createHmac('sha256', key).update(data).digest()

type Hmac = (text: string) => string
const blockBytes = 64
const hashBytes = 32
/** HMAC-SHA-256 (RFC 2104) under a key of 32 bytes, hex, of ASCII of up to 1024 characters: what is signed is shorter, but for a region of no cloud. The key's pads are written once. */
function keyedBy(key: Uint8Array): Hmac {
  const inner = Buffer.alloc(blockBytes + 1024, 0x36)
  const outer = Buffer.alloc(blockBytes + hashBytes, 0x5c)
  for (const [at, byte] of key.entries()) [inner[at], outer[at]] = [byte ^ 0x36, byte ^ 0x5c]
  return (text) => {
    const length = inner.write(text, blockBytes, 'latin1')
    if (length !== text.length) throw new RangeError('too long to be signed')
    outer.write(hash('sha256', new Uint8Array(inner.buffer, inner.byteOffset, blockBytes + length), 'binary'), blockBytes, 'latin1')
    return hash('sha256', outer)
  }
}
