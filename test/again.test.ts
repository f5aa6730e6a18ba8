import { expect, test } from 'vitest'
import { createAgain } from '../functions/again.ts'
import { ok, refuse, type Refusal, type Result } from '../schema/refusal.ts'

const changed: Refusal = { slug: 'approval-stale', reason: 'objects_changed', detail: 'changed', next: 'retry' }
const caller = { issuer: 'i', subject: { id: 'agent:a', kind: 'agent', groups: [] }, actors: [], person: false, claims: {}, expiresAt: 1_000_000 } as const
/** How often it was decided until `attempt` gave no refusal, or it ended; each attempt takes `tookMs` of a clock that stands otherwise. */
async function run(how: { readonly call?: Parameters<ReturnType<typeof createAgain>>[0]; readonly writers?: 'statements' | 'objects'; readonly tookMs?: number; readonly expiresAt?: number; readonly attempt?: (n: number) => Result<string> }) {
  let now = 0
  let count = 0
  const done = await createAgain({ now: () => now })(how.call ?? {}, { caller: { ...caller, expiresAt: how.expiresAt ?? caller.expiresAt } }, how.writers ?? 'objects', async () => {
    now += how.tookMs ?? 0
    return how.attempt?.(++count) ?? refuse(changed)
  })
  return { count, done }
}

test('decides again while objects change, and gives the first answer that is another', async () => {
  expect(await run({ attempt: (n) => (n < 9 ? refuse(changed) : ok('done')) })).toEqual({ count: 9, done: ok('done') })
  const denied = refuse({ ...changed, slug: 'denied', reason: 'no_rule' })
  expect(await run({ attempt: (n) => (n < 3 ? refuse(changed) : denied) })).toEqual({ count: 3, done: denied })
})
test('of what runs or may have run there is one attempt', async () => {
  for (const one of [ok('done'), refuse({ ...changed, slug: 'outcome-unknown', reason: 'answer_lost' }), refuse({ ...changed, reason: 'object_differs' })]) expect(await run({ attempt: () => one })).toEqual({ count: 1, done: one })
})
test.each([['statements', 2], ['objects', 16]] as const)('%s are decided %i times at most', async (writers, most) => {
  expect(await run({ writers, attempt: () => refuse(changed) })).toEqual({ count: most, done: refuse(changed) })
})
test('ends in its time, with the time of the answer, and with the token, whichever is first', async () => {
  const always = { tookMs: 1, attempt: () => refuse(changed) }
  expect((await run({ ...always, tookMs: 30_000 })).count).toBe(1)
  expect((await run({ ...always, call: { until: 1 } })).count).toBe(1)
  expect((await run({ ...always, expiresAt: 1 })).count).toBe(1)
  expect((await run({ ...always, writers: 'statements', call: { until: 1 } })).count).toBe(1)
})
test('ends where nobody waits for it any more', async () => {
  let left = 3
  expect((await run({ call: { gone: () => --left === 0 }, attempt: () => refuse(changed) })).count).toBe(3)
})
test('a process that was frozen between two attempts does nothing when it comes to itself', async () => {
  let now = 0
  let count = 0
  const done = await createAgain({ now: () => now })({ gone: () => { now += 3_600_000; return false } }, { caller: { ...caller, expiresAt: Infinity } }, 'objects', async () => { count++; return refuse(changed) })
  expect([count, done]).toEqual([1, refuse(changed)])
})
