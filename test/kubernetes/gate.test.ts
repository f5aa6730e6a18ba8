import { expect, test } from 'vitest'
import { createClustered, operator, rules, withRules } from '../support/cluster.ts'
import { analyst, support } from '../support/caller.ts'

interface Status { readonly kind: string; readonly status: string; readonly reason: string; readonly code: number; readonly message: string; readonly details: { readonly causes: readonly { readonly reason: string; readonly message: string }[]; readonly retryAfterSeconds?: number } }
const statusOf = async (response: Response) => await response.json() as Status
const configmap = '/api/v1/namespaces/web/configmaps/settings'
const kinds = (at: ReturnType<typeof createClustered>) => at.world.events.map(({ kind }) => kind)

test('a read goes through as it came, is answered as the cluster answers, and is on record with its place and Audit-ID', async () => {
  const at = createClustered()
  at.cluster.objects.set('/api/v1/namespaces/web/pods/front', { kind: 'Pod', n: 1 })
  const call = await at.as(operator)
  const answer = await call('GET', '/api/v1/namespaces/web/pods/front', undefined, { accept: 'application/json;as=Table' })
  expect([answer.status, await answer.json()]).toEqual([200, { kind: 'Pod', n: 1 }])
  expect(Object.fromEntries(['content-type', 'cache-control', 'audit-id'].map((name) => [name, answer.headers.get(name)]))).toEqual({ 'content-type': 'application/json', 'cache-control': 'no-store', 'audit-id': 'audit-1' })
  expect(answer.headers.get('sluice-session')).toMatch(/^ses_/)
  expect(at.cluster.ran).toEqual([{ sql: 'GET /api/v1/namespaces/web/pods/front', params: [{ accept: 'application/json;as=Table' }, null], roles: ['operator'] }])
  expect(at.world.events).toMatchObject([
    { kind: 'intent', accesses: [{ action: 'get', resource: 'pods', namespace: 'web', name: 'front' }], statements: [{ sql: 'GET /api/v1/namespaces/web/pods/front' }] },
    { kind: 'outcome', status: 'succeeded', answered: { status: 200, audit: 'audit-1' } },
  ])
})

test('what the cluster refuses reaches the caller in its own words, and is on record as failed', async () => {
  const at = createClustered()
  const answer = await (await at.as(operator))('GET', '/api/v1/namespaces/web/pods/none')
  expect([answer.status, (await statusOf(answer)).reason]).toEqual([404, 'NotFound'])
  expect(at.world.events[1]).toMatchObject({ kind: 'outcome', status: 'failed', answered: { status: 404 }, refusal: { slug: 'target-error', reason: 'status_404' } })
})

test('a refusal is a Status that says which rule, why, and what helps; nothing runs', async () => {
  const at = createClustered()
  const call = await at.as(operator)
  const answer = await call('GET', '/api/v1/namespaces/kube-system/pods/x')
  expect([answer.status, answer.headers.get('content-type')]).toEqual([403, 'application/json'])
  const status = await statusOf(answer)
  expect(status).toMatchObject({ kind: 'Status', apiVersion: 'v1', status: 'Failure', reason: 'Forbidden', code: 403 })
  expect(status.message).toMatch(/\(eval_[0-9A-Z]+\)$/)
  expect(status.details.causes.map(({ reason }) => reason)).toEqual(expect.arrayContaining(['Refusal', 'Next', 'Evaluation']))
  expect([at.cluster.ran, kinds(at)]).toEqual([[], ['refusal']])
})

test.each([
  ['no token', {}, 401, 'Unauthorized'],
  ['a token that does not hold', { authorization: 'Bearer x.y.z' }, 401, 'Unauthorized'],
])('%s is a Status with a challenge, and no byte of the body is read', async (_, headers, status, reason) => {
  const at = createClustered()
  const answer = await at.app.request('http://gate/v1/kubernetes/cluster/x', { method: 'POST', headers, body: 'x' }, { target: '/v1/kubernetes/cluster/api' })
  expect([answer.status, (await statusOf(answer)).reason]).toEqual([status, reason])
  expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer/)
  expect([at.cluster.ran, at.world.events]).toEqual([[], []])
})

