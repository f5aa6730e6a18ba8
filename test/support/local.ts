import { generateKeyPairSync, randomBytes, type JsonWebKey } from 'node:crypto'
import { importJWK, SignJWT } from 'jose'
import { createStores } from '../../functions/aws/ports.ts'
import { isPermit } from '../../functions/decide/permit.ts'
import { startDynamo } from '../../functions/local/dynamodb.ts'
import { numbered } from '../../functions/numbering.ts'
import type { Ports } from '../../functions/ports.ts'
import { sealing } from '../../functions/record/content.ts'
import { createPostgres } from '../../functions/protocol/postgres/postgres.ts'
import type { PolicyDocument } from '../../schema/policy.ts'
import { withPostgres, type TestDatabase } from './postgres.ts'

/**
 * Everything a gate needs, on real servers of this process, told as plain JSON so that another process (a child that is to be killed, a server
 * under load) can open the very same ports.
 */
export interface Place {
  readonly dynamo: { readonly url: string; readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string } }
  readonly neon: string
  readonly secrets: Readonly<Record<string, string>>
  readonly issuer: { readonly url: string; readonly publicKey: JsonWebKey; readonly privateKey: JsonWebKey }
}
const gateUrl = 'http://127.0.0.1:8787'

export function openPorts(place: Place, alarm: Ports['alarm'] = () => {}): Ports & { close(): void } {
  const raw = createStores({ region: 'local', endpoint: place.dynamo.url, credentials: place.dynamo.credentials })
  const stores = sealing(numbered(raw, { ...raw, alarm }), raw.keys, raw.now)
  const secrets: Ports['secrets'] = {
    get: async (name) => {
      const value = place.secrets[name]
      if (value === undefined) throw new Error(`no secret ${name}`)
      return value
    },
  }
  const endpoint = { http: `${place.neon}/sql`, websocket: `${place.neon.replace('http:', 'ws:')}/v2` }
  const fetchJson = async (url: string) => url.includes('.well-known')
    ? { issuer: place.issuer.url, jwks_uri: `${place.issuer.url}/jwks` }
    : { keys: [{ ...place.issuer.publicKey, kid: 'k1', alg: 'ES256', use: 'sig' }] }
  return {
    ...stores, secrets, fetchJson, alarm, sockets: null, log: null, search: null, self: { url: gateUrl, console: gateUrl, localIssuer: { name: 'local', issuer: place.issuer.url, audience: gateUrl } },
    approvals: { requests: stores.requests, workflow: { start: async () => {}, wake: async () => {} }, post: { slack: null, mail: null } },
    engines: { postgres: createPostgres({ secrets, endpoint: () => endpoint, now: Date.now, alarm, isPermit }) },
  }
}

export async function mint(place: Place, subject: string, groups: readonly string[]): Promise<string> {
  const at = Math.floor(Date.now() / 1000)
  return new SignJWT({ groups: [...groups], client_id: 'sluice-cli' }).setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: 'k1' })
    .setIssuer(place.issuer.url).setAudience(gateUrl).setSubject(subject).setIssuedAt(at).setExpirationTime(at + 3600).setJti(randomBytes(8).toString('hex'))
    .sign(await importJWK(place.issuer.privateKey, 'ES256'))
}

/** `schema` runs as the superuser; roles `w`, `r`, `p` (password `x`) exist and are granted what `grants` says. */
export async function startPlace(options: { readonly schema: string; readonly documents: readonly PolicyDocument[]; readonly settings?: Readonly<Record<string, string>> }):
Promise<{ readonly place: Place; readonly database: TestDatabase; stop(): Promise<void> }> {
  const server = await withPostgres(options.settings === undefined ? {} : { settings: options.settings })
  const database = await server.createDatabase(options.schema)
  const credentials = { accessKeyId: 'test', secretAccessKey: randomBytes(16).toString('hex') }
  const dynamo = await startDynamo({ directory: null, credentials })
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const place: Place = {
    dynamo: { url: dynamo.url, credentials }, neon: server.neonUrl,
    secrets: {
      'shop-write': database.as('w', 'x'), 'shop-read': database.as('r', 'x'), 'shop-plain': database.as('p', 'x'),
      'sluice-session-key': randomBytes(32).toString('base64'), 'sluice-mask-key': randomBytes(32).toString('base64'), 'sluice-result-key': randomBytes(32).toString('base64'),
    },
    issuer: { url: `${gateUrl}/dev/oidc`, publicKey: publicKey.export({ format: 'jwk' }), privateKey: privateKey.export({ format: 'jwk' }) },
  }
  const stores = createStores({ region: 'local', endpoint: dynamo.url, credentials })
  await stores.createTables()
  await stores.policies.apply({ documents: options.documents.map((document) => ({ path: `${document.kind}.${document.name}.yaml`, document })) }, { from: null, by: 'test', at: new Date().toISOString(), commit: null })
  stores.close()
  return { place, database, stop: async () => { await dynamo.close(); await server.stop() } }
}
