import { afterEach, expect, test, vi } from 'vitest'
import { createStreams } from '../../functions/stream.ts'
import type { Executed, Plan, Protocol, Run } from '../../functions/protocol/protocol.ts'
import type { PolicyDocument } from '../../schema/policy.ts'
import type { Query } from '../../schema/request.ts'
import { createApproving, lead } from '../support/approvals.ts'
import { support } from '../support/caller.ts'
import { demo } from '../support/policy.ts'
import type { World } from '../support/ports.ts'

/** Statements that an engine can end while they run: when they are judged again, by what, and what becomes of them. How an engine in a private network ends them: test/protocol/cut.test.ts. */
const begun = (at: ReturnType<typeof stand>) => expect.poll(() => at.runs.length).toBe(1)
const sql = 'select id from public.orders'
const insert = 'insert into public.refunds (order_id) values (1)'

/** A gate whose engine runs a statement until it is cut or told to end. `lasting`: it can end it. */
function stand({ lasting = true } = {}) {
  const asked: Query[] = []
  const runs: { readonly plan: Plan; readonly run: Run; readonly end: () => void }[] = []
  const engine = (world: World): Protocol => ({
    ...world.engine,
    async classify(connection, query, roles) {
      asked.push(query)
      const plan = await world.engine.classify(connection, query, roles)
      return plan.ok && lasting ? { ok: true, value: { ...plan.value, lasting: true } } : plan
    },
    execute: async (permit, plan, run) => new Promise<Executed>((resolve) => {
      runs.push({ plan, run, end: () => { resolve(world.engine.execute(permit, plan, run)) } })
      const { cut } = run
      cut?.addEventListener('abort', () => { resolve({ status: 'failed', refusal: { slug: 'timeout', reason: 'cut', detail: 'ended', next: 'retry', inner: (cut.reason as Error).message } }) })
    }),
  })
  const at = createApproving(undefined, { engines: (world) => ({ postgres: engine(world) }) })
  const lock = (target: string) => at.ports.policies.lock({ target, by: 'user:x', at: '', reason: null, until: null })
  const query = async (text: string, seconds = 900) => (await at.as({ ...support, seconds })).call('POST', '/v1/connections/shop/query', { sql: text })
  return { ...at, asked, runs, lock, query }
}

test.each<readonly [string, string, (at: ReturnType<typeof stand>) => unknown]>([
  ['its subject is locked', 'locked', (at) => at.lock('subject:agent:support-bot')], ['its connection is locked', 'locked', (at) => at.lock('connection:shop')], ['everything is locked', 'locked', (at) => at.lock('everything')],
  ['its token is over', 'token_expired', (at) => { at.world.clock.ms += 900_000 }],
  ['no rule lets it any more', 'no_connection', (at) => at.apply(Object.fromEntries(Object.entries(demo).filter(([path]) => path !== 'roles/support-agent.yaml')))],
])('where %s a running statement is cut, and on record as that', async (_, why, change) => {
  const at = stand()
  const running = at.query(sql)
  await begun(at)
  await change(at)
  at.world.clock.ms += 2100
  await at.gate.streams.look()
  expect(await running).toMatchObject({ status: 504, json: { reason: 'cut' } })
  expect(at.world.events.at(-1)).toMatchObject({ kind: 'outcome', status: 'failed', refusal: { reason: 'cut', inner: why } })
  expect(at.gate.streams.count()).toBe(0)
})
test('one that is over sooner is not judged again, whatever came meanwhile', async () => {
  const at = stand()
  const running = at.query(sql)
  await begun(at)
  const before = at.asked.length
  await at.lock('everything')
  at.world.clock.ms += 1900
  await at.gate.streams.look()
  expect([at.asked.length - before, at.runs[0]?.run.cut?.aborted]).toEqual([0, false])
  at.runs[0]?.end()
  expect((await running).status).toBe(200)
})
test('one that its engine cannot end is judged no more than it ever was, and one that stands goes on', async () => {
  for (const lasting of [false, true]) {
    const at = stand({ lasting })
    const running = at.query(sql)
    await begun(at)
    if (!lasting) await at.lock('everything')
    for (let i = 0; i < 5; i++) { at.world.clock.ms += 2100; await at.gate.streams.look() }
    expect([at.runs[0]?.run.cut?.aborted, at.gate.streams.count()]).toEqual([false, lasting ? 1 : 0])
    at.runs[0]?.end()
    expect((await running).status).toBe(200)
  }
})
test('what is judged is the very query that was asked, so that an engine knows it for the one that runs', async () => {
  const at = stand()
  const running = at.query(sql)
  await begun(at)
  at.world.clock.ms += 2100
  await at.gate.streams.look()
  expect(at.asked.length).toBe(2)
  expect(new Set(at.asked).size).toBe(1)
  at.runs[0]?.end()
  await running
})
test('so of one that people approved: it is cut by a lock, and judged by the query that runs', async () => {
  const at = stand()
  const { request } = (await at.query(insert)).json as { request: { id: `arq_${string}`; digest: string } }
  await (await at.as(lead)).call('POST', `/v1/requests/${request.id}/decision`, { decision: 'approve', digest: request.digest })
  at.asked.length = 0
  const proceeding = at.approver.proceed(request.id)
  await begun(at)
  at.world.clock.ms += 2100
  await at.gate.streams.look()
  expect([at.asked.length, new Set(at.asked).size, at.runs[0]?.run.cut?.aborted]).toEqual([2, 1, false])
  await at.lock('subject:agent:support-bot')
  at.world.clock.ms += 2100
  await at.gate.streams.look()
  expect(await proceeding).toBe('failed')
  expect(at.world.events.findLast(({ kind }) => kind === 'outcome')).toMatchObject({ status: 'failed', refusal: { reason: 'cut', inner: 'locked' } })
})

