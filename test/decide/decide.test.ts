import { describe, expect, test } from 'vitest'
import { access, agent, ask, callerOf, effects, obligations, policyOf, principal, role, shop, shows, verdict } from './world.ts'

const leads = { by: ['leads'], quorum: 1, within: '30m' }
const select = access('select', 'public.orders')

describe('what is permitted', () => {
  test('nothing without a rule, with the words for a way on', () => {
    const decision = ask(policyOf(shop(), role('r', [{ allow: ['select'], on: ['public.orders'] }])), agent('r'), [access('select', 'public.payments')])
    expect(decision).toMatchObject({ kind: 'deny', refusal: {
      slug: 'denied', reason: 'no_rule', action: 'select', resource: 'public.payments', next: 'fix', span: { start: 7, end: 9 },
      detail: '`select` on `public.payments` needs a rule that allows it; your roles allow `select` on `public.orders`',
    } })
  })
  test('what exists and what does not answer alike', () => {
    const policy = policyOf(shop(), role('r', [{ allow: ['select'], on: ['public.orders'] }]), role('other', [{ allow: ['select'], on: ['public.payments'] }]))
    const [real, invented] = ['public.payments', 'public.paymentz'].map((name) => JSON.stringify(ask(policy, agent('r'), [access('select', name)])).replaceAll(name, 'X'))
    expect(real).toBe(invented)
  })
  test('a statement only when every access of it is', () => {
    const policy = policyOf(shop(), role('r', [{ allow: ['select'], on: ['public.orders'] }]))
    expect(verdict(ask(policy, agent('r'), [select, access('insert', 'public.orders')]))).toBe('no_rule')
    expect(verdict(ask(policy, agent('r'), [select]))).toBe('permit')
  })
  test('a statement that touches nothing, but only to whoever has a rule on the connection', () => {
    const policy = policyOf(shop(), role('r', [{ allow: ['select'], on: ['public.orders'] }]), role('d', [{ deny: ['*'] }]))
    expect(verdict(ask(policy, agent('r'), []))).toBe('permit')
    expect(verdict(ask(policy, agent(), []))).toBe('no_rule')
    expect(verdict(ask(policy, agent('d'), []))).toBe('no_rule')
  })
  test('deny beats allow, in whatever role and order it stands', () => {
    const allow = role('a', [{ allow: ['*'], on: ['*.*'] }])
    const deny = role('z', [{ deny: ['select'], on: ['public.o*'] }])
    for (const documents of [[allow, deny], [deny, allow]]) {
      expect(ask(policyOf(shop(), ...documents), agent('a', 'z'), [select])).toMatchObject({ refusal: { reason: 'denied_by_rule', rule: 'z.rules[0]', next: 'none' } })
    }
  })
  test('groups of actions: write is insert, update and delete; ddl and truncate are not', () => {
    const policy = policyOf(shop(), role('r', [{ allow: ['write'], on: ['public.*'] }]))
    expect(['insert', 'update', 'delete', 'truncate', 'create', 'select', 'lock'].map((action) => verdict(ask(policy, agent('r'), [access(action as 'insert', 'public.t')]))))
      .toEqual(['permit', 'permit', 'permit', 'no_rule', 'no_rule', 'no_rule', 'no_rule'])
  })
  test('everyone has a role that says so; a subject and a group of one name are different', () => {
    const policy = policyOf(shop(), role('all', [{ allow: ['select'], on: ['public.a'] }], [{ everyone: true }]),
      role('one', [{ allow: ['select'], on: ['public.b'] }], [{ subject: 'agent:x' }]), role('g', [{ allow: ['select'], on: ['public.c'] }], [{ group: 'agent:x' }]))
    const reads = (caller: ReturnType<typeof agent>) => ['public.a', 'public.b', 'public.c'].map((name) => verdict(ask(policy, caller, [access('select', name)])))
    expect(reads(callerOf(principal('agent:x')))).toEqual(['permit', 'permit', 'no_rule'])
    expect(reads(callerOf(principal('agent:y', 'agent:x')))).toEqual(['permit', 'no_rule', 'permit'])
  })
})

