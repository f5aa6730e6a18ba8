import { expect, test } from 'vitest'
import { canonicalJson, digest } from '../../schema/bundle.ts'
import { abilities } from '../../functions/decide/explain.ts'
import { canApply } from '../../functions/decide/own.ts'
import { compile } from '../../functions/decide/compile.ts'
import { access, agent, ask, callerOf, document, policyOf, principal, role, shop, verdict } from './world.ts'

test('a connection has its defaults filled in', () => {
  expect(policyOf(shop({ mask: { 'pii.email': 'hash' }, limits: { rows: 5 } })).connections.get('shop')).toMatchObject({
    searchPath: ['public'], mask: { '*': 'redact', 'pii.email': 'hash' }, detect: [], limits: { rows: 5, bytes: 1_048_576, timeout: '10s', affected: 100 },
  })
})

test('a bundle no check can have passed is refused whole', () => {
  const bundle = (...documents: unknown[]) => ({ documents: documents.map((value, i) => ({ path: `${i}.yaml`, document: value as ReturnType<typeof document> })) })
  expect(() => compile(bundle({ ...shop(), version: 2 }))).toThrow(expect.objectContaining({ code: 'policy-corrupt' }))
  expect(() => compile(bundle({ ...role('r', []), extra: 1 }))).toThrow(expect.objectContaining({ code: 'policy-corrupt' }))
  expect(() => compile(bundle(document(shop()), document(shop())))).toThrow(expect.objectContaining({ code: 'policy-corrupt' }))
})

test('the version is the digest of what the documents say, whatever order they came in', () => {
  const [a, b] = [{ path: 'a.yaml', document: document(shop()) }, { path: 'b.yaml', document: document(role('r', [])) }]
  expect(digest({ documents: [a, b] })).toBe(digest({ documents: [b, a] }))
  expect(digest({ documents: [a, b] })).toBe(digest({ documents: [JSON.parse(JSON.stringify(b)), a] }))
  expect(digest({ documents: [a] })).not.toBe(digest({ documents: [a, b] }))
  expect(digest({ documents: [a] })).not.toBe(digest({ documents: [{ ...a, path: 'c.yaml' }] }))
})

test('canonical json is that of RFC 8785', () => {
  expect(canonicalJson({ '\u20ac': 'Euro Sign', '\r': 'CR', '\ufb33': 'Hebrew', 1: 'One', '\ud83d\ude00': 'Smile', '\u0080': 'Control', '\u00f6': 'o' }))
    .toBe('{"\\r":"CR","1":"One","\u0080":"Control","\u00f6":"o","\u20ac":"Euro Sign","\ud83d\ude00":"Smile","\ufb33":"Hebrew"}')
  expect(canonicalJson([333333333.33333329, 1e30, 4.5, 2e-3, 1e-27, -0])).toBe('[333333333.3333333,1e+30,4.5,0.002,1e-27,0]')
  for (const lost of ['\ud800', Number.NaN, [() => 1], { a: Symbol('x') }]) expect(() => canonicalJson(lost)).toThrow(RangeError)
})

test('abilities tell a caller its own rules, per connection it can use, and nobody else\'s', () => {
  const policy = policyOf(shop(), shop({ name: 'secret' }), role('r', [{ allow: ['select'], reveal: ['pii.email'], on: ['public.a'], when: 'actor == null' }, { deny: ['*'], connection: '*' }]),
    role('other', [{ allow: ['*'], connection: 'secret', on: ['public.z'] }]), role('p', [{ allow: ['read', 'apply'], connection: 'sluice', on: ['policy'] }]))
  const told = abilities(policy, agent('r'))
  expect(told).toMatchObject([{ connection: 'shop', engine: 'postgres', limits: { rows: 1000 }, principals: [{ id: 'agent:bot',
    may: [{ rule: 'r.rules[0]', actions: ['select'], on: ['public.a'], when: 'actor == null' }], reveals: [{ actions: ['pii.email'] }], never: [{ rule: 'r.rules[1]', actions: ['*'] }], asks: [] }] }])
  expect(JSON.stringify(told)).not.toMatch(/secret|other|public\.z/)
  expect(abilities(policy, agent('p'))).toMatchObject([{ connection: 'sluice' }])
  expect(abilities(policy, agent())).toEqual([])
  expect(abilities(policyOf(shop(), role('r', [{ allow: ['*'], connection: '*', on: ['*.*'] }])), agent('r')).map(({ connection }) => connection)).toEqual(['shop'])
})

test('an author can tell whether the next policy would still let it apply, if only by asking', () => {
  const rule = (more: object) => policyOf(role('p', [{ allow: ['apply'], connection: 'sluice', on: ['policy'], ...more }]))
  expect(canApply(rule({}), agent('p'), 0)).toBe(true)
  expect(canApply(rule({ approval: { by: ['x'] } }), agent('p'), 0)).toBe(true)
  expect(canApply(rule({ when: 'subject.kind == "user"' }), agent('p'), 0)).toBe(false)
  expect(canApply(rule({}), agent('q'), 0)).toBe(false)
  expect(canApply(rule({}), callerOf(principal('user:x', 'p'), principal('agent:y')), 0)).toBe(false)
})

test('invented names fill no memory: a policy answers the millionth as the first', () => {
  const policy = policyOf(shop(), role('r', [{ allow: ['select'], on: ['public.t*'] }]))
  for (let i = 0; i < 10_000; i++) ask(policy, agent('r'), [access('select', `public.t${i}`)])
  expect(verdict(ask(policy, agent('r'), [access('select', 'public.t0')]))).toBe('permit')
  expect(verdict(ask(policy, agent('r'), [access('select', 'public.u0')]))).toBe('no_rule')
})
