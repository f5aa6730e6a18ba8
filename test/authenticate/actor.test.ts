import { expect, test } from 'vitest'
import { matches } from '../../functions/authenticate/groups.ts'
import { issuerDocument } from '../../schema/policy.ts'
import { subjectsCollide } from '../../schema/subject.ts'
import { audience, document, makeKey, mint, world } from './issuer.ts'

const key = makeKey('k1')
const person = { client_id: 'sluice-console', email: 'lena@acme.dev', email_verified: true, sub: '00u1' }
const call = (more: Record<string, unknown>, documents = [document]) => world([key], { documents }).call(mint(key, more))

test('a person comes through a client named in people', async () => {
  expect(await call(person)).toMatchObject({ ok: true, value: { person: true, subject: { id: 'user:lena@acme.dev', kind: 'user' } } })
})

test.each(['client_id', 'azp', 'cid', 'appid'])('the client may be named by `%s`', async (name) => {
  expect(await call({ ...person, client_id: undefined, [name]: 'sluice-console' })).toMatchObject({ ok: true, value: { person: true } })
})

test.each([
  ['another client', { client_id: 'bot-runner' }],
  ['no client', { client_id: undefined }],
  ['a client that is a list', { client_id: ['sluice-console'] }],
  ['a client that is null', { client_id: null }],
  ['two claims that disagree', { azp: 'bot-runner' }],
  ['an actor', { act: { sub: 'bot' } }],
  ['a token the client got in its own name', { sub: 'sluice-console' }],
  ['the same, as Auth0 spells it', { sub: 'sluice-console@clients' }],
  ['the same, as Auth0 also says', { gty: 'client-credentials' }],
  ['the same, as Entra says', { idtyp: 'app' }],
  ['groups of people who approve', { client_id: 'bot-runner', groups: ['support-leads'] }],
  ['claims that say person', { client_id: 'bot-runner', person: true, kind: 'user' }],
])('%s makes an agent, never a person', async (_name, more) => {
  const result = await call({ ...person, ...more })
  expect(result).toMatchObject({ ok: true, value: { person: false, subject: { kind: 'agent' } } })
  expect(result.ok && result.value.subject.id.startsWith('agent:')).toBe(true)
})

test('a document without people has none', async () => {
  const { people: _people, ...bare } = document
  expect(await call(person, [bare])).toMatchObject({ ok: true, value: { person: false } })
})

test.each([
  ['a missing claim', { email: undefined }], ['an empty one', { email: '' }], ['a number', { email: 7 }], ['a list', { email: ['lena@acme.dev'] }],
  ['a space', { email: 'lena @acme.dev' }], ['a line break', { email: 'lena@acme.dev\n' }], ['a NUL', { email: 'lena\0@acme.dev' }],
  ['a right-to-left override', { email: '\u202elena@acme.dev' }], ['a zero-width space', { email: 'lena\u200b@acme.dev' }],
  ['a soft hyphen', { email: 'le\u00adna@acme.dev' }], ['a no-break space', { email: 'lena\u00a0@acme.dev' }],
  ['a private-use character', { email: '\ue000@acme.dev' }], ['another composition', { email: 'le\u0301na@acme.dev' }],
  ['251 characters', { email: 'l'.repeat(251) }], ['an address not verified', { email_verified: false }],
  ['an address not verified, as text', { email_verified: 'false' }], ['an address verified null', { email_verified: null }],
])('a person cannot be named by %s', async (_name, more) => {
  expect(await call({ ...person, ...more })).toMatchObject({ ok: false, refusal: { reason: 'invalid_token' } })
})

test('an address is one name however it is written', async () => {
  expect(await call({ ...person, email: 'Lena@ACME.dev' })).toMatchObject({ ok: true, value: { subject: { id: 'user:lena@acme.dev' } } })
})

