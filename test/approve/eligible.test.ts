import { describe, expect, test } from 'vitest'
import type { Bound, Verdict } from '../../schema/approval.ts'
import type { Caller } from '../../schema/caller.ts'
import { concerns, ineligible, met, missing, signedInMs } from '../../functions/approve/eligible.ts'
import { asked } from './asked.ts'

const nowMs = Date.parse('2026-11-22T09:00:00.000Z')
const seconds = nowMs / 1000
type Given = Partial<Omit<Caller, 'subject'>> & { readonly id?: string; readonly groups?: readonly string[]; readonly kind?: 'user' | 'agent' }
const who = ({ id = 'user:lea@acme.dev', groups = ['support-leads'], kind = id.startsWith('user:') ? 'user' : 'agent', ...rest }: Given = {}): Caller =>
  ({ issuer: 'okta', subject: { id, kind, groups }, actors: [], person: true, claims: { iat: seconds, auth_time: seconds }, expiresAt: nowMs + 900_000, ...rest })
const agent = (id: string, groups: readonly string[] = []) => ({ id, kind: 'agent', groups }) as const
/** As the policy has it; asked for somebody it does not name, nobody. */
const owners = (table: Readonly<Record<string, readonly string[]>> = { 'agent:support-bot': ['user:olga@acme.dev'], 'agent:helper': ['user:hugo@acme.dev'] }) => ({ ownersOf: (id: string) => new Set(Object.hasOwn(table, id) ? table[id] : []), signsInByIat: (issuer: string) => issuer === 'by-iat' })
const bound = (more: Partial<Bound> = {}): Bound => asked(more).bound
const by = (...names: readonly string[]): Pick<Bound, 'demands'> => ({ demands: [{ by: names, quorum: 1, withinMs: 1, rule: 'r.rules[0]' }] })
const judged = (caller: Caller, of: Bound = bound(), table = owners()) => ineligible(of, caller, table, nowMs)?.reason ?? 'eligible'

describe('may decide', () => {
  test.each<[string, Given, Partial<Bound>]>([
    ['a person of a group', {}, {}],
    ['one of several groups', { groups: ['a', 'support-leads', 'z'] }, {}],
    ['a person by name, of no group', { groups: [] }, by('user:lea@acme.dev')],
    ['a person by name beside a group', { groups: [] }, by('support-leads', 'user:lea@acme.dev')],
    ['whom a second demand names alone', { groups: ['security'] }, { demands: [...by('support-leads').demands, ...by('security').demands] }],
    ['signed in 15 minutes ago to the second', { claims: { iat: seconds, auth_time: seconds - 900 } }, {}],
    ['an issuer whose clock is 30 s before ours', { claims: { auth_time: seconds + 30 } }, {}],
    ['a name that only begins as an owner\'s', { id: 'user:olga@acme.dev.example' }, {}],
    ['whoever owns another agent', { id: 'user:hugo@acme.dev' }, {}],
  ])('%s', (_, given, of) => {
    expect(judged(who(given), bound(of))).toBe('eligible')
    expect(concerns(bound(of), who(given), owners())).toBe(true)
  })
})

