import { expect, test } from 'vitest'
import { createApproving, lead, refund } from '../support/approvals.ts'
import { support } from '../support/caller.ts'
import { createConsole } from './console.ts'

function open() {
  const at = createApproving()
  return { at, ...createConsole({ ...at.world, ports: at.ports }, at.app) }
}
const ask = ['query', 'shop', refund.sql, '--param-json', '7', '--purpose', 'late \u202eparcel'] as const

test('a query that waits says for whom and where, and ends with 4', async () => {
  const { sluice } = open()
  const { code, out, err } = await sluice(ask, { as: support })
  expect([code, out]).toEqual([4, ''])
  expect(err).toMatch(/^waits for 1 of support-leads, until 2026-11-22T09:30:00\.000Z\nhttp:.*\/requests\/arq_\w+\nfollow it with `sluice requests arq_/)
})

test('requests lists what waits, one shows all of it with hidden characters visible, approve runs what was shown', async () => {
  const { at, sluice } = open()
  await sluice(ask, { as: support })
  const id = at.started[0] as `arq_${string}`
  const listed = await sluice(['requests'], { as: lead })
  expect(listed.out).toMatch(new RegExp(`${id} +pending +agent:support-bot +shop +insert into .* +nobody yet +2026-11-22T09:30:00.000Z +you`))
  const shown = await sluice(['requests', id], { as: lead })
  expect(shown.code).toBe(4)
  expect(shown.out).toContain(`    ${refund.sql}\n    $1       7`)
  expect(shown.out).toContain("purpose      late \\u{202e}parcel  (in the agent's own words)")
  expect(shown.out).toContain('would        insert public.refunds')
  const said = await sluice(['approve', id, '--reason', 'ok'], { as: lead })
  expect([said.code, said.err]).toEqual([0, 'approved; the request is now approved\n'])
  expect(await at.approver.proceed(id)).toBe('succeeded')
  const followed = await sluice(['requests', id], { as: support })
  expect([followed.code, followed.err]).toEqual([0, '1 row\n'])
  expect((await sluice(ask, { as: support })).code).toBe(0)
})

test('reject ends it: the agent is denied, with the reason', async () => {
  const { at, sluice } = open()
  await sluice(ask, { as: support })
  const id = at.started[0] ?? ''
  expect((await sluice(['reject', id, '--reason', 'no receipt'], { as: lead })).code).toBe(0)
  const again = await sluice(ask, { as: support })
  expect([again.code, again.err.includes('no receipt')]).toEqual([2, true])
  expect((await sluice(['requests', id], { as: support })).code).toBe(2)
})

test('a digest read elsewhere must still be the request\'s', async () => {
  const { at, sluice } = open()
  await sluice(ask, { as: support })
  const { code, err } = await sluice(['approve', at.started[0] ?? '', '--digest', 'f'.repeat(64)], { as: lead })
  expect([code, err.includes('read it again')]).toEqual([1, true])
  expect((await at.memory.requests.get(at.started[0] as `arq_${string}`))?.verdicts).toEqual([])
})

test('--wait holds until it is decided', async () => {
  const { at, sluice } = open()
  const holding = sluice([...ask, '--wait'], { as: support })
  while (at.started.length === 0) await new Promise((resolve) => { setTimeout(resolve, 5) })
  await sluice(['approve', at.started[0] ?? ''], { as: lead })
  await at.approver.proceed(at.started[0] as `arq_${string}`)
  expect((await holding).code).toBe(0)
})

test('a request of nobody, cancelling, and what is not there', async () => {
  const { at, sluice } = open()
  expect((await sluice(['requests'], { as: support })).err).toBe('nothing is pending that is yours or yours to decide\n')
  expect((await sluice(['requests', 'arq_nothing'], { as: support })).code).toBe(3)
  await sluice(ask, { as: support })
  expect((await sluice(['requests', at.started[0] ?? '', '--cancel'], { as: support })).code).toBe(0)
  expect((await sluice(['explain', 'shop', 'select 1', '--wait'], { as: support })).code).toBe(3)
})
