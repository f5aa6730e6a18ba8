import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bundle } from '../../infra/bundle.ts'
import { openssl, startGate } from './gate.ts'
import { startRuntime, urlEvent, type Runtime } from './runtime.ts'

if (openssl === undefined) console.log('skipped: the bundle of what waits wants openssl for a test certificate: apt-get install -y openssl')

describe.skipIf(openssl === undefined)('the bundle of what waits under a Lambda Runtime API', () => {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-hold-'))
  let [runtime, around] = [null, null] as unknown as [Runtime, Awaited<ReturnType<typeof startGate>>]
  beforeAll(async () => {
    around = await startGate(directory)
    runtime = await startRuntime((await bundle('hold', directory)).file, around.env, around.preload)
  }, 60_000)
  afterAll(async () => {
    await runtime?.stop()
    await around?.stop()
    rmSync(directory, { recursive: true, force: true })
  })
  const headers = () => ({ 'content-type': 'application/json', accept: 'application/json, text/event-stream', authorization: `Bearer ${around.token}` })

  test('speaks the Model Context Protocol, whose server is read when the first message comes', async () => {
    const message = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'run', arguments: { connection: 'shop', sql: 'select id from customers order by id limit 1' } } }
    const answer = await runtime.invoke(urlEvent('POST', '/mcp', { headers: headers(), body: JSON.stringify(message) }))
    expect(answer.status, answer.body + runtime.output()).toBe(200)
    expect(JSON.parse(answer.body)).toMatchObject({ id: 1, result: { isError: false, structuredContent: { data: { rows: [[1]] } } } })
  })
  test('answers a call at once that prefers to wait and need not', async () => {
    const answer = await runtime.invoke(urlEvent('POST', '/v1/connections/shop/query', { headers: { ...headers(), prefer: 'wait=40' }, body: JSON.stringify({ sql: 'select id from customers order by id limit 1' }) }))
    expect([answer.status, JSON.parse(answer.body)], answer.body + runtime.output()).toEqual([200, expect.objectContaining({ rows: [{ id: 1 }] })])
  })
})
