/**
 * Functions of MySQL 8 and MariaDB that only compute from their arguments (and the clock, and chance): no file, no lock, no sleep, no setting, nothing of the session or the server, no error that quotes
 * its argument where that matters (a classified argument is a use, whatever the function). Unknown means no. `docs/mysql.md` says why some well-known ones are missing.
 */
const words = (text: string): readonly string[] => text.trim().split(/\s+/)
const scalars = words(`
  ascii bin bit_count bit_length char char_length character_length chr concat concat_ws elt export_set field find_in_set format compress uncompressed_length from_base64 hex insert instr lcase left length locate lower lpad ltrim make_set
  mid oct octet_length ord position quote regexp_instr regexp_like regexp_replace regexp_substr repeat replace reverse right rpad rtrim soundex space strcmp substr substring substring_index to_base64 trim ucase unhex upper
  md5 sha sha1 sha2 crc32
  abs acos asin atan atan2 ceil ceiling conv cos cot degrees exp floor greatest least ln log log10 log2 mod pi pow power radians rand round sign sin sqrt tan truncate
  coalesce if ifnull isnull nullif nvl nvl2
  addtime convert_tz curdate current_date current_time current_timestamp curtime date date_format datediff day dayname dayofmonth dayofweek dayofyear from_days from_unixtime hour last_day localtime localtimestamp
  makedate maketime microsecond minute month monthname now period_add period_diff quarter sec_to_time second str_to_date subtime sysdate time time_format time_to_sec timediff timestamp to_days to_seconds
  unix_timestamp utc_date utc_time utc_timestamp week weekday weekofyear year yearweek
  json_array json_array_append json_array_insert json_compact json_contains json_contains_path json_depth json_detailed json_exists json_extract json_insert json_keys json_length json_loose json_merge_patch
  json_merge_preserve json_object json_overlaps json_pretty json_query json_quote json_remove json_replace json_search json_set json_type json_unquote json_valid json_value
  inet6_aton inet6_ntoa inet_aton inet_ntoa is_ipv4 is_ipv6 is_uuid bin_to_uuid uuid_to_bin grouping any_value charset coercibility collation`)
const aggregates = words('avg bit_and bit_or bit_xor count json_arrayagg json_objectagg max min std stddev stddev_pop stddev_samp sum var_pop var_samp variance')
const windows = words('cume_dist dense_rank first_value lag last_value lead nth_value ntile percent_rank rank row_number')
export const aggregateNames: ReadonlySet<string> = new Set(aggregates)
export const functionNames: ReadonlySet<string> = new Set([...scalars, ...aggregates, ...windows])

/** Those that never fail, whatever the values: what a view may compute of a classified column that nobody asks for. */
export const totalNames: ReadonlySet<string> = new Set(words('char_length character_length coalesce concat concat_ws hex if ifnull isnull lcase left length lower ltrim md5 mid nullif octet_length replace reverse right rtrim sha1 sha2 substr substring substring_index trim ucase upper'))

/** What a caller is told of functions that are asked for often. */
const reasons: readonly (readonly [words: readonly string[], why: string])[] = [
  [words('sleep benchmark'), 'takes time and gives nothing'],
  [words('load_file'), 'reads files of the server'],
  [words('get_lock release_lock release_all_locks is_free_lock is_used_lock master_pos_wait source_pos_wait master_gtid_wait wait_for_executed_gtid_set'), 'takes locks or waits'],
  [words('extractvalue updatexml name_const'), 'quotes its arguments in errors'],
  [words('last_insert_id'), 'tells of the session; make the id yourself, or select the row by what was inserted'],
  [words('row_count found_rows'), 'tells of the session; `rowCount` of the answer does, and COUNT(*)'],
  [words('user current_user session_user system_user current_role database schema version connection_id'), 'tells of the session or the server; leave it out'],
  [words('nextval lastval setval'), 'moves a sequence'],
  [words('uuid uuid_short sys_guid'), 'tells of the server; make the id yourself and send it as a parameter'],
]
export const whyNot = (name: string): string | null => reasons.find(([names]) => names.includes(name))?.[1] ?? null
