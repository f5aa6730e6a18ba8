import { expect, test } from 'vitest'
import { openOf } from '../../schema/content.ts'
import type { PolicyDocument } from '../../schema/policy.ts'
import { lead } from '../support/approvals.ts'
import { clusterDocument, createClustered, operator, rules, withRules } from '../support/cluster.ts'

const command = { namespace: 'web', pod: 'front-1', command: ['sh', '-c', 'echo a&b=c; id'], purpose: 'look at it' }
async function post(at: ReturnType<typeof createClustered>, body: unknown, headers: Readonly<Record<string, string>> = {}, seconds = 900) {
  const token = await at.world.token({ ...operator, seconds })
  const response = await at.app.request('/v1/connections/cluster/exec', { method: 'POST', headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) })
  return { status: response.status, headers: response.headers, json: await response.json() as Record<string, unknown> }
}
// The stub's reader takes no escapes; what the real one makes of them is judged with it.
const plain = { ...command, command: ['id'] }

test('a command runs as the API server\'s own exec, and what it wrote is answered and on record with its outcome', async () => {
  const at = createClustered()
  const answer = await post(at, plain)
  expect([answer.status, answer.json]).toMatchObject([200, { stdout: 'hello\n', stderr: '', exitCode: 0, truncated: false, receipt: { event: at.world.events[1]?.id } }])
  expect(at.cluster.ran.map(({ sql }) => sql)).toEqual(['POST /api/v1/namespaces/web/pods/front-1/exec?stderr=true&stdout=true&command=id'])
  expect(at.world.events).toMatchObject([
    { kind: 'intent', purpose: 'look at it', accesses: [{ action: 'create', resource: 'pods/exec', namespace: 'web', name: 'front-1', system: true }] },
    { kind: 'outcome', status: 'succeeded', said: { stdout: 'hello\n', exitCode: 0 } },
  ])
})

test('a star in a rule is no way into a container; a rule must name it', async () => {
  const at = createClustered(withRules([{ allow: ['*'], connection: 'cluster', on: ['*'] }]))
  expect([(await post(at, plain)).status, at.cluster.ran]).toEqual([403, []])
})

test.each([
  ['no program', { ...plain, command: [] }], ['a member too many', { ...plain, stdin: 'x' }], ['a namespace with a slash', { ...plain, namespace: 'web/pods/x' }], ['a pod with a question mark', { ...plain, pod: 'a?command=rm' }],
  ['a pod of dots', { ...plain, pod: '..' }], ['a container with an ampersand', { ...plain, container: 'a&command=rm' }], ['an argument with NUL', { ...plain, command: ['a\0b'] }], ['half a character', { ...plain, command: ['\ud800'] }], ['no object', 'id'],
])('refused, on record, and nothing runs: %s', async (_, body) => {
  const at = createClustered()
  expect((await post(at, body)).status).toBe(400)
  expect([at.cluster.ran, at.world.events.map(({ kind }) => kind)]).toEqual([[], ['refusal']])
})

const outputs = (at: ReturnType<typeof createClustered>) => at.world.events.filter(({ kind }) => kind === 'output').map((event) => (event as { change: Record<string, unknown> }).change)

test('a secret on the way out of a command is not on record, and all else is, however much it is', async () => {
  const at = createClustered()
  const key = `-----BEGIN PRIVATE KEY-----\nQ0FOQVJZ\n-----END PRIVATE KEY-----`
  const long = `${'x'.repeat(99)}\n`.repeat(20_000)
  at.cluster.next = { status: 200, body: { stdout: `${key}\n${long}`, stderr: 'oh', exitCode: 3, truncated: true } }
  const answer = await post(at, plain)
  expect([answer.status, String(answer.json['stdout']).length, answer.json['exitCode'], answer.json['truncated']]).toEqual([200, key.length + 1 + long.length, 3, true])
  const parts = outputs(at)
  expect(parts.filter(({ stream }) => stream === 'stdout').map(({ text }) => text).join('')).toBe(`[redacted: private key]\n${long}`)
  expect(parts.filter(({ stream }) => stream === 'stderr')).toMatchObject([{ text: 'oh', intent: at.world.events[0]?.id }])
  expect(at.world.events.map(({ kind }) => kind)).toEqual(['intent', ...parts.map(() => 'output'), 'outcome'])
  expect(at.world.events.at(-1)).toMatchObject({ kind: 'outcome', said: { parts: parts.length, stdout: { bytes: long.length + 24 }, stderr: { bytes: 2 }, exitCode: 3 } })
  // What is sealed is the text: the key it is sealed under is the session's, and is destroyed with it.
  for (const event of at.world.events) expect(JSON.stringify(openOf(event)), event.kind).not.toMatch(/x{9}|"oh"/)
})

test('what a command wrote before it was lost is on record, and so is that it was', async () => {
  const at = createClustered()
  at.cluster.command = async (run) => { await run.heard?.('stdout', Buffer.from('as far as here')); return { status: 'unknown', refusal: { slug: 'outcome-unknown', reason: 'answer_lost', next: 'none', detail: 'lost' } } }
  const answer = await post(at, plain)
  expect([answer.status, answer.json['stdout']]).toEqual([502, undefined])
  expect(at.world.events).toMatchObject([{ kind: 'intent' }, { kind: 'outcome', status: 'unknown', said: { stdout: 'as far as here', stderr: '' } }])
})

