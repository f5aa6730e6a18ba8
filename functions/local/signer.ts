import { createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto'
import { link, open, readFile, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { Signer } from '../ports.ts'

/**
 * The log's key, in `log-key.pem` (0600) of the state directory; made where there is none. Throws one line when the file is not what it should be: another key
 * would make every old checkpoint somebody else's.
 */
export async function keepSigner(directory: string, name: string): Promise<Signer> {
  const path = join(directory, 'log-key.pem')
  const key = await readKey(path) ?? await makeKey(path)
  const jwk = createPublicKey(key).export({ format: 'jwk' })
  const publicKey = new Uint8Array(Buffer.from(String(jwk.x), 'base64url'))
  return { name, publicKey: async () => publicKey, sign: async (message) => new Uint8Array(sign(null, message, key)) }
}

async function readKey(path: string): Promise<KeyObject | null> {
  let pem: string
  try {
    pem = await readFile(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw new Error(`corrupt state: \`${path}\` cannot be read`, { cause: error })
  }
  try {
    const key = createPrivateKey(pem)
    if (key.asymmetricKeyType === 'ed25519') return key
  } catch (error) {
    throw new Error(`corrupt state: \`${path}\` is no ed25519 key; put it back, or begin a new state directory`, { cause: error })
  }
  throw new Error(`corrupt state: \`${path}\` is no ed25519 key; put it back, or begin a new state directory`)
}

/** Whole before it has its name, and never over another: two that start at once end up with one key. */
async function makeKey(path: string): Promise<KeyObject> {
  const { privateKey } = generateKeyPairSync('ed25519')
  const draft = `${path}.${randomBytes(6).toString('hex')}`
  const file = await open(draft, 'wx', 0o600)
  try {
    await file.writeFile(privateKey.export({ format: 'pem', type: 'pkcs8' }))
    await file.sync()
  } finally {
    await file.close()
  }
  try {
    await link(draft, path)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  } finally {
    await unlink(draft)
  }
  const kept = await readKey(path)
  if (kept === null) throw new Error(`\`${path}\` could not be written`)
  return kept
}
