/**
 * The queries behind the catalog. Every name in them is qualified, so no `search_path` of the reading session changes what they mean; they read only
 * what every role may read (pg_catalog without pg_authid, pg_statistic and the like).
 *
 * A row of pg_catalog has a new xmin whenever it changes, so a fingerprint over the xmins of all rows that describe an object changes with each of its
 * definition's parts: columns, defaults, rules (a view's text), triggers, policies, constraints, indexes, children. VACUUM and ANALYZE leave them alone.
 */
const parts = (oids: string): string => `
  select c.oid as relation, 'c'::text as part, c.oid as id, c.xmin::text as version from pg_catalog.pg_class c where ${oids.replaceAll('@', 'c.oid')}
  union all select a.attrelid, 'a', a.attnum::int4::oid, a.xmin::text from pg_catalog.pg_attribute a where a.attnum > 0 and ${oids.replaceAll('@', 'a.attrelid')}
  union all select d.adrelid, 'd', d.oid, d.xmin::text from pg_catalog.pg_attrdef d where ${oids.replaceAll('@', 'd.adrelid')}
  union all select r.ev_class, 'r', r.oid, r.xmin::text from pg_catalog.pg_rewrite r where ${oids.replaceAll('@', 'r.ev_class')}
  union all select g.tgrelid, 't', g.oid, g.xmin::text from pg_catalog.pg_trigger g where ${oids.replaceAll('@', 'g.tgrelid')}
  union all select p.polrelid, 'p', p.oid, p.xmin::text from pg_catalog.pg_policy p where ${oids.replaceAll('@', 'p.polrelid')}
  union all select k.conrelid, 'k', k.oid, k.xmin::text from pg_catalog.pg_constraint k where k.conrelid <> 0 and ${oids.replaceAll('@', 'k.conrelid')}
  union all select k.confrelid, 'f', k.oid, k.xmin::text from pg_catalog.pg_constraint k where k.confrelid <> 0 and ${oids.replaceAll('@', 'k.confrelid')}
  union all select i.indrelid, 'i', i.indexrelid, i.xmin::text from pg_catalog.pg_index i where ${oids.replaceAll('@', 'i.indrelid')}
  union all select h.inhparent, 'h', h.inhrelid, h.xmin::text from pg_catalog.pg_inherits h where ${oids.replaceAll('@', 'h.inhparent')}
  union all select s.stxrelid, 's', s.oid, s.xmin::text from pg_catalog.pg_statistic_ext s where ${oids.replaceAll('@', 's.stxrelid')}`
const print = `pg_catalog.md5(pg_catalog.string_agg(part || id::text || ':' || version, ',' order by part, id))`

/**
 * The newest cast, and the newest members of operator families: rows that are made and dropped, never changed, and found at the end of an index. What is made after the catalog was
 * read has a higher oid; one that was dropped makes the server call less than was said. (Once four billion oids are used up they begin anew: then it is seen when the catalog is read next.)
 */
const made = `pg_catalog.concat_ws(',', ${['pg_cast', 'pg_opclass', 'pg_amop', 'pg_amproc'].map((name) => `(select pg_catalog.max(k.oid) from pg_catalog.${name} k)`).join(', ')})`

/** A type's row, its domain checks, and what describes the columns of a row type. */
const typeVersion = (columns: string): string =>
  `t.xmin::text || coalesce((select pg_catalog.string_agg(k.oid::text || ':' || k.xmin::text, ',' order by k.oid) from pg_catalog.pg_constraint k where k.contypid = t.oid), '') || coalesce(${columns}, '')`

const user = `n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast') and n.nspname not like 'pg\\_temp\\_%' and n.nspname not like 'pg\\_toast\\_temp\\_%'`
const extension = (catalog: string, oid: string): string =>
  `(select e.extname from pg_catalog.pg_depend x join pg_catalog.pg_extension e on e.oid = x.refobjid where x.classid = 'pg_catalog.${catalog}'::pg_catalog.regclass and x.objid = ${oid} and x.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass and x.deptype = 'e' limit 1)`
/** Functions outside pg_catalog that an object's expressions call, by pg_depend. */
const functionsOf = (catalog: string, oid: string): string =>
  `(select pg_catalog.array_agg(x.refobjid::int8) from pg_catalog.pg_depend x where x.classid = 'pg_catalog.${catalog}'::pg_catalog.regclass and x.objid = ${oid} and x.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass)`
