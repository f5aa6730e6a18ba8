import { randomBytes } from 'node:crypto'
import { chmod, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, type CryptoKey, type JWK } from 'jose'
import * as z from 'zod'

/** The provider's own ES256 key, and the secret that signs its cookies. */
export interface IdentityKey {
  readonly kid: string
  readonly private: JWK
  readonly public: JWK
  readonly signer: CryptoKey
  readonly cookieSecret: string
}
const text = z.string().regex(/^[A-Za-z0-9_-]{16,128}$/)
const stored = z.strictObject({
  key: z.strictObject({ kty: z.literal('EC'), crv: z.literal('P-256'), x: text, y: text, d: text }),
  cookieSecret: text,
})

/** The key kept in `directory`, made on first use. Throws when the file is there and cannot be used: a new key in silence would end every token. */
export async function loadKey(directory: string | null): Promise<IdentityKey> {
  const file = directory === null ? null : join(directory, 'identity.json')
  const found = file === null ? null : await read(file)
  const content = found ?? await generate()
  if (file !== null && found === null) await write(file, JSON.stringify(content))
  const kid = await calculateJwkThumbprint(content.key)
  const { d: _d, ...half } = content.key
  const signer = await importJWK(content.key, 'ES256').catch(() => null)
  if (signer === null || signer instanceof Uint8Array) throw corrupt(file)
  const extra = { kid, use: 'sig', alg: 'ES256' }
  return { kid, private: { ...content.key, ...extra }, public: { ...half, ...extra }, signer, cookieSecret: content.cookieSecret }
}

async function generate(): Promise<z.infer<typeof stored>> {
  const pair = await generateKeyPair('ES256', { extractable: true })
  return stored.parse({ key: await exportJWK(pair.privateKey), cookieSecret: randomBytes(32).toString('base64url') })
}

async function read(file: string): Promise<z.infer<typeof stored> | null> {
  const content = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw error
  })
  if (content === null) return null
  await chmod(file, 0o600)
  try {
    return stored.parse(JSON.parse(content))
  } catch {
    throw corrupt(file)
  }
}

/** Whole or not at all: a crash in between leaves a temporary file and no key, and the next start makes one. */
async function write(file: string, content: string): Promise<void> {
  const beside = `${file}.${randomBytes(6).toString('hex')}`
  try {
    await writeFile(beside, content, { mode: 0o600, flag: 'wx' })
    await rename(beside, file)
  } catch (error) {
    await rm(beside, { force: true })
    throw error
  }
}

const corrupt = (file: string | null): Error => new Error(`corrupt state: \`${file ?? 'identity.json'}\` holds no usable key; delete it to get a new one, which ends every local token`)
