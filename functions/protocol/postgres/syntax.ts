import type { Node } from 'libpg-query'
import type { Refusal, Span } from '../../../schema/refusal.ts'

/**
 * The allow-list of node kinds and of their fields. What is not here is refused by name before any analysis, so a node or field that a newer grammar
 * brings can never be walked past. `f` plain value · `f*` node or list of nodes · `f:Kind` node of that kind without its wrapper.
 */
const kinds: Readonly<Record<string, string>> = {
  SelectStmt: 'distinctClause* targetList* fromClause* whereClause* groupClause* groupDistinct havingClause* windowClause* valuesLists* sortClause* limitOffset* limitCount* limitOption lockingClause* withClause:WithClause op all larg:SelectStmt rarg:SelectStmt',
  InsertStmt: 'relation:RangeVar cols* selectStmt* onConflictClause:OnConflictClause returningClause:ReturningClause withClause:WithClause override',
  UpdateStmt: 'relation:RangeVar targetList* whereClause* fromClause* returningClause:ReturningClause withClause:WithClause',
  DeleteStmt: 'relation:RangeVar usingClause* whereClause* returningClause:ReturningClause withClause:WithClause',
  MergeStmt: 'relation:RangeVar sourceRelation* joinCondition* mergeWhenClauses* returningClause:ReturningClause withClause:WithClause',
  MergeWhenClause: 'matchKind commandType override condition* targetList* values*',
  OnConflictClause: 'action infer:InferClause targetList* whereClause* location',
  InferClause: 'indexElems* whereClause* conname location',
  IndexElem: 'name expr* collation* opclass* ordering nulls_ordering',
  ReturningClause: 'options* exprs*', ReturningOption: 'option value location',
  WithClause: 'ctes* recursive location',
  CommonTableExpr: 'ctename aliascolnames* ctematerialized ctequery* search_clause:CTESearchClause cycle_clause:CTECycleClause location',
  CTESearchClause: 'search_col_list* search_breadth_first search_seq_column location',
  CTECycleClause: 'cycle_col_list* cycle_mark_column cycle_mark_value* cycle_mark_default* cycle_path_column location',
  RangeVar: 'schemaname relname inh relpersistence alias:Alias location',
  RangeSubselect: 'lateral subquery* alias:Alias',
  RangeFunction: 'lateral ordinality is_rowsfrom functions* alias:Alias coldeflist*',
  RangeTableSample: 'relation* method* args* repeatable* location',
  JoinExpr: 'jointype isNatural larg* rarg* usingClause* join_using_alias:Alias quals* alias:Alias',
  Alias: 'aliasname colnames*', ColumnDef: 'colname typeName:TypeName is_local location',
  ResTarget: 'name indirection* val* location', ColumnRef: 'fields* location', ParamRef: 'number location',
  A_Const: 'ival:Integer fval:Float boolval:Boolean sval:String bsval:BitString isnull location',
  Integer: 'ival', Float: 'fval', Boolean: 'boolval', String: 'sval', BitString: 'bsval', A_Star: '', List: 'items*',
  A_Expr: 'kind name* lexpr* rexpr* rexpr_list_start rexpr_list_end location',
  BoolExpr: 'boolop args* location', NullTest: 'arg* nulltesttype location', BooleanTest: 'arg* booltesttype location',
  FuncCall: 'funcname* args* agg_order* agg_filter* over:WindowDef agg_within_group agg_star agg_distinct func_variadic funcformat location',
  NamedArgExpr: 'arg* name argnumber location',
  WindowDef: 'name refname partitionClause* orderClause* frameOptions startOffset* endOffset* location',
  SortBy: 'node* sortby_dir sortby_nulls useOp* location',
  SubLink: 'subLinkType testexpr* operName* subselect* location',
  CaseExpr: 'arg* args* defresult* location', CaseWhen: 'expr* result* location',
  CoalesceExpr: 'args* location', MinMaxExpr: 'op args* location', GroupingFunc: 'args* location', GroupingSet: 'kind content* location',
  A_ArrayExpr: 'elements* list_start list_end location', A_Indirection: 'arg* indirection*', A_Indices: 'is_slice lidx* uidx*',
  RowExpr: 'args* row_format location', TypeCast: 'arg* typeName:TypeName location',
  TypeName: 'names* typmods* typemod arrayBounds* location', CollateClause: 'arg* collname* location',
  SetToDefault: 'location', MultiAssignRef: 'source* colno ncolumns', SQLValueFunction: 'op typmod location',
  LockingClause: 'lockedRels* strength waitPolicy',
  XmlExpr: 'op name named_args* args* xmloption indent type location', XmlSerialize: 'xmloption expr* typeName:TypeName indent location',
  JsonObjectConstructor: 'exprs* output:JsonOutput absent_on_null unique location', JsonArrayConstructor: 'exprs* output:JsonOutput absent_on_null location',
  JsonObjectAgg: 'constructor:JsonAggConstructor arg:JsonKeyValue absent_on_null unique', JsonArrayAgg: 'constructor:JsonAggConstructor arg:JsonValueExpr absent_on_null',
  JsonAggConstructor: 'output:JsonOutput agg_filter* agg_order* over:WindowDef location', JsonKeyValue: 'key* value:JsonValueExpr',
  JsonValueExpr: 'raw_expr* format:JsonFormat', JsonFormat: 'format_type encoding location', JsonOutput: 'typeName:TypeName returning:JsonReturning', JsonReturning: 'format:JsonFormat',
  JsonIsPredicate: 'expr* format:JsonFormat item_type unique_keys location', JsonParseExpr: 'expr:JsonValueExpr output:JsonOutput unique_keys location',
  JsonScalarExpr: 'expr* output:JsonOutput location', JsonSerializeExpr: 'expr:JsonValueExpr output:JsonOutput location',
  JsonFuncExpr: 'op context_item:JsonValueExpr pathspec* passing* output:JsonOutput on_empty:JsonBehavior on_error:JsonBehavior wrapper quotes location',
  JsonBehavior: 'btype expr* location', JsonArgument: 'val:JsonValueExpr name',
  ExplainStmt: 'query* options*', DefElem: 'defname arg* defaction location', VariableShowStmt: 'name',
  TruncateStmt: 'relations* behavior', DropStmt: 'objects* removeType behavior', CallStmt: 'funccall:FuncCall',
}
const migration = 'what changes names belongs into a migration, run by whoever owns the tables'
/** What a person calls what is refused most, and what passes instead. */
const words: Readonly<Record<string, readonly [name: string, instead?: string]>> = {
  TransactionStmt: ['transaction control', 'send the statements as `transaction`, which runs whole or not at all'], VariableSetStmt: ['`set`', 'settings are the gate\'s; leave it out, write tables with their schema and times with `at time zone`'], DoStmt: ['`do`', 'send the statements themselves'],
  CopyStmt: ['`copy`', 'use select or insert'], PrepareStmt: ['`prepare`', 'send the statement with `params`'], ExecuteStmt: ['`execute`', 'send the statement with `params`'], DeallocateStmt: ['`deallocate`', 'leave it out'],
  DeclareCursorStmt: ['a cursor', 'page with `limit` and a filter on a key'], FetchStmt: ['a cursor', 'page with `limit` and a filter on a key'], ClosePortalStmt: ['a cursor', 'leave it out'],
  IndexStmt: ['`create index`', migration], CreateStmt: ['`create table`', migration], AlterTableStmt: ['`alter table`', migration], RenameStmt: ['`rename`', migration], ViewStmt: ['`create view`', migration], CreateFunctionStmt: ['`create function`', migration],
  CreateTrigStmt: ['`create trigger`', migration], CreateEnumStmt: ['`create type`', migration], CreateSchemaStmt: ['`create schema`', migration], CreateSeqStmt: ['`create sequence`', migration], CommentStmt: ['`comment`', migration], GrantStmt: ['`grant`', migration],
  VacuumStmt: ['`vacuum`, as `analyze`,', 'the server does both by itself; leave it out'], RefreshMatViewStmt: ['`refresh materialized view`', 'whoever owns it does that'],
  ListenStmt: ['`listen`', 'ask again, by a key or a time that grows'], UnlistenStmt: ['`unlisten`'], NotifyStmt: ['`notify`'], DiscardStmt: ['`discard`', 'leave it out'], LockStmt: ['`lock table`', 'use `select … for update`'],
  IntoClause: ['`select into`', 'insert into a table that is there'], CreateTableAsStmt: ['`create table as`', 'insert into a table that is there'],
  RangeTableFunc: ['`xmltable`', 'use `xpath`'], JsonTable: ['`json_table`', 'use `jsonb_to_recordset` or `jsonb_path_query`'], CurrentOfExpr: ['`where current of`', 'name the row by its key'], MergeSupportFunc: ['`merge_action()`', 'leave it out'],
}
/** `CreateRoleStmt` is `create role` to whoever wrote it. */
export const wordsFor = (kind: string): string => words[kind]?.[0] ?? `\`${kind.replace(/(Stmt|Expr|Clause)$/, '').replace(/(?<=[a-z])(?=[A-Z])/g, ' ').replaceAll('_', '').toLowerCase()}\``
const unsupportedKind = (kind: string): string => { const instead = words[kind]?.[1]; return `${wordsFor(kind)} is not supported through the gate${instead === undefined ? '' : `; ${instead}`}` }

