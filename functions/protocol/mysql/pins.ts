import type { Limits } from '../../../schema/effects.ts'
import type { Query } from '../../../schema/request.ts'

/** Which server it is: some settings have another name, or none. Vitess (PlanetScale) carries only some of them to its server. */
export type Flavour = 'mysql' | 'mariadb' | 'vitess'
export const flavourOf = (version: string): Flavour => (/mariadb/i.test(version) ? 'mariadb' : /vitess|planetscale/i.test(version) ? 'vitess' : 'mysql')

/** Neither ANSI_QUOTES, PIPES_AS_CONCAT nor NO_BACKSLASH_ESCAPES; what does not fit is an error and never something else that does. */
const modes = ['ERROR_FOR_DIVISION_BY_ZERO', 'NO_ENGINE_SUBSTITUTION', 'NO_ZERO_DATE', 'NO_ZERO_IN_DATE', 'STRICT_TRANS_TABLES'] as const
const text = (value: string) => `'${value}'`

/** What every server takes, PlanetScale's too. */
const common: Readonly<Record<string, string>> = {
  sql_mode: text(modes.join(',')), group_concat_max_len: '1048576', default_week_format: '0', sql_safe_updates: '0', foreign_key_checks: '1', unique_checks: '1', sql_notes: '0',
}
/**
 * What Vitess takes only as its server has it already: there the check below looks. `collation_connection` is what `_utf8mb4 X'…'` has, which is the server's to say (MariaDB 11.2, `character_set_collations`; MySQL 8,
 * `default_collation_for_utf8mb4`): with another, a comparison of plain text with text that wants hex would be an illegal mix.
 */
const further: Readonly<Record<string, string>> = {
  time_zone: text('+00:00'), character_set_client: 'utf8mb4', character_set_connection: 'utf8mb4', collation_connection: 'COLLATION(_utf8mb4 X\'41\')', character_set_results: 'utf8mb4', lc_time_names: text('en_US'),
  div_precision_increment: '4', sql_auto_is_null: '0', completion_type: text('NO_CHAIN'),
}
export const maxLockWaitMs = 5000
/** How far the target's clock may be behind ours before a run that began in time is refused, ms. */
export const clockSkewMs = 30_000
const levels = { 'read committed': 'READ-COMMITTED', 'repeatable read': 'REPEATABLE-READ', serializable: 'SERIALIZABLE' } as const

export interface Pins { readonly flavour: Flavour; readonly isolation: Query['isolation']; readonly readOnly: boolean; readonly limits: Pick<Limits, 'timeoutMs'>; /** The most rows any statement may give. */ readonly rows: number }
/**
 * The settings a statement runs under, in one statement, before the transaction begins: account, server and endpoint defaults, and what an earlier user of a kept connection left, do not count. `wait_timeout`
 * ends a transaction whose gate was frozen. With `autocommit` off and the access mode set the next statement begins the transaction, and needs no exchange of its own for it; Vitess ignores the access mode there, and is
 * told by `beginStatement`.
 */
export function pinStatement({ flavour, isolation, readOnly, limits: { timeoutMs }, rows }: Pins): string {
  const seconds = String(Math.max(1, Math.ceil(Math.min(timeoutMs, maxLockWaitMs) / 1000)))
  const patience = { innodb_lock_wait_timeout: seconds, lock_wait_timeout: seconds, wait_timeout: String(Math.ceil(maxLockWaitMs / 1000)) }
  const [begins, reads] = [{ autocommit: '0' }, readOnly ? '1' : '0']
  const own: Readonly<Record<Flavour, Readonly<Record<string, string>>>> = {
    mariadb: { ...further, ...patience, ...begins, tx_isolation: text(levels[isolation]), tx_read_only: reads, max_statement_time: (timeoutMs / 1000).toFixed(3) },
    mysql: { ...further, ...patience, ...begins, transaction_isolation: text(levels[isolation]), transaction_read_only: reads, max_execution_time: String(timeoutMs) },
    vitess: { transaction_isolation: text(levels[isolation]) },
  }
  const settings = { ...common, sql_select_limit: String(rows), ...own[flavour] }
  return `SET ${Object.entries(settings).map(([name, value]) => `@@session.${name} = ${value}`).join(', ')}`
}