describe('an agent never decides', () => {
  const plausible: Readonly<Record<string, unknown>> = {
    iat: seconds, auth_time: seconds, person: true, kind: 'user', type: 'user', sub: 'user:lea@acme.dev', subject: 'user:lea@acme.dev', email: 'lea@acme.dev', email_verified: true, preferred_username: 'lea', name: 'Lea',
    groups: ['support-leads'], roles: ['support-leads'], amr: ['mfa', 'pwd'], acr: 'urn:mfa', azp: 'sluice-console', client_id: 'sluice-console', cid: 'sluice-console', idtyp: 'user', gty: 'authorization_code', scope: 'approve openid', may_act: { sub: 'user:lea@acme.dev' },
  }
  test.each(Object.entries(plausible))('that claims %s', (name, value) => {
    expect(judged(who({ id: 'agent:support-bot', person: false, claims: { iat: seconds, [name]: value } }))).toBe('not_a_person')
    expect(judged(who({ id: 'agent:other', person: false, claims: { iat: seconds, [name]: value } }))).toBe('not_a_person')
  })
  test.each<[string, Given]>([
    ['that claims it all', { id: 'agent:x', person: false, claims: plausible }],
    ['with the flag of a person and an agent\'s kind', { id: 'agent:x', person: true }],
    ['with a person\'s name and no sign-in of one', { id: 'user:lea@acme.dev', person: false }],
    ['with a person\'s name and an agent\'s kind', { id: 'user:lea@acme.dev', person: true, kind: 'agent' }],
    ['that acts for a person', { actors: [agent('agent:helper')] }],
    ['that acts for a person, without the flag', { actors: [agent('agent:helper')], person: false }],
    ['through which a person acts for a person', { actors: [{ id: 'user:leo@acme.dev', kind: 'user', groups: ['support-leads'] }] }],
    ['at the end of a chain', { actors: [agent('agent:a'), agent('agent:b'), agent('agent:c')] }],
  ])('%s', (_, given) => {
    expect(judged(who(given))).toBe('not_a_person')
    expect(concerns(bound(), who(given), owners())).toBe(false)
  })
  test('also where a rule names it', () => { expect(judged(who({ id: 'agent:x', person: true, kind: 'user' }), bound(by('agent:x')))).toBe('not_an_approver') })
})

describe('no party to a request decides it', () => {
  const chain = { actors: [agent('agent:helper'), agent('agent:deep')] }
  test.each<[string, Given, Partial<Bound>]>([
    ['who asks', { id: 'user:lea@acme.dev' }, { subject: { id: 'user:lea@acme.dev', kind: 'user', groups: [] } }],
    ['who asks, by another issuer', { id: 'user:lea@acme.dev', issuer: 'entra' }, { subject: { id: 'user:lea@acme.dev', kind: 'user', groups: [] } }],
    ['who asks, in capitals', { id: 'user:LEA@ACME.DEV' }, { subject: { id: 'user:lea@acme.dev', kind: 'user', groups: [] } }],
    ['for whom an agent asks', { id: 'user:lea@acme.dev' }, { subject: { id: 'user:lea@acme.dev', kind: 'user', groups: [] }, ...chain }],
    ['who acts', { id: 'user:lea@acme.dev' }, { actors: [{ id: 'user:lea@acme.dev', kind: 'user', groups: [] }] }],
    ['who acts at the end of the chain', { id: 'user:lea@acme.dev' }, { actors: [agent('agent:x'), { id: 'user:lea@acme.dev', kind: 'user', groups: [] }] }],
    ['the owner of the agent', { id: 'user:olga@acme.dev' }, {}],
    ['the owner, named by the rule', { id: 'user:olga@acme.dev', groups: [] }, by('user:olga@acme.dev')],
    ['the owner of an actor', { id: 'user:hugo@acme.dev' }, { subject: { id: 'user:lena@acme.dev', kind: 'user', groups: [] }, ...chain }],
    ['the owner in capitals', { id: 'user:Olga@Acme.dev' }, {}],
    ['the owner in full-width letters', { id: 'user:ｏｌｇａ@acme.dev' }, {}],
    ['the owner in mathematical letters', { id: 'user:𝐨𝐥𝐠𝐚@acme.dev' }, {}],
  ])('%s', (_, given, of) => {
    expect(judged(who(given), bound(of))).toBe('own_request')
    expect(concerns(bound(of), who(given), owners())).toBe(false)
  })

  test.each([
    ['composed and decomposed', 'user:rené@acme.dev', 'user:rene\u0301@acme.dev'], ['a ligature', 'user:ﬁona@acme.dev', 'user:fiona@acme.dev'], ['a long s', 'user:roſe@acme.dev', 'user:rose@acme.dev'], ['a Kelvin sign', 'user:\u212Aim@acme.dev', 'user:kim@acme.dev'],
    ['a final sigma', 'user:οδος@acme.dev', 'user:οδοσ@acme.dev'], ['a sharp s and its capitals', 'user:weiß@acme.dev', 'user:WEISS@acme.dev'], ['a capital sharp s', 'user:wei\u1E9E@acme.dev', 'user:weiß@acme.dev'],
  ])('an owner written otherwise is the owner: %s', (_, one, other) => {
    for (const [owner, person] of [[one, other], [other, one]] as const) expect(judged(who({ id: person }), bound(), owners({ 'agent:support-bot': [owner] }))).toBe('own_request')
    expect(missing({ by: ['g'], quorum: 2 }, [verdict({ subject: one, groups: ['g'] }), verdict({ subject: other, groups: ['g'] })])).toBe(1)
  })
})

