import { request } from 'node:http'

/**
 * What Lambda's Node runtime does around a bundle, in little: loads the handler, asks the Runtime API for the next event, and gives back what it answers, streamed where the handler says that it streams.
 * Run as a child: `node bootstrap.ts <bundle> <runtime api host:port>`. Shapes: the Lambda Runtime API (2018-06-01) and its response streaming.
 */
const [bundlePath, api] = [process.argv[2], process.argv[3]]
if (bundlePath === undefined || api === undefined) throw new Error('bootstrap wants a bundle and the address of a Runtime API')
const [host, port] = api.split(':')

type Write = { write(chunk: string | Uint8Array): unknown; end(chunk?: string | Uint8Array): unknown; setContentType(type: string): void }
type Streaming = (event: unknown, stream: Write, context: unknown) => Promise<void>
type Buffered = (event: unknown, context: unknown) => Promise<unknown>
const streaming = new WeakSet<Streaming | Buffered>()
const streams = (handler: Streaming | Buffered): handler is Streaming => streaming.has(handler)
Object.assign(globalThis, {
  awslambda: {
    streamifyResponse: (handler: Streaming) => { streaming.add(handler); return handler },
    HttpResponseStream: {
      from(stream: Write, metadata: unknown) {
        stream.setContentType('application/vnd.awslambda.http-integration-response')
        stream.write(JSON.stringify(metadata))
        stream.write(new Uint8Array(8))                      // eight NULs part the prelude from the body
        return stream
      },
    },
  },
})
const { handler } = (await import(bundlePath)) as { handler: Streaming | Buffered }

function call(method: string, path: string, headers: Record<string, string>, feed?: (write: Write) => void): Promise<{ readonly headers: Record<string, unknown>; readonly body: string }> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ host, port: Number(port), method, path: `/2018-06-01${path}`, headers, agent: false }, (incoming) => {
      let body = ''
      incoming.on('data', (chunk: Buffer) => { body += chunk.toString() })
      incoming.on('end', () => resolve({ headers: incoming.headers, body }))
    })
    outgoing.on('error', reject)
    if (feed === undefined) outgoing.end()
    else feed(Object.assign(outgoing, { setContentType: (type: string) => { outgoing.setHeader('Content-Type', type) } }) as unknown as Write)
  })
}

/** A handler that streams and throws has said part of its answer, so its process ends; of one that does not, the error is the answer, and the process serves the next event. */
async function answer(id: string, event: unknown, context: unknown): Promise<void> {
  if (streams(handler)) {
    const stream = handler
    await call('POST', `/runtime/invocation/${id}/response`, { 'Lambda-Runtime-Function-Response-Mode': 'streaming', 'Transfer-Encoding': 'chunked' }, (to) => {
      stream(event, to, context).catch((error: unknown) => { process.stderr.write(`${String(error)}\n`); process.exit(1) })
    })
    return
  }
  const [path, body] = await handler(event, context).then((value) => ['response', value] as const, (error: unknown) => ['error', error instanceof Error ? { errorType: error.name, errorMessage: error.message } : { errorType: 'Error', errorMessage: 'unknown' }] as const)
  await call('POST', `/runtime/invocation/${id}/${path}`, { 'Content-Type': 'application/json' }, (to) => { to.end(JSON.stringify(body) ?? 'null') })
}

for (;;) {
  const next = await call('GET', '/runtime/invocation/next', {})
  const deadline = Number(next.headers['lambda-runtime-deadline-ms'])
  const id = String(next.headers['lambda-runtime-aws-request-id'])
  await answer(id, JSON.parse(next.body), { awsRequestId: id, getRemainingTimeInMillis: () => deadline - Date.now(), callbackWaitsForEmptyEventLoop: false })
}
