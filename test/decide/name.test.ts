import { describe, expect, test } from 'vitest'
import { access, agent, ask, policyOf, role, shop, verdict } from './world.ts'

const select = access('select', 'public.orders')

describe('names', () => {
  const reads = (on: string[], name: string, more = {}) => verdict(ask(policyOf(shop(), role('r', [{ allow: ['select'], on: [...on, 'x.y'] }])), agent('r'), [access('select', name, ['id'], more)]))
  test('a star stays inside its part', () => {
    expect(reads(['public.*'], 'public.orders')).toBe('permit')
    expect(reads(['public.o*s'], 'public.orders')).toBe('permit')
    expect(reads(['public.o*s'], 'public.os')).toBe('permit')
    expect(reads(['public.o*os'], 'public.os')).toBe('no_rule')
    expect(reads(['*.orders'], 'public.orders')).toBe('permit')
    expect(reads(['*.*'], 'public.orders')).toBe('permit')
    expect(reads(['p*'], 'public.orders')).toBe('no_rule')
    expect(reads(['*'], 'public.orders')).toBe('no_rule')
  })
  test('nothing but the star means anything', () => {
    expect(reads(['public.o.*'], 'public.orders')).toBe('no_rule')
    expect(reads(['public.[a-z]+'], 'public.orders')).toBe('no_rule')
    expect(reads(['public.orders?'], 'public.order')).toBe('no_rule')
  })
  test('a table whose name holds a dot is covered by nothing', () => {
    expect(reads(['public.*', 'public.a*', '*.*', 'public.a.b', '*.b'], 'public.a.b')).toBe('no_rule')
  })
  test('case counts: a quoted name is another table', () => expect(reads(['public.orders'], 'public.Orders')).toBe('no_rule'))
  test('a star never reaches the schemas of the engine; their literal name does', () => {
    for (const on of ['*.*', '*.pg_authid', 'pg_*.pg_authid', 'pg_catalo*.*']) expect(reads([on], 'pg_catalog.pg_authid', { system: true })).toBe('no_rule')
    expect(reads(['pg_catalog.*'], 'pg_catalog.pg_authid', { system: true })).toBe('permit')
  })
  test('what was found for a name outside those schemas is not remembered for it inside', () => {
    const policy = policyOf(shop(), role('r', [{ allow: ['select'], on: ['*.*'] }]))
    const asked = (system: boolean) => verdict(ask(policy, agent('r'), [access('select', 'x.t', ['id'], { system })]))
    expect([asked(false), asked(true), asked(false)]).toEqual(['permit', 'no_rule', 'permit'])
  })
  test('a deny without `on` reaches them too, and a deny that cannot be read denies everything', () => {
    const allow = { allow: ['select'], on: ['pg_catalog.*', 'public.*'] }
    const catalog = access('select', 'pg_catalog.pg_class', ['id'], { system: true })
    expect(verdict(ask(policyOf(shop(), role('r', [allow, { deny: ['select'] }])), agent('r'), [catalog]))).toBe('denied_by_rule')
    expect(verdict(ask(policyOf(shop(), role('r', [allow, { deny: ['select'], on: ['payroll'] }])), agent('r'), [select]))).toBe('denied_by_rule')
  })
  test('connection `*` is every connection and never the gate itself', () => {
    const policy = policyOf(shop(), shop({ name: 'other' }), role('r', [{ connection: '*', allow: ['*'], on: ['*.*', 'policy', '*'] }]))
    expect(verdict(ask(policy, agent('r'), [select], { connection: 'other' }))).toBe('permit')
    expect(verdict(ask(policy, agent('r'), [access('apply', 'policy')], { connection: 'sluice' }))).toBe('no_rule')
  })
  test('nor does a deny of everything everywhere keep an operator from mending the policy', () => {
    const policy = policyOf(shop(), role('r', [{ connection: '*', deny: ['*'] }, { connection: 'sluice', allow: ['apply'], on: ['policy'] }]))
    expect(verdict(ask(policy, agent('r'), [access('apply', 'policy')], { connection: 'sluice' }))).toBe('permit')
  })
  test('an allow without `on` allows nothing', () => {
    const policy = policyOf(shop(), role('r', [{ allow: ['*'] }, { allow: ['select'], on: ['public.a'] }]))
    expect(verdict(ask(policy, agent('r'), [select]))).toBe('no_rule')
  })
  test('names of the language are only names', () => {
    for (const name of ['__proto__', 'constructor', 'public.__proto__', 'public.constructor', '']) expect(reads(['public.orders'], name)).toBe('no_rule')
  })
  test('a name of 60 KB is refused in few words', () => {
    const decision = ask(policyOf(shop(), role('r', [{ allow: ['select'], on: ['public.*x'] }])), agent('r'), [access('select', `public.${'`\n'.repeat(30_000)}`)])
    expect(decision.kind === 'deny' && decision.refusal.detail.length).toBeLessThan(400)
    expect(decision.kind === 'deny' && decision.refusal.detail).not.toMatch(/\n/)
  })
})