/** What is not said by a decision: how long judging takes. The clock and its timers are the test's. */
async function judging(over: () => Promise<string | null>) {
  vi.useFakeTimers()
  const unused = async (): Promise<never> => { throw new Error('not asked') }
  const streams = createStreams({ now: () => Date.now(), alarm: () => {} }, { admit: unused, consider: unused })
  const control = new AbortController()
  const end = Promise.withResolvers<void>()
  void streams.during(over, control, () => end.promise)
  return { why: () => (control.signal.aborted ? (control.signal.reason as Error).message : null), end: () => end.resolve(), pass: (ms: number) => vi.advanceTimersByTimeAsync(ms) }
}
afterEach(() => { vi.useRealTimers() })
const takes = <T>(ms: number, value: T) => new Promise<T>((resolve) => { setTimeout(() => { resolve(value) }, ms) })

test('a judgement that is late, or fails now and then, ends nothing; there is one at a time', async () => {
  let [now, most, n] = [0, 0, 0]
  const at = await judging(async () => {
    most = Math.max(most, ++now)
    try {
      const turn = n++
      return await (turn % 3 === 2 ? takes(100, 0).then(() => { throw new Error('no answer') }) : takes(turn === 0 ? 3500 : turn % 3 === 0 ? 1600 : 0, null))
    } finally {
      now--
    }
  })
  await at.pass(60_000)
  expect([at.why(), most]).toEqual([null, 1])
  expect(n).toBeGreaterThan(10)
  at.end()
})
test.each<[string, () => Promise<string | null>]>([['hangs', () => new Promise(() => {})], ['fails', async () => { throw new Error('no answer') }]])('where judging %s for 5 s, what runs is ended', async (_, over) => {
  let good = true
  const at = await judging(() => (good ? Promise.resolve(null) : over()))
  await at.pass(3000)
  good = false
  await at.pass(4900)
  expect(at.why()).toBe(null)
  await at.pass(100)
  expect(at.why()).toBe('not_judged')
})
test('what a judgement says is heard at once, also of one that is late', async () => {
  const at = await judging(() => takes(1600, 'locked'))
  await at.pass(2700)
  expect(at.why()).toBe('locked')
})

const { 'shop.yaml': shop } = demo
const changed = (change: object): Record<string, PolicyDocument> => ({ ...demo, 'shop.yaml': { ...shop, ...change } as PolicyDocument })
const { classify, limits } = shop as { classify: object; limits: object }
test.each<[string, (at: ReturnType<typeof stand>) => unknown]>([
  ['other limits', (at) => at.apply(changed({ limits: { ...limits, rows: 200, pending: 3 } }))],
  ['a class of another table', (at) => at.apply(changed({ classify: { ...classify, 'public.staff.salary': 'pii.salary' } }))],
  ['a table made meanwhile, and known by now', async (at) => {
    await at.ports.policies.apply({ documents: Object.entries(demo).map(([path, document]) => ({ path, document })), known: { shop: { 'public.customers': ['id', 'email', 'ssn'] } } }, { from: at.world.pointer()?.version ?? null, by: 'user:x', at: '', commit: null })
    at.world.clock.ms += 3000
  }],
])('what says nothing of a running statement ends it not: %s', async (_, change) => {
  const at = stand()
  const running = at.query(sql)
  await begun(at)
  at.world.clock.ms += 2100
  await at.gate.streams.look()
  await change(at)
  await at.gate.streams.look()
  expect(at.runs[0]?.run.cut?.aborted).toBe(false)
  at.runs[0]?.end()
  expect((await running).status).toBe(200)
})
test.each<[string, object, object]>([
  ['as whom the target is asked', {}, { secrets: { write: 'shop-write', read: 'shop-read-2', plain: 'shop-plain' } }],
  ['what is looked for', { detect: ['credit-card'] }, {}],
  ['what is said to carry nothing, where something is looked for', { detect: ['credit-card'], classify: { ...classify, 'public.orders.id': 'none' } }, { detect: ['credit-card'] }],
])('what changes of its answer ends a running statement: %s', async (_, before, after) => {
  const at = stand()
  await at.apply(changed(before))
  const running = at.query(sql)
  await begun(at)
  at.world.clock.ms += 2100
  await at.apply(changed(after))
  await at.gate.streams.look()
  expect(await running).toMatchObject({ status: 504, json: { reason: 'cut' } })
  expect(at.world.events.at(-1)).toMatchObject({ kind: 'outcome', refusal: { inner: 'permitted_otherwise' } })
})
