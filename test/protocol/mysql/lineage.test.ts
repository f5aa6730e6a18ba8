import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ConnectionDocument } from '../../../schema/policy.ts'
import { mysqlServer, startServer, whyNot } from '../../local/server.mysql.ts'
import { analysisOf } from './target.ts'

const connection: ConnectionDocument = { version: 1, kind: 'connection', name: 'shop', engine: 'mysql', secret: 'x', searchPath: ['Shop'], classify: { 'Shop.People.SSN': 'pii.ssn', 'Shop.people.email': 'pii.email' } }

/** On a server that compares names of tables without case, where the document, the statement and the catalog may each write them in another. */
describe.skipIf(mysqlServer === null)(`where a classified column goes${whyNot}`, () => {
  let db: Awaited<ReturnType<typeof startServer>>
  let analysis: ReturnType<typeof analysisOf>
  beforeAll(async () => {
    db = await startServer('CREATE DATABASE shop; CREATE TABLE shop.people (id int PRIMARY KEY, name varchar(20), email varchar(80), ssn varchar(20)); CREATE VIEW shop.v AS SELECT ssn AS a, name AS b FROM shop.people', { 'lower-case-table-names': '1' })
    analysis = analysisOf(db.admin, connection)
  }, 120_000)
  afterAll(() => db?.stop(), 60_000)
  /** Classes of each output, and each use. */
  const lineage = async (sql: string) => {
    const result = await analysis.ask(sql)
    if (!result.ok || result.value.fails) throw new Error(result.ok ? result.value.fails?.detail : result.refusal.detail)
    const { effects: { shown, used }, plan: { statements: [statement] } } = result.value
    return [...statement?.outputs?.map((output) => output.shown.map((i) => shown[i]?.column).join('+')) ?? [], ...used.map(({ column, how }) => `${column} ${how}`)]
  }

  test.each([
    ['SELECT ssn, name FROM People', ['ssn', '']],
    ['SELECT P.SSN FROM SHOP.PEOPLE p', ['ssn']],
    ['SELECT * FROM people', ['', '', 'email', 'ssn']],
    ['SELECT a, b FROM V', ['ssn', '']],
    ['SELECT x.* FROM (SELECT p.name AS ssn, p.ssn AS name FROM people p) x', ['', 'ssn']],
    ['WITH c (a, b) AS (SELECT ssn, name FROM people) SELECT b, a FROM c', ['', 'ssn']],
    ['SELECT name FROM people UNION ALL SELECT ssn FROM people UNION ALL SELECT email FROM people', ['ssn+email']],
    ['SELECT r.ssn, l.name FROM people l RIGHT JOIN people r USING (id)', ['ssn', '']],
    ['SELECT (ssn) FROM people', ['ssn']],
    ['SELECT name AS ssn FROM people ORDER BY id', ['']],
    ['SELECT (SELECT ssn FROM people LIMIT 1) AS one', ['', 'ssn in a subquery that stands for a value']],
    ['SELECT ssn FROM people GROUP BY id HAVING max(email) > 1', ['ssn', 'email in a having clause']],
    ["SELECT CONCAT(name, '/', x.s) FROM people, (SELECT ssn AS s FROM people) x", ['', 'ssn as an argument of concat()']],
    ['SELECT 1 FROM people WHERE EXISTS (SELECT ssn FROM people)', ['']],
  ])('%s', async (sql, expected) => {
    expect(await lineage(sql)).toEqual(expected)
  })

  test('goes through no more columns than it can look at', async () => {
    const ctes = Array.from({ length: 40 }, (_, i) => `c${i} AS (SELECT ${i === 0 ? '* FROM people' : `x.ssn, y.ssn AS t FROM c${i - 1} x, c${i - 1} y`})`)
    expect(await lineage(`WITH ${ctes.join(', ')} SELECT t FROM c39`)).toEqual(['ssn'])
    await expect(lineage(`SELECT ${Array.from({ length: 3000 }, () => 'p.*').join(', ')} FROM people p`)).rejects.toThrow(/entries/)
    await expect(lineage(`SELECT * FROM ${Array.from({ length: 3000 }, (_, i) => `people p${i}`).join(', ')}`)).rejects.toThrow(/at most 61 tables/)
  })
})
