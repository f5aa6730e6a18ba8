import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Status } from '../../schema/approval.ts'
import { judge } from './judge.ts'
import { fates } from './scheduler.ts'
import type { Happening } from './target.ts'
import { policyOf } from './template.ts'
import { createRace, minuteMs, type Given, type Race } from './world.ts'

/** Orders of each race; `npm run test:long` takes more. */
const runs = Number(process.env['SLUICE_RACES'] ?? 250)
const lea = 'user:lea@acme.dev'
const leo = 'user:leo@acme.dev'
const olga = 'user:olga@acme.dev'

interface Scene {
  readonly name: string
  readonly quorum?: 1 | 2
  readonly calls?: number
  readonly actors: readonly string[]
  /** Ends that the orders must reach: a race that one side always wins is no race. */
  readonly reaches: readonly Status[]
  readonly play: (at: Race, choice: number) => Promise<unknown>
}
async function waiting(at: Race, replicas: readonly string[]): Promise<void> {
  await at.start()
  for (const name of replicas) at.replica(name)
}
/** Approved, and the state machine is about to call. */
async function decided(at: Race, replicas: readonly string[]): Promise<void> {
  await waiting(at, replicas)
  await at.approved(lea)
}
const applied = (at: Race, change: Parameters<typeof policyOf>[1], quorum = 1) => async () => {
  const documents = Object.entries(policyOf(quorum, change)).map(([path, document]) => ({ path, document }))
  await at.ports.policies.apply({ documents }, { from: at.world.pointer()?.version ?? null, by: 'user:x', at: '', commit: null })
  at.world.clock.ms += 3000
}
const changes: readonly Parameters<typeof policyOf>[1][] = [{ within: '20m' }, { extra: [{ deny: ['insert'], connection: 'shop', on: ['public.refunds'] }] }, { owner: lea }]
const locks = ['subject:agent:support-bot', `subject:${lea}`, 'connection:shop', 'everything', 'role:support-agent'] as const
const late = 30 * minuteMs - 500

const scenes: readonly Scene[] = [
  { name: 'two approvers at once, one needed', actors: [lea, leo, 'a', 'b'], reaches: ['succeeded', 'outcome-unknown'], play: async (at) => { await waiting(at, ['a', 'b']); void at.person(lea, 'approve'); void at.person(leo, 'approve'); void at.person(olga, 'approve') } },
  { name: 'two approvers at once, two needed', quorum: 2, actors: [lea, leo, 'a', 'b'], reaches: ['succeeded', 'expired'], play: async (at) => { await waiting(at, ['a', 'b']); void at.person(lea, 'approve'); void at.person(leo, 'approve'); void at.person(lea, 'approve'); void at.person('user:zoe@acme.dev', 'approve', ['analysts']) } },
  { name: 'approval against expiry', actors: [lea, 'a', 'b'], reaches: ['succeeded', 'expired'], play: async (at) => { await waiting(at, ['a', 'b']); at.world.clock.ms += late; void at.person(lea, 'approve'); void at.passes(499); void at.passes(1); at.call(idOf(at), 'the wait ends'); at.call(idOf(at), 'the wait ends again') } },
  { name: 'approval against cancellation', actors: [lea, 'cancelling', 'a', 'b'], reaches: ['succeeded', 'cancelled'], play: async (at) => { await waiting(at, ['a', 'b']); void at.person(lea, 'approve'); void at.cancel() } },
  { name: 'approval against rejection', actors: [lea, leo, 'a', 'b'], reaches: ['succeeded', 'rejected'], play: async (at) => { await waiting(at, ['a', 'b']); void at.person(lea, 'approve'); void at.person(leo, 'reject'); void at.person(olga, 'reject') } },
  { name: 'the policy changes between approval and execution', actors: ['a', 'b'], reaches: ['succeeded', 'stale'], play: async (at, choice) => { await decided(at, ['a', 'b']); void at.changes('the policy', applied(at, changes[choice % changes.length])) } },
  { name: 'an object changes between approval and execution', actors: ['a', 'b'], reaches: ['succeeded', 'stale', 'failed'], play: async (at) => { await decided(at, ['a', 'b']); void at.happens('an object', () => { at.world.clock.ms += 1; at.target.alter() }) } },
  { name: 'a lock is set', actors: [leo, 'a', 'b'], reaches: ['succeeded', 'stale'], play: async (at, choice) => { await decided(at, ['a', 'b']); void at.person(leo, 'reject'); void at.changes('a lock', async () => { await at.ports.policies.lock({ target: locks[choice % locks.length] ?? 'everything', by: 'user:x', at: '', reason: null, until: null }); at.world.clock.ms += 3000 }) } },
  { name: 'callbacks twice and late', calls: 4, actors: ['a'], reaches: ['succeeded', 'failed', 'outcome-unknown'], play: async (at) => { await decided(at, ['a']); void at.poll(3); void at.passes(5001) } },
  { name: 'two replicas execute at once', calls: 2, actors: ['a', 'b'], reaches: ['succeeded', 'failed', 'outcome-unknown'], play: async (at) => { await decided(at, ['a', 'b']); void at.poll(3) } },
  { name: 'three replicas execute at once', calls: 3, actors: ['a', 'b', 'c'], reaches: ['succeeded', 'failed', 'outcome-unknown'], play: async (at) => { await decided(at, ['a', 'b', 'c']) } },
  { name: 'the table of requests is put back to where it was approved', calls: 2, actors: ['a', 'b'], reaches: ['succeeded', 'failed', 'outcome-unknown'], play: async (at) => { await decided(at, ['a', 'b']); const then = at.only(); const putBack = () => then && at.memory.stored.set(then.id, then); void at.happens('put back', putBack); void at.happens('put back again', putBack); void at.poll(3) } },
  { name: 'the same call twice at once', actors: ['one', 'two', lea, 'a'], reaches: ['succeeded', 'expired'], play: async (at) => { at.replica('a'); const [one, two] = [await at.caller('one'), await at.caller('two')]; void one(); void two(); void at.person(lea, 'approve') } },
  { name: 'sweepers meet a living executor', calls: 1, actors: ['a', 's'], reaches: ['succeeded', 'outcome-unknown', 'expired'], play: async (at) => { await decided(at, ['a']); void at.passes(31_000); void at.sweeps('s'); void at.passes(5 * minuteMs); void at.sweeps('t'); void at.passes(25 * minuteMs); void at.sweeps('u') } },
]
const idOf = (at: Race) => { const request = at.only(); if (!request) throw new Error('no request'); return request.id }

