import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { mysqlServer, startServer, whyNot } from '../../local/server.mysql.ts'
import { corpus, difference, printed } from './roundtrip.ts'

/** What the corpus holds and this language does not, with the words it is refused with. Every other statement is read. */
const refused: readonly (readonly [begins: string, reason: string])[] = [
  ['SELECT "customers"', 'double_quotes'], ["SELECT 'a' 'b'", 'text_in_pieces'],
]

describe('the statements of analysts, ORMs and agents', () => {
  it('are read but for those that have two readings', () => {
    const all = [...corpus('tpch'), ...corpus('read'), ...corpus('write'), ...corpus('orm'), ...corpus('mysql')]
    const found = all.flatMap((sql) => { const of = printed(sql); return 'refused' in of ? [[sql, of.refused.split(':')[0]]] : [] })
    expect(all.length).toBeGreaterThanOrEqual(360)
    expect(found).toEqual(refused.map(([begins, reason]) => [expect.stringContaining(begins), reason]))
  })
})

describe.skipIf(mysqlServer === null)(`a statement and what is printed of it, on a real server${whyNot}`, () => {
  let db: Awaited<ReturnType<typeof startServer>>
  let mariadb = false
  beforeAll(async () => {
    db = await startServer(readFileSync(new URL('corpus/schema.sql', import.meta.url), 'utf8'))
    const [rows] = await db.admin.query({ sql: 'SELECT VERSION()', rowsAsArray: true })
    mariadb = JSON.stringify(rows).includes('MariaDB')
    await db.admin.query("SET NAMES utf8mb4; SET time_zone = '+00:00'; SET timestamp = 1720000000")
    await db.admin.query('ANALYZE TABLE shop.orders, shop.customers, shop.order_items, shop.products, shop.events, shop.payments, tpch.lineitem, tpch.part, tpch.partsupp, tpch.orders, tpch.customer, tpch.supplier')
  }, 120_000)
  afterAll(() => db.stop())

  it.each([['tpch', 'tpch'], ['read', 'shop'], ['write', 'shop']])('give the same rows, leave the same tables and are resolved alike: %s', async (name, database) => {
    await db.admin.query(`USE ${database}`)
    const differing: string[] = []
    for (const sql of corpus(name)) {
      const of = printed(sql)
      const found = 'text' in of ? await difference(db.admin, sql, of.text) : null
      if (found) differing.push(`${sql}\n${found}`)
    }
    expect(differing).toEqual([])
  }, 240_000)

  it('run on MariaDB too where only MySQL reads the caller\'s text', async (test) => {
    if (!mariadb) test.skip('this is not MariaDB')
    await db.admin.query('USE shop')
    for (const sql of corpus('mysql')) {
      const of = printed(sql)
      if (!('text' in of)) throw new Error(sql)
      await expect(db.admin.query(of.text), of.text).resolves.toBeDefined()
    }
  }, 60_000)

  it('hold text as it is under any sql_mode', async () => {
    const texts = ["'", '\\', "\\'", 'a\\_b', '"', '`', '\0', '\n', '\x1a', 'é', '日', '🙂', '%', '--', '/*', "'; DROP TABLE t; -- "]
    const literals = texts.map((text) => printed(`SELECT '${text.replaceAll('\\', '\\\\').replaceAll("'", "''").replaceAll('\0', '\\0').replaceAll('\x1a', '\\Z')}' AS x`))
    for (const mode of ['', 'ANSI', 'NO_BACKSLASH_ESCAPES,ANSI_QUOTES,PIPES_AS_CONCAT,HIGH_NOT_PRECEDENCE,IGNORE_SPACE']) {
      await db.admin.query(`SET sql_mode = '${mode}'`)
      for (const [index, literal] of literals.entries()) {
        if (!('text' in literal)) throw new Error(literal.refused)
        const [rows] = await db.admin.query({ sql: literal.text, rowsAsArray: true })
        expect(rows).toEqual([[texts[index]]])
      }
    }
    await db.admin.query('SET sql_mode = DEFAULT')
  }, 60_000)
})
