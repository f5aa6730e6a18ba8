import { createPrivateKey, randomBytes, sign, type KeyObject } from 'node:crypto'
import { lstat, readFile } from 'node:fs/promises'
import { FormatError, fromBase64 } from '../record/log/format.ts'
import { formatVkey, keyOf, type Key, type NoteSigner } from '../record/log/note.ts'
import { writeWhole } from './hold.ts'
import { exit, Stop } from './terminal.ts'

/** A witness's key: `PRIVATE+KEY+<name>+<key id, hex>+<base64 of 4 and the 32 bytes of the seed>`, one line, as Go's note package lays signer keys out, with the type of a cosignature. */
export interface Cosigner extends NoteSigner { readonly key: Key; readonly vkey: string }

const type = 4
const seedBytes = 32
/** What stands before the seed of an Ed25519 key in its PKCS #8 (RFC 8410). */
const pkcs8 = Buffer.from('302e020100300506032b657004220420', 'hex')

/** null: there is none. A key that others can read, and one that is damaged, sign nothing: throws Stop. */
export async function readCosigner(path: string, name: string | undefined): Promise<Cosigner | null> {
  const file = await lstat(path).catch((error: NodeJS.ErrnoException) => { if (error.code === 'ENOENT') return null; throw new Stop(exit.failed, `\`${path}\` cannot be read (${error.code ?? 'unknown'})`) })
  if (file === null) return null
  if (!file.isFile()) throw new Stop(exit.failed, `\`${path}\` is not a plain file`)
  if (file.mode & 0o077) throw new Stop(exit.failed, `\`${path}\` can be read by others: make it yours alone with \`chmod 600\`, or begin a new key if somebody may have it`)
  const cosigner = open(await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => { throw new Stop(exit.failed, `\`${path}\` cannot be read (${error.code ?? 'unknown'})`) }))
  if (cosigner === null) throw new Stop(exit.failed, `\`${path}\` is not a witness's key, or damaged; put it back, or name another file for a new one`)
  if (name !== undefined && name !== cosigner.name) throw new Stop(exit.invalid, `\`${path}\` is the key of \`${cosigner.name}\`, not of \`${name}\``)
  return cosigner
}

/** A new key in a file of its own, 0600. The caller holds the state's lock, and has seen that there is no such file. */
export async function makeCosigner(path: string, name: string): Promise<Cosigner> {
  const seed = randomBytes(seedBytes)
  const made = cosignerOf(name, seed)
  const [, keyId] = made.vkey.split('+')
  await writeWhole(path, Buffer.from(`PRIVATE+KEY+${name}+${keyId}+${Buffer.concat([Buffer.of(type), seed]).toString('base64')}\n`), 'new')
  return made
}

/** Throws Stop for a name no key may have. */
export function checkName(name: string): string {
  try {
    return keyOf(name, Buffer.alloc(32)).name
  } catch (error) {
    throw new Stop(exit.invalid, `--name: ${error instanceof Error ? error.message : 'cannot be read'}`)
  }
}

function open(line: string): Cosigner | null {
  const [, name = '', keyId = '', encoded = ''] = /^PRIVATE\+KEY\+([^+\s]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)\n$/u.exec(line) ?? []
  try {
    const bytes = fromBase64(encoded, 'the key')
    if (bytes.length !== 1 + seedBytes || bytes[0] !== type) return null
    const cosigner = cosignerOf(name, bytes.subarray(1))
    return cosigner.vkey.startsWith(`${name}+${keyId}+`) ? cosigner : null            // the key id is of name and key, so a changed byte shows
  } catch (error) {
    if (error instanceof FormatError || error instanceof RangeError) return null
    throw error
  }
}

function cosignerOf(name: string, seed: Uint8Array): Cosigner {
  const secret: KeyObject = createPrivateKey({ key: Buffer.concat([pkcs8, seed]), format: 'der', type: 'pkcs8' })
  const publicKey = Buffer.from(secret.export({ format: 'jwk' }).x ?? '', 'base64url')
  const key = keyOf(name, publicKey, 'cosignature/v1')
  return { name, key, vkey: formatVkey(key), publicKey: async () => publicKey, sign: async (message) => sign(null, message, secret) }
}
