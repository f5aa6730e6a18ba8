/**
 * PostgreSQL's own functions and types that a statement may use. A name is here only when every function of that name in pg_catalog of majors 15 to 18 is
 * harmless: no side effect, no text run as SQL, no file, network, session, large object, sequence, lock or setting, and nothing told about the server, its
 * users or objects. test/protocol/postgres/builtins.test.ts holds the list of signatures it was judged on and fails when a server has another.
 *
 * Left out on purpose, beside the obvious: `version`, `current_user`, `current_database` and what else tells of the server (`introspection` below, or nowhere) · `current_setting`, `set_config` · `nextval`, `currval`,
 * `lastval` · `txid_current` (moves a counter) · `setseed` · `query_to_xml` and its kin, `ts_stat`, `ts_rewrite`, `ts_debug` (run SQL or read the
 * catalog) · `has_*_privilege`, `to_reg*`, `obj_description` (tell what exists) · `ts_lexize`, `pg_input_is_valid` (take names as text) · every function that only serves the server itself.
 */
const blocks = {
  math: 'abs acos acosd acosh asin asind asinh atan atan2 atan2d atand atanh cbrt ceil ceiling cos cosd cosh cot cotd degrees div erf erfc exp factorial floor gamma gcd lcm lgamma ln log log10 min_scale mod pi pow power radians random random_normal round scale sign sin sind sinh sqrt tan tand tanh trim_scale trunc width_bucket to_bin to_hex to_oct bit_count',
  aggregate: 'any_value avg bit_and bit_or bit_xor bool_and bool_or corr count covar_pop covar_samp every max min mode percentile_cont percentile_disc regr_avgx regr_avgy regr_count regr_intercept regr_r2 regr_slope regr_sxx regr_sxy regr_syy stddev stddev_pop stddev_samp string_agg sum var_pop var_samp variance array_agg range_agg range_intersect_agg json_agg json_agg_strict json_object_agg json_object_agg_strict json_object_agg_unique json_object_agg_unique_strict jsonb_agg jsonb_agg_strict jsonb_object_agg jsonb_object_agg_strict jsonb_object_agg_unique jsonb_object_agg_unique_strict xmlagg',
  window: 'cume_dist dense_rank first_value lag last_value lead nth_value ntile percent_rank rank row_number',
  text: 'ascii bit_length btrim casefold char_length character_length chr concat concat_ws convert convert_from convert_to crc32 crc32c decode encode format get_bit get_byte hashtext hashtextextended initcap is_normalized left length like like_escape lower lpad ltrim md5 normalize notlike octet_length overlay parse_ident position quote_ident quote_literal quote_nullable regexp_count regexp_instr regexp_like regexp_match regexp_matches regexp_replace regexp_split_to_array regexp_split_to_table regexp_substr repeat replace reverse right rpad rtrim set_bit set_byte sha224 sha256 sha384 sha512 similar_escape similar_to_escape split_part starts_with string_to_array string_to_table strip strpos substr substring textcat textlen to_ascii translate unicode_assigned unistr upper',
  time: 'age clock_timestamp date_add date_bin date_part date_subtract date_trunc extract isfinite justify_days justify_hours justify_interval make_date make_interval make_time make_timestamp make_timestamptz now overlaps statement_timestamp timeofday timezone to_char to_date to_number to_timestamp transaction_timestamp',
  array: 'array_append array_cat array_dims array_fill array_length array_lower array_ndims array_position array_positions array_prepend array_remove array_replace array_reverse array_sample array_shuffle array_sort array_to_json array_to_string array_upper cardinality generate_series generate_subscripts trim_array unnest num_nonnulls num_nulls',
  json: 'json_array_element json_array_element_text json_array_elements json_array_elements_text json_array_length json_build_array json_build_object json_each json_each_text json_extract_path json_extract_path_text json_object json_object_field json_object_field_text json_object_keys json_populate_record json_populate_recordset json_strip_nulls json_to_record json_to_recordset json_typeof jsonb_array_element jsonb_array_element_text jsonb_array_elements jsonb_array_elements_text jsonb_array_length jsonb_build_array jsonb_build_object jsonb_contains jsonb_each jsonb_each_text jsonb_exists jsonb_extract_path jsonb_extract_path_text jsonb_insert jsonb_object jsonb_object_field jsonb_object_field_text jsonb_object_keys jsonb_path_exists jsonb_path_exists_tz jsonb_path_match jsonb_path_match_tz jsonb_path_query jsonb_path_query_array jsonb_path_query_array_tz jsonb_path_query_first jsonb_path_query_first_tz jsonb_path_query_tz jsonb_populate_record jsonb_populate_recordset jsonb_pretty jsonb_set jsonb_set_lax jsonb_strip_nulls jsonb_to_record jsonb_to_recordset jsonb_typeof row_to_json to_json to_jsonb',
  search: 'array_to_tsvector json_to_tsvector jsonb_to_tsvector numnode phraseto_tsquery plainto_tsquery querytree setweight to_tsquery to_tsvector ts_delete ts_filter ts_headline ts_rank ts_rank_cd tsvector_to_array websearch_to_tsquery',
  network: 'abbrev broadcast family host hostmask inet_merge inet_same_family masklen netmask network set_masklen macaddr8_set7bit',
  range: 'daterange datemultirange int4multirange int4range int8multirange int8range isempty lower_inc lower_inf multirange nummultirange numrange range_merge tsmultirange tsrange tstzmultirange tstzrange upper_inc upper_inf',
  geometry: 'area bound_box box center circle diagonal diameter height isclosed ishorizontal isopen isparallel isperp isvertical line lseg npoints path pclose point polygon popen radius slope width',
  convert: 'bool bpchar bytea cidr date float4 float8 int2 int4 int8 interval money name numeric text time timestamp timestamptz timetz varchar varbit bit char xml macaddr macaddr8',
  misc: 'current_schema current_schemas enum_first enum_last enum_range gen_random_uuid pg_column_size pg_size_bytes pg_size_pretty pg_typeof uuid_extract_timestamp uuid_extract_version uuidv4 uuidv7 xml_is_well_formed xml_is_well_formed_content xml_is_well_formed_document xmlcomment xmlexists xmltext xpath xpath_exists int8inc',
}
export const functionNames: ReadonlySet<string> = new Set(Object.values(blocks).join(' ').split(' '))

