import { expect, test } from 'vitest'
import type { Used } from '../../schema/effects.ts'
import { ok, refuse, type Refusal } from '../../schema/refusal.ts'
import type { Query } from '../../schema/request.ts'
import { boundBy, eachStatement, effectsOf, missingIn, untold, using, type Facts } from '../../functions/protocol/facts.ts'

const access = (resource: string) => ({ action: 'select' as const, resource, columns: ['id'], system: false, via: [], statement: 0, span: null })
const used: Used = { dataClass: 'pii.email', resource: 'public.people', column: 'email', statement: 0, span: null, how: 'in a where clause' }
const facts = (more: Partial<Facts> = {}): Facts => ({ accesses: [access('public.people')], shown: [{ ...used, output: 0 }], used: [used], readOnly: true, parameters: 1, written: [], heavy: [], ...more })
const query = (...statements: readonly string[]): Query => ({ statements: statements.map((sql) => ({ sql, params: [] })), batch: statements.length > 1, isolation: 'read committed', purpose: null, reveal: [], rowMode: 'object', maxRows: null })
const refusal: Refusal = { slug: 'statement-unsupported', reason: 'unknown_syntax', detail: 'it cannot be used here', next: 'fix' }

test('statements are looked at in their order, up to the first refusal, which says its place in a batch and none where there is one', async () => {
  const seen: string[] = []
  const work = ({ sql }: { readonly sql: string }) => { seen.push(sql); return sql === 'bad' ? refuse(refusal) : ok(sql) }
  expect(await eachStatement(query('a', 'b'), work)).toEqual(ok(['a', 'b']))
  expect([await eachStatement(query('a', 'bad', 'c'), async (one) => work(one)), await eachStatement(query('bad'), work)]).toEqual([refuse({ ...refusal, statement: 1 }), refuse(refusal)])
  expect(seen).toEqual(['a', 'b', 'a', 'bad', 'bad'])
})

test('a call is held to as many parameters as the statement has, then to their length, then to what they would write back', () => {
  const setting = { span: null, resource: 'public.people', column: 'email', classes: [{ dataClass: 'pii.email', mask: 'email' as const }], parameter: 7 }
  const one = facts({ heavy: [{ parameter: 0, most: 64, what: 'strpos()', span: null }], written: [setting] })
  const bound = (params: readonly string[], texts: readonly string[] = params) => boundBy(one, params, String, (parameter) => (parameter === 7 ? texts : []))
  expect([bound([]), bound(['x'.repeat(65), 'y'])]).toMatchObject([0, 2].map((count) => ({ ok: false, refusal: { slug: 'invalid-request', reason: 'parameter_count', detail: `the statement has 1 parameters, the call gives ${count}` } })))
  expect(bound(['***'.repeat(30)])).toMatchObject({ ok: false, refusal: { reason: 'too_heavy' } })
  expect(bound(['ok'])).toEqual(ok(one))
  expect(bound(['j***@example.com'])).toMatchObject({ ok: true, value: { used: [used, { back: 'mask', dataClass: 'pii.email' }] } })
  expect(one.used).toEqual([used])
  expect(using(one, [])).toBe(one)
})

test('of several statements every place has its number, and one that writes makes the whole a write', () => {
  const effects = effectsOf([facts(), facts({ accesses: [access('public.orders')], readOnly: false })], 'f')
  expect(effects).toMatchObject({ readOnly: false, fingerprint: 'f', accesses: [{ resource: 'public.people', statement: 0 }, { resource: 'public.orders', statement: 1 }], shown: [{ statement: 0 }, { statement: 1 }], used: [{ statement: 0 }, { statement: 1 }] })
})
test('effects are an object of their own for each call, so that a permit for one plan is none for another', () => {
  const one = facts()
  expect(effectsOf([one], 'f')).toEqual(effectsOf([one], 'f'))
  expect(effectsOf([one], 'f')).not.toBe(effectsOf([one], 'f'))
})

test('what is missing is told by execution, and what is unknown before anybody is asked, each once it is decided', async () => {
  const [one, batch] = [query('a'), query('a', 'b', 'c')]
  expect(untold(one, [{}])).toEqual({})
  expect(untold(one, [{ missing: refusal }])).toEqual({ fails: refusal })
  const { preview, fails } = untold(batch, [{}, { missing: { ...refusal, reason: 'first' } }, { missing: refusal, unknown: true }])
  expect([fails, await preview?.()]).toEqual([{ ...refusal, reason: 'first', statement: 1 }, refuse({ ...refusal, statement: 2 })])
})

test('at execution a missing name is told by a catalog that is fresh, and looked for once more by one that is not', () => {
  const gone = { ...refusal, slug: 'target-error' as const, reason: 'undefined_name' }
  expect([missingIn({ statements: [{}, {}], fresh: false }), missingIn({ statements: [], fresh: true })]).toEqual([null, null])
  expect([missingIn({ statements: [{ missing: gone }], fresh: true }), missingIn({ statements: [{ missing: gone }], fresh: false })]).toEqual([{ status: 'failed', refusal: gone }, 'stale'])
  expect(missingIn({ statements: [{}, { missing: gone }, { missing: refusal }], fresh: true })).toEqual({ status: 'failed', refusal: { ...gone, statement: 1 } })
})
test('what is unknown is not there later either', () => {
  expect(missingIn({ statements: [{ missing: refusal, unknown: true }], fresh: false })).toEqual({ status: 'failed', refusal })
})
