/**
 * Words of other servers, and what serves in their place: for whoever wrote them, a language model mostly, to do the right next thing. By the text alone, never by what is there: a name is answered alike whether the target has a
 * function of that name or not.
 */
const functions: Readonly<Record<string, string>> = {
  ifnull: '`coalesce(a, b)`', nvl: '`coalesce(a, b)`', isnull: '`a is null`, or `coalesce(a, b)`', iif: '`case when … then … else … end`', if: '`case when … then … else … end`', decode: '`case a when … then … end`', nvl2: '`case when a is null then … else … end`',
  date_format: '`to_char(at, \'YYYY-MM\')`', strftime: '`to_char(at, \'YYYY-MM\')`', str_to_date: '`to_date(text, \'YYYY-MM-DD\')`', datediff: '`a::date - b::date`', timestampdiff: '`extract(epoch from a - b)`', date_sub: '`at - interval \'1 day\'`', dateadd: '`at + interval \'1 day\'`',
  getdate: '`now()`', sysdate: '`now()`', curdate: '`current_date`', curtime: '`localtime`', datetime: '`at::timestamptz`', julianday: '`extract(julian from at)`', unix_timestamp: '`extract(epoch from at)`', from_unixtime: '`to_timestamp(seconds)`', last_day: '`(date_trunc(\'month\', at) + interval \'1 month - 1 day\')::date`',
  year: '`extract(year from at)`', month: '`extract(month from at)`', day: '`extract(day from at)`', hour: '`extract(hour from at)`', quarter: '`extract(quarter from at)`', week: '`extract(week from at)`', weekday: '`extract(isodow from at)`', dayofweek: '`extract(dow from at)`', dayname: '`to_char(at, \'FMDay\')`',
  group_concat: '`string_agg(a, \',\')`', listagg: '`string_agg(a, \',\')`', json_extract: '`doc #> \'{a,b}\'`', json_unquote: '`doc ->> \'a\'`', json_arrayagg: '`jsonb_agg(a)`', json_objectagg: '`jsonb_object_agg(key, value)`', json_contains: '`doc @> part`',
  len: '`length(a)`', instr: '`position(part in text)`', locate: '`position(part in text)`', charindex: '`position(part in text)`', substring_index: '`split_part(text, \',\', 1)`', find_in_set: '`a = any (string_to_array(list, \',\'))`', convert: '`a::type`', truncate: '`trunc(a, digits)`', rand: '`random()`', newid: '`gen_random_uuid()`', uuid: '`gen_random_uuid()`', uuid_generate_v4: '`gen_random_uuid()`', median: '`percentile_cont(0.5) within group (order by a)`', countif: '`count(*) filter (where …)`', approx_count_distinct: '`count(distinct a)`',
  last_insert_id: '`insert … returning id`', found_rows: '`count(*) over ()`', database: '`current_schema()`',
}
export const insteadOf = (name: string): string | undefined => (Object.hasOwn(functions, name.toLowerCase()) ? functions[name.toLowerCase()] : undefined)

/** Why a well-known function of the server's is not to be had, and what is. */
const reasons: readonly (readonly [names: RegExp, why: string])[] = [
  [/^(nextval|currval|lastval|setval)$/, 'it moves or tells a sequence; leave the column out of the insert, and `returning` tells what it got'],
  [/^set_config$/, 'settings are the gate\'s; leave it out'], [/^(current_setting|pg_show_all_settings)$/, 'settings are the gate\'s; `show timezone` and its like tell what a client needs'],
  [/^pg_(try_)?advisory_/, 'locks of one\'s own outlive the statement; use `select … for update`'], [/^pg_sleep/, 'it waits and gives nothing; leave it out'],
  [/^pg_notify$/, 'it tells other sessions; leave it out'], [/^(pg_(cancel|terminate)_backend|pg_reload_conf|pg_rotate_logfile)$/, 'it acts on the server, not on data'],
  [/^(query|table|cursor|schema|database)_to_xml|^(ts_stat|ts_rewrite|dblink)/, 'it runs text as SQL; send the statement itself'], [/^(pg_read_|pg_ls_|pg_stat_file|lo_|loread|lowrite)/, 'it reaches files or large objects of the server'],
  [/^(txid_|pg_current_xact|pg_snapshot|pg_xact|pg_visible)/, 'it tells of transactions; to notice changes, keep a column that says when'], [/^(inet_(server|client)_|pg_postmaster|pg_conf_load)/, 'it tells of the server; leave it out'],
]
export const whyNot = (name: string): string | null => reasons.find(([names]) => names.test(name))?.[1] ?? null

export const whatThereIs = 'the tables and columns you may see are told by `/schema` of the connection, over MCP by `access`'
/** What a text that is no PostgreSQL was probably meant to be. */
const dialects: readonly (readonly [written: RegExp, instead: string])[] = [
  [/^\s*\\/, `commands of psql are not SQL; ${whatThereIs}`], [/^\s*(describe|desc|show|use)\b/i, `that is another server's; ${whatThereIs}`],
  [/`/, 'names stand in double quotes here, not in backticks'], [/\blimit\s+[\d?$]+\s*,/i, 'write `limit 10 offset 5`'], [/^\s*select\s+(distinct\s+)?top\s*\(?\s*\d/i, 'write `limit` at the end instead of `top`'],
  [/\bon\s+duplicate\s+key\b|^\s*replace\s+into\b|\binsert\s+(or\s+)?(ignore|replace)\b/i, 'write `insert … on conflict (key) do update set …`, or `do nothing`'], [/\binterval\s+\d/i, 'an interval is written `interval \'1 day\'`'],
  [/\bseparator\s*'/i, 'write `string_agg(a, \',\' order by b)`'], [/[=<>(,]\s*\?|\b(limit|offset|like|ilike|and|between)\s+\?|[=<>(,\s]:[a-z_]\w*|%s\b|%\(\w+\)s/i, 'parameters are written `$1`, `$2` and given in `params` in that order'], [/(?:^|[\s,(.])\[[a-z]\w*\]/i, 'names stand in double quotes here, not in brackets'],
]
/** `sql` is at most 64 KB; of more than a beginning nobody asks, and every pattern goes over it once. */
export const meant = (sql: string): string | null => { const head = sql.slice(0, 8192); return dialects.find(([written]) => written.test(head))?.[1] ?? null }
