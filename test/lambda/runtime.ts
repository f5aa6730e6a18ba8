import { spawn, type ChildProcess } from 'node:child_process'
import { createServer, type ServerResponse } from 'node:http'
import { join } from 'node:path'

export interface FunctionUrlAnswer { readonly status: number; readonly headers: Readonly<Record<string, string>>; readonly body: string; readonly chunks: number }
export interface Runtime {
  /** One function-URL event in, the streamed answer out. `deadlineMs`: how long Lambda would let it run; `begun`: told when the first of the answer is there. */
  invoke(event: unknown, deadlineMs?: number, begun?: () => void): Promise<FunctionUrlAnswer>
  readonly child: ChildProcess
  /** What the process printed so far. */
  output(): string
  stop(): Promise<void>
}

/** A small Lambda Runtime API on loopback and a child process that runs a real bundle under it. */
export async function startRuntime(bundle: string, env: Readonly<Record<string, string>>, nodeArguments: readonly string[] = []): Promise<Runtime> {
  const waiting: ServerResponse[] = []
  const queued: { readonly id: string; readonly event: string; readonly deadline: number }[] = []
  const settle = new Map<string, (answer: FunctionUrlAnswer) => void>()
  const beginnings = new Map<string, () => void>()
  let count = 0

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
      waiting.push(response)
      deliver()
      return
    }
    const id = /\/invocation\/([^/]+)\/response$/.exec(request.url ?? '')?.[1]
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      beginnings.get(id ?? '')?.()
    })
    request.on('end', () => {
      response.writeHead(202).end()
      const whole = Buffer.concat(chunks)
      const cut = whole.indexOf(Buffer.alloc(8))
      const prelude = JSON.parse(whole.subarray(0, cut).toString()) as { statusCode: number; headers?: Record<string, string> }
      settle.get(id ?? '')?.({ status: prelude.statusCode, headers: prelude.headers ?? {}, body: whole.subarray(cut + 8).toString(), chunks: chunks.length })
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const child = spawn(process.execPath, [...nodeArguments, join(import.meta.dirname, 'bootstrap.ts'), bundle, `127.0.0.1:${address.port}`], { env: { PATH: process.env['PATH'], ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  let printed = ''
  child.stdout.on('data', (chunk: Buffer) => { printed += chunk.toString() })
  child.stderr.on('data', (chunk: Buffer) => { printed += chunk.toString() })

  return {
    child,
    output: () => printed,
    invoke(event, deadlineMs = 30_000, begun) {
      const id = `r-${++count}`
      return new Promise((resolve, reject) => {
        const onExit = () => reject(new Error(`the function's process ended:\n${printed}`))
        child.once('exit', onExit)
        if (begun) beginnings.set(id, begun)
        settle.set(id, (answer) => { child.off('exit', onExit); resolve(answer) })
        queued.push({ id, event: JSON.stringify(event), deadline: Date.now() + deadlineMs })
        deliver()
      })
    },
    async stop() {
      child.kill('SIGKILL')
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
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
