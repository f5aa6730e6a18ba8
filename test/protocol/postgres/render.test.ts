import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import fc from 'fast-check'
import pg from 'pg'
import { parseArray } from '../../../functions/protocol/postgres/array.ts'
import { bindText } from '../../../functions/protocol/postgres/bind.ts'
import { pinStatement } from '../../../functions/protocol/postgres/pins.ts'
import { renderer, typeOf } from '../../../functions/protocol/postgres/render.ts'
import { uniqueNames } from '../../../functions/protocol/unique.ts'
import type { Transport } from '../../../functions/protocol/postgres/port.ts'
import { transports } from '../../contract/transports.ts'
import { majors, withPostgres, type TestDatabase, type TestPostgres } from '../../support/postgres.ts'

/** Expression, its JSON. */
const values: readonly (readonly [string, unknown])[] = [
  ['1::int2', 1], ['(-2147483648)::int4', -2147483648], ["9223372036854775807::int8", '9223372036854775807'], ['12345678901234567890.123456789::numeric', '12345678901234567890.123456789'],
  ["'NaN'::numeric", 'NaN'], ['0.1::float4', 0.1], ['1e300::float8', 1e300], ["'NaN'::float8", 'NaN'], ["'-Infinity'::float8", '-Infinity'], ['true', true], ['false', false],
  ["'a'::text", 'a'], ["''::text", ''], ["'é𝄞'::varchar(5)", 'é𝄞'], ["'ab'::char(4)", 'ab  '], ["'n'::name", 'n'], ["'untyped'", 'untyped'], ['NULL', null], ["E'\\\\xdeadbeef'::bytea", '3q2+7w=='], ["''::bytea", ''],
  ["'2026-01-31'::date", '2026-01-31'], ["'infinity'::date", 'infinity'], ["'0044-03-15 BC'::date", '-000043-03-15'], ["'0001-12-31 BC'::date", '+000000-12-31'], ["'12026-01-01'::date", '+012026-01-01'],
  ["'2026-01-31 10:00:00'::timestamp", '2026-01-31T10:00:00'], ["'2026-01-31 10:00:00.123456+02'::timestamptz", '2026-01-31T08:00:00.123456Z'], ["'0044-03-15 10:00:00+00 BC'::timestamptz", '-000043-03-15T10:00:00Z'],
  ["'-infinity'::timestamptz", '-infinity'], ["'10:00:00.5'::time", '10:00:00.5'], ["'10:00:00+02'::timetz", '10:00:00+02'],
  ["'1 year 2 mons -3 days +04:05:06.7'::interval", 'P1Y2M-3DT4H5M6.7S'], ["'0'::interval", 'PT0S'], ["'-00:00:01.5'::interval", 'PT-1.5S'], ["'1 day'::interval", 'P1D'], ["'-1 year -2 mons'::interval", 'P-1Y-2M'], ["'100:00:00'::interval", 'PT100H'],
  ["'{\"a\":[1,2.50,null,\"x\"]}'::jsonb", { a: [1, 2.5, null, 'x'] }], ["'{\"big\":12345678901234567890,\"ok\":9007199254740991,\"f\":0.1,\"t\":1e2}'::json", { big: '12345678901234567890', ok: 9007199254740991, f: 0.1, t: 100 }],
  ["'1e400'::json", '1e400'], ["'\"text\"'::jsonb", 'text'], ["'null'::jsonb", null], ["'0.12345678901234567890'::jsonb", '0.12345678901234567890'], ["'[100000000000000000000]'::json", [100000000000000000000]],
  ["ARRAY[1,NULL,3]", [1, null, 3]], ["ARRAY[[1,2],[3,4]]", [[1, 2], [3, 4]]], ["'{}'::int[]", []], ["ARRAY['a\"b','c\\d','','NULL',NULL,'{x}','a,b',' s ']", ['a"b', 'c\\d', '', 'NULL', null, '{x}', 'a,b', ' s ']],
  ["'[2:3]={7,8}'::int[]", [7, 8]], ["ARRAY['2026-01-31'::date]", ['2026-01-31']], ["ARRAY['{\"a\":1}'::jsonb]", [{ a: 1 }]], ["ARRAY[9223372036854775807]", ['9223372036854775807']], ["'{(1,2),(3,4);(5,6),(7,8)}'::box[]", ['(3,4),(1,2)', '(7,8),(5,6)']],
  ["'b5c1e1f0-6a4e-4c4e-9b51-7d1f3f0c8a11'::uuid", 'b5c1e1f0-6a4e-4c4e-9b51-7d1f3f0c8a11'], ["int4range(1,5)", '[1,5)'], ['ROW(1,2)', '(1,2)'], ["'10.0.0.1'::inet", '10.0.0.1'], ["'<a/>'::xml", '<a/>'], ["B'101'", '101'], ["'pg_class'::regclass", 'pg_class'],
  ['4294967295::oid', 4294967295], ["'a b'::tsvector", "'a' 'b'"], ["'x'::\"char\"", 'x'],
]

