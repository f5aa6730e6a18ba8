import { expect, test } from 'vitest'
import { digestOf } from '../../functions/approve/digest.ts'
import { Damage, Fault } from '../../functions/ports.ts'
import type { AccessRequest, Verdict } from '../../schema/approval.ts'
import type { Event } from '../../schema/event.ts'
import { support } from '../support/caller.ts'
import { asked, createApproving, lead, otherLead, refund, say } from '../support/approvals.ts'
import { refunds, withRules } from './rules.ts'

/** Somebody who may write the table of requests past the gate, and not the record. */
const unknown = 'an approval is not on record'
const two = withRules([{ ...refunds, approval: { by: ['support-leads'], quorum: 2, within: '30m' } }])

/** Two requests that a lead approved, of which each lacks one more; `forge` then writes over the first one's row, as approved. */
async function attempt(forge: (given: { readonly request: AccessRequest; readonly other: AccessRequest; readonly words: Verdict; readonly events: Event[] }) => Partial<AccessRequest>) {
  const at = createApproving(two)
  const ids = [(await asked(await at.as(support))).id, (await asked(await at.as(support), { ...refund, params: [8] })).id]
  const [request, other] = await Promise.all(ids.map(async (id) => { const one = (await at.memory.requests.get(id))!; await say(await at.as(lead), 'approve', one); return (await at.memory.requests.get(id))! }))
  const [words] = request!.verdicts
  at.memory.stored.set(request!.id, { ...request!, status: 'approved', ...forge({ request: request!, other: other!, words: words!, events: at.world.events }) })
  const status = await at.approver.proceed(request!.id)
  return { ran: at.world.engine.ran, status, alarms: at.world.alarms.filter(({ what }) => what === unknown).length, ending: (await at.memory.requests.get(request!.id))?.ending }
}
const leo = (words: Verdict): Verdict => ({ ...words, subject: 'user:leo@acme.dev', evaluation: 'eval_01KAQZ0000AAAAAAAAAAAAAAA0' })

test('what people gave their word for runs, and nobody is alarmed', async () => {
  const at = createApproving(two)
  const request = await asked(await at.as(support))
  for (const person of [lead, otherLead]) await say(await at.as(person), 'approve', request)
  expect(await at.approver.proceed(request.id)).toBe('succeeded')
  expect(at.world.alarms).toEqual([])
})

test.each<[string, Parameters<typeof attempt>[0]]>([
  ['the state alone', () => ({})],
  ['a verdict of a person who never gave it', ({ request, words }) => ({ verdicts: [...request.verdicts, leo(words)] })],
  ['a verdict of a person who never gave it, with an event that is none', ({ request, words }) => ({ verdicts: [...request.verdicts, leo(words)], told: [...request.told, 'evt_01KAQZ0000AAAAAAAAAAAAAAA0'] })],
  ['a verdict of a person who never gave it, with the event of another\'s', ({ request, words }) => ({ verdicts: [...request.verdicts, leo(words)], told: [...request.told, request.told[1]!] })],
  ['another\'s verdict under one\'s own event', ({ request, words }) => ({ verdicts: [...request.verdicts, { ...words, subject: 'user:leo@acme.dev' }], told: [...request.told, request.told[1]!] })],
  ['the word given for another request', ({ request, other }) => ({ verdicts: [...request.verdicts, { ...other.verdicts[0]!, subject: 'user:leo@acme.dev' }], told: [...request.told, other.told[1]!] })],
  ['a demand for fewer people', ({ request }) => { const bound = { ...request.bound, demands: request.bound.demands.map((demand) => ({ ...demand, quorum: 1 })) }; return { bound, digest: digestOf(bound) } }],
  ['no events named at all, as before this version', ({ request, words }) => ({ verdicts: [words, leo(words)], told: undefined as unknown as AccessRequest['told'], revision: request.revision })],
])('a request written over as approved runs nothing: %s', async (_, forge) => {
  const { ran, status, ending } = await attempt(forge)
  expect([ran, status]).toEqual([[], 'stale'])
  expect(ending?.refusal?.detail).toMatch(/^(whether its approvers count|who must approve).* changed after people approved it|^it was approved, and what holds now|^that anybody asked for this/)
})

test('the operator is told of a word that is not on record, and not of a state that words are lacking for', async () => {
  expect((await attempt(() => ({}))).alarms).toBe(0)
  expect((await attempt(({ request, words }) => ({ verdicts: [...request.verdicts, leo(words)] }))).alarms).toBe(1)
})

