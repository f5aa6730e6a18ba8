import { spawn, type ChildProcess } from 'node:child_process'
import { createServer, type ServerResponse } from 'node:http'
import { join } from 'node:path'

export interface FunctionUrlAnswer { readonly status: number; readonly headers: Readonly<Record<string, string>>; readonly body: string; readonly chunks: number }
export interface Runtime {
  /** One event in, what the handler gives out. Rejects with the name and message of what it throws, and where its process ends. */
  call(event: unknown, deadlineMs?: number): Promise<unknown>
  /** One function-URL event in, the streamed answer out. `deadlineMs`: how long Lambda would let it run; `begun`: told when the first of the answer is there. */
  invoke(event: unknown, deadlineMs?: number, begun?: () => void): Promise<FunctionUrlAnswer>
  readonly child: ChildProcess
  /** What the process printed so far. */
  output(): string
  stop(): Promise<void>
}

/** What came back for one invocation: bytes, as they came, or the error that the handler threw. */
interface Returned { readonly kind: 'response' | 'error'; readonly bytes: Buffer; readonly chunks: number }

/** A small Lambda Runtime API on loopback and a child process that runs a real bundle under it. Throws, with what it printed, where that ends before it asks for its first event. */
export async function startRuntime(bundle: string, env: Readonly<Record<string, string>>, nodeArguments: readonly string[] = []): Promise<Runtime> {
  const waiting: ServerResponse[] = []
  const queued: { readonly id: string; readonly event: string; readonly deadline: number }[] = []
  const settle = new Map<string, (returned: Returned) => void>()
  const beginnings = new Map<string, () => void>()
  let [count, up] = [0, (): void => {}]

  function deliver(): void {
    const response = waiting[0]
    const next = queued[0]
    if (response === undefined || next === undefined) return
    waiting.shift()
    queued.shift()
    response.writeHead(200, { 'Lambda-Runtime-Aws-Request-Id': next.id, 'Lambda-Runtime-Deadline-Ms': String(next.deadline), 'Content-Type': 'application/json' })
    response.end(next.event)
  }
  const server = createServer((request, response) => {
    if (request.url?.endsWith('/invocation/next') === true) {
      up()
      waiting.push(response)
      deliver()
      return
    }
    const [, id = '', kind] = /\/invocation\/([^/]+)\/(response|error)$/.exec(request.url ?? '') ?? []
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      beginnings.get(id)?.()
    })
    request.on('end', () => {
      response.writeHead(202).end()
      settle.get(id)?.({ kind: kind === 'response' ? 'response' : 'error', bytes: Buffer.concat(chunks), chunks: chunks.length })
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const child = spawn(process.execPath, [...nodeArguments, join(import.meta.dirname, 'bootstrap.ts'), bundle, `127.0.0.1:${address.port}`], { env: { PATH: process.env['PATH'], ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  let printed = ''
  child.stdout.on('data', (chunk: Buffer) => { printed += chunk.toString() })
  child.stderr.on('data', (chunk: Buffer) => { printed += chunk.toString() })
  const ended = new Promise<never>((_, reject) => { child.once('close', (code) => { reject(new Error(`the function's process ended with ${code}:\n${printed}`)) }) })
  ended.catch(() => {})
  async function stop(): Promise<void> {
    child.kill('SIGKILL')
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  function send(event: unknown, deadlineMs: number, begun?: () => void): Promise<Returned> {
    const id = `r-${++count}`
    if (begun) beginnings.set(id, begun)
    const returned = new Promise<Returned>((resolve) => { settle.set(id, resolve) })
    queued.push({ id, event: JSON.stringify(event), deadline: Date.now() + deadlineMs })
    deliver()
    return Promise.race([returned, ended])
  }
  await Promise.race([new Promise<void>((resolve) => { up = resolve }), ended]).catch(async (error: unknown) => { await stop(); throw error })

  return {
    child, stop,
    output: () => printed,
    async invoke(event, deadlineMs = 30_000, begun) {
      const { bytes, chunks } = await send(event, deadlineMs, begun)
      const cut = bytes.indexOf(Buffer.alloc(8))
      const prelude = JSON.parse(bytes.subarray(0, cut).toString()) as { statusCode: number; headers?: Record<string, string> }
      return { status: prelude.statusCode, headers: prelude.headers ?? {}, body: bytes.subarray(cut + 8).toString(), chunks }
    },
    async call(event, deadlineMs = 30_000) {
      const { kind, bytes } = await send(event, deadlineMs)
      const value = JSON.parse(bytes.toString()) as unknown
      if (kind === 'response') return value ?? undefined
      const { errorType, errorMessage } = value as { errorType: string; errorMessage: string }
      throw Object.assign(new Error(errorMessage), { name: errorType })
    },
  }
}

/** A function-URL event (payload format 2.0). */
export function urlEvent(method: string, path: string, options: { readonly headers?: Readonly<Record<string, string>>; readonly body?: string } = {}): unknown {
  return {
    version: '2.0', routeKey: '$default', rawPath: path.split('?')[0], rawQueryString: path.split('?')[1] ?? '',
    headers: { host: 'gate.sluice.test', ...options.headers },
    requestContext: { http: { method, path: path.split('?')[0], protocol: 'HTTP/1.1', sourceIp: '203.0.113.1', userAgent: 'test' }, domainName: 'gate.sluice.test', requestId: 'x', accountId: 'anonymous', apiId: 'x', stage: '$default', time: '', timeEpoch: Date.now(), routeKey: '$default', domainPrefix: 'gate' },
    isBase64Encoded: false, ...(options.body === undefined ? {} : { body: options.body }),
  }
}
