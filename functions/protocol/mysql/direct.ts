import { connect, isIP, type Socket } from 'node:net'
import { createConnection, type Connection, type ConnectionOptions } from 'mysql2'
import { addressBy, type Address, type Alarm } from '../address.ts'
import { createExchanges } from '../exchange.ts'
import { createPlaces } from '../places.ts'
import { TransportError } from '../post.ts'
import { fieldOf, type Column } from './field.ts'
import { binaryCharset, bytes, ServerError, type Bounds, type Field, type RawResult, type Session } from './transport.ts'

const maxOpen = 8
/** Descriptions and lengths beside the values. */
const overheadBytes = 512 * 1024
/** For a connection that stops what another does. */
const killMs = 2000
const scheme = { protocols: ['mysql:'], port: 3306, checked: ['ssl-mode', 'VERIFY_IDENTITY'] } as const

/**
 * The server's own protocol as the target port, by `mysql2`, for targets in a private network. Each session has a connection of its own, which ends with it, so that nothing of it (settings, user variables, locks by name,
 * temporary tables, a transaction) meets another. At most `maxOpen` at once to one secret. The text protocol alone, and nothing is put into a text here: a `?` is a character.
 */
export function createDirect(alarm: Alarm): (secret: string) => Session {
  const places = createPlaces(maxOpen)
  const addressOf = addressBy(scheme, alarm)
  return (secret) => {
    let opened: Opened | null = null
    let ended = false
    return {
      async run(text, { maxBytes, timeoutMs, cut, whose }) {
        const until = performance.now() + timeoutMs
        if (!ended) opened ??= await open(addressOf(secret), timeoutMs, await places.take(secret, timeoutMs, whose), cut, alarm)
        if (ended) opened?.end()                                     // also while it was opened, when there was nothing to end
        if (opened === null || ended) throw new TransportError('unreachable', 'the connection was cut')
        return opened.run(text, { maxBytes, timeoutMs: Math.max(1, until - performance.now()), cut })
      },
      end() {
        ended = true
        opened?.end()
      },
      over: () => ended || (opened?.over() ?? false),
    }
  }
}

interface Opened { run(text: string, bounds: Bounds): Promise<RawResult>; end(): void; over(): boolean }

/** `leave`: called once, when the connection is gone or none came about. */
async function open(address: Address, timeoutMs: number, leave: () => void, cut: AbortSignal | undefined, alarm: Alarm): Promise<Opened> {
  let connection: Connection
  try {
    connection = createConnection(optionsOf(address, timeoutMs))
  } catch (error) {
    leave()
    throw error
  }
  let place: Place | null = null
  const { exchange, destroy, end, over } = createExchanges({ stop: () => (place === null ? Promise.resolve() : kill(address, place, alarm)), drop() { leave(); connection.destroy() }, understood })
  connection.on('error', (error) => destroy(understood(error)))     // without a listener, a server that goes away takes this process along
  connection.on('end', () => destroy(new TransportError('unreachable', 'the connection ended')))
  const stream = (connection as unknown as { stream: Socket }).stream
  const until = performance.now() + timeoutMs
  try {
    await exchange({ timeoutMs, cut }, () => new Promise<void>((resolve, reject) => { connection.connect((error) => (error ? reject(error) : resolve())) }))
    const server = await exchange({ timeoutMs: Math.max(1, until - performance.now()), cut }, () => serverOf(connection)).catch((error: unknown) => {
      if (error instanceof ServerError) return null
      throw error
    })
    const { remoteAddress: host, remotePort: port } = stream
    if (host !== undefined && port !== undefined) place = { host, port, server, id: Number(connection.threadId) }
  } catch (error) {
    destroy(error as Error)
    throw error
  }
  return {
    run: (text, { maxBytes, ...bounds }) => exchange(bounds, () => {
      let left = maxBytes + overheadBytes
      const watch = (chunk: Buffer) => { if ((left -= chunk.length) < 0) destroy(new TransportError('too-large', 'the answer went past the byte cap')) }
      stream.on('data', watch)
      return runText(connection, text).finally(() => stream.removeListener('data', watch))
    }),
    end: () => end(() => { connection.end(() => leave()) }), over,
  }
}

