import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bundle } from '../../infra/bundle.ts'
import { openPorts, type Place } from '../support/local.ts'
import { openssl, startGate } from './gate.ts'
import { startRuntime, urlEvent, type Runtime } from './runtime.ts'

/**
 * The bundle that would be deployed, under a small Lambda Runtime API, with nothing of it replaced: its issuer and Neon's endpoint answer over TLS
 * under names of the test's own, DynamoDB through AWS_ENDPOINT_URL_DYNAMODB.
 */
if (openssl === undefined) console.log('skipped: the Lambda bundle under its Runtime API wants openssl for a test certificate: apt-get install -y openssl')

describe.skipIf(openssl === undefined)('the HTTP bundle under a Lambda Runtime API', () => {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-lambda-'))
  let runtime: Runtime
  let around: Awaited<ReturnType<typeof startGate>>
  let place: Place
  let token: string
  let built: Awaited<ReturnType<typeof bundle>>

  beforeAll(async () => {
    around = await startGate(directory)
    ;({ place, token } = around)
    built = await bundle('http', directory)
    runtime = await startRuntime(built.file, around.env, around.preload)
  })
  afterAll(async () => {
    await runtime?.stop()
    await around?.stop()
    rmSync(directory, { recursive: true, force: true })
  })
  const query = (body: object, headers: Record<string, string> = {}) =>
    runtime.invoke(urlEvent('POST', '/v1/connections/shop/query', { headers: { 'content-type': 'application/json', authorization: `Bearer ${token}`, ...headers }, body: JSON.stringify(body) }))

  test('is within its budget with all that it ever reads, and what few calls need is not read at a cold start', () => {
    console.log(`http bundle: ${(built.bytes / 1024).toFixed(0)} KB minified, ${(built.gzipBytes / 1024).toFixed(0)} KB gzipped, and ${(built.later.gzipBytes / 1024).toFixed(0)} at first use`)
    expect(built.gzipBytes + built.later.gzipBytes).toBeLessThan(1024 * 1024)
    expect(built.later.bytes).toBeGreaterThan(300 * 1024)
  })

  test('is alive, and challenges a caller without a token', async () => {
    expect((await runtime.invoke(urlEvent('GET', '/healthz'))).status).toBe(200)
    const refused = await runtime.invoke(urlEvent('GET', '/v1/me'))
    expect(refused.status).toBe(401)
    expect(refused.headers['www-authenticate']).toBe('Bearer resource_metadata="https://gate.sluice.test/.well-known/oauth-protected-resource"')
    expect(refused.headers['cache-control']).toBe('no-store')
  })

  test('answers a query with masked rows, streamed', async () => {
    const answer = await query({ sql: 'select id, email from customers order by id limit 2' })
    expect(answer.status, answer.body + runtime.output()).toBe(200)
    expect((JSON.parse(answer.body) as { rows: unknown[] }).rows).toEqual([{ id: 1, email: 'c***@example.com' }, { id: 2, email: 'c***@example.com' }])
    expect(answer.headers['sluice-session']).toMatch(/^ses_/)
  })

  test.each([['GET', '/v1/policy', 403, 'denied'], ['GET', '/v1/locks', 403, 'denied'], ['GET', '/v1/audit/events', 403, 'denied'], ['DELETE', '/v1/audit/content?subject=agent:bot', 403, 'denied'],
    ['POST', '/v1/slack', 404, 'no_slack'], ['GET', '/problems/denied', 200, '<!doctype html>']] as const)('what few calls ask is read with the first of them: %s %s', async (method, path, status, said) => {
    const answer = await runtime.invoke(urlEvent(method, path, { headers: { authorization: `Bearer ${token}` } }))
    expect(answer.status, answer.body + runtime.output()).toBe(status)
    expect(answer.body).toContain(said)
  })

  test.each([['POST', '/mcp'], ['POST', '/v1/connections/shop/exec'], ['GET', '/v1/kubernetes/cluster/api/v1/pods?watch=true']] as const)('what waits, runs on a host or lasts has places elsewhere, and is not taken here: %s %s', async (method, path) => {
    const answer = await runtime.invoke(urlEvent(method, path, { headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` }, ...(method === 'POST' ? { body: '{}' } : {}) }))
    expect([answer.status, answer.body]).toEqual([421, ''])
  })

  test('refuses what no rule allows with a problem', async () => {
    const answer = await query({ sql: 'select * from payroll.salaries' })
    expect(answer.status).toBe(403)
    expect(answer.headers['content-type']).toBe('application/problem+json')
  })

  test('carries an answer of many rows whole', async () => {
    const answer = await query({ sql: 'select id, name, email from customers order by id' })
    expect((JSON.parse(answer.body) as { rows: unknown[] }).rows).toHaveLength(900)
  })

  test('frozen and thawed, it reads the policy again before it decides, and its connections anew', async () => {
    expect((await query({ sql: 'select count(*) from customers' })).status).toBe(200)
    runtime.child.kill('SIGSTOP')
    const ports = openPorts(place)
    await ports.policies.lock({ target: 'connection:shop', by: 'user:ops@acme.dev', at: new Date().toISOString(), reason: null, until: null })
    await new Promise((resolve) => { setTimeout(resolve, 2500) })
    runtime.child.kill('SIGCONT')
    expect((await query({ sql: 'select count(*) from customers' })).status).toBe(403)
    await ports.policies.unlock('connection:shop')
    ports.close()
    runtime.child.kill('SIGSTOP')
    await new Promise((resolve) => { setTimeout(resolve, 5000) })
    runtime.child.kill('SIGCONT')
    expect((await query({ sql: 'select count(*) from customers' })).status).toBe(200)
  })

  test('with its time nearly over it says so, and that nothing was begun', async () => {
    const ask = (sql: string, deadlineMs: number) => runtime.invoke(urlEvent('POST', '/v1/connections/shop/query', { headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` }, body: JSON.stringify({ sql }) }), deadlineMs)
    const late = await ask('select id from customers where id = 1', 500)
    expect([late.status, (JSON.parse(late.body) as { reason: string }).reason]).toEqual([504, 'too_late_to_begin'])
    expect((await ask('select id from customers where id = 1', 30_000)).status).toBe(200)
  })

  test('one event delivered twice is two calls, each on record, and one execution where it has a key', async () => {
    const event = urlEvent('POST', '/v1/connections/shop/query', { headers: { 'content-type': 'application/json', authorization: `Bearer ${token}`, 'idempotency-key': 'delivered-twice' }, body: JSON.stringify({ sql: 'select id from customers where id = 1' }) })
    const [first, second] = [await runtime.invoke(event), await runtime.invoke(event)]
    expect([first.status, second.status], second.body).toEqual([200, 200])
    const [one, two] = [first, second].map(({ body }) => JSON.parse(body) as { rows: unknown; evaluation: string; receipt: { event: string } })
    expect(two?.rows).toEqual(one?.rows)
    expect(two?.receipt.event).toBe(one?.receipt.event)
  })

  test('a body that is no JSON, and one over a megabyte, are answered and not died of', async () => {
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` }
    expect((await runtime.invoke(urlEvent('POST', '/v1/connections/shop/query', { headers, body: '{"sql":' }))).status).toBe(400)
    expect((await runtime.invoke(urlEvent('POST', '/v1/connections/shop/query', { headers, body: JSON.stringify({ sql: `select '${'x'.repeat(1_100_000)}'` }) }))).status).toBe(413)
    expect((await runtime.invoke(urlEvent('GET', '/healthz'))).status).toBe(200)
  })
})
