import { isIP } from 'node:net'
import pg from 'pg'
import { addressBy, type Address, type Alarm } from '../address.ts'
import { createExchanges } from '../exchange.ts'
import { createPlaces } from '../places.ts'
import { TransportError } from '../post.ts'
import { cancelBackend } from './cancel.ts'
import { maxLockWaitMs } from './pins.ts'
import type { RawResult, Session, Sql, Transport } from './port.ts'

/** One connection of the server's own protocol. */
interface Wire {
  /** `partial`: at `maxBytes` the rows that came whole are the result; else that is TransportError `too-large`. Either way the connection is gone then. */
  ask(sql: Sql | string, bounds: { readonly maxBytes: number; readonly timeoutMs: number }, partial?: 'partial'): Promise<RawResult & { readonly cut: boolean }>
  /** Whether the transaction that was begun is the one it is in. */
  readonly inTransaction: () => boolean
  /** Bytes that came, all of them. */
  readonly bytes: () => number
  readonly end: () => void
  readonly destroy: () => void
}
const maxOpen = 8
/** Beyond the rows' own bytes: what describes them, and answers of ours. */
const overheadBytes = 512 * 1024
/** A value of one byte takes as many as that on the wire for each that it takes as JSON; and as JSON at most six for each here. */
const wirePerJson = 2
const jsonPerWire = 6
const asText = { getTypeParser: () => (text: string) => text }
const scheme = { protocols: ['postgres:', 'postgresql:'], port: 5432, checked: ['sslmode', 'verify-full'] } as const

/**
 * PostgreSQL's own protocol as the target port, by `pg`, for targets in a private network. Each call has a connection of its own, which ends with it: what one caller's statement leaves behind in a session (settings,
 * locks, temporary tables, prepared statements, a seed, what a language or dblink keeps beyond DISCARD ALL) meets nobody, and a process that is frozen holds no connection of the server's. At most `maxOpen` at once to
 * one secret.
 */
export function createDirect(alarm: Alarm): Transport {
  const places = createPlaces(maxOpen)
  const addressOf = addressBy(scheme, alarm)

  async function open(secret: string, timeoutMs: number, cut: AbortSignal | undefined, whose: string | undefined): Promise<Wire> {
    const until = performance.now() + timeoutMs
    const address = addressOf(secret)
    const leave = await places.take(secret, timeoutMs, whose)
    const client = clientOf(address)
    client.on('end', leave)
    try {
      return await connected(client, address, until - performance.now(), cut)
    } catch (error) {
      leave()
      throw error
    }
  }

  return {
    async batch({ url, statements, maxBytes, timeoutMs, cut: halt, whose }) {
      const until = performance.now() + timeoutMs
      const left = (bytes: number) => ({ maxBytes: bytes, timeoutMs: Math.max(1, until - performance.now()) })
      const wire = await open(url, timeoutMs, halt, whose)
      const most = maxBytes * wirePerJson + overheadBytes
      try {
        await wire.ask(beginOf(timeoutMs), left(overheadBytes))
        const results: RawResult[] = []
        for (const statement of statements) {
          const { cut, ...result } = await wire.ask(statement, left(Math.max(1, most - wire.bytes())), 'partial')
          results.push(result)
          if (cut && results.length < statements.length) throw new TransportError('too-large', 'the answer went past the byte cap before its last result')
          if (cut) return { results, cut, bytes: Infinity }
          if (!wire.inTransaction()) throw new TransportError('unreachable', 'a statement ended the transaction')
        }
        return { results, cut: false, bytes: wire.bytes() * jsonPerWire }
      } finally {
        wire.end()                                                   // never committed: what only reads has nothing to keep, and what was to happen at a commit does not
      }
    },
    async take(url, timeoutMs, cut, whose): Promise<Session> {
      const wire = await open(url, timeoutMs, cut, whose)
      return { kept: false, run: (sql, bounds) => wire.ask(sql, bounds), release: wire.end, destroy: wire.destroy }
    },
    close: async () => {},
  }
}

/** For the first statement too, which waits for locks before it pins anything: what nobody waits for any more ends there by itself. */
const beginOf = (timeoutMs: number): string =>
  `BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY; SET LOCAL statement_timeout = ${Math.ceil(timeoutMs)}; SET LOCAL idle_in_transaction_session_timeout = ${maxLockWaitMs}`

