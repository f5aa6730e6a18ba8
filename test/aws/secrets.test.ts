import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeEach, expect, test } from 'vitest'
import { createVault } from '../../functions/aws/secrets.ts'
import { credentials } from '../contract/rig.ts'

const asked: { target: string; body: unknown; authorization: string }[] = []
const next: { status: number; body: object }[] = []
const server = createServer(async (request, response) => {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  asked.push({ target: String(request.headers['x-amz-target']), body: JSON.parse(Buffer.concat(chunks).toString()), authorization: String(request.headers.authorization) })
  const injected = next.shift() ?? { status: 200, body: { SecretString: 'postgres://r:x@db/shop' } }
  response.writeHead(injected.status).end(JSON.stringify(injected.body))
})
await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
const clock = { ms: 1e12 }
const open = () => createVault({ region: 'eu-west-1', endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, credentials, now: () => clock.ms, prefix: 'sluice-production' })
afterAll(() => { server.close(); server.closeAllConnections() })
beforeEach(() => { asked.length = 0; next.length = 0 })

test('one secret is asked for once in five minutes, whoever wants it at once, and then anew', async () => {
  const vault = open()
  expect(await Promise.all([vault.get('shop-read'), vault.get('shop-read')])).toEqual(['postgres://r:x@db/shop', 'postgres://r:x@db/shop'])
  expect(asked).toHaveLength(1)
  expect(asked[0]).toMatchObject({ target: 'secretsmanager.GetSecretValue', body: { SecretId: 'sluice-production/shop-read' } })
  expect(asked[0]?.authorization).toContain('/eu-west-1/secretsmanager/aws4_request')
  clock.ms += 5 * 60_000
  next.push({ status: 200, body: { SecretString: 'rotated' } })
  expect(await vault.get('shop-read')).toBe('rotated')
  vault.close()
})

test.each([
  [{ status: 400, body: { __type: 'ResourceNotFoundException' } }, 'secret-missing'],
  [{ status: 400, body: { __type: 'AccessDeniedException', Message: 'User: arn:aws:sts::1:assumed-role/x is not authorized' } }, 'secret-missing'],
  [{ status: 200, body: { SecretString: '' } }, 'secret-missing'],
  [{ status: 200, body: { SecretBinary: 'AAAA' } }, 'secret-missing'],
  [{ status: 400, body: { __type: 'DecryptionFailure' } }, 'store-unavailable'],
])('%j is %s, says nothing of what the store said, and is nobody else\'s answer', async (answer, code) => {
  const vault = open()
  next.push(answer)
  await expect(vault.get('shop-read')).rejects.toMatchObject({ code, message: expect.not.stringContaining('arn:') as string })
  expect(await vault.get('shop-read')).toBe('postgres://r:x@db/shop')
  vault.close()
})

test('what may pass is tried again', async () => {
  const vault = open()
  next.push({ status: 400, body: { __type: 'ThrottlingException' } }, { status: 500, body: {} })
  expect(await vault.get('shop-read')).toBe('postgres://r:x@db/shop')
  expect(asked).toHaveLength(3)
  vault.close()
})
