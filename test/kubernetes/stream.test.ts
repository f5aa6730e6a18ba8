import { createServer, request, type IncomingMessage, type Server } from 'node:http'
import { connect } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { afterEach, expect, test } from 'vitest'
import type { PolicyDocument } from '../../schema/policy.ts'
import { createApp } from '../../functions/app.ts'
import { ofNode } from '../../functions/target.ts'
import { clusterDocument, createClustered, operator, rules, withRules } from '../support/cluster.ts'

type At = ReturnType<typeof createClustered>
const pods = '/api/v1/namespaces/web/pods?watch=true'
const turn = () => new Promise((resolve) => setImmediate(resolve))
const settle = async () => { for (let i = 0; i < 20; i++) await turn() }
const notices = (at: At) => at.world.events.filter(({ kind }) => kind === 'stream').map((event) => (event as { change: Record<string, unknown> }).change)

/** One watch, its first event read. */
async function watch(at: At, path = pods, seconds = 900) {
  const call = await at.as({ ...operator, seconds })
  const answer = await call('GET', path)
  const reader = answer.body!.getReader()
  const stream = at.cluster.streams.at(-1)!
  stream.feed('one\n')
  expect(Buffer.from((await reader.read()).value!).toString()).toBe('one\n')
  return { answer, reader, stream }
}
const lock = (at: At, target: string) => at.ports.policies.lock({ target, by: 'user:x', at: '', reason: null, until: null })

test('a watch streams as it comes, and its end is on record with what was given', async () => {
  const at = createClustered()
  const { reader, stream } = await watch(at)
  stream.feed('three')
  expect(Buffer.from((await reader.read()).value!).toString()).toBe('three')
  expect([at.gate.streams.count(), at.world.events.map(({ kind }) => kind)]).toEqual([1, ['intent', 'outcome']])
  stream.end()
  expect((await reader.read()).done).toBe(true)
  await settle()
  expect(at.gate.streams.count()).toBe(0)
  expect(notices(at)).toMatchObject([{ bytes: 9, items: 2, how: 'complete', outcome: at.world.events[1]?.id }])
})

const ends: readonly (readonly [why: string, reason: string, change: (at: At) => Promise<unknown>])[] = [
  ['its token ends', 'token_expired', async (at) => { at.world.clock.ms += 901_000 }],
  ['its subject is locked', 'locked', async (at) => { await lock(at, 'subject:agent:operator'); at.world.clock.ms += 2100 }],
  ['its role is locked', 'locked', async (at) => { await lock(at, 'role:operator'); at.world.clock.ms += 2100 }],
  ['its connection is locked', 'locked', async (at) => { await lock(at, 'connection:cluster'); at.world.clock.ms += 2100 }],
  ['everything is locked', 'locked', async (at) => { await lock(at, 'everything'); at.world.clock.ms += 2100 }],
  ['its rule is gone', 'no_rule', async (at) => { await at.apply(withRules(rules.slice(1))) }],
  ['a deny came', 'denied_by_rule', async (at) => { await at.apply(withRules([...rules, { deny: ['watch'], connection: 'cluster', on: ['pods'] }])) }],
  ['it would need people now', 'approval_required', async (at) => { await at.apply(withRules([...rules, { ask: ['watch'], connection: 'cluster', on: ['pods'], approval: { by: ['support-leads'], quorum: 1, within: '30m' } }])) }],
  ['it would go as another service account', 'permitted_otherwise', async (at) => { const document = { ...clusterDocument, serviceAccounts: { operator: 'sluice/other' } } as PolicyDocument; await at.apply({ ...withRules(rules), 'cluster.yaml': document }) }],
  ['its connection is gone', 'no_connection', async (at) => { const { 'cluster.yaml': _, ...rest } = withRules(rules.map((rule) => ({ ...rule, connection: 'shop', on: ['public.x'] })) as never); await at.apply(rest) }],
  ['the policy cannot be read for 5 s', 'policy_unreadable', async (at) => { at.world.broken.add('policies'); at.world.clock.ms += 5100 }],
]
test.each(ends)('a watch is cut where %s: torn, its target let go, the reason on record', async (_, reason, change) => {
  const at = createClustered()
  const { reader, stream } = await watch(at)
  await at.gate.streams.look()
  expect(at.gate.streams.count()).toBe(1)
  await change(at)
  await at.gate.streams.look()
  expect(at.gate.streams.count()).toBe(0)
  expect(stream.cut.aborted).toBe(true)
  stream.feed('after\n')
  await expect(reader.read()).rejects.toThrow()
  await settle()
  expect(notices(at)).toMatchObject([{ how: expect.stringContaining(`cut: ${reason.split('_')[0]}`) as string, bytes: 4 }])
})

