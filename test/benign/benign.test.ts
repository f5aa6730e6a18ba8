import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readCorpus, type Entry } from '../oracle/corpus.ts'
import { withPostgres, type TestPostgres } from '../support/postgres.ts'
import { connectDirect, type Connection } from './direct.ts'
import { documentsOf, grants, openGate, password, type Gate } from './gate.ts'

const directory = join(import.meta.dirname, 'corpus')
/** How much of each class may be refused. What drivers ask of the catalog is wider than what the gate tells anyone. */
const refusable: Readonly<Record<string, number>> = { analyst: 0.05, agent: 0.05, dashboards: 0, drizzle: 0.1, errands: 0, frameworks: 0, jdbc: 0.4, orms: 0.1, psql: 0.4, reports: 0, sqlalchemy: 0.1, tools: 0.2 }
interface Outcome { readonly entry: Entry; readonly refused: string | null; readonly difference: string | null }

/** Reads are compared on the same database, writes with a twin that gets the same writes directly. */
describe('honest statements', () => {
  let server: TestPostgres
  let gate: Gate
  let same: readonly Connection[] = []
  let twin: Connection
  const outcomes: Outcome[] = []
  beforeAll(async () => {
    server = await withPostgres()
    const schema = `${readFileSync(join(directory, 'schema.sql'), 'utf8')}\n${grants(['branches', 'authors', 'books', 'written', 'copies', 'loans', 'reviews', 'tickets', 'visits', '"Settings"', 'visits_2024', 'visits_2025', 'open_loans', 'popularity'])}
      GRANT SELECT (id, name, joined, branch, preferences) ON members TO plain; GRANT SELECT (id, name, branch) ON member_cards TO plain;`
    const database = await server.createDatabase(schema)
    const other = await server.createDatabase(schema)
    gate = openGate(server, database, documentsOf({ 'public.members.email': 'pii.email', 'public.members.phone': 'pii.phone', 'public.members.card': 'pci.pan' }))
    same = [await connectDirect(database.as('reader', password)), await connectDirect(database.as('plain', password))]
    twin = await connectDirect(other.as('writer', password))
    for (const entry of readCorpus(directory)) outcomes.push(await compared(entry))
  })
  afterAll(async () => {
    await Promise.all([...same, twin, gate].map((one) => one?.close()))
    await server.stop()
  })

  async function compared(entry: Entry): Promise<Outcome> {
    const given = await gate.ask(entry.sql, entry.params)
    if ('refused' in given) return { entry, refused: given.refused, difference: null }
    if (given.result.truncated) return { entry, refused: null, difference: 'truncated' }
    if (/^(explain|show)/i.test(entry.sql)) return { entry, refused: null, difference: null }   // the session's own settings and plans
    const masked = new Set(given.result.columns.flatMap((column, index) => column.masked === undefined ? [] : [index]))
    const ours = canonical(entry.sql, given.result.rows, masked)
    let difference: string | null = null
    // The gate reads as one of two roles, and information_schema shows each what it may see.
    for (const direct of given.readOnly ? same : [twin]) {
      const answer = await direct.ask(entry.sql, entry.params).catch((error: Error) => error)
      difference = answer instanceof Error ? `directly ${answer.message}` : unlike(ours, canonical(entry.sql, answer.rows, masked)) ?? (given.result.rowCount === answer.rowCount ? null : `${given.result.rowCount} rows, directly ${answer.rowCount}`)
      if (difference === null) break
    }
    return { entry, refused: null, difference }
  }

  test.each(Object.entries(refusable))('%s: at most %f refused', (file, share) => {
    const own = outcomes.filter(({ entry }) => entry.file === file)
    const refused = own.filter(({ refused }) => refused !== null)
    console.log(`${file}: ${refused.length} of ${own.length} refused${refused.map(({ entry, refused }) => `\n  #${entry.number} ${refused}`).join('')}`)
    expect(own.length).toBeGreaterThan(0)
    expect(refused.length / own.length).toBeLessThanOrEqual(share)
  })
  test('every class of the corpus has its share', () => {
    expect([...new Set(outcomes.map(({ entry }) => entry.file))].sort()).toEqual(Object.keys(refusable).sort())
  })
  test('what is permitted answers as a direct connection does, value for value', () => {
    expect(outcomes.filter(({ difference }) => difference !== null).map(({ entry, difference }) => `${entry.file}#${entry.number} ${entry.sql.slice(0, 120)}: ${difference}`)).toEqual([])
  })
  test.each<[string, readonly string[]]>([
    ["SELECT column_name FROM information_schema.columns WHERE table_name = 'members' AND column_name LIKE '%a%' ORDER BY 1", ['branch', 'card', 'email', 'name']],
    ['SELECT current_schema()', ['public']], ['SELECT unnest(current_schemas(false))', ['public']],
    ["SELECT DISTINCT table_schema::text FROM information_schema.tables WHERE table_schema = current_schema()", ['public']],
  ])('what there is, is told whole, also what comes masked: %s', async (sql, expected) => {
    const given = await gate.ask(sql)
    expect('result' in given && given.result.rows.flat()).toEqual(expected)
  })
  test('no honest statement raised an alarm', () => {
    expect(gate.alarms.filter((what) => what !== 'read_role_can_write')).toEqual([])
  })
})

/** Without an ORDER BY the order is the server's whim; a time of this hour is `now()` asked twice; a masked value is not compared. */
function canonical(sql: string, rows: readonly unknown[], masked: ReadonlySet<number>): string {
  const recent = (value: unknown) => typeof value === 'string' && /^20\d\d-\d\d-\d\dT/.test(value) && Math.abs(Date.parse(value) - Date.now()) < 3_600_000
  const lines = rows.map((row) => JSON.stringify((row as unknown[]).map((value, index) => masked.has(index) ? 'masked' : recent(value) ? 'now' : value)))
  return (/order by/i.test(sql) ? lines : lines.sort()).join('\n')
}
function unlike(ours: string, theirs: string): string | null {
  if (ours === theirs) return null
  const at = [...ours].findIndex((letter, index) => letter !== theirs[index])
  return `at ${at}: \`${ours.slice(Math.max(0, at - 40), at + 60)}\`, directly \`${theirs.slice(Math.max(0, at - 40), at + 60)}\``
}