describe('columns', () => {
  const policy = policyOf(shop(), role('r', [{ allow: ['select'], on: ['public.t'], columns: ['id', 'name'] }, { allow: ['select'], on: ['public.t'], columns: ['pay'], limits: { rows: 5 } }]))
  test('a rule with columns covers reads of those; rules add up, each with its limits', () => {
    expect(verdict(ask(policy, agent('r'), [access('select', 'public.t', ['id', 'name'])]))).toBe('permit')
    expect(obligations(ask(policy, agent('r'), [access('select', 'public.t', ['id'])])).limits.rows).toBe(1000)
    expect(obligations(ask(policy, agent('r'), [access('select', 'public.t', ['id', 'pay'])])).limits.rows).toBe(5)
  })
  test('more than that is refused, naming what is too much', () => {
    expect(ask(policy, agent('r'), [access('select', 'public.t', ['id', 'ssn', 'x'])])).toMatchObject({ refusal: { reason: 'column_not_covered', next: 'fix', detail: expect.stringContaining('`ssn`, `x`') } })
  })
  test('rows without a column are fine; unknown columns are all of them', () => {
    expect(verdict(ask(policy, agent('r'), [access('select', 'public.t', [])]))).toBe('permit')
    expect(verdict(ask(policy, agent('r'), [access('select', 'public.t', null)]))).toBe('column_not_covered')
  })
  test('a rule with columns covers no write', () => {
    const wide = policyOf(shop(), role('r', [{ allow: ['*'], on: ['public.t'], columns: ['id'] }]))
    expect(verdict(ask(wide, agent('r'), [access('update', 'public.t')]))).toBe('no_rule')
  })
  test('a deny on columns meets whoever reads one of them, and whoever may', () => {
    const denied = policyOf(shop(), role('r', [{ allow: ['select'], on: ['public.t'] }, { deny: ['select'], on: ['public.t'], columns: ['ssn'] }]))
    expect(verdict(ask(denied, agent('r'), [access('select', 'public.t', ['id'])]))).toBe('permit')
    expect(verdict(ask(denied, agent('r'), [access('select', 'public.t', ['id', 'ssn'])]))).toBe('denied_by_rule')
    expect(verdict(ask(denied, agent('r'), [access('select', 'public.t', null)]))).toBe('denied_by_rule')
  })
})

describe('approvals', () => {
  const refunds = access('insert', 'public.refunds')
  test('a rule with approval asks, and no Permit exists', () => {
    const decision = ask(policyOf(shop(), role('r', [{ allow: ['insert'], on: ['public.refunds'], approval: leads }])), agent('r'), [refunds])
    expect(decision).toMatchObject({ kind: 'ask', rules: ['r.rules[0]'], demands: [{ by: ['leads'], quorum: 1, withinMs: 1_800_000, rule: 'r.rules[0]' }], refusal: { reason: 'approval_required', next: 'request' } })
    expect(decision).not.toHaveProperty('permit')
  })
  test('one rule without approval settles an access, with its own limits and not the wider ones that ask', () => {
    const decision = ask(policyOf(shop(), role('r', [{ allow: ['insert'], on: ['public.refunds'], limits: { affected: 1 } }, { allow: ['insert'], on: ['public.*'], approval: leads }])), agent('r'), [refunds])
    expect(decision.kind).toBe('permit')
    expect(obligations(decision).limits.affected).toBe(1)
  })
  test('the smallest quorum; equal ones are joined', () => {
    const rule = (by: string, quorum: number, within = '30m') => ({ allow: ['insert'], on: ['public.refunds'], approval: { by: [by], quorum, within } })
    expect(ask(policyOf(shop(), role('r', [rule('a', 2), rule('b', 1), rule('c', 1, '5m')])), agent('r'), [refunds]))
      .toMatchObject({ demands: [{ by: ['b', 'c'], quorum: 1, withinMs: 300_000, rule: 'r.rules[1], r.rules[2]' }], rules: ['r.rules[1]', 'r.rules[2]'] })
  })
  test('demands of different accesses all hold; the same people are asked once, for the larger quorum', () => {
    const rules = [{ allow: ['insert'], on: ['public.a'], approval: leads }, { allow: ['insert'], on: ['public.b'], approval: { ...leads, quorum: 2 } }, { allow: ['insert'], on: ['public.c'], approval: { by: ['dba'], quorum: 1, within: '1h' } }]
    const decision = ask(policyOf(shop(), role('r', rules)), agent('r'), ['a', 'b', 'c'].map((name) => access('insert', `public.${name}`)))
    expect(decision).toMatchObject({ demands: [{ by: ['dba'], quorum: 1 }, { by: ['leads'], quorum: 2 }] })
  })
  test('`ask` adds its demand to what allows, allows nothing itself, and cannot be met where it names nobody', () => {
    const asks = { ask: ['write'], connection: '*', approval: leads }
    expect(ask(policyOf(shop(), role('r', [{ allow: ['insert'], on: ['public.refunds'] }, asks])), agent('r'), [refunds])).toMatchObject({ kind: 'ask', rules: ['r.rules[0]', 'r.rules[1]'] })
    expect(verdict(ask(policyOf(shop(), role('r', [{ allow: ['select'], on: ['public.x'] }, asks])), agent('r'), [refunds]))).toBe('no_rule')
    expect(verdict(ask(policyOf(shop(), role('r', [{ allow: ['insert'], on: ['public.refunds'] }, { ask: ['write'] }])), agent('r'), [refunds]))).toBe('denied_by_rule')
  })
})

