import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isOpen, statuses, type AccessRequest, type Status, type Verdict } from '../../schema/approval.ts'
import { end, ending, expired, rejected, settledAlready, stale, step, vote } from '../../functions/approve/step.ts'
import { asked } from './asked.ts'

const nowMs = Date.parse('2026-11-22T09:10:00.000Z')
const nobody = { ownersOf: () => new Set<string>() }
const verdict = (more: Partial<Verdict> = {}): Verdict => ({ decision: 'approve', issuer: 'okta', trust: 't', subject: 'user:lea@acme.dev', groups: ['support-leads'], signedInAt: '', at: '2026-11-22T09:10:00.000Z', reason: null, evaluation: 'eval_1', ...more })
const leo = verdict({ subject: 'user:leo@acme.dev' })
const no = (one: Verdict): Verdict => ({ ...one, decision: 'reject' })
const at = (status: Status, more: Partial<AccessRequest> = {}) => asked({}, { status, revision: 7, ...more })

/** Written out, so that the table of the code cannot be its own judge. */
const legal: readonly string[] = [
  'pending approved', 'pending rejected', 'pending expired', 'pending cancelled', 'pending stale',
  'approved executing', 'approved rejected', 'approved expired', 'approved cancelled', 'approved stale', 'approved failed',
  'executing succeeded', 'executing failed', 'executing outcome-unknown',
]

describe('a step', () => {
  test.each(statuses.flatMap((from) => statuses.map((to) => [from, to] as const)))('from %s to %s', (from, to) => {
    const request = at(from)
    if (!legal.includes(`${from} ${to}`)) expect(() => step(request, to, {})).toThrow('invariant')
    else expect(step(request, to, {})).toEqual({ ...request, status: to, revision: 8 })
  })
  test('never comes back to where it was, and executes once at most, whatever is tried', () => {
    fc.assert(fc.property(fc.array(fc.constantFrom(...statuses), { maxLength: 30 }), (tries) => {
      const been: Status[] = ['pending']
      let request = at('pending', { revision: 0 })
      for (const to of tries) {
        try { request = step(request, to, {}) } catch { continue }
        been.push(to)
      }
      expect(new Set(been).size).toBe(been.length)
      expect(been.filter((status) => !isOpen(status)).length).toBeLessThanOrEqual(1)
      expect(request.revision).toBe(been.length - 1)
      if (been.includes('executing')) expect(been.slice(0, 3)).toEqual(['pending', 'approved', 'executing'])
    }), { numRuns: 500 })
  })
  test('an end tells why, and never what is for the record alone', () => {
    const ended = end(at('approved'), 'stale', '2026-11-22T09:11:00.000Z', { ...stale(['a claim', 'the call']), inner: 'by user:x' })
    expect(ended.ending).toEqual({ at: '2026-11-22T09:11:00.000Z', refusal: stale(['a claim', 'the call']), rowCounts: [], outcome: null })
    expect(ending('t', null, { rowCounts: [3], outcome: 'evt_1' })).toEqual({ at: 't', refusal: null, rowCounts: [3], outcome: 'evt_1' })
    expect(JSON.stringify(ending('t', rejected(no(leo))))).not.toContain(leo.subject)
    expect(stale([]).detail).toContain('what was approved changed')
  })
})

