import { createHash, createPrivateKey, generateKeyPairSync, randomBytes, sign, X509Certificate, type KeyObject } from 'node:crypto'
import { chmod, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** A certificate authority of this machine's stack: whoever has `certificate` trusts what it issues, and nothing else does. */
export interface Authority {
  /** PEM. */
  readonly certificate: string
  /** A server certificate for loopback, as `node:https` wants it. Made anew for each server; its key is never written down. */
  issue(name: string): { readonly key: string; readonly cert: string }
}
const dayMs = 86_400_000
const authorityMs = 3650 * dayMs
const serverMs = 365 * dayMs

/** Kept in `tls.json` (0600), so that kubeconfigs written earlier go on working; null: of this run alone. One about to end is made anew. Throws one line where the file is corrupt. */
export async function keepAuthority(directory: string | null, now: () => number): Promise<Authority> {
  const file = directory === null ? null : join(directory, 'tls.json')
  const kept = file === null ? null : await read(file)
  if (kept && Date.parse(new X509Certificate(kept.certificate).validTo) - now() > serverMs) return authority(kept, now)
  const made = make(now)
  if (file !== null) {
    await writeFile(`${file}.new`, JSON.stringify(made), { mode: 0o600 })
    await rename(`${file}.new`, file)
  }
  return authority(made, now)
}

interface Kept { readonly key: string; readonly certificate: string }
async function read(file: string): Promise<Kept | null> {
  const content = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw error
  })
  if (content === null) return null
  await chmod(file, 0o600)
  try {
    const kept = JSON.parse(content) as Kept
    if (!new X509Certificate(kept.certificate).checkPrivateKey(createPrivateKey(kept.key))) throw new Error('another key')
    return kept
  } catch {
    throw new Error(`corrupt state: \`${file}\` holds no usable certificate authority; delete it to get a new one, which ends every kubeconfig written so far`)
  }
}

function make(now: () => number): Kept {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const name = `sluice local ${randomBytes(4).toString('hex')}`
  const certificate = certify({ subject: name, publicKey, issuer: name, key: privateKey, from: now() - dayMs, to: now() + authorityMs, extensions: [
    extension('2.5.29.19', true, der(0x30, der(0x01, Buffer.from([0xff])), der(0x02, Buffer.from([0])))),     // basicConstraints: an authority, over no further one
    extension('2.5.29.15', true, der(0x03, Buffer.from([1, 0x06]))),                                          // keyUsage: keyCertSign, cRLSign
    extension('2.5.29.14', false, der(0x04, keyId(publicKey))),
  ] })
  return { key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), certificate }
}
function authority({ key, certificate }: Kept, now: () => number): Authority {
  const parent = createPrivateKey(key)
  const { subject, publicKey: parentKey } = new X509Certificate(certificate)
  return {
    certificate,
    issue(name) {
      const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      const cert = certify({ subject: name, publicKey, issuer: subject.replace(/^CN=/, ''), key: parent, from: now() - dayMs, to: now() + serverMs, extensions: [
        extension('2.5.29.19', true, der(0x30)),
        extension('2.5.29.15', true, der(0x03, Buffer.from([7, 0x80]))),                                        // keyUsage: digitalSignature
        extension('2.5.29.37', false, der(0x30, oid('1.3.6.1.5.5.7.3.1'))),                                    // extKeyUsage: serverAuth
        extension('2.5.29.17', false, der(0x30, der(0x82, Buffer.from('localhost')), der(0x87, Buffer.from([127, 0, 0, 1])), der(0x87, Buffer.from('00000000000000000000000000000001', 'hex')))),
        extension('2.5.29.35', false, der(0x30, der(0x80, keyId(parentKey)))),
      ] })
      return { key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), cert }
    },
  }
}

// RFC 5280, as much of it as one authority and its servers need. What is written here, node's own X509Certificate and Go's crypto/x509 read back in the tests.
const ecdsaWithSha256 = '1.2.840.10045.4.3.2'
interface Wanted { readonly subject: string; readonly publicKey: KeyObject; readonly issuer: string; readonly key: KeyObject; readonly from: number; readonly to: number; readonly extensions: readonly Buffer[] }
function certify({ subject, publicKey, issuer, key, from, to, extensions }: Wanted): string {
  const algorithm = der(0x30, oid(ecdsaWithSha256))
  const serial = Buffer.concat([Buffer.from([0x01]), randomBytes(15)])                                          // positive, and no zero at its front
  const body = der(0x30, der(0xa0, der(0x02, Buffer.from([2]))), der(0x02, serial), algorithm, named(issuer), der(0x30, time(from), time(to)), named(subject), publicKey.export({ type: 'spki', format: 'der' }), der(0xa3, der(0x30, ...extensions)))
  const whole = der(0x30, body, algorithm, bits(sign('sha256', body, key)))
  return `-----BEGIN CERTIFICATE-----\n${whole.toString('base64').replaceAll(/.{64}/g, '$&\n').trimEnd()}\n-----END CERTIFICATE-----\n`
}
function der(tag: number, ...content: readonly Buffer[]): Buffer {
  const inner = Buffer.concat(content)
  const bytes = [inner.length >> 8, inner.length & 255]
  const length = inner.length < 128 ? [inner.length] : inner.length < 256 ? [0x81, inner.length] : [0x82, ...bytes]
  return Buffer.concat([Buffer.from([tag, ...length]), inner])
}
function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  const base128 = (value: number, last = true): number[] => value < 128 ? [last ? value : value | 128] : [...base128(Math.floor(value / 128), false), last ? value % 128 : value % 128 | 128]
  return der(0x06, Buffer.from([first * 40 + second, ...rest.flatMap((part) => base128(part))]))
}
const bits = (content: Buffer): Buffer => der(0x03, Buffer.from([0]), content)
const named = (name: string): Buffer => der(0x30, der(0x31, der(0x30, oid('2.5.4.3'), der(0x0c, Buffer.from(name)))))
const time = (at: number): Buffer => { const spelled = new Date(at).toISOString().replaceAll(/[-:T]|\.\d+/g, ''); return Number(spelled.slice(0, 4)) < 2050 ? der(0x17, Buffer.from(spelled.slice(2))) : der(0x18, Buffer.from(spelled)) }
const extension = (id: string, critical: boolean, content: Buffer): Buffer => der(0x30, oid(id), ...(critical ? [der(0x01, Buffer.from([0xff]))] : []), der(0x04, content))
const keyId = (key: KeyObject): Buffer => createHash('sha1').update(key.export({ type: 'spki', format: 'der' })).digest()
