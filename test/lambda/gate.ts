import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { connect, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { importJWK, SignJWT } from 'jose'
import type { PolicyDocument } from '../../schema/policy.ts'
import { startPlace } from '../support/local.ts'

export const openssl = ['/usr/bin/openssl', '/usr/local/bin/openssl', '/opt/homebrew/bin/openssl'].find((path) => existsSync(path))
const schema = `
  CREATE TABLE public.customers (id int PRIMARY KEY, name text, email text);
  INSERT INTO public.customers SELECT n, 'customer ' || n, 'customer' || n || '@example.com' FROM generate_series(1, 900) AS n;
  CREATE ROLE w LOGIN PASSWORD 'x'; CREATE ROLE r LOGIN PASSWORD 'x'; CREATE ROLE p LOGIN PASSWORD 'x';
  GRANT SELECT ON public.customers TO w, r; GRANT SELECT (id, name) ON public.customers TO p;`
export const documents = (issuer: string): readonly PolicyDocument[] => [
  { version: 1, kind: 'issuer', name: 'okta', issuer, audience: 'https://gate.sluice.test', groups: { claim: 'groups', accept: ['*'] }, agents: { subject: 'agent:{sub}' } },
  { version: 1, kind: 'connection', name: 'shop', engine: 'postgres', secrets: { read: 'shop-read', plain: 'shop-plain' }, classify: { 'public.customers.email': 'pii.email' }, mask: { 'pii.email': 'email' } },
  { version: 1, kind: 'role', name: 'reader', members: [{ group: 'readers' }], rules: [{ allow: ['select'], connection: 'shop', on: ['public.customers'] }] },
]
/** Neon's own mapping of a host to its endpoint is used: `db.sluice.test` is asked at `api.sluice.test` by HTTP, and at its own name by WebSocket. The TLS server puts the real address back. */
const away = (url: string) => url.replace('@127.0.0.1:', '@db.sluice.test:')

/**
 * What the HTTP bundle finds around it: an issuer and Neon's endpoint over TLS under names of its own, a policy, a database; and a token that may read. `more`: a policy and tables that a test has instead and beside; `planetscale`: where PlanetScale's own HTTP API is answered, under the name of Neon's.
 */
export async function startGate(directory: string, more: { readonly documents?: (issuer: string) => readonly PolicyDocument[]; readonly schema?: string; readonly planetscale?: string; readonly env?: Readonly<Record<string, string>> } = {}) {
  execFileSync(openssl ?? '', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', '/CN=sluice.test', '-addext', 'subjectAltName=DNS:id.sluice.test,DNS:api.sluice.test,DNS:db.sluice.test',
    '-keyout', join(directory, 'key.pem'), '-out', join(directory, 'cert.pem')], { stdio: 'ignore' })
  let issuer = ''
  const tls = createTlsServer({ key: readFileSync(join(directory, 'key.pem')), cert: readFileSync(join(directory, 'cert.pem')) }, (incoming, outgoing) => {
    if (incoming.headers.host?.startsWith('id.') === true) {
      const metadata = incoming.url?.includes('.well-known') === true
      outgoing.setHeader('Content-Type', 'application/json').end(JSON.stringify(metadata ? { issuer, jwks_uri: `${issuer}/jwks` } : { keys: [{ ...place.issuer.publicKey, kid: 'k1', alg: 'ES256', use: 'sig' }] }))
      return
    }
    if (more.planetscale !== undefined && incoming.url?.startsWith('/psdb.')) {
      const to = new URL(more.planetscale)
      incoming.pipe(httpRequest({ host: to.hostname, port: to.port, method: 'POST', path: incoming.url, headers: { ...incoming.headers, host: to.host } }, (answer) => {
        outgoing.writeHead(answer.statusCode ?? 500, answer.headers)
        answer.pipe(outgoing)
      }))
      return
    }
    const neon = new URL(place.neon)
    incoming.pipe(httpRequest({ host: neon.hostname, port: neon.port, method: 'POST', path: '/sql', headers: { ...incoming.headers, host: neon.host, 'neon-connection-string': String(incoming.headers['neon-connection-string']).replace('@db.sluice.test:', '@127.0.0.1:') } }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 500, answer.headers)
      answer.pipe(outgoing)
    }))
  })
  let tunnels = 0
  tls.on('upgrade', (incoming, socket, head) => {
    const neon = new URL(place.neon)
    const to = connect(Number(neon.port), neon.hostname, () => {
      const headers = Object.entries({ ...incoming.headers, host: neon.host }).map(([name, value]) => `${name}: ${String(value)}\r\n`)
      // Neon itself knows the database by the name it is asked at; the driver says no other.
      to.write(`GET ${incoming.url}?address=${new URL(secret('shop-write')).host} HTTP/1.1\r\n${headers.join('')}\r\n`)
      to.write(head)
      socket.pipe(to).pipe(socket)
    })
    for (const [one, other] of [[socket, to], [to, socket]] as const) one.on('error', () => {}).on('close', () => { other.destroy() })
    tunnels++
  })
  await new Promise<void>((resolve) => tls.listen(0, '127.0.0.1', resolve))
  const { port } = tls.address() as AddressInfo
  issuer = `https://id.sluice.test:${port}`
  const { place, database, stop } = await startPlace({ schema: `${schema}${more.schema ?? ''}`, documents: (more.documents ?? documents)(issuer) })
  const mint = async (subject: string, groups: readonly string[], claims: Readonly<Record<string, unknown>> = {}) => {
    const at = Math.floor(Date.now() / 1000)
    return new SignJWT({ groups, ...claims }).setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: 'k1' }).setIssuer(issuer).setAudience('https://gate.sluice.test')
      .setSubject(subject).setIssuedAt(at).setExpirationTime(at + 600).sign(await importJWK(place.issuer.privateKey, 'ES256'))
  }
  const token = await mint('bot', ['readers'])
  const secret = (name: string) => place.secrets[name] ?? ''
  const env = {
    NODE_EXTRA_CA_CERTS: join(directory, 'cert.pem'), TEST_TLS_PORT: String(port), AWS_REGION: 'local', AWS_ENDPOINT_URL_DYNAMODB: place.dynamo.url, SLUICE_HOME_REGION: 'local',
    AWS_ACCESS_KEY_ID: place.dynamo.credentials.accessKeyId, AWS_SECRET_ACCESS_KEY: place.dynamo.credentials.secretAccessKey, SLUICE_PUBLIC_URL: 'https://gate.sluice.test',
    SLUICE_SECRET_SHOP_WRITE: away(secret('shop-write')), SLUICE_SECRET_SLUICE_RESULT_KEY: secret('sluice-result-key'), SLUICE_SECRET_SHOP_READ: away(secret('shop-read')), SLUICE_SECRET_SHOP_PLAIN: away(secret('shop-plain')),
    SLUICE_SECRET_SLUICE_SESSION_KEY: secret('sluice-session-key'), SLUICE_SECRET_SLUICE_MASK_KEY: secret('sluice-mask-key'), ...more.env,
  }
  return {
    place, database, token, mint, env, /** WebSockets to Neon so far. */ tunnels: () => tunnels, preload: ['--import', join(import.meta.dirname, 'away.mjs')],
    async stop() {
      await stop()
      tls.closeAllConnections()
      await new Promise((resolve) => tls.close(resolve))
    },
  }
}