describe('nobody decides who is not named', () => {
  test.each<[string, Given, Partial<Bound>]>([
    ['of no group', { groups: [] }, {}], ['of another group', { groups: ['analysts'] }, {}], ['of the agent\'s group', { groups: ['support-agents'] }, {}],
    ['a group in other capitals', { groups: ['Support-Leads'] }, {}], ['a group that begins the same', { groups: ['support-leads-emea', 'support-lead'] }, {}], ['a group with a space', { groups: ['support-leads '] }, {}],
    ['a group called like a person', { groups: ['user:leo@acme.dev'] }, by('user:leo@acme.dev')], ['a group called like the agent', { groups: ['agent:support-bot'] }, by('agent:support-bot')],
    ['a person called like a group', { id: 'user:support-leads', groups: [] }, {}], ['a person named in other capitals', { id: 'user:LEA@acme.dev', groups: [] }, by('user:lea@acme.dev')],
    ['a name without its prefix', { groups: [] }, by('lea@acme.dev')], ['where nobody is named', {}, by()], ['where nothing is demanded', {}, { demands: [] }],
    ['a group of every object', { groups: ['constructor', '__proto__', 'toString'] }, {}],
  ])('%s', (_, given, of) => {
    expect(judged(who(given), bound(of))).toBe('not_an_approver')
    expect(concerns(bound(of), who(given), owners())).toBe(false)
  })
})

describe('nobody decides by an old sign-in', () => {
  test.each<[string, Readonly<Record<string, unknown>>]>([
    ['a second too old', { auth_time: seconds - 901 }], ['old, in a token renewed just now', { iat: seconds, auth_time: seconds - 3600 }], ['of a word', { auth_time: 'now' }], ['of a number in a word', { auth_time: String(seconds) }],
    ['of NaN', { auth_time: NaN }], ['of infinity', { auth_time: Infinity }], ['of null beside a fresh token', { auth_time: null, iat: seconds }], ['of a list', { auth_time: [seconds] }], ['to come', { auth_time: seconds + 31 }], ['in milliseconds', { auth_time: nowMs }],
    ['of 1970', { auth_time: 0 }], ['before 1970', { auth_time: -seconds }], ['inherited', Object.create({ auth_time: seconds }) as Record<string, unknown>],
  ])('%s', (_, claims) => {
    expect(judged(who({ claims }))).toMatch(/^sign_in_(too_old|unknown)$/)
    expect(concerns(bound(), who({ claims }), owners())).toBe(true)
  })
  test('the sign-in is what the token says it is; when it was made counts only where the issuer says so', () => {
    const at = (claims: Caller['claims'], issuer = 'okta') => signedInMs(who({ claims, issuer }), owners())
    expect([at({ auth_time: 5, iat: 9 }), at({ iat: 9 }), at({}), at({ iat: 9 }, 'by-iat'), at({ auth_time: 5, iat: 9 }, 'by-iat')]).toEqual([5000, null, null, 9000, 5000])
    expect(judged(who({ claims: { iat: seconds } }))).toBe('sign_in_unknown')
  })
})

function verdict(more: Partial<Verdict> = {}): Verdict {
  return { decision: 'approve', issuer: 'okta', trust: 't', subject: 'user:lea@acme.dev', groups: ['support-leads'], signedInAt: '', at: '2026-11-22T09:01:00.000Z', reason: null, evaluation: 'eval_1', ...more }
}
const leo = verdict({ subject: 'user:leo@acme.dev' })
const sam = verdict({ subject: 'user:sam@acme.dev', groups: ['security'] })
const both = verdict({ subject: 'user:bea@acme.dev', groups: ['support-leads', 'security'] })
const demand = (quorum: number, ...names: readonly string[]) => ({ by: names, quorum, withinMs: 1, rule: 'r.rules[0]' })

