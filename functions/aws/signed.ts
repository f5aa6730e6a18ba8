import http from 'node:http'
import https from 'node:https'
import { type Dynamo, DynamoError, type Item, type Output, type Place, type Reason } from './dynamo.ts'
import { createSigner } from './signature.ts'

export interface SignedOptions extends Place {
  /** Epoch ms. */
  readonly now: () => number
  /** Longest one attempt may take, and all of them together with the waits between. */
  readonly attemptMs?: number
  readonly totalMs?: number
  readonly attempts?: number
  /** 0 to 1, for the jitter. */
  readonly random?: () => number
}
const idleMs = 20_000
const firstWaitMs = 25
const longestWaitMs = 400
/** DynamoDB's words for "not now". Everything else with status 400 is an answer. */
const passing = new Set(['ProvisionedThroughputExceededException', 'ThrottlingException', 'RequestLimitExceeded', 'TransactionConflictException', 'TransactionInProgressException', 'Timeout', 'Network'])
const skewed = new Set(['InvalidSignatureException', 'RequestTimeTooSkewed', 'RequestExpired'])

const none = new DynamoError('None', 'nothing failed')

interface Answer { readonly status: number; readonly date: string | undefined; readonly body: string }
interface Outcome { readonly output: Output | null; readonly error: DynamoError; readonly answer: Answer | null }

/**
 * DynamoDB by hand on node:http keep-alive, for what a request does on its way: the SDK costs 600 to 900 µs of CPU a call, this about 100.
 * Bounded by the wall clock and not by timers alone: a process frozen in mid-call gives up when it thaws, and what it had signed is refused by
 * AWS after five minutes.
 */
export function signedDynamo(options: SignedOptions): Dynamo & { close(): void } {
  const { now, attemptMs = 1000, totalMs = 3000, attempts = 4, random = Math.random } = options
  const url = new URL(options.endpoint)
  const client = url.protocol === 'https:' ? https : http
  const { hostname: host, port } = url                            // read once: a URL puts each together anew
  const agent = new client.Agent({ keepAlive: true, maxSockets: 64, scheduling: 'lifo' })
  const sign = createSigner(options)
  let skewMs = 0
  let used = now()

  async function call(operation: string, input: object): Promise<Output> {
    const target = `DynamoDB_20120810.${operation}`
    const body = JSON.stringify(input)
    const begun = now()
    if (begun - used > idleMs) dropIdle()
    for (let attempt = 1; ; attempt++) {
      used = now()
      const { output, error, answer } = outcomeOf(await send(target, body))
      if (output) return output
      const retry = passing.has(error.type) || (answer && (answer.status >= 500 || (skewed.has(error.type) && correctClock(answer))))
      const wait = Math.floor(random() * Math.min(longestWaitMs, firstWaitMs * 2 ** attempt))
      if (!retry || attempt >= attempts || now() + wait - begun > totalMs) throw error
      await new Promise((resolve) => { setTimeout(resolve, wait) })
    }
  }

  /** One attempt; that there is no answer is not thrown. */
  function send(target: string, body: string): Promise<Answer | DynamoError> {
    return new Promise((resolve) => {
      const request = client.request({ host, port, path: '/', method: 'POST', agent, headers: sign(target, body, now() + skewMs) })
      const timer = setTimeout(() => request.destroy(new DynamoError('Timeout', `no answer within ${attemptMs} ms`)), attemptMs)
      const failed = (error: Error) => {
        clearTimeout(timer)
        resolve(error instanceof DynamoError ? error : new DynamoError('Network', error.message, { cause: error }))
      }
      request.on('error', failed)
      request.on('response', (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => { chunks.push(chunk) })
        response.on('error', failed)
        response.on('end', () => {
          clearTimeout(timer)
          const [first] = chunks
          resolve({ status: response.statusCode ?? 0, date: response.headers.date, body: (chunks.length === 1 && first ? first : Buffer.concat(chunks)).toString() })
        })
      })
      request.end(body)
    })
  }

  /** AWS says the date is off: take its clock. false when its answer carries none, or ours was right and something else is wrong. */
  function correctClock(answer: Answer): boolean {
    const theirs = Date.parse(answer.date ?? '')
    if (Number.isNaN(theirs) || Math.abs(now() + skewMs - theirs) < 30_000) return false
    skewMs = theirs - now()
    return true
  }

  /** After a freeze the kept connections are dead without knowing it, and each would cost one timeout. */
  function dropIdle(): void {
    for (const sockets of Object.values(agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy()
  }
  return Object.assign(call, { close: () => agent.destroy() })
}

function outcomeOf(answer: Answer | DynamoError): Outcome {
  if (answer instanceof DynamoError) return { output: null, error: answer, answer: null }
  try {
    return answer.status === 200 ? { output: parse(answer.body), error: none, answer } : { output: null, error: errorOf(answer), answer }
  } catch (error) {
    if (error instanceof DynamoError) return { output: null, error, answer }
    throw error
  }
}

function errorOf(answer: Answer): DynamoError {
  const body = parse(answer.body) as { __type?: unknown; message?: unknown; Message?: unknown; Item?: Item; CancellationReasons?: readonly Reason[] }
  const type = typeof body.__type === 'string' ? body.__type.slice(body.__type.lastIndexOf('#') + 1) : `status ${answer.status}`
  return new DynamoError(type, String(body.message ?? body.Message ?? ''), { item: body.Item, reasons: body.CancellationReasons })
}

/** An answer that is not JSON (a proxy's page, a cut body) is a lost answer. */
function parse(body: string): object {
  try {
    const value: unknown = JSON.parse(body)
    if (typeof value === 'object' && value !== null) return value
  } catch (error) {
    throw new DynamoError('Network', 'the answer is not json', { cause: error })
  }
  throw new DynamoError('Network', 'the answer is not an object')
}
