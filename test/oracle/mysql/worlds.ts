import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Connection, ResultSetHeader } from 'mysql2/promise'
import type { ConnectionDocument } from '../../../schema/policy.ts'
import { startServer } from '../../local/server.mysql.ts'
import { analysisOf } from '../../protocol/mysql/target.ts'
import { createGenerator } from './generate.ts'

/**
 * Two worlds that differ in classified values alone: each statement that is permitted with masks, writes included, gives the same clear cells, where nothing sorts them in the same order, the same counts and the same failure in both.
 */
const connection: ConnectionDocument = { version: 1, kind: 'connection', engine: 'mysql', secret: 'x', searchPath: ['o1'], name: 'worlds', classify: { 'o1.a.ssn': 'ssn', 'o1.b.email': 'email', 'o2.d.secret': 'secret' } }
/** Other values, of other lengths, in another order, some alike and some missing. */
const oneWorld = ["UPDATE o1.a SET ssn = concat('SSN-', 50 - id)", "UPDATE o1.b SET email = concat('EMAIL-', id)", "UPDATE o2.d SET secret = concat('SECRET-', 20 - id)"]
const otherWorld = ["UPDATE o1.a SET ssn = IF(id % 3 = 0, NULL, concat('S', repeat('x', id), id % 2))", "UPDATE o1.b SET email = IF(id > 4, 'same', repeat('é', id * 3))", "UPDATE o2.d SET secret = concat(9 - id, '-', id)"]
/** Statistics choose plans, and plans orders: both worlds have theirs. */
const analyse = 'ANALYZE TABLE o1.a, o1.b, o1.c, o2.d'

export async function runWorlds({ count, seed }: { readonly count: number; readonly seed: number }): Promise<{ readonly compared: number; readonly differing: readonly string[] }> {
  const first = await world(oneWorld, count, seed)
  const again = await world(oneWorld, count, seed)             // what differs between two that are alike is the server's own chance: when it recounts its statistics, which changes plans
  const second = await world(otherWorld, count, seed)
  const differing = first.flatMap(([text, told], i) => (second[i]?.[1] === told || again[i]?.[1] !== told ? [] : [`${text}\n  ${told.slice(0, 300)}\n  ${second[i]?.[1].slice(0, 300)}`]))
  return { compared: first.length, differing }
}
/** The same statements in the same order on a server of its own, so that what one leaves for the next is the same. */
async function world(changes: readonly string[], count: number, seed: number): Promise<readonly (readonly [text: string, seen: string])[]> {
  const db = await startServer(readFileSync(join(import.meta.dirname, 'schema.sql'), 'utf8'), { 'innodb-stats-auto-recalc': '0' })
  try {
    await db.admin.query("SET SESSION max_statement_time = 3, sql_mode = 'STRICT_TRANS_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'")
    for (const sql of [...changes, analyse]) await db.admin.query(sql)
    const { ask } = analysisOf(db.other, connection)
    const generator = createGenerator(seed)
    const all: (readonly [string, string])[] = []
    for (let n = 0; n < count; n++) {
      const result = await ask(generator.next())
      if (!result.ok || result.value.fails || result.value.effects.used.length > 0) continue
      const [statement] = result.value.plan.statements
      all.push([statement?.text ?? '', await seen(db.admin, statement?.text ?? '', statement?.outputs?.map(({ shown }) => shown.length > 0) ?? [])])
    }
    return all
  } finally {
    await db.stop()
  }
}
/** What a caller sees of it: clear cells, the count, or the kind of failure. Taken back. */
async function seen(admin: Connection, text: string, masked: readonly boolean[]): Promise<string> {
  await admin.query('START TRANSACTION')
  try {
    const [rows] = await admin.query({ sql: text, rowsAsArray: true })
    if (!Array.isArray(rows)) return `changed ${(rows as ResultSetHeader).affectedRows}`
    const clear = (rows as unknown[][]).map((row) => JSON.stringify(row.map((cell, i) => (masked[i] === true ? '*' : cell))))
    // Ties of a sort come as the server's sorting happens to leave them, and a LIMIT takes the first of them (docs/mysql.md, limits): there what is compared is how many, or which without their order.
    const sorts = /ORDER BY|GROUP BY|DISTINCT|UNION |INTERSECT|EXCEPT/.test(text)
    if (sorts && / LIMIT \d+/.test(text)) return `${clear.length} sorted`
    return JSON.stringify(sorts ? clear.sort() : clear)
  } catch (error) {
    return typeof error === 'object' && error !== null && 'errno' in error ? `fails with ${String(error.errno)}` : 'fails'
  } finally {
    await admin.query('ROLLBACK')
  }
}
