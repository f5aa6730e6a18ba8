import type { CallStmt, DefElem, DropStmt, ExplainStmt, Node, TruncateStmt, WithClause } from 'libpg-query'
import { missing, unsupported, withheld } from '../refused.ts'
import { shownSettings, versionSettings } from './builtins.ts'
import { consequences } from './consequence.ts'
import { isSystem } from './effects.ts'
import { expression, type Analysis } from './expression.ts'
import { whatThereIs } from './instead.ts'
import { findFunctions, strings, tell } from './names.ts'
import { merge } from './merge.ts'
import type { PlannedStatement } from './plan.ts'
import { descend, lookup } from './relation.ts'
import type { Col, Scope } from './scope.ts'
import { select } from './select.ts'
import { wordsFor } from './syntax.ts'
import { insert, remove, update } from './change.ts'

/** One statement by its kind. The allow-list of kinds ends here: what no line takes is refused. `cols`: what it returns, null when no rows. */
export interface Analysed { readonly kind: PlannedStatement['kind']; readonly cols: readonly Col[] | null; readonly wrappable: boolean; readonly returnable?: boolean }

export const query = (a: Analysis, node: Node, parent: Scope): readonly Col[] => a.found.textless(() => queried(a, node, parent))
function queried(a: Analysis, node: Node, parent: Scope): readonly Col[] {
  if ('SelectStmt' in node) return select(a, node.SelectStmt, parent)
  if ('InsertStmt' in node) return insert(a, node.InsertStmt, parent)
  if ('UpdateStmt' in node) return update(a, node.UpdateStmt, parent)
  if ('DeleteStmt' in node) return remove(a, node.DeleteStmt, parent)
  if ('MergeStmt' in node) return merge(a, node.MergeStmt, parent)
  throw unsupported('unknown_syntax', `${wordsFor(Object.keys(node)[0] ?? '')} cannot stand inside a statement; select, values, insert, update, delete and merge can`, null)
}

export function statement(a: Analysis, node: Node, scope: Scope): Analysed {
  const written = (kind: PlannedStatement['kind'], { returningClause, withClause }: Returning): Analysed => {
    const cols = query(a, node, scope)
    return { kind, cols: returningClause ? cols : null, wrappable: false, returnable: returns(a, returningClause ? cols : [], withClause) }
  }
  if ('SelectStmt' in node) {
    const cols = select(a, node.SelectStmt, scope)
    const wrappable = a.found.readOnly && !node.SelectStmt.lockingClause
    return { kind: 'select', cols, wrappable, returnable: !wrappable && returns(a, cols, node.SelectStmt.withClause) }
  }
  if ('InsertStmt' in node) return written('insert', node.InsertStmt)
  if ('UpdateStmt' in node) return written('update', node.UpdateStmt)
  if ('DeleteStmt' in node) return written('delete', node.DeleteStmt)
  if ('MergeStmt' in node) return written('merge', node.MergeStmt)
  if ('ExplainStmt' in node) return explain(a, node.ExplainStmt, scope)
  if ('VariableShowStmt' in node) return show(a, node.VariableShowStmt.name ?? '', scope)
  if ('TruncateStmt' in node) return truncate(a, node.TruncateStmt, scope)
  if ('DropStmt' in node) return drop(a, node.DropStmt, scope)
  if ('CallStmt' in node) return call(a, node.CallStmt, scope)
  throw unsupported('unknown_syntax', `${wordsFor(Object.keys(node)[0] ?? '')} is not supported through the gate; select, insert, update, delete, merge, explain, show, truncate, drop and call are`, null)
}
interface Returning { readonly returningClause?: object; readonly withClause?: WithClause }
/**
 * Whether the rows can be selected from a WITH entry. A statement with a write in a WITH of its own cannot be one, and what it returned of a value that comes masked would come
 * whole: then how much fits tells its length, so it is a use, unless the type keeps it short.
 */
function returns(a: Analysis, cols: readonly Col[], clause: WithClause | undefined): boolean {
  const writes = (clause?.ctes ?? []).some((entry) => !('CommonTableExpr' in entry && entry.CommonTableExpr.ctequery && 'SelectStmt' in entry.CommonTableExpr.ctequery))
  if (writes) for (const col of cols) if (!isShort(a, col)) a.found.use(col.tags, 'in what a statement returns that writes inside a with; return it from the write itself', col.span ?? null)
  return !writes
}
/** Types of a fixed and small size. */
const isShort = ({ found: { catalog } }: Analysis, { origin }: Col): boolean => {
  const size = catalog.relations.get(origin?.relation ?? 0)?.columns.find(({ attnum }) => attnum === origin?.column)?.size ?? null
  return size !== null && size <= 64
}
const column = (name: string): Col => ({ name, tags: [], derived: [], type: 0, origin: null, touch: null })