for (const major of majors) describe.each(transports)(`values of a real server, ${major}, %s`, (_, open) => {
  let server: TestPostgres
  let database: TestDatabase
  let transport: Transport
  beforeAll(async () => {
    server = await withPostgres({ major })
    database = await server.createDatabase()
    transport = open(server)
  })
  afterAll(() => server.stop())
  const select = async (text: string, bound: (string | null)[] = []) => {
    const pins = pinStatement({ searchPath: ['public'], limits: { timeoutMs: 5000 }, deadline: Date.now() + 5000, readOnly: true, nonce: 'n' })
    const { results } = await transport.batch({ url: database.url, statements: [pins, { text, values: bound }], maxBytes: 1e6, timeoutMs: 5000 })
    return results[1]!
  }

  test('each comes as the JSON of its type', async () => {
    const { fields, rows } = await select(`SELECT ${values.map(([expression]) => expression).join(', ')}`)
    const got = fields.map((field, n) => { const text = rows[0]![n]!; return text === null ? null : renderer(typeOf(field.dataTypeID))(text) })
    expect(got.map((value, n) => [values[n]![0], value])).toEqual(values)
    expect(JSON.parse(JSON.stringify(got))).toEqual(got)
  })

  test('names of types are those of format_type', async () => {
    const { fields } = await select(`SELECT ${values.map(([expression]) => expression).join(', ')}`)
    const { rows } = await database.query('SELECT o, format_type(o, NULL) AS name FROM unnest($1::oid[]) o', [fields.map(({ dataTypeID }) => dataTypeID)])
    for (const { o, name } of rows as { o: number; name: string }[]) expect([o, typeOf(o).name]).toEqual([o, name])
  })

  test('what a direct connection reads is the same value', async () => {
    const comparable = values.filter(([expression]) => !/json|interval|bytea|time|date|box|int8|numeric|regclass/.test(expression))
    const client = new pg.Client(database.url)
    await client.connect()
    const direct = await client.query({ text: `SELECT ${comparable.map(([expression]) => expression).join(', ')}`, rowMode: 'array' }).finally(() => client.end())
    for (const [n, [expression, value]] of comparable.entries()) {
      const there = (direct.rows[0] as unknown[])[n]
      expect([expression, typeof there === 'number' && !Number.isFinite(there) ? String(there) : there]).toEqual([expression, value])
    }
  })

  test('whatever text goes in as a parameter comes out, alone and in an array', async () => {
    const text = fc.string({ unit: 'binary', maxLength: 30 }).map((value) => value.toWellFormed().replaceAll('\0', ''))
    await fc.assert(fc.asyncProperty(fc.array(fc.option(text), { minLength: 1, maxLength: 8 }), text, async (list, one) => {
      const { rows } = await select('SELECT $1::text[], $2::text, $3::jsonb', [bindText(list), bindText(one), bindText({ [one]: list })])
      expect(parseArray(rows[0]![0]!)).toEqual(list)
      expect(rows[0]![1]).toBe(one)
      expect(renderer(typeOf(3802))(rows[0]![2]!)).toEqual({ [one]: list })
    }), { numRuns: 60 })
  })
})

test('a repeated name never takes the place of another', () => {
  expect(uniqueNames(['a', 'a', 'a_2', 'a', 'b', 'a_2'])).toEqual(['a', 'a_3', 'a_2', 'a_4', 'b', 'a_2_2'])
  fc.assert(fc.property(fc.array(fc.constantFrom('a', 'a_2', 'a_2_2', 'a_3', '__proto__', '?column?')), (names) => {
    const unique = uniqueNames(names)
    expect(new Set(unique).size).toBe(names.length)
    names.forEach((name, n) => { if (names.indexOf(name) === n) expect(unique[n]).toBe(name) })
  }))
})

test('text that is no value of its type is given as text', () => {
  for (const text of ['', '{', '{1', '{"a}', 'x{1}', '{1}x', '{{{{{{{1}}}}}}}']) expect(renderer(typeOf(1007))(text)).toBe(text)
  expect(renderer(typeOf(3802))('{')).toBe('{')
  expect(renderer(typeOf(114))('['.repeat(5000) + ']'.repeat(5000))).toBe('['.repeat(5000) + ']'.repeat(5000))
})