/** Of one approval that a person did give, what its row says and its event does not. */
test.each<[string, (verdict: Verdict) => Partial<Verdict>]>([
  ['another person', () => ({ subject: 'user:leo@acme.dev' })], ['another issuer', () => ({ issuer: 'okta' })], ['a group more', ({ groups }) => ({ groups: [...groups, 'security'] })], ['another group', () => ({ groups: ['security'] })], ['no group', () => ({ groups: [] })],
  ['a later sign-in', ({ at }) => ({ signedInAt: new Date(Date.parse(at) + 1).toISOString() })], ['another evaluation', () => ({ evaluation: 'eval_01KAQZ0000AAAAAAAAAAAAAAA0' })],
])('a word counts as it is on record and in no other way: %s', async (_, change) => {
  const at = createApproving(withRules([refunds]))
  const request = await asked(await at.as(support))
  await say(await at.as(lead), 'approve', request)
  const stored = (await at.memory.requests.get(request.id))!
  at.memory.stored.set(request.id, { ...stored, verdicts: stored.verdicts.map((verdict) => ({ ...verdict, ...change(verdict) })) })
  expect([await at.approver.proceed(request.id), at.world.engine.ran]).toEqual(['stale', []])
  expect(at.world.alarms.map(({ what }) => what)).toContain(unknown)
})

/** The events by which words were given, and what is wrong with each. */
test.each<[string, (event: Event, all: readonly Event[]) => Event]>([
  ['of another request', (event) => ({ ...event, request: 'arq_01KAQZ0000AAAAAAAAAAAAAAA0' } as Event)],
  ['of other words than people were shown', (event) => ({ ...event, change: { digest: 'f'.repeat(64) } } as unknown as Event)],
  ['a rejection', (event) => ({ ...event, kind: 'rejection' } as Event)],
  ['the one by which it was asked', (event, all) => ({ ...all.find(({ kind }) => kind === 'request')!, id: event.id })],
  ['of nobody', (event) => ({ ...event, who: null })],
  ['of somebody\'s agent', (event) => ({ ...event, who: { ...event.who!, actors: ['agent:helper'] } })],
])('an event that is no approval of this request by this person vouches for none: %s', async (_, change) => {
  const at = createApproving(withRules([refunds]))
  const request = await asked(await at.as(support))
  await say(await at.as(lead), 'approve', request)
  const index = at.world.events.findIndex(({ kind }) => kind === 'approval')
  at.world.events[index] = change(at.world.events[index]!, at.world.events)
  expect([await at.approver.proceed(request.id), at.world.engine.ran]).toEqual(['stale', []])
})

test('words whose content is erased still count: what they count by is none of it', async () => {
  const at = createApproving(withRules([refunds]))
  const request = await asked(await at.as(support))
  await say(await at.as(lead), 'approve', request, 'looks fine')
  const index = at.world.events.findIndex(({ kind }) => kind === 'approval')
  const event = at.world.events[index] as Event & { change: Record<string, unknown> }
  const { reason: _reason, ...change } = event.change
  at.world.events[index] = { ...event, change, content: { key: 'x.1', commitment: 'c', state: 'erased' } } as Event
  expect(await at.approver.proceed(request.id)).toBe('succeeded')
})

test('a record that does not answer holds it up, and nothing ends by it', async () => {
  const at = createApproving(withRules([refunds]))
  const request = await asked(await at.as(support))
  await say(await at.as(lead), 'approve', request)
  at.world.broken.add('ledger')
  await expect(at.approver.proceed(request.id)).rejects.toMatchObject({ code: 'store-unavailable' })
  at.world.broken.clear()
  expect([(await at.memory.requests.get(request.id))?.status, await at.approver.proceed(request.id)]).toEqual(['approved', 'succeeded'])
})

