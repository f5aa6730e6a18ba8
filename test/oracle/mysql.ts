import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Connection } from 'mysql2/promise'
import { createConnection } from 'mysql2/promise'
import type { ConnectionDocument } from '../../schema/policy.ts'
import { mysqlServer, startServer, whyNot } from '../local/server.mysql.ts'
import { analysisOf, rowsOf } from '../protocol/mysql/target.ts'
import { createGenerator } from './mysql/generate.ts'
import { runWorlds } from './mysql/worlds.ts'

/**
 * The server as oracle over generated statements, in three ways. An account that holds exactly the rights the analysis named prepares what is printed: the server checks every column it resolved, so a refusal
 * means that it read more than was said. Then the statement runs in a transaction that is taken back, and the metadata locks of its session name the tables and routines it opened. And with three
 * columns classified, what comes out unmasked of a statement that uses none of them may hold none of their values.
 */
interface Verdict { readonly sql: string; readonly outcome: 'agrees' | 'refused' | 'server error' | 'disagrees'; readonly why: string }
interface Tally { readonly statements: number; readonly agrees: number; readonly refused: number; readonly serverErrors: number; readonly masked: number; readonly disagreements: readonly Verdict[] }

const base: Pick<ConnectionDocument, 'version' | 'kind' | 'engine' | 'secret' | 'searchPath'> = { version: 1, kind: 'connection', engine: 'mysql', secret: 'x', searchPath: ['o1'] }
const open: ConnectionDocument = { ...base, name: 'open' }
const classified: ConnectionDocument = { ...base, name: 'classified', classify: { 'o1.a.ssn': 'ssn', 'o1.b.email': 'email', 'o2.d.secret': 'secret' } }
const canary = /SSN-|EMAIL-|SECRET-/i
/** Of the server: no right to a table, a column, a routine, a view's tables. */
const denials: ReadonlySet<number> = new Set([1044, 1142, 1143, 1227, 1370])
const errno = (error: unknown): number => (typeof error === 'object' && error !== null && 'errno' in error && typeof error.errno === 'number' ? error.errno : 0)
const message = (error: unknown): string => (error instanceof Error ? error.message : String(error))
const quoted = (name: string): string => name.split('.').map((part) => `\`${part}\``).join('.')

export async function runOracle({ count, seed }: { readonly count: number; readonly seed: number }): Promise<Tally> {
  const db = await startServer(readFileSync(join(import.meta.dirname, 'mysql/schema.sql'), 'utf8'), { 'performance-schema': 'ON', 'performance-schema-instrument': 'wait/lock/metadata/sql/mdl=ON', 'performance-schema-max-metadata-locks': '10000' })
  const url = new URL(db.server.superuserUrl)
  await db.admin.query("CREATE USER exact@'127.0.0.1' IDENTIFIED BY 'exact'")
  const exact = await createConnection({ host: '127.0.0.1', port: Number(url.port), user: 'exact', password: 'exact' })
  try {
    const judge = await createJudge(db.admin, db.other, exact)
    const generator = createGenerator(seed)
    const tally = { statements: 0, agrees: 0, refused: 0, serverErrors: 0, masked: 0, disagreements: [] as Verdict[] }
    while (tally.statements < count) {
      const verdict = await judge(generator.next())
      tally.statements++
      if (verdict.outcome === 'agrees') tally.agrees++
      else if (verdict.outcome === 'refused') tally.refused++
      else if (verdict.outcome === 'server error') tally.serverErrors++
      else tally.disagreements.push(verdict)
      if (verdict.why === 'masked') tally.masked++
    }
    return tally
  } finally {
    await exact.end()
    await db.stop()
  }
}

