import { createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { createSigner } from '../../functions/aws/signer.ts'
import { keepSigner, keepSigners } from '../../functions/local/signer.ts'
import { credentials } from '../contract/rig.ts'

const { publicKey, privateKey } = generateKeyPairSync('ed25519')
const der = publicKey.export({ format: 'der', type: 'spki' })
const asked: { target: string; body: Record<string, unknown>; authorization: string }[] = []
const next: { status: number; body: object }[] = []
const server = createServer(async (request, response) => {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const body = JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>
  const target = String(request.headers['x-amz-target'])
  asked.push({ target, body, authorization: String(request.headers.authorization) })
  const injected = next.shift()
  if (injected) return void response.writeHead(injected.status).end(JSON.stringify(injected.body))
  response.end(JSON.stringify(target === 'TrentService.GetPublicKey' ? { PublicKey: der.toString('base64') } : { Signature: sign(null, Buffer.from(String(body['Message']), 'base64'), privateKey).toString('base64') }))
})
await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
const keyId = 'arn:aws:kms:eu-west-1:123456789012:key/ab'
const signer = createSigner({ region: 'eu-west-1', endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, credentials, now: Date.now, name: 'acme.dev/audit', keyId })
afterAll(() => { signer.close(); server.close() })

test('KMS is asked for a raw Ed25519 signature, which holds', async () => {
  const message = Buffer.from('acme.dev/audit\n1\nroot\n')
  const signature = await signer.sign(message)
  expect(verify(null, message, publicKey, signature)).toBe(true)
  expect(asked.at(-1)).toMatchObject({ target: 'TrentService.Sign', body: { KeyId: keyId, Message: message.toString('base64'), MessageType: 'RAW', SigningAlgorithm: 'ED25519_SHA_512' } })
  expect(asked.at(-1)?.authorization).toContain('/eu-west-1/kms/aws4_request')
})

test('its public key is read once, and only an Ed25519 one is taken', async () => {
  next.push({ status: 200, body: { PublicKey: generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'der', type: 'spki' }).toString('base64') } })
  await expect(signer.publicKey()).rejects.toMatchObject({ code: 'internal' })
  expect(Buffer.from(await signer.publicKey())).toEqual(der.subarray(12))
  const before = asked.length
  await signer.publicKey()
  expect(asked).toHaveLength(before)
})

test('what may pass is tried again, a refusal is a fault', async () => {
  next.push({ status: 400, body: { __type: 'ThrottlingException' } }, { status: 500, body: {} })
  expect((await signer.sign(Buffer.from('x'))).length).toBe(64)
  next.push({ status: 400, body: { __type: 'AccessDeniedException' } })
  await expect(signer.sign(Buffer.from('x'))).rejects.toMatchObject({ code: 'store-unavailable' })
})

test('on one machine the key is made once, closed to others, and never replaced by another', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-key-'))
  const [one, two] = await Promise.all([keepSigner(directory, 'sluice.local/audit'), keepSigner(directory, 'sluice.local/audit')])
  expect(await one.publicKey()).toEqual(await two.publicKey())
  const key = createPublicKey({ key: Buffer.concat([der.subarray(0, 12), await one.publicKey()]), format: 'der', type: 'spki' })
  expect(verify(null, Buffer.from('x'), key, await (await keepSigner(directory, 'n')).sign(Buffer.from('x')))).toBe(true)
  expect(statSync(join(directory, 'log-key.pem')).mode & 0o777).toBe(0o600)
  const before = await keepSigners(directory, 'n')
  expect(before.further).toEqual([])
  const after = await keepSigners(directory, 'n', true)
  const again = await keepSigners(directory, 'n')
  expect(await again.signer.publicKey()).toEqual(await one.publicKey())
  expect(await again.further?.[0]?.publicKey()).toEqual(await after.further?.[0]?.publicKey())
  expect(await again.further?.[0]?.publicKey()).not.toEqual(await one.publicKey())
  expect(statSync(join(directory, 'log-key-2.pem')).mode & 0o777).toBe(0o600)
  expect((await keepSigners(directory, 'n', true)).further?.length).toBe(2)
  writeFileSync(join(directory, 'log-key.pem'), '')
  await expect(keepSigner(directory, 'n')).rejects.toThrow('corrupt state')
  rmSync(directory, { recursive: true })
})