test('a connection whose answers are not recorded has none of it on record', async () => {
  const at = createClustered({ ...withRules(rules), 'cluster.yaml': { ...clusterDocument, record: 'none' } as PolicyDocument })
  at.cluster.command = async (run) => { await run.heard?.('stdout', Buffer.alloc(400_000, 'x')); return { status: 'succeeded', rows: { raw: { status: 200, body: { stdout: 'x', stderr: '', exitCode: 0, truncated: false } }, rowCounts: [1], truncated: false } } }
  expect((await post(at, plain)).status).toBe(200)
  expect([outputs(at), at.world.events.at(-1)]).toMatchObject([[], { kind: 'outcome' }])
  expect(at.world.events.at(-1)).not.toHaveProperty('said')
})

/** A command that runs until it is cut. */
const forever = (at: ReturnType<typeof createClustered>) => new Promise<void>((began) => {
  at.cluster.command = (run) => new Promise((resolve) => {
    run.cut?.addEventListener('abort', () => { resolve({ status: 'unknown', refusal: { slug: 'outcome-unknown', reason: 'cut', next: 'none', detail: 'cut', inner: String(run.cut?.reason) } }) })
    began()
  })
})
const lock = (at: ReturnType<typeof createClustered>, target: string) => at.ports.policies.lock({ target, by: 'user:x', at: '', reason: null, until: null })
test.each<[string, string, (at: ReturnType<typeof createClustered>) => Promise<unknown>]>([
  ['its subject is locked', 'locked', async (at) => { await lock(at, 'subject:agent:operator'); at.world.clock.ms += 2100 }],
  ['everything is', 'locked', async (at) => { await lock(at, 'everything'); at.world.clock.ms += 2100 }],
  ['its token ends', 'token_expired', async (at) => { at.world.clock.ms += 901_000 }],
  ['its rule is gone', 'no_rule', async (at) => { await at.apply(withRules(rules.slice(0, 3))) }],
  ['it would need people now', 'approval_required', async (at) => { await at.apply(withRules([...rules.slice(0, 3), { allow: ['create'], connection: 'cluster', on: ['pods/exec'], approval: { by: ['support-leads'], quorum: 1, within: '30m' } }])) }],
])('a command that runs is cut where %s', async (_, reason, change) => {
  const at = createClustered()
  const began = forever(at)
  const answer = post(at, plain, {}, 900)
  await began
  await at.gate.streams.look()
  expect(at.gate.streams.count()).toBe(1)
  await change(at)
  await at.gate.streams.look()
  expect((await answer).status).toBe(502)
  expect([at.gate.streams.count(), at.world.events.at(-1)]).toMatchObject([0, { kind: 'outcome', status: 'unknown', refusal: { reason: 'cut', inner: expect.stringContaining(reason) as string } }])
})

const asking = withRules([...rules.slice(0, 3), { allow: ['create'], connection: 'cluster', on: ['pods/exec'], approval: { by: ['support-leads'], quorum: 1, within: '30m' } }])
test.each<[string, string, (at: ReturnType<typeof createClustered>) => Promise<unknown>]>([
  ['who asked is locked', 'locked', async (at) => { await lock(at, 'subject:agent:operator'); at.world.clock.ms += 2100 }],
  ['who approved is locked', 'approval_required', async (at) => { await lock(at, 'subject:user:lea@acme.dev'); at.world.clock.ms += 2100 }],
  ['its rule is gone', 'no_rule', async (at) => { await at.apply(withRules(rules.slice(0, 3))) }],
])('one that people approved is cut where %s, though nobody sits before it', async (_, reason, change) => {
  const at = createClustered(asking)
  const began = forever(at)
  const waiting = await post(at, plain)
  const { id, digest } = waiting.json['request'] as { id: `arq_${string}`; digest: string }
  const token = await at.world.token(lead)
  await at.app.request(`/v1/requests/${id}/decision`, { method: 'POST', headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' }, body: JSON.stringify({ decision: 'approve', digest }) })
  const done = at.approver.proceed(id)
  await began
  at.world.clock.ms += 1_000_000                                        // the asker's token is long over: it was asked and approved with it, so it may run
  await at.gate.streams.look()
  expect(at.gate.streams.count()).toBe(1)
  await change(at)
  await at.gate.streams.look()
  expect(await done).toBe('outcome-unknown')
  expect(at.world.events.at(-1)).toMatchObject({ kind: 'outcome', refusal: { reason: 'cut', inner: expect.stringContaining(reason) as string } })
})

test('what the cluster does not run is told in its words; a command that fails is an answer', async () => {
  const at = createClustered()
  at.cluster.next = { status: 404, body: { kind: 'Status', message: 'pods "front-1" not found' } }
  const answer = await post(at, plain)
  expect([answer.status, answer.json]).toMatchObject([422, { reason: 'status_404', detail: expect.stringContaining('not found') as string }])
  expect(at.world.events[1]).toMatchObject({ status: 'failed' })
})

test('the same key runs it once; a rule that asks waits for a person, runs on approval, and the same call has its output', async () => {
  const at = createClustered()
  const first = await post(at, plain, { 'idempotency-key': 'k' })
  const again = await post(at, plain, { 'idempotency-key': 'k' })
  expect([again.status, again.json['stdout'], at.cluster.ran.length]).toEqual([200, first.json['stdout'], 1])

  const asked = createClustered(asking)
  const waiting = await post(asked, plain)
  expect(waiting.status).toBe(202)
  const { id, digest } = waiting.json['request'] as { id: `arq_${string}`; digest: string }
  const token = await asked.world.token(lead)
  await asked.app.request(`/v1/requests/${id}/decision`, { method: 'POST', headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' }, body: JSON.stringify({ decision: 'approve', digest }) })
  expect(await asked.approver.proceed(id)).toBe('succeeded')
  const done = await post(asked, plain)
  expect([done.status, done.json, asked.cluster.ran.length]).toMatchObject([200, { stdout: 'hello\n', exitCode: 0 }, 1])
})