/** Its expressions name a function or an operator outside pg_catalog. */
const calls = (catalog: string, oid: string): string =>
  `exists (select from pg_catalog.pg_depend x where x.classid = 'pg_catalog.${catalog}'::pg_catalog.regclass and x.objid = ${oid} and x.refclassid in ('pg_catalog.pg_proc'::pg_catalog.regclass, 'pg_catalog.pg_operator'::pg_catalog.regclass))`
const columnsOf = (catalog: string, oid: string, relation: string): string =>
  `(select pg_catalog.array_agg(x.refobjsubid) from pg_catalog.pg_depend x where x.classid = 'pg_catalog.${catalog}'::pg_catalog.regclass and x.objid = ${oid} and x.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass and x.refobjid = ${relation} and x.refobjsubid > 0)`
/** An index's expressions read whole rows, which pg_depend does not tell: `t.*` is how they are printed. What only looks like it counts too. */
const wholeRow = `coalesce(pg_catalog.strpos(pg_catalog.pg_get_expr(i.indexprs, i.indrelid), '.*') > 0, false) or coalesce(pg_catalog.strpos(pg_catalog.pg_get_expr(i.indpred, i.indrelid), '.*') > 0, false)`

/** The most bytes a value of a column takes by its declared type: text in four bytes a character, with its length before it. Null where nothing bounds it. */
const sizeOf = `case when a.attlen > 0 then a.attlen::int4 when a.atttypid in (1042, 1043) and a.atttypmod > 4 then (a.atttypmod - 4) * 4 + 4
  when a.atttypid = 1700 and a.atttypmod > 4 then ((a.atttypmod - 4) >> 16 & 65535) + 16 when a.atttypid in (1560, 1562) and a.atttypmod > 0 then a.atttypmod / 8 + 12 end`

/** Functions outside pg_catalog that operator families may call, by family: what an index, a partition key, a sort or a group of such a class runs. */
const supports = `
supports as materialized (select p.amprocfamily as family, p.amproc::oid as function from pg_catalog.pg_amproc p where p.amproc::oid >= 16384
  union select a.amopfamily, o.oprcode::oid from pg_catalog.pg_amop a join pg_catalog.pg_operator o on o.oid = a.amopopr where o.oprcode::oid >= 16384)`
const supportsOf = (classes: string): string =>
  `case when exists (select from supports) then (select pg_catalog.array_agg(distinct s.function::int8) from pg_catalog.pg_opclass k join supports s on s.family = k.opcfamily where ${classes}) end`
/** Of an operator, the functions of its commutator and its negator: the planner may put either in its place. */
const twins = `(select pg_catalog.array_agg(w.oprcode::oid::int8) from pg_catalog.pg_operator w where w.oid in (o.oprcom, o.oprnegate) and w.oprcode::oid >= 16384)`

/** Expressions of a table's own that planning a read of it looks at, where they may call what is not the server's: indexes, checks, statistics, partition key. */
const planned = `(select pg_catalog.json_agg(e.text) from (
    select pg_catalog.pg_get_expr(i.indexprs, i.indrelid) from pg_catalog.pg_index i where i.indrelid = c.oid and ${calls('pg_class', 'i.indexrelid')}
    union all select pg_catalog.pg_get_expr(i.indpred, i.indrelid) from pg_catalog.pg_index i where i.indrelid = c.oid and ${calls('pg_class', 'i.indexrelid')}
    union all select pg_catalog.pg_get_expr(k.conbin, k.conrelid) from pg_catalog.pg_constraint k where k.conrelid = c.oid and k.contype = 'c' and ${calls('pg_constraint', 'k.oid')}
    union all select pg_catalog.unnest(pg_catalog.pg_get_statisticsobjdef_expressions(s.oid)) from pg_catalog.pg_statistic_ext s where s.stxrelid = c.oid and ${calls('pg_statistic_ext', 's.oid')}
    union all select pg_catalog.pg_get_expr(p.partexprs, p.partrelid) from pg_catalog.pg_partitioned_table p where p.partrelid = c.oid and ${calls('pg_class', 'c.oid')}) e(text) where e.text is not null)`

