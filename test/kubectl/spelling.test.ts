import { Agent } from 'node:https'
import { connect } from 'node:tls'
import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Cluster } from '../../functions/local/cluster.ts'
import type { Seen } from '../../functions/local/cluster/serve.ts'
import { clientOf } from '../local/cluster.ts'
import { disagreements, type Heard } from './agreement.ts'
import { bodyOf, callAt, method, prefix, spelling } from './spell.ts'
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
const call = (method: string, target: string, body = '') => callAt(gated.url, agent, token)(method, target, body)
/** What arrived under the caller's account since. */
const heardSince = (from: number): readonly Heard[] => seen.slice(from).filter(({ user }) => user === account).map(({ audit, user, method, target, reading }) => ({
  audit, user, said: `${method} ${target}`, reading: reading && { ...reading, dryRun: reading.query.get('dryRun')?.[0] === 'All' },
}))

describe('a request through the gate', () => {
  it('is forwarded to the letter of what was decided: plain spellings arrive', async () => {
    // Of a list in pages as large as policy lets them be.
    const paged = (target: string) => /\/pods$/.test(target) ? `${target}?limit=100000` : target.includes('?') ? `${target}&limit=100000` : target
    for (const target of ['/api/v1/namespaces/web/pods', '/apis/apps/v1/namespaces/web/deployments/front/scale', '/api/v1/secrets?fieldSelector=metadata.name%3Dfront-db', '/api/v1/namespaces/web']) {
      const from = { seen: seen.length, events: gated.world.events.length }
      expect([target, await call('GET', `/v1/kubernetes/cluster${target}`), heardSince(from.seen).map((one) => one.said), disagreements(heardSince(from.seen), gated.world.events.slice(from.events))]).toEqual([target, 200, [`GET ${paged(target)}`], []])
    }
  })

  it('is read by the API server as it was decided on, however its path is spelt', async () => {
    let forwarded = 0
    await fc.assert(fc.asyncProperty(method, prefix, spelling, async (how, before, target) => {
      const from = { seen: seen.length, events: gated.world.events.length }
      await call(how, `${before}${target}`, bodyOf(how, target))
      if (heardSince(from.seen).length > 0) forwarded++
      expect(disagreements(heardSince(from.seen), gated.world.events.slice(from.events))).toEqual([])
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
    expect(heardSince(from)).toEqual([])
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
      expect([line, /^HTTP\/1\.1 [45]/.test(said), heardSince(from)]).toEqual([line, true, []])
    }
  })
})