/** What begins the transaction, where the settings do not. null: the next statement does. */
export const beginStatement = ({ flavour, readOnly }: Pick<Pins, 'flavour' | 'readOnly'>): string | null => (flavour === 'vitess' ? `START TRANSACTION READ ${readOnly ? 'ONLY' : 'WRITE'}` : null)

/** What the server says it has, and its clock when the tables are held: SYSDATE, because NOW is when the statement came, before it waited for them. */
const session = ['UNIX_TIMESTAMP(SYSDATE(3))', '@@session.sql_mode', '@@session.character_set_client', '@@session.character_set_connection', '@@session.character_set_results', '@@session.sql_auto_is_null', 'TIMEDIFF(NOW(), UTC_TIMESTAMP())']
const mine: Readonly<Record<Flavour, readonly string[]>> = {
  mariadb: ['@@session.sql_select_limit', '@@session.autocommit', '@@session.tx_read_only', '@@session.tx_isolation'],
  mysql: ['@@session.sql_select_limit', '@@session.autocommit', '@@session.transaction_read_only', '@@session.transaction_isolation'],
  vitess: [],
}
interface Named { readonly schema: string; readonly name: string }
/**
 * One statement that begins the transaction where `beginStatement` does not, holds, and tells what `checkedBy` compares: one row.
 *
 * It holds what the statements name as it is until the transaction ends: a SELECT of no row takes the metadata lock of each, and of what a view reads, which stops ALTER, DROP, RENAME, CREATE OR REPLACE VIEW
 * and CREATE TRIGGER. No row is looked at, so no snapshot is taken before the comparison. A server takes the locks of a whole statement before it computes any of it, so its clock has waited for them too.
 */
export function guardStatement(flavour: Flavour, relations: readonly Named[]): string {
  const told = [...session, ...mine[flavour]]
  return [`(SELECT ${told.join(', ')})`, ...relations.map(({ schema, name }) => `(SELECT ${told.map(() => 'NULL').join(', ')} FROM ${quoted(schema)}.${quoted(name)} LIMIT 0)`)].join(' UNION ALL ')
}
/** null: as it must be. `late`: past the deadline by the target's own clock. Else which of the settings does not hold. */
export function checkedBy([row = [], another]: readonly (readonly (string | null)[])[], { flavour, isolation, readOnly, rows: limit }: Pins, deadline: number): 'late' | { readonly setting: string } | null {
  const [clock, mode, client, connection, results, isNull, offset, ...own] = another ? [] : row
  const seconds = Number(clock ?? NaN)
  if (!(seconds > 0)) return { setting: 'clock' }
  if (seconds * 1000 > deadline + clockSkewMs) return 'late'
  const held = new Set((mode ?? '').split(','))
  if (held.size !== modes.length || !modes.every((one) => held.has(one))) return { setting: 'sql_mode' }
  if (client !== 'utf8mb4' || connection !== 'utf8mb4' || results !== 'utf8mb4') return { setting: 'character_set' }
  if (isNull !== '0') return { setting: 'sql_auto_is_null' }
  if (!/^00:00:00(\.0+)?$/.test(offset ?? '')) return { setting: 'time_zone' }
  if (flavour === 'vitess') return null
  const wanted = [['sql_select_limit', String(limit)], ['autocommit', '0'], ['read_only', readOnly ? '1' : '0'], ['isolation', levels[isolation]]] as const
  const lost = wanted.find(([, value], index) => own[index] !== value)
  return lost ? { setting: lost[0] } : null
}
export const quoted = (name: string): string => `\`${name.replaceAll('`', '``')}\``
