import { describe, expect, test } from 'vitest'
import { access, agent, ask, effects, obligations, policyOf, role, shop, shows, verdict } from './world.ts'

describe('views and partitions', () => {
  const view = access('select', 'public.v', ['id'])
  const base = access('select', 'hidden.base', ['id', 'pay'], { via: ['public.v'] })
  test('a rule on the view does not cover what it reads, and the refusal does not tell what that is', () => {
    const decision = ask(policyOf(shop(), role('r', [{ allow: ['select'], on: ['public.v'] }])), agent('r'), [view, base])
    expect(decision).toMatchObject({ refusal: { reason: 'no_rule', resource: 'public.v' } })
    const told = decision.kind === 'deny' ? JSON.stringify({ ...decision.refusal, inner: '' }) : ''
    expect(told).not.toMatch(/hidden|base|pay/)
    expect(decision.kind === 'deny' && decision.refusal.inner).toContain('hidden.base')
  })
  test('columns a view reads and a rule does not cover are not told either', () => {
    const decision = ask(policyOf(shop(), role('r', [{ allow: ['select'], on: ['public.v'] }, { allow: ['select'], on: ['hidden.base'], columns: ['id'] }])), agent('r'), [view, base])
    expect(decision).toMatchObject({ refusal: { resource: 'public.v' } })
    expect(decision.kind === 'deny' && decision.refusal.detail).not.toMatch(/`pay`/)
  })
  test('`through` covers what the view reads, and no write and no call through it', () => {
    const policy = policyOf(shop(), role('r', [{ allow: ['*'], on: ['public.v'], through: true }]))
    expect(verdict(ask(policy, agent('r'), [view, base]))).toBe('permit')
    expect(verdict(ask(policy, agent('r'), [view, access('insert', 'hidden.base', null, { via: ['public.v'] })]))).toBe('no_rule')
    expect(verdict(ask(policy, agent('r'), [view, access('call', 'hidden.f', null, { via: ['public.v'] })]))).toBe('no_rule')
    expect(verdict(ask(policy, agent('r'), [view, access('select', 'hidden.base', ['id'])]))).toBe('no_rule')
  })
  test('a deny on the base table wins through views, and one on the view closes the way through it', () => {
    const allow = { allow: ['select'], on: ['public.*'], through: true }
    expect(verdict(ask(policyOf(shop(), role('r', [allow, { deny: ['select'], on: ['hidden.*'] }])), agent('r'), [view, base]))).toBe('denied_by_rule')
    expect(verdict(ask(policyOf(shop(), role('r', [allow, { deny: ['select'], on: ['public.v'] }])), agent('r'), [access('select', 'public.outer'), { ...base, via: ['public.outer', 'public.v'] }]))).toBe('denied_by_rule')
  })
  test('a wildcard with `through` is no way into the catalog by a view of the engine', () => {
    const policy = policyOf(shop(), role('r', [{ allow: ['select'], on: ['*.*'], through: true }, { allow: ['select'], on: ['information_schema.tables'] }]))
    const catalog = access('select', 'pg_catalog.pg_class', ['relname'], { system: true, via: ['information_schema.tables'] })
    expect(verdict(ask(policy, agent('r'), [access('select', 'information_schema.tables', ['a'], { system: true }), catalog]))).toBe('no_rule')
    expect(verdict(ask(policy, agent('r'), [catalog]))).toBe('no_rule')
  })
  test('through a view classes still follow the data', () => {
    const policy = policyOf(shop(), role('r', [{ allow: ['select'], reveal: ['*'], on: ['public.v'], through: true }]))
    const what = effects([view, access('select', 'public.customers', ['email'], { via: ['public.v'] })], { shown: [shows('public.customers.email', 'pii.email')] })
    expect(obligations(ask(policy, agent('r'), what)).masks).toEqual(['email'])
  })
  test('a rule on the parent covers its partitions, at any depth; a deny on one still wins', () => {
    const rules = [{ allow: ['select', 'delete'], on: ['public.events'] }]
    const tree = (action: 'select' | 'delete') => [access(action, 'public.events'), access(action, 'public.e1', null, { via: ['public.events'], part: true as const }),
      access(action, 'public.e1a', null, { via: ['public.events', 'public.e1'], part: true as const })]
    expect(verdict(ask(policyOf(shop(), role('r', rules)), agent('r'), tree('delete')))).toBe('permit')
    expect(verdict(ask(policyOf(shop(), role('r', [...rules, { deny: ['delete'], on: ['public.e1a'] }])), agent('r'), tree('delete')))).toBe('denied_by_rule')
    expect(verdict(ask(policyOf(shop(), role('r', rules)), agent('r'), [access('delete', 'public.e1')]))).toBe('no_rule')
  })
  test('a view in front of a partitioned table is no parent of it', () => {
    const policy = policyOf(shop(), role('r', [{ allow: ['select'], on: ['public.v'] }]))
    expect(verdict(ask(policy, agent('r'), [access('select', 'public.e1', ['id'], { via: ['public.v', 'public.events'], part: true })]))).toBe('no_rule')
  })
})