async function createJudge(admin: Connection, runner: Connection, exact: Connection) {
  const all = analysisOf(admin, open)
  const some = analysisOf(admin, classified)
  await runner.query("SET SESSION sql_mode = 'STRICT_TRANS_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION', max_statement_time = 3")
  await exact.query("SET SESSION sql_mode = 'STRICT_TRANS_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'")
  const thread = (await rowsOf(runner, 'SELECT THREAD_ID FROM performance_schema.threads WHERE PROCESSLIST_ID = CONNECTION_ID()')).rows[0]?.[0] ?? '0'
  return async (sql: string): Promise<Verdict> => {
    const result = await all.ask(sql)
    if (!result.ok) return { sql, outcome: 'refused', why: result.refusal.detail }
    const { effects, plan, fails, preview } = result.value
    const [statement] = plan.statements
    if (fails ?? preview ?? statement?.missing) return { sql, outcome: 'refused', why: fails?.detail ?? '' }
    const text = statement?.text ?? ''
    const rights = await granted(admin, effects.accesses)
    const denied = await exact.query('PREPARE judged FROM ?', [text]).then(() => null, (error: unknown) => error)
    for (const right of rights) await admin.query(`REVOKE ${right} FROM exact@'127.0.0.1'`)
    if (denied !== null && denials.has(errno(denied))) return { sql, outcome: 'disagrees', why: `${message(denied)} | ${text}` }
    const opened = await locksOf(runner, admin, thread, text, effects.readOnly)
    if (typeof opened === 'string') return { sql, outcome: 'server error', why: `${opened} | ${text}` }
    const said = new Set([...plan.relations.map(({ schema, name }) => `${schema}.${name}`), ...effects.accesses.filter(({ action }) => action === 'call').map(({ resource }) => resource)])
    const vouched = effects.accesses.some(({ action }) => action === 'call')          // what a routine opens is its rule's
    const more = opened.locks.filter((name) => !said.has(name))
    if (more.length > 0 && !vouched) return { sql, outcome: 'disagrees', why: `opens ${more.join(', ')} | ${text}` }
    return lineage(some, runner, sql)
  }
}
/** Exactly what the analysis named, and nothing of what views read: that is their definer's. */
async function granted(admin: Connection, accesses: readonly { readonly action: string; readonly resource: string; readonly columns: readonly string[] | null; readonly via: readonly string[] }[]): Promise<readonly string[]> {
  const rights = accesses.filter(({ via }) => via.length === 0).flatMap(({ action, resource, columns }) => {
    if (action === 'select') return columns && columns.length > 0 ? [`SELECT (${columns.map(quoted).join(', ')}) ON ${quoted(resource)}`] : [`SELECT (id) ON ${quoted(resource)}`]
    if (action === 'insert' || action === 'update' || action === 'delete') return [`${action} ON ${quoted(resource)}`]
    if (action === 'lock') return [`UPDATE ON ${quoted(resource)}`]
    return /\.(fa)$/.test(resource) ? [`EXECUTE ON FUNCTION ${quoted(resource)}`] : []
  })
  for (const right of rights) await admin.query(`GRANT ${right} TO exact@'127.0.0.1'`)
  return rights
}
/** Tables, views and routines the session holds after it, `schema.name`; a string is the server's error. */
async function locksOf(runner: Connection, admin: Connection, thread: string, text: string, readOnly: boolean): Promise<{ readonly locks: readonly string[] } | string> {
  await runner.query(`START TRANSACTION READ ${readOnly ? 'ONLY' : 'WRITE'}`)
  try {
    await runner.query(text)
    const { rows } = await rowsOf(admin, `SELECT DISTINCT OBJECT_SCHEMA, OBJECT_NAME FROM performance_schema.metadata_locks WHERE OWNER_THREAD_ID = ${thread} AND LOCK_STATUS = 'GRANTED' AND OBJECT_TYPE IN ('TABLE', 'FUNCTION', 'PROCEDURE', 'TRIGGER')`)
    return { locks: rows.map(([schema, name]) => `${schema}.${name}`).filter((name) => !name.startsWith('mysql.') && !name.startsWith('performance_schema.')) }
  } catch (error) {
    return message(error)
  } finally {
    await runner.query('ROLLBACK')
  }
}
async function lineage(some: ReturnType<typeof analysisOf>, runner: Connection, sql: string): Promise<Verdict> {
  const result = await some.ask(sql)
  if (!result.ok || result.value.effects.used.length > 0 || !result.value.effects.readOnly || result.value.fails) return { sql, outcome: 'agrees', why: 'used' }
  const [statement] = result.value.plan.statements
  const { rows, names, origins } = await rowsOf(runner, statement?.text ?? '')
  const outputs = statement?.outputs ?? []
  if (names.length !== outputs.length) return { sql, outcome: 'disagrees', why: `${names.length} columns instead of ${outputs.length}` }
  const astray = outputs.findIndex(({ origin }, i) => origin !== null && `${origin.schema}.${origin.table}.${origin.column}` !== origins[i])
  if (astray !== -1) return { sql, outcome: 'disagrees', why: `output ${astray} comes from ${origins[astray]} | ${statement?.text}` }
  const leak = rows.flatMap((row) => row.filter((_, i) => outputs[i]?.shown.length === 0)).find((cell) => cell !== null && canary.test(cell))
  return leak === undefined ? { sql, outcome: 'agrees', why: outputs.some(({ shown }) => shown.length > 0) ? 'masked' : 'clear' } : { sql, outcome: 'disagrees', why: `\`${leak}\` in clear | ${statement?.text}` }
}

/** `npm run oracle -- mysql [count] [seed]`: one table on stdout; exits, with 1 on a disagreement. */
export async function main([count = '2500', seed = '1']: readonly string[]): Promise<never> {
  if (mysqlServer === null) { console.error(whyNot.trim()); process.exit(1) }
  const { disagreements, ...rest } = await runOracle({ count: Number(count), seed: Number(seed) })
  const worlds = await runWorlds({ count: Number(count), seed: Number(seed) })
  const wide = await runWorlds({ count: Number(count), seed: Number(seed), wide: true })
  console.table({ ...rest, disagreements: disagreements.length, 'compared in two worlds': worlds.compared + wide.compared, unsteady: worlds.unsteady + wide.unsteady, 'differing in them': worlds.differing.length + wide.differing.length })
  for (const one of [...worlds.differing, ...wide.differing].slice(0, 20)) console.log(`\n${one}`)
  for (const { sql, why } of disagreements.slice(0, 20)) console.log(`\n${sql}\n  ${why}`)
  process.exit(disagreements.length + worlds.differing.length + wide.differing.length > 0 ? 1 : 0)
}
