import { expect, test } from 'vitest'
import { createAgain } from '../functions/again.ts'
import { ok, refuse, type Refusal, type Result } from '../schema/refusal.ts'

const changed: Refusal = { slug: 'approval-stale', reason: 'objects_changed', detail: 'changed', next: 'retry' }
const form = 'kubernetes'
const caller = { issuer: 'i', subject: { id: 'agent:a', kind: 'agent', groups: [] }, actors: [], person: false, claims: {}, expiresAt: 1_000_000 } as const
const locked: Refusal = { slug: 'denied', reason: 'locked', detail: 'locked', next: 'none' }
interface How { readonly call?: { readonly until?: number; readonly gone?: () => boolean }; readonly form?: 'kubernetes'; readonly tookMs?: number; readonly expiresAt?: number; readonly late?: (n: number) => Refusal | null; readonly attempt?: (n: number) => Result<string> }
/** How often it was decided until `attempt` gave no refusal, or it ended; each attempt takes `tookMs` of a clock that stands otherwise. `refused`: what else went on record. */
async function run({ call = {}, form, tookMs = 0, expiresAt = 1_000_000, late = () => null, attempt = () => refuse(changed) }: How, clock = { ms: 0 }) {
  let count = 0
  const refused: Refusal[] = []
  const admitted = { caller: { ...caller, expiresAt } } as unknown as Parameters<ReturnType<typeof createAgain>>[0]['admitted']
  const done = await createAgain({ now: () => clock.ms }, async () => late(count))(
    { call: { connection: 'c', ...call }, admitted, query: form === undefined ? {} : { form }, story: { refuse: async (refusal) => { refused.push(refusal); return { ok: false, refusal } } } },
    async () => { clock.ms += tookMs; return attempt(++count) },
  )
  return { count, done, refused }
}

test('decides again while objects change, and gives the first answer that is another', async () => {
  expect(await run({ form, attempt: (n) => (n < 9 ? refuse(changed) : ok('done')) })).toEqual({ count: 9, done: ok('done'), refused: [] })
  const denied = refuse({ ...changed, slug: 'denied', reason: 'no_rule' })
  expect(await run({ form, attempt: (n) => (n < 3 ? refuse(changed) : denied) })).toEqual({ count: 3, done: denied, refused: [] })
})
test('of what runs or may have run there is one attempt', async () => {
  for (const one of [ok('done'), refuse({ ...changed, slug: 'outcome-unknown', reason: 'answer_lost' }), refuse({ ...changed, reason: 'object_differs' })]) expect(await run({ form, attempt: () => one })).toEqual({ count: 1, done: one, refused: [] })
})
test.each([['a statement of SQL', {}, 2], ['a write of an object', { form }, 16]] as const)('%s is decided so often at most', async (_, how, most) => {
  expect((await run(how)).count).toBe(most)
})
test('ends in its time, with the time of the answer, and with the token, whichever is first', async () => {
  expect((await run({ form, tookMs: 30_000 })).count).toBe(1)
  expect((await run({ form, tookMs: 1, call: { until: 1 } })).count).toBe(1)
  expect((await run({ form, tookMs: 1, expiresAt: 1 })).count).toBe(1)
  expect((await run({ tookMs: 1, call: { until: 1 } })).count).toBe(1)
})
test('whom a lock stops meanwhile is decided no more, and hears of the lock, which is on record', async () => {
  expect(await run({ form, late: (n) => (n < 3 ? null : locked) })).toEqual({ count: 3, done: refuse(locked), refused: [locked] })
})
test('ends where nobody waits for it any more', async () => {
  let left = 3
  expect((await run({ form, call: { gone: () => --left === 0 } })).count).toBe(3)
})
test('a process that was frozen between two attempts does nothing when it comes to itself', async () => {
  const clock = { ms: 0 }
  expect((await run({ form, expiresAt: Infinity, call: { gone: () => { clock.ms += 3_600_000; return false } } }, clock)).count).toBe(1)
})
