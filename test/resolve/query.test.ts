import { describe, expect, test } from 'vitest'
import { readQuery } from '../../functions/resolve/query.ts'

const reason = (body: unknown) => { const read = readQuery(body); return read.ok ? 'ok' : read.refusal.reason }
const refusal = (body: unknown) => { const read = readQuery(body); if (read.ok) throw new Error('read'); return read.refusal }

test('one statement and several have one form, with everything left out filled in', () => {
  expect(readQuery({ sql: 'select 1' })).toEqual({ ok: true, value: { statements: [{ sql: 'select 1', params: [] }], batch: false, isolation: 'read committed', purpose: null, reveal: [], rowMode: 'object', maxRows: null } })
  expect(readQuery({ transaction: [{ sql: 'a', params: [1, null, ['x'], { y: 'z' }] }, { sql: 'b' }], isolation: 'serializable', purpose: 'p', reveal: ['x', 'x'], rowMode: 'array', maxRows: 5 }))
    .toMatchObject({ value: { statements: [{ sql: 'a', params: [1, null, ['x'], { y: 'z' }] }, { sql: 'b', params: [] }], batch: true, isolation: 'serializable', purpose: 'p', reveal: ['x'], rowMode: 'array', maxRows: 5 } })
})

describe('what is not a query', () => {
  test.each([
    [null, 'body'], ['select 1', 'body'], [[{ sql: 'select 1' }], 'body'], [{}, 'body'], [{ sql: 'a', transaction: [] }, 'body'],
    [{ sql: '' }, 'empty_statement'], [{ transaction: [{ sql: '' }] }, 'empty_statement'], [{ sql: 1 }, 'member'], [{ transaction: [] }, 'member'], [{ transaction: { sql: 'a' } }, 'member'],
    [{ sql: 'a', params: {} }, 'member'], [{ sql: 'a', rowMode: 'rows' }, 'member'], [{ sql: 'a', maxRows: 0 }, 'member'], [{ sql: 'a', maxRows: 1.5 }, 'member'], [{ sql: 'a', reveal: 'pii' }, 'member'],
    [{ sql: 'a', isolation: 'serializable' }, 'unknown_member'], [{ sql: 'a', param: [] }, 'unknown_member'], [{ transaction: [{ sql: 'a', purpose: 'x' }] }, 'unknown_member'],
    [{ transaction: Array.from({ length: 51 }, () => ({ sql: 'a' })) }, 'member'], [{ sql: 'a', purpose: 'x'.repeat(501) }, 'member'],
    [{ sql: 'select 1\0; drop table x' }, 'text'], [{ sql: 'a', params: ['\0'] }, 'text'], [{ sql: 'a', params: [{ 'k\0': 1 }] }, 'text'], [{ sql: 'select \ud800' }, 'text'], [{ sql: 'a', params: [['\udc00x']] }, 'text'], [{ sql: 'a', purpose: 'a\0' }, 'text'],
    [{ sql: 'x'.repeat(65_537) }, 'statement_too_large'], [{ sql: 'é'.repeat(32_769) }, 'statement_too_large'], [{ sql: 'a', params: Array.from({ length: 1001 }, () => 1) }, 'too_many_parameters'],
    [{ transaction: Array.from({ length: 11 }, () => ({ sql: 'a', params: Array.from({ length: 100 }, () => 1) })) }, 'too_many_parameters'],
    [{ sql: 'a', params: ['x'.repeat(262_145)] }, 'parameters_too_large'], [{ transaction: Array.from({ length: 3 }, () => ({ sql: 'a', params: ['x'.repeat(90_000)] })) }, 'parameters_too_large'],
  ])('%#: %j', (body, expected) => expect(reason(body)).toBe(expected))
  test('just under the caps is one', () => {
    expect(reason({ sql: 'x'.repeat(65_536), params: Array.from({ length: 1000 }, () => 1) })).toBe('ok')
    expect(reason({ sql: 'a', params: ['😀', 'x'.repeat(262_000)] })).toBe('ok')
  })
  test('nesting of any depth is refused without falling over', () => {
    let deep: unknown = 1
    for (let i = 0; i < 100_000; i++) deep = [deep]
    expect(reason({ sql: 'a', params: [deep] })).toBe('too_deep')
  })
  test('is told by the member that is wrong, and never with the text that came', () => {
    expect(refusal({ transaction: [{ sql: 'a' }, { sql: 'b', params: 3 }] }).detail).toContain('`transaction[1].params`')
    expect(refusal({ sql: 'a', prams: [] }).detail).toBe('member `prams` is not known; there are sql, params, purpose, reveal, rowMode, maxRows')
    expect(refusal({ sql: 'a', params: [{ a: ['x', 'y\0'] }] }).detail).toBe('`params[0].a[1]` holds a NUL character at 1')
    expect(refusal({ sql: 'a', ['`\n'.repeat(500)]: 1 }).detail).toMatch(/^[^\n]{1,250}$/)
    expect(refusal({ sql: 'x'.repeat(70_000) })).toMatchObject({ slug: 'too-large', statement: 0 })
  })
})
