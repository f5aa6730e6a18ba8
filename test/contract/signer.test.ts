import { createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createSigner } from '../../functions/aws/signer.ts'
import { keepSigner } from '../../functions/local/signer.ts'
import type { Signer } from '../../functions/ports.ts'
import { credentials } from './rig.ts'

interface Rig { readonly signer: Signer; /** Another process. */ other(): Promise<Signer>; close(): void }
const name = 'acme.dev/audit'
const spki = Buffer.from('302a300506032b6570032100', 'hex')
const keyOf = async (signer: Signer) => createPublicKey({ key: Buffer.concat([spki, await signer.publicKey()]), format: 'der', type: 'spki' })

function signerContract(by: string, create: () => Promise<Rig>): void {
  describe(`signer by ${by}`, () => {
    let rig: Rig
    beforeEach(async () => { rig = await create() })
    afterEach(() => rig.close())
    test('has the name it was given and a public key of 32 bytes, the same to every process', async () => {
      expect(rig.signer.name).toBe(name)
      expect(await rig.signer.publicKey()).toHaveLength(32)
      expect(await (await rig.other()).publicKey()).toEqual(await rig.signer.publicKey())
    })
    test('signs the bytes as they are: empty, a note, 4 KB; each signature holds, and for no other bytes', async () => {
      const key = await keyOf(rig.signer)
      for (const message of [new Uint8Array(), Buffer.from('acme.dev/audit\n1\nroot\n'), Buffer.alloc(4096, 255)]) {
        const signature = await rig.signer.sign(message)
        expect(signature).toHaveLength(64)
        expect(verify(null, message, key, signature)).toBe(true)
        expect(verify(null, Buffer.concat([message, Buffer.of(0)]), key, signature)).toBe(false)
      }
    })
    test('the same bytes give the same signature, whoever signs and however many at once', async () => {
      const [first, ...rest] = await Promise.all([rig.signer, await rig.other(), rig.signer].map((signer) => signer.sign(Buffer.from('once'))))
      for (const signature of rest) expect(signature).toEqual(first)
    })
  })
}

signerContract('a file on this machine', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-key-'))
  return { signer: await keepSigner(directory, name), other: () => keepSigner(directory, name), close: () => rmSync(directory, { recursive: true }) }
})
signerContract('KMS, every second answer lost or throttled', async () => {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  let calls = 0
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    calls++
    if (calls % 4 === 1) return void response.destroy()
    if (calls % 4 === 3) return void response.writeHead(400).end(JSON.stringify({ __type: 'ThrottlingException' }))
    const { Message } = JSON.parse(Buffer.concat(chunks).toString()) as { Message?: string }
    response.end(JSON.stringify(Message === undefined ? { PublicKey: publicKey.export({ format: 'der', type: 'spki' }).toString('base64') } : { Signature: sign(null, Buffer.from(Message, 'base64'), privateKey).toString('base64') }))
  })
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  const opened: { close(): void }[] = []
  const open = () => { const signer = createSigner({ region: 'eu-west-1', endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, credentials, now: Date.now, name, keyId: 'arn:aws:kms:eu-west-1:123456789012:key/ab' }); opened.push(signer); return signer }
  return { signer: open(), other: async () => open(), close: () => { for (const one of opened) one.close(); server.close(); server.closeAllConnections() } }
})
