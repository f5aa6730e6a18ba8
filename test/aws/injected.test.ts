import { generateKeyPairSync, sign } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { createObjects } from '../../functions/aws/objects.ts'
import { createVault } from '../../functions/aws/secrets.ts'
import { createSigner } from '../../functions/aws/signer.ts'
import { createMail } from '../../functions/aws/mail.ts'
import { credentials } from '../contract/rig.ts'

/** What a network and a tired service do to an answer, before each adapter that speaks to AWS by hand: it is right, or it is a fault, and never half an answer. */
type Ill = 'throttled' | 'unavailable' | 'reset before' | 'lost after' | 'cut short' | 'not its own'
const ills: readonly Ill[] = ['throttled', 'unavailable', 'reset before', 'lost after', 'cut short', 'not its own']
const { publicKey, privateKey } = generateKeyPairSync('ed25519')
const stored = new Map<string, Buffer>()
let plan: Ill[] = []
let asked = 0

function answer(request: IncomingMessage, body: Buffer): { readonly status: number; readonly bytes: Buffer } {
  const target = String(request.headers['x-amz-target'] ?? '')
  const json = (value: object) => ({ status: 200, bytes: Buffer.from(JSON.stringify(value)) })
  if (target.endsWith('.Sign')) return json({ Signature: sign(null, Buffer.from(String((JSON.parse(body.toString()) as { Message: string }).Message), 'base64'), privateKey).toString('base64') })
  if (target.endsWith('.GetPublicKey')) return json({ PublicKey: publicKey.export({ format: 'der', type: 'spki' }).toString('base64') })
  if (target.endsWith('.GetSecretValue')) return json({ SecretString: 'postgres://r:x@db/shop' })
  if (request.url === '/v2/email/outbound-emails') return json({ MessageId: 'm' })
  const path = request.url ?? ''
  const there = stored.get(path)
  if (request.method === 'GET') return there ? { status: 200, bytes: there } : { status: 404, bytes: Buffer.from('<Error><Code>NoSuchKey</Code></Error>') }
  if (there) return { status: 412, bytes: Buffer.from('<Error><Code>PreconditionFailed</Code></Error>') }
  stored.set(path, body)
  return { status: 200, bytes: Buffer.alloc(0) }
}
const server = createServer(async (request, response) => {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  asked++
  ail(plan.shift(), request, () => answer(request, Buffer.concat(chunks)), response)
})
/** Throttling is said by each service in words of its own: KMS and Secrets Manager with 400 and a type, SES with 429, S3 with 503. */
function throttle({ headers, url }: IncomingMessage): { readonly status: number; readonly bytes: string } {
  if (headers['x-amz-target'] !== undefined) return { status: 400, bytes: '{"__type":"ThrottlingException","message":"Rate exceeded"}' }
  return url === '/v2/email/outbound-emails' ? { status: 429, bytes: '{"message":"Too many requests"}' } : { status: 503, bytes: '<Error><Code>SlowDown</Code></Error>' }
}
function ail(ill: Ill | undefined, request: IncomingMessage, act: () => { readonly status: number; readonly bytes: Buffer }, response: ServerResponse): void {
  switch (ill) {
    case 'throttled': { const { status, bytes } = throttle(request); response.writeHead(status).end(bytes); return }
    case 'unavailable': response.writeHead(503).end('<Error><Code>ServiceUnavailable</Code></Error>'); return
    case 'reset before': response.destroy(); return
    case 'lost after': act(); response.destroy(); return
    case 'cut short': { const { bytes } = act(); response.writeHead(200, { 'content-length': bytes.length + 10 }).write(bytes.subarray(0, bytes.length / 2)); setImmediate(() => response.destroy()); return }
    case 'not its own': response.writeHead(502, { 'content-type': 'text/html' }).end('<html>a proxy</html>'); return
    case undefined: { const { status, bytes } = act(); response.writeHead(status).end(bytes) }
  }
}
await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
const place = { region: 'eu-west-1', endpoint, credentials, now: Date.now }
const signer = createSigner({ ...place, name: 'acme.dev/audit', keyId: 'arn:aws:kms:eu-west-1:123456789012:key/ab' })
const objects = createObjects({ ...place, mode: 'COMPLIANCE', until: async () => Date.now() + 86_400_000 })
afterAll(() => { signer.close(); objects.close(); server.closeAllConnections(); server.close() })
beforeEach(() => { plan = []; asked = 0; stored.clear() })
const bytes = new TextEncoder().encode('a tile')

describe.each(ills)('%s', (ill) => {
  test('a signature is whole in the end', async () => {
    plan = [ill, ill]
    expect((await signer.sign(bytes)).length).toBe(64)
  })
  test('an object is created once and is what it is, whether its first write came through or not', async () => {
    plan = [ill]
    expect(['created', 'same']).toContain(await objects.create('tile/0/000', bytes))
    expect([...stored.values()]).toEqual([Buffer.from(bytes)])
    plan = [ill]
    expect(Buffer.from((await objects.get('tile/0/000')) ?? []).toString()).toBe('a tile')
  })
  test('other bytes at its name are never taken for its own, also when the answer was lost', async () => {
    stored.set('/tile/0/000', Buffer.from('another tile'))
    plan = [ill, ill]
    await expect(objects.create('tile/0/000', bytes)).rejects.toMatchObject({ code: 'internal' })
    expect(stored.get('/tile/0/000')?.toString()).toBe('another tile')
  })
  test('a secret is whole, or a fault that is nobody else\'s', async () => {
    const vault = createVault({ ...place, prefix: 'sluice-test' })
    plan = [ill, ill]
    expect(await vault.get('shop-read')).toBe('postgres://r:x@db/shop')
    vault.close()
  })
  test('for ever: a fault after a few attempts, and never one without end', async () => {
    plan = Array.from({ length: 40 }, () => ill)
    const vault = createVault({ ...place, prefix: 'sluice-test' })
    await Promise.all([
      expect(signer.sign(bytes)).rejects.toMatchObject({ code: 'store-unavailable' }),
      expect(objects.create('tile/0/001', bytes)).rejects.toMatchObject({ code: 'store-unavailable' }),
      expect(vault.get('shop-read')).rejects.toMatchObject({ code: 'store-unavailable', message: expect.not.stringContaining('html') as string }),
    ])
    expect(asked).toBe(12)
    vault.close()
  })
  test('a mail is asked for once: sent twice would be two', async () => {
    plan = [ill]
    const mail = createMail({ region: 'eu-west-1', credentials, endpoint, from: 'sluice@acme.dev' })
    await expect(mail({ to: 'a@acme.dev', subject: 'x', text: 'x', html: 'x' })).rejects.toThrow()
    expect(asked).toBe(1)
  })
})
