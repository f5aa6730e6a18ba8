import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { act, create, isKnown, type Store, type Table, validate, type WireError, wireError } from './dynamodb/dynalite.ts'
import { describeTimeToLive, expire, updateTimeToLive } from './dynamodb/expiry.ts'
import { checkSignature, type Credentials } from './dynamodb/signature.ts'
import { canceled, transact, transactGet, write } from './dynamodb/write.ts'
import { isOurs, readBody, readObject } from './wire.ts'

const maxBodyBytes = 16 * 1024 * 1024
const expireEveryMs = 10 * 60_000

/**
 * What a test may make go wrong with one call. `before`: it fails and nothing is stored. `after`: it is stored, and the answer is lost.
 * `drop` closes the socket without a word. `latencyMs` waits first.
 */
export interface Fault {
  readonly latencyMs?: number
  readonly before?: 'throttle' | 'conflict' | 'error' | 'drop'
  readonly after?: 'error' | 'drop'
}
export interface DynamoOptions {
  /** Where LevelDB keeps its files; null: in memory. */
  readonly directory: string | null
  readonly port?: number
  /** When given, every request must carry a valid signature of these. */
  readonly credentials?: Credentials
  readonly faults?: (call: { readonly operation: string; readonly body: Readonly<Record<string, unknown>> }) => Fault | null
  readonly now?: () => number
}

/**
 * The DynamoDB API on loopback: dynalite's storage, plus transactions, TTL and the old item of a failed condition. Takes the directory for
 * itself (LevelDB's lock): throws a one-line Error when another process has it, or when its files are broken. What was acknowledged is with
 * the kernel, so it survives kill -9, though not a power cut.
 */
export async function startDynamo(options: DynamoOptions): Promise<{ readonly url: string; close(): Promise<void> }> {
  const now = options.now ?? Date.now
  const store = create({ ...(options.directory === null ? {} : { path: options.directory }), createTableMs: 0, deleteTableMs: 0, updateTableMs: 0 })
  await open(store, options.directory)
  await finishTables(store)
  await expire(store, now())
  const sockets = new Set<Socket>()
  const server = createServer((request, response) => { answer(store, options, now, request, response).catch(() => response.destroy()) })
  server.keepAliveTimeout = 60_000
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port ?? 0, '127.0.0.1', resolve)
  }).catch(async (error: unknown) => { await store.db.close(); throw error })
  const expiry = setInterval(() => { expire(store, now()).catch(() => undefined) }, expireEveryMs)
  expiry.unref()
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    async close() {
      clearInterval(expiry)
      const closed = new Promise<void>((resolve) => { server.close(() => resolve()) })
      for (const socket of sockets) socket.destroy()
      await closed
      await store.db.close()
    },
  }
}

async function open(store: Store, directory: string | null): Promise<void> {
  try {
    await store.db.open()
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
    const locked = cause instanceof Error && 'code' in cause && cause.code === 'LEVEL_LOCKED'
    throw new Error(locked ? `another process holds the store in \`${directory}\`` : `the store in \`${directory}\` cannot be read: ${cause instanceof Error ? cause.message : 'unknown'}`, { cause: error })
  }
}

/** dynalite marks a table active in a second write; a crash between the two would leave it half made for ever. */
async function finishTables(store: Store): Promise<void> {
  for await (const [key, value] of store.db.iterator({ gte: 'table~', lt: 'table~\xFF' })) {
    const table = value as Table
    if (table.TableStatus === 'CREATING') await store.db.batch([{ type: 'put', key, value: { ...table, TableStatus: 'ACTIVE' } }])
  }
}

async function answer(store: Store, options: DynamoOptions, now: () => number, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await readBody(request, maxBodyBytes)
  if (body === null) return reply(response, wireError('RequestTooLarge', 'over 16 MB', {}, 413))
  if (!isOurs(request)) return reply(response, wireError('AccessDeniedException', 'not a request of this machine', {}, 403))
  if (request.method !== 'POST') return reply(response, wireError('UnknownOperationException', 'POST only', {}, 404))
  const wrong = options.credentials ? checkSignature(request, body, options.credentials, now()) : null
  if (wrong) return reply(response, wrong)
  const operation = /^DynamoDB_20120810\.(\w+)$/.exec(String(request.headers['x-amz-target'] ?? ''))?.[1] ?? ''
  const input = readObject(body)
  if (!input) return reply(response, wireError('SerializationException', 'not a JSON object'))
  const fault = options.faults?.({ operation, body: structuredClone(input) }) ?? null
  if (fault?.latencyMs) await new Promise((resolve) => { setTimeout(resolve, fault.latencyMs) })
  if (fault?.before === 'drop') return void response.destroy()
  const result = fault?.before ? failure(fault.before, input) : await run(store, operation, input, now()).catch(known)
  if (fault?.after === 'drop') return void response.destroy()
  reply(response, fault?.after === 'error' ? failure('error', input) : result)
}

function run(store: Store, operation: string, input: object, now: number): Promise<object> {
  switch (operation) {
    case 'PutItem': case 'UpdateItem': case 'DeleteItem': return write(store, operation, input)
    case 'TransactWriteItems': return transact(store, input, now)
    case 'TransactGetItems': return transactGet(store, input)
    case 'UpdateTimeToLive': return updateTimeToLive(store, input)
    case 'DescribeTimeToLive': return describeTimeToLive(store, input)
    default: return isKnown(operation) ? Promise.resolve().then(() => act(store, operation, validate(store, operation, input)))
      : Promise.reject(wireError('UnknownOperationException', `\`${operation}\` is not served here`))
  }
}

function failure(kind: 'throttle' | 'conflict' | 'error', input: { readonly TransactItems?: unknown }): WireError {
  if (kind === 'throttle') return wireError('ProvisionedThroughputExceededException', 'injected: too fast')
  if (kind === 'error') return wireError('InternalServerError', 'injected: internal server error', {}, 500)
  return Array.isArray(input.TransactItems) ? canceled(input.TransactItems.map(() => ({ Code: 'TransactionConflict' }))) : wireError('TransactionConflictException', 'injected: another transaction has the item')
}

const known = (error: unknown): WireError => error instanceof Error && 'statusCode' in error ? error as WireError : wireError('InternalServerError', error instanceof Error ? error.message : 'unknown', {}, 500)

function reply(response: ServerResponse, result: object | WireError): void {
  const failed = result instanceof Error ? result as WireError : null
  const body = JSON.stringify(failed ? failed.body : result)
  response.writeHead(failed?.statusCode ?? 200, { 'content-type': 'application/x-amz-json-1.0', 'content-length': Buffer.byteLength(body), 'x-amzn-requestid': randomBytes(8).toString('hex') })
  response.end(body)
}
