import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parse } from '../../../functions/protocol/mysql/parse.ts'
import { corpus, printed } from './roundtrip.ts'

const where = (expression: string) => {
  const of = printed(`SELECT 1 AS x FROM t WHERE ${expression}`)
  return 'text' in of ? of.text.replace('SELECT 1 AS `x` FROM `t` WHERE ', '').replaceAll('`', '') : of.refused
}

describe('an expression', () => {
  it.each([
    ['a OR b AND c', '(a OR (b AND c))'], ['a XOR b AND c', '(a XOR (b AND c))'], ['a OR b XOR c', '(a OR (b XOR c))'], ['a AND b AND c', '(a AND b AND c)'], ['(a AND b) AND c', '((a AND b) AND c)'], ['NOT a AND b', '((NOT a) AND b)'], ['NOT a = b', '(NOT (a = b))'], ['!a = b', '((NOT a) = b)'],
    ['NOT a IN (1)', '(NOT (a IN (1)))'], ['!a IN (1)', '((NOT a) IN (1))'], ['a = b IN (1)', '(a = (b IN (1)))'], ['a IN (1) = b', '((a IN (1)) = b)'], ['a = b = c', '((a = b) = c)'], ['a = b IS NULL', '((a = b) IS NULL)'], ['a IS NULL = b', '((a IS NULL) = b)'], ['a && b', '(a AND b)'], ['a != b', '(a <> b)'],
    ['a - b - c', '((a - b) - c)'], ['a + b * c ^ d', '(a + (b * (c ^ d)))'], ['a MOD b % c', '((a % b) % c)'], ['-a ^ b', '((-a) ^ b)'], ['- - a', '(-(-a))'], ['+a', 'a'], ['a | b & c << d + e', '(a | (b & (c << (d + e))))'], ['a < b + c', '(a < (b + c))'], ['BINARY a = b', '(CAST(a AS BINARY) = b)'],
    ['a BETWEEN b AND c AND d', '((a BETWEEN b AND c) AND d)'], ['a NOT BETWEEN b + 1 AND c', '(a NOT BETWEEN (b + 1) AND c)'], ["a LIKE 'b' AND c", "((a LIKE 'b') AND c)"], ['a REGEXP b + c', '(a REGEXP (b + c))'], ['a + INTERVAL b + 1 DAY - c', '((a + INTERVAL (b + 1) DAY) - c)'], ['-a COLLATE utf8mb4_bin', '(-(a COLLATE utf8mb4_bin))'],
    ['a = ANY (SELECT 1)', '(a = ANY (SELECT 1 AS 1))'], ['a <> ALL (SELECT 1)', '(a <> ALL (SELECT 1 AS 1))'], ['(a, b) = (1, 2)', '(ROW(a, b) = ROW(1, 2))'], ['(((a)))', 'a'], ['a IN ((SELECT 1), 2)', '(a IN ((SELECT 1 AS 1), 2))'], ['a IN (SELECT 1)', '(a IN (SELECT 1 AS 1))'],
  ])('%s is %s', (written, meant) => {
    expect(where(written)).toBe(meant)
  })
})

