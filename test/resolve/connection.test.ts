import { expect, test } from 'vitest'
import { findConnection } from '../../functions/resolve/connection.ts'
import { agent, callerOf, policyOf, principal, role, shop } from '../decide/world.ts'

const policy = policyOf(shop(), shop({ name: 'secret' }), role('r', [{ allow: ['select'], on: ['public.a'] }, { deny: ['*'], connection: 'secret' }, { reveal: ['*'], connection: 'secret' }]),
  role('s', [{ allow: ['select'], connection: 'secret', on: ['public.a'] }]))

test('a connection is found by whoever has a rule that allows something there', () => {
  expect(findConnection(policy, agent('r'), 'shop')).toMatchObject({ ok: true, value: { name: 'shop', limits: { rows: 1000 } } })
})
test('one that nothing allows and one that does not exist answer with the same words', () => {
  const [real, invented] = ['secret', 'secreT'].map((name) => findConnection(policy, agent('r'), name))
  const told = (found: typeof real) => (found && !found.ok ? JSON.stringify({ ...found.refusal, inner: '' }).replace(/secre[tT]/g, 'X') : 'found')
  expect(told(real)).toBe(told(invented))
  expect(real).toMatchObject({ refusal: { slug: 'not-found', next: 'fix', detail: expect.stringContaining('your rules speak of `shop`') } })
})
test('every principal of the token needs a rule of its own', () => {
  expect(findConnection(policy, callerOf(principal('user:x', 'r'), principal('agent:y', 's')), 'secret').ok).toBe(false)
  expect(findConnection(policy, callerOf(principal('user:x', 's'), principal('agent:y', 's')), 'secret').ok).toBe(true)
})
test('the gate itself is no connection to query, nor is what only looks like one', () => {
  for (const name of ['sluice', '*', '', '__proto__', 'constructor', `x\n\`${'y'.repeat(99)}`]) {
    const found = findConnection(policy, agent('r', 's'), name)
    expect(found.ok).toBe(false)
    expect(!found.ok && found.refusal.detail).toMatch(/^[^\n]{1,200}$/)
  }
})