/** All that the driver would look for in the environment or in a file is said. */
function clientOf({ host, port, user, password, database, tls }: Address): pg.Client {
  const ssl = tls === null ? false : { secureContext: tls.context, rejectUnauthorized: true, host, ...(isIP(host) ? {} : { servername: host }) }
  const client = new pg.Client({ host, port, user, password, database, ssl, application_name: 'sluice', keepAlive: true, types: asText } as pg.ClientConfig)
  const parameters = (client as unknown as { connectionParameters: { options?: string; replication?: string } }).connectionParameters
  delete parameters.options
  delete parameters.replication
  return client
}

async function connected(client: pg.Client, address: Address, timeoutMs: number, cut: AbortSignal | undefined): Promise<Wire> {
  const stream = () => (client as unknown as { connection: { stream: NodeJS.EventEmitter & { destroy(): void } } }).connection.stream
  const { exchange, destroy, end } = createExchanges({ stop: () => stop(client, address), drop: () => { stream().destroy() }, understood })
  const gone = () => destroy(new TransportError('unreachable', 'the connection was cut'))
  client.on('error', (error) => destroy(understood(error)))
  client.on('end', gone)
  try {
    await exchange({ timeoutMs, cut }, () => client.connect())
  } catch (error) {
    gone()
    throw error
  }
  let bytes = 0
  stream().prependListener('data', (chunk: Buffer) => { bytes += chunk.length })
  return {
    ask: (sql, { maxBytes, timeoutMs: ms }, partial) => exchange({ timeoutMs: ms, cut }, () => asked(client, sql, (over) => {
      const before = bytes
      const watch = () => { if (bytes - before > maxBytes) over() }
      stream().on('data', watch)
      return () => stream().removeListener('data', watch)
    }, destroy, partial === 'partial')),
    inTransaction: () => (client as unknown as { getTransactionStatus(): string | null }).getTransactionStatus() === 'T',
    bytes: () => bytes,
    end: () => end(() => { client.end().catch(() => {}) }),
    destroy: gone,
  }
}
const stop = (client: pg.Client, address: Address): Promise<void> => {
  const { processID, secretKey } = client as unknown as { processID: number | null; secretKey: number | null }
  return processID === null || secretKey === null ? Promise.resolve() : cancelBackend(address, processID, secretKey)
}

/** A text of ours as it is; a statement through the extended protocol, rows taken one by one as they come. */
function asked(client: pg.Client, sql: Sql | string, watching: (over: () => void) => () => void, cutOff: (reason: Error | null) => void, partial: boolean): Promise<RawResult & { readonly cut: boolean }> {
  const query = typeof sql === 'string' ? new pg.Query(sql) : new pg.Query({ text: sql.text, values: [...sql.values], rowMode: 'array', queryMode: 'extended', types: asText } as unknown as pg.QueryConfig)
  const rows: (string | null)[][] = []
  return new Promise<RawResult & { readonly cut: boolean }>((resolve, reject) => {
    const unwatch = watching(() => {
      unwatch()
      const fields = fieldsOf((query as unknown as { _result?: { fields?: pg.FieldDef[] } })._result?.fields)
      if (partial && fields.length > 0) {
        resolve({ command: '', rowCount: null, fields, rows: [...rows], cut: true })
        cutOff(null)
      } else cutOff(new TransportError('too-large', 'the answer went past the byte cap'))
    })
    query.on('row', (row: unknown) => { rows.push(row as (string | null)[]) })
    query.on('error', (error: Error & { severity?: string }) => {
      unwatch()
      if (error.severity !== 'ERROR') reject(error)
      else client.once('drain', () => reject(error))                  // the server has said that it is ready for what comes next
    })
    query.on('end', (result) => {
      unwatch()
      const { command, rowCount, fields: described } = [result].flat().at(-1) as pg.QueryResult
      resolve({ command: command ?? '', rowCount: rowCount ?? null, fields: fieldsOf(described), rows, cut: false })
    })
    if (typeof sql !== 'string' && sql.text.includes('\0')) reject(new Error('invariant: a zero byte in a statement'))
    else client.query(query)
  })
}
const fieldsOf = (fields: readonly pg.FieldDef[] = []): RawResult['fields'] => fields.map(({ name, tableID, columnID, dataTypeID, dataTypeModifier }) => ({ name, tableID, columnID, dataTypeID, dataTypeModifier }))

/** The server's own refusals as they are; all else is the way to it, in words without a name of host or user. */
function understood(error: unknown): Error {
  if (error instanceof TransportError || error instanceof pg.DatabaseError) return error
  const { code = '' } = error as { code?: string }
  return new TransportError('unreachable', /CERT|SSL|TLS|SIGNED|ISSUER/.test(code) ? 'the target\'s certificate is not one that is trusted' : 'the connection failed', { cause: error })
}
