import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Decision } from '../../functions/permit.ts'
import type { Caller } from '../../schema/caller.ts'
import { access, ask, callerOf, effects, obligations, policyOf, principal, role, shop, shows, uses } from './world.ts'

const names = ['public.a', 'public.b', 'public.customers', 'hidden.c']
const pattern = fc.constantFrom(...names, 'public.*', '*.a', '*.*', 'h*.*', 'public.c*s')
const action = fc.constantFrom('select' as const, 'insert' as const, 'update' as const, 'write' as const, '*' as const)
const approval = fc.record({ by: fc.subarray(['x', 'y'], { minLength: 1 }), quorum: fc.integer({ min: 1, max: 3 }), within: fc.constantFrom('5m', '30m') })
const condition = fc.constantFrom('subject.kind == "agent"', 'claims.level > 2', 'claims.nope == 1', 'context.purpose == "p"', 'resource.startsWith("public.")')
const maybe = <T>(key: string, arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined }).map((value) => (value === undefined ? {} : { [key]: value }))
const joined = (...parts: fc.Arbitrary<object>[]) => fc.tuple(...parts).map((all): object => Object.assign({}, ...all))

const on = fc.array(pattern, { minLength: 1, maxLength: 2 })
const columns = maybe('columns', fc.subarray(['id', 'email'], { minLength: 1 }))
const limits = maybe('limits', fc.record({ rows: fc.integer({ min: 1, max: 900 }) }))
const allow = joined(fc.record({ allow: fc.array(action, { minLength: 1, maxLength: 2 }), on }), columns, limits, maybe('when', condition), maybe('approval', approval), maybe('through', fc.constant(true)))
const reveal = joined(fc.record({ reveal: fc.subarray(['pii.email', 'pii.*'], { minLength: 1 }) }), maybe('on', on), maybe('when', condition), maybe('approval', approval))
const deny = joined(fc.record({ deny: fc.array(action, { minLength: 1, maxLength: 1 }) }), maybe('on', on), columns, maybe('when', condition))
const asks = joined(fc.record({ ask: fc.array(action, { minLength: 1, maxLength: 1 }), approval }), maybe('on', on), maybe('when', condition))
const rule = fc.oneof({ arbitrary: allow, weight: 5 }, { arbitrary: reveal, weight: 2 }, { arbitrary: deny, weight: 1 }, { arbitrary: asks, weight: 1 })
const rules = fc.array(rule, { maxLength: 6 })

const one = fc.record({ action: fc.constantFrom('select' as const, 'insert' as const, 'update' as const), name: fc.constantFrom(...names), columns: fc.subarray(['id', 'email']), via: fc.option(fc.constantFrom('public.a', 'public.b'), { nil: null }) })
const what = fc.record({ accesses: fc.array(one, { minLength: 1, maxLength: 3 }), shown: fc.boolean(), used: fc.boolean() }).map(({ accesses, shown, used }) => () => effects(
  // a view on the way is always an access of its own, as classify has it
  accesses.flatMap((each) => {
    const via = each.via && each.via !== each.name ? [each.via] : []
    return [...via.map((view) => access('select', view, ['id'])), access(each.action, each.name, each.action === 'select' ? each.columns : null, { via })]
  }),
  { shown: shown ? [shows('public.customers.email', 'pii.email')] : [], used: used ? [uses('public.customers.email', 'pii.email')] : [] },
))
const wanted = fc.subarray(['pii.email'])
const bot: Caller = callerOf(principal('agent:bot', 'r', 's'))
const context = { purpose: 'p', session: null, time: 0 }