describe('a quorum', () => {
  test.each<[string, Bound['demands'], readonly Verdict[], boolean]>([
    ['one of one', [demand(1, 'support-leads')], [verdict()], true],
    ['one of two', [demand(2, 'support-leads')], [verdict()], false],
    ['the same person twice', [demand(2, 'support-leads')], [verdict(), verdict({ evaluation: 'eval_2' })], false],
    ['the same person in other capitals', [demand(2, 'support-leads')], [verdict(), verdict({ subject: 'user:LEA@acme.dev' })], false],
    ['the same person by another issuer', [demand(2, 'support-leads')], [verdict(), verdict({ issuer: 'entra' })], false],
    ['the same person by two groups', [demand(2, 'support-leads', 'security')], [verdict(), verdict({ groups: ['security'] })], false],
    ['the same person by group and by name', [demand(2, 'support-leads', 'user:lea@acme.dev')], [verdict(), verdict({ groups: [] })], false],
    ['two people', [demand(2, 'support-leads')], [verdict(), leo], true],
    ['two people by group and by name', [demand(2, 'security', 'user:lea@acme.dev')], [verdict(), sam], true],
    ['somebody whom nothing names', [demand(1, 'support-leads')], [verdict({ groups: ['analysts'] })], false],
    ['two demands, one met', [demand(1, 'support-leads'), demand(1, 'security')], [verdict()], false],
    ['two demands, each by its own', [demand(1, 'support-leads'), demand(1, 'security')], [verdict(), sam], true],
    ['two demands, both by one person of both groups', [demand(1, 'support-leads'), demand(1, 'security')], [both], true],
    ['two demands, the larger by one person of both groups and one more', [demand(2, 'support-leads'), demand(1, 'security')], [both, leo], true],
    ['two demands, the larger lacks one', [demand(2, 'support-leads'), demand(1, 'security')], [both, sam], false],
    ['two demands of one group', [demand(1, 'support-leads'), demand(2, 'support-leads')], [verdict()], false],
    ['a rejection by somebody of one demand only', [demand(1, 'support-leads'), demand(1, 'security')], [verdict(), sam, verdict({ ...both, decision: 'reject', groups: ['security'] })], false],
    ['a rejection of whom nothing names', [demand(1, 'support-leads')], [verdict(), verdict({ subject: 'user:x', groups: [], decision: 'reject' })], false],
    ['who rejected and approved', [demand(1, 'support-leads')], [verdict({ decision: 'reject' }), verdict()], false],
    ['nobody', [demand(1, 'support-leads')], [], false],
    ['nothing demanded', [], [verdict()], false],
    ['a quorum that is no number', [demand(NaN, 'support-leads')], [verdict(), leo], false],
    ['the agent\'s owner', [demand(1, 'support-leads')], [verdict({ subject: 'user:olga@acme.dev' })], false],
    ['the agent\'s owner in capitals, beside one', [demand(2, 'support-leads')], [verdict(), verdict({ subject: 'user:OLGA@acme.dev' })], false],
    ['who asks', [demand(1, 'support-leads')], [verdict({ subject: 'agent:support-bot' })], false],
  ])('%s', (_, demands, verdicts, expected) => {
    expect(met(bound({ demands }), verdicts, owners())).toBe(expected)
    expect(met(bound({ demands }), verdicts.toReversed(), owners())).toBe(expected)
  })

  test('counts only whose word still counts, and says how many are missing', () => {
    const of = bound({ demands: [demand(2, 'support-leads')] })
    expect(met(of, [verdict(), leo], owners(), ({ subject }) => subject !== leo.subject)).toBe(false)
    expect(met(of, [verdict(), leo], owners({ 'agent:support-bot': [leo.subject] }))).toBe(false)
    expect([missing(demand(2, 'support-leads'), []), missing(demand(2, 'support-leads'), [verdict()]), missing(demand(2, 'support-leads'), [verdict(), leo, both])]).toEqual([2, 1, 0])
  })
})