/**
 * Functions and name types that only tell about the server's objects, as drivers and ORMs ask. Each is a `call` of `pg_catalog.NAME`, which a rule must name: a `*` in
 * the schema part never does. What they tell is what the rule's author lets the caller know.
 */
export const introspection: ReadonlySet<string> = new Set(('version current_database current_user session_user user current_role current_catalog pg_get_constraintdef pg_get_indexdef pg_get_viewdef pg_get_expr pg_get_triggerdef pg_get_functiondef '
  + 'pg_get_function_arguments pg_get_function_identity_arguments pg_get_function_result pg_get_function_arg_default pg_get_ruledef pg_get_partkeydef pg_get_partition_constraintdef pg_get_statisticsobjdef '
  + 'pg_get_statisticsobjdef_columns pg_get_userbyid pg_get_serial_sequence pg_get_keywords pg_table_is_visible pg_type_is_visible pg_function_is_visible pg_operator_is_visible pg_opclass_is_visible '
  + 'pg_collation_is_visible pg_conversion_is_visible pg_ts_config_is_visible pg_ts_dict_is_visible pg_ts_parser_is_visible pg_ts_template_is_visible format_type obj_description col_description shobj_description pg_encoding_to_char '
  + 'has_table_privilege has_schema_privilege has_column_privilege has_any_column_privilege has_database_privilege has_function_privilege has_sequence_privilege pg_has_role pg_relation_is_publishable pg_partition_ancestors '
  + 'pg_partition_root pg_partition_tree pg_relation_is_updatable pg_column_is_updatable pg_is_in_recovery pg_postmaster_start_time pg_my_temp_schema pg_is_other_temp_schema pg_options_to_table pg_index_column_has_property '
  + 'pg_index_has_property pg_indexam_has_property pg_tablespace_location pg_backend_pid pg_relation_size pg_total_relation_size pg_table_size pg_indexes_size pg_database_size aclexplode acldefault '
  + 'to_regclass to_regtype to_regproc to_regprocedure to_regnamespace to_regrole to_regoper to_regoperator to_regcollation regclass regtype regproc regprocedure regnamespace regrole regoper regoperator regcollation').split(' '))

/** Functions whose result has the type of an argument, so it is a row when the argument is. */
export const polymorphic: ReadonlySet<string> = new Set(('any_value max min mode percentile_disc array_agg first_value last_value nth_value lag lead lower upper range_merge unnest array_append array_cat array_fill array_prepend '
  + 'array_remove array_replace array_reverse array_sample array_shuffle array_sort trim_array json_populate_record json_populate_recordset jsonb_populate_record jsonb_populate_recordset '
  + 'json_to_record json_to_recordset jsonb_to_record jsonb_to_recordset').split(' '))
