import { describe, expect, test } from 'vitest'
import { compile } from '../../functions/decide/compile.ts'
import type { NotifyDocument, PolicyDocument } from '../../schema/policy.ts'

const notify = (name: string, rest: Partial<NotifyDocument>): PolicyDocument => ({ version: 1, kind: 'notify', name, ...rest })
const role = (name: string, ...rules: readonly ('full' | 'summary' | undefined)[]): PolicyDocument => ({
  version: 1, kind: 'role', name, members: [], rules: rules.map((notify) => ({ ask: ['write'], connection: '*', approval: { by: ['leads'], quorum: 1, within: '30m', ...(notify ? { notify } : {}) } })),
})
const policy = (...documents: readonly PolicyDocument[]) => compile({ documents: documents.map((document, i) => ({ path: `${i}.yaml`, document })) })

describe('places', () => {
  const one = policy(notify('a', { group: 'leads', slack: 'C0000001', mail: ['leads@acme.dev', 'ops@acme.dev'] }), notify('b', { group: 'ops', mail: ['ops@acme.dev'] }), notify('c', { subject: 'user:ann@acme.dev', slack: 'D0000001' }))
  const keys = (...by: readonly string[]) => one.places(by).map(({ key }) => key)
  test('a group is told in every place named for it', () => expect(keys('leads')).toEqual(['mail leads@acme.dev', 'mail ops@acme.dev', 'slack C0000001']))
  test('one place for two groups is one place', () => expect(keys('leads', 'ops')).toEqual(['mail leads@acme.dev', 'mail ops@acme.dev', 'slack C0000001']))
  test('a person whose name is an address is told there', () => expect(keys('user:bob@acme.dev')).toEqual(['mail bob@acme.dev']))
  test('a person with a document is told where it says', () => expect(keys('user:ann@acme.dev')).toEqual(['slack D0000001']))
  test.each(['nobody', 'bob@acme.dev', 'agent:bob@acme.dev', 'user:bob', 'user:bob@acme', 'user:a@b.de\r\nbcc:x@y.de', 'user:a@b.de,x@y.de', 'user:"a b"@c.de', 'user:<a@b.de>'])('%s is told nowhere', (by) => expect(keys(by)).toEqual([]))
})

describe('the statement', () => {
  const one = policy(role('a', 'full', 'summary', undefined), role('b', 'full'))
  test.each([
    ['a.rules[0]', 'full'], ['a.rules[0], b.rules[0]', 'full'], ['a.rules[1]', 'summary'], ['a.rules[2]', 'summary'], ['a.rules[0], a.rules[1]', 'summary'],
    ['a.rules[9]', 'summary'], ['', 'summary'], ['a.rules[0], gone.rules[0]', 'summary'],
  ] as const)('of `%s` is told in %s', (rules, expected) => expect(one.notifies(rules)).toBe(expected))
})

describe('a Slack user', () => {
  const one = policy(
    notify('a', { group: 'leads', people: { U0000001: 'user:ann@acme.dev', U0000002: 'user:bob@acme.dev' } }), notify('b', { group: 'ops', people: { U0000001: 'user:ann@acme.dev', U0000002: 'user:eve@acme.dev' } }),
    notify('c', { subject: 'user:cy@acme.dev', people: { U0000003: 'user:cy@acme.dev' } }),
  )
  test('is who the policy says, of the groups that say it', () => expect(one.chatPerson('U0000001')).toEqual({ subject: 'user:ann@acme.dev', groups: ['leads', 'ops'] }))
  test('of a document for a person is of no group', () => expect(one.chatPerson('U0000003')).toEqual({ subject: 'user:cy@acme.dev', groups: [] }))
  test.each(['U0000009', '', 'toString', '__proto__', 'constructor'])('%s is nobody', (user) => expect(one.chatPerson(user)).toBeNull())
  test('who is two people is nobody', () => expect(one.chatPerson('U0000002')).toBeNull())
})
