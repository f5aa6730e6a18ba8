import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { functionNames, introspection, typeNames } from '../../../functions/protocol/postgres/builtins.ts'
import { majors, withPostgres, type TestDatabase, type TestPostgres } from '../../support/postgres.ts'

/** Every overload of every allowed name, as judged. A server with another set has a function nobody looked at: look, then change this. */
const judged: Readonly<Record<number, { readonly count: number; readonly digest: string }>> = {
  15: { count: 845, digest: '2317ece1bd82b8bd' },
  16: { count: 864, digest: '2fe2099ec7bac324' },
  17: { count: 878, digest: '8cb2e62aa7e5c0d3' },
  18: { count: 901, digest: '8bbb1bc915a394b4' },
}

describe.each(majors)('on PostgreSQL %i', (major) => {
  let server: TestPostgres
  let database: TestDatabase
  beforeAll(async () => { server = await withPostgres({ major }); database = await server.createDatabase() })
  afterAll(() => server.stop())

  test('the allowed names mean the functions that were judged', async () => {
    const { rows } = await database.query(`SELECT p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ') ' || p.prokind::text || p.provolatile::text AS line FROM pg_proc p WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.proname = ANY($1)`, [[...functionNames]])
    const lines = rows.map((row: { line: string }) => row.line).sort()
    expect({ count: lines.length, digest: createHash('sha256').update(lines.join('\n')).digest('hex').slice(0, 16) }).toEqual(judged[major])
  })
  test('none of them is volatile but clocks and random numbers, and none takes or gives a pseudo-type only the server may make', async () => {
    const { rows } = await database.query(`SELECT DISTINCT p.proname FROM pg_proc p WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.proname = ANY($1) AND (p.provolatile = 'v' OR p.prorettype IN ('internal'::regtype, 'trigger'::regtype) OR 'internal'::regtype = ANY(p.proargtypes)) ORDER BY 1`, [[...functionNames]])
    const free = ['array_sample', 'array_shuffle', 'clock_timestamp', 'gen_random_uuid', 'random', 'random_normal', 'timeofday', 'uuidv4', 'uuidv7']
    expect(rows.map((row: { proname: string }) => row.proname).filter((name) => !free.includes(name))).toEqual([])
  })
  test('what runs SQL, waits, writes, or reaches files, sessions, settings and sequences is on no list', () => {
    for (const name of ['query_to_xml', 'table_to_xml', 'cursor_to_xml', 'database_to_xml', 'ts_stat', 'ts_rewrite', 'pg_sleep', 'pg_sleep_for', 'set_config', 'current_setting', 'nextval', 'setval', 'currval', 'lastval', 'pg_notify', 'pg_advisory_lock',
      'pg_try_advisory_lock', 'pg_terminate_backend', 'pg_cancel_backend', 'lo_import', 'lo_export', 'lo_get', 'lo_put', 'loread', 'pg_read_file', 'pg_ls_dir', 'pg_stat_file', 'txid_current', 'pg_current_xact_id', 'pg_export_snapshot', 'setseed', 'pg_logical_emit_message',
      'pg_stat_get_activity', 'pg_show_all_settings', 'pg_stat_reset', 'pg_reload_conf', 'pg_switch_wal', 'binary_upgrade_set_next_pg_type_oid', 'pg_input_is_valid', 'inet_server_addr', 'pg_get_backend_memory_contexts', 'currtid2', 'pg_event_trigger_dropped_objects', 'pg_nextoid', 'amvalidate', 'satisfies_hash_partition', 'pg_mcv_list_items']) {
      expect(functionNames.has(name) || introspection.has(name), name).toBe(false)
    }
    for (const name of ['regclass', 'record', 'cstring', 'internal', 'refcursor', 'aclitem', 'pg_node_tree', 'pg_lsn', 'pg_snapshot', 'any', 'anyelement', 'unknown', 'trigger']) expect(typeNames.has(name), name).toBe(false)
  })
})
