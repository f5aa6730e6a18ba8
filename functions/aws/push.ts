import { createHash, createHmac } from 'node:crypto'
import http from 'node:http'
import https from 'node:https'
import { Fault, type Sockets } from '../ports.ts'
import type { Place } from './dynamo.ts'

const attemptMs = 3000
const attempts = 3
const waitMs = 100

/**
 * API Gateway's Management API: `POST /@connections/{id}` sends, `DELETE` closes. `endpoint`: `https://{api}.execute-api.{region}.amazonaws.com/{stage}`. 410 is a connection
 * that is gone. Signed by hand (Signature Version 4, service `execute-api`), so that no function carries a client for two calls. Retries what
 * may pass; a text may therefore arrive twice. Throws Fault store-unavailable.
 */
export function createPush({ endpoint, now, ...place }: Place & { readonly now: () => number }): Pick<Sockets, 'push' | 'close'> & { end(): void } {
  const url = new URL(endpoint)
  const client = url.protocol === 'https:' ? https : http
  const agent = new client.Agent({ keepAlive: true, maxSockets: 32 })

  async function call(method: 'POST' | 'DELETE', id: string, body: string): Promise<'sent' | 'gone'> {
    for (let attempt = 1; ; attempt++) {
      const status = await send(method, `${url.pathname.replace(/\/$/, '')}/@connections/${encodeURIComponent(id)}`, body).catch(() => 0)
      if (status >= 200 && status < 300) return 'sent'
      if (status === 410) return 'gone'
      if ((status !== 0 && status !== 429 && status < 500) || attempt === attempts) throw new Fault(status === 413 ? 'internal' : 'store-unavailable', `the socket gateway answered ${status === 0 ? 'nothing' : status}`)
      await new Promise((resolve) => { setTimeout(resolve, waitMs * attempt) })
    }
  }

  function send(method: string, path: string, body: string): Promise<number> {
    return new Promise((resolve, reject) => {
      const headers = { ...signature({ ...place, host: url.host }, method, path, body, now()), 'content-length': String(Buffer.byteLength(body)), ...(body === '' ? {} : { 'content-type': 'application/json' }) }
      const request = client.request({ host: url.hostname, port: url.port, path, method, agent, headers, signal: AbortSignal.timeout(attemptMs) }, (response) => {
        response.on('error', reject).on('end', () => resolve(response.statusCode ?? 0)).resume()
      })
      request.on('error', reject).end(body)
    })
  }
  return {
    push: (id, text) => call('POST', id, text),
    close: async (id) => { await call('DELETE', id, '') },
    end: () => agent.destroy(),
  }
}

/** The headers that sign one request. `path`: as sent, escaped once; the canonical request has it escaped again, as every service but S3 wants it. */
export function signature({ region, credentials, host }: Omit<Place, 'endpoint'> & { readonly host: string }, method: string, path: string, body: string, at: number): Record<string, string> {
  const date = new Date(at).toISOString().replace(/[-:]|\.\d{3}/g, '')
  const scope = `${date.slice(0, 8)}/${region}/execute-api/aws4_request`
  const signed: [string, string][] = [['host', host], ['x-amz-date', date], ...(credentials.sessionToken === undefined ? [] : [['x-amz-security-token', credentials.sessionToken] as [string, string]])]
  const names = signed.map(([name]) => name).join(';')
  const canonical = [method, encodeURIComponent(path).replaceAll('%2F', '/'), '', ...signed.map((pair) => pair.join(':')), '', names, sha256(body)].join('\n')
  const key = [region, 'execute-api', 'aws4_request'].reduce(hmac, hmac(`AWS4${credentials.secretAccessKey}`, date.slice(0, 8)))
  const mark = hmac(key, `AWS4-HMAC-SHA256\n${date}\n${scope}\n${sha256(canonical)}`).toString('hex')
  return { ...Object.fromEntries(signed), authorization: `AWS4-HMAC-SHA256 Credential=${credentials.accessKeyId}/${scope}, SignedHeaders=${names}, Signature=${mark}` }
}
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')
const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest()
