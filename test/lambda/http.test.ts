import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { createServer as createTlsServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { importJWK, SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bundle } from '../../infra/bundle.ts'
import type { PolicyDocument } from '../../schema/policy.ts'
import { openPorts, startPlace, type Place } from '../support/local.ts'
import { startRuntime, urlEvent, type Runtime } from './runtime.ts'

/**
 * The bundle that would be deployed, under a small Lambda Runtime API, with nothing of it replaced: its issuer and Neon's endpoint answer over TLS
 * under names of the test's own, DynamoDB through AWS_ENDPOINT_URL_DYNAMODB.
 */
const schema = `
  CREATE TABLE public.customers (id int PRIMARY KEY, name text, email text);
  INSERT INTO public.customers SELECT n, 'customer ' || n, 'customer' || n || '@example.com' FROM generate_series(1, 900) AS n;
  CREATE ROLE w LOGIN PASSWORD 'x'; CREATE ROLE r LOGIN PASSWORD 'x'; CREATE ROLE p LOGIN PASSWORD 'x';
  GRANT SELECT ON public.customers TO w, r; GRANT SELECT (id, name) ON public.customers TO p;`
const documents = (issuer: string): readonly PolicyDocument[] => [
  { version: 1, kind: 'issuer', name: 'okta', issuer, audience: 'https://gate.sluice.test', groups: { claim: 'groups', accept: ['*'] }, agents: { subject: 'agent:{sub}' } },
  { version: 1, kind: 'connection', name: 'shop', engine: 'postgres', secrets: { read: 'shop-read', plain: 'shop-plain' }, classify: { 'public.customers.email': 'pii.email' }, mask: { 'pii.email': 'email' } },
  { version: 1, kind: 'role', name: 'reader', members: [{ group: 'readers' }], rules: [{ allow: ['select'], connection: 'shop', on: ['public.customers'] }] },
]
const openssl = ['/usr/bin/openssl', '/usr/local/bin/openssl', '/opt/homebrew/bin/openssl'].find((path) => existsSync(path))
if (openssl === undefined) console.log('skipped: the Lambda bundle under its Runtime API wants openssl for a test certificate: apt-get install -y openssl')

describe.skipIf(openssl === undefined)('the HTTP bundle under a Lambda Runtime API', () => {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-lambda-'))
  let runtime: Runtime
  let place: Place
  let stopPlace: () => Promise<void>
  let tls: Server
  let issuer: string
  let token: string
  let built: Awaited<ReturnType<typeof bundle>>

  beforeAll(async () => {
    execFileSync(openssl ?? '', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', '/CN=sluice.test', '-addext', 'subjectAltName=DNS:id.sluice.test,DNS:api.sluice.test',
      '-keyout', join(directory, 'key.pem'), '-out', join(directory, 'cert.pem')], { stdio: 'ignore' })
    tls = createTlsServer({ key: readFileSync(join(directory, 'key.pem')), cert: readFileSync(join(directory, 'cert.pem')) }, (incoming, outgoing) => {
      if (incoming.headers.host?.startsWith('id.') === true) {
        const metadata = incoming.url?.includes('.well-known') === true
        outgoing.setHeader('Content-Type', 'application/json').end(JSON.stringify(metadata ? { issuer, jwks_uri: `${issuer}/jwks` } : { keys: [{ ...place.issuer.publicKey, kid: 'k1', alg: 'ES256', use: 'sig' }] }))
        return
      }
      const neon = new URL(place.neon)
      incoming.pipe(httpRequest({ host: neon.hostname, port: neon.port, method: 'POST', path: '/sql', headers: { ...incoming.headers, host: neon.host, 'neon-connection-string': String(incoming.headers['neon-connection-string']).replace('@db.sluice.test:', '@127.0.0.1:') } }, (answer) => {
        outgoing.writeHead(answer.statusCode ?? 500, answer.headers)
        answer.pipe(outgoing)
      }))
    })
    await new Promise<void>((resolve) => tls.listen(0, '127.0.0.1', resolve))
    const { port } = tls.address() as AddressInfo
    issuer = `https://id.sluice.test:${port}`
    const started = await startPlace({ schema, documents: documents(issuer) })
    place = started.place
    stopPlace = started.stop
    const at = Math.floor(Date.now() / 1000)
    token = await new SignJWT({ groups: ['readers'] }).setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: 'k1' }).setIssuer(issuer).setAudience('https://gate.sluice.test')
      .setSubject('bot').setIssuedAt(at).setExpirationTime(at + 600).sign(await importJWK(place.issuer.privateKey, 'ES256'))
    built = await bundle('http', directory)
    const secret = (name: string) => place.secrets[name] ?? ''
    runtime = await startRuntime(built.file, {
      NODE_EXTRA_CA_CERTS: join(directory, 'cert.pem'), TEST_TLS_PORT: String(port), AWS_REGION: 'local', AWS_ENDPOINT_URL_DYNAMODB: place.dynamo.url,
      AWS_ACCESS_KEY_ID: place.dynamo.credentials.accessKeyId, AWS_SECRET_ACCESS_KEY: place.dynamo.credentials.secretAccessKey, SLUICE_PUBLIC_URL: 'https://gate.sluice.test',
      SLUICE_SECRET_SHOP_READ: away(secret('shop-read')), SLUICE_SECRET_SHOP_PLAIN: away(secret('shop-plain')),
      SLUICE_SECRET_SLUICE_SESSION_KEY: secret('sluice-session-key'), SLUICE_SECRET_SLUICE_MASK_KEY: secret('sluice-mask-key'),
    }, ['--import', join(import.meta.dirname, 'away.mjs')])
  })
  afterAll(async () => {
    await runtime?.stop()
    await stopPlace?.()
    await new Promise((resolve) => tls.close(resolve))
    rmSync(directory, { recursive: true, force: true })
  })
  /** Neon's own mapping of a host to its endpoint is used: `db.sluice.test` is asked at `api.sluice.test`. The test's TLS server puts the real address back. */
  const away = (url: string) => url.replace('@127.0.0.1:', '@db.sluice.test:')
  const query = (body: object, headers: Record<string, string> = {}) =>
    runtime.invoke(urlEvent('POST', '/v1/connections/shop/query', { headers: { 'content-type': 'application/json', authorization: `Bearer ${token}`, ...headers }, body: JSON.stringify(body) }))

  test('is within its budget, and what few calls need is not read at a cold start', () => {
    console.log(`http bundle: ${(built.bytes / 1024).toFixed(0)} KB minified, ${(built.gzipBytes / 1024).toFixed(0)} KB gzipped`)
    expect(built.gzipBytes).toBeLessThan(1024 * 1024)
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

  test('speaks the Model Context Protocol, whose server is read when the first message comes', async () => {
    const message = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'run', arguments: { connection: 'shop', sql: 'select id from customers order by id limit 1' } } }
    const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream', authorization: `Bearer ${token}` }
    const answer = await runtime.invoke(urlEvent('POST', '/mcp', { headers, body: JSON.stringify(message) }))
    expect(answer.status, answer.body + runtime.output()).toBe(200)
    expect(JSON.parse(answer.body)).toMatchObject({ id: 1, result: { isError: false, structuredContent: { data: { rows: [[1]] } } } })
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

  test('a body that is no JSON, and one over a megabyte, are answered and not died of', async () => {
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` }
    expect((await runtime.invoke(urlEvent('POST', '/v1/connections/shop/query', { headers, body: '{"sql":' }))).status).toBe(400)
    expect((await runtime.invoke(urlEvent('POST', '/v1/connections/shop/query', { headers, body: JSON.stringify({ sql: `select '${'x'.repeat(1_100_000)}'` }) }))).status).toBe(413)
    expect((await runtime.invoke(urlEvent('GET', '/healthz'))).status).toBe(200)
  })
})