describe('a refusal', () => {
  it.each([
    ['SELECT a FROM t WHERE a = @x', '@', 'statement-unsupported'], ['SELECT a FROM t WHERE "b"', '"', 'statement-unsupported'], ['SELECT a FROM t INTO OUTFILE 1', 'INTO', 'statement-unsupported'], ['SELECT a FRM t x', 't', 'statement-unparsable'],
    ["SELECT 'é', a FROM t GROUP BY a DESC, b", 'a', 'statement-unsupported'], ['HANDLER t OPEN', 'HANDLER', 'statement-unsupported'], ['SELECT 1 AS rank', 'rank', 'statement-unparsable'],
  ])('of %s names the place: %s', (sql, text, slug) => {
    const of = parse(sql)
    if (of.ok || !of.refusal.span) throw new Error('not refused, or nowhere')
    expect([sql.slice(of.refusal.span.start, of.refusal.span.end), of.refusal.slug]).toEqual([text, slug])
  })

  it.each([
    ['parentheses', `SELECT ${'('.repeat(30_000)}1${')'.repeat(30_000)}`], ['open parentheses', `SELECT ${'('.repeat(60_000)}`], ['minus signs', `SELECT ${'- '.repeat(30_000)}1`], ['NOTs', `SELECT ${'NOT '.repeat(15_000)}1`], ['a chain', `SELECT 1${'+1'.repeat(30_000)}`],
    ['subqueries', `SELECT ${'(SELECT '.repeat(8_000)}`], ['derived tables', `SELECT * FROM ${'(SELECT * FROM '.repeat(4_000)}`], ['CASE', `SELECT ${'CASE WHEN '.repeat(6_000)}`], ['calls', `SELECT ${'f('.repeat(30_000)}`], ['joins', `SELECT 1 FROM a${' CROSS JOIN a'.repeat(5_000)}`], ['unions', `${'('.repeat(500)}SELECT 1${' UNION SELECT 1)'.repeat(500)}`],
    ['collations', `SELECT 1${' COLLATE binary'.repeat(4_000)}`], ['explains', `${'EXPLAIN '.repeat(8_000)}SELECT 1`], ['withs', `${'WITH a AS ('.repeat(5_000)}`],
  ])('is what too much nesting gets: %s', (_, sql) => {
    expect(printed(sql)).toEqual({ refused: expect.stringMatching(/^(too_deep|syntax_error|unsupported_explain): /) })
  })

  it('is not what a long list gets', () => {
    for (const sql of [`SELECT ${'1,'.repeat(30_000)}1`, `SELECT 1 FROM t WHERE ${'a OR '.repeat(13_000)}a`, `SELECT 1 FROM t WHERE a IN (${'1,'.repeat(30_000)}1)`, `SELECT 1${' UNION SELECT 1'.repeat(4_000)}`, `INSERT INTO t VALUES (1)${',(1)'.repeat(16_000)}`, `SELECT '${"''".repeat(30_000)}' AS x`, `SELECT 1 /*${'*'.repeat(60_000)}*/`, `SELECT 1${'\n'.repeat(60_000)}`, `SELECT b'${'1'.repeat(60_000)}' AS x`]) {
      expect(printed(sql), sql.slice(0, 60)).toHaveProperty('text')
    }
    expect(parse(`SELECT '${'é'.repeat(33_000)}'`)).toMatchObject({ refusal: { slug: 'too-large' } })
  })
})

describe('any text at all', () => {
  const fragments = ['SELECT', 'FROM', 'WHERE', 'a', 't', '1', "'x'", '`', "'", '"', '(', ')', ',', '.', '*', '+', '-', '--', '/*', '*/', '#', '\\', ';', '@', '?', 'UNION', 'JOIN', 'ON', 'IN', 'NOT', 'IS', 'NULL', 'CASE', 'END', 'INTERVAL', 'DAY', 'x\'', '0x', 'OVER', 'AS', 'INSERT', 'INTO', 'VALUES', 'UPDATE', 'SET', 'DELETE', '\n', ' ', '\0', 'é', '🙂', '_utf8mb4', 'JSON_TABLE', 'COLUMNS', 'MATCH', 'AGAINST', 'CAST', 'LIMIT', '=', '->', '{']
  const any = (text: string) => {
    const of = parse(text)
    if (!of.ok) expect(of.refusal.detail).toMatch(/^\S/)
    else expect(printed(text)).toHaveProperty('text')
  }
  it('is a statement or refused, never an error: bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => any(Buffer.from(bytes).toString('latin1'))), { numRuns: 5000 })
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 60 }), any), { numRuns: 5000 })
  })
  it('is a statement or refused, never an error: pieces of statements', () => {
    fc.assert(fc.property(fc.array(fc.constantFrom(...fragments), { maxLength: 30 }), fc.constantFrom('', ' '), (parts, between) => any(parts.join(between))), { numRuns: 5000 })
  })
  it('is what it was or refused when one character of it is gone', () => {
    const all = [...corpus('read'), ...corpus('write')]
    fc.assert(fc.property(fc.constantFrom(...all), fc.nat(), (sql, at) => any(sql.slice(0, at % sql.length) + sql.slice(at % sql.length + 1))), { numRuns: 2000 })
  })
})
