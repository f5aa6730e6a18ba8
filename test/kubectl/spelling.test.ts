import { Agent, request } from 'node:https'
import { connect } from 'node:tls'
import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Cluster } from '../../functions/local/cluster.ts'
import type { Seen } from '../../functions/local/cluster/serve.ts'
import { clientOf } from '../local/cluster.ts'
import { documents, operator, standAlone, standGate, type Gated } from './stand.ts'

/**
 * Paths spelt in every way that two readers take differently, through the gate, by somebody whom policy lets do everything: what arrives at the API server is read there
 * as it was decided here. The server's reading is cluster/path.ts, which shares nothing with the gate's.
 */
let cluster: Cluster
let gated: Gated
let token: string
let agent: Agent
const seen: Seen[] = []
const account = 'system:serviceaccount:sluice:operator'
beforeAll(async () => {
  cluster = await standAlone({ see: (one) => seen.push(one) })
  await furnish()
  gated = await standGate(documents([]), cluster.admin)
  token = await gated.world.token({ subject: 'user:ada@acme.dev', groups: ['operators'], seconds: 3600 })
  agent = new Agent({ keepAlive: true, ca: gated.authority, maxSockets: 1 })
})
afterAll(async () => {
  agent.destroy()
  await gated.close()
  await cluster.close()
})

/** The account that calls go by: a spelling may well delete it, its namespace with it. */
async function furnish(): Promise<void> {
  const admin = clientOf(cluster.admin)
  await admin('POST', '/api/v1/namespaces', { metadata: { name: 'sluice' } })
  for (const one of operator) await admin('POST', one.kind === 'ServiceAccount' ? '/api/v1/namespaces/sluice/serviceaccounts' : `/apis/rbac.authorization.k8s.io/v1/${one.kind.toLowerCase()}s`, one)
}
/** Status of one call; a stream is left as soon as it begins. */
const call = (method: string, target: string, body = ''): Promise<number> => new Promise((done) => {
  const { hostname, port } = new URL(gated.url)
  const headers = { authorization: `Bearer ${token}`, ...(body ? { 'content-type': method === 'PATCH' ? 'application/merge-patch+json' : 'application/json', 'content-length': String(body.length) } : {}) }
  const asked = request({ hostname, port, agent, method, path: target, headers }, (response) => {
    const status = response.statusCode ?? 0
    const leave = setTimeout(() => { asked.destroy(); done(status) }, 150)                 // a watch that has nothing to say
    response.on('data', () => {}).on('end', () => { clearTimeout(leave); done(status) }).on('error', () => { clearTimeout(leave); done(status) })
  })
  asked.on('error', () => done(0)).end(body)
})

interface Told { readonly kind: string; readonly evaluation: string; readonly accesses?: readonly { readonly action: string; readonly resource: string; readonly namespace?: string; readonly name?: string }[]; readonly answered?: { readonly audit: string | null } }
/** What the server was asked under the caller's account since, each with what was decided of it: of the very request by its Audit-ID, else (a look before a write) of the same object. */
function disagreements(from: { readonly seen: number; readonly events: number }): readonly string[] {
  const events = gated.world.events.slice(from.events) as readonly Told[]
  return seen.slice(from.seen).filter(({ user }) => user === account).flatMap(({ target, reading, method, audit }) => {
    if (reading === null) return [`${method} ${target}: no request at all`]
    const accesses = events.flatMap((event) => event.accesses ?? [])
    if (!reading.isResource) return accesses.length === 0 || reading.verb === 'get' ? [] : [`${method} ${target}: no resource there, ${JSON.stringify(accesses)} here`]
    const resource = [reading.group, reading.resource, reading.subresource].filter((part) => part !== '').join('/')
    const about = accesses.filter((access) => access.resource === resource && (access.namespace ?? '') === homeOf(reading) && (access.name ?? '') === nameOf(reading, access.action))
    const outcome = events.find((event) => event.answered?.audit === audit)
    const agreed = outcome ? about.some(({ action }) => action === reading.verb) : about.length > 0 && (reading.verb === 'get' || (reading.query.get('dryRun')?.[0] === 'All'))
    return agreed ? [] : [`${method} ${target}: ${reading.verb} ${resource} ${reading.namespace} ${reading.name} there, ${JSON.stringify(accesses)} here`]
  })
}
/** Policy takes a namespace as lying in itself, also one that a selector names. */
const homeOf = ({ group, resource, namespace, name }: NonNullable<Seen['reading']>): string => group === '' && resource === 'namespaces' && namespace === '' ? name : namespace
/** A create has its name in the body: the path says none. */
const nameOf = ({ name, subresource }: NonNullable<Seen['reading']>, action: string): string => action === 'create' && subresource === '' ? '' : name