/** A row of its own for what nobody asked, made of one that somebody did: with a digest that fits, and the event of the true one. */
const unasked = 'a request is not on record'
const copied = 'arq_01KAQZ0000AAAAAAAAAAAAAAA0'
const wishes: readonly (readonly [string, (given: { readonly request: AccessRequest; readonly other: AccessRequest }) => Partial<AccessRequest>])[] = [
  ['under another id', () => ({ id: copied })],
  ['of another subject', ({ request: { bound } }) => ({ id: copied, bound: { ...bound, subject: { ...bound.subject, id: 'agent:never-called' } } })],
  ['of another subject, in the place of the true one', ({ request: { bound } }) => ({ bound: { ...bound, subject: { ...bound.subject, id: 'agent:never-called' } } })],
  ['of another subject, with the digest that people know', ({ request: { bound, digest } }) => ({ bound: { ...bound, subject: { ...bound.subject, id: 'agent:never-called' } }, digest })],
  ['of another issuer', ({ request: { bound } }) => ({ bound: { ...bound, issuer: 'okta' } })],
  ['with a group more', ({ request: { bound } }) => ({ bound: { ...bound, subject: { ...bound.subject, groups: [...bound.subject.groups, 'analysts'] } } })],
  ['with another claim', ({ request: { bound } }) => ({ bound: { ...bound, claims: { ...bound.claims, department: 'finance' } } })],
  ['through an agent', ({ request: { bound } }) => ({ bound: { ...bound, actors: [{ id: 'agent:helper', kind: 'agent', groups: [] }] } })],
  ['with another parameter', ({ request: { bound }, other }) => ({ bound: { ...bound, query: other.bound.query } })],
  ['by the event of another', ({ other }) => ({ told: other.told })],
  ['by an event that is none', () => ({ told: ['evt_01KAQZ0000AAAAAAAAAAAAAAA0'] })],
  ['by no event', () => ({ told: [] })],
  ['in another\'s session', () => ({ session: 'ses_01KAQZ0000AAAAAAAAAAAAAAA0' })],
  ['in no session', () => ({ session: null })],
  ['with words of what it would change, where there were none', () => ({ diff: '- amount: 1\n+ amount: 2' })],
]
async function wish(change: (typeof wishes)[number][1]) {
  const at = createApproving(withRules([refunds]))
  const ids = [(await asked(await at.as(support))).id, (await asked(await at.as(support), { ...refund, params: [8] })).id]
  const [request, other] = await Promise.all(ids.map(async (id) => (await at.memory.requests.get(id))!))
  const changed = change({ request: request!, other: other! })
  const forged: AccessRequest = { ...request!, ...changed, digest: changed.digest ?? digestOf(changed.bound ?? request!.bound) }
  at.memory.stored.set(forged.id, forged)
  return { at, forged, other: other! }
}

test.each(wishes)('what nobody asked is neither shown to people nor taken from them, and they may say no to it: %s', async (_, change) => {
  const { at, forged } = await wish(change)
  const person = await at.as(lead)
  const seen = await person.call('GET', `/v1/requests/${forged.id}`)
  const approved = await say(person, 'approve', forged)
  expect([seen.status, seen.json['reason'], approved.status, approved.json['reason'], (await at.memory.requests.get(forged.id))?.verdicts]).toEqual([409, 'not_on_record', 409, 'not_on_record', []])
  expect(at.world.alarms.map(({ what }) => what)).toContain(unasked)
  expect((await say(person, 'reject', forged)).status).toBe(200)
})

test.each(wishes)('what nobody asked is not executed, whoever gave a true word for it: %s', async (_, change) => {
  const { at, forged, other } = await wish(change)
  // As a lead's approval would be on record: of this very id and digest.
  await say(await at.as(lead), 'approve', other)
  const [verdict] = (await at.memory.requests.get(other.id))!.verdicts
  const index = at.world.events.findIndex(({ kind }) => kind === 'approval')
  const event = at.world.events[index]!
  at.world.events[index] = { ...event, request: forged.id, change: { ...(event as { change: object }).change, digest: forged.digest } } as Event
  at.memory.stored.set(forged.id, { ...forged, status: 'approved', verdicts: [verdict!], told: [...forged.told.slice(0, 1), event.id] })
  expect([await at.approver.proceed(forged.id), at.world.engine.ran]).toEqual(['stale', []])
  expect((await at.memory.requests.get(forged.id))?.ending?.refusal?.reason).toBe('not_on_record')
  expect(at.world.alarms.map(({ what }) => what)).toContain(unasked)
})

