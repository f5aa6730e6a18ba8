import { expect, test } from 'vitest'
import { createSteps } from '../../functions/steps.ts'
import type { Id } from '../../schema/event.ts'
import type { Run } from '../../functions/protocol/protocol.ts'
import { lead } from '../support/approvals.ts'
import { createCluster, createClustered, operator, rules, withRules } from '../support/cluster.ts'
import { connect } from '../mcp/client.ts'

/** What runs longer than the process that judges it would be judged by nobody: each way a call comes says when that is over. */
type At = ReturnType<typeof createClustered>
const left = (ms: number) => ({ lambdaContext: { getRemainingTimeInMillis: () => ms } })
const settle = async () => { for (let i = 0; i < 20; i++) await new Promise((resolve) => { setImmediate(resolve) }) }
const notices = (at: At) => at.world.events.filter(({ kind }) => kind === 'stream').map((event) => (event as { change: Record<string, unknown> }).change)
const pods = '/api/v1/namespaces/web/pods?watch=true'
const api = async (at: At, who: Parameters<At['world']['token']>[0], method: string, path: string, body?: unknown) => {
  const answer = await at.app.request(path, { method, headers: { authorization: `Bearer ${await at.world.token(who)}`, 'content-type': 'application/json' }, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
  return await answer.json() as Record<string, unknown>
}

test('a watch ends, on record, before the function that judges it does', async () => {
  const at = createClustered()
  const path = `/v1/kubernetes/cluster${pods}`
  const answer = await at.app.request(path, { headers: { authorization: `Bearer ${await at.world.token(operator)}` } }, { ...left(30_000), target: path })
  const reader = answer.body!.getReader()
  at.cluster.streams[0]?.feed('one\n')
  await reader.read()
  at.world.clock.ms += 25_900
  await at.gate.streams.look()
  expect(at.gate.streams.count()).toBe(1)
  at.world.clock.ms += 200
  await at.gate.streams.look()
  await expect(reader.read()).rejects.toThrow()
  await settle()
  expect([at.gate.streams.count(), at.cluster.streams[0]?.cut.aborted]).toEqual([0, true])
  expect(notices(at)).toMatchObject([{ how: 'cut: out_of_time', bytes: 4 }])
})

test.each([['the route of commands', async (at: At) => {
  await at.app.request('/v1/connections/cluster/exec', { method: 'POST', headers: { authorization: `Bearer ${await at.world.token(operator)}`, 'content-type': 'application/json' }, body: JSON.stringify({ namespace: 'web', pod: 'front', command: ['date'] }) }, left(30_000))
}], ['a tool of MCP', async (at: At) => {
  const agent = await connect({ request: (request, init) => at.app.request(request as Request, init, left(30_000)) }, await at.world.token(operator))
  await agent.call('command', { connection: 'cluster', namespace: 'web', pod: 'front', command: ['date'] })
}]] as const)('what runs is told when its process ends: %s', async (_, ask) => {
  const at = createClustered()
  const runs: Run[] = []
  at.cluster.command = async (run) => { runs.push(run); return { status: 'failed', refusal: { slug: 'timeout', reason: 'x', detail: 'x', next: 'none' } } }
  await ask(at)
  expect(runs.map(({ until }) => until)).toEqual([at.world.clock.ms + 26_000])
})

test('what a tool reads that is cut meanwhile is a refusal which says so, and alarms nobody', async () => {
  const engine = createCluster()
  const at = createClustered(undefined, () => ({ ...engine, classify: async (connection, query, roles) => {
    const plan = await engine.classify(connection, query, roles)
    return plan.ok ? { ok: true, value: { ...plan.value, plan: { ...plan.value.plan, sql: `${query.statements[0]?.sql ?? ''}?watch=true` } } } : plan   // a list that streams
  } }))
  const agent = await connect(at.app, await at.world.token(operator))
  const asking = agent.call('kubernetes', { connection: 'cluster', path: '/api/v1/namespaces/web/pods' })
  await expect.poll(() => engine.streams.length, { interval: 2 }).toBeGreaterThan(0)
  await at.ports.policies.lock({ target: 'subject:agent:operator', by: 'user:x', at: '', reason: null, until: null })
  at.world.clock.ms += 2100
  await at.gate.streams.look()
  expect(await asking).toMatchObject({ isError: true, structured: { slug: 'target-unavailable', reason: 'connection_lost' } })
  expect(at.world.alarms).toEqual([])
})

/** As `withRules`, with a watch that people are asked about. */
const watched = withRules([{ allow: ['watch'], connection: 'cluster', on: ['pods'], namespaces: ['web'], approval: { by: ['support-leads'], quorum: 1, within: '30m' } }, rules[2]!])
async function approved(at: At, method: 'GET' | 'PATCH' = 'GET', path = pods, body?: unknown) {
  const status = await (await (await at.as(operator))(method, path, body)).json() as { details: { causes: { reason: string; message: string }[] } }
  const of = (reason: string) => status.details.causes.find((cause) => cause.reason === reason)?.message ?? ''
  const id = of('Request') as Id<'arq'>
  await api(at, lead, 'POST', `/v1/requests/${id}/decision`, { decision: 'approve', digest: of('Digest') })
  return id
}
async function begun(at: At) {
  await expect.poll(() => at.cluster.streams.length, { interval: 2 }).toBeGreaterThan(0)
  await settle()
}

/** A stream that people approved, which has given four bytes and goes on. */
async function streaming() {
  const at = createClustered(watched)
  const id = await approved(at)
  const proceeding = at.approver.proceed(id)
  await begun(at)
  at.cluster.streams[0]?.feed('one\n')
  await settle()
  return { at, id, proceeding }
}

test('a stream that people approved is judged while it is read: a lock ends it, and how it ended is on record', async () => {
  const { at, id, proceeding } = await streaming()
  await at.gate.streams.look()
  expect(at.cluster.streams[0]?.cut.aborted).toBe(false)
  await at.ports.policies.lock({ target: 'subject:agent:operator', by: 'user:x', at: '', reason: null, until: null })
  at.world.clock.ms += 2100
  await at.gate.streams.look()
  expect(at.cluster.streams[0]?.cut.aborted).toBe(true)
  expect(await proceeding).toBe('succeeded')
  const outcome = at.world.events.find(({ kind }) => kind === 'outcome')
  expect(notices(at)).toMatchObject([{ outcome: outcome?.id, how: 'cut: locked', bytes: 4, items: 1 }])
  expect(at.world.events.find(({ kind }) => kind === 'stream')).toMatchObject({ request: id })
  expect(at.gate.streams.count()).toBe(0)
})
test('one that ends by itself is kept whole, and its end is on record too', async () => {
  const { at, id, proceeding } = await streaming()
  at.cluster.streams[0]?.end()
  expect(await proceeding).toBe('succeeded')
  expect(notices(at)).toMatchObject([{ how: 'complete', bytes: 4 }])
  expect(await api(at, operator, 'GET', `/v1/requests/${id}`)).toMatchObject({ result: { body: 'one\n' } })
})

const steps = (at: At) => createSteps({ approver: { ...at.approver, announce: async () => {}, tell: async () => {} }, workflow: { register: async () => {}, wake: async () => {} }, now: at.ports.now })
const lambda = (ms: number) => ({ getRemainingTimeInMillis: () => ms })

test('what people approved ends before the function that runs it does', async () => {
  const at = createClustered(watched)
  const id = await approved(at)
  const proceeding = steps(at)({ step: 'proceed', request: id }, lambda(60_000))
  await begun(at)
  at.world.clock.ms += 55_900
  await at.gate.streams.look()
  expect(at.cluster.streams[0]?.cut.aborted).toBe(false)
  at.world.clock.ms += 200
  await at.gate.streams.look()
  expect(at.cluster.streams[0]?.cut.aborted).toBe(true)
  expect(await proceeding).toEqual({ status: 'succeeded' })
  expect(notices(at)).toMatchObject([{ how: 'cut: out_of_time' }])
})
test('a function with little time left begins nothing that people approved: the state machine comes again', async () => {
  const at = createClustered()
  at.cluster.objects.set('/apis/apps/v1/namespaces/web/deployments/front', { replicas: 3 })
  const id = await approved(at, 'PATCH', '/apis/apps/v1/namespaces/web/deployments/front', { replicas: 5 })
  await expect(steps(at)({ step: 'proceed', request: id }, lambda(18_900))).rejects.toThrow('still approved')
  expect(at.cluster.ran).toEqual([])
  expect(await steps(at)({ step: 'proceed', request: id }, lambda(20_000))).toEqual({ status: 'succeeded' })
  expect(at.cluster.ran).toHaveLength(1)
})