test('a connection of another engine is not there: SQL for a cluster, the Kubernetes API of a database, a command in one', async () => {
  const at = createClustered()
  const call = await at.as(support)
  const wrong = await call('GET', '/api', undefined, {}, 'shop')
  expect([wrong.status, (await statusOf(wrong)).reason]).toEqual([404, 'NotFound'])
  const token = await at.world.token(operator)
  const post = (path: string, body: unknown) => at.app.request(path, { method: 'POST', headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' }, body: JSON.stringify(body) })
  for (const path of ['query', 'explain']) expect((await post(`/v1/connections/cluster/${path}`, { sql: 'select 1 from public.orders' })).status).toBe(path === 'query' ? 404 : 404)
  expect((await post('/v1/connections/shop/exec', { namespace: 'web', pod: 'front', command: ['id'] })).status).toBe(404)
  expect(at.cluster.ran).toEqual([])
})

test('whoever no rule lets reach the cluster hears the same as where there is none', async () => {
  const at = createClustered()
  const call = await at.as(analyst)
  const [real, invented] = [await call('GET', '/api'), await call('GET', '/api', undefined, {}, 'clusterx')]
  expect([real.status, invented.status]).toEqual([404, 404])
  const words = async (response: Response, name: string) => (await statusOf(response)).message.replaceAll(name, 'NAME').replace(/eval_\w+/, '')
  expect(await words(real, 'cluster')).toBe(await words(invented, 'clusterx'))
})

test.each([
  '/v1/kubernetes/cluster', '/v1/kubernetes/cluster/', '/v1/kubernetes/cluster?timeout=5s',
])('`%s` is the root of the API', async (target) => {
  const at = createClustered()
  const token = await at.world.token(operator)
  await at.app.request('http://gate/v1/kubernetes/x', { headers: { authorization: `Bearer ${token}` } }, { target })
  expect(at.cluster.ran.map(({ sql }) => sql)).toEqual([`GET /${target.includes('?') ? '?timeout=5s' : ''}`])
})

test.each([
  [null, 400], ['/v1/me/../kubernetes/cluster/api', 400], ['/v1/kubernetes/%63luster/api', 400], ['/v1/kubernetes//cluster/api', 400], ['http://evil/v1/kubernetes/cluster/api', 400], ['/V1/kubernetes/cluster/api', 400],
  ['/v1/kubernetes/cluster/api/../../../v1/me', 400], ['/v1/kubernetes/cluster/api%2fv1', 400],
] as const)('a target that can be read in two ways is refused before anything is decided: %s', async (target, code) => {
  const at = createClustered()
  const token = await at.world.token(operator)
  const answer = await at.app.request('http://gate/v1/kubernetes/cluster/api', { headers: { authorization: `Bearer ${token}` } }, { target })
  expect([answer.status, (await statusOf(answer)).reason]).toEqual([code, 'BadRequest'])
  expect(at.cluster.ran).toEqual([])
})

test.each([
  ['impersonation', { 'impersonate-user': 'admin' }, 403], ['a group of impersonation', { 'impersonate-group': 'system:masters' }, 403], ['what a front proxy vouches for', { 'x-remote-user': 'admin' }, 403],
  ['a compressed body', { 'content-encoding': 'gzip' }, 400], ['an upgrade', { upgrade: 'websocket', connection: 'upgrade' }, 403], ['a bad key', { 'idempotency-key': 'a b' }, 400], ['a bad purpose', { 'sluice-purpose': 'ä' }, 400],
])('refused, and on record: %s', async (_, headers, code) => {
  const at = createClustered()
  const answer = await (await at.as(operator))('GET', '/api/v1/namespaces/web/pods/front', undefined, headers as Record<string, string>)
  expect(answer.status).toBe(code)
  expect([at.cluster.ran, kinds(at)]).toEqual([[], ['refusal']])
})

test.each(['exec', 'attach', 'portforward'])('%s says where a command can be run, whatever the method', async (sub) => {
  const at = createClustered()
  for (const method of ['GET', 'POST']) {
    const answer = await (await at.as(operator))(method, `/api/v1/namespaces/web/pods/front/${sub}?command=id`)
    expect([answer.status, (await statusOf(answer)).message]).toEqual([403, expect.stringContaining('POST /v1/connections/{connection}/exec')])
  }
  expect(at.cluster.ran).toEqual([])
})

test('a body over 1 MiB is 413, and one of another\'s making is not read by whoever may not know the cluster', async () => {
  const at = createClustered()
  const answer = await (await at.as(operator))('PUT', configmap, { data: { a: 'x'.repeat(1_100_000) } })
  expect([answer.status, (await statusOf(answer)).reason]).toEqual([413, 'RequestEntityTooLarge'])
  expect(at.cluster.ran).toEqual([])
})

test('a body over 200 KB runs, and is on record by its digest', async () => {
  const at = createClustered()
  expect((await (await at.as(operator))('PUT', configmap, { data: { a: 'x'.repeat(250_000) } })).status).toBe(200)
  expect(at.world.events[0]).toMatchObject({ kind: 'intent', statements: [{ params: [{}, { sha256: expect.stringMatching(/^[0-9a-f]{64}$/) as string, bytes: 250_017 }] }] })
  expect(JSON.stringify(at.world.events).length).toBeLessThan(20_000)
})

test('HEAD has the status and no body; a Secret comes masked, and in clear to whom a rule reveals it', async () => {
  const at = createClustered()
  at.cluster.objects.set('/api/v1/namespaces/web/secrets/db', { kind: 'Secret', data: { password: 'Q0FOQVJZ' } })
  const call = await at.as(operator)
  const head = await call('HEAD', '/api/v1/namespaces/web/secrets/db')
  expect([head.status, await head.text()]).toEqual([200, ''])
  expect(await (await call('GET', '/api/v1/namespaces/web/secrets/db')).json()).toEqual({ kind: 'Secret', data: '***' })
  await at.apply(withRules([...rules, { reveal: ['kubernetes.secret'], connection: 'cluster' }]))
  expect(await (await call('GET', '/api/v1/namespaces/web/secrets/db')).json()).toEqual({ kind: 'Secret', data: { password: 'Q0FOQVJZ' } })
})

test('what a write of a Secret sends is nowhere on record', async () => {
  const at = createClustered(withRules([...rules, { allow: ['create'], connection: 'cluster', on: ['secrets'] }]))
  const call = await at.as(operator)
  expect((await call('POST', '/api/v1/namespaces/web/secrets', { kind: 'Secret', data: { key: 'Q0FOQVJZ' } })).status).toBe(200)
  await call('POST', '/api/v1/namespaces/other/../secrets', { kind: 'Secret', data: { key: 'Q0FOQVJZ' } })
  expect(JSON.stringify(at.world.events)).not.toContain('Q0FOQVJZ')
})

test('the same Idempotency-Key runs once, and gives the answer again byte for byte; another body is 422', async () => {
  const at = createClustered()
  const call = await at.as(operator)
  const key = { 'idempotency-key': 'k1' }
  const first = await (await call('PUT', configmap, { big: 1 }, key)).text()
  const again = await call('PUT', configmap, { big: 1 }, key)
  expect([again.status, again.headers.get('content-type'), await again.text()]).toEqual([200, 'application/json', first])
  expect((await call('PUT', configmap, { big: 2 }, key)).status).toBe(422)
  expect(at.cluster.ran).toHaveLength(1)
})

test('a record that cannot be kept lets nothing run; an outcome that cannot be kept lets no byte out', async () => {
  const at = createClustered()
  const call = await at.as(operator)
  at.world.broken.add('ledger')
  const none = await call('GET', '/api/v1/namespaces/web/pods/front')
  expect([none.status, (await statusOf(none)).reason, none.headers.get('retry-after')]).toEqual([503, 'ServiceUnavailable', '2'])
  expect(at.cluster.ran).toEqual([])
  at.world.broken.clear()
  const { execute } = at.cluster
  at.cluster.execute = async (...plan) => { const done = await execute(...plan); at.world.broken.add('ledger'); return done }
  const lost = await call('PUT', configmap, { a: 1 })
  expect([lost.status, (await statusOf(lost)).reason, lost.headers.get('retry-after')]).toEqual([502, 'InternalError', null])
})

test('a write is looked at only where some object could be let through; the cluster hears nothing of one that never could', async () => {
  const at = createClustered()
  const call = await at.as(operator)
  expect((await call('DELETE', '/api/v1/namespaces/other/configmaps/x')).status).toBe(403)
  expect(at.cluster.previews).toBe(0)
  expect((await call('PUT', configmap, { a: 1 })).status).toBe(200)
  expect(at.cluster.previews).toBe(1)
  expect(at.world.events.find(({ kind }) => kind === 'intent')).toMatchObject({ diff: expect.stringContaining('+{"a":1}') as string })
})

test('a rule reads the object as it is and as it would be: scaling out is refused, scaling in runs', async () => {
  const at = createClustered(withRules([{ allow: ['patch'], connection: 'cluster', on: ['apps/deployments'], when: 'object.replicas <= oldObject.replicas' }]))
  const path = '/apis/apps/v1/namespaces/web/deployments/front'
  at.cluster.objects.set(path, { kind: 'Deployment', replicas: 3 })
  const call = await at.as(operator)
  expect((await call('PATCH', path, { replicas: 5 })).status).toBe(403)
  expect(at.cluster.ran).toEqual([])
  expect((await call('PATCH', path, { replicas: 1 })).status).toBe(200)
  expect(at.cluster.objects.get(path)).toMatchObject({ replicas: 1 })
})

test.each([
  ['timeout', 3, null], ['outcome-unknown', 3, null], ['target-unavailable', 3, '3'], ['target-unavailable', 31, null], ['rate-limited', 0.2, '1'],
] as const)('`Retry-After` makes clients repeat by themselves: of %s after %s s it is %s, and the Status says it all the same', async (slug, seconds, header) => {
  const at = createClustered()
  at.cluster.execute = async () => ({ status: slug === 'outcome-unknown' || slug === 'timeout' ? 'unknown' : 'failed', refusal: { slug, reason: 'x', detail: 'no', next: 'retry', retryAfterSeconds: seconds } })
  const answer = await (await at.as(operator))('GET', '/api/v1/namespaces/web/pods/front')
  expect([answer.headers.get('retry-after'), (await statusOf(answer)).details.retryAfterSeconds]).toEqual([header, Math.max(1, Math.ceil(seconds))])
})

test('headers of the cluster\'s that would change how the answer is kept, framed or read do not pass', async () => {
  const at = createClustered()
  const { mask } = at.cluster
  at.cluster.mask = (...of) => { const masked = mask(...of); return { ...masked, answer: { ...masked.answer!, headers: { 'content-type': 'application/json', etag: '"a"', warning: '299 - "old"', 'cache-control': 'public', 'set-cookie': 'a=b', 'content-length': '1', 'x-content-type-options': 'none', 'www-authenticate': 'x' } } } }
  const { headers } = await (await at.as(operator))('GET', '/api/v1/namespaces/web/pods/front')
  expect(Object.fromEntries(['etag', 'warning', 'cache-control', 'set-cookie', 'content-length', 'x-content-type-options', 'www-authenticate'].map((name) => [name, headers.get(name)])))
    .toEqual({ etag: '"a"', warning: '299 - "old"', 'cache-control': 'no-store', 'set-cookie': null, 'content-length': null, 'x-content-type-options': 'nosniff', 'www-authenticate': null })
})

test('a fault in the route itself is a Status too', async () => {
  const at = createClustered()
  at.cluster.read = () => { throw new TypeError('a bug') }
  const answer = await (await at.as(operator))('GET', '/api')
  expect([answer.status, (await statusOf(answer)).reason]).toEqual([500, 'InternalError'])
})
