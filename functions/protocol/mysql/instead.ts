/**
 * Words of other servers, and what serves in their place: for whoever wrote them, a language model mostly, to do the right next thing. By the text alone, never by what is there: a name is answered alike whether the target has a
 * routine of that name or not.
 */
const functions: Readonly<Record<string, string>> = {
  date_trunc: '`date_format(at, \'%Y-%m-01\')`', to_char: '`date_format(at, \'%Y-%m\')`', to_date: '`str_to_date(text, \'%Y-%m-%d\')`', strftime: '`date_format(at, \'%Y-%m\')`', to_timestamp: '`from_unixtime(seconds)`', date_part: '`extract(year from at)`', age: '`timestampdiff(day, a, b)`', dateadd: '`at + interval 1 day`', getdate: '`now()`', clock_timestamp: '`now(6)`', make_date: '`makedate(year, day)`',
  string_agg: '`group_concat(a order by b separator \',\')`', listagg: '`group_concat(a order by b separator \',\')`', array_agg: '`json_arrayagg(a)`', json_agg: '`json_arrayagg(a)`', jsonb_agg: '`json_arrayagg(a)`', json_build_object: '`json_object(\'key\', a)`', jsonb_build_object: '`json_object(\'key\', a)`', json_object_agg: '`json_objectagg(key, value)`',
  iif: '`if(a, b, c)`', decode: '`case a when … then … end`', len: '`char_length(a)`', strpos: '`locate(part, text)`', charindex: '`locate(part, text)`', split_part: '`substring_index(text, \',\', 1)`', initcap: '`concat(upper(left(a, 1)), lower(substr(a, 2)))`', trunc: '`truncate(a, digits)`', random: '`rand()`', bool_or: '`max(a)`', bool_and: '`min(a)`', every: '`min(a)`',
  generate_series: '`with recursive n as (select 1 as i union all select i + 1 from n where i < 10) select i from n`', unnest: '`json_table(doc, \'$[*]\' columns (a int path \'$\'))`', gen_random_uuid: 'an id made by the caller, sent as a parameter', newid: 'an id made by the caller, sent as a parameter', current_schema: '`database()`', current_database: '`database()`',
}
export const insteadOf = (name: string): string | undefined => (Object.hasOwn(functions, name.toLowerCase()) ? functions[name.toLowerCase()] : undefined)

const migration = 'what changes names belongs into a migration, run by whoever owns the tables'
const transaction = 'send the statements as `transaction`, which runs whole or not at all'
/** Of statements that are not read, by their first word: what to do. */
const statements: Readonly<Record<string, string>> = {
  start: transaction, begin: transaction, commit: transaction, rollback: transaction, savepoint: transaction, release: transaction, set: 'settings are the gate\'s; leave it out', use: 'write tables with their database, `shop.orders`', lock: 'use `select … for update`', unlock: 'leave it out', create: migration, alter: migration, drop: migration, rename: migration, truncate: 'delete the rows, where a rule lets you',
  grant: migration, revoke: migration, analyze: 'the server does it by itself; for a plan there is EXPLAIN', optimize: 'leave it out', check: 'leave it out', flush: 'leave it out', prepare: 'send the statement with `params`', execute: 'send the statement with `params`', deallocate: 'leave it out', do: 'use SELECT', load: 'insert rows with `params`', handler: 'use SELECT', kill: 'a call ends with its time limit',
  merge: 'use INSERT … ON DUPLICATE KEY UPDATE',
}
export const insteadOfStatement = (word: string): string | null => (Object.hasOwn(statements, word) ? statements[word] ?? null : null)

/** What a text that cannot be read was probably meant to be. */
const dialects: readonly (readonly [written: RegExp, instead: string])[] = [
  [/\bilike\b/i, 'LIKE compares without case wherever the collation of the column does'], [/\bfilter\s*\(\s*where\b/i, 'write `sum(case when … then 1 else 0 end)` instead of FILTER'], [/^\s*select\s+(distinct\s+)?top\s*\(?\s*\d/i, 'write LIMIT at the end instead of TOP'], [/\bdistinct\s+on\s*\(/i, 'number the rows with `row_number() over (partition by …)` in a derived table instead of DISTINCT ON'],
  [/\bon\s+conflict\b/i, 'write ON DUPLICATE KEY UPDATE instead of ON CONFLICT'], [/\binterval\s+'/i, 'an interval is written `interval 1 day`'], [/\bnulls\s+(first|last)\b/i, 'write `order by a is null, a` instead of NULLS LAST'], [/\bfull\s+(outer\s+)?join\b/i, 'write a LEFT JOIN and UNION ALL the rows that only the right side has'], [/\bmerge\s+into\b/i, 'write INSERT … ON DUPLICATE KEY UPDATE'],
]
export const meant = (sql: string): string | null => { const head = sql.slice(0, 8192); return dialects.find(([written]) => written.test(head))?.[1] ?? null }