describe('limits', () => {
  const limited = (...rows: (number | null)[]) => policyOf(shop({ limits: { rows: 500, perHour: { rows: 50 } } }), role('r', rows.map((count) => ({ allow: ['select'], on: ['public.orders'], ...(count === null ? {} : { limits: { rows: count } }) }))))
  test('the widest of an access\'s rules, never past the connection\'s', () => {
    expect(obligations(ask(limited(10, 20), agent('r'), [select])).limits).toEqual({ rows: 20, bytes: 1_048_576, timeoutMs: 10_000, affected: 100, statementsPerHour: null, rowsPerHour: 50 })
    expect(obligations(ask(limited(10, null), agent('r'), [select])).limits.rows).toBe(500)
    expect(obligations(ask(limited(9999), agent('r'), [select])).limits.rows).toBe(500)
  })
  test('the narrowest across accesses', () => {
    const policy = policyOf(shop(), role('r', [{ allow: ['select'], on: ['public.a'], limits: { rows: 10 } }, { allow: ['select'], on: ['public.b'], limits: { timeout: '1s' } }]))
    expect(obligations(ask(policy, agent('r'), [access('select', 'public.a'), access('select', 'public.b')])).limits).toMatchObject({ rows: 10, timeoutMs: 1000 })
  })
})

describe('subject and actor', () => {
  const policy = policyOf(shop(), role('lead', [{ allow: ['select'], on: ['public.*'] }, { reveal: ['*'] }]), role('bot', [{ allow: ['select'], on: ['public.customers'], limits: { rows: 3 } }]))
  const both = callerOf(principal('user:lena', 'lead'), principal('agent:bot', 'bot'))
  test('each must be permitted, and the refusal says which is not', () => {
    expect(ask(policy, both, [access('select', 'public.payments')])).toMatchObject({ refusal: { reason: 'no_rule', detail: expect.stringContaining('for the actor `agent:bot`') } })
  })
  test('the strictest mask and the narrowest limit of them hold', () => {
    const what = effects([access('select', 'public.customers', ['email'])], { shown: [shows('public.customers.email', 'pii.email')] })
    expect(obligations(ask(policy, both, what))).toMatchObject({ masks: ['email'], revealed: [], limits: { rows: 3 } })
    expect(obligations(ask(policy, callerOf(principal('agent:bot', 'bot'), principal('user:lena', 'lead')), what))).toMatchObject({ masks: ['email'], revealed: [] })
    expect(obligations(ask(policy, callerOf(principal('user:lena', 'lead')), what))).toMatchObject({ masks: [null], revealed: ['pii.email'] })
  })
  test('the second of two actors counts as much as the first', () => {
    expect(verdict(ask(policy, callerOf(principal('user:lena', 'lead'), principal('agent:a', 'lead'), principal('agent:b', 'bot')), [access('select', 'public.payments')]))).toBe('no_rule')
  })
})
