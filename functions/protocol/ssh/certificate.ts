import { createPublicKey, type KeyObject, randomBytes, sign } from 'node:crypto'

/**
 * OpenSSH certificates (OpenSSH, PROTOCOL.certkeys: `ssh-ed25519-cert-v01@openssh.com`). One is made for each command: it lets a key that nobody else ever had log in as one user, for a minute, to run this one line and
 * nothing else (`force-command`), without a terminal, an agent, or any forwarding. So what the host's own sshd lets happen is what was decided, whoever gets hold of the key meanwhile.
 */
export interface Certified {
  /** Ed25519: the key that logs in. */
  readonly subject: KeyObject
  readonly login: string
  readonly command: string
  /** What sshd writes into its log of the login. */
  readonly id: string
  /** Seconds since the epoch. */
  readonly from: number; readonly until: number
}
export const certificateType = 'ssh-ed25519-cert-v01@openssh.com'
const userType = 1

/** RFC 4251, 5. */
export function text(value: string | Uint8Array): Buffer {
  const bytes = Buffer.from(value)
  return Buffer.concat([uint32(bytes.length), bytes])
}
export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}
function uint64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(value)
  return bytes
}
/** The 32 bytes of an Ed25519 key (RFC 8032), public. Throws TypeError for another kind of key. */
export function rawKey(key: KeyObject): Buffer {
  if (key.asymmetricKeyType !== 'ed25519') throw new TypeError('not an Ed25519 key')
  const { x } = (key.type === 'public' ? key : createPublicKey(key)).export({ format: 'jwk' })
  return Buffer.from(x ?? '', 'base64url')
}
/** Of an Ed25519 key, as it comes on the wire (RFC 8709, 4). */
export const publicBlob = (key: KeyObject): Buffer => Buffer.concat([text('ssh-ed25519'), text(rawKey(key))])
/** RFC 8709, 6. */
export const signatureBlob = (data: Uint8Array, key: KeyObject): Buffer => Buffer.concat([text('ssh-ed25519'), text(sign(null, data, key))])

/** The certificate as it goes over the wire. `authority`: the private Ed25519 key that the host trusts (`TrustedUserCAKeys`). Throws TypeError for another kind of key. */
export function certificate({ subject, login, command, id, from, until }: Certified, authority: KeyObject): Buffer {
  const body = Buffer.concat([
    text(certificateType), text(randomBytes(32)), text(rawKey(subject)), uint64(randomBytes(8).readBigUInt64BE()), uint32(userType), text(id), text(text(login)), uint64(BigInt(from)), uint64(BigInt(until)),
    text(Buffer.concat([text('force-command'), text(text(command))])), text(''), text(''), text(publicBlob(authority)),
  ])
  return Buffer.concat([body, text(signatureBlob(body, authority))])
}

/** A private Ed25519 key as OpenSSH writes it (PROTOCOL.key), the one form in which the library reads it. Its own writer loses the first byte of a public key that begins with zeros, which is one in 256. */
export function keyText(key: KeyObject): string {
  const { d = '', x = '' } = key.export({ format: 'jwk' })
  const [seed, open] = [Buffer.from(d, 'base64url'), Buffer.from(x, 'base64url')]
  const check = randomBytes(4)
  const body = Buffer.concat([check, check, text('ssh-ed25519'), text(open), text(Buffer.concat([seed, open])), text('')])
  const padding = Buffer.from(Array.from({ length: (8 - body.length % 8) % 8 }, (_, i) => i + 1))
  const whole = Buffer.concat([Buffer.from('openssh-key-v1\0'), text('none'), text('none'), text(''), uint32(1), text(publicBlob(key)), text(Buffer.concat([body, padding]))])
  return `-----BEGIN OPENSSH PRIVATE KEY-----\n${whole.toString('base64').replace(/.{1,70}/g, '$&\n')}-----END OPENSSH PRIVATE KEY-----\n`
}
