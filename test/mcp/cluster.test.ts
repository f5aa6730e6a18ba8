import { afterAll, beforeAll, expect, test } from 'vitest'
import { isPermit } from '../../functions/decide/permit.ts'
import { createKubernetes } from '../../functions/protocol/kubernetes/kubernetes.ts'
import type { PolicyDocument } from '../../schema/policy.ts'
import { standCluster, type Stand } from '../local/cluster.ts'
import { lead } from '../support/approvals.ts'
import { createClustered, operator, withRules } from '../support/cluster.ts'
import { connect } from './client.ts'

/** The tool `kubernetes` with the real engine before the demo cluster: what it is answered, and that it is decided, masked, approved and recorded as the route for kubectl is. */
const canary = 'canary-5c2e'
const b64 = (text: string) => Buffer.from(text).toString('base64')
const approval = { by: ['support-leads'], quorum: 1, within: '30m' }
const web = '/api/v1/namespaces/web'
const front = '/apis/apps/v1/namespaces/web/deployments/front'
const documents: Readonly<Record<string, PolicyDocument>> = {
  ...withRules([
    { allow: ['get', 'list', 'watch', 'create'], connection: 'cluster', on: ['pods', 'pods/log', 'configmaps', 'secrets', 'apps/deployments', 'events'], namespaces: ['web'] },
    { allow: ['patch', 'update'], connection: 'cluster', on: ['configmaps'], namespaces: ['web'] },
    { allow: ['patch'], connection: 'cluster', on: ['apps/deployments'], namespaces: ['web'], approval }, { allow: ['create'], connection: 'cluster', on: ['pods/exec'], namespaces: ['web'], approval },
  ]),
  'cluster.yaml': { version: 1, kind: 'connection', name: 'cluster', engine: 'kubernetes', secret: 'kube', serviceAccounts: { operator: 'sluice/platform' }, detect: ['email'] },
}
let stand: Stand
let at: ReturnType<typeof createClustered>
let agent: Awaited<ReturnType<typeof connect>>
const close: (() => Promise<unknown>)[] = []
beforeAll(async () => {
  stand = await standCluster()
  const kubeconfig = stand.cluster.account('sluice/minter')
  at = createClustered(documents, ({ ports }) => createKubernetes({ secrets: { get: async () => kubeconfig }, now: ports.now, isPermit, alarm: ports.alarm }))
  await stand.admin('POST', `${web}/secrets`, { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'held', annotations: { note: canary } }, stringData: { p: canary } })
  agent = await connect(at.app, await at.world.token(operator))
  close.push(() => at.ports.engines.kubernetes.close(), () => stand.cluster.close())
})
afterAll(async () => { for (const one of close) await one() })
const ask = (args: Record<string, unknown>) => agent.call('kubernetes', { connection: 'cluster', ...args })

test('a list is objects without their managers; as a table columns and cells, a fraction of it', async () => {
  const list = await ask({ path: `${web}/pods` })
  expect(list).toMatchObject({ isError: false, structured: { status: 200, receipt: { event: expect.stringMatching(/^evt_/) as string } }, data: { kind: 'PodList' } })
  expect(list.text).toMatch(/^done, HTTP 200, \d+ objects\n/)
  expect(list.text).not.toContain('managedFields')
  const table = await ask({ path: `${web}/pods`, table: true })
  expect(table.data).toMatchObject({ columns: ['Name', 'Ready', 'Status', 'Restarts', 'Age'] })
  const many = (value: unknown) => (Array.isArray(value) ? value.length : -1)
  expect(many(table.data?.['rows'])).toBe(many(list.data?.['items']))
  expect(table.text.length * 4).toBeLessThan(list.text.length)
})

test('pages are told of, and how to get the next', async () => {
  const all = await ask({ path: `${web}/pods?limit=1` })
  expect(all.text).toContain('`continue=`')
  const { metadata } = all.data as unknown as { metadata: { continue: string } }
  const next = await ask({ path: `${web}/pods?limit=1&continue=${encodeURIComponent(metadata.continue)}` })
  expect([next.isError, next.data?.['items']]).toEqual([false, expect.not.arrayContaining(all.data?.['items'] as unknown[]) as unknown])
})