/** Plans only, of reads only: ANALYZE runs what it explains. Row counts and widths come from samples of the values, so a plan with costs uses what it reads. */
function explain(a: Analysis, node: ExplainStmt, scope: Scope): Analysed {
  let costs = true
  for (const entry of node.options ?? []) {
    const option: DefElem = 'DefElem' in entry ? entry.DefElem : {}
    if (!['costs', 'format', 'verbose'].includes(option.defname ?? '')) throw unsupported('explain_option', `\`explain (${option.defname ?? ''})\` is not supported; costs, format and verbose are${option.defname === 'analyze' ? ', and to run a statement, send it by itself' : ''}`, scope.frame.span(option.location))
    if (option.defname === 'costs' && option.arg) costs = !isOff(option.arg)
  }
  if (!node.query || !('SelectStmt' in node.query)) throw unsupported('explain_write', 'only a select can be explained here; to see what a write would do, send it to `/explain` of the connection', null)
  const cols = select(a, node.query.SelectStmt, scope)
  // A plan quotes them, constants included. Told only once what is read was decided on.
  if ([...a.found.relations.values()].some(({ relation: { schema, kind, policies } }) => !isSystem(schema) && (kind === 'v' || policies.length > 0))) {
    throw withheld('explain_definition', 'a plan of a view, or of a table with row security, shows how it is defined; explain a select from tables without', null)
  }
  if (costs) for (const col of cols) a.found.use(col.tags, 'in a plan with costs, which tells how wide its values are; `explain (costs off)` does not', col.span ?? null)
  return { kind: 'explain', cols: [column('QUERY PLAN')], wrappable: false }
}
const isOff = (arg: Node): boolean => ('String' in arg && ['off', 'false', '0'].includes((arg.String.sval ?? '').toLowerCase())) || ('Integer' in arg && (arg.Integer.ival ?? 0) === 0)

const spelled: ReadonlyMap<string, string> = new Map([['timezone', 'TimeZone'], ['datestyle', 'DateStyle'], ['intervalstyle', 'IntervalStyle']])
function show(a: Analysis, name: string, scope: Scope): Analysed {
  const setting = name.toLowerCase()
  if (versionSettings.has(setting)) {
    tell(a.found, scope.frame, 'version', null)
    return { kind: 'show', cols: [column(setting)], wrappable: false }
  }
  if (/^(tables|views|databases|schemas|columns|indexes|functions|sequences|roles|users)$/.test(setting)) throw unsupported('unknown_setting', `\`show\` tells settings, and \`${name}\` is none; ${whatThereIs}`, null)
  if (!shownSettings.has(setting)) throw unsupported('unknown_setting', `\`show ${name}\` is not supported; the gate tells ${[...shownSettings].join(', ')}`, null)
  return { kind: 'show', cols: [column(spelled.get(setting) ?? setting)], wrappable: false }
}

function truncate(a: Analysis, node: TruncateStmt, scope: Scope): Analysed {
  if (node.behavior === 'DROP_CASCADE') throw unsupported('cascade', '`truncate … cascade` is not supported; name every table', null)
  for (const entry of node.relations ?? []) {
    if (!('RangeVar' in entry)) throw unsupported('unknown_syntax', 'truncate names tables', null)
    const relation = lookup(a.found, entry.RangeVar, scope, 'truncate')
    const span = scope.frame.span(entry.RangeVar.location)
    a.found.access('truncate', relation.schema, relation.name, scope.frame, span, false)
    if (relation.kind !== 'r' && relation.kind !== 'p') throw unsupported('unknown_syntax', `\`${relation.name}\` is not a table`, span)
    a.found.reach(relation, true)
    if (entry.RangeVar.inh) descend(a, relation, scope.frame, span, 'truncate')
    consequences(a.found, relation, 'truncate', [], scope.frame, span)
  }
  a.found.readOnly = false
  return { kind: 'truncate', cols: null, wrappable: false }
}

const dropped: ReadonlyMap<string, string> = new Map([['OBJECT_TABLE', 'rp'], ['OBJECT_VIEW', 'v'], ['OBJECT_MATVIEW', 'm']])
function drop(a: Analysis, node: DropStmt, scope: Scope): Analysed {
  const kinds = dropped.get(node.removeType ?? '')
  if (!kinds) throw unsupported('unknown_syntax', 'of drops, only those of tables and views are supported through the gate', null)
  if (node.behavior === 'DROP_CASCADE') throw unsupported('cascade', '`drop … cascade` is not supported; name every object', null)
  for (const entry of node.objects ?? []) {
    const names = 'List' in entry ? strings(entry.List.items) : []
    const [name, schema, more] = [...names].reverse()
    if (name === undefined || more !== undefined) throw unsupported('unknown_syntax', 'a table has at most a schema before its name', null)
    const relation = lookup(a.found, { relname: name, ...(schema === undefined ? {} : { schemaname: schema }) }, scope, 'drop')
    a.found.access('drop', relation.schema, relation.name, scope.frame, null, false)
    if (!kinds.includes(relation.kind)) throw missing('42809', `\`${name}\` is of another kind`, null)
    a.found.reach(relation, true)
  }
  a.found.readOnly = false
  return { kind: 'ddl', cols: null, wrappable: false }
}

function call(a: Analysis, node: CallStmt, scope: Scope): Analysed {
  const { funcname, args, location } = node.funccall ?? {}
  const span = scope.frame.span(location)
  for (const arg of args ?? []) expression(a, arg, scope, 'as an argument of a procedure')
  const { user } = findFunctions(a.found, scope.frame, strings(funcname), (args ?? []).length, span)
  if (user.some((fn) => fn.outs.length > 0)) throw unsupported('row_shape', 'a procedure that gives values back is not supported through the gate', span)
  for (const fn of user) a.found.call(fn, scope.frame, span)
  if (user.length === 0) throw unsupported('unknown_function', 'there is no such procedure', span)
  a.found.readOnly = false
  return { kind: 'call', cols: null, wrappable: false }
}
