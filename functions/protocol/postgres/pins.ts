import type { Limits } from '../../../schema/effects.ts'
import { bindText } from './bind.ts'
import type { Guard } from './guard.ts'
import type { Sql } from './port.ts'

/**
 * The settings a statement runs under, all of them in the same transaction and only for it: what classify resolved names by, what bounds it,
 * and what its answer is spelled in. Role and database defaults, or what an earlier user of a pooled connection left, do not count.
 */
const fixed: Readonly<Record<string, string>> = {
  // How text is read. Off, `'\''` would hide a second string where the grammar saw none.
  standard_conforming_strings: 'on', backslash_quote: 'safe_encoding', transform_null_equals: 'off', array_nulls: 'on', xmloption: 'content',
  // How values are written; render.ts reads exactly this.
  DateStyle: 'ISO, MDY', TimeZone: 'UTC', IntervalStyle: 'postgres', extra_float_digits: '1', bytea_output: 'hex', xmlbinary: 'base64', quote_all_identifiers: 'off',
  // What comes back beside rows: nothing.
  client_min_messages: 'error', debug_print_parse: 'off', debug_print_rewritten: 'off', debug_print_plan: 'off',
  // What it may cost. `temp_file_limit` only a superuser may set.
  work_mem: '16MB', hash_mem_multiplier: '2', jit: 'off', gin_fuzzy_search_limit: '0', max_parallel_workers_per_gather: '0',
  // Rows that no ORDER BY sorts come as they lie: see planning.ts.
  enable_seqscan: 'on', enable_bitmapscan: 'on',
  row_security: 'on', synchronous_commit: 'on', default_tablespace: '', temp_tablespaces: '', default_transaction_deferrable: 'off', application_name: 'sluice',
}
/** How far the target's clock may be behind ours before a run that began in time is refused, ms. A process frozen for longer does nothing. */
export const clockSkewMs = 30_000
export const maxLockWaitMs = 5000

export interface Pins {
  readonly searchPath: readonly string[]
  readonly limits: Pick<Limits, 'timeoutMs'>
  /** Epoch ms. */
  readonly deadline: number
  readonly readOnly: boolean
  /** Left out: false. */
  readonly heapOrder?: boolean
  /** A word nobody can guess: an error that carries it was raised by us. */
  readonly nonce: string
}

/** What must hold before the settings do: see frame.ts for what the two are to each other. One object for one text, so that the text is made once. */
export interface Check { readonly guard: Guard; /** A query of no row, or null when there is nothing to hold. */ readonly hold: string | null }

/**
 * `pg_catalog` is first, so that nobody's object shadows what the analysis took for the server's own: unnamed, for then the server puts it there itself, and `current_schema()`, by which ORMs
 * ask for their tables, is the path's first and not `pg_catalog`. The temporary schema last and named, because unnamed it would be searched first. An error when the deadline is past by the target's own clock, or when `check` fails; else how many settings were set,
 * which is all of them or an error: one column, because each one comes back with a description that costs more than its value. Every name in the
 * text is qualified, operators and types too: it runs before the path is pinned, under whatever path the role or the pool left.
 */
export function pinStatement({ searchPath, limits, deadline, readOnly, heapOrder = false, nonce }: Pins, check: Check | null = null): Sql {
  const [names, settings] = settingsOf(searchPath, limits.timeoutMs, readOnly, heapOrder)
  const own = [String((deadline + clockSkewMs) / 1000), `sluice:late:${nonce}`, names, settings]
  return check === null ? { text: pinText, values: own } : { text: checkText(check), values: [...check.guard.params, ...own, check.guard.expected, `sluice:stale:${nonce}`] }
}
/** A word of ours as an error. The clock is in the cast so that the planner cannot compute it ahead, in the branch that is not taken. */
export const raised = (parameter: number): string => `pg_catalog.concat(pg_catalog.clock_timestamp(), $${parameter}::pg_catalog.text)::pg_catalog.int4`
const pinning = (after: number, checked: (pins: string) => string): string =>
  `SELECT CASE WHEN pg_catalog.clock_timestamp() OPERATOR(pg_catalog.>) pg_catalog.to_timestamp($${after + 1}::pg_catalog.float8) THEN ${raised(after + 2)} ${checked(
    `(SELECT pg_catalog.count(pg_catalog.set_config(s.name, s.setting, true))::pg_catalog.int4 FROM ROWS FROM (pg_catalog.unnest($${after + 3}::pg_catalog.text[]), pg_catalog.unnest($${after + 4}::pg_catalog.text[])) AS s(name, setting))`)} END AS pinned`
const pinText = pinning(0, (pins) => `ELSE ${pins}`)

const texts = new WeakMap<Check, string>()
function checkText(check: Check): string {
  const known = texts.get(check)
  if (known !== undefined) return known
  const { hold, guard: { sql, params: { length } } } = check
  const made = pinning(length, (pins) =>
    `WHEN (${sql}) OPERATOR(pg_catalog.=) $${length + 5}::pg_catalog.text${hold === null ? '' : ` AND NOT EXISTS (${hold})`} THEN ${pins} ELSE ${raised(length + 6)}`)
  texts.set(check, made)
  return made
}

/** Names and values as array literals. They depend on the connection and the kind of plan alone, so they are written once. Bounded: when full it starts anew. */
function settingsOf(searchPath: readonly string[], timeoutMs: number, readOnly: boolean, heapOrder: boolean): readonly [names: string, settings: string] {
  const key = JSON.stringify([searchPath, timeoutMs, readOnly, heapOrder])
  const known = written.get(key)
  if (known) return known
  const shortMs = String(Math.min(timeoutMs, maxLockWaitMs))
  const settings: Readonly<Record<string, string>> = {
    ...fixed, search_path: pathOf(searchPath), statement_timeout: String(timeoutMs), lock_timeout: shortMs, idle_in_transaction_session_timeout: shortMs,
    default_transaction_read_only: readOnly ? 'on' : 'off', ...(readOnly ? { transaction_read_only: 'on' } : {}),
    ...(heapOrder ? { enable_indexscan: 'off', enable_indexonlyscan: 'off' } : {}),
  }
  const made = [String(bindText(Object.keys(settings))), String(bindText(Object.values(settings)))] as const
  if (written.size >= maxWritten) written.clear()
  written.set(key, made)
  return made
}
const written = new Map<string, readonly [names: string, settings: string]>()
const maxWritten = 500

export function pathOf(searchPath: readonly string[]): string {
  return [...searchPath.filter((schema) => schema !== 'pg_catalog' && schema !== 'pg_temp'), 'pg_temp'].map(quote).join(', ')
}
export const quote = (name: string) => `"${name.replaceAll('"', '""')}"`

/**
 * Holds what the statement names as it is until the transaction ends. `LOCK TABLE` wants a privilege on the whole table, which a role with column
 * grants lacks; a SELECT of no column wants one on any column, which the statement itself wants too. It takes ACCESS SHARE on each, through views
 * also on what they read, on partitions and children too (`LIMIT 0` does not let the planner prune them, as `WHERE false` would), and reads no
 * row. ACCESS SHARE stops ALTER, DROP, CREATE OR REPLACE VIEW, policies and rules. null when nothing is named.
 */
export function holdStatement(relations: readonly { readonly schema: string; readonly name: string }[]): Sql | null {
  if (relations.length === 0) return null
  return { text: `${relations.map(({ schema, name }) => `SELECT FROM ${quote(schema)}.${quote(name)}`).join(' UNION ALL ')} LIMIT 0`, values: [] }
}