describe('a word', () => {
  const two = asked({ demands: [{ by: ['support-leads'], quorum: 2, withinMs: 1, rule: 'r.rules[0]' }] }, { revision: 7 })
  const said = (request: AccessRequest, one: Verdict, now = nowMs) => { const voted = vote(request, one, nobody, now); return voted.ok ? voted.value : voted.refusal.reason }

  test('of the last person a quorum lacks approves; before that it is kept', () => {
    const first = said(two, verdict())
    expect(first).toEqual({ ...two, verdicts: [verdict()], revision: 8 })
    expect(said(first as AccessRequest, leo)).toEqual({ ...two, status: 'approved', verdicts: [verdict(), leo], revision: 9 })
  })
  test('said again is the same request, by identity', () => {
    const once = { ...two, verdicts: [verdict()] }
    expect(said(once, verdict({ evaluation: 'eval_2' }))).toBe(once)
    for (const status of ['approved', 'executing', 'succeeded'] as const) { const request = at(status, { verdicts: [verdict()] }); expect(said(request, verdict({ evaluation: 'eval_2' }))).toBe(request) }
    const over = at('rejected', { verdicts: [no(leo)] })
    expect(said(over, no(leo))).toBe(over)
  })
  test.each<[string, Partial<Verdict>]>([['of another group', { groups: ['support-leads', 'security'] }], ['by an issuer whose document changed', { trust: 't2' }], ['by another issuer', { issuer: 'entra' }]])('said again as what its person is now is a word of its own, and said once more is none: %s', (_, now) => {
    const both = asked({ demands: [{ by: ['support-leads'], quorum: 2, withinMs: 1, rule: 'r.rules[0]' }, { by: ['security'], quorum: 1, withinMs: 1, rule: 'r.rules[1]' }] }, { verdicts: [verdict()], revision: 7 })
    const again = said(both, verdict(now)) as AccessRequest
    expect([again.verdicts, again.revision, again.status]).toEqual([[verdict(), verdict(now)], 8, 'pending'])
    for (const word of [verdict(now), verdict()]) expect(said(again, word)).toBe(again)
    expect((said(again, leo) as AccessRequest).status).toBe(now.groups ? 'approved' : 'pending')
  })
  test('said in two groups by one person is one of a quorum of two', () => {
    expect((said({ ...two, verdicts: [verdict()] }, verdict({ groups: ['support-leads', 'x'] })) as AccessRequest).status).toBe('pending')
  })
  test('of rejection ends it, by whoever it is, also after one\'s own approval and after everybody\'s', () => {
    for (const request of [two, { ...two, verdicts: [verdict()] }, at('approved', { verdicts: [verdict()] })]) {
      const ended = said(request, no(verdict({ reason: 'no receipt' }))) as AccessRequest
      expect([ended.status, ended.revision, ended.ending?.refusal?.slug, ended.verdicts.at(-1)?.decision]).toEqual(['rejected', 8, 'approval-rejected', 'reject'])
      expect(ended.ending?.refusal?.detail).toContain('"no receipt"')
    }
  })
  test.each(statuses.filter((status) => status !== 'pending'))('of approval changes nothing of what is %s', (status) => {
    expect(said(at(status, { verdicts: [verdict()] }), leo)).toBe(settledAlready(status).reason)
  })
  test.each(statuses.filter((status) => status !== 'pending' && status !== 'approved'))('of rejection changes nothing of what is %s', (status) => {
    expect(said(at(status, { verdicts: [verdict()] }), no(leo))).toBe(settledAlready(status).reason)
  })
  test.each([['at', 0, 'expired'], ['after', 1, 'expired'], ['before', -1, 'kept']] as const)('%s the end of its time', (_, ms, expected) => {
    const until = Date.parse(two.bound.expiresAt) + ms
    const outcome = [said(two, verdict(), until), said(two, no(leo), until)].map((one) => (typeof one === 'string' ? one : 'kept'))
    expect(outcome).toEqual([expected, expected])
    expect(expired.slug).toBe('approval-expired')
  })
  test('is not taken where the end of its time cannot be read', () => {
    expect(said({ ...two, bound: { ...two.bound, expiresAt: 'tomorrow' } }, verdict())).toBe('expired')
  })
  test('never changes what people decide on', () => {
    fc.assert(fc.property(fc.array(fc.record({ subject: fc.constantFrom('user:a', 'user:b', 'user:A'), decision: fc.constantFrom('approve', 'reject'), groups: fc.constantFrom(['support-leads'], []) }), { maxLength: 8 }), (words) => {
      let request: AccessRequest = two
      for (const word of words) { const next = vote(request, verdict(word), nobody, nowMs); if (next.ok) request = next.value }
      expect([request.bound, request.digest, request.callKey, request.id]).toEqual([two.bound, two.digest, two.callKey, two.id])
      if (request.status === 'approved') expect(new Set(request.verdicts.filter(({ groups }) => groups.length > 0).map(({ subject }) => subject.toLowerCase())).size).toBeGreaterThanOrEqual(2)
    }), { numRuns: 500 })
  })
})
