import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ConnectionDocument } from '../../../schema/policy.ts'
import { mysqlServer, startServer, whyNot } from '../../local/server.mysql.ts'
import { analysisOf, rowsOf } from './target.ts'

/** A classified column in a GROUP BY is no use beside the whole primary key of its table: what is printed leaves it out, so the server compares no value of it. */
const schema = `CREATE DATABASE g CHARACTER SET utf8mb4; USE g;
CREATE TABLE people (id INT PRIMARY KEY, name VARCHAR(20), email VARCHAR(40), loud VARCHAR(40) AS (UPPER(email)), kind INT, KEY (email)); CREATE TABLE pairs (a INT, b INT, email VARCHAR(40), PRIMARY KEY (a, b)); CREATE TABLE visits (id INT PRIMARY KEY, person INT, pages INT);
CREATE TABLE loose (id INT, email VARCHAR(40)); CREATE TABLE uniq (id INT NOT NULL UNIQUE, email VARCHAR(40)); CREATE TABLE mails (email VARCHAR(40) PRIMARY KEY, name VARCHAR(20));
CREATE VIEW seen AS SELECT id, email FROM people; CREATE VIEW grouped AS SELECT id, email FROM people GROUP BY id, email;
INSERT INTO people (id, name, email, kind) SELECT seq, CONCAT('n', seq % 5), MD5(seq), seq % 3 FROM seq_1_to_40; INSERT INTO visits SELECT seq, seq % 45, seq FROM seq_1_to_90; INSERT INTO pairs SELECT seq, seq % 7, MD5(seq) FROM seq_1_to_30;
INSERT INTO mails SELECT email, name FROM people; INSERT INTO loose SELECT id, email FROM people; INSERT INTO uniq SELECT id, email FROM people;`
const connection: ConnectionDocument = { version: 1, kind: 'connection', name: 'g', engine: 'mysql', secret: 'x', searchPath: ['g'], classify: Object.fromEntries(['people', 'pairs', 'loose', 'uniq', 'mails'].map((table) => [`g.${table}.email`, 'pii.email'])) }

describe.skipIf(mysqlServer === null)(`a group by a table's key${whyNot}`, () => {
  let db: Awaited<ReturnType<typeof startServer>>
  let ask: ReturnType<typeof analysisOf>['ask']
  beforeAll(async () => { db = await startServer(schema); await db.admin.query('USE g'); ask = analysisOf(db.admin, connection).ask }, 120_000)
  afterAll(() => db?.stop(), 60_000)
  const told = async (sql: string) => {
    const result = await ask(sql)
    if (!result.ok) return result.refusal.detail
    return { used: result.value.effects.used.map(({ column, how }) => `${column} ${how}`), text: result.value.plan.statements[0]?.text ?? '', reads: result.value.effects.accesses.flatMap(({ columns }) => columns ?? []) }
  }

  test.each([
    'SELECT p.id, p.name, p.email, COUNT(*) FROM people p JOIN visits v ON v.person = p.id GROUP BY p.id, p.name, p.email ORDER BY p.id', 'SELECT p.id, p.name, p.email, COUNT(*) AS n FROM people p JOIN visits v ON v.person = p.id GROUP BY 1, 2, 3 ORDER BY n DESC, p.id LIMIT 5',
    'SELECT people.id, email, SUM(pages) FROM people, visits WHERE person = people.id GROUP BY email, people.id HAVING SUM(pages) > 3 ORDER BY 1', 'SELECT v.id, p.id, p.email FROM visits v LEFT JOIN people p ON p.id = v.person GROUP BY v.id, p.id, p.email ORDER BY v.id',
    'SELECT a, b, email FROM pairs GROUP BY a, b, email ORDER BY a', 'SELECT x.id, y.id, x.email, y.email FROM people x JOIN people y ON y.id = x.id + 1 GROUP BY x.id, y.id, x.email, y.email ORDER BY x.id', 'SELECT id FROM people GROUP BY id, email ORDER BY id',
    'WITH g AS (SELECT id, email, COUNT(*) AS n FROM people GROUP BY id, email) SELECT * FROM g ORDER BY id', 'SELECT pairs.*, COUNT(*) FROM pairs JOIN visits v ON v.id = a GROUP BY 1, 2, 3 ORDER BY 1',
  ])('is printed by the key, gives what the caller\'s text gives, and still reads the column: %s', async (sql) => {
    const answer = await told(sql)
    expect(answer).toMatchObject({ used: [], reads: expect.arrayContaining(['email']) as unknown })
    const { text } = answer as { text: string }
    expect(/GROUP BY (?:(?!ORDER|HAVING|LIMIT|\)).)*email/.test(text)).toBe(false)
    expect((await rowsOf(db.admin, text)).rows).toEqual((await rowsOf(db.admin, sql)).rows)
  })
  test.each([
    'SELECT email FROM people GROUP BY email', 'SELECT name, email FROM people GROUP BY name, email', 'SELECT a, email FROM pairs GROUP BY a, email', 'SELECT id, email FROM loose GROUP BY id, email', 'SELECT id, email FROM uniq GROUP BY id, email', 'SELECT email, name FROM mails GROUP BY email, name',
    'SELECT y.email FROM people x, people y GROUP BY x.id, y.email', 'SELECT y.email AS id FROM people x, people y GROUP BY x.id, 1', 'SELECT v.id, p.email FROM visits v JOIN people p ON p.id = v.person GROUP BY v.id, p.email', 'SELECT v.person, p.email FROM visits v JOIN people p ON p.id = v.person GROUP BY v.person, p.email',
    'SELECT id, email FROM people GROUP BY id, email WITH ROLLUP', 'SELECT id, email FROM people GROUP BY id, LOWER(email)', 'SELECT id + 0, email FROM people GROUP BY id + 0, email', 'SELECT id, email FROM people GROUP BY id, email ORDER BY email', "SELECT id, email FROM people GROUP BY id, email HAVING email > 'm'",
    'SELECT DISTINCT id, email FROM people GROUP BY id, email', 'SELECT id, MAX(email) FROM people GROUP BY id, name', 'SELECT id, email FROM seen GROUP BY id, email', 'SELECT id, email FROM (SELECT id, email FROM people) d GROUP BY id, email', 'WITH c AS (SELECT id, email FROM people) SELECT id, email FROM c GROUP BY id, email',
    'SELECT id, email FROM grouped', 'SELECT kind AS id, email FROM people GROUP BY id, email', 'SELECT LOWER(email) AS id FROM people GROUP BY id, email', 'SELECT (SELECT COUNT(*) FROM visits v GROUP BY p.id, p.email LIMIT 1) FROM people p', 'SELECT id, ROW_NUMBER() OVER (ORDER BY email) FROM people GROUP BY id, email',
  ])('is a use where it is not: %s', async (sql) => {
    const answer = await told(sql)
    expect(typeof answer === 'string' ? answer : answer.used.join()).toContain('email')
  })
})