/** Functions that give a row of a type only their first argument names. */
export const populating: ReadonlySet<string> = new Set(['json_populate_record', 'json_populate_recordset', 'jsonb_populate_record', 'jsonb_populate_recordset'])

/** Not here: `reg*` types (a cast looks names up, its error tells the value), `record`, pseudo-types, types of the catalog itself. `regconfig` names a text search configuration and no more. */
export const typeNames: ReadonlySet<string> = new Set(('bool bytea char name int8 int2 int4 text json xml float4 float8 money macaddr macaddr8 inet cidr bpchar varchar date time timestamp timestamptz interval timetz bit varbit numeric uuid tsvector tsquery '
  + 'jsonb jsonpath point lseg path box polygon line circle oid oidvector int2vector tid regconfig int4range int8range numrange tsrange tstzrange daterange int4multirange int8multirange nummultirange tsmultirange tstzmultirange datemultirange').split(' '))

/**
 * Extensions whose C functions are as harmless as the built-in ones, when not volatile: values in, value out. null: volatile ones too (they draw random
 * numbers). Not here: tablefunc, xml2, dblink, postgres_fdw, pageinspect and the like, which run SQL or look into the server.
 */
const trusted: ReadonlyMap<string, 'pure' | 'all'> = new Map([
  ['hstore', 'pure'], ['citext', 'pure'], ['pg_trgm', 'pure'], ['ltree', 'pure'], ['unaccent', 'pure'], ['fuzzystrmatch', 'pure'], ['cube', 'pure'], ['earthdistance', 'pure'],
  ['intarray', 'pure'], ['isn', 'pure'], ['seg', 'pure'], ['btree_gin', 'pure'], ['btree_gist', 'pure'], ['vector', 'pure'], ['uuid-ossp', 'all'], ['pgcrypto', 'all'],
])
/** An extension's members are made by CREATE EXTENSION alone; citext and earthdistance write theirs partly in SQL with every name qualified. */
export function isTrusted(fn: { readonly extension: string | null; readonly volatility: string; readonly language: string }): boolean {
  const trust = fn.extension === null ? undefined : trusted.get(fn.extension)
  if (!trust || (trust === 'pure' && fn.volatility === 'v')) return false
  return fn.language === 'c' || fn.language === 'internal' || (fn.language === 'sql' && fn.volatility === 'i')
}

/** Compiled functions of those extensions where they serve a type or an index: many do not bother to say that they are stable. */
export const isTrustedSupport = (fn: { readonly extension: string | null; readonly language: string }): boolean =>
  fn.extension !== null && trusted.has(fn.extension) && (fn.language === 'c' || fn.language === 'internal')

/** What row security may ask beside `introspection`: who is there and what was set, which decides which rows come and does not come out itself. */
export const rowSecurityNames: ReadonlySet<string> = new Set(['current_setting', 'row_security_active', 'getpgusername'])

/** Settings `show` may tell: those the gate pins or a client needs to read values. */
export const shownSettings: ReadonlySet<string> = new Set(['timezone', 'datestyle', 'intervalstyle', 'client_encoding', 'standard_conforming_strings', 'integer_datetimes',
  'transaction_isolation', 'transaction_read_only', 'search_path', 'statement_timeout', 'bytea_output', 'extra_float_digits', 'server_encoding', 'max_identifier_length', 'client_min_messages'])
/** Those that tell what `version()` does: the same rule lets them. */
export const versionSettings: ReadonlySet<string> = new Set(['server_version', 'server_version_num'])
/** CURRENT_USER and its kin name the target's role: `introspection`. */
export const valueFunctions: ReadonlySet<string> = new Set(['SVFOP_CURRENT_DATE', 'SVFOP_CURRENT_TIME', 'SVFOP_CURRENT_TIME_N', 'SVFOP_CURRENT_TIMESTAMP', 'SVFOP_CURRENT_TIMESTAMP_N',
  'SVFOP_LOCALTIME', 'SVFOP_LOCALTIME_N', 'SVFOP_LOCALTIMESTAMP', 'SVFOP_LOCALTIMESTAMP_N', 'SVFOP_CURRENT_SCHEMA'])

/** Relations of pg_catalog that hold values of other tables: reading one counts as reading every class. */
export const sampled: ReadonlySet<string> = new Set(['pg_statistic', 'pg_stats', 'pg_statistic_ext_data', 'pg_stats_ext', 'pg_stats_ext_exprs', 'pg_largeobject', 'pg_stat_activity', 'pg_prepared_statements', 'pg_cursors'])
