import { Client, StreamableHTTPClientTransport, type CallToolResult } from '@modelcontextprotocol/client'
import type { App } from '../support/caller.ts'

/** The official client at an app in this process. `version`: the revision it insists on; without it, what the client negotiates. */
export async function connect(app: Pick<App, 'request'>, token: string, version?: '2026-07-28' | '2025-11-25') {
  const sent: { readonly body: string; readonly answer: string; readonly status: number; readonly type: string | null }[] = []
  const transport = new StreamableHTTPClientTransport(new URL('http://127.0.0.1:8787/mcp'), {
    requestInit: { headers: { authorization: `Bearer ${token}` } },
    fetch: async (url, init) => {
      const response = await app.request(new Request(url, init))
      const answer = await response.clone().text()
      sent.push({ body: typeof init?.body === 'string' ? init.body : '', answer, status: response.status, type: response.headers.get('content-type') })
      return response
    },
  })
  const client = new Client({ name: 'test', version: '1' }, version === '2026-07-28' ? { versionNegotiation: { mode: { pin: '2026-07-28' } } } : {})
  await client.connect(transport)
  const call = async (name: string, args: Record<string, unknown>) => read(await client.callTool({ name, arguments: args }) as CallToolResult)
  return { client, transport, sent, call }
}

/** A tool's result, taken apart: `data` is what stood inside the fence. */
export function read(result: CallToolResult) {
  const [first] = result.content
  const text = first?.type === 'text' ? first.text : ''
  const [, mark, inside] = /\n<<<data (\S+)\n([\s\S]*)\n\1 data>>>$/.exec(text) ?? []
  const structured = result.structuredContent ?? {}
  return { isError: result.isError === true, text, mark, inside, data: inside === undefined ? null : JSON.parse(inside) as Record<string, unknown>, structured: structured as Record<string, unknown> & { data?: Record<string, unknown> } }
}

/** One raw message: what no well-behaved client sends. */
export async function post(app: Pick<App, 'request'>, token: string | null, body: unknown, headers: Readonly<Record<string, string>> = {}) {
  const response = await app.request('/mcp', {
    method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body),
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...(token === null ? {} : { authorization: `Bearer ${token}` }), ...headers },
  })
  const text = await response.text()
  let json: unknown = null
  try { json = JSON.parse(text) } catch { json = null }
  return { status: response.status, headers: response.headers, text, json: json as Record<string, unknown> | null }
}

/** A message of the current revision, with the envelope and the headers it wants. */
export function modern(method: string, params: Readonly<Record<string, unknown>> = {}, version = '2026-07-28') {
  const name = typeof params['name'] === 'string' ? { 'mcp-name': params['name'] } : {}
  return [
    { jsonrpc: '2.0', id: 1, method, params: { ...params, _meta: { 'io.modelcontextprotocol/protocolVersion': version, 'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1' }, 'io.modelcontextprotocol/clientCapabilities': {} } } },
    { 'mcp-protocol-version': version, 'mcp-method': method, ...name },
  ] as const
}
