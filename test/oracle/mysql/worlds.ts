import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Connection, ResultSetHeader } from 'mysql2/promise'
import type { ConnectionDocument } from '../../../schema/policy.ts'
import { startServer } from '../../local/server.mysql.ts'
import { analysisOf } from '../../protocol/mysql/target.ts'
import { createGenerator } from './generate.ts'
import { createOrders } from './orders.ts'

/**
 * Two worlds that differ in classified values alone: each statement that is permitted with masks, writes included, gives the same clear cells in the same order, the same counts and the same failure in both.
 */
const connection: ConnectionDocument = { version: 1, kind: 'connection', engine: 'mysql', secret: 'x', searchPath: ['o1'], name: 'worlds', classify: { 'o1.a.ssn': 'ssn', 'o1.b.email': 'email', 'o2.d.secret': 'secret' } }
/** Other values, of other lengths, in another order, some alike and some missing. */
const oneWorld = ["UPDATE o1.a SET ssn = concat('SSN-', 50 - id)", "UPDATE o1.b SET email = concat('EMAIL-', id)", "UPDATE o2.d SET secret = concat('SECRET-', 20 - id)"]
const otherWorld = ["UPDATE o1.a SET ssn = IF(id % 3 = 0, NULL, concat('S', repeat('x', id), id % 2))", "UPDATE o1.b SET email = IF(id > 4, 'same', repeat('é', id * 3))", "UPDATE o2.d SET secret = concat(9 - id, '-', id)"]
const farWorld = ["UPDATE o1.a SET ssn = IF(id % 3 = 0, NULL, concat('S', repeat('x', id * 6), id % 2))", "UPDATE o1.b SET email = IF(id % 7 = 4, 'same', repeat('é', id % 90 * 7))", "UPDATE o2.d SET secret = concat(99 - id, '-', repeat('y', 690 - id * 6))"]
/** Statistics choose plans, and plans orders: both worlds have theirs. */
const analyse = 'ANALYZE TABLE o1.a, o1.b, o1.c, o2.d'

/** Many rows in buffers that hold few, so that how they are read and sorted depends on how long they are. */
const many = ['ALTER TABLE o1.a MODIFY ssn varchar(700)', 'ALTER TABLE o1.b MODIFY tag varchar(720) AS (concat(\'t-\', email)) STORED, MODIFY email varchar(700)', 'ALTER TABLE o2.d MODIFY secret varchar(700)',
  'INSERT INTO o1.a SELECT x + 8, concat(\'name-\', x % 7), \'s\', x % 5, x % 9 FROM (WITH RECURSIVE r(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM r WHERE x < 90) SELECT x FROM r) y',
  'INSERT INTO o1.b(id, a_id, name, email, note) SELECT id + 8, 1 + id % 60, concat(\'bname-\', id % 6), \'e\', concat(\'note-\', id % 4) FROM o1.a', 'INSERT INTO o2.d SELECT id + 8, concat(\'dname-\', id % 5), \'x\', id % 3 FROM o1.a']
const small = { 'sort-buffer-size': '1024', 'join-buffer-size': '128', 'tmp-memory-table-size': '1024', 'max-heap-table-size': '16384' }

export async function runWorlds({ count, seed, wide = false }: { readonly count: number; readonly seed: number; readonly wide?: boolean }): Promise<{ readonly compared: number; /** Another answer from one that is alike: shuffled, or timed out. Not among the compared. */ readonly unsteady: number; readonly differing: readonly string[] }> {
  const first = await world(oneWorld, count, seed, wide)
  const again = await world(oneWorld, count, seed, wide)       // what differs between two that are alike is the server's own chance: when it recounts its statistics, which changes plans
  const second = await world(wide ? farWorld : otherWorld, count, seed, wide)
  const differing = first.flatMap(([text, told], i) => (second[i]?.[1] === told || again[i]?.[1] !== told ? [] : [`${text}\n  ${told.slice(0, 300)}\n  ${second[i]?.[1].slice(0, 300)}`]))
  const unsteady = first.filter(([, told], i) => again[i]?.[1] !== told).length
  return { compared: first.length - unsteady, unsteady, differing }
}
/** The same statements in the same order on a server of its own, so that what one leaves for the next is the same. */
async function world(changes: readonly string[], count: number, seed: number, wide: boolean): Promise<readonly (readonly [text: string, seen: string])[]> {
  const db = await startServer(readFileSync(join(import.meta.dirname, 'schema.sql'), 'utf8'), { 'innodb-stats-auto-recalc': '0', ...(wide ? small : {}) })
  try {
    await db.admin.query("SET SESSION max_statement_time = 3, sql_mode = 'STRICT_TRANS_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'")
    for (const sql of [...(wide ? many : []), ...changes, analyse]) await db.admin.query(sql)
    const { ask } = analysisOf(db.other, connection)
    const generator = wide ? createOrders(seed) : createGenerator(seed)
    const all: (readonly [string, string])[] = []
    for (let n = 0; n < count; n++) {
      const result = await ask(generator.next())
      if (!result.ok || result.value.fails || result.value.effects.used.length > 0) continue
      const [statement] = result.value.plan.statements
      const text = (wide ? statement?.capped?.(40) : null) ?? statement?.text ?? ''   // as the gate asks, which takes the first of many
      all.push([text, await seen(db.admin, text, statement?.outputs?.map(({ shown }) => shown.length > 0) ?? [])])
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
    return JSON.stringify(clear)
  } catch (error) {
    return typeof error === 'object' && error !== null && 'errno' in error ? `fails with ${String(error.errno)}` : 'fails'
  } finally {
    await admin.query('ROLLBACK')
  }
}
