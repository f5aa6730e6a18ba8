import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runInNewContext } from 'node:vm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startStepFunctions, type StepFunctions } from '../../functions/local/stepfunctions.ts'
import { approvalDefinition } from '../../infra/approval.ts'
import { bundle } from '../../infra/bundle.ts'
import { choosing, paths } from '../../infra/routes.ts'
import type { PolicyDocument } from '../../schema/policy.ts'
import { type Stand, standCluster } from '../local/cluster.ts'
import { functionArn } from '../local/machine.ts'
import { openssl, startGate } from './gate.ts'
import { type FunctionUrlAnswer, type Runtime, startRuntime, urlEvent } from './runtime.ts'

if (openssl === undefined) console.log('skipped: the places of a running stack want openssl for a test certificate: apt-get install -y openssl')

/** As many processes of the deployed bundle as each function has places; each answers one call at a time, as Lambda has it. */
const places = { http: 2, hold: 2, stream: 2 } as const
type Origin = keyof typeof places
const edgeKey = 'k'.repeat(44)
const documents = (issuer: string): readonly PolicyDocument[] => [
  { version: 1, kind: 'issuer', name: 'okta', issuer, audience: 'https://gate.sluice.test', groups: { claim: 'groups', accept: ['*'] }, people: { clients: ['console'], subject: 'user:{sub}', signIn: 'iat' }, agents: { subject: 'agent:{sub}' } },
  { version: 1, kind: 'connection', name: 'shop', engine: 'postgres', secrets: { write: 'shop-write', read: 'shop-read', plain: 'shop-plain' } },
  { version: 1, kind: 'connection', name: 'cluster', engine: 'kubernetes', secret: 'kube', serviceAccounts: { reader: 'sluice/platform' } },
  { version: 1, kind: 'role', name: 'reader', members: [{ group: 'readers' }], rules: [
    { allow: ['select'], connection: 'shop', on: ['public.customers'] }, { allow: ['insert'], connection: 'shop', on: ['public.refunds'], approval: { by: ['leads'], quorum: 1, within: '30m' } },
    { allow: ['get', 'list', 'watch'], connection: 'cluster', on: ['pods'], namespaces: ['web'] },
  ] },
]

