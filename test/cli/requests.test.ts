import { expect, test, vi } from 'vitest'
import { show } from '../../functions/cli/request.ts'
import { viewOf } from '../../functions/approve/view.ts'
import { whole, wordsOf } from '../approve/whole.ts'
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

test('what nobody is on record to have asked is listed as that, without a word of it', async () => {
  const { at, sluice } = open()
  await sluice(ask, { as: support })
  const [stored] = [...at.memory.stored.values()]
  at.memory.stored.set(stored!.id, { ...stored!, bound: { ...stored!.bound, purpose: 'call 555-0100' } })
  const { code, out } = await sluice(['requests'], { as: lead })
  expect(code).toBe(0)
  expect(out).toMatch(new RegExp(`${stored!.id} +pending .*\\[not on record: nobody asked for this as it stands here\\].* nobody`))
  expect(out).not.toContain('insert into')
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
  expect([said.code, said.err]).toEqual([0, 'approved\n'])
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

test('one request on a terminal is every value that the digest binds, and what is asked without masks stands out', () => {
  let shown = ''
  show((text) => { shown += text }, { ...viewOf(whole, 'https://c', { mine: false, mayDecide: true, estimate: [null, { rows: 2, cost: 1 }] }) })
  for (const word of wordsOf()) expect(shown).toContain(word)
  expect(shown).toContain('UNMASKED     the call asks to see reveal-q in clear\n')
  expect(shown).toContain('would        select resource-r (column-s) by way of view-t, then view-u, statement 1\n')
})

test('on a terminal approving asks after it has shown everything; any word but yes decides nothing', async () => {
  const { at, sluice } = open()
  await sluice(ask, { as: support })
  const id = at.started[0] as `arq_${string}`
  const verdicts = async () => (await at.memory.requests.get(id))?.verdicts.length
  for (const answer of ['', 'n', 'yess', 'approve', 'no y']) {
    const asked = vi.fn(async (_question: string) => answer)
    const { code, out, err } = await sluice(['approve', id], { as: lead, ask: asked })
    expect([code, out.includes(refund.sql), err, asked.mock.calls, await verdicts()]).toEqual([4, true, 'nothing was decided\n', [['approve this? [y/N] ']], 0])
  }
  const json = await sluice(['approve', id, '--json'], { as: lead, ask: async () => 'n' })
  expect([json.code, json.out, json.err.includes(refund.sql), await verdicts()]).toEqual([4, '', true, 0])
  expect((await sluice(['approve', id], { as: lead, ask: async () => ' Y ' })).code).toBe(0)
  expect(await verdicts()).toBe(1)
})

test('with --yes, and in rejecting, nobody is asked', async () => {
  for (const args of [['approve', '--yes'], ['reject']] as const) {
    const { at, sluice } = open()
    await sluice(ask, { as: support })
    const asked = vi.fn(async () => 'n')
    expect((await sluice([...args, at.started[0] ?? ''], { as: lead, ask: asked })).code).toBe(0)
    expect(asked).not.toHaveBeenCalled()
  }
  expect((await open().sluice(['reject', 'arq_1', '--yes'], { as: lead })).code).toBe(3)
})

test('rows that are not kept any more are said to be gone, and nothing runs again', async () => {
  const { at, sluice } = open()
  await sluice(ask, { as: support })
  const id = at.started[0] as `arq_${string}`
  await sluice(['approve', id], { as: lead })
  await at.approver.proceed(id)
  at.world.clock.ms += 24 * 3600_000 + 1000
  const { code, err } = await sluice(['requests', id], { as: support })
  expect([code, err]).toEqual([0, 'it ran once, and there are no rows to give: they are kept for 24 hours, until 2026-11-23T09:00:00.000Z, and nothing runs again\n'])
  expect((await sluice(['requests', id], { as: lead })).err).toBe('')
})
