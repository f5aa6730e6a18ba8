import type { Socket } from 'node:net'

/** The server's side of PostgreSQL's wire protocol, as far as a login needs it. */
export interface Frame { readonly type: string; readonly bytes: Buffer }
const maxBytes = 64 * 1024 * 1024

function message(type: string, ...parts: readonly (Buffer | string)[]): Buffer {
  const body = Buffer.concat(parts.map((part) => typeof part === 'string' ? Buffer.from(`${part}\0`) : part))
  const head = Buffer.alloc(5)
  head.write(type, 'latin1')
  head.writeInt32BE(body.length + 4, 1)
  return Buffer.concat([head, body])
}
const int32 = (value: number) => {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}
export const passwordRequest = message('R', int32(3))
const parameters = { server_encoding: 'UTF8', client_encoding: 'UTF8', DateStyle: 'ISO, MDY', TimeZone: 'UTC', integer_datetimes: 'on', standard_conforming_strings: 'on' }
export const authenticated = (version: string): Buffer => Buffer.concat([
  message('R', int32(0)), ...Object.entries({ server_version: version, ...parameters }).map(([name, value]) => message('S', name, value)), message('K', int32(0), int32(0)), message('Z', Buffer.from('I')),
])
export const fatal = (code: string, text: string): Buffer => message('E', 'SFATAL', 'VFATAL', `C${code}`, `M${text}`, Buffer.alloc(1))

/** Everything before the password: TLS is declined, a cancel has nothing to cancel. `user` null: no login came. */
export async function startups(bytes: AsyncIterator<Buffer>, socket: Socket): Promise<{ user: string | null; database: string; rest: Buffer }> {
  let buffer: Buffer = Buffer.alloc(0)
  for (;;) {
    while (buffer.length < 8 || buffer.length < buffer.readInt32BE(0)) {
      const { value, done } = await bytes.next()
      if (done || buffer.length > 10_000) return { user: null, database: '', rest: buffer }
      buffer = Buffer.concat([buffer, value])
    }
    const length = buffer.readInt32BE(0)
    const code = buffer.readInt32BE(4)
    const body = buffer.subarray(8, length)
    buffer = buffer.subarray(length)
    if (code === 80_877_103 || code === 80_877_104) socket.write('N')
    else if (code >>> 16 === 3) {
      const words = body.toString('utf8').split('\0')
      const pairs = new Map<string, string>()
      for (let at = 0; at + 1 < words.length && words[at]; at += 2) pairs.set(words[at] ?? '', words[at + 1] ?? '')
      const user = pairs.get('user') ?? null
      return { user, database: pairs.get('database') ?? user ?? '', rest: buffer }
    } else return { user: null, database: '', rest: buffer }
  }
}

/** The client's messages, whole. */
export async function* frames(bytes: AsyncIterator<Buffer>, rest: Buffer): AsyncGenerator<Frame, void> {
  let buffer = rest
  for (;;) {
    while (buffer.length >= 5 && buffer.length >= 1 + buffer.readInt32BE(1)) {
      const length = 1 + buffer.readInt32BE(1)
      if (length < 5) return
      yield { type: String.fromCharCode(buffer[0] ?? 0), bytes: buffer.subarray(0, length) }
      buffer = buffer.subarray(length)
    }
    if (buffer.length > maxBytes) return
    const { value, done } = await bytes.next()
    if (done) return
    buffer = Buffer.concat([buffer, value])
  }
}
