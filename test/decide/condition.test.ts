import { describe, expect, test } from 'vitest'
import { cel } from '../../functions/decide/cel.ts'
import { access, agent, ask, callerOf, policyOf, principal, role, shop, verdict } from './world.ts'

const select = access('select', 'public.orders')

describe('conditions', () => {
  const when = (condition: string, verb: 'allow' | 'deny' = 'allow') => {
    const rules = verb === 'allow' ? [{ allow: ['select'], on: ['public.orders'], when: condition }] : [{ allow: ['select'], on: ['public.orders'] }, { deny: ['select'], on: ['public.orders'], when: condition }]
    return (context: object = {}, caller = agent('r')) => verdict(ask(policyOf(shop(), role('r', rules)), caller, [select], { context: { purpose: null, session: null, time: Date.UTC(2026, 0, 5, 12), ...context } }))
  }
  test('see the caller, the access and what the call says of itself', () => {
    expect(when('subject.kind == "agent" && "r" in subject.roles && actor == null && claims.level >= 3 && action == "select" && resource == "public.orders"')()).toBe('permit')
    expect(when('context.time.getHours() == 12')()).toBe('permit')
    expect(when('context.purpose == "ticket 7"')({ purpose: 'ticket 7' })).toBe('permit')
    expect(when('context.purpose == "ticket 7"')()).toBe('condition_not_met')
    expect(when('actor != null && actor.kind == "agent"')({}, callerOf(principal('user:x', 'r'), principal('agent:y', 'r')))).toBe('permit')
  })
  test('an error is no match for allow and a match for deny', () => {
    for (const broken of ['claims.nope == 1', 'actor.kind == "agent"', '1', 'subject.nope == 2', 'not cel (', 'context.purpose.contains("x")', 'claims.constructor != 1']) {
      expect([broken, when(broken)()]).toEqual([broken, 'condition_not_met'])
      expect([broken, when(broken, 'deny')()]).toEqual([broken, 'denied_by_rule'])
    }
  })
  test('claims are read by names that are written there, and those are what is read; all of them are another in each token', () => {
    const read = (source: string) => { const { problem, reads } = cel.inspect(source); return problem === null ? [...reads].sort() : problem.message }
    expect(read('claims.team == "x" && claims["https://acme/level"] > 2 && "owner" in claims && has(claims.tenant) && claims["a"]["b"] == 1 && "x" in claims.groups')).toEqual(['claims.a', 'claims.groups', 'claims.https://acme/level', 'claims.owner', 'claims.team', 'claims.tenant'])
    for (const all of ['size(claims) > 0', 'claims.exists(c, c == "x")', 'claims[subject.id] == 1', 'claims["te" + "am"] == 1', 'subject.id in claims', 'claims == {"team": "x"}', 'cel.bind(c, claims, c.team == "x")', '[claims][0].team == "x"', 'claims.all(c, true)']) {
      expect([all, read(all)]).toEqual([all, expect.stringContaining('by name')])
      expect(when(all)()).toBe('condition_not_met')
      expect(when(all, 'deny')()).toBe('denied_by_rule')
    }
  })
  test('a decision with `when` is made anew each time', () => {
    const policy = policyOf(shop(), role('r', [{ allow: ['select'], on: ['public.orders'], when: 'context.purpose == "a"' }]))
    const asked = (purpose: string) => verdict(ask(policy, agent('r'), [select], { context: { purpose, session: null, time: 0 } }))
    expect([asked('a'), asked('b'), asked('a')]).toEqual(['permit', 'condition_not_met', 'permit'])
  })
  test('a regular expression is not offered: the caller would choose what it runs on', () => {
    const slow = { purpose: `${'a'.repeat(400)}!` }
    for (const hidden of ['P.matches("(a+)+$")', '!P.matches("(a+)+$")', '[P].exists(p, p.matches("(a+)+$"))', 'cel.bind(p, P, p.matches("(a+)+$"))', 'true ? dyn(P).matches("(a+)+$") : false']) {
      expect(when(hidden.replace('P', 'context.purpose'))(slow)).toBe('condition_not_met')
    }
  })
})