test('what holds a class is masked in whatever is asked for, and in no byte of what is sent or recorded', async () => {
  const answers = [
    await ask({ path: `${web}/secrets/held` }), await ask({ path: `${web}/secrets` }), await ask({ path: `${web}/secrets?includeObject=Object`, table: true }), await ask({ path: `${web}/secrets/held`, reveal: ['kubernetes.secret'] }),
    await ask({ method: 'POST', path: `${web}/secrets`, body: { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'held' }, stringData: { p: canary } } }), await ask({ path: `${web}/secrets?watch=true` }), await ask({ method: 'PATCH', path: `${web}/secrets/held`, body: {} }),
  ]
  expect(answers[0]?.data).toMatchObject({ kind: 'Secret', metadata: { annotations: { note: '[redacted]' } }, data: { p: b64('[redacted]') } })
  for (const text of [...agent.sent.map(({ answer }) => answer), JSON.stringify(at.world.events)]) for (const form of [canary, b64(canary)]) expect(text).not.toContain(form)
})

test('is decided and recorded as kubectl\'s request is: same rule, accesses, statement, refusal', async () => {
  const kubectl = await at.as(operator)
  const story = (from: number, to?: number) => at.world.events.slice(from, to).filter(({ kind }) => kind !== 'stream').map((event) => JSON.parse(JSON.stringify(event, (name, value: unknown) => (['id', 'at', 'evaluation', 'session', 'intent', 'deadline', 'settleBy', 'durationMs', 'answered', 'fingerprint'].includes(name) ? undefined : value))) as unknown)
  for (const [method, path, body] of [['GET', `${web}/pods`, undefined], ['GET', `${web}/secrets/held`, undefined], ['GET', '/api/v1/nodes', undefined], ['DELETE', `${web}/pods/x`, undefined], ['POST', `${web}/configmaps`, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'c' }, data: { a: 'b@acme.dev' } }], ['GET', `${web}/../kube-system/pods`, undefined], ['GET', '/metrics', undefined]] as const) {
    const first = at.world.events.length
    await (await kubectl(method, path, body, { accept: 'application/json' })).text()
    const second = at.world.events.length
    if (method === 'POST') await stand.admin('DELETE', `${web}/configmaps/c`)
    const told = await ask({ method, path, ...(body ? { body } : {}) })
    expect(story(second), `${method} ${path}`).toEqual(story(first, second))
    expect(at.world.events.slice(second).map(({ evaluation }) => evaluation)).toContain(told.structured['evaluation'])
  }
})

test('a refusal of the gate says what would pass, one of the cluster is its own words, inside the fence', async () => {
  expect(await ask({ path: '/api/v1/namespaces/data/pods' })).toMatchObject({ isError: true, structured: { slug: 'denied', reason: 'no_rule', next: 'fix' } })
  const none = await ask({ path: `${web}/pods/none` })
  expect(none).toMatchObject({ isError: true, structured: { status: 404 }, data: { kind: 'Status', reason: 'NotFound' } })
  expect(none.text.split('\n')[0]).toBe('the cluster refused this with status 404; its words are in the data')
})

test.each<[string, Record<string, unknown>, string]>([
  ['a path with two readings', { path: `${web}/pods/..%2f..%2fkube-system` }, 'invalid-request'], ['a watch', { path: `${web}/pods?watch=1` }, 'statement-unsupported'], ['a log that goes on', { path: `${web}/pods/p/log?follow=true` }, 'statement-unsupported'],
  ['a method there is not', { path: web, method: 'TRACE' }, 'invalid-request'], ['an argument too many', { path: web, headers: { 'Impersonate-User': 'admin' } }, 'invalid-request'], ['text for a body', { path: `${web}/configmaps`, method: 'POST', body: 'kind: Secret' }, 'invalid-request'], ['a database', { connection: 'shop', path: web }, 'not-found'], ['no such connection', { connection: 'other', path: web }, 'not-found'],
  ['a tunnel', { path: `${web}/pods/p/portforward`, method: 'POST' }, 'denied'],
])('refused: %s', async (_, args, slug) => {
  expect(await ask(args)).toMatchObject({ isError: true, structured: { slug } })
})

test('a change that needs a person gives its id; follow gives the cluster\'s answer once they agreed, and it ran once', async () => {
  const waiting = await ask({ method: 'PATCH', path: front, body: { spec: { replicas: 4 } }, purpose: 'black friday' })
  expect(waiting).toMatchObject({ isError: false, structured: { status: 'pending' } })
  const id = String(waiting.structured['request']) as `arq_${string}`
  const person = await at.world.token(lead)
  const headers = { authorization: `Bearer ${person}`, 'content-type': 'application/json' }
  const shown = await (await at.app.request(`/v1/requests/${id}`, { headers })).json() as { request: { digest: string; purpose: string; diff: string } }
  expect(shown.request).toMatchObject({ purpose: 'black friday', diff: expect.stringContaining('+  replicas: 4') as string })
  const held = agent.call('follow', { request: id })
  await at.app.request(`/v1/requests/${id}/decision`, { method: 'POST', headers, body: JSON.stringify({ decision: 'approve', digest: shown.request.digest }) })
  expect(await at.approver.proceed(id)).toBe('succeeded')
  const done = await held
  expect(done).toMatchObject({ isError: false, structured: { status: 200 }, data: { kind: 'Deployment', spec: { replicas: 4 } } })
  expect(done.text).not.toContain('managedFields')
  expect(await ask({ method: 'PATCH', path: front, body: { spec: { replicas: 4 } }, purpose: 'black friday' })).toMatchObject({ isError: false, data: { spec: { replicas: 4 } } })
  expect(at.world.events.filter(({ kind, request }) => kind === 'intent' && request === id)).toHaveLength(1)
})

