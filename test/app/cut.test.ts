import { expect, test } from 'vitest'
import type { Executed, Plan, Protocol, Run } from '../../functions/protocol/protocol.ts'
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
