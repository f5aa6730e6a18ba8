import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openSession } from '../../oracle/session.ts'
import { majors, withPostgres, type TestPostgres } from '../../support/postgres.ts'
import { analysisOf } from './target.ts'

/**
 * Functions that run without being named: by a type, a cast, an operator, an index, a partition key, a domain's check. Each says so by a notice when the
 * real server runs it; what was heard must have been said before.
 */
const noisy = (name: string, args: string, returns: string, body: string) =>
  `CREATE FUNCTION ${name}(${args}) RETURNS ${returns} LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RAISE NOTICE 'ran %', '${name}'; RETURN ${body}; END $$;`
const compared = (type: string, prefix: string, by: string) => [
  ...(['lt <', 'le <=', 'eq =', 'ge >=', 'gt >'].map((pair) => { const [name, operator] = pair.split(' '); return noisy(`${prefix}_${name}`, `${type}, ${type}`, 'boolean', `${by.replaceAll('@', '$1')} ${operator} ${by.replaceAll('@', '$2')}`) })),
  ...(['lt <', 'le <=', 'eq =', 'ge >=', 'gt >'].map((pair) => { const [name, operator] = pair.split(' '); return `CREATE OPERATOR ${operator}% (LEFTARG = ${type}, RIGHTARG = ${type}, FUNCTION = ${prefix}_${name}${name === 'eq' ? ', HASHES, MERGES, COMMUTATOR = =%' : ''});` })),
  noisy(`${prefix}_cmp`, `${type}, ${type}`, 'int', `CASE WHEN ${by.replaceAll('@', '$1')} < ${by.replaceAll('@', '$2')} THEN -1 WHEN ${by.replaceAll('@', '$1')} > ${by.replaceAll('@', '$2')} THEN 1 ELSE 0 END`),
].join('\n')
const schema = `
${noisy('is_code', 'text', 'boolean', "$1 <> 'bad'")}
CREATE DOMAIN code AS text CHECK (is_code(VALUE));
CREATE TABLE coded (id int, c code); INSERT INTO coded VALUES (1, 'old');
CREATE TYPE pair AS (n int, c code);
CREATE FUNCTION takes(code) RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 1; END';
CREATE FUNCTION likes(code, code) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RETURN true; END'; CREATE OPERATOR ~% (LEFTARG = code, RIGHTARG = code, FUNCTION = likes);

CREATE TYPE deep AS (x int);
${compared('deep', 'deep', '(@).x')}
CREATE OPERATOR CLASS deep_ops DEFAULT FOR TYPE deep USING btree AS OPERATOR 1 <%, OPERATOR 2 <=%, OPERATOR 3 =%, OPERATOR 4 >=%, OPERATOR 5 >%, FUNCTION 1 deep_cmp(deep, deep);
CREATE TABLE deeps (id int, d deep); INSERT INTO deeps SELECT i, ROW(i % 3)::deep FROM generate_series(1, 9) i;

${noisy('int_cmp', 'int, int', 'int', 'CASE WHEN $1 < $2 THEN -1 WHEN $1 > $2 THEN 1 ELSE 0 END')}
CREATE OPERATOR CLASS int_noisy FOR TYPE int USING btree AS OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 int_cmp(int, int);
CREATE TABLE indexed (a int, b int); INSERT INTO indexed SELECT i, i FROM generate_series(1, 300) i;
CREATE INDEX ON indexed USING btree (a int_noisy);
CREATE TYPE span AS RANGE (subtype = int, subtype_opclass = int_noisy);
CREATE TABLE spans (s span, m span_multirange);

${noisy('int_hash', 'int, int8', 'int8', '$1 + $2')}
CREATE OPERATOR CLASS int_hashed FOR TYPE int USING hash AS OPERATOR 1 =, FUNCTION 2 int_hash(int, int8);
CREATE TABLE parted (a int, b int) PARTITION BY HASH (a int_hashed);
CREATE TABLE parted_0 PARTITION OF parted FOR VALUES WITH (MODULUS 2, REMAINDER 0); CREATE TABLE parted_1 PARTITION OF parted FOR VALUES WITH (MODULUS 2, REMAINDER 1);

${noisy('same', 'int, text', 'boolean', 'true')} ${noisy('other', 'int, text', 'boolean', 'false')}
CREATE OPERATOR #= (LEFTARG = int, RIGHTARG = text, FUNCTION = same); CREATE OPERATOR #<> (LEFTARG = int, RIGHTARG = text, FUNCTION = other, NEGATOR = #=);
${noisy('apart', 'box, box', 'boolean', 'true')}
CREATE OPERATOR !&& (LEFTARG = box, RIGHTARG = box, FUNCTION = apart, NEGATOR = OPERATOR(pg_catalog.&&));

${['index', 'predicate', 'check', 'statistic', 'part'].map((name) => noisy(`in_${name}`, 'int', name === 'predicate' || name === 'check' ? 'boolean' : 'int', name === 'predicate' || name === 'check' ? 'true' : '1')).join('\n')}
${noisy('of_column', 'int', 'int', '1')} ${noisy('behind', 'int, int', 'int', '1')} CREATE OPERATOR #+ (LEFTARG = int, RIGHTARG = int, FUNCTION = behind);
CREATE TABLE planned (a int, b int); INSERT INTO planned SELECT i, i FROM generate_series(1, 100) i;
CREATE INDEX ON planned ((in_index(1) + a)); CREATE INDEX ON planned (b) WHERE in_predicate(2); CREATE INDEX ON planned ((3 #+ 4)); CREATE INDEX ON planned ((of_column(b)));
CREATE STATISTICS s ON (in_statistic(5) * a), b FROM planned; ANALYZE planned;
CREATE TABLE elder (a int); CREATE TABLE heir (CHECK (in_check(6) AND a > 3)) INHERITS (elder);
CREATE TABLE keyed (a int) PARTITION BY RANGE ((in_part(7) + a)); CREATE TABLE keyed_1 PARTITION OF keyed FOR VALUES FROM (0) TO (1000);
`
const ambient = `
${noisy('to_j', 'boolean', 'jsonb', "'{}'")} CREATE CAST (boolean AS jsonb) WITH FUNCTION to_j(boolean) AS IMPLICIT;
${compared('point', 'point', '@[0]')}
CREATE OPERATOR CLASS point_sorted DEFAULT FOR TYPE point USING btree AS OPERATOR 1 <%, OPERATOR 2 <=%, OPERATOR 3 =%, OPERATOR 4 >=%, OPERATOR 5 >%, FUNCTION 1 point_cmp(point, point);
CREATE TABLE points (p point); INSERT INTO points VALUES ('(1,2)'), ('(2,2)'), ('(1,1)');
`