/** As a list shows it: that it is not on record, and none of its words. */
const sensitive = { sql: 'insert into public.refunds (order_id) values ($1) -- call 555-0100 first', params: [7], purpose: 'urgent: call 555-0100' }
test.each(wishes)('what nobody asked is marked in a list, for whoever may decide it and in whose name it is, and its words are left out: %s', async (_, change) => {
  const { at, forged, other } = await wish(change)
  for (const reader of [lead, { subject: forged.bound.subject.id, groups: ['support-agents'] }]) {
    const { json } = await (await at.as(reader)).call('GET', '/v1/requests?status=pending')
    const listed = new Map((json['requests'] as { id: string }[]).map((one) => [one.id, one]))
    const one = listed.get(forged.id)
    if (one) expect(one).toMatchObject({ onRecord: false, mayDecide: false, purpose: null, statements: [], accesses: [], notices: [], digest: forged.digest })
    else expect(reader).not.toBe(lead)
    expect(listed.get(other.id) ?? {}).not.toHaveProperty('onRecord')
  }
})
test('what was asked is listed with its words; what somebody writes over it with others, without', async () => {
  const at = createApproving(withRules([refunds]))
  const { id } = await asked(await at.as(support), sensitive)
  const read = async (who: typeof lead) => ((await (await at.as(who)).call('GET', '/v1/requests')).json['requests'] as { id: string; purpose: string | null; onRecord?: false }[]).find((one) => one.id === id)
  for (const who of [lead, support]) expect(await read(who)).toMatchObject({ purpose: sensitive.purpose, statements: [{ params: 1 }] })
  const true_ = (await at.memory.requests.get(id))!
  const bound = { ...true_.bound, purpose: 'another' }
  for (const row of [{ ...true_, bound }, { ...true_, bound, digest: digestOf(bound) }]) {
    at.memory.stored.set(id, row)
    for (const who of [lead, support]) expect(await read(who)).toMatchObject({ onRecord: false, purpose: null })
    expect(await (await at.as(support)).call('GET', `/v1/requests/${id}`)).toMatchObject({ status: 409, json: { reason: 'not_on_record' } })
  }
  at.memory.stored.set(id, true_)
  for (const who of [lead, support]) expect(await read(who)).not.toHaveProperty('onRecord')
})
test('a hundred requests are held against the record side by side, and once', async () => {
  const at = createApproving(withRules([refunds]))
  const agent = await at.as(support)
  const first = await asked(agent)
  const request = (await at.memory.requests.get(first.id))!
  const event = at.world.events.find(({ kind }) => kind === 'request')!
  for (let n = 0; n < 99; n++) {
    const [id, told] = [at.ports.id('arq'), at.ports.id('evt')]
    at.memory.stored.set(id, { ...request, id, told: [told], callKey: `${n}` })
    at.world.events.push({ ...event, id: told, request: id } as Event)
  }
  const state = { now: 0, most: 0, reads: 0 }
  const { get } = at.ports.ledger
  Object.assign(at.ports.ledger, { get: async (id: Event['id']) => {
    state.reads++
    state.most = Math.max(state.most, ++state.now)
    await new Promise((resolve) => { setImmediate(resolve) })
    state.now--
    return get(id)
  } })
  const person = await at.as(lead)
  const page = await person.call('GET', '/v1/requests?limit=100')
  expect([(page.json['requests'] as unknown[]).length, state.reads, state.most]).toEqual([100, 100, 16])
  expect(page.text).not.toContain('onRecord')
  await person.call('GET', '/v1/requests?limit=100')
  expect(state.reads).toBe(100)
})
test('a list is no list where the record does not answer', async () => {
  const at = createApproving(withRules([refunds]))
  await asked(await at.as(support))
  const { get } = at.ports.ledger
  Object.assign(at.ports.ledger, { get: async () => { throw new Fault('store-unavailable', 'no answer') } })
  expect((await (await at.as(lead)).call('GET', '/v1/requests')).status).toBe(503)
  Object.assign(at.ports.ledger, { get })
  expect((await (await at.as(lead)).call('GET', '/v1/requests')).status).toBe(200)
})
test('an event that somebody wrote over vouches for nothing: what rests on it ends, and holds nobody up', async () => {
  for (const kind of ['request', 'approval'] as const) {
    const at = createApproving(withRules([refunds]))
    const request = await asked(await at.as(support))
    await say(await at.as(lead), 'approve', request)
    const { id } = at.world.events.find((event) => event.kind === kind)!
    const { get } = at.ports.ledger
    Object.assign(at.ports.ledger, { get: async (one: Event['id']) => { if (one === id) throw new Damage('damaged'); return get(one) } })
    expect([await at.approver.proceed(request.id), at.world.engine.ran]).toEqual(['stale', []])
  }
})

test('a word that nobody gave is not shown to whoever decides, as if others had said yes', async () => {
  const at = createApproving(two)
  const { id } = await asked(await at.as(support))
  await say(await at.as(lead), 'approve', (await at.memory.requests.get(id))!)
  const stored = (await at.memory.requests.get(id))!
  at.memory.stored.set(id, { ...stored, verdicts: [leo(stored.verdicts[0]!)] })
  const shown = (await (await at.as(otherLead)).call('GET', `/v1/requests/${id}`)).json as { request: { decisions: readonly unknown[]; demands: readonly { missing: number }[] } }
  expect([shown.request.decisions, shown.request.demands[0]?.missing, at.world.alarms.map(({ what }) => what)]).toEqual([[], 2, [unknown]])
  at.memory.stored.set(id, stored)
  const honest = (await (await at.as(otherLead)).call('GET', `/v1/requests/${id}`)).json as typeof shown
  expect([honest.request.decisions.length, honest.request.demands[0]?.missing, at.world.alarms.length]).toEqual([1, 1, 1])
})
