import { createHmac, timingSafeEqual } from 'node:crypto'

/**
 * Task tokens: which execution (16 bytes), which change of it (6), and a MAC (32) under a key of this state directory. Nobody else can make one, one
 * of another execution or attempt opens nothing, and none has to be stored to be recognised after a restart.
 */
export interface Tokens {
  make(execution: string, seq: number): string
  /** null: not a token of ours. Whether what it names still waits is for whoever holds the executions. */
  read(token: string): { readonly execution: string; readonly seq: number } | null
}
const bodyBytes = 22
const macBytes = 32

export function createTokens(key: Buffer): Tokens {
  const mac = (body: Buffer) => createHmac('sha256', key).update(body).digest()
  return {
    make(execution, seq) {
      const body = Buffer.alloc(bodyBytes)
      body.write(execution, 'hex')
      body.writeUIntBE(seq, 16, 6)
      return Buffer.concat([body, mac(body)]).toString('base64url')
    },
    read(token) {
      const bytes = Buffer.from(token, 'base64url')
      // Base64 of other spelling decodes to the same bytes: one token, one spelling.
      if (bytes.length !== bodyBytes + macBytes || bytes.toString('base64url') !== token) return null
      const body = bytes.subarray(0, bodyBytes)
      return timingSafeEqual(mac(body), bytes.subarray(bodyBytes)) ? { execution: body.toString('hex', 0, 16), seq: body.readUIntBE(16, 6) } : null
    },
  }
}