describe.each(majors)('functions that nobody names, on PostgreSQL %i', (major) => {
  let server: TestPostgres
  let url: string
  let beside: string
  let a: ReturnType<typeof analysisOf>
  let b: ReturnType<typeof analysisOf>
  beforeAll(async () => {
    server = await withPostgres({ major })
    const [database, other] = [await server.createDatabase(schema), await server.createDatabase(ambient)]
    url = database.url
    beside = other.url
    a = analysisOf(database, {})
    b = analysisOf(other, {})
  })
  afterAll(() => server.stop())
  test('an index expression over a column runs when rows are written, not when they are read', async () => {
    expect(await said(a, 'SELECT count(*) FROM planned')).toEqual(new Set(['call public.behind', 'call public.in_index', 'call public.in_predicate', 'call public.in_statistic', 'select public.planned()']))
    expect(await heard(url, 'SELECT b FROM planned WHERE b = 1')).not.toContain('call public.of_column')
  })
  /** In a session of its own: what the planner computed of a table it keeps for the session. */
  const heard = async (url: string, sql: string): Promise<string[]> => {
    const on = await openSession(url)
    await on.run('SET enable_seqscan = off; BEGIN')
    const { notices } = await on.run(sql)
    await on.close()
    return [...new Set(notices.flatMap(({ message }) => (message.startsWith('ran ') ? [`call public.${message.slice(4)}`] : [])))]
  }
  const said = async (analysis: typeof a, sql: string) => new Set((await analysis.accesses(sql)).map((line) => line.replace(/ (via|part of) .*/, '')))

  test.each([
    ["a cast to a domain", "SELECT 'x'::code"],
    ["a cast to an array of one", "SELECT '{x}'::code[]"],
    ["a row with one", "SELECT ROW(1, 'x')::pair"],
    ["an insert that names no column", "INSERT INTO coded VALUES (2, 'x')"],
    ["an insert from a select that names no column", 'INSERT INTO coded SELECT 2, b FROM (VALUES (\'x\')) v(b)'],
    ["a merge that names no column", "MERGE INTO coded t USING (VALUES (2)) v(i) ON t.id = v.i WHEN NOT MATCHED THEN INSERT VALUES (2, 'x')"],
    ["a row made of another", `SELECT jsonb_populate_record(coded, '{"c": "x"}') FROM coded`],
    ["a row made of a subquery's", `SELECT jsonb_populate_record((SELECT coded FROM coded), '{"c": "x"}')`],
    ["a literal given to a function", "SELECT takes('x')"],
    ["a literal under an operator", "SELECT 'x' ~% 'y'"],
    ['a sort', 'SELECT id FROM deeps ORDER BY d'],
    ['a distinct', 'SELECT DISTINCT d FROM deeps'],
    ['a group', 'SELECT count(*) FROM deeps GROUP BY d'],
    ['a window', 'SELECT rank() OVER (ORDER BY d) FROM deeps'],
    ['a union', 'SELECT d FROM deeps UNION SELECT d FROM deeps'],
    ['an index', 'SELECT b FROM indexed WHERE a = 7'],
    ["an index, to find what to update", 'UPDATE indexed SET b = 1 WHERE a = 7'],
    ['a range', "SELECT '[1,3]'::span"],
    ['a multirange', "SELECT '{[1,3],[2,5]}'::span_multirange"],
    ['a multirange that is inserted', "INSERT INTO spans (m) VALUES ('{[1,3],[2,5]}')"],
    ['a partition key', 'SELECT b FROM parted WHERE a = 7'],
    ['constants in indexes and statistics', 'SELECT count(*) FROM planned'],
    ['constants in indexes and statistics, of what is updated', 'UPDATE planned SET a = 1 WHERE false'],
    ['constants in the check of an heir', 'SELECT a FROM elder WHERE a = 1'],
    ['constants in a partition key', 'SELECT a FROM keyed WHERE a = 1'],
    ["an operator's negator", "SELECT NOT (b #<> 'x') FROM indexed"],
    ...(major === 15 ? [['the negator somebody gave to an operator of the server', "SELECT count(*) FROM indexed WHERE NOT (box(point(a, b), point(b, a)) && box(point(1, 1), point(2, 2)))"]] : []),
  ])('%s', async (_, sql) => {
    const ran = await heard(url, sql)
    expect(ran).not.toEqual([])
    const known = await said(a, sql)
    expect(ran.filter((line) => !known.has(line))).toEqual([])
  })
  test.each([
    ['a cast between two types of the server', "SELECT jsonb_typeof(true)"],
    ['a sort by a type of the server', 'SELECT p FROM points ORDER BY p'],
    ['a distinct of a type of the server', 'SELECT DISTINCT p FROM points'],
  ])('%s', async (_, sql) => {
    const ran = await heard(beside, sql)
    expect(ran).not.toEqual([])
    const known = await said(b, sql)
    expect(ran.filter((line) => !known.has(line))).toEqual([])
  })
})
