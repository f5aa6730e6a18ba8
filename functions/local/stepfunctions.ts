import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { checkSignature, type Credentials } from './dynamodb/signature.ts'
import { realTime, type Time } from './stepfunctions/clock.ts'
import { createEngine, type Engine } from './stepfunctions/engine.ts'
import { ServiceError } from './stepfunctions/error.ts'
import { type Journal, openJournal } from './stepfunctions/journal.ts'
import { createInvoker, type Handlers } from './stepfunctions/lambda.ts'
import { createOperations, type Operations } from './stepfunctions/operations.ts'
import { createTokens } from './stepfunctions/token.ts'
import { isOurs, readBody, readObject } from './wire.ts'

const maxBodyBytes = 2 * 1024 * 1024

export interface StepFunctionsOptions {
  /** Where machines, executions and the key of task tokens lie; 0700. One server a directory: who starts it holds the lock. */
  readonly directory: string
  readonly port?: number
  /** Every request must carry a valid signature of these. */
  readonly credentials: Credentials
  readonly alarm: (what: string, detail: Readonly<Record<string, unknown>>) => void
  /** How long one call of a function may take. Default 120 s. */
  readonly handlerTimeoutMs?: number
  /** Calls of functions at once. Default 32. */
  readonly concurrency?: number
  /** How long `close` waits for what runs. Default 5 s. */
  readonly graceMs?: number
  readonly time?: Time
  /** [0, 1); for jitter. */
  readonly random?: () => number
}
export interface StepFunctions {
  readonly url: string
  /** CreateStateMachine by who runs the server, without a client; gives its ARN. Throws where the name has another definition. */
  define(name: string, definition: string): Promise<string>
  /** The functions, by ARN. Until it is called executions are taken and kept, and nothing runs; from then on what a crash interrupted goes on. */
  run(handlers: Handlers): void
  /** Takes no more requests, begins nothing more, and waits for what runs, at most `graceMs`; what is not done then is begun again at the next start. */
  close(): Promise<void>
}

/** The part of the Step Functions API that the gate uses, on loopback, as `@aws-sdk/client-sfn` speaks it. Throws one line when the directory cannot be read. */
export async function startStepFunctions(options: StepFunctionsOptions): Promise<StepFunctions> {
  const time = options.time ?? realTime
  const { journal, operations, engine } = assemble(time, options)
  const sockets = new Set<Socket>()
  const server = createServer((request, response) => { answer(operations, options, request, response).catch(() => response.destroy()) })
  server.keepAliveTimeout = 60_000
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port ?? 0, '127.0.0.1', resolve)
  }).catch((error: unknown) => { journal.close(); throw error })
  async function close(): Promise<void> {
    const shut = new Promise<void>((resolve) => { server.close(() => resolve()) })
    await engine.close(options.graceMs ?? 5000)                // what runs may still wake another, so those that are connected are heard until it is done
    for (const socket of sockets) socket.destroy()
    await shut
    journal.close()
  }
  let closed: Promise<void> | null = null
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async define(name, definition) {
      const made = await operations.run('CreateStateMachine', { name, definition, roleArn: 'arn:aws:iam::000000000000:role/local' }) as { readonly stateMachineArn: string }
      return made.stateMachineArn
    },
    run: (handlers) => engine.run(createInvoker({ handlers, time, timeoutMs: options.handlerTimeoutMs ?? 120_000, concurrency: options.concurrency ?? 32 })),
    close: () => closed ??= close(),
  }
}

function assemble(time: Time, { directory, random = Math.random, alarm }: StepFunctionsOptions): { journal: Journal; operations: Operations; engine: Engine } {
  let journal: Journal | null = null
  try {
    const kept = journal = openJournal(directory, time.now())
    const operations: Operations = createOperations({ journal: kept, engine: () => engine, now: time.now })
    const engine = createEngine({ journal: kept, tokens: createTokens(kept.key), time, random, machineOf: operations.machineOf, alarm })
    return { journal: kept, operations, engine }
  } catch (cause) {
    journal?.close()
    throw new Error(`the requests that wait, in \`${directory}\`, cannot be read: ${cause instanceof Error ? cause.message : 'unknown'}`, { cause })
  }
}

async function answer(operations: Operations, { credentials, alarm }: StepFunctionsOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await readBody(request, maxBodyBytes)
  if (body === null) return refuse(response, new ServiceError('RequestEntityTooLargeException', 'over 2 MB', 413))
  if (!isOurs(request)) return refuse(response, new ServiceError('AccessDeniedException', 'not a request of this machine', 403))
  if (request.method !== 'POST') return refuse(response, new ServiceError('UnknownOperationException', 'POST only', 404))
  const wrong = checkSignature(request, body, credentials, Date.now(), 'states')
  if (wrong) return refuse(response, new ServiceError(wrong.body?.__type.replace(/^.*#/, '') ?? 'InvalidSignatureException', wrong.message))
  const input = readObject(body)
  if (!input) return refuse(response, new ServiceError('SerializationException', 'not a JSON object'))
  const operation = /^AWSStepFunctions\.(\w+)$/.exec(String(request.headers['x-amz-target'] ?? ''))?.[1] ?? ''
  try {
    send(response, 200, await operations.run(operation, input))
  } catch (error) {
    if (error instanceof ServiceError) return refuse(response, error)
    alarm('the local step functions failed', { operation, error: error instanceof Error ? error.message : 'unknown' })
    refuse(response, new ServiceError('InternalServerError', 'internal error', 500))
  }
}

const refuse = (response: ServerResponse, { type, message, status }: ServiceError): void => send(response, status, { __type: type, message })

function send(response: ServerResponse, status: number, value: object): void {
  const body = JSON.stringify(value)
  response.writeHead(status, { 'content-type': 'application/x-amz-json-1.0', 'content-length': Buffer.byteLength(body), 'x-amzn-requestid': randomBytes(8).toString('hex') })
  response.end(body)
}
