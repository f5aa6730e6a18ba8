import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createDirect } from '../../functions/protocol/postgres/direct.ts'
import { withPostgres, type TestPostgres } from '../support/postgres.ts'
import { readCorpus } from '../oracle/corpus.ts'
import { documentsOf, grants, openGate, type Gate } from './gate.ts'

/** The same statements in the same order: what reads, on one database by both ways; what writes, on that and on a twin of it. What comes must be the same to the byte, refusals too. */
const directory = join(import.meta.dirname, 'corpus')
let server: TestPostgres
let [neon, direct, twin] = [null, null, null] as unknown as [Gate, Gate, Gate]
beforeAll(async () => {
  server = await withPostgres()
  const schema = `${readFileSync(join(directory, 'schema.sql'), 'utf8')}\n${grants(['branches', 'authors', 'books', 'written', 'copies', 'loans', 'reviews', 'tickets', 'visits', '"Settings"', 'visits_2024', 'visits_2025', 'open_loans', 'popularity'])}`
  const documents = documentsOf({ 'public.members.email': 'pii.email', 'public.members.phone': 'pii.phone', 'public.members.card': 'pci.pan' })
  const database = await server.createDatabase(schema)
  neon = openGate(server, database, documents)
  direct = openGate(server, database, documents, createDirect(() => {}))
  twin = openGate(server, await server.createDatabase(schema), documents, createDirect(() => {}))
})
afterAll(async () => {
  await Promise.all([neon?.close(), direct?.close(), twin?.close()])
  await server?.stop()
})

/** The clock goes on between the two. */
const steady = (given: unknown): string => JSON.stringify(given).replace(/"\d{4}-\d\d-\d\dT[\d:.]+Z?"/g, (text) => (Math.abs(Date.parse(text.slice(1, -1)) - Date.now()) < 3_600_000 ? '"now"' : text))

test('each statement of the honest corpus gives the same by both ways, to the byte', async () => {
  const entries = readCorpus(directory)
  const unlike: string[] = []
  let answered = 0
  for (const { sql, params, file, number } of entries) {
    const one = await neon.ask(sql, params)
    const other = await ('result' in one && !one.readOnly ? twin : direct).ask(sql, params)
    if ('result' in one) answered++
    if (steady(one) !== steady(other)) unlike.push(`${file}#${number} ${sql.slice(0, 100)}\n  ${steady(one).slice(0, 200)}\n  ${steady(other).slice(0, 200)}`)
  }
  expect(unlike).toEqual([])
  expect(answered).toBeGreaterThan(entries.length * 0.9)
  console.log(`${entries.length} statements, ${answered} answered alike`)
}, 300_000)
