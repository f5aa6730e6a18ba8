import { createHash } from 'node:crypto'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What of S3 the log leans on: `If-None-Match`, and that nothing locked goes. Not a judge of S3's own behaviour: of our requests' shape. */
export interface Stub {
  readonly url: string
  readonly requests: { readonly method: string; readonly path: string; readonly headers: IncomingHttpHeaders; readonly body: Buffer }[]
  /** `before`: fails, nothing stored. `after`: stored, and the answer lost. */
  fail: 'before' | 'after' | 'conflict' | null
  close(): Promise<void>
}
export async function startBucket(): Promise<Stub> {
  const objects = new Map<string, Buffer>()
  const stub = { requests: [] as Stub['requests'], fail: null as Stub['fail'] }
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const body = Buffer.concat(chunks)
    const path = request.url ?? ''
    stub.requests.push({ method: request.method ?? '', path, headers: request.headers, body })
    const fail = stub.fail
    if (fail !== null) stub.fail = null
    if (fail === 'before') return void response.writeHead(503).end('<Error><Code>SlowDown</Code></Error>')
    if (fail === 'conflict') return void response.writeHead(409).end('<Error><Code>ConditionalRequestConflict</Code></Error>')
    if (request.headers['x-amz-content-sha256'] !== createHash('sha256').update(body).digest('hex') || !String(request.headers.authorization).startsWith('AWS4-HMAC-SHA256 ')) return void response.writeHead(403).end()
    if (request.method === 'GET') {
      const there = objects.get(path)
      return void (there ? response.writeHead(200).end(there) : response.writeHead(404).end('<Error><Code>NoSuchKey</Code></Error>'))
    }
    const taken = objects.has(path)
    if (!taken) objects.set(path, body)
    if (fail === 'after') return void response.destroy()
    response.writeHead(taken ? 412 : 200).end(taken ? '<Error><Code>PreconditionFailed</Code></Error>' : '')
  })
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  return Object.assign(stub, { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close: () => new Promise<void>((resolve) => { server.close(() => resolve()); server.closeAllConnections() }) })
}
