import { Fault, type Signer } from '../ports.ts'
import { type Answer, createCall } from './call.ts'
import type { Place } from './dynamo.ts'

/** DER of an Ed25519 public key (RFC 8410) before its 32 bytes. */
const prefix = Buffer.from('302a300506032b6570032100', 'hex')
const passing = new Set(['ThrottlingException', 'KMSInternalException', 'DependencyTimeoutException', 'KeyUnavailableException'])

/** The log's key in KMS: spec ECC_NIST_EDWARDS25519, messages RAW, so what is signed is what any Ed25519 verifier checks. `keyId`: the key's ARN, not an alias, which may move. */
export function createSigner({ name, keyId, ...place }: Place & { readonly name: string; readonly keyId: string; readonly now: () => number }): Signer & { close(): void } {
  const call = createCall('kms', place, (answer) => passing.has(typeOf(answer)))
  let known: Promise<Uint8Array> | null = null

  async function ask(operation: 'Sign' | 'GetPublicKey', input: object): Promise<Readonly<Record<string, unknown>>> {
    const answer = await call({
      method: 'POST', path: '/', headers: { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': `TrentService.${operation}` }, body: Buffer.from(JSON.stringify(input)),
    })
    if (answer.status !== 200) throw new Fault('store-unavailable', `the key store answered ${answer.status} ${typeOf(answer)}`)
    return read(answer)
  }

  async function load(): Promise<Uint8Array> {
    const der = bytesOf((await ask('GetPublicKey', { KeyId: keyId }))['PublicKey'])
    if (der.length !== 44 || !prefix.equals(der.subarray(0, 12))) throw new Fault('internal', 'the log\'s key is not an ed25519 key')
    return new Uint8Array(der.subarray(12))
  }

  return {
    name,
    publicKey: () => {
      known ??= load().catch((error: unknown) => { known = null; throw error })
      return known
    },
    sign: async (message) => {
      const signature = bytesOf((await ask('Sign', { KeyId: keyId, Message: Buffer.from(message).toString('base64'), MessageType: 'RAW', SigningAlgorithm: 'ED25519_SHA_512' }))['Signature'])
      if (signature.length !== 64) throw new Fault('internal', 'the key store gave no ed25519 signature')
      return new Uint8Array(signature)
    },
    close: () => call.close(),
  }
}

function read(answer: Answer): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(answer.body.toString())
    if (typeof value === 'object' && value !== null) return value as Readonly<Record<string, unknown>>
  } catch {
    return {}
  }
  return {}
}
const typeOf = (answer: Answer): string => String(read(answer)['__type'] ?? '').replace(/^.*#/, '')
const bytesOf = (text: unknown): Buffer => Buffer.from(typeof text === 'string' ? text : '', 'base64')
