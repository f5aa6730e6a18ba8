import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { split } from '../oracle/corpus.ts'
import { withPostgres, type TestPostgres } from '../support/postgres.ts'
import { connectDirect, type Connection } from './direct.ts'
import { documentsOf, grants, openGate, password, type Gate } from './gate.ts'
import { generateTpch, insertsOf } from './tpch/generate.ts'

const directory = join(import.meta.dirname, 'tpch')
const queries = split(readFileSync(join(directory, 'queries.sql'), 'utf8')).map((sql, index) => [index + 1, sql] as const)

describe('TPC-H through the gate', () => {
  let server: TestPostgres
  let gate: Gate
  let direct: Connection
  beforeAll(async () => {
    server = await withPostgres()
    const database = await server.createDatabase(readFileSync(join(directory, 'schema.sql'), 'utf8'))
    for (const insert of insertsOf(generateTpch(0.01))) await database.query(insert)
    await database.query(`${grants(['region', 'nation', 'supplier', 'part', 'partsupp', 'orders', 'lineitem', 'customer'])} ANALYZE`)
    gate = openGate(server, database, documentsOf({}))
    direct = await connectDirect(database.as('reader', password))
  })
  afterAll(async () => {
    await gate?.close()
    await direct?.close()
    await server.stop()
  })

  test('there are 22', () => { expect(queries).toHaveLength(22) })
  test.each(queries)('query %i gives what a direct connection gives', async (_, sql) => {
    const given = await gate.ask(sql)
    if ('refused' in given) throw new Error(given.refused)
    const { columns, rows } = await direct.ask(sql, [])
    expect(rows.length).toBeGreaterThan(0)
    expect(given.result.columns.map(({ name }) => name)).toEqual(columns)
    expect(given.result.rows).toEqual(rows)
    expect(given.result.truncated).toBe(false)
  })
})
