import { createHash, createHmac } from 'node:crypto'
import http from 'node:http'
import https from 'node:https'
import { Fault } from '../ports.ts'
import type { Place } from './dynamo.ts'

const attemptMs = 5000
const attempts = 4
const firstWaitMs = 50

/** One request to a service of AWS. `headers` are sent and signed as they are, names in lower case; `path` as sent, and it holds nothing that wants escaping; after a `?` its query, sorted by name, each name with its `=`. */
export interface Call { readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE'; readonly path: string; readonly headers: Readonly<Record<string, string>>; readonly body: Uint8Array }
export interface Answer { readonly status: number; readonly headers: http.IncomingHttpHeaders; readonly body: Buffer }
export type Send = (call: Call) => Promise<Answer>

/**
 * A service of AWS by hand-signed requests (Signature Version 4), so that nobody carries a client for two calls. Retries what may pass: no answer, 5xx, and what
 * `passing` says; so a call may be carried out twice. Gives any other answer, whatever its status. Throws Fault store-unavailable.
 */
export function createCall(service: string, { endpoint, now, ...place }: Place & { readonly now: () => number }, passing: (answer: Answer) => boolean): Send & { close(): void } {
  const url = new URL(endpoint)
  const client = url.protocol === 'https:' ? https : http
  const agent = new client.Agent({ keepAlive: true, maxSockets: 32 })

  function send(call: Call): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const headers = { ...sign(service, place, url.host, call, now()), 'content-length': String(call.body.byteLength) }
      const request = client.request({ host: url.hostname, port: url.port, path: call.path, method: call.method, agent, headers, signal: AbortSignal.timeout(attemptMs) }, (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => { chunks.push(chunk) })
        response.on('error', reject)
        response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) }))
      })
      request.on('error', reject).end(call.body)
    })
  }

  async function call(what: Call): Promise<Answer> {
    let cause: unknown
    for (let attempt = 1; attempt <= attempts; attempt++) {
      try {
        const answer = await send(what)
        if (answer.status < 500 && !passing(answer)) return answer
        cause = new Error(`status ${answer.status}`)
      } catch (error) {
        cause = error
      }
      if (attempt < attempts) await new Promise((resolve) => { setTimeout(resolve, firstWaitMs * 2 ** attempt) })
    }
    throw new Fault('store-unavailable', `${service} does not answer`, { cause })
  }
  return Object.assign(call, { close: () => agent.destroy() })
}

export function sign(service: string, { region, credentials }: Omit<Place, 'endpoint'>, host: string, { method, path, headers, body }: Call, at: number): Record<string, string> {
  const date = new Date(at).toISOString().replace(/[-:]|\.\d{3}/g, '')
  const scope = `${date.slice(0, 8)}/${region}/${service}/aws4_request`
  const digest = createHash('sha256').update(body).digest('hex')
  const signed: Record<string, string> = {
    ...headers, host, 'x-amz-content-sha256': digest, 'x-amz-date': date, ...(credentials.sessionToken === undefined ? {} : { 'x-amz-security-token': credentials.sessionToken }),
  }
  const names = Object.keys(signed).toSorted()
  const [resource = '', query = ''] = path.split('?')
  const canonical = [method, resource, query, ...names.map((name) => `${name}:${signed[name]?.trim()}`), '', names.join(';'), digest].join('\n')
  const key = [region, service, 'aws4_request'].reduce(hmac, hmac(`AWS4${credentials.secretAccessKey}`, date.slice(0, 8)))
  const signature = hmac(key, `AWS4-HMAC-SHA256\n${date}\n${scope}\n${createHash('sha256').update(canonical).digest('hex')}`).toString('hex')
  return { ...signed, authorization: `AWS4-HMAC-SHA256 Credential=${credentials.accessKeyId}/${scope}, SignedHeaders=${names.join(';')}, Signature=${signature}` }
}
const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest()
