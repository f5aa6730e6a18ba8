import type { IncomingMessage, ServerResponse } from 'node:http'

const maxBodyBytes = 64 * 1024
/** A request the provider does not take; its message is for the caller. */
export class OutOfBounds extends Error {
  readonly status: number
  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

/**
 * Whether a request comes from this machine and not through a page of somebody else's in its browser: a loopback peer, a loopback name in Host (a
 * name rebound to 127.0.0.1 carries its own), and no Origin but ours. The sign-in form posts from our own origin; `Origin: null` is nobody's.
 */
export function fromHere(req: IncomingMessage, url: string): boolean {
  const peer = req.socket.remoteAddress ?? ''
  if (peer !== '::1' && !/^(::ffff:)?127\./.test(peer)) return false
  const host = req.headers.host ?? ''
  const name = URL.parse(`http://${host}`)?.hostname
  if (name !== '127.0.0.1' && name !== 'localhost' && name !== '[::1]') return false
  const { origin } = req.headers
  return origin === undefined || origin === `http://${host}` || origin === new URL(url).origin
}

export async function readBody(req: IncomingMessage, type: string): Promise<string> {
  // A form of another origin can post text/plain or urlencoded without asking; JSON it cannot.
  if ((req.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() !== type) throw new OutOfBounds(415, `the body must be ${type}`)
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of req as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > maxBodyBytes) throw new OutOfBounds(413, 'the body is over 64 KB')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

export function answer(res: ServerResponse, status: number, body: object): void {
  res.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' }).end(JSON.stringify(body))
}