const base = [
  '/api/v1/namespaces/web/pods', '/api/v1/namespaces/web/pods/front-1', '/api/v1/namespaces/web/pods/front-1/log', '/api/v1/namespaces/web/secrets/front-db', '/api/v1/namespaces/web/configmaps/front-config',
  '/api/v1/namespaces/web', '/api/v1/namespaces', '/api/v1/namespaces/web/status', '/api/v1/pods', '/api/v1/nodes/node-1', '/api/v1/nodes/node-1/proxy/metrics', '/api/v1/namespaces/web/services/front:80/proxy/x/y',
  '/apis/apps/v1/namespaces/web/deployments/front', '/apis/apps/v1/namespaces/web/deployments/front/scale', '/apis/apps/v1/deployments', '/apis/acme.io/v1/namespaces/web/widgets/sprocket', '/apis/rbac.authorization.k8s.io/v1/clusterroles/support',
  '/api/v1/watch/namespaces/web/pods', '/api/v1/proxy/namespaces/web/pods/front-1', '/apis', '/apis/apps/v1', '/version', '/openapi/v3/api/v1', '/healthz', '/', '/metrics', '/logs/kubelet.log',
] as const
const swaps: readonly (readonly [RegExp, readonly string[]])[] = [
  [/\//g, ['%2f', '%2F', '//', '/./', '/../', '/%2e/', '/%2e%2e/', '/x/../', '\\', '%5c', '%252f', '/;/', ';a=b/', '/%20', '/%00', '%00/', '/.%2e/', '/\xe2\x80\x8b/', '/\xef\xbc\x8f', '/~/', '/@/', '/:/']],
  [/web/g, ['data', 'Web', 'w%65b', 'web%20', 'web.', '', '*', 'web,data', '%77eb', 'web%2fsecrets%2ffront-db%3f']],
  [/pods/g, ['secrets', 'Pods', 'p%6fds', 'pods.', 'pods%2f..%2fsecrets', 'namespaces', 'watch', 'proxy', 'pods:log']],
  [/namespaces/g, ['Namespaces', 'namespace', 'watch/namespaces', 'proxy/namespaces', 'namespaces/web/namespaces', 'n%61mespaces']],
  [/api/g, ['apis', 'Api', 'a%70i', 'api/api', '%61pi']],
  [/$/g, ['/', '//', '?', '?watch=1', '?watch', '?watch=', '?watch=false', '?watch=FALSE&watch=1', '?watch=0&watch=1', '?w%61tch=1', '?watch=1;x=y', '?;watch=1', '?fieldSelector=metadata.name=front-db', '?fieldSelector=metadata.name%3Dfront-db,metadata.namespace%3Ddata', '?fieldSelector=metadata.name%3Da&fieldSelector=metadata.name%3Db',
    '?fieldSelector=metadata.name!=x', '?fieldSelector=metadata.name==front-db', '?fieldSelector=metadata.name=front-db,', '?fieldSelector=,metadata.name=x', '?fieldSelector=metadata.name%3Da%5C%3Db', '?FieldSelector=metadata.name=x', '?dryRun=All', '?dryRun=All&dryRun=', '?dryRun=None', '#/secrets', '%23', '%3fwatch=1', '%3Fwatch=1', '/log', '/exec?command=id', '/status', '/proxy/x', '/proxy/../../../secrets', '/eviction', '/token', '?as=admin', '?pretty=1', '?labelSelector=a%0Ab', '?limit=1&continue=x', '?=x', '?&&', '?%zz=1', '?a=%zz', '/%zz']],
]
const mutation = fc.constantFrom(...swaps).chain(([pattern, replacements]) => fc.record({ pattern: fc.constant(pattern), to: fc.constantFrom(...replacements), nth: fc.nat(8) }))
const spelling = fc.record({ start: fc.constantFrom(...base), changes: fc.array(mutation, { maxLength: 3 }) }).map(({ start, changes }) => changes.reduce<string>((target, { pattern, to, nth }) => {
  const places = [...target.matchAll(pattern)].length
  let at = 0
  return target.replace(pattern, (found) => places > 0 && at++ === nth % places ? to : found)
}, start))
const method = fc.constantFrom('GET', 'GET', 'GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS')
const prefix = fc.constantFrom(...Array.from({ length: 12 }, () => '/v1/kubernetes/cluster'), '/v1/kubernetes/./cluster', '/v1/kubernetes/clu%73ter', '//v1/kubernetes/cluster', '/v1/kubernetes/cluster/..', '/v1/kubernetes/other/../cluster', '/v1%2fkubernetes/cluster', '/v1/kubernetes/cluster%2f')

describe('a request through the gate', () => {
  it('is forwarded to the letter of what was decided: plain spellings arrive', async () => {
    for (const target of ['/api/v1/namespaces/web/pods', '/apis/apps/v1/namespaces/web/deployments/front/scale', '/api/v1/secrets?fieldSelector=metadata.name%3Dfront-db', '/api/v1/namespaces/web']) {
      const from = { seen: seen.length, events: gated.world.events.length }
      expect([target, await call('GET', `/v1/kubernetes/cluster${target}`), seen.slice(from.seen).filter(({ user }) => user === account).map((one) => one.target), disagreements(from)]).toEqual([target, 200, [target], []])
    }
  })

  it('is read by the API server as it was decided on, however its path is spelt', async () => {
    let forwarded = 0
    await fc.assert(fc.asyncProperty(method, prefix, spelling, async (how, before, target) => {
      const from = { seen: seen.length, events: gated.world.events.length }
      const body = how === 'POST' || how === 'PUT' || how === 'PATCH' ? '{"metadata":{"labels":{"a":"b"}}}' : ''
      await call(how, `${before}${target}`, body)
      if (seen.slice(from.seen).some(({ user }) => user === account)) forwarded++
      expect(disagreements(from)).toEqual([])
      if (how === 'DELETE') await furnish()
    }), { numRuns: Number(process.env['SLUICE_RUNS'] ?? 400) })
    expect(forwarded).toBeGreaterThan(20)                                     // or the property says nothing
  }, 240_000)

  it.each([
    ['a secret under an encoded slash', 'GET', '/api/v1/namespaces/web/configmaps%2f..%2fsecrets'],
    ['a walk up the path', 'GET', '/api/v1/namespaces/web/pods/../secrets/front-db'],
    ['an empty segment', 'GET', '/api/v1/namespaces//secrets'],
    ['a second watch', 'GET', '/api/v1/namespaces/web/secrets?watch=0&watch=1'],
    ['a parameter behind a semicolon', 'GET', '/api/v1/namespaces/web/secrets?watch=0;watch=1'],
    ['a fragment', 'GET', '/api/v1/namespaces/web/pods#/../secrets'],
    ['the old watch path', 'GET', '/api/v1/watch/namespaces/web/secrets'],
    ['the old proxy path', 'GET', '/api/v1/proxy/namespaces/web/services/front:80'],
    ['a doubly encoded slash', 'GET', '/api/v1/namespaces/web%252fsecrets'],
    ['two names in two selectors', 'GET', '/api/v1/namespaces/web/secrets?fieldSelector=metadata.name%3Da&fieldSelector=metadata.name%3Dfront-db'],
  ])('never arrives with %s', async (_, how, target) => {
    const from = seen.length
    expect(await call(how, `/v1/kubernetes/cluster${target}`)).toBeGreaterThanOrEqual(400)
    expect(seen.slice(from).filter(({ user }) => user === account)).toEqual([])
  })

  it('never arrives where its request line is none, or names another server', async () => {
    const { hostname, port } = new URL(gated.url)
    for (const line of ['GET /v1/kubernetes/cluster/api/v1/namespaces/web/secrets HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 4', `GET https://${hostname}:${port}/v1/kubernetes/cluster/api/v1/secrets HTTP/1.1`, 'GET /v1/kubernetes/cluster/api/v1/se crets HTTP/1.1', 'GET \\v1\\kubernetes\\cluster\\api HTTP/1.1', 'GET /v1/kubernetes/cluster/api/v1/pods\t HTTP/1.1']) {
      const from = seen.length
      const said = await new Promise<string>((done) => {
        const socket = connect({ host: hostname, port: Number(port), ca: gated.authority })
        let text = ''
        socket.on('data', (part: Buffer) => { text += part.toString() }).on('close', () => done(text)).on('error', () => done(text))
        socket.write(`${line}\r\nHost: ${hostname}\r\nAuthorization: Bearer ${token}\r\nConnection: close\r\n\r\n`)
      })
      expect([line, /^HTTP\/1\.1 [45]/.test(said), seen.slice(from).filter(({ user }) => user === account)]).toEqual([line, true, []])
    }
  })
})