const given = (actors: readonly string[]) => fc.record({
  fates: fates(), doomed: fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: fc.subarray([...actors], { minLength: 1 }) }), choice: fc.nat(100), delays: fc.array(fc.nat(20), { minLength: 8, maxLength: 8 }),
  happenings: fc.array(fc.oneof({ weight: 5, arbitrary: fc.constant<Happening>('runs') }, { weight: 1, arbitrary: fc.constantFrom<Happening>('refused', 'lost with effect', 'lost without effect', 'throws') }), { maxLength: 2 }),
})

describe('whatever the order, and whatever is lost', () => {
  test.each(scenes)('$name', async ({ name, actors, reaches, play, quorum = 1, calls = 1 }) => {
    const orders = new Set<string>()
    const ends = new Map<string, number>()
    await fc.assert(fc.asyncProperty(fc.scheduler(), given(actors), async (scheduler, { choice, ...rest }: Omit<Given, 'scheduler' | 'quorum' | 'calls'> & { choice: number }) => {
      const at = await createRace({ scheduler, quorum, calls, ...rest })
      await play(at, choice)
      await at.drain()
      await at.recover()
      const end = (await judge(at))?.status ?? 'never asked'
      orders.add(scheduler.report().map((task) => ('label' in task ? task.label : '')).join())
      ends.set(end, (ends.get(end) ?? 0) + 1)
    }), { numRuns: runs })
    if (runs >= 1000) console.log(`${name}: ${runs} runs, ${orders.size} orders, ${[...ends].map(([end, n]) => `${n} ${end}`).join(', ')}`)
    expect([...ends.keys()]).toEqual(expect.arrayContaining([...reaches]))
  }, 600_000)
})

test('a word whose answer was lost, said again, sets the request going: the first was stored, and nobody was woken for it', async () => {
  const [scheduler] = fc.sample(fc.scheduler(), 1)
  if (!scheduler) throw new Error('no scheduler')
  const at = await createRace({ scheduler, quorum: 1, fates: ['fine', 'fine', 'stored'], happenings: [], doomed: [], delays: [], calls: 1 })
  await waiting(at, ['a'])
  void at.person(lea, 'approve')
  await at.drain()
  expect(at.heard.map(({ ok }) => ok)).toEqual([false, true])
  expect(at.only()?.status).toBe('succeeded')
})
