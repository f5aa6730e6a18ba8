import { expect, test } from 'vitest'
import { createClustered, lead, operator, rules, withRules } from '../support/cluster.ts'

const command = { namespace: 'web', pod: 'front-1', command: ['sh', '-c', 'echo a&b=c; id'], purpose: 'look at it' }
async function post(at: ReturnType<typeof createClustered>, body: unknown, headers: Readonly<Record<string, string>> = {}) {
  const token = await at.world.token(operator)
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

test('a secret on the way out of a command is not on record, and long output is cut there, not for the caller', async () => {
  const at = createClustered()
  const key = `-----BEGIN PRIVATE KEY-----\nQ0FOQVJZ\n-----END PRIVATE KEY-----`
  at.cluster.next = { status: 200, body: { stdout: `${key}\n${'x'.repeat(200_000)}`, stderr: '', exitCode: 3, truncated: true } }
  const answer = await post(at, plain)
  expect([answer.status, String(answer.json['stdout']).length, answer.json['exitCode'], answer.json['truncated']]).toEqual([200, key.length + 200_001, 3, true])
  const record = JSON.stringify(at.world.events)
  expect(record).not.toContain('Q0FOQVJZ')
  expect(record).toMatch(/\[cut: 2\d+ bytes\]/)
  expect(record.length).toBeLessThan(80_000)
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

  const asking = createClustered(withRules([...rules.slice(0, 3), { allow: ['create'], connection: 'cluster', on: ['pods/exec'], approval: { by: ['support-leads'], quorum: 1, within: '30m' } }]))
  const waiting = await post(asking, plain)
  expect(waiting.status).toBe(202)
  const { id, digest } = waiting.json['request'] as { id: `arq_${string}`; digest: string }
  const token = await asking.world.token(lead)
  await asking.app.request(`/v1/requests/${id}/decision`, { method: 'POST', headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' }, body: JSON.stringify({ decision: 'approve', digest }) })
  expect(await asking.approver.proceed(id)).toBe('succeeded')
  const done = await post(asking, plain)
  expect([done.status, done.json, asking.cluster.ran.length]).toMatchObject([200, { stdout: 'hello\n', exitCode: 0 }, 1])
})
