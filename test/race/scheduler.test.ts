import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { AccessRequest } from '../../schema/approval.ts'
import type { Event } from '../../schema/event.ts'
import { createIds } from '../../functions/aws/ulid.ts'
import type { Approvals, Ledger, Requests } from '../../functions/ports.ts'
import { approvalEventOf, createMemoryRequests, nextOf, requestOf } from '../support/requests.ts'
import { createSchedule, type Fate, fates } from './scheduler.ts'

function world(careless = false) {
  const now = () => Date.parse('2026-11-22T09:00:00.000Z')
  const events: Event[] = []
  const { requests, stored } = createMemoryRequests({ now, events })
  const ids = { now, id: createIds(now) }
  /** A store that forgets to compare revisions: the mistake such a schedule exists to find. */
  const swap: Requests['swap'] = async (next, event) => requests.swap({ ...next, revision: (stored.get(next.id)?.revision ?? 0) + 1 }, event)
  const woken: string[] = []
  const approvals: Approvals = { requests: careless ? { ...requests, swap } : requests, workflow: { start: async () => undefined, wake: async (id) => { woken.push(id) } }, post: { slack: null, mail: null } }
  const ledger = { append: async (event: Event) => { events.push(event); return 'stored' as const } } as unknown as Ledger
  return { ids, events, stored, woken, ports: { now, ledger, approvals }, requests }
}
type World = ReturnType<typeof world>

/** A process that takes the next step, whatever the present one is; gives the revision it made, or that it made none, or that it cannot know. */
async function change(at: World, requests: Requests | undefined, id: AccessRequest['id']): Promise<number | 'lost' | 'unknown'> {
  try {
    const request = await requests?.get(id)
    if (!request) return 'lost'
    const next = nextOf(request, 'pending', 0, { policy: at.ids.id('eval') })
    return await requests?.swap(next, approvalEventOf(at.ids, next, 'approval')) ? next.revision : 'lost'
  } catch {
    return 'unknown'
  }
}

async function race(at: World, scheduler: fc.Scheduler, given: readonly Fate[]) {
  const request = requestOf(at.ids)
  await at.requests.create(request, approvalEventOf(at.ids, request), 0)
  const schedule = createSchedule(scheduler, given)
  const heard = await scheduler.waitFor(Promise.all(['a', 'b', 'c'].map((name) => change(at, schedule.actor(name, at.ports).ports.approvals?.requests, request.id))))
  await scheduler.waitIdle()
  const won = heard.filter((one) => typeof one === 'number')
  return { revision: at.stored.get(request.id)?.revision ?? 0, won, unknown: heard.filter((one) => one === 'unknown').length, told: at.events.length - 1 }
}
const each = (won: readonly number[]) => expect(new Set(won).size).toBe(won.length)

describe('a schedule of the stores', () => {
  test('whatever the order and the failures, who won is stored, who is unsure may be, and record and state agree', async () => {
    await fc.assert(fc.asyncProperty(fc.scheduler(), fates(), async (scheduler, given) => {
      const { revision, won, unknown, told } = await race(world(), scheduler, given)
      each(won)
      expect(revision).toBeGreaterThanOrEqual(won.length)
      expect(revision).toBeLessThanOrEqual(won.length + unknown)
      expect(told).toBe(revision)
    }), { numRuns: 300 })
  })

  test('reaches orders in which one wins and in which all do', async () => {
    const seen = new Set<number>()
    await fc.assert(fc.asyncProperty(fc.scheduler(), async (scheduler) => { seen.add((await race(world(), scheduler, [])).won.length) }), { numRuns: 2000 })   // all three win in 28 of 1000 orders
    expect([...seen].toSorted()).toEqual([1, 2, 3])
  })

  test('finds a store that does not compare revisions', async () => {
    const found = await fc.check(fc.asyncProperty(fc.scheduler(), async (scheduler) => { each((await race(world(true), scheduler, [])).won) }), { numRuns: 200 })
    expect(found.failed).toBe(true)
  })

  test.each([
    ['fine', 1, 1, ['a requests.get: fine', 'a requests.swap: fine']], ['not stored', 'unknown', 0, ['a requests.get: fine', 'a requests.swap: not stored']],
    ['stored', 'unknown', 1, ['a requests.get: fine', 'a requests.swap: stored']], ['late', 'unknown', 1, ['a requests.get: fine', 'a requests.swap: late', 'a requests.swap: arrives late']],
  ] as const)('a write whose fate is `%s` gives %s, with %i stored in the end', async (fate, heard, revision, steps) => {
    const at = world()
    const request = requestOf(at.ids)
    await at.requests.create(request, approvalEventOf(at.ids, request), 0)
    const [scheduler] = fc.sample(fc.scheduler(), 1)
    if (!scheduler) throw new Error('no scheduler')
    const schedule = createSchedule(scheduler, ['fine', fate])
    expect(await scheduler.waitFor(change(at, schedule.actor('a', at.ports).ports.approvals?.requests, request.id))).toBe(heard)
    await scheduler.waitIdle()
    expect([at.stored.get(request.id)?.revision, schedule.steps]).toEqual([revision, steps])
  })

  test('who is killed takes no step more; what it sent arrives', async () => {
    const at = world()
    const request = requestOf(at.ids)
    await at.requests.create(request, approvalEventOf(at.ids, request), 0)
    const [scheduler] = fc.sample(fc.scheduler(), 1)
    if (!scheduler) throw new Error('no scheduler')
    const schedule = createSchedule(scheduler, [])
    const { ports, kill } = schedule.actor('a', at.ports)
    let heard = 'nothing'
    const next = nextOf(request, 'approved', 0)
    void ports.approvals?.requests.swap(next, null).then(async () => { heard = 'stored'; await ports.approvals?.workflow.wake(request.id) })
    kill()
    void ports.ledger.append(approvalEventOf(at.ids, request)).then(() => { heard = 'appended' })
    await scheduler.waitIdle()
    expect([heard, at.stored.get(request.id)?.revision, at.woken, schedule.steps]).toEqual(['nothing', 1, [], ['a requests.swap: fine']])
  })

  test('after calm nothing fails any more', async () => {
    const at = world()
    const [scheduler] = fc.sample(fc.scheduler(), 1)
    if (!scheduler) throw new Error('no scheduler')
    const schedule = createSchedule(scheduler, Array.from({ length: 40 }, () => 'not stored' as const))
    const { ports } = schedule.actor('a', at.ports)
    const wake = async () => { await ports.approvals?.workflow.wake('arq_x') }
    await expect(scheduler.waitFor(wake())).rejects.toMatchObject({ code: 'store-unavailable' })
    schedule.calm()
    await scheduler.waitFor(wake())
    expect(at.woken).toEqual(['arq_x'])
  })
})
