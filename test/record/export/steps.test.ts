import { expect, test } from 'vitest'
import type { Event } from '../../../schema/event.ts'
import { createHearing, type Part } from '../../../functions/record/heard.ts'
import { stepsOf } from '../../../functions/record/export/steps.ts'
import { events, toldOf } from './events.ts'

test('events in any order come out as they happened, with the time between', () => {
  const steps = stepsOf([toldOf('correction'), toldOf('outcome'), toldOf('intent')])
  expect(steps.map(({ kind, sinceMs }) => [kind, sinceMs])).toEqual([['intent', null], ['outcome', 12], ['correction', 299_988]])
})
test('an outcome never stands before its intent, whatever its clock said', () => {
  const steps = stepsOf([toldOf('outcome', { at: '2026-11-22T08:59:59.000Z' }), toldOf('intent')])
  expect(steps.map(({ kind, sinceMs }) => [kind, sinceMs])).toEqual([['intent', null], ['outcome', 0]])
})
test('each kind has words of its own, and an unknown one says that it is', () => {
  const kinds = Object.keys(events) as readonly Event['kind'][]
  const titles = kinds.map((kind) => stepsOf([toldOf(kind)])[0]?.title)
  expect(titles.some((title) => title === undefined || /does not know/.test(title))).toBe(false)
  for (const kind of ['rotation', 'toString']) expect(stepsOf([{ ...toldOf('start'), kind }])[0]?.title).toBe('an event this version does not know')
})
test('a step tells the decision with its rules, the masks, the outcome', () => {
  const [intent, outcome] = stepsOf([toldOf('intent'), toldOf('outcome')])
  expect(intent).toMatchObject({ decision: { kind: 'permit', rules: ['support-agent.rules[0]'] }, masks: [{ column: 'public.customers.email', mask: 'email' }], accesses: ['select public.customers (id, email)'], who: 'agent:support-bot by agent:planner' })
  expect(outcome).toMatchObject({ outcome: { status: 'succeeded', rows: [1], durationMs: 12 }, statements: null })
  expect(stepsOf([toldOf('request')])[0]).toMatchObject({ decision: { kind: 'ask', rules: ['support-agent.rules[1]'] }, statements: [{ sql: 'insert into public.refunds default values' }], demands: [{ by: ['support-leads'], quorum: 1 }], purpose: 'refund' })
})
test('people\'s words come from the requests, once, and not where their own events are there', () => {
  const verdict = { decision: 'approve', subject: 'user:sofia@acme.dev', at: '2026-11-22T09:01:00.000Z', signedInAt: '', reason: 'fine' }
  const request = { id: String(toldOf('request').request), status: 'succeeded', digest: 'd', createdAt: '', expiresAt: '', requester: 'agent:support-bot', demands: [], verdicts: [verdict], ending: null }
  expect(stepsOf([toldOf('request')], [request]).map(({ kind, who }) => [kind, who])).toEqual([['request', 'agent:support-bot by agent:planner'], ['approval', 'user:sofia@acme.dev']])
  expect(stepsOf([toldOf('request'), toldOf('approval')], [request])).toHaveLength(2)
})
test('erased content is absent, not empty', () => {
  const { statements: _gone, ...rest } = toldOf('intent')
  expect(stepsOf([rest])[0]?.statements).toBeNull()
})
test('an outcome whose command wrote in parts says where not all of them are here, or are what it wrote', async () => {
  const kept: Part[] = []
  const hearing = createHearing(async (part) => { kept.push(part) })
  for (const [stream, word] of [['stdout', 'alpha '], ['stderr', 'beta '], ['stdout', 'gamma ']] as const) await hearing.hear(stream, Buffer.from(word.repeat(40_000)))
  const intent = toldOf('intent')
  const end = toldOf('outcome', { said: await hearing.end() })
  const parts = kept.map((part, at) => ({ ...toldOf('output'), id: `evt_${at}`, change: { intent: intent.id, ...part } }))
  const output = (events: readonly ReturnType<typeof toldOf>[]) => stepsOf(events).find(({ kind }) => kind === 'outcome')?.outcome?.said?.['output']
  expect(kept.length).toBeGreaterThan(2)
  expect(output([intent, ...parts, end])).toBeUndefined()
  expect(output([intent, ...parts.slice(1), end])).toBe(`${parts.length - 1} of its ${parts.length} parts are among these steps`)
  expect(output([intent, ...parts.slice(0, -1), end])).toBe(`${parts.length - 1} of its ${parts.length} parts are among these steps`)
  expect(output([intent, ...parts.with(0, { ...parts[0]!, change: { ...parts[0]!.change, text: 'other' } }), end])).toBe('what these steps have of stdout is not what the command wrote')
  expect(output([intent, ...parts.with(0, { ...parts[0]!, content: { state: 'erased' } }), end])).toBeUndefined()
})