/** Rows {kind, data}: one a described object, `data` a JSON array in the order catalog.ts reads it. One query, so one snapshot. */
export const snapshotQuery = `
with pin as materialized (select pg_catalog.set_config('search_path', '', true) as path),   -- so that view texts name every object with its schema
prints as materialized (select relation, ${print} as print from (${parts('true')}) every group by relation),${supports}
select 'server' as kind, pg_catalog.json_build_array(pg_catalog.current_setting('server_version_num'), pg_catalog.current_setting('server_encoding'), (select path from pin), ${made})::text as data
union all
select 'relation', pg_catalog.json_build_array(c.oid::int8, n.nspname, c.relname, c.relkind, c.relispartition, c.reltype::int8, c.relrowsecurity,
    prints.print,
    case when c.relkind in ('v', 'm') and ${user} then pg_catalog.pg_get_viewdef(c.oid) end,
    (select pg_catalog.json_agg(pg_catalog.json_build_array(a.attnum, a.attname, a.atttypid::int8, a.attnotnull, a.attgenerated, a.attidentity,
        case when a.attgenerated <> '' then ${columnsOf('pg_attrdef', `(select d.oid from pg_catalog.pg_attrdef d where d.adrelid = a.attrelid and d.adnum = a.attnum)`, 'a.attrelid')} end,
        case when ${user} then pg_catalog.format_type(a.atttypid, a.atttypmod) end,
        a.atthasdef and a.attgenerated = '' and ${user} and not exists (select from pg_catalog.pg_attrdef d where d.adrelid = a.attrelid and d.adnum = a.attnum and pg_catalog.pg_get_expr(d.adbin, d.adrelid) ~ '^(nextval|gen_random_uuid|uuidv[47])[(]'), ${sizeOf}, a.attlen = -1 and a.attstorage = 'p') order by a.attnum)
      from pg_catalog.pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped),
    (select pg_catalog.count(*) from pg_catalog.pg_rewrite r where r.ev_class = c.oid and r.ev_type <> '1'),
    case when c.relrowsecurity then (select pg_catalog.json_agg(pg_catalog.json_build_array(p.polcmd, pg_catalog.pg_get_expr(p.polqual, p.polrelid), pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid)) order by p.oid)
      from pg_catalog.pg_policy p where p.polrelid = c.oid) end,
    case when ${user} then ${supportsOf(`k.oid in (select pg_catalog.unnest(i.indclass::oid[]) from pg_catalog.pg_index i where i.indrelid = c.oid)
      or k.oid in (select pg_catalog.unnest(p.partclass::oid[]) from pg_catalog.pg_partitioned_table p where p.partrelid = c.oid)`)} end,
    case when ${user} then ${planned} end,
    coalesce((select pg_catalog.bool_or(o ~ '^security_invoker=(true|on|yes|1|t)$') from pg_catalog.unnest(c.reloptions) o), false),
    (select p.partattrs::int2[] from pg_catalog.pg_partitioned_table p where p.partrelid = c.oid),
    case when c.relkind = 'r' and not c.relhassubclass then (select i.indkey::int2[] from pg_catalog.pg_index i where i.indrelid = c.oid and i.indisprimary and i.indisunique and i.indimmediate and i.indisvalid and not i.indisexclusion) end)::text
  from pin, pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace left join prints on prints.relation = c.oid
  where path is not null and ((${user}) or (n.nspname in ('pg_catalog', 'information_schema') and c.relkind in ('r', 'v')))
union all
select 'builtin', pg_catalog.json_build_array((select pg_catalog.json_agg(distinct p.proname) from pg_catalog.pg_proc p where p.pronamespace = 'pg_catalog'::pg_catalog.regnamespace and p.oid < 16384),
    (select pg_catalog.json_object_agg(t.typname, t.oid::int8) from pg_catalog.pg_type t where t.typnamespace = 'pg_catalog'::pg_catalog.regnamespace),
    (select pg_catalog.json_agg(distinct p.proname) from pg_catalog.pg_proc p where p.pronamespace = 'pg_catalog'::pg_catalog.regnamespace and p.oid < 16384 and p.proretset))::text
union all
select 'schema', pg_catalog.json_build_array(n.oid::int8, n.nspname, n.xmin::text)::text from pg_catalog.pg_namespace n where ${user}
union all
select 'inherit', pg_catalog.json_build_array(h.inhparent::int8, h.inhrelid::int8)::text from pg_catalog.pg_inherits h
union all
select 'trigger', pg_catalog.json_build_array(t.tgrelid::int8, t.tgfoid::int8, t.tgtype)::text from pg_catalog.pg_trigger t where not t.tgisinternal and t.tgenabled <> 'D'
union all
select 'constraint', pg_catalog.json_build_array(k.conrelid::int8, k.contype, k.conkey, k.confrelid::int8, k.confkey, k.confdeltype, k.confupdtype, k.conname)::text
  from pg_catalog.pg_constraint k where k.conrelid <> 0 and k.contype in ('c', 'f', 'p', 'u', 'x')
union all
select 'index', pg_catalog.json_build_array(i.indrelid::int8, i.indkey::int2[], ${columnsOf('pg_class', 'i.indexrelid', 'i.indrelid')}, ${wholeRow}, i.indisunique or i.indisexclusion, i.indexprs is not null or i.indpred is not null or i.indnullsnotdistinct)::text
  from pg_catalog.pg_index i join pg_catalog.pg_class c on c.oid = i.indrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where ${user} and (i.indisunique or i.indisexclusion or i.indexprs is not null or i.indpred is not null)
union all
select 'ordering', pg_catalog.json_build_array(i.indrelid::int8, (i.indkey::int2[])[0:i.indnkeyatts - 1], ${columnsOf('pg_class', 'i.indexrelid', 'i.indrelid')}, ${wholeRow}, i.indnatts = 1 and i.indpred is null)::text
  from pg_catalog.pg_index i join pg_catalog.pg_class x on x.oid = i.indexrelid join pg_catalog.pg_class c on c.oid = i.indrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where ${user} and x.relam not in (405, 783, 2742, 3580, 4000)   -- hash, gist, gin, brin and spgist give rows in no order
union all
select 'entry', pg_catalog.json_build_array(i.indrelid::int8, i.indkey::int2[])::text
  from pg_catalog.pg_index i join pg_catalog.pg_class x on x.oid = i.indexrelid join pg_catalog.pg_class c on c.oid = i.indrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where ${user} and i.indnatts > 1 and x.relam not in (405, 2742)   -- a hash entry is a hash, a gin entry is of one column
union all
select 'function', pg_catalog.json_build_array(p.oid::int8, n.nspname, p.proname, p.pronargs, p.pronargdefaults, p.provariadic <> 0, p.prokind, p.proretset, p.prorettype::int8,
    p.provolatile, l.lanname, ${extension('pg_proc', 'p.oid')}, p.proargmodes, p.proargnames, p.proallargtypes::int8[], p.xmin::text,
    (select pg_catalog.array_agg(x.type::int8) from pg_catalog.unnest(p.proargtypes::oid[]) x(type) where x.type >= 16384))::text
  from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace join pg_catalog.pg_language l on l.oid = p.prolang
  where n.nspname <> 'information_schema' and (n.nspname <> 'pg_catalog' or p.oid >= 16384 or p.proallargtypes is not null)
union all
select 'operator', pg_catalog.json_build_array(o.oid::int8, n.nspname, o.oprname, o.oprcode::oid::int8, o.xmin::text, ${twins})::text
  from pg_catalog.pg_operator o join pg_catalog.pg_namespace n on n.oid = o.oprnamespace where o.oid >= 16384 or o.oprcom >= 16384 or o.oprnegate >= 16384
union all
select 'cast', pg_catalog.json_build_array(k.castsource::int8, k.casttarget::int8, k.castfunc::int8)::text from pg_catalog.pg_cast k where k.oid >= 16384
union all
select 'ambient', pg_catalog.json_build_array(k.castfunc::int8)::text from pg_catalog.pg_cast k where k.castfunc >= 16384 and k.castsource < 16384 and k.casttarget < 16384
union all
select 'ambient', pg_catalog.json_build_array(s.function::int8)::text from pg_catalog.pg_opclass k join supports s on s.family = k.opcfamily
  where k.opcdefault and k.opcintype < 16384 and k.opcmethod in (403, 405)   -- btree and hash: what sorts, groups and compares
union all
select 'type', pg_catalog.json_build_array(t.oid::int8, n.nspname, t.typname, t.typtype, t.typrelid::int8, t.typbasetype::int8, case when t.typcategory = 'A' then t.typelem::int8 else 0 end,
    case t.typtype when 'd' then (select pg_catalog.json_agg(${functionsOf('pg_constraint', 'k.oid')}) from pg_catalog.pg_constraint k where k.contypid = t.oid) end,
    case t.typtype when 'm' then (select r.rngtypid::int8 from pg_catalog.pg_range r where r.rngmultitypid = t.oid) else (select r.rngsubtype::int8 from pg_catalog.pg_range r where r.rngtypid = t.oid) end,
    pg_catalog.json_build_array(array[t.typinput::oid, t.typoutput::oid, t.typreceive::oid, t.typsend::oid, t.typmodin::oid, t.typmodout::oid, t.typsubscript::oid]::int8[],
      (select array[r.rngcanonical::oid, r.rngsubdiff::oid]::int8[] from pg_catalog.pg_range r where r.rngtypid = t.oid),
      ${supportsOf('k.opcintype = t.oid or k.oid in (select r.rngsubopc from pg_catalog.pg_range r where r.rngtypid = t.oid)')}), ${typeVersion('prints.print')})::text
  from pg_catalog.pg_type t join pg_catalog.pg_namespace n on n.oid = t.typnamespace left join prints on prints.relation = t.typrelid where t.oid >= 16384 and (${user} or n.nspname = 'pg_catalog')`