interface Field { readonly name: string; readonly kind: string | null; readonly nodes: boolean }
const table = new Map(Object.entries(kinds).map(([kind, line]) => [kind, new Map(line.split(' ').filter(Boolean).map((word): [string, Field] => {
  const [name = '', direct] = word.replace('*', '').split(':')
  return [name, { name, kind: direct ?? null, nodes: word.endsWith('*') }]
}))]))

const maxDepth = 500
type Struct = Readonly<Record<string, unknown>>
const isStruct = (value: unknown): value is Struct => typeof value === 'object' && value !== null && !Array.isArray(value)

/** Iterative, because the tree's depth is the caller's choice. null: every node and field is known. */
export function checkSyntax(root: Node, span: (byte: number | undefined) => Span | null): Refusal | null {
  const todo: { value: unknown; kind: string | null; depth: number; near: number | undefined }[] = [{ value: root, kind: null, depth: 0, near: 0 }]
  const no = (reason: string, detail: string, near: number | undefined): Refusal => {
    const where = span(near)
    return { slug: reason === 'too_deep' ? 'statement-unparsable' : 'statement-unsupported', reason, detail, next: 'fix', ...(where ? { span: where } : {}) }
  }
  for (let item = todo.pop(); item; item = todo.pop()) {
    const { value, depth } = item
    if (depth > maxDepth) return no('too_deep', `the statement is nested more than ${maxDepth} deep`, item.near)
    if (Array.isArray(value)) { for (const element of value) todo.push({ value: element, kind: item.kind, depth: depth + 1, near: item.near }); continue }
    if (!isStruct(value)) return no('unknown_syntax', 'the statement has a part the gate does not know', item.near)
    const keys = Object.keys(value)
    if (item.kind === null) {
      if (keys.length === 0) continue   // a null in a list
      const [kind = ''] = keys
      const inner = value[kind]
      const near = isStruct(inner) && typeof inner['location'] === 'number' ? inner['location'] : item.near
      if (keys.length !== 1 || !table.has(kind)) return no('unknown_syntax', unsupportedKind(kind), near)
      todo.push({ value: inner, kind, depth: depth + 1, near })
      continue
    }
    const fields = table.get(item.kind)
    for (const key of keys) {
      const field = fields?.get(key)
      if (!field) return no('unknown_syntax', Object.hasOwn(words, kindOf(key)) ? unsupportedKind(kindOf(key)) : `\`${key}\` of ${wordsFor(item.kind)} is not supported through the gate; leave it out`, item.near)
      if (field.nodes || field.kind) todo.push({ value: value[key], kind: field.kind, depth: depth + 1, near: item.near })
      else if (isStruct(value[key]) || Array.isArray(value[key])) return no('unknown_syntax', `\`${key}\` of \`${item.kind}\` is not supported through the gate`, item.near)
    }
  }
  return null
}
const kindOf = (field: string): string => (field === 'intoClause' ? 'IntoClause' : field)