test('a stream of what is masked is cut where it would come in clear, and one in clear where it would come masked', async () => {
  const secrets = '/api/v1/namespaces/web/secrets?watch=true'
  const reveal = withRules([...rules, { reveal: ['kubernetes.secret'], connection: 'cluster' }])
  for (const [from, to] of [[withRules(rules), reveal], [reveal, withRules(rules)]] as const) {
    const at = createClustered(from)
    const { reader } = await watch(at, secrets)
    await at.apply(to)
    await at.gate.streams.look()
    await expect(reader.read()).rejects.toThrow()
    await settle()
    expect(notices(at)).toMatchObject([{ how: 'cut: permitted_otherwise' }])
  }
})

test('a policy that changes elsewhere, and time that passes, leave a watch as it is', async () => {
  const at = createClustered()
  const { reader, stream } = await watch(at)
  await at.apply({ ...withRules(rules), 'roles/other.yaml': { version: 1, kind: 'role', name: 'other', members: [], rules: [] } })
  await lock(at, 'subject:agent:somebody')
  for (let i = 0; i < 20; i++) { at.world.clock.ms += 3000; await at.gate.streams.look() }
  stream.feed('two\n')
  expect(Buffer.from((await reader.read()).value!).toString()).toBe('two\n')
})

test('however many streams there are, a look costs one read of the policy in 2 s', async () => {
  const at = createClustered()
  for (let i = 0; i < 30; i++) await watch(at)
  let reads = 0
  const { pointer } = at.ports.policies
  Object.assign(at.ports.policies, { pointer: () => { reads++; return pointer() } })
  for (let i = 0; i < 20; i++) { at.world.clock.ms += 500; await at.gate.streams.look() }
  expect(reads).toBeLessThanOrEqual(5)
  expect(at.gate.streams.count()).toBe(30)
})

test('a caller has 64 places on a connection: the next is 429, others are not in the way, and an end frees a place', async () => {
  const at = createClustered()
  const open = []
  for (let i = 0; i < 64; i++) open.push(await watch(at))
  const full = await (await at.as(operator))('GET', pods)
  expect([full.status, full.headers.get('retry-after'), (await full.json() as { reason: string }).reason]).toEqual([429, '5', 'TooManyRequests'])
  expect((await (await at.as({ ...operator, subject: 'agent:other' }))('GET', '/api/v1/namespaces/web/pods/x')).status).toBe(404)
  open[0]?.stream.end()
  await open[0]?.reader.read()
  await settle()
  expect((await (await at.as(operator))('GET', '/api/v1/namespaces/web/pods/x')).status).toBe(404)
})

test.each(['the write', 'explain'])('looks before a write take places too, whoever asks for the look: nobody floods the cluster with dry runs that no rule would let do more than look: %s', async (asked) => {
  const at = createClustered()
  const path = '/apis/apps/v1/namespaces/web/deployments/front'
  const call = await at.as(operator)
  const token = await at.world.token(operator)
  const explain = async (replicas: number) => at.gate.explain({ authorization: `Bearer ${token}`, session: null, connection: 'cluster', idempotencyKey: null, waitMs: 0, question: async () => at.cluster.read('PATCH', path, {}, Buffer.from(JSON.stringify({ replicas }))) })
    .then(({ result }) => ({ status: result.ok ? 403 : result.refusal.reason === 'too_many_streams' ? 429 : 500 }))
  const look = (replicas: number) => (asked === 'explain' ? explain(replicas) : call('PATCH', path, { replicas }))
  let go: () => void = () => {}
  const gate = new Promise<void>((resolve) => { go = resolve })
  const { classify } = at.cluster
  at.cluster.classify = async (...of) => {
    const plan = await classify(...of)
    return plan.ok && plan.value.preview ? { ok: true, value: { ...plan.value, preview: async () => { at.cluster.previews++; await gate; return plan } } } : plan
  }
  const looking = Array.from({ length: 64 }, (_, i) => look(i))
  while (at.cluster.previews < 64) await turn()
  expect((await look(99)).status).toBe(429)
  go()
  expect(new Set((await Promise.all(looking)).map(({ status }) => status))).toEqual(new Set([403]))
  expect((await call('GET', '/api/v1/namespaces/web/pods/none')).status).toBe(404)
})

test('places are given back by whatever ends a call: an answer, a refusal of the cluster\'s, a fault, a record that is not kept', async () => {
  const at = createClustered()
  const call = await at.as(operator)
  const { execute } = at.cluster
  for (let i = 0; i < 70; i++) await call('GET', '/api/v1/namespaces/web/pods/none')
  at.cluster.execute = async () => { throw new Error('a bug') }
  for (let i = 0; i < 70; i++) expect((await call('GET', '/api/v1/namespaces/web/pods/none')).status).not.toBe(429)
  at.cluster.execute = execute
  expect((await call('GET', '/api/v1/namespaces/web/pods/none')).status).toBe(404)
})

test('a stream whose outcome cannot be kept gives no byte and lets its target go', async () => {
  const at = createClustered()
  const { execute } = at.cluster
  at.cluster.execute = async (...plan) => { const done = await execute(...plan); at.world.broken.add('ledger'); return done }
  const answer = await (await at.as(operator))('GET', pods)
  expect(answer.status).toBe(502)
  expect(at.cluster.streams[0]?.cut.aborted).toBe(true)
  expect(at.gate.streams.count()).toBe(0)
})