test('a claim of the prototype names nobody', async () => {
  const odd = issuerDocument.parse({ ...document, agents: { subject: 'agent:{constructor}' } })
  expect((await call({}, [odd])).ok).toBe(false)
})

test('a replacement pattern in a claim is only text', async () => {
  expect(await call({ sub: "$&$'$`" })).toMatchObject({ ok: true, value: { subject: { id: "agent:$&$'$`" } } })
})

test('a template that makes users of agents is refused by the schema and, past it, by the gate', async () => {
  const odd = { ...document, agents: { subject: 'user:{sub}' } }
  expect(issuerDocument.safeParse(odd).success).toBe(false)
  expect((await call({}, [odd])).ok).toBe(false)
})

test('groups are the same in whatever order a token lists them, of actors too', async () => {
  const turned = async (groups: readonly string[]) => { const result = await call({ groups, act: { sub: 'bot', groups } }); return result.ok && [result.value.subject.groups, result.value.actors[0]?.groups] }
  expect(await turned(['support-agents', 'analysts'])).toEqual([['analysts', 'support-agents'], ['analysts', 'support-agents']])
  expect(await turned(['analysts', 'support-agents'])).toEqual(await turned(['support-agents', 'analysts']))
})

test('only accepted groups stay, once each', async () => {
  expect(await call({ groups: ['support-agents', 'platform', 'analysts', 'analysts', 'xanalysts', 'support-\u202eleads', ''] }))
    .toMatchObject({ ok: true, value: { subject: { groups: ['analysts', 'support-agents'] } } })
  expect(await call({ groups: 'analysts' })).toMatchObject({ ok: true, value: { subject: { groups: ['analysts'] } } })
  expect(await call({ groups: undefined })).toMatchObject({ ok: true, value: { subject: { groups: [] } } })
})

test.each([
  ['an object', { groups: { a: 1 } }], ['null', { groups: null }], ['a list with a number', { groups: ['analysts', 1] }], ['a nested list', { groups: [['analysts']] }],
  ['an overage marker', { groups: undefined, _claim_names: { groups: 'src1' } }], ['an overage marker beside groups', { _claim_names: { groups: 'src1' } }],
  ['hasgroups', { groups: undefined, hasgroups: true }], ['groups:src1', { groups: undefined, 'groups:src1': 'https://graph' }],
])('groups that are %s refuse the token, so that no deny by group is shed', async (_name, more) => {
  expect((await call(more)).ok).toBe(false)
})

test('an overage marker for another claim does not matter', async () => {
  expect((await call({ _claim_names: { other: 'src1' } })).ok).toBe(true)
})

test('who lost groups to their number is told so', async () => {
  expect(await call({ hasgroups: true })).toMatchObject({ refusal: { detail: expect.stringContaining('did not fit') } })
})

test('the act chain is kept, current actor first, each named and with its own accepted groups', async () => {
  expect(await call({ act: { sub: 'bot', groups: ['analysts', 'platform'], act: { sub: 'planner' } } })).toMatchObject({
    ok: true, value: {
      person: false, subject: { id: 'agent:support-bot' },
      actors: [{ id: 'agent:bot', kind: 'agent', groups: ['analysts'] }, { id: 'agent:planner', groups: [] }],
    },
  })
})

const nest = (depth: number): Record<string, unknown> => (depth === 0 ? { sub: 'a' } : { sub: 'a', act: nest(depth - 1) })
test.each([
  ['null', null], ['text', 'bot'], ['a list', [{ sub: 'bot' }]], ['empty', {}], ['without sub inside', { sub: 'bot', act: {} }], ['five long', nest(4)],
  ['of another issuer', { sub: 'bot', iss: 'https://evil.example' }], ['false', false], ['named with a space', { sub: 'a b' }],
  ['with unreadable groups', { sub: 'bot', groups: 7 }],
])('an act that is %s is refused', async (_name, act) => {
  expect((await call({ ...person, act })).ok).toBe(false)
})

