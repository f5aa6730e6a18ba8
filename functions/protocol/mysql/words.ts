/**
 * Words that MySQL 8.0 to 9 or MariaDB 10.6 to 11 reserve: as a name each must stand in backticks, except right after a dot, where both servers read a name. The union, so that no
 * statement is read one way by one server and another way by the other. MariaDB's half is checked against a server in test/protocol/mysql/tricky.engine.test.ts.
 */
const reserved = new Set(`
accessible add all alter analyze and as asc asensitive before between bigint binary blob both by call cascade case change char character check collate column condition constraint
continue convert create cross cube cume_dist current_date current_role current_time current_timestamp current_user cursor database databases day_hour day_microsecond day_minute
day_second dec decimal declare default delayed delete delete_domain_id dense_rank desc describe deterministic distinct distinctrow div do_domain_ids double drop dual each else elseif
empty enclosed escaped except exists exit explain false fetch first_value float float4 float8 for force foreign from fulltext function general generated get grant group grouping groups
having high_priority hour_microsecond hour_minute hour_second if ignore ignore_domain_ids ignore_server_ids in index infile inner inout insensitive insert int int1 int2 int3 int4 int8
integer intersect interval into io_after_gtids io_before_gtids is iterate join json_table key keys kill lag last_value lateral lead leading leave left library like limit linear lines
load localtime localtimestamp lock long longblob longtext loop low_priority manual master_bind master_demote_to_replica master_demote_to_slave master_heartbeat_period
master_ssl_verify_server_cert match maxvalue mediumblob mediumint mediumtext middleint minute_microsecond minute_second minus mod modifies natural no_write_to_binlog not nth_value ntile
null numeric of offset on optimize optimizer_costs option optionally or order out outer outfile over page_checksum parallel parse_vcol_expr partition percent_rank persist persist_only
portion precision primary procedure purge qualify range rank read read_write reads real recursive ref_system_id references regexp release rename repeat replace require resignal
restrict return returning revoke right rlike row row_number rows schema schemas second_microsecond select sensitive separator set show signal slow smallint sounds spatial specific sql
sql_after_gtids sql_before_gtids sql_big_result sql_buffer_result sql_cache sql_calc_found_rows sql_no_cache sql_small_result sqlexception sqlstate sqlwarning ssl starting stats_auto_recalc stats_persistent
stats_sample_pages stored straight_join system table tablesample terminated then tinyblob tinyint tinytext to trailing trigger true undo union unique unlock unsigned update usage use
using utc_date utc_time utc_timestamp values varbinary varchar varcharacter varying vector virtual when where while window with write xor year_month zerofill _filename end escape member
`.trim().split(/\s+/))

/** `word` in lower case. */
export const isReserved = (word: string): boolean => reserved.has(word)

/** Reserved words that are functions where `(` follows at once; the rest of that list is syntax. */
const functions = new Set(['char', 'cume_dist', 'database', 'dense_rank', 'first_value', 'grouping', 'if', 'insert', 'lag', 'last_value', 'lead', 'left', 'mod', 'nth_value', 'ntile', 'percent_rank', 'rank', 'repeat', 'replace', 'right', 'row_number', 'schema'])
export const isReservedFunction = (word: string): boolean => functions.has(word)

/** Functions that need no parentheses. */
const bare = new Set(['current_date', 'current_role', 'current_time', 'current_timestamp', 'current_user', 'localtime', 'localtimestamp', 'utc_date', 'utc_time', 'utc_timestamp'])
export const isBareFunction = (word: string): boolean => bare.has(word)

/** Look like calls and are read by the servers in ways of their own: names where an expression seems to stand, or what only one server has. */
const unlike = new Set(['get_format', 'value', 'nextval', 'lastval', 'setval', 'interval', 'weight_string', 'json_table', 'percentile_cont', 'percentile_disc', 'median', 'xmltable', 'column_get', 'column_create', 'column_add', 'rownum', 'end', 'escape', 'member', 'sounds', 'row', 'any', 'some', 'all', 'soundex_like'])
export const isUnlikeCall = (word: string): boolean => unlike.has(word)

/** COLLATE takes one of these: of the character sets that text is sent and printed in. */
const collations = new Set([
  'binary', 'utf8mb4_bin', 'utf8mb4_general_ci', 'utf8mb4_unicode_ci', 'utf8mb4_unicode_520_ci', 'utf8mb4_0900_ai_ci', 'utf8mb4_0900_as_ci', 'utf8mb4_0900_as_cs', 'utf8mb4_0900_bin',
  'utf8mb4_uca1400_ai_ci', 'utf8mb4_uca1400_as_cs', 'utf8mb4_nopad_bin', 'utf8mb4_general_nopad_ci',
])
export const isCollation = (name: string): boolean => collations.has(name)
