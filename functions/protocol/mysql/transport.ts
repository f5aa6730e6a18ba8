import { Connection, DatabaseError } from '@planetscale/database'
import { postInTurn } from '../endpoint.ts'
import { TransportError } from '../post.ts'

/** What the driver gives of a column: proto3 JSON, so that what is empty is missing. `type`: Vitess' word, `NULL` where it sent none. */
export interface Field {
  readonly name: string; readonly type: string; readonly table?: string; readonly orgTable?: string; readonly database?: string; readonly orgName?: string
  readonly columnLength?: number; readonly charset?: number; readonly decimals?: number; readonly flags?: number
}
/** Values are the server's text; of a column in charset 63 (`binary`) one character a byte. `affected`: rows changed. */
export interface RawResult { readonly fields: readonly Field[]; readonly rows: readonly (readonly (string | null)[])[]; readonly affected: number }
/** Where the driver's protocol is answered for a database, and by which user name, where that is not what the secret says. */
export interface Endpoint { readonly http: string; readonly username: string }
/** `cut`: once it is aborted the server is told to stop, and that is TransportError `cut`. A transport that cannot tell the server ignores it. `whose`: `Run.whose`. */
export interface Bounds { readonly maxBytes: number; readonly timeoutMs: number; readonly cut?: AbortSignal | undefined; readonly whose?: string | undefined }

/** What the server itself refused, read out of Vitess' words. `text` quotes values: for us alone. */
export class ServerError extends Error {
  readonly errno: number
  readonly sqlstate: string
  constructor(errno: number, sqlstate: string, text: string) {
    super(text)
    this.name = 'ServerError'
    this.errno = errno
    this.sqlstate = sqlstate
  }
}

/**
 * The target port: all that the engine asks of whatever carries its statements. Two implement it: PlanetScale's serverless driver here, and the server's own protocol by `mysql2` (direct.ts), for targets that only a private
 * network reaches. One session: what is set or begun in it holds for its later statements, and for nobody else's.
 */
export interface Session {
  /** One text, one statement; never sent twice. Throws TransportError, or ServerError for what the server refused. */
  run(text: string, bounds: Bounds): Promise<RawResult>
  /** Nothing more is sent: what was not committed is rolled back. Left out: it ends by itself when nothing is sent any more. */
  end?(): void
  /** Nothing that is run on it any more is sent. Left out: that is not known before. */
  over?(): boolean
}

export const binaryCharset = 63
/** Descriptions, lengths and quotes beside the values, which base64 makes a third longer. */
const overheadBytes = 512 * 1024
const bodyBytes = (valueBytes: number) => Math.ceil(valueBytes * 4 / 3) + overheadBytes

/** A session of PlanetScale's driver on the lean transport, a statement an HTTP request. `url`: `mysql://user:password@host/database`, as PlanetScale gives it. Throws a plain Error for what is none, without a word of it. */
export function openSession(url: string, endpoint: Endpoint | null): Session {
  const { host, username, password } = partsOf(url)
  let bounds: Bounds = { maxBytes: 0, timeoutMs: 1 }
  const connection = new Connection({
    host, username: endpoint?.username ?? username, password,
    fetch: async (to: string, { headers = {}, body = '' }: { readonly headers?: object; readonly body?: unknown } = {}) => {
      const path = new URL(to).pathname
      const answer = await postInTurn(endpoint ? `${endpoint.http}${path}` : to, headers as Record<string, string>, String(body), { maxBytes: bodyBytes(bounds.maxBytes), timeoutMs: bounds.timeoutMs, whose: bounds.whose })
      if (answer.cut) throw new TransportError('too-large', 'the answer went past the byte cap')
      return { ok: answer.status >= 200 && answer.status < 300, status: answer.status, statusText: '', text: async () => answer.text } as unknown as Response
    },
  } as ConstructorParameters<typeof Connection>[0])
  return {
    async run(text, within) {
      bounds = within
      try {
        const { fields, rows, rowsAffected } = await connection.execute(text, null, { as: 'array', cast })
        return { fields: fields as readonly Field[], rows: rows as (string | null)[][], affected: rowsAffected }
      } catch (error) {
        throw understood(error)
      }
    },
  }
}
/** The driver gives bytes as characters. Text is UTF-8, as the session is told to send it. */
function cast({ charset, type }: { readonly charset?: number | null; readonly type: string }, value: string | null): string | null {
  if (value === null || charset === binaryCharset && bytes.has(type)) return value
  return /^[\x00-\x7f]*$/.test(value) ? value : Buffer.from(value, 'latin1').toString('utf8')
}
/** What of a column in charset 63 is given a character a byte. */
export const bytes: ReadonlySet<string> = new Set(['BLOB', 'BINARY', 'VARBINARY', 'GEOMETRY', 'BIT'])

function partsOf(text: string): { readonly host: string; readonly username: string; readonly password: string } {
  if (!URL.canParse(text)) throw new Error('the secret is no connection string')
  const url = new URL(text)
  if (url.protocol !== 'mysql:' || !url.hostname || !url.username) throw new Error('the secret is no `mysql://` connection string')
  return { host: url.host, username: decodeURIComponent(url.username), password: decodeURIComponent(url.password) }
}

const number = /\(errno (\d{1,6})\) \(sqlstate ([0-9A-Z]{5})\)/g
/** What the driver threw. An answer that holds no number of the server's is not the database speaking, but what stands before it. */
function understood(error: unknown): TransportError | ServerError {
  if (error instanceof TransportError || error instanceof ServerError) return error
  if (!(error instanceof DatabaseError)) return new TransportError('unreachable', 'no answer of a database', { cause: error })
  // Of what stands before the statement, which says anything, the last: a value that is quoted before it may look like one.
  const [words = ''] = error.message.split(': Sql: "', 1)
  const found = [...words.matchAll(number)].at(-1)
  if (!found && error.message.search(number) >= 0) return new ServerError(1105, 'HY000', error.message)
  if (found) return new ServerError(Number(found[1]), found[2] ?? 'HY000', error.message)
  const { code } = error.body
  if (error.status === 401 || error.status === 403 || code === 'UNAUTHENTICATED' || code === 'PERMISSION_DENIED') return new ServerError(1045, '28000', code)
  if (error.status === 413 || error.status === 507) return new TransportError('too-large', 'the endpoint would not carry the answer')
  if (code === 'DEADLINE_EXCEEDED') return new TransportError('timeout', 'the endpoint gave up')
  if (code === 'UNIMPLEMENTED') return new ServerError(1235, '42000', code)
  return new TransportError('unreachable', `an answer of ${error.status}`)
}