test('an act chain of four passes', async () => {
  expect(await call({ act: nest(3) })).toMatchObject({ ok: true, value: { actors: [{}, {}, {}, {}] } })
})

const local = { name: 'local' as const, issuer: 'http://127.0.0.1:8787/dev/oidc', audience: 'http://127.0.0.1:8787' }
const localCall = (more: Record<string, unknown>, documents = [document]) =>
  world([key], { documents, local }).call(mint(key, { iss: local.issuer, aud: local.audience, sub: 'agent:support-bot', ...more }))

test('the local issuer names subjects itself and any group counts', async () => {
  expect(await localCall({})).toMatchObject({ ok: true, value: { issuer: 'local', person: false, subject: { id: 'agent:support-bot', groups: ['finance', 'support-agents'] } } })
  expect(await localCall({ sub: 'user:lena@acme.dev' })).toMatchObject({ ok: true, value: { person: true, subject: { id: 'user:lena@acme.dev', kind: 'user' } } })
  expect(await localCall({ sub: 'user:lena@acme.dev', act: { sub: 'agent:bot' } })).toMatchObject({ ok: true, value: { person: false, actors: [{ id: 'agent:bot' }] } })
})

test.each(['lena', 'root:x', 'user:', 'user: x', 'USER:x', 'agent:\u202ex', `user:${'x'.repeat(251)}`])('the local issuer cannot name a subject `%s`', async (sub) => {
  expect((await localCall({ sub })).ok).toBe(false)
})

test('a token of the local issuer for another audience is refused', async () => {
  expect((await localCall({ aud: 'http://127.0.0.1:1' })).ok).toBe(false)
})

test('without a local issuer its tokens are a stranger\'s', async () => {
  const { state, call: other } = world([key])
  expect((await other(mint(key, { iss: local.issuer, aud: local.audience, sub: 'user:lena@acme.dev' }))).ok).toBe(false)
  expect(state.fetched).toEqual([])
})

test('a document that names the local issuer narrows it', async () => {
  const narrow = { ...document, name: 'dev', issuer: local.issuer, audience: local.audience }
  expect(await localCall({ sub: 'x' }, [narrow])).toMatchObject({ ok: true, value: { issuer: 'dev', subject: { id: 'agent:x', groups: ['support-agents'] } } })
})

test.each([
  ['agent:{sub}', 'agent:{client_id}', true], ['agent:{sub}', 'agent:okta/{sub}', true], ['agent:entra/{sub}', 'agent:okta/{sub}', false],
  ['agent:{sub}@okta', 'agent:{sub}@entra', false], ['agent:a/{sub}', 'agent:{sub}/b', true], ['agent:{sub}@a', 'agent:{sub}@b@a', true],
])('%s and %s: collide %s', (one, other, collide) => {
  const make = (subject: string) => issuerDocument.parse({ ...document, people: undefined, audience, agents: { subject } })
  expect(subjectsCollide(make(one), make(other))).toBe(collide)
  expect(subjectsCollide(make(other), make(one))).toBe(collide)
})

test('people of two issuers collide too', () => {
  const other = issuerDocument.parse({ ...document, agents: { subject: 'agent:other/{sub}' } })
  expect(subjectsCollide({ ...document, agents: { subject: 'agent:this/{sub}' } }, other)).toBe(true)
})

test.each([
  ['support-*', 'support-agents', true], ['support-*', 'xsupport-agents', false], ['*', '', true], ['a*b*c', 'aXbYc', true], ['a*b*c', 'aXbY', false],
  ['a.c', 'abc', false], ['*a*a*a*a*a*a*a*a*b', 'a'.repeat(200), false], ['', 'a', false], ['A', 'a', false], ['*-ro', 'x-ro-ro', true],
])('the pattern %s over %s: %s', (pattern, text, expected) => {
  expect(matches(pattern, text)).toBe(expected)
})
