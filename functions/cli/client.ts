import { exit, Stop, type Terminal } from './terminal.ts'

/** One answer of the gate, its body read as JSON. */
export interface Reply { readonly status: number; readonly body: unknown; readonly session: string | null }
export interface Client {
  readonly url: string
  call(method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string, options?: { readonly body?: unknown; readonly headers?: Readonly<Record<string, string>> }): Promise<Reply>
}
export type Fetch = (url: string, init: RequestInit) => Promise<Response>

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
  return {
    url,
    async call(method, path, options = {}) {
      const headers: Record<string, string> = { accept: 'application/json, application/problem+json', ...options.headers }
      if (token !== null) headers['authorization'] = `Bearer ${token}`
      if (options.body !== undefined) headers['content-type'] = 'application/json'
      let response: Response
      try {
        // A redirect would carry the token to wherever it points.
        response = await fetch(`${url}${path}`, { method, headers, redirect: 'error', ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }) })
      } catch (error) {
        throw new Stop(exit.failed, `the gate at ${url} does not answer (${reasonOf(error)}); start it with \`npm start\`, or name another with SLUICE_URL`)
      }
      const text = await response.text().catch(() => { throw new Stop(exit.failed, 'the gate\'s answer broke off; whether the call was carried out is in the audit') })
      const session = response.headers.get('sluice-session')
      try {
        return { status: response.status, body: text === '' ? null : JSON.parse(text), session }
      } catch {
        throw new Stop(exit.failed, `${url} answered ${response.status} with something that is not json; is SLUICE_URL right?`)
      }
    },
  }
}

function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : null
  if (cause instanceof Error) return 'code' in cause && typeof cause.code === 'string' ? cause.code : cause.message
  return error instanceof Error ? error.message : 'unknown'
}
