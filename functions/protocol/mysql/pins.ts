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
  div_precision_increment: '4', sql_auto_is_null: '0', completion_type: text('NO_CHAIN'), autocommit: '1',
}
export const maxLockWaitMs = 5000
/** How far the target's clock may be behind ours before a run that began in time is refused, ms. */
export const clockSkewMs = 30_000
const levels = { 'read committed': 'READ-COMMITTED', 'repeatable read': 'REPEATABLE-READ', serializable: 'SERIALIZABLE' } as const

export interface Pins { readonly flavour: Flavour; readonly isolation: Query['isolation']; readonly limits: Pick<Limits, 'timeoutMs'>; /** The most rows any statement may give. */ readonly rows: number }
/**
 * The settings a statement runs under, in one statement, before the transaction begins: account, server and endpoint defaults, and what an earlier user of a kept connection left, do not count. `wait_timeout`
 * ends a transaction whose gate was frozen.
 */
export function pinStatement({ flavour, isolation, limits: { timeoutMs }, rows }: Pins): string {
  const seconds = String(Math.max(1, Math.ceil(Math.min(timeoutMs, maxLockWaitMs) / 1000)))
  const patience = { innodb_lock_wait_timeout: seconds, lock_wait_timeout: seconds, wait_timeout: String(Math.ceil(maxLockWaitMs / 1000)) }
  const own: Readonly<Record<Flavour, Readonly<Record<string, string>>>> = {
    mariadb: { ...further, ...patience, tx_isolation: text(levels[isolation]), max_statement_time: (timeoutMs / 1000).toFixed(3) },
    mysql: { ...further, ...patience, transaction_isolation: text(levels[isolation]), max_execution_time: String(timeoutMs) },
    vitess: { transaction_isolation: text(levels[isolation]) },
  }
  const settings = { ...common, sql_select_limit: String(rows), ...own[flavour] }
  return `SET ${Object.entries(settings).map(([name, value]) => `@@session.${name} = ${value}`).join(', ')}`
}

/** What the server says it has, and its clock: one row. Asked inside the transaction. */
export const checkStatement = 'SELECT UNIX_TIMESTAMP(NOW(3)), @@session.sql_mode, @@session.character_set_client, @@session.character_set_connection, @@session.character_set_results, @@session.sql_auto_is_null, TIMEDIFF(NOW(), UTC_TIMESTAMP())'
/** null: as it must be. `late`: past the deadline by the target's own clock. Else which of the settings does not hold. */
export function checkedBy(row: readonly (string | null)[] | undefined, deadline: number): 'late' | { readonly setting: string } | null {
  const [clock, mode = '', client, connection, results, isNull, offset] = row ?? []
  const seconds = Number(clock ?? NaN)
  if (!(seconds > 0)) return { setting: 'clock' }
  if (seconds * 1000 > deadline + clockSkewMs) return 'late'
  const held = new Set((mode ?? '').split(','))
  if (held.size !== modes.length || !modes.every((one) => held.has(one))) return { setting: 'sql_mode' }
  if (client !== 'utf8mb4' || connection !== 'utf8mb4' || results !== 'utf8mb4') return { setting: 'character_set' }
  if (isNull !== '0') return { setting: 'sql_auto_is_null' }
  return /^00:00:00(\.0+)?$/.test(offset ?? '') ? null : { setting: 'time_zone' }
}
export const beginStatement = (readOnly: boolean): string => `START TRANSACTION READ ${readOnly ? 'ONLY' : 'WRITE'}`

export const quoted = (name: string): string => `\`${name.replaceAll('`', '``')}\``
/**
 * Holds what the statements name as it is until the transaction ends: a SELECT of no row takes the metadata lock of each, and of what a view reads, which stops ALTER, DROP, RENAME, CREATE OR REPLACE VIEW
 * and CREATE TRIGGER. No row is looked at, so no snapshot is taken before the comparison. null when nothing is named.
 */
export function holdStatement(relations: readonly { readonly schema: string; readonly name: string }[]): string | null {
  if (relations.length === 0) return null
  return relations.map(({ schema, name }) => `(SELECT 1 FROM ${quoted(schema)}.${quoted(name)} LIMIT 0)`).join(' UNION ALL ')
}
