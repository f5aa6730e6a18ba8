import { createPublicKey, hash, verify } from 'node:crypto'
import { FormatError, fromBase64, fromUtf8 } from './format.ts'

/**
 * c2sp.org/signed-note: a text, a blank line, and signature lines. Read strictly, so that one note has one spelling: what is accepted here is what every other
 * reader of the format accepts, and no more.
 */
export interface Signature { readonly name: string; /** Four bytes, big-endian. */ readonly keyId: number; readonly bytes: Uint8Array }
export interface Note { /** Ends in a newline. */ readonly text: string; readonly signatures: readonly Signature[] }
/** A public key a note may be signed by. `ed25519` signs the text; `cosignature/v1` (c2sp.org/tlog-cosignature) a time and the text. */
export interface Key { readonly name: string; readonly keyId: number; readonly type: 'ed25519' | 'cosignature/v1'; /** 32 bytes. */ readonly publicKey: Uint8Array }
/** What signs: Ed25519 over the message as it is. */
export interface NoteSigner { readonly name: string; publicKey(): Promise<Uint8Array>; sign(message: Uint8Array): Promise<Uint8Array> }

const types = { ed25519: 1, 'cosignature/v1': 4 } as const
const maxNoteBytes = 256 * 1024
const maxSignatures = 100
const keyName = /^[^\p{White_Space}+]+$/u

/** Throws RangeError for a name no key may have, or a key that is not 32 bytes. */
export function keyOf(name: string, publicKey: Uint8Array, type: Key['type'] = 'ed25519'): Key {
  if (!keyName.test(name) || !name.isWellFormed() || /[\0-\x1f]/.test(name)) throw new RangeError('a key name is not empty and has no spaces, plus signs or controls')
  if (publicKey.length !== 32) throw new RangeError('an Ed25519 public key has 32 bytes')
  const id = Buffer.from(hash('sha256', Buffer.concat([Buffer.from(`${name}\n`), Buffer.of(types[type]), publicKey]), 'hex'), 'hex')
  return { name, keyId: id.readUInt32BE(0), type, publicKey }
}

const hex = (keyId: number): string => keyId.toString(16).padStart(8, '0')
/** `<name>+<key id, hex>+<base64 of type and key>`. */
export const formatVkey = ({ name, keyId, type, publicKey }: Key): string => `${name}+${hex(keyId)}+${Buffer.concat([Buffer.of(types[type]), publicKey]).toString('base64')}`