/** No database of the session's own: every table is printed with its database, and a name without one shall find nothing. No file of this machine to the server; rows as changed and not as matched, as PlanetScale counts; no code made of a column's name; a certificate that is checked, its name too, which this driver does only when told. */
function optionsOf({ host, port, user, password, tls }: Address, connectTimeout: number): ConnectionOptions {
  if (tls !== null && isIP(host)) throw new TransportError('unreachable', 'the secret\'s url must name the host as its certificate does')   // the driver would compare the certificate with `localhost`
  return {
    host, port, user, password, charset: 'utf8mb4_unicode_ci', timezone: 'Z', connectTimeout, multipleStatements: false, flags: ['-LOCAL_FILES', '-FOUND_ROWS'], disableEval: true, enableCleartextPlugin: false,
    ...(tls === null ? {} : { ssl: sslOf(tls) }),
  } as ConnectionOptions
}
/** The driver keeps what it made of it by this object, and a bundle of authorities takes a while to read. */
function sslOf(tls: NonNullable<Address['tls']>): object {
  const known = kept.get(tls) ?? { rejectUnauthorized: true, verifyIdentity: true, minVersion: 'TLSv1.2', ...(tls.ca === null ? {} : { ca: tls.ca }) }
  kept.set(tls, known)
  return known
}
const kept = new WeakMap<object, object>()

/** Where a connection is on the network, which server is there by its own word (null: it has none), and the connection's number there. */
interface Place { readonly host: string; readonly port: number; readonly server: string | null; readonly id: number }
/** What no two servers have alike. MariaDB knows no `server_uuid`. Rejects where the server refuses to say. */
async function serverOf(connection: Connection): Promise<string | null> {
  const { rows } = await runText(connection, "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('server_uuid', 'server_uid', 'hostname', 'server_id', 'port')")
  return rows.length === 0 ? null : JSON.stringify(rows.toSorted(([a], [b]) => ((a ?? '') < (b ?? '') ? -1 : 1)))
}

/**
 * Ends a connection of this account, and with it its statement and its transaction. Numbers of connections are small and every server's own, and an account may end its own: behind a name or an address of several servers this
 * one's number is somebody else's call on another. So it goes to the very address, the certificate checked by the name as ever, and says nothing there before that server is known for the same. Resolves when that is done, or a
 * little later; never rejects.
 */
function kill(address: Address, { host, port, server, id }: Place, alarm: Alarm): Promise<void> {
  const unsaid = (why: string) => alarm('a cut was not said', { why })
  if (!Number.isSafeInteger(id) || server === null) return Promise.resolve(unsaid('the server does not say which it is'))
  return new Promise((resolve) => {
    const other = createConnection({ ...optionsOf(address, killMs), stream: () => connect({ host, port }) } as ConnectionOptions)
    const end = () => {
      clearTimeout(timer)
      other.destroy()
      resolve()
    }
    const timer = setTimeout(end, killMs)
    other.on('error', end)
    serverOf(other).then((there) => {
      if (there === server) other.query(`KILL ${id}`, end)
      else { unsaid('another server answered'); end() }
    }, end)
  })
}

/** One text by the text protocol, which takes one statement and no more. */
function runText(connection: Connection, text: string): Promise<RawResult> {
  return new Promise((resolve, reject) => {
    const rows: (string | null)[][] = []
    let [fields, results, affected]: [readonly Field[], number, number] = [[], 0, 0]
    const query = connection.query({ sql: text, rowsAsArray: true, typeCast: (field) => field.buffer() } as Parameters<Connection['query']>[0])
    query.on('error', reject)
    query.on('fields', (columns: readonly Column[] | undefined) => {
      if (!columns) return
      results++
      fields = columns.map((column) => { const { name = '', type = 'NULL', ...more } = fieldOf(column); return { ...more, name, type } })
    })
    query.on('result', (row: readonly (Buffer | null)[] | { readonly affectedRows?: number }) => {
      if (!Array.isArray(row)) affected = (row as { readonly affectedRows?: number }).affectedRows ?? 0
      else rows.push((row as readonly (Buffer | null)[]).map((cell, index) => textOf(cell, fields[index])))
    })
    query.on('end', () => (results > 1 ? reject(new ServerError(1235, '42000', 'several results')) : resolve({ fields, rows, affected: results > 0 ? 0 : affected })))
  })
}
/** Text is UTF-8, as the session is told to send it. */
const textOf = (cell: Buffer | null, field: Field | undefined): string | null => (cell === null ? null : cell.toString(field?.charset === binaryCharset && bytes.has(field.type) ? 'latin1' : 'utf8'))

/** What the server itself refused; all else is the way to it, in words without a name of host or user. */
function understood(error: unknown): TransportError | ServerError {
  if (error instanceof TransportError || error instanceof ServerError) return error
  const { errno, sqlState, code = '', message = '' } = error as { errno?: number; sqlState?: string; code?: string; message?: string }
  if (typeof errno === 'number' && errno >= 1000 && typeof sqlState === 'string' && /^[0-9A-Z]{5}$/.test(sqlState)) return new ServerError(errno, sqlState, message)
  return new TransportError('unreachable', /CERT|SSL|TLS|SIGNED|ISSUER/.test(code) ? 'the target\'s certificate is not one that is trusted' : 'the connection failed', { cause: error })
}
