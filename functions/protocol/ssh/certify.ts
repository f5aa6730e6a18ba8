import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import type { Client } from 'ssh2'
import protocol from 'ssh2/lib/protocol/utils.js'
import { certificate, certificateType, keyText, signatureBlob, text } from './certificate.ts'

/** A clock at the host may be behind ours by so much, and a login takes its time. */
const [behindSeconds, aheadSeconds] = [60, 60]
const userauthRequest = 50
export interface Certification { readonly login: string; readonly command: string; readonly id: string; readonly now: () => number }
/** What of a session's protocol is used below the library's own surface: how it writes a packet, and which answers it waits for. */
interface Inner {
  readonly _kex: { readonly sessionID: Buffer }
  readonly _packetRW: { readonly write: { readonly allocStart: number; alloc(length: number): Buffer; finalize(packet: Buffer): Buffer } }
  readonly _authsQueue: string[]
  authPK: (...asked: unknown[]) => void
}

/**
 * Makes a key that only this session ever has, and has the client log in with a certificate over it (certificate.ts). The library writes one algorithm's name into a request and into its signature; a certificate's are two
 * (PROTOCOL.certkeys), so the request is written here (RFC 4252, 7), signed at once. Gives the key for the library to offer. `client`: not connected yet.
 */
export function certify(client: Client, { login, command, id, now }: Certification, authority: KeyObject): string {
  const { privateKey: key } = generateKeyPairSync('ed25519')
  const seconds = Math.floor(now() / 1000)
  const shown = certificate({ subject: key, login, command, id, from: seconds - behindSeconds, until: seconds + aheadSeconds }, authority)
  const request = Buffer.concat([Buffer.of(userauthRequest), text(login), text('ssh-connection'), text('publickey'), Buffer.of(1), text(certificateType), text(shown)])
  client.once('handshake', () => {
    const inner = (client as unknown as { readonly _protocol: Inner })._protocol
    inner.authPK = () => {
      const signed = Buffer.concat([request, text(signatureBlob(Buffer.concat([text(inner._kex.sessionID), request]), key))])
      const { write } = inner._packetRW
      const packet = write.alloc(signed.length)
      packet.set(signed, write.allocStart)
      inner._authsQueue.push('publickey')
      protocol.sendPacket(inner, write.finalize(packet))
    }
  })
  return keyText(key)
}