describe.skipIf(openssl === undefined)('a running stack whose places are taken', () => {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-places-'))
  const free: Record<Origin, Runtime[]> = { http: [], hold: [], stream: [] }
  const all: Runtime[] = []
  let around: Awaited<ReturnType<typeof startGate>>
  let machines: StepFunctions
  let stand: Stand
  let lead: string

  beforeAll(async () => {
    around = await startGate(directory, { documents, schema: 'CREATE TABLE public.refunds (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, reason text); GRANT SELECT, INSERT ON public.refunds TO w; GRANT SELECT ON public.refunds TO r, p;' })
    machines = await startStepFunctions({ directory: join(directory, 'machines'), credentials: around.place.dynamo.credentials, alarm: () => {} })
    const arn = await machines.define('approval', approvalDefinition(functionArn))
    machines.run(new Map([[functionArn, async () => ({})]]))                       // nobody is told, and nothing proceeds: a request stays open until it is decided
    stand = await standCluster()
    lead = await around.mint('lea', ['leads'], { client_id: 'console', auth_time: Math.floor(Date.now() / 1000) })
    const files = { http: (await bundle('http', directory)).file, hold: (await bundle('hold', directory)).file, stream: (await bundle('lasting', directory)).file }
    const env = { ...around.env, AWS_ENDPOINT_URL_SFN: machines.url, SLUICE_STATE_MACHINE: arn, SLUICE_EDGE_KEY: edgeKey, SLUICE_SECRET_KUBE: stand.cluster.account('sluice/minter') }
    for (const [origin, count] of Object.entries(places) as [Origin, number][]) {
      for (let i = 0; i < count; i++) {
        const runtime = await startRuntime(files[origin], env, around.preload)
        free[origin].push(runtime)
        all.push(runtime)
      }
    }
  }, 120_000)
  afterAll(async () => {
    for (const runtime of all) await runtime.stop()
    await stand?.cluster.close()
    await machines?.close()
    await around?.stop()
    rmSync(directory, { recursive: true, force: true })
  })

  interface Asked { readonly token?: string; readonly body?: object; readonly prefer?: string; readonly begun?: () => void }
  /** CloudFront, by its own code, and Lambda's concurrency: null where the function that it chooses has no place left. */
  async function send(method: string, target: string, { token = around.token, body, prefer, begun }: Asked = {}): Promise<FunctionUrlAnswer | null> {
    const { pathname: uri, searchParams } = new URL(target, 'https://gate')
    const [, routed] = paths.find(([pattern]) => new RegExp(`^${pattern.replaceAll('*', '.*')}$`).test(uri)) ?? []
    let origin: string = routed ?? 'http'
    const request = { uri, querystring: Object.fromEntries([...searchParams.keys()].map((name) => [name, {}])), headers: prefer === undefined ? {} : { prefer: { value: prefer } } }
    if (routed !== 'hold') runInNewContext(`${choosing.replace(/^import .*$/m, '')}; handler(event)`, { event: { request }, cf: { selectRequestOriginById: (id: string) => { origin = id } } })
    const place = free[origin as Origin].pop()
    if (place === undefined) return null
    const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream', authorization: `Bearer ${token}`, 'x-sluice-edge': edgeKey, ...(prefer === undefined ? {} : { prefer }) }
    try {
      return await place.invoke(urlEvent(method, target, { headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) }), 75_000, begun)
    } finally {
      free[origin as Origin].push(place)
    }
  }
  const query = () => send('POST', '/v1/connections/shop/query', { body: { sql: 'select id from customers order by id limit 1' } })
  const pods = () => send('GET', '/v1/kubernetes/cluster/api/v1/namespaces/web/pods')
  /** In a container; no rule lets it run. Decided it is, where there is a place for that. */
  const command = (prefer?: string) => send('POST', '/v1/connections/cluster/exec', { body: { namespace: 'web', pod: 'front', command: ['id'] }, ...(prefer === undefined ? {} : { prefer }) })
  const ask = (reason: string) => send('POST', '/v1/connections/shop/query', { body: { sql: `insert into public.refunds (reason) values ('${reason}')` }, prefer: 'wait=40' })
  const pending = async () => {
    const answer = await send('GET', '/v1/requests?status=pending')
    return answer?.status === 200 ? (JSON.parse(answer.body) as { requests: { id: string; digest: string }[] }).requests : []
  }
  const watch = () => {
    let ended: Promise<FunctionUrlAnswer | null> | undefined
    const begun = new Promise<void>((resolve, reject) => {
      ended = send('GET', '/v1/kubernetes/cluster/api/v1/namespaces/web/pods?watch=true', { begun: resolve })
      ended.then((answer) => reject(new Error(`ended: ${answer?.status} ${answer?.body}`)), reject)
    })
    return { begun, ended: ended as Promise<FunctionUrlAnswer | null> }
  }
  const everythingElse = async () => {
    const answers = [...await Promise.all([query(), query()]), ...await Promise.all([pods(), query()])]
    expect(answers.map((answer) => answer?.status), answers.map((answer) => answer?.body.slice(0, 300)).join('\n')).toEqual([200, 200, 200, 200])
  }

  test('queries, decisions, commands and a cluster are answered while every place to wait is held, and whoever waits hears of the decision', async () => {
    const held = Array.from({ length: places.hold }, (_, i) => ask(`held ${i}`))
    let open = await pending()
    while (open.length < places.hold) open = await pending()
    expect(free.hold).toEqual([])
    expect([await ask('one more'), await send('POST', '/mcp', { body: { jsonrpc: '2.0', id: 1, method: 'tools/list' } })]).toEqual([null, null])
    await everythingElse()
    expect(await command('wait=40')).toBe(null)                                    // it would wait, and so has no place of a command's
    expect([(await command())?.status, free.stream.length]).toEqual([403, places.stream])
    const stream = watch()
    await stream.begun                                                             // streams are not kept out by waits either
    const [first, second] = open
    const decided = await send('POST', `/v1/requests/${first?.id}/decision`, { token: lead, body: { decision: 'reject', digest: first?.digest } })
    expect(decided?.status, decided?.body).toBe(200)
    const heard = await Promise.race(held)
    expect([heard?.status, heard?.body]).toEqual([403, expect.stringContaining('approval-rejected')])
    expect(free.hold).toHaveLength(1)
    expect((await send('DELETE', `/v1/requests/${second?.id}`))?.status).toBe(200)
    await Promise.all(held)
    expect(free.hold).toHaveLength(places.hold)
  }, 120_000)

  test('and so while every place of a stream is held, waits among them', async () => {
    while (free.stream.length > 0) await watch().begun
    expect(await send('GET', '/v1/kubernetes/cluster/api/v1/namespaces/web/pods?watch=true')).toBe(null)
    await everythingElse()
    expect(await command()).toBe(null)
    expect((await command('wait=40'))?.status).toBe(403)
    const held = ask('while streams last')
    let open = await pending()
    while (open.length === 0) open = await pending()
    expect((await send('POST', `/v1/requests/${open[0]?.id}/decision`, { token: lead, body: { decision: 'reject', digest: open[0]?.digest } }))?.status).toBe(200)
    expect((await held)?.status).toBe(403)
  }, 120_000)
})
