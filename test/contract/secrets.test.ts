import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createVault } from '../../functions/aws/secrets.ts'
import { createSecrets } from '../../functions/local/secrets.ts'
import type { Secrets } from '../../functions/ports.ts'
import { credentials } from './rig.ts'

interface Rig { readonly secrets: Secrets; put(values: Readonly<Record<string, string>>): void; /** The next call for a value finds nobody. */ readonly fail?: () => void; pass(ms: number): void; close(): void }

function secretsContract(name: string, create: () => Promise<Rig>): void {
  describe(`secrets by ${name}`, () => {
    let rig: Rig
    beforeEach(async () => { rig = await create() })
    afterEach(() => rig.close())
    test('a value is what was put in, whole, whoever asks at once', async () => {
      const value = 'postgres://r:x%2f"\\ü@db/shop?sslmode=require'
      rig.put({ 'shop-read': value, other: 'o' })
      expect(await Promise.all(Array.from({ length: 8 }, () => rig.secrets.get('shop-read')))).toEqual(Array.from({ length: 8 }, () => value))
      expect(await rig.secrets.get('other')).toBe('o')
    })
    test('one that is not there, or has no value, is a fault that names it and tells no other', async () => {
      rig.put({ 'shop-read': 'CANARY', empty: '' })
      for (const missing of ['shop-write', 'empty', 'shop', 'toString', '__proto__']) {
        await expect(rig.secrets.get(missing), missing).rejects.toMatchObject({ code: 'secret-missing', message: expect.not.stringContaining('CANARY') as string })
      }
    })
    test('a rotated value is in use five minutes later', async () => {
      rig.put({ 'shop-read': 'before' })
      expect(await rig.secrets.get('shop-read')).toBe('before')
      rig.put({ 'shop-read': 'after' })
      rig.pass(5 * 60_000)
      expect(await rig.secrets.get('shop-read')).toBe('after')
    })
    test('a failure is nobody\'s answer but its own', async () => {
      rig.put({ 'shop-read': 'value' })
      rig.fail?.()
      await rig.secrets.get(rig.fail ? 'shop-read' : 'missing').catch(() => {})
      expect(await rig.secrets.get('shop-read')).toBe('value')
    })
  })
}

secretsContract('a file on this machine', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-secrets-'))
  const file = join(directory, 'secrets.json')
  const clock = { ms: 1e12 }
  return {
    secrets: createSecrets({ file, env: {}, made: {}, now: () => clock.ms }), put: (values) => writeFileSync(file, JSON.stringify(values), { mode: 0o600 }),
    pass: (ms) => { clock.ms += ms }, close: () => rmSync(directory, { recursive: true }),
  }
})
secretsContract('Secrets Manager', async () => {
  const clock = { ms: 1e12 }
  let values: ReadonlyMap<string, string> = new Map()
  let broken = false
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const value = values.get((JSON.parse(Buffer.concat(chunks).toString()) as { SecretId: string }).SecretId)
    if (broken) {
      broken = false
      return void response.writeHead(400).end(JSON.stringify({ __type: 'DecryptionFailure' }))
    }
    response.writeHead(value === undefined ? 400 : 200).end(JSON.stringify(value === undefined ? { __type: 'ResourceNotFoundException', Message: 'CANARY' } : { SecretString: value }))
  })
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  const vault = createVault({ region: 'eu-west-1', endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, credentials, now: () => clock.ms, prefix: 'sluice-production' })
  return {
    secrets: vault, put: (given) => { values = new Map(Object.entries(given).map(([key, value]) => [`sluice-production/${key}`, value])) }, fail: () => { broken = true },
    pass: (ms) => { clock.ms += ms }, close: () => { vault.close(); server.close(); server.closeAllConnections() },
  }
})