/** How much a decision gives: 0 nothing, 1 after people, 2 at once. */
const rank = (decision: Decision) => ({ deny: 0, ask: 1, permit: 2 })[decision.kind]
/** true when `a` gives no more than `b` does: not sooner, nothing in clear that was masked, no wider limit. */
function atMost(a: Decision, b: Decision): boolean {
  if (a.kind === 'deny') return true
  if (rank(a) > rank(b) || b.kind === 'deny') return false
  const [some, more] = [obligations(a), obligations(b)]
  return some.masks.every((mask, i) => mask !== null || more.masks[i] === null) && some.limits.rows <= more.limits.rows
}
/** A decision without the numbers of its rules, which do depend on their order. */
const meaning = (decision: Decision) => (decision.kind === 'deny' ? [decision.kind, decision.refusal.reason] : [decision.kind, obligations(decision), decision.kind === 'ask' ? decision.demands.map(({ by, quorum, withinMs }) => ({ by, quorum, withinMs })) : []])
const runs = { numRuns: 600 }

test('a deny never widens', () => {
  fc.assert(fc.property(rules, deny, what, wanted, (base, more, make, reveal) => {
    const [before, after] = [base, [...base, more]].map((all) => ask(policyOf(shop(), role('r', all)), bot, make(), { reveal, context }))
    expect(before && after && atMost(after, before)).toBe(true)
  }), runs)
})

test('neither does an ask', () => {
  fc.assert(fc.property(rules, asks, what, wanted, (base, more, make, reveal) => {
    const [before, after] = [base, [...base, more]].map((all) => ask(policyOf(shop(), role('r', all)), bot, make(), { reveal, context }))
    expect(before && after && atMost(after, before)).toBe(true)
  }), runs)
})

test('taking a reveal away, or classifying more, never shows more', () => {
  fc.assert(fc.property(rules, reveal, what, (base, more, make) => {
    const [without, withit] = [base, [...base, more]].map((all) => ask(policyOf(shop(), role('r', all)), bot, make(), { context }))
    expect(without && withit && (without.kind === 'deny' || obligations(without).masks.every((mask, i) => mask !== null || (withit.kind !== 'deny' && obligations(withit).masks[i] === null)))).toBe(true)
  }), runs)
})

test('the order of rules, of roles and of documents does not matter', () => {
  fc.assert(fc.property(rules, rules, what, wanted, fc.infiniteStream(fc.nat()), (first, second, make, reveal, random) => {
    const shuffled = <T>(list: readonly T[]) => list.map((item) => ({ item, key: random.next().value as number })).sort((a, b) => a.key - b.key).map(({ item }) => item)
    const there = ask(policyOf(shop(), role('r', first), role('s', second)), bot, make(), { reveal, context })
    const here = ask(policyOf(...shuffled([shop(), role('r', shuffled(second)), role('s', shuffled(first))])), bot, make(), { reveal, context })
    expect(meaning(here)).toEqual(meaning(there))
  }), runs)
})

test('rules in one role mean what they mean in many', () => {
  fc.assert(fc.property(rules, what, wanted, (all, make, reveal) => {
    const together = ask(policyOf(shop(), role('r', all)), bot, make(), { reveal, context })
    const apart = ask(policyOf(shop(), ...all.map((each, i) => role(`r${i}`, [each], [{ group: 'r' }]))), bot, make(), { reveal, context })
    expect(meaning(apart)).toEqual(meaning(together))
  }), runs)
})

test('two principals never get more than each alone, where no condition asks who they are', () => {
  const plain = fc.array(rule.filter((each) => !('when' in each)), { maxLength: 6 })
  fc.assert(fc.property(plain, plain, what, wanted, (first, second, make, reveal) => {
    const policy = policyOf(shop(), role('r', first), role('s', second))
    const [lena, acting] = [principal('user:lena', 'r'), principal('agent:bot', 's')]
    const together = ask(policy, callerOf(lena, acting), make(), { reveal, context })
    for (const alone of [lena, acting]) expect(atMost(together, ask(policy, callerOf(alone), make(), { reveal, context }))).toBe(true)
  }), runs)
})

test('more accesses never get more than fewer', () => {
  fc.assert(fc.property(rules, what, one, (base, make, extra) => {
    const policy = policyOf(shop(), role('r', base))
    const few = make()
    const more = { ...few, accesses: [...few.accesses, access(extra.action, extra.name, extra.action === 'select' ? extra.columns : null)] }
    expect(atMost(ask(policy, bot, more, { context }), ask(policy, bot, few, { context }))).toBe(true)
  }), runs)
})
