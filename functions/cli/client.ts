import { exit, Stop, type Terminal } from './terminal.ts'

/** One answer of the gate, its body read as JSON. */
export interface Reply { readonly status: number; readonly body: unknown; readonly session: string | null }
export interface Client {
  readonly url: string
  /** A document that is no JSON: its bytes, or the refusal that came instead. */
  bytes(path: string): Promise<{ readonly ok: true; readonly bytes: Uint8Array } | { readonly ok: false; readonly reply: Reply }>
  call(method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string, options?: { readonly body?: unknown; readonly headers?: Readonly<Record<string, string>> }): Promise<Reply>
}
export type Fetch = (url: string, init: RequestInit) => Promise<Response>

/** Of a document: a bundle of entries has 17 MB at most, a part of their content less. */
const mostBytes = 64 * 1024 * 1024

export const defaultUrl = 'http://127.0.0.1:8787'

/** Base URL of the gate: `SLUICE_URL`, or this machine's. A token never travels in clear over a network. */
export function gateUrl(env: Terminal['env']): string {
  const text = env['SLUICE_URL'] || defaultUrl
  const url = URL.parse(text)
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) throw new Stop(exit.invalid, `SLUICE_URL is not an http or https url: \`${text}\``)
  const loopback = /^(127\.\d+\.\d+\.\d+|\[::1\]|localhost)$/.test(url.hostname)
  if (url.protocol === 'http:' && !loopback) throw new Stop(exit.invalid, `SLUICE_URL is http and not this machine: \`${text}\`; a token would travel in clear, so use https`)
  return text.replace(/\/+$/, '')
}

export function createClient({ url, token, fetch }: { readonly url: string; readonly token: string | null; readonly fetch: Fetch }): Client {
  async function send(method: string, path: string, headers: Readonly<Record<string, string>>, body?: unknown): Promise<Response> {
    const all: Record<string, string> = { ...headers, ...(token === null ? {} : { authorization: `Bearer ${token}` }), ...(body === undefined ? {} : { 'content-type': 'application/json' }) }
    try {
      // A redirect would carry the token to wherever it points.
      return await fetch(`${url}${path}`, { method, headers: all, redirect: 'error', ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
    } catch (error) {
      throw new Stop(exit.failed, `the gate at ${url} does not answer (${reasonOf(error)}); start it with \`npm start\`, or name another with SLUICE_URL`)
    }
  }
  const broke = () => { throw new Stop(exit.failed, 'the gate\'s answer broke off; whether the call was carried out is in the audit') }
  /** A gate that is not trusted, such as a witness's, must not end whoever asks it by an answer that does not. */
  async function within(response: Response): Promise<Uint8Array> {
    const parts: Uint8Array[] = []
    let length = 0
    const reader = response.body?.getReader()
    for (let part = await reader?.read().catch(broke); part !== undefined && !part.done; part = await reader?.read().catch(broke)) {
      length += part.value.byteLength
      if (length > mostBytes) {
        void reader?.cancel().catch(() => undefined)
        throw new Stop(exit.failed, `the answer of ${url} is longer than any of a gate's`)
      }
      parts.push(part.value)
    }
    return new Uint8Array(Buffer.concat(parts))
  }
  function read(response: Response, text: string): Reply {
    try {
      return { status: response.status, body: text === '' ? null : JSON.parse(text), session: response.headers.get('sluice-session') }
    } catch {
      throw new Stop(exit.failed, `${url} answered ${response.status} with something that is not json; is SLUICE_URL right?`)
    }
  }
  return {
    url,
    async bytes(path) {
      const response = await send('GET', path, { accept: '*/*' })
      const bytes = await within(response)
      return response.status === 200 ? { ok: true, bytes } : { ok: false, reply: read(response, Buffer.from(bytes).toString('utf8')) }
    },
    async call(method, path, options = {}) {
      const response = await send(method, path, { accept: 'application/json, application/problem+json', ...options.headers }, options.body)
      return read(response, await response.text().catch(broke))
    },
  }
}

function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : null
  if (cause instanceof Error) return 'code' in cause && typeof cause.code === 'string' ? cause.code : cause.message
  return error instanceof Error ? error.message : 'unknown'
}
