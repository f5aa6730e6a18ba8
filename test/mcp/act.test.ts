import { expect, test } from 'vitest'
import type { Call, Gate } from '../../functions/gate.ts'
import { argumentsOf, createAct } from '../../functions/mcp/act.ts'
import { fence } from '../../functions/mcp/fence.ts'
import type { Ports } from '../../functions/ports.ts'
import { refuse } from '../../schema/refusal.ts'

const denied = refuse({ slug: 'denied', reason: 'no_rule', next: 'none', detail: 'no rule allows it' })
/** A gate that answers so, and which of its two functions was called. */
function world(result: unknown, keep: (status: number, body: string | null) => Promise<void> = async () => {}) {
  const [called, alarms]: [string[], string[]] = [[], []]
  const answer = async (what: string) => { called.push(what); return { evaluation: 'eval_1', session: 'ses_1', result } }
  const gate = { query: () => answer('query'), explain: () => answer('explain') } as unknown as Gate
  const ports = { alarm: (what: string) => { alarms.push(what) }, self: { console: 'http://c' } } as unknown as Ports
  const act = createAct(ports, gate, {
    undone: 'run', again: ({ status }) => fence({ head: `again ${status}`, facts: {}, data: null }),
    done: async (_, { session }, kept) => { await kept(200, 'body'); return fence({ head: `done in ${String(session)}`, facts: {}, data: null }) },
  })
  return { act: (check: boolean) => act({} as Call, check), called, alarms, done: { ok: true, value: { masked: {}, batch: false, outcome: 'evt_1', keep } } }
}

test('a check asks for the decision alone, and whatever is refused is an error of the tool', async () => {
  const { act, called } = world(denied)
  const [checked, asked] = [await act(true), await act(false)]
  expect([called, checked.isError, asked.isError, asked.text.split('\n')[0]]).toEqual([['explain', 'query'], false, true, 'refused: denied, no_rule. nothing you can send will change this; do not try again'])
  expect(checked.text).toMatch(/^checked, nothing was run\. Decision: deny\n/)
})
test('an answer that cannot be kept for a repeat is given all the same, and the operator hears of it', async () => {
  const kept: unknown[] = []
  const { done, alarms } = world(null)
  const failing = world({ ...done, value: { ...done.value, keep: async (...all: readonly unknown[]) => { kept.push(all); throw new Error('no store') } } })
  expect([(await failing.act(false)).text, kept, alarms.length + failing.alarms.length > 0]).toEqual(['done in ses_1', [[200, 'body']], true])
})
test('a repeat is told by what was kept', async () => {
  expect((await world({ ok: true, value: { stored: { status: 200, body: '{}' } } }).act(false)).text).toBe('again 200')
})
test('what is the tool\'s own is taken out of the body, and the rest is the gate\'s to read', () => {
  expect(argumentsOf({ connection: 'shop', key: 'k1', check: true, sql: 'select 1', more: [1] })).toEqual({ ok: true, value: { connection: 'shop', key: 'k1', check: true, body: { sql: 'select 1', more: [1] } } })
  expect(argumentsOf({ connection: 'shop' })).toEqual({ ok: true, value: { connection: 'shop', key: null, check: false, body: {} } })
  for (const sent of [{}, { connection: 1 }, { connection: 'shop', key: 'a b' }, { connection: 'shop', key: '' }, { connection: 'shop', check: 'yes' }]) expect(argumentsOf(sent)).toMatchObject({ ok: false, refusal: { reason: 'arguments' } })
})
