import { createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto'
import { link, open, readFile, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { Log, Signer } from '../ports.ts'

/**
 * The log's keys: `log-key.pem` (0600) in the directory of the record, made where there is none, and those made after it, `log-key-2.pem` and on. `another`: one more is made, to follow the last. Which of them signs, the log says (functions/succession.ts), so none is ever renamed or taken away here. Throws one line when a file is not
 * what it should be: another key would make every old checkpoint somebody else's.
 */
export async function keepSigners(directory: string, name: string, another = false): Promise<Pick<Log, 'signer' | 'further'>> {
  const signer = await keepSigner(directory, name)
  const further: Signer[] = []
  const pathOf = (n: number): string => join(directory, `log-key-${n}.pem`)
  for (let key = await readKey(pathOf(2)); key !== null; key = await readKey(pathOf(further.length + 2))) further.push(signerOf(name, key))
  if (another) further.push(signerOf(name, await makeKey(pathOf(further.length + 2))))
  return { signer, further }
}

export async function keepSigner(directory: string, name: string): Promise<Signer> {
  const path = join(directory, 'log-key.pem')
  return signerOf(name, await readKey(path) ?? await makeKey(path))
}

function signerOf(name: string, key: KeyObject): Signer {
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
