import { describe, expect, test } from 'vitest'
import { access, agent, ask, effects, obligations, policyOf, role, shop, shows, uses, verdict } from './world.ts'

const leads = { by: ['leads'], quorum: 1, within: '30m' }

describe('classified columns', () => {
  const read = { allow: ['select'], on: ['public.customers'] }
  const shown = effects([access('select', 'public.customers', ['email', 'ssn'])], { shown: [shows('public.customers.email', 'pii.email'), shows('public.customers.ssn', 'pii.ssn', 1)] })
  const filtered = effects([access('select', 'public.customers', ['id', 'email'])], { used: [uses('public.customers.email', 'pii.email')] })
  const masks = (rules: object[], reveal: string[] = []) => { const decision = ask(policyOf(shop(), role('r', [read, ...rules])), agent('r'), shown, { reveal }); return decision.kind === 'deny' ? decision.refusal.reason : [decision.kind, ...obligations(decision).masks] }
  test('come masked, however wide the allow; `*` names the mask of the rest', () => {
    expect(masks([{ allow: ['*'], on: ['*.*'] }])).toEqual(['permit', 'email', 'redact'])
  })
  test('come in clear by a rule that says `reveal`, alone or beside an allow', () => {
    expect(masks([{ reveal: ['pii.email'] }])).toEqual(['permit', null, 'redact'])
    expect(masks([{ ...read, reveal: ['pii.*'] }])).toEqual(['permit', null, null])
    expect(masks([{ reveal: ['*'], on: ['public.payments'] }])).toEqual(['permit', 'email', 'redact'])
    expect(masks([{ reveal: ['pii.*'], columns: ['ssn'] }])).toEqual(['permit', 'email', null])
  })
  test('under an approval stay masked, unless the call names the class: then a person is asked', () => {
    const rule = { reveal: ['pii.email'], approval: leads }
    expect(masks([rule])).toEqual(['permit', 'email', 'redact'])
    expect(masks([rule], ['pii.email'])).toEqual(['ask', null, 'redact'])
  })
  test('a class that no rule reveals cannot be had by naming it', () => expect(masks([], ['pii.ssn'])).toBe('no_rule'))
  test('a condition that fails leaves them masked', () => {
    expect(masks([{ reveal: ['pii.email'], when: 'claims.nope == 1' }])).toEqual(['permit', 'email', 'redact'])
    expect(masks([{ reveal: ['pii.email'], when: 'action == "reveal" && resource == "public.customers"' }])).toEqual(['permit', null, 'redact'])
  })
  test('any other use is refused with its span and what would pass', () => {
    const decision = ask(policyOf(shop(), role('r', [read])), agent('r'), filtered)
    expect(decision).toMatchObject({ refusal: { reason: 'classified_use', span: { start: 3, end: 4 }, next: 'fix', detail: '`email` of `public.customers` holds `pii.email`, which may not be seen in clear, so it cannot be used in a where clause; selected as it is, it comes masked (email); filter, join and sort by other columns' } })
  })
  test('is permitted where revealed, and says how to ask where a person can', () => {
    expect(verdict(ask(policyOf(shop(), role('r', [read, { reveal: ['pii.email'] }])), agent('r'), filtered))).toBe('permit')
    const asks = policyOf(shop(), role('r', [read, { reveal: ['pii.email'], approval: leads }]))
    expect(ask(asks, agent('r'), filtered)).toMatchObject({ refusal: { reason: 'classified_use', next: 'request', detail: expect.stringContaining('`reveal: [pii.email]`') } })
    expect(verdict(ask(asks, agent('r'), filtered, { reveal: ['pii.email'] }))).toBe('ask')
  })
  test('a table one may not read is refused before its classes are spoken of', () => {
    const decision = ask(policyOf(shop(), role('r', [{ allow: ['select'], on: ['public.orders'] }])), agent('r'), filtered)
    expect(verdict(decision)).toBe('no_rule')
    expect(JSON.stringify(decision)).not.toContain('pii')
  })
  test('a mask named like a member of every object is looked up as a name', () => {
    const policy = policyOf(shop({ classify: { 'public.t.c': 'constructor' } }), role('r', [{ allow: ['select'], on: ['public.t'] }]))
    expect(obligations(ask(policy, agent('r'), effects([access('select', 'public.t')], { shown: [shows('public.t.c', 'constructor')] }))).masks).toEqual(['redact'])
  })
})
