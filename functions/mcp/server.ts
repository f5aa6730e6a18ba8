import { createMcpHandler, isLegacyRequest, ProtocolError, ProtocolErrorCode, Server, WebStandardStreamableHTTPServerTransport, type CallToolResult, type Tool } from '@modelcontextprotocol/server'
import type { Calls } from './call.ts'
import { instructions, tools } from './tools.ts'

/** How long a client may keep the list of tools, which changes with a release and at no other time. */
const listMs = 3600_000
/** Nothing here asks the client for input, so nothing is ever validated: and building the SDK's own validator costs more than a call. */
const noInput = { getValidator: () => { throw new Error('this server asks its client for nothing') } }

/**
 * One HTTP request through the official server, made for it and thrown away after it. `body`: parsed and found to be one message. The SDK settles revisions,
 * headers and JSON-RPC; who calls and what they may do was settled before and is settled again by each tool.
 */
export async function serve(calls: Calls, request: Request, body: unknown): Promise<Response> {
  if (await isLegacyRequest(request, body)) return serveOlder(calls, request, body)
  return createMcpHandler(() => createServer(calls), { legacy: 'reject' }).fetch(request, { parsedBody: body })
}

/** Revisions up to 2025-11-25. The SDK's own fallback answers with a stream of events; a function that is billed by the second gives one JSON answer. */
async function serveOlder(calls: Calls, request: Request, body: unknown): Promise<Response> {
  const server = createServer(calls)
  const transport = new WebStandardStreamableHTTPServerTransport({ enableJsonResponse: true })
  try {
    await server.connect(transport)
    return await transport.handleRequest(request, { parsedBody: body })
  } finally {
    await server.close()
  }
}

/** A copy the SDK may keep: its types know no readonly arrays. */
const list: Tool[] = structuredClone(tools) as unknown as Tool[]

function createServer(calls: Calls): Server {
  const hint = { ttlMs: listMs, cacheScope: 'public' } as const
  const server = new Server({ name: 'sluice', version: '0.1.0' }, {
    capabilities: { tools: {} }, instructions, jsonSchemaValidator: noInput, cacheHints: { 'tools/list': hint, 'server/discover': hint },
  })
  server.setRequestHandler('tools/list', () => ({ tools: list }))
  server.setRequestHandler('tools/call', async ({ params }): Promise<CallToolResult> => {
    const told = calls(params.name, params.arguments ?? {})
    if (told === null) throw new ProtocolError(ProtocolErrorCode.InvalidParams, 'there is no such tool; tools/list names those there are')
    const { text, structured, isError } = await told
    return { content: [{ type: 'text', text }], structuredContent: { ...structured }, isError }
  })
  return server
}