test('a cut that the engine does not hear still ends what the caller gets, and the place is given back', async () => {
  const at = createClustered()
  const { execute } = at.cluster
  at.cluster.execute = async (permit, plan, { deadline, rowMode, maxRows }) => execute(permit, plan, { deadline, rowMode, maxRows })
  const { reader, stream } = await watch(at)
  await lock(at, 'everything')
  at.world.clock.ms += 2100
  await at.gate.streams.look()
  stream.feed('after\n')
  await expect(reader.read()).rejects.toThrow()
  await settle()
  expect(stream.cancelled).toBe(true)
})

test('a stream is not kept for a repeat: the same key is told that it ran', async () => {
  const at = createClustered()
  const call = await at.as(operator)
  const first = await call('GET', pods, undefined, { 'idempotency-key': 'w' })
  await first.body?.cancel()
  const again = await call('GET', pods, undefined, { 'idempotency-key': 'w' })
  expect([again.status, at.cluster.streams.length]).toEqual([413, 1])
})

test('a process that stops in order ends its streams, and their ends are on record before it is gone', async () => {
  const at = createClustered()
  const { reader } = await watch(at)
  await at.gate.streams.close()
  expect(notices(at)).toMatchObject([{ how: 'cut: gate_stopped', bytes: 4 }])
  await expect(reader.read()).rejects.toThrow()
})

let server: Server | null = null
afterEach(() => { server?.closeAllConnections(); server?.close(); server = null })
async function listen(at: At) {
  server = createServer(getRequestListener(createApp(at.ports, at.gate, ofNode).fetch))
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return { port: typeof address === 'object' && address ? address.port : 0, authorization: `Bearer ${await at.world.token(operator)}` }
}

test('over a real connection: a reader that does not read is not read for; one that goes away ends the target\'s request', async () => {
  const at = createClustered()
  const { port, authorization } = await listen(at)
  const call = request({ host: '127.0.0.1', port, path: `/v1/kubernetes/cluster${pods}`, headers: { authorization } })
  const response = await new Promise<IncomingMessage>((resolve, reject) => { call.on('response', resolve).on('error', reject).end() })
  const stream = at.cluster.streams[0]!
  response.pause()
  for (let i = 0; i < 400; i++) stream.feed('x'.repeat(65_536))
  let before = -1
  while (before !== stream.pulls()) { before = stream.pulls(); await new Promise((resolve) => setTimeout(resolve, 100)) }
  expect(stream.pulls()).toBeLessThan(400)                               // what the sockets hold, and no more
  call.on('error', () => {})
  response.destroy()
  while (!stream.cancelled) await new Promise((resolve) => setTimeout(resolve, 10))
  await settle()
  expect(notices(at)).toMatchObject([{ how: 'caller gone' }])
})

test.each([['by the gate', true], ['by its target', false]])('over a real connection an answer that breaks off is torn, so that nobody takes half of it for the whole, and tells nothing of why: %s', async (_, cut) => {
  const at = createClustered()
  const { port, authorization } = await listen(at)
  let wire = ''
  const closed = new Promise<void>((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(`GET /v1/kubernetes/cluster${pods} HTTP/1.1\r\nhost: x\r\nauthorization: ${authorization}\r\n\r\n`))
    socket.on('data', (chunk) => { wire += chunk.toString() }).on('error', () => {}).on('close', () => resolve())
  })
  while (at.cluster.streams.length === 0) await turn()
  at.cluster.streams[0]?.feed('{"half":')
  while (!wire.includes('half')) await turn()
  if (cut) {
    await lock(at, 'everything')
    at.world.clock.ms += 2100
    await at.gate.streams.look()
  } else at.cluster.streams[0]?.fail(new Error('connect ECONNREFUSED 10.1.2.3:6443'))
  await closed
  expect(wire).not.toMatch(/0\r\n\r\n$/)
  expect(wire).not.toMatch(/locked|10\.1\.2\.3/)
})

test('over a real connection the raw target is what is read: `..` is not collapsed and an escape is not decoded before it is judged', async () => {
  const at = createClustered()
  const { port, authorization } = await listen(at)
  const get = (path: string) => new Promise<number>((resolve, reject) => { request({ host: '127.0.0.1', port, path, headers: { authorization } }, (response) => { response.resume(); resolve(response.statusCode ?? 0) }).on('error', reject).end() })
  expect(await get('/v1/kubernetes/cluster/api/v1/namespaces/web/pods/../../../kube-system/pods/x')).toBe(400)
  expect(await get('/v1/kubernetes/cluster/api/v1/namespaces/web%2fpods/x')).toBe(400)
  expect(await get('/v1/me/../kubernetes/cluster/api/v1/namespaces/web/pods/x')).toBe(400)
  expect(at.cluster.ran).toEqual([])
})