/** Throws FormatError; also where the key id is not that of the name and key. */
export function parseVkey(text: string): Key {
  const [, name = '', keyId = '', encoded = ''] = /^([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/u.exec(text) ?? []
  if (!keyName.test(name) || !name.isWellFormed() || /[\0-\x1f]/.test(name)) throw new FormatError('not a verifier key: NAME+KEYID+KEY')
  const bytes = fromBase64(encoded, 'the verifier key')
  const type = bytes[0] === types.ed25519 ? 'ed25519' : bytes[0] === types['cosignature/v1'] ? 'cosignature/v1' : null
  if (type === null || bytes.length !== 33) throw new FormatError('the verifier key is not Ed25519')
  const key = keyOf(name, bytes.subarray(1), type)
  if (hex(key.keyId) !== keyId) throw new FormatError('the key id of the verifier key is not that of its name and key')
  return key
}

/** Throws FormatError for anything that is not a signed note, whoever signed it. */
export function parseNote(bytes: Uint8Array): Note {
  if (bytes.length > maxNoteBytes) throw new FormatError('the note is too long')
  const whole = fromUtf8(bytes, 'the note')
  if (/[\0-\x09\x0b-\x1f]/.test(whole)) throw new FormatError('the note has a control character')
  const blank = whole.lastIndexOf('\n\n')
  if (blank < 0) throw new FormatError('the note has no blank line before its signatures')
  const text = whole.slice(0, blank + 1)
  const tail = whole.slice(blank + 2)
  if (!tail.endsWith('\n')) throw new FormatError('the note does not end with a signature line')
  const lines = tail.slice(0, -1).split('\n')
  if (lines.length > maxSignatures) throw new FormatError('the note has too many signatures')
  return { text, signatures: lines.map(readSignature) }
}

function readSignature(line: string): Signature {
  const space = line.indexOf(' ', 2)
  const name = line.slice(2, space)
  if (!line.startsWith('— ') || space < 0 || !keyName.test(name)) throw new FormatError('a signature line is not `— name signature`')
  const bytes = fromBase64(line.slice(space + 1), 'a signature')
  if (bytes.length < 5) throw new FormatError('a signature is too short')
  return { name, keyId: bytes.readUInt32BE(0), bytes: bytes.subarray(4) }
}

export function formatNote({ text, signatures }: Note): Buffer {
  const lines = signatures.map(({ name, keyId, bytes }) => `— ${name} ${Buffer.concat([idBytes(keyId), bytes]).toString('base64')}\n`)
  return Buffer.from(`${text}\n${lines.join('')}`)
}
function idBytes(keyId: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(keyId)
  return bytes
}

/**
 * Which of these keys signed the text. Signatures by other keys are left alone, as the format demands; one that names a key we know and is not by it makes the
 * whole note worthless: throws FormatError.
 */
export function signedBy(note: Note, keys: readonly Key[]): readonly Key[] {
  const found = new Set<Key>()
  for (const signature of note.signatures) {
    const key = keys.find(({ name, keyId }) => name === signature.name && keyId === signature.keyId)
    if (key === undefined) continue
    if (!holds(note.text, signature.bytes, key)) throw new FormatError('a signature by a known key does not hold')
    found.add(key)
  }
  return [...found]
}

/** Which of these witnesses cosigned the text, and when last, seconds since the epoch. Throws FormatError as `signedBy` does. */
export function cosignedBy(note: Note, witnesses: readonly Key[]): readonly { readonly key: Key; readonly seconds: number }[] {
  return signedBy(note, witnesses).map((key) => {
    const times = note.signatures.filter(({ name, keyId }) => name === key.name && keyId === key.keyId).map(({ bytes }) => Number(Buffer.from(bytes).readBigUInt64BE(0)))
    return { key, seconds: Math.max(...times) }
  })
}

function holds(text: string, bytes: Uint8Array, { type, publicKey }: Key): boolean {
  const timed = type === 'cosignature/v1'
  if (bytes.length !== (timed ? 72 : 64)) return false
  const message = timed ? cosigned(text, Buffer.from(bytes).readBigUInt64BE(0)) : Buffer.from(text)
  try {
    return verify(null, message, createPublicKey({ key: Buffer.concat([spki, publicKey]), format: 'der', type: 'spki' }), bytes.subarray(timed ? 8 : 0))
  } catch {
    return false                                                   // a key that is no point of the curve signs nothing
  }
}
/** What stands before the 32 bytes of an Ed25519 key in its SubjectPublicKeyInfo (RFC 8410). */
const spki = Buffer.from('302a300506032b6570032100', 'hex')
const cosigned = (text: string, seconds: bigint): Buffer => Buffer.from(`cosignature/v1\ntime ${seconds}\n${text}`)

/** The log's own signature of a text. */
export async function sign(text: string, signer: NoteSigner): Promise<Signature> {
  const { name, keyId } = keyOf(signer.name, await signer.publicKey())
  return { name, keyId, bytes: await signer.sign(Buffer.from(text)) }
}
/** A witness's signature of a checkpoint's text, as of `seconds` since the epoch. */
export async function cosign(text: string, signer: NoteSigner, seconds: number): Promise<Signature> {
  const { name, keyId } = keyOf(signer.name, await signer.publicKey(), 'cosignature/v1')
  const time = Buffer.alloc(8)
  time.writeBigUInt64BE(BigInt(seconds))
  return { name, keyId, bytes: Buffer.concat([time, await signer.sign(cosigned(text, BigInt(seconds)))]) }
}