test('all four patches, a server-side apply among them; check decides and changes nothing; a key never does it twice', async () => {
  const path = `${web}/configmaps/front-config`
  const colour = async () => ((await stand.admin('GET', path)).body['data'] as unknown as Record<string, string>)['COLOUR']
  expect(await ask({ method: 'PATCH', path, body: { data: { COLOUR: 'red' } }, check: true })).toMatchObject({ isError: false, structured: { decision: 'permit' } })
  expect(await colour()).toBeUndefined()
  expect((await ask({ method: 'PATCH', path, body: { data: { COLOUR: 'red' } }, key: 'k1' })).isError).toBe(false)
  expect(await colour()).toBe('red')
  await ask({ method: 'PATCH', path, body: [{ op: 'replace', path: '/data/COLOUR', value: 'blue' }], type: 'json' })
  expect(await colour()).toBe('blue')
  expect((await ask({ method: 'PATCH', path, body: { data: { COLOUR: 'red' } }, key: 'k1' })).text).toContain('not done again')
  expect(await colour()).toBe('blue')
  await ask({ method: 'PATCH', path, body: { data: { COLOUR: 'green' } }, type: 'strategic' })
  expect(await colour()).toBe('green')
  expect(await ask({ method: 'PATCH', path: `${path}?force=true`, body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'front-config' }, data: { COLOUR: 'grey' } }, type: 'apply' })).toMatchObject({ isError: false })
  expect(await colour()).toBe('grey')
})

test('a command without a terminal, a log, and an answer too large for a model', async () => {
  const fake = createClustered(withRules([{ allow: ['get', 'list', 'create'], connection: 'cluster', on: ['pods', 'pods/exec', 'configmaps'], namespaces: ['web'] }]))
  const one = await connect(fake.app, await fake.world.token(operator))
  const call = (args: Record<string, unknown>) => one.call('kubernetes', { connection: 'cluster', ...args })
  expect(await call({ method: 'POST', path: `${web}/pods/p/exec?command=id` })).toMatchObject({ isError: false, data: { stdout: 'hello\n', exitCode: 0 } })
  fake.cluster.next = { status: 200, body: { stdout: 'x'.repeat(400_000), stderr: 'oh', exitCode: 3, truncated: false } }
  const ran = await call({ method: 'POST', path: `${web}/pods/p/exec?command=yes` })
  expect([ran.text.length < 60_000, ran.data]).toMatchObject([true, { stdout: expect.stringMatching(/^x{1000}.*cut: 400000 characters\]$/) as string, stderr: 'oh', exitCode: 3 }])
  fake.cluster.next = { status: 200, body: { kind: 'ConfigMapList', metadata: { continue: 'x' }, items: Array.from({ length: 3000 }, (_, n) => ({ metadata: { name: `c${n}` }, data: { a: 'x'.repeat(100) } })) } }
  const many = await call({ path: `${web}/configmaps` })
  expect([many.text.length < 60_000, many.data?.['notShown'], many.text]).toEqual([true, expect.any(Number), expect.stringMatching(/more did not fit.*`continue=`/)])
  fake.cluster.next = { status: 200, body: { kind: 'ConfigMap', metadata: { name: 'c' }, data: { a: 'x'.repeat(400_000) } } }
  expect((await call({ path: `${web}/configmaps/c` })).text).toMatch(/^done, HTTP 200; it is too large.*beginning/)
})

test('what one may do in a cluster is told as one\'s rules, short, and none of another\'s', async () => {
  const { data } = await agent.call('access', { connection: 'cluster' })
  const lines = JSON.stringify(data?.['rules'])
  expect(lines).toContain('patch of apps/deployments in web; after approval by support-leads')
  expect(lines).not.toContain('payroll')
  expect(JSON.stringify((await agent.call('access', { connection: 'cluster', match: 'exec' })).data?.['rules'])).not.toContain('configmaps')
})
