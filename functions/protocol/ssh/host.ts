import { createPrivateKey, type KeyObject } from 'node:crypto'
import ssh2 from 'ssh2'
import * as z from 'zod'

/** A host as a secret names it: where, which keys it may have, and what opens it. */
export interface Host {
  readonly host: string
  readonly port: number
  /** Of the URL; the connection's `logins` come first. */
  readonly login: string | null
  /** As they come on the wire (RFC 4253, 6.6), with their algorithm: no other is believed, and none is learned. */
  readonly keys: readonly { readonly type: string; readonly blob: Buffer }[]
  /** `authority` signs a certificate for each command (certificate.ts); `key` is the login's own, as `authorized_keys` has it. */
  readonly credential: { readonly authority: KeyObject } | { readonly key: string }
}
export type Read = { readonly ok: true; readonly host: Host } | { readonly ok: false; readonly why: string }
const maxBytes = 64 * 1024
const keyTypes: ReadonlySet<string> = new Set(['ssh-ed25519', 'ecdsa-sha2-nistp256', 'ecdsa-sha2-nistp384', 'ecdsa-sha2-nistp521', 'ssh-rsa'])

const shape = z.strictObject({
  url: z.string().min(1), hostKeys: z.union([z.string().min(1), z.array(z.string().min(1)).min(1).max(8)]), authority: z.string().min(1).optional(), privateKey: z.string().min(1).optional(),
})

/**
 * The value of a connection's secret: JSON of `url` (`ssh://login@host:22`), `hostKeys` (lines of the host's `/etc/ssh/ssh_host_*_key.pub`), and either `authority`, the private key of a certificate
 * authority that the host trusts, or `privateKey`, one that the login's `authorized_keys` has; both as OpenSSH or PEM writes them, without a passphrase. What is wrong is said in words that quote no value.
 */
export function readHost(secret: string): Read {
  if (Buffer.byteLength(secret) > maxBytes) return no(`it is over ${maxBytes / 1024} KB`)
  let value: unknown
  try {
    value = JSON.parse(secret)
  } catch {
    return no('it is not JSON')                                     // the parser's words would quote it
  }
  const parsed = shape.safeParse(value)
  if (!parsed.success) return no(wordsOf(parsed.error))
  const { url, hostKeys, authority, privateKey } = parsed.data
  const place = URL.parse(url)
  if (place?.protocol !== 'ssh:' || place.hostname === '') return no('its `url` is not `ssh://login@host:port`')
  if (place.password || place.search || place.hash || place.pathname.length > 1) return no('its `url` carries a password, a path, a query or a fragment')
  const login = place.username === '' ? null : place.username             // what a URL would have to spell otherwise is in no user's name
  if (login !== null && !/^[A-Za-z_][A-Za-z0-9_.-]{0,63}$/.test(login)) return no('the login of its `url` is not a user name')
  const keys = [hostKeys].flat().flatMap((line) => line.split('\n')).map((line) => line.trim()).filter((line) => line !== '').map(keyOf)
  if (keys.length === 0 || keys.includes(null)) return no('its `hostKeys` are not public keys as `/etc/ssh/ssh_host_ed25519_key.pub` has them')
  const credential = credentialOf(authority, privateKey)
  if (typeof credential === 'string') return no(credential)
  return { ok: true, host: { host: place.hostname.replace(/^\[|\]$/g, ''), port: place.port === '' ? 22 : Number(place.port), login, keys: keys.filter((key) => key !== null), credential } }
}

const no = (why: string): Read => ({ ok: false, why })
function wordsOf({ issues: [issue] }: z.ZodError): string {
  if (issue?.code === 'unrecognized_keys') return `it has a member that is not known here: ${issue.keys.slice(0, 3).map((key) => `\`${key.slice(0, 40).replace(/[^\w.-]/g, '?')}\``).join(', ')}`
  return `\`${issue?.path.map(String).join('.') ?? ''}\` is missing or not of its kind`
}

function keyOf(line: string): Host['keys'][number] | null {
  const [type = '', encoded = ''] = line.split(/\s+/)
  const blob = Buffer.from(encoded, 'base64')
  const named = blob.length > 8 ? blob.subarray(4, 4 + blob.readUInt32BE(0)).toString('latin1') : ''
  return keyTypes.has(type) && named === type && blob.toString('base64') === encoded ? { type, blob } : null
}

function credentialOf(authority: string | undefined, privateKey: string | undefined): Host['credential'] | string {
  if (authority !== undefined && privateKey !== undefined) return 'it has both `authority` and `privateKey`: leave one'
  const given = authority ?? privateKey
  if (given === undefined) return 'it has neither `authority` nor `privateKey`'
  const parsed = ssh2.utils.parseKey(given)
  const [key] = parsed instanceof Error ? [] : [parsed].flat()
  const member = authority === undefined ? 'privateKey' : 'authority'
  if (key === undefined || !key.isPrivateKey()) return `its \`${member}\` is not a private key without a passphrase, as OpenSSH or PEM writes it`
  if (authority === undefined) return keyTypes.has(key.type) ? { key: given } : 'its `privateKey` is of a kind that is not safe'
  const pem = key.getPrivatePEM()
  return key.type === 'ssh-ed25519' ? { authority: createPrivateKey(pem) } : 'its `authority` is not an Ed25519 key (`ssh-keygen -t ed25519`)'
}
