import * as z from 'zod'
import type { Sql } from '../port.ts'

/** What a role of the target has in truth, asked as that role. Relations are `schema.name`. */
const shape = z.object({
  name: z.string(), database: z.string(),
  powers: z.array(z.string()), memberOf: z.array(z.string()), owns: z.array(z.string()), creates: z.array(z.string()), temporary: z.boolean(),
  writes: z.record(z.string(), z.array(z.string())), reads: z.record(z.string(), z.array(z.string())),
  dangerous: z.array(z.string()),
  /** What its new sessions begin with, as it was set: `5s`, or ms without a unit; 0 waits for ever. */
  lockTimeout: z.string(),
})
export type Holds = z.infer<typeof shape>
export const readHolds = (text: string | null | undefined): Holds => shape.parse(JSON.parse(text ?? ''))

/** Of the server's own: run SQL hidden in a string, read files or statistics, wake or end other sessions, hold locks past a transaction, sleep. */
const dangerous = '^(lo_.*|lo(read|write)|pg_(try_)?advisory_(x?act_)?(un)?lock.*|pg_advisory_unlock.*|pg_(cancel|terminate)_backend|pg_notify|pg_sleep.*|pg_export_snapshot|pg_logical_emit_message|(query|table|cursor|schema|database)_to_xml.*|ts_stat|ts_rewrite|pg_read_.*|pg_ls_.*|pg_stat_file|pg_reload_conf|pg_stat_reset.*)$'
const user = `NOT n.nspname OPERATOR(pg_catalog.=) ANY ('{pg_catalog,information_schema,pg_toast}'::pg_catalog.name[]) AND NOT n.nspname OPERATOR(pg_catalog.~) '^pg_(toast_)?temp_'`
const named = `pg_catalog.concat(n.nspname, '.', c.relname)`

/** Everything is qualified; a membership counts as the role itself, because SET ROLE is one statement away. */
export const question: Sql = {
  values: [],
  text: `WITH me AS (SELECT r.* FROM pg_catalog.pg_roles r WHERE pg_catalog.pg_has_role(current_user, r.oid, 'MEMBER')),
  c AS (SELECT c.oid, c.relowner, n.nspname, c.relname, ${named} AS name FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
    WHERE c.relkind OPERATOR(pg_catalog.=) ANY ('{r,p,v,m,f}'::pg_catalog."char"[]) AND ${user}),
  usable AS (SELECT c.* FROM c WHERE pg_catalog.has_schema_privilege(c.nspname::pg_catalog.text, 'USAGE'))
SELECT pg_catalog.json_build_object('name', current_user, 'lockTimeout', coalesce(
    (SELECT pg_catalog.split_part(o, '=', 2) FROM pg_catalog.pg_db_role_setting d, pg_catalog.unnest(d.setconfig) o WHERE o OPERATOR(pg_catalog.~) '^lock_timeout='
      AND d.setrole OPERATOR(pg_catalog.=) ANY (ARRAY[0::pg_catalog.oid, (SELECT r.oid FROM pg_catalog.pg_roles r WHERE r.rolname OPERATOR(pg_catalog.=) current_user)])
      AND d.setdatabase OPERATOR(pg_catalog.=) ANY (ARRAY[0::pg_catalog.oid, (SELECT b.oid FROM pg_catalog.pg_database b WHERE b.datname OPERATOR(pg_catalog.=) pg_catalog.current_database())])
      ORDER BY d.setrole DESC, d.setdatabase DESC LIMIT 1),
    (SELECT s.boot_val FROM pg_catalog.pg_settings s WHERE s.name OPERATOR(pg_catalog.=) 'lock_timeout')), 'database', pg_catalog.current_database(),
  'powers', (SELECT coalesce(pg_catalog.json_agg(DISTINCT p), '[]') FROM me, LATERAL (VALUES (CASE WHEN rolsuper THEN 'superuser' END), (CASE WHEN rolbypassrls THEN 'bypassrls' END), (CASE WHEN rolcreaterole THEN 'createrole' END),
    (CASE WHEN rolcreatedb THEN 'createdb' END), (CASE WHEN rolreplication THEN 'replication' END)) powers(p) WHERE p IS NOT NULL),
  'memberOf', (SELECT coalesce(pg_catalog.json_agg(rolname ORDER BY rolname), '[]') FROM me WHERE rolname OPERATOR(pg_catalog.<>) current_user),
  'owns', (SELECT coalesce(pg_catalog.json_agg(name ORDER BY name), '[]') FROM c WHERE relowner OPERATOR(pg_catalog.=) ANY (SELECT oid FROM me)),
  'creates', (SELECT coalesce(pg_catalog.json_agg(n.nspname ORDER BY n.nspname), '[]') FROM pg_catalog.pg_namespace n WHERE ${user} AND pg_catalog.has_schema_privilege(n.oid, 'CREATE')),
  'temporary', pg_catalog.has_database_privilege(pg_catalog.current_database(), 'TEMP'),
  'writes', (SELECT coalesce(pg_catalog.json_object_agg(name, w), '{}') FROM (SELECT name, (SELECT pg_catalog.json_agg(p) FROM pg_catalog.unnest('{INSERT,UPDATE,DELETE,TRUNCATE}'::pg_catalog.text[]) p
      WHERE pg_catalog.has_table_privilege(usable.oid, p) OR (p OPERATOR(pg_catalog.=) ANY ('{INSERT,UPDATE}'::pg_catalog.text[]) AND pg_catalog.has_any_column_privilege(usable.oid, p))) AS w FROM usable) given WHERE w IS NOT NULL),
  'reads', (SELECT coalesce(pg_catalog.json_object_agg(name, r), '{}') FROM (SELECT name, (SELECT pg_catalog.json_agg(a.attname ORDER BY a.attnum) FROM pg_catalog.pg_attribute a
      WHERE a.attrelid OPERATOR(pg_catalog.=) usable.oid AND a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped AND pg_catalog.has_column_privilege(usable.oid, a.attnum, 'SELECT')) AS r FROM usable) given WHERE r IS NOT NULL),
  'dangerous', (SELECT coalesce(pg_catalog.json_agg(p.oid::pg_catalog.regprocedure ORDER BY p.proname), '[]') FROM pg_catalog.pg_proc p WHERE p.pronamespace OPERATOR(pg_catalog.=) 'pg_catalog'::pg_catalog.regnamespace
    AND p.prokind OPERATOR(pg_catalog.=) 'f' AND p.proname OPERATOR(pg_catalog.~) '${dangerous}' AND pg_catalog.has_function_privilege(p.oid, 'EXECUTE')))::pg_catalog.text`,
}

/** Signatures of functions by oid, and sequences that columns of tables own, both as SQL that any search path reads alike. */
export const extrasQuestion = `SELECT 'function' AS kind, n.nspname AS schema, p.proname AS name, p.oid::pg_catalog.regprocedure::pg_catalog.text AS sql FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) p.pronamespace WHERE ${user} AND p.prokind OPERATOR(pg_catalog.=) ANY ('{f,w,a}'::pg_catalog."char"[])
UNION ALL SELECT 'sequence', n.nspname, c.relname, s.oid::pg_catalog.regclass::pg_catalog.text FROM pg_catalog.pg_class s JOIN pg_catalog.pg_depend d ON d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid OPERATOR(pg_catalog.=) s.oid AND d.deptype OPERATOR(pg_catalog.=) 'a' AND d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass
  JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) d.refobjid JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace WHERE s.relkind OPERATOR(pg_catalog.=) 'S' AND ${user}
ORDER BY 1, 4`