/** What a plan reaches or looked up, each as the text of an array the guard is given. */
export type GuardParts = Readonly<Record<'relations' | 'schemas' | 'relationNames' | 'functionNames' | 'operatorNames' | 'typeNames' | 'functions' | 'types', { readonly size: number; readonly text: string }>>

/**
 * The same fingerprints as the snapshot's for what one plan reaches, to be compared in the transaction that runs it: oids of relations; schemas names are
 * looked up in; names looked up there, of relations, functions, operators and types (an object that newly shadows one is a difference too); oids of
 * functions and of types reached without a name. One row, one column `fingerprint`. Takes no lock on what it describes. A part over empty arrays
 * would give no line and is left out: the text is sent with each call.
 */
export function guardText(given: GuardParts): { readonly sql: string; readonly values: string[] } {
  const values: string[] = []
  const array = (name: keyof GuardParts, type: 'oid' | 'name') => `any($${values.push(given[name].text)}::pg_catalog.${type}[])`
  const some = (...names: (keyof GuardParts)[]) => names.some((name) => given[name].size > 0)
  const schemas = given.schemas.size > 0 ? array('schemas', 'name') : ''
  const inSchemas = (name: keyof GuardParts, column: string) => (schemas !== '' && some(name) ? [`(${column} = ${array(name, 'name')} and n.nspname = ${schemas})`] : [])
  const oids = (name: keyof GuardParts, column: string) => (some(name) ? [`${column} = ${array(name, 'oid')}`] : [])
  const lines = [`select 'x' || ${made} as line`]
  if (some('relations')) lines.push(`select 'g' || relation::text || '=' || print from (select relation, ${print} as print from (${parts(`@ = ${array('relations', 'oid')}`)}) every group by relation) grouped`)
  if (schemas !== '') lines.push(`select 'n' || n.oid::text || '=' || n.nspname::text || n.xmin::text from pg_catalog.pg_namespace n where n.nspname = ${schemas}`)
  const add = (select: string, where: readonly string[]) => { if (where.length > 0) lines.push(`${select} where ${where.join(' or ')}`) }
  add("select 'r' || c.oid::text || '=' || c.relname::text || '@' || n.nspname::text from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace", inSchemas('relationNames', 'c.relname'))
  add("select 'p' || p.oid::text || '=' || p.xmin::text from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace", [...inSchemas('functionNames', 'p.proname'), ...oids('functions', 'p.oid')])
  add("select 'o' || o.oid::text || '=' || o.xmin::text from pg_catalog.pg_operator o join pg_catalog.pg_namespace n on n.oid = o.oprnamespace", inSchemas('operatorNames', 'o.oprname'))
  add(`select 't' || t.oid::text || '=' || ${typeVersion(`(select ${print} from (${parts('@ = t.typrelid')}) every)`)} from pg_catalog.pg_type t join pg_catalog.pg_namespace n on n.oid = t.typnamespace`,
    [...inSchemas('typeNames', 't.typname'), ...oids('types', 't.oid')])
  return { sql: `select pg_catalog.md5(pg_catalog.string_agg(line, ';' order by line collate pg_catalog."C")) as fingerprint from (${lines.join(' union all ')}) lines`, values }
}
