import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { analysisOf } from './target.ts'
import { withPostgres, type TestDatabase, type TestPostgres } from '../../support/postgres.ts'

/** Statements that ran for longer than five seconds on PostgreSQL 15 under a timeout of one, and what honest work writes with the same functions. */
const schema = `
CREATE FUNCTION left(text, text, text) RETURNS text LANGUAGE sql AS 'SELECT repeat($1, 1000000)';
CREATE TABLE notes (id int PRIMARY KEY, title varchar(80), body text, tags text[], data jsonb, flags varbit, during tstzrange, area polygon, amount numeric, embedding real[]);
CREATE TABLE people (id int PRIMARY KEY, name text, email text, joined date);
CREATE VIEW words AS SELECT id, word FROM notes, unnest(string_to_array(body, ' ')) AS word;
CREATE VIEW merged AS SELECT * FROM (SELECT body FROM notes) n FULL JOIN (SELECT repeat(name, 1000000) AS body FROM people) p USING (body);
CREATE VIEW labels AS SELECT id, name || ' <' || email || '>' AS label, repeat(name, 1000000) AS wide FROM people;
`
const both = "(select repeat('a', 16000000) as x, repeat('b', 16000000) as y) t"
const often = (one: string, between = ', ') => Array.from({ length: 150 }, () => one).join(between)
/** A parameter 2^n times over, without a word that is long: a list of as many would fill the gate's memory before anything is decided. */
const doubled = (n: number): string => (n === 0 ? 'select $1::text as x' : `select x || x as x from (${doubled(n - 1)}) s${n}`)
describe('what no time limit stops', () => {
  let server: TestPostgres
  let database: TestDatabase
  let a: ReturnType<typeof analysisOf>
  beforeAll(async () => {
    server = await withPostgres()
    database = await server.createDatabase(schema)
    a = analysisOf(database, {})
  })
  afterAll(() => server.stop())

  const long = "repeat('a', 3000000)"
  const needle = "('b' || repeat('a', 400000))"
  test.each([
    `select strpos(${long}, ${needle})`, `select position(${needle} in ${long})`, `select replace(${long}, ${needle}, '')`, `select split_part(${long}, ${needle}, 2)`, `select string_to_array(${long}, ${needle})`, `select * from string_to_table(${long}, ${needle})`,
    `select translate(${long}, repeat('b', 400000), '')`, `select btrim(${long}, repeat('b', 400000))`, `select trim(leading repeat('b', 400000) from ${long})`, `select ${long} like '%' || repeat('a', 300000) || 'b%'`, `select id from notes where ${long} not ilike '%' || ${needle}`, `select ${long} like any (array['%' || ${needle}])`,
    "select position(repeat('0', 400000)::bit varying || '1' in repeat('0', 3000000)::bit varying)", "select position('1'::bit(400000) in '0'::bit(3000000))", "select array_fill('a'::text, array[300000]) && array_fill('b'::text, array[300000])", 'select array(select i from generate_series(1, 1000000) i) @> array(select -i from generate_series(1, 1000000) i)',
    "select to_jsonb(array_fill('a'::text, array[100000])) - array_fill('b'::text, array[100000])", "select to_jsonb(array_fill('a'::text, array[100000])) ?| array_fill('b'::text, array[100000])", "select to_jsonb(array_fill(1, array[300000])) @> to_jsonb(array_fill(2, array[300000]))",
    "select normalize(repeat(U&'\\0301\\0316', 300000), NFC)", "select repeat('x', 300000) is nfc normalized", "select xpath('//*[count(//*[count(//*)>0])>0]', ('<a>' || repeat('<b/>', 2000) || '</a>')::xml)", "select xmlexists('//*[count(//*[count(//*)>0])>0]' passing by ref ('<a/>'::xml))", 'select xpath(body, data::text::xml) from notes',
    "select polygon(20000, circle '((0,0),1)') <-> polygon(20000, circle '((5,0),0.5)')", "select polygon(id, circle '((0,0),1)') from notes", "select ts_headline('simple', repeat('a b c ', 100000), to_tsquery('simple', 'a & b'))", "select to_date(repeat('1', 1000000), repeat('YYYY', 250000))",
    `select strpos(x, y) from (select ${long} as x, ${needle} as y) t`, `with t(x, y) as (values (${long}, ${needle})) select strpos(x, y) from t`, "with recursive t(x) as (select 'a' union all select x || x from t where length(x) < 4000000) select strpos(t.x, u.x) from t, t u", `select strpos(x, x || 'b') from (select ${long} as x union all select 'a') t`,
    "select strpos(string_agg(body, ''), string_agg(title, '')) from notes", 'select strpos(lpad(body, id), lpad(title, id)) from notes', "select strpos(upper((select string_agg(body, '') from notes)), body || body) from notes", "select strpos(coalesce(rpad('a', 3000000), ''), case when id = 1 then rpad('b', 300000, 'a') end) from notes", "select strpos(n.body, m.wide) from notes n, (select repeat(label, 1000) as wide from labels) m",
    `select strpos(left(${long}, -1), right(${needle}, -1))`, `select ${long} like any (select '%' || ${needle})`, "with recursive t(x, n) as (select 'a', 0 union all select x || x, strpos(x, x || 'b') from t where length(x) < 4000000) select max(n) from t",
    "select strpos(array_to_string(string_to_array(body, 'a'), body), array_to_string(string_to_array(body, 'b'), body)) from notes", 'select strpos(concat_ws(body, variadic tags), concat_ws(body, variadic tags)) from notes', 'select jsonb_contains((select jsonb_agg(id) from notes), (select jsonb_agg(id) from people))',
    `select strpos(${Array.from({ length: 40 }, () => 'round(1e131071)::text').join(' || ')}, ${Array.from({ length: 40 }, () => '(2 - 1e131071)::text').join(' || ')})`, "select strpos(to_char(now(), repeat('FMMonth', 100000)), to_char(now(), repeat('FMMonth', 90000)) || 'x')",
    "select strpos(replace(body, 'a', repeat('a', 10000)), replace(body, 'b', repeat('a', 10000))) from notes", "select strpos((1e131071)::text || (1e131071)::text || (1e131071)::text, (1e131071)::text || (1e131071)::text)",
    "select strpos(wide, wide || 'b') from labels", 'select strpos(l.wide, n.body) from labels l, notes n', "select strpos(body, body || 'b') from merged", 'select strpos(w.word, n.body) from words w, notes n',
    `select ${often('xmlelement(name a, x)')} from ${both}`, `select ${often('xmlforest(x as a, y as b)')} from ${both}`, "select strpos(left(body, 'a', 'b'), left(title, 'a', 'b')) from notes", "select strpos(public.left(body, 'a', 'b'), body) from notes",
    ...['reverse(x)', 'upper(x)', "x ~ 'ab+c'", 'x = y', 'x between y and y', "x like 'b'", 'x::bytea', 'x || y', '(x, 1) = (y, 1)', 'x is distinct from y', "x similar to 'b'", 'nullif(x, y)'].map((one) => `select ${often(one)} from ${both}`),
    `select x in (${often('y')}) from ${both}`, `select 'a' = any (array[${often('y')}]) from ${both}`, `select greatest(${often('y')}) from ${both}`, `select concat(${often('y')}) from ${both}`, `select (${often('x')}) = (${often('y')}) from ${both}`, `select case x ${often('when y then 1', ' ')} end from ${both}`,
    `select ${often('upper(x)')} from (${doubled(20)}) t`, `select strpos(x, x || 'b') from (${doubled(40)}) t`,
    `select strpos(x, y) from repeat('a', 3000000) x, concat('b', repeat('a', 400000)) y`, "select strpos(x, x || 'b') from repeat('a', 4000000) as x", "select strpos(x, body) from left('a', 'b', 'c') as x, notes",
    "select strpos(x, x || 'b') from string_to_table(repeat('a', 4000000), 'b') as x", "select strpos(x, x || 'b') from rows from (upper(repeat('a', 4000000))) as t(x)", "select strpos(x, x || 'b') from notes n, lateral concat(n.body, n.body) x(x)",
  ].map((sql) => [sql.slice(0, 120), sql] as const))('%s', async (_, sql) => {
    expect((await a.refusal({ sql, params: sql.includes('$1') ? ['x'] : [] })).reason).toBe('too_heavy')
  })

  test.each([
    "select id from people where name ilike '%ada%' and strpos(email, '@') > 1", "select id from people where lower(email) like '%' || lower(name) || '%'", "select split_part(email, '@', 2), count(*) from people group by 1 having string_agg(name, ',') like '%Ada%'", "select replace(replace(body, chr(10), ' '), '  ', ' ') from notes",
    "select replace(to_char(sum(amount), 'FM999G999D00'), ',', '.') from notes", "select id from notes where tags @> array['a', 'b'] or tags && '{x,y}' or data @> '{\"a\": [1, 2]}' or data ?| array['k', 'l']", "select data - array['a', 'b'], data - 'c', amount - 1, joined - 7, sum(amount) - sum(amount) from notes, people group by 1, 2, 3, 4",
    "select n.id from notes n join notes m on n.tags && m.tags and n.during && m.during", "select id from notes where during && tstzrange(now() - interval '1 day', now() + interval '1 day')", "select to_char(joined, 'YYYY-MM'), to_date(substr(name, 1, 10), 'YYYY-MM-DD'), to_timestamp(amount / 1000) from people, notes",
    "select id from labels where label like '%@acme%' and strpos(label, 'x') > 0", "with recursive t(id, path) as (select id, name from people union all select p.id, t.path || '/' || p.name from people p join t on p.id = t.id + 1) select id from t where path like '%Ada%'", "select btrim(name), trim(both ' ' from name), translate(name, 'áéí', 'aei'), rpad(name, 20), repeat('*', 5), lpad(id::text, 8, '0') from people",
    "select title, ts_rank_cd(to_tsvector(body), query) as rank from notes, websearch_to_tsquery('english', 'river -fox') as query where to_tsvector(body) @@ query order by rank desc", "select id from people, lower('ADA') as who where strpos(name, who) > 0",
    "select ts_rank_cd(to_tsvector('simple', body), plainto_tsquery('simple', 'a b')), ts_headline(body, to_tsquery('a & b')) from notes", "select xpath('/a/b[1]/@id', '<a/>'::xml), xpath('//b/text()', body::xml) from notes", 'select array_agg(tags) @> array[array[\'a\']] from notes', "select format('%s: %s', name, count(*)) from people group by name", "select normalize(name) from people",
    `select ${often("case when body ~ 'a+' then true when title || body = left(body, 3) then age(now(), joined) > '1 day' and (title, body) > ('a', 'b') end::text")} from notes, people`, `select id from notes group by id having string_agg(title, ',') in (${often("'a'")}, ${often("'b'")})`,
    `select id from notes where (id, title) in (${often("(1, 'a')")}, ${often("(2, 'b')")})`, "select id from words where word like '%a%' and word <> 'x'",
    "select polygon(12, circle '((0,0),1)') @> point(0.5, 0), point(1, 2) <-> point(3, 4), area && polygon '((0,0),(1,1),(1,0))' from notes", "select id from people p where position(lower(left(name, 3)) in lower(email)) > 0 and (select max(title) from notes) like 'A%'", "select concat_ws(' ', name, email) ilike '%x%', (name || ' ' || email) like '%y%' from people",
  ].map((sql) => [sql.slice(0, 120), sql] as const))('honest work passes: %s', async (_, sql) => {
    expect((await a.plan(sql)).plan.statements[0]?.missing).toBeUndefined()
  })

  const asked = (sql: string, ...params: readonly string[]) => a.ask({ sql, params: [...params] })
  test('a parameter may be as long as what stands opposite lets it', async () => {
    for (const sql of ['select id from people where name ilike $1', "select id from people where name ilike '%' || $1 || '%'", 'select strpos(body, $1) from notes', 'select id from notes where tags @> $1']) {
      expect([sql, (await asked(sql, 'x'.repeat(60_000))).ok]).toEqual([sql, true])
      expect(await asked(sql, 'x'.repeat(66_000))).toMatchObject({ ok: false, refusal: { reason: 'too_heavy', next: 'fix' } })
    }
    const sum = "select string_agg(body, '') like '%' || $1 || '%' from notes"
    expect((await asked(sum, 'x'.repeat(60))).ok).toBe(true)
    expect(await asked(sum, 'x'.repeat(65))).toMatchObject({ ok: false, refusal: { reason: 'too_heavy', detail: expect.stringContaining('longer than 64 bytes') } })
    expect((await asked('select strpos($1, $2)', 'x'.repeat(60_000), 'y'.repeat(60_000))).ok).toBe(true)
    expect((await asked('select strpos($1, $2)', 'x'.repeat(500_000), 'y'.repeat(400_000))).ok).toBe(false)
    expect(await a.refusal('select strpos(repeat($1, 1000), repeat($2, 1000))')).toMatchObject({ reason: 'too_heavy' })
    const many = `select strpos(x, x || 'b') from (${doubled(6)}) t`
    expect((await asked(many, 'x'.repeat(64))).ok).toBe(true)
    expect(await asked(many, 'x'.repeat(65))).toMatchObject({ ok: false, refusal: { reason: 'too_heavy', detail: expect.stringContaining('parameter 1 is longer than 64 bytes') } })
    expect((await asked(`select x from (${doubled(40)}) t`, 'x')).ok).toBe(true)
  })
})
