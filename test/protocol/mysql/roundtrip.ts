import type { Connection, RowDataPacket } from 'mysql2/promise'
import { readFileSync } from 'node:fs'
import { parse } from '../../../functions/protocol/mysql/parse.ts'
import { print } from '../../../functions/protocol/mysql/print.ts'

/** The statements of corpus/NAME.sql, one after each `;` at a line's end. */
export const corpus = (name: string): readonly string[] =>
  readFileSync(new URL(`corpus/${name}.sql`, import.meta.url), 'utf8').split(/;\s*\n/).map((sql) => sql.trim()).filter((sql) => sql !== '')

/** What the caller's text would have been called and given, against what the printed text does. `null` where nothing differs. */
export async function difference(connection: Connection, sql: string, printed: string): Promise<string | null> {
  const [mine, theirs] = [await outcome(connection, sql), await outcome(connection, printed)]
  if (mine.rows !== theirs.rows) return `gives ${theirs.rows.slice(0, 300)}\n   not ${mine.rows.slice(0, 300)}`
  const [resolved, reprinted] = [await resolvedBy(connection, sql), await resolvedBy(connection, printed)]
  return resolved === reprinted ? null : `resolves to ${reprinted}\n        not ${resolved}`
}

interface Outcome { readonly rows: string }
/** Names and rows of a read; of a change the count and what it leaves in every table, undone after. */
async function outcome(connection: Connection, sql: string): Promise<Outcome> {
  await connection.query('START TRANSACTION')
  try {
    const [rows, fields] = await connection.query({ sql, rowsAsArray: true })
    if (Array.isArray(rows)) return { rows: JSON.stringify([fields.map((field) => field.name), ordered(sql, rows)]) }
    return { rows: JSON.stringify([rows.affectedRows, await contents(connection)]) }
  } catch (error) {
    return { rows: error instanceof Error ? `error ${error.message.replace(/ near .*/s, '')}` : 'error' }
  } finally {
    await connection.query('ROLLBACK')
  }
}
const ordered = (sql: string, rows: readonly unknown[]) => (/order by/i.test(sql) ? rows : rows.map((row) => JSON.stringify(row)).sort())

async function contents(connection: Connection): Promise<readonly unknown[]> {
  const all: unknown[] = []
  for (const table of ['archive', 'counters', 'customers', 'employees', 'events', 'order_items', 'orders', 'payments', 'products']) {
    const [rows] = await connection.query({ sql: `SELECT * FROM shop.${table} ORDER BY 1, 2`, rowsAsArray: true })
    all.push(rows)
  }
  return all
}

/** The server's own canonical text of what it understood, or why it did not. */
async function resolvedBy(connection: Connection, sql: string): Promise<string> {
  try {
    await connection.query(`EXPLAIN EXTENDED ${sql}`)
  } catch (error) {
    return error instanceof Error ? `error ${error.message.replace(/ near .*/s, '')}` : 'error'
  }
  const [warnings] = await connection.query<RowDataPacket[]>('SHOW WARNINGS')
  return warnings.map((warning) => plainly(String(warning.Message))).join('\n')
}

/**
 * What of the canonical text is how things were written: hints, names of columns nobody asks for, the escape character that there is anyway, text told to be UTF-8 and shown by its bytes, how text is escaped, a join's order
 * for the optimizer, numbers of the parts of a set operation and parentheses of one that has no order or limit of its own.
 */
function plainly(text: string): string {
  return text.replaceAll(/ escape (?:_utf8mb4)?'\\{1,2}'/g, '').replaceAll(/ AS `[^`]*`/g, '').replaceAll("_utf8mb4'", "'").replaceAll(/\b(select )(?:straight_join|join|sql_no_cache) /g, '$1').replaceAll(/ (?:USE|FORCE|IGNORE) INDEX (?:FOR (?:JOIN|ORDER BY|GROUP BY) )?\([^)]*\)/g, '').replaceAll('straight_join', 'join')
    .replaceAll(/(?:\\x[0-9A-F]{2})+/g, (bytes) => Buffer.from(bytes.replaceAll('\\x', ''), 'hex').toString()).replaceAll(/[\u{10000}-\u{10ffff}]/gu, '????').replaceAll(/\\n|\n/g, ' ').replaceAll('\\t', '\t').replaceAll('\\Z', '\x1a').replaceAll('\\', '')
    .replaceAll(/\/\* select#\d+ \*\/ |__\d+/g, '').replaceAll(/\((select [\d'a-zA-Z]+)\)/g, '$1').replaceAll(/^\((insert .*)\)$/g, '$1')
}

/** sql → printed, or the words it is refused with. */
export function printed(sql: string): { readonly text: string } | { readonly refused: string } {
  const parsed = parse(sql)
  return parsed.ok ? { text: print(parsed.value.statement) } : { refused: `${parsed.refusal.reason}: ${parsed.refusal.detail}` }
}
