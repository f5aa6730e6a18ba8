import { describe, expect, test } from 'vitest'
import { createGateway, support } from '../support/caller.ts'
import { connect, modern, post } from './client.ts'

const older = (method: string, params: object = {}, id: number | null = 1) => ({ jsonrpc: '2.0', ...(id === null ? {} : { id }), method, params })
const initialize = (protocolVersion: string) => older('initialize', { protocolVersion, capabilities: {}, clientInfo: { name: 'test', version: '1' } })
async function started() {
  const { app, world } = createGateway()
  return { app, world, token: await world.token(support) }
}
const read = { connection: 'shop', sql: 'select id from public.orders' }

describe.each(['2026-07-28', '2025-11-25'] as const)('the official client on %s', (version) => {
  test('finds the tools, calls them, and is answered with JSON and no session', async () => {
    const { app, token, world } = await started()
    const { client, call, sent } = await connect(app, token, version)
    expect(client.getNegotiatedProtocolVersion()).toBe(version)
    expect(client.getServerCapabilities()).toEqual({ tools: {} })
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(['access', 'run', 'kubernetes', 'command', 'follow'])
    expect(await call('run', read)).toMatchObject({ isError: false, data: { rows: [[1], [2]], rowCount: 2 } })
    expect(sent.filter(({ status }) => status === 200).map(({ type }) => type)).not.toContain('text/event-stream')
    expect(world.engine.ran).toEqual([read.sql])
    expect(world.events.map(({ kind }) => kind)).toEqual(['intent', 'outcome'])
  })
})

describe('revisions', () => {
  test.each(['2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25'])('an older client gets %s when it asks for it', async (version) => {
    const { app, token } = await started()
    expect((await post(app, token, initialize(version))).json).toMatchObject({ result: { protocolVersion: version, capabilities: { tools: {} }, serverInfo: { name: 'sluice' } } })
  })
  test('one that asks for a revision nobody knows is told one that is spoken here', async () => {
    const { app, token } = await started()
    expect((await post(app, token, initialize('1999-01-01'))).json).toMatchObject({ result: { protocolVersion: '2025-11-25' } })
  })
  test('a revision of the newer kind that is not spoken here is refused, naming the one that is', async () => {
    const { app, token } = await started()
    expect(await post(app, token, ...modern('tools/list', {}, '2031-01-01'))).toMatchObject({ status: 400, json: { id: 1, error: { code: -32022, data: { supported: ['2026-07-28'] } } } })
  })
  test('an older header nobody knows is refused', async () => {
    const { app, token } = await started()
    expect((await post(app, token, older('tools/list'), { 'mcp-protocol-version': '1999-01-01' })).status).toBe(400)
  })
  test('headers that say another thing than the body are refused, and nothing runs', async () => {
    const { app, token, world } = await started()
    const [body, headers] = modern('tools/call', { name: 'run', arguments: read })
    for (const changed of [{ 'mcp-name': 'access' }, { 'mcp-method': 'tools/list' }, { 'mcp-protocol-version': '2025-11-25' }]) {
      expect(await post(app, token, body, { ...headers, ...changed })).toMatchObject({ status: 400, json: { error: { code: -32020 } } })
    }
    expect(world.engine.ran).toEqual([])
  })
})

describe('messages', () => {
  test('a batch is refused whole, and nothing of it runs', async () => {
    const { app, token, world } = await started()
    const batch = Array.from({ length: 100 }, (_, id) => older('tools/call', { name: 'run', arguments: read }, id))
    expect(await post(app, token, batch)).toMatchObject({ status: 400, json: { id: null, error: { code: -32600, data: { reason: 'batch' } } } })
    expect(await post(app, token, [modern('tools/call', { name: 'run', arguments: read })[0]], { 'mcp-protocol-version': '2026-07-28' })).toMatchObject({ status: 400 })
    expect(world.engine.ran).toEqual([])
  })
  test('a notification is taken and has no answer', async () => {
    const { app, token } = await started()
    for (const method of ['notifications/initialized', 'notifications/cancelled', 'notifications/nonsense']) {
      expect(await post(app, token, older(method, { requestId: 7 }, null))).toMatchObject({ status: 202, text: '' })
    }
  })
  test('an older client may ping; the current revision has no ping', async () => {
    const { app, token } = await started()
    expect((await post(app, token, older('ping'))).json).toEqual({ jsonrpc: '2.0', id: 1, result: {} })
    expect(await post(app, token, ...modern('ping'))).toMatchObject({ status: 404, json: { error: { code: -32601 } } })
  })
  test('there is nothing to subscribe to: no stream outlives its token', async () => {
    const { app, token } = await started()
    expect(await post(app, token, ...modern('subscriptions/listen', { notifications: {} }))).toMatchObject({ status: 404, json: { id: 1, error: { code: -32601 } } })
  })
  test.each([['GET'], ['DELETE'], ['PUT']])('%s is not allowed', async (method) => {
    const { app, token } = await started()
    const response = await app.request('/mcp', { method, headers: { authorization: `Bearer ${token}`, accept: 'text/event-stream' } })
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'POST'])
  })
  test.each([
    ['{"jsonrpc":"2.0","id":1,"method":"tools/list"', -32700], ['', -32600], ['null', -32600], ['7', -32600],
    ['{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call"}', -32600], ['{"jsonrpc":"2.0","id":1,"method":"ping","params":{"__proto__":{}}}', -32600], ['[]', -32600],
    [`{"jsonrpc":"2.0","id":1,"method":"ping","params":${'['.repeat(200)}${']'.repeat(200)}}`, -32600],
  ])('what is no single message is refused: %s', async (body, code) => {
    const { app, token } = await started()
    expect(await post(app, token, body)).toMatchObject({ status: 400, json: { error: { code } } })
  })
  test('an answer nobody asked for does nothing', async () => {
    const { app, token } = await started()
    expect((await post(app, token, { jsonrpc: '2.0', id: 1, result: { content: [] } })).status).toBeLessThan(500)
  })
})
