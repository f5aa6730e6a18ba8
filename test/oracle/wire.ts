import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { ServerError, type Notice } from '../support/oracle.ts'
import type { Opened } from './session.ts'

/**
 * A man in the middle on the PostgreSQL wire: psql talks through it to the server, and before a query goes on, `before` may ask the same
 * backend things of its own, in the same session and transaction. So psql's whole suite runs as it is, variables, \gexec and COPY included.
 */
export interface Wire { readonly port: number; close(): Promise<void> }
export interface Seen {
  readonly sql: string
  /** As the last ReadyForQuery said: idle, in a transaction, in a failed one. */
  readonly transaction: 'I' | 'T' | 'E'
  readonly session: Opened
}
/** `after` gets the tags of what the query did, as in `CREATE TABLE`. */
export interface Watch { before(seen: Seen): Promise<void>; after(tags: readonly string[]): void }

export async function startWire(target: { readonly host: string; readonly port: number }, watch: Watch): Promise<Wire> {
  const open = new Set<Socket>()
  const server = createServer((client) => {
    const upstream = connect(target)
    for (const socket of [client, upstream]) {
      socket.setNoDelay(true)
      open.add(socket)
      socket.on('error', () => {}).on('close', () => { open.delete(socket); client.destroy(); upstream.destroy() })
    }
    relay(client, upstream, watch)
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      for (const socket of open) socket.destroy()
      await new Promise((done) => server.close(done))
    },
  }
}

interface Message { readonly type: string; readonly body: Buffer; readonly raw: Buffer }

function relay(client: Socket, upstream: Socket, watch: Watch): void {
  let transaction: Seen['transaction'] = 'I'
  let tags: string[] = []
  /** While set, what the server says is the answer to a question of ours, and psql does not see it. */
  let listener: ((message: Message) => void) | null = null
  const fromServer = framer(false, (message) => {
    if (message.type === 'Z') transaction = String.fromCharCode(message.body[0] ?? 73) as Seen['transaction']
    if (listener) return listener(message)
    if (message.type === 'C') tags.push(cstrings(message.body)[0] ?? '')
    if (message.type === 'Z') { watch.after(tags); tags = [] }
    client.write(message.raw)
  })
  const session = asker((bytes) => upstream.write(bytes), (to) => { listener = to }, upstream)
  let queue = Promise.resolve()
  const fromClient = framer(true, (message) => {
    queue = queue.then(async () => {
      if (message.type === 'Q') await watch.before({ sql: cstrings(message.body)[0] ?? '', transaction, session }).catch(() => {})
      upstream.write(message.raw)
    })
  })
  upstream.on('data', fromServer)
  client.on('data', fromClient)
}

/** Questions of our own on the backend: one at a time, each until ReadyForQuery. */
function asker(send: (bytes: Buffer) => void, listen: (to: ((message: Message) => void) | null) => void, upstream: Socket): Opened {
  function ask(bytes: Buffer): Promise<{ rows: Record<string, string | null>[]; notices: Notice[] }> {
    return new Promise((done, fail) => {
      let names: string[] = []
      let rows: Record<string, string | null>[] = []
      const notices: Notice[] = []
      let error: ServerError | null = null
      const closed = () => fail(new Error('the backend is gone'))
      upstream.once('close', closed)
      listen(({ type, body }) => {
        if (type === 'T') { names = fieldNames(body); rows = [] }
        else if (type === 'D') rows.push(dataRow(body, names))
        else if (type === 'N') notices.push(noticeOf(body))
        else if (type === 'E') { const said = fieldsOf(body); error ??= new ServerError(said.get('C') ?? 'XX000', said.get('M') ?? '') }
        else if (type === 'Z') {
          listen(null)
          upstream.off('close', closed)
          if (error) fail(error)
          else done({ rows, notices })
        }
      })
      send(bytes)
    })
  }
  /** Parse, Bind, Describe, Execute, Sync: one statement, parameters and answer as text. */
  function extended(sql: string, params: readonly unknown[]): ReturnType<typeof ask> {
    const values = params.map((value) => value === null || value === undefined ? int(-1) : sized(Buffer.from(typeof value === 'object' ? arrayText(value) : String(value as string))))
    return ask(Buffer.concat([
      frame('P', Buffer.concat([cstring(''), cstring(sql), short(0)])),
      frame('B', Buffer.concat([cstring(''), cstring(''), short(0), short(values.length), ...values, short(0)])),
      frame('D', Buffer.concat([Buffer.from('P'), cstring('')])), frame('E', Buffer.concat([cstring(''), int(0)])), frame('S', Buffer.alloc(0)),
    ]))
  }
  return {
    run: (sql) => ask(frame('Q', cstring(sql))),
    one: (sql) => extended(sql, []),
    read: async (_connection, sql, params = []) => (await extended(sql, params)).rows,
    close: async () => {},
  }
}

/** Cuts a byte stream into messages. A client's first one has no type byte, nor has the answer to an SSL request, which is one letter. */
function framer(client: boolean, each: (message: Message) => void): (chunk: Buffer) => void {
  let held: Buffer = Buffer.alloc(0)
  let started = !client
  return (chunk) => {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk])
    for (;;) {
      const header = started ? 5 : 4
      if (held.length < header) return
      const size = held.readUInt32BE(header - 4) + header - 4
      if (held.length < size) return
      const raw = held.subarray(0, size)
      held = held.subarray(size)
      each({ type: started ? String.fromCharCode(raw[0] ?? 0) : '', body: raw.subarray(header), raw })
      started = true
    }
  }
}

const int = (value: number) => { const bytes = Buffer.alloc(4); bytes.writeInt32BE(value); return bytes }
const short = (value: number) => { const bytes = Buffer.alloc(2); bytes.writeInt16BE(value); return bytes }
const sized = (bytes: Buffer) => Buffer.concat([int(bytes.length), bytes])
const cstring = (text: string) => Buffer.from(`${text}\0`)
const frame = (type: string, body: Buffer) => Buffer.concat([Buffer.from(type), int(body.length + 4), body])
const cstrings = (body: Buffer) => body.toString('utf8').split('\0')
const arrayText = (value: object) => Array.isArray(value) ? `{${value.map((item) => `"${String(item).replace(/[\\"]/g, '\\$&')}"`).join(',')}}` : JSON.stringify(value)

function fieldsOf(body: Buffer): Map<string, string> {
  return new Map(cstrings(body).filter((field) => field !== '').map((field) => [field[0] ?? '', field.slice(1)]))
}
function noticeOf(body: Buffer): Notice {
  const fields = fieldsOf(body)
  return { message: fields.get('M') ?? '', detail: fields.get('D') ?? '' }
}
function fieldNames(body: Buffer): string[] {
  const names: string[] = []
  for (let at = 2; at < body.length;) {
    const end = body.indexOf(0, at)
    names.push(body.toString('utf8', at, end))
    at = end + 19
  }
  return names
}
function dataRow(body: Buffer, names: readonly string[]): Record<string, string | null> {
  const row: Record<string, string | null> = {}
  let at = 2
  for (const name of names) {
    const length = body.readInt32BE(at)
    at += 4
    row[name] = length < 0 ? null : body.toString('utf8', at, at + length)
    at += Math.max(length, 0)
  }
  return row
}
