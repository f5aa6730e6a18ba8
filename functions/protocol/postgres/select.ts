import type { FuncCall, LockingClause, Node, SelectStmt } from 'libpg-query'
import type { Span } from '../../../schema/refusal.ts'
import { missing, unsupported } from '../refused.ts'
import type { Tag } from './classes.ts'
import { cast, expression, rowField, starred, useColumn, window, type Analysis } from './expression.ts'
import { commonType, fromClause } from './from.ts'
import { largest, stored, type Size } from '../size.ts'
import { sizeOf, sizeOfColumn } from './heavy.ts'
import { fieldsOf, isFunctionName, isScalar, makeType, scalar, strings, unknown } from './names.ts'
import { nameOf } from './naming.ts'
import { rowSecurity } from './security.ts'
import { distinct, resolve, tagsOf, touch, type Col, type Scope } from './scope.ts'
import { distinctOn, group, order, type Target } from './sort.ts'
import { isVolatile, mayFail, unasked } from './total.ts'
import { withClause } from './with.ts'

/**
 * A SELECT, VALUES or set operation → its output columns. A select-list entry that is nothing but a column keeps that column's classes; every other
 * mention of a classified column is a use. `parent` is the level around it, with the CTEs it may name.
 */
export function select(a: Analysis, node: SelectStmt, parent: Scope): readonly Col[] {
  const level = withClause(a, node.withClause, { frame: parent.frame, parent, items: [], ctes: new Map() })
  if (node.op !== undefined && node.op !== 'SETOP_NONE') return setOperation(a, node, level)
  if (node.valuesLists) return values(a, node, level)
  const mark = a.found.log.length
  const scope: Scope = { ...level, items: fromClause(a, node.fromClause, level) }
  const reached = a.found.log.slice(mark)
  const targets = targetList(a, node.targetList, scope)
  expression(a, node.whereClause, scope, 'in a where clause')
  group(a, node, targets, scope)
  expression(a, node.havingClause, scope, 'in a having clause')
  for (const definition of node.windowClause ?? []) if ('WindowDef' in definition) window(a, definition.WindowDef, scope)
  distinctOn(a, node.distinctClause, targets, scope)
  order(a, node, targets, scope)
  for (const lock of node.lockingClause ?? []) if ('LockingClause' in lock) lockRows(a, lock.LockingClause, scope, reached)
  return targets.map((target) => target.col)
}

/** Columns read as themselves, classes and origin kept; expressions, whose classes are uses of the statement or, in a view, belong to the output. */
export function targetList(a: Analysis, nodes: readonly Node[] | undefined, scope: Scope): Target[] {
  let count = 0
  return (nodes ?? []).flatMap((node): Target[] => {
    if (!('ResTarget' in node)) throw unsupported('unknown_syntax', 'a select list has expressions in it', null)
    const { name, val, location } = node.ResTarget
    const span = scope.frame.span(location)
    const rows = starOf(a, val, scope, span)
    a.found.list(count += rows?.length ?? 1, span)
    if (rows) return rows.map((col) => ({ col: plain(a, col, col.name, span, scope), span, expression: false, source: col }))
    const col = plainColumn(a, val, scope)
    const label = name ?? nameOf(val)
    if (col) return [{ col: plain(a, col, label, span, scope), span, expression: false, source: col }]
    return [{ col: computed(a, val, label, scope), span, expression: true }]
  })
}
function plain(a: Analysis, col: Col, name: string, span: Span | null, scope: Scope): Col {
  touch([col])
  if (col.type > 0) makeType(a.found, scope.frame, col.type, span, false)
  if (!scope.frame.view) a.found.use(col.derived, 'as computed in a view', span)
  return { ...col, name, derived: scope.frame.view ? col.derived : [], touch: null, span }
}
function computed(a: Analysis, val: Node | undefined, name: string, scope: Scope): Col {
  const { found } = a
  const [outer, outerFails] = [found.sink, found.sinkFails]
  if (scope.frame.view) [found.sink, found.sinkFails] = [[], false]
  const [type, texts] = found.textsOf(() => expression(a, val, scope, null))
  const derived = scope.frame.view ? found.sink ?? [] : []
  const fails = derived.length > 0 && (found.sinkFails || mayFail(val))
  found.sink = outer
  found.sinkFails = outerFails || (outer !== null && fails)
  if (fails && isVolatile(a, val)) found.use(derived, unasked, null)
  // how many rows come depends on it, whether the output is asked for or not
  if (derived.length > 0 && givesRows(a, val)) found.use(derived, 'where it decides how many rows a view has', null)
  return { name, tags: [], derived, fails, type, origin: originOf(a, val, scope), touch: null, texts, size: sizeOf(found, val, scope) }
}
/** A function that may give several rows stands in it; one inside a subquery gives rows there. */
function givesRows(a: Analysis, value: unknown): boolean {
  if (Array.isArray(value)) return value.some((one) => givesRows(a, one))
  if (typeof value !== 'object' || value === null) return false
  return Object.entries(value).some(([key, inner]: [string, unknown]) => {
    if (key === 'subselect') return false
    const name = key === 'FuncCall' ? strings((inner as FuncCall).funcname).at(-1) ?? '' : null
    return (name !== null && (a.found.catalog.builtinSets.has(name) || [...a.found.catalog.functions.values()].some((fn) => fn.set && fn.name === name))) || givesRows(a, inner)
  })
}
/** What the server tells as the origin of an expression: of a whole row its relation, of a cast to the very type a column has the column; else nothing. */
function originOf(a: Analysis, val: Node | undefined, scope: Scope): Col['origin'] {
  if (!val) return null
  if ('ColumnRef' in val) {
    if (isStar(val)) return null
    const target = resolve(a.found, scope, strings(val.ColumnRef.fields), null)
    return target.kind === 'row' && target.item.oid !== null ? { relation: target.item.oid, column: 0 } : null
  }
  if ('FuncCall' in val) {   // `int4(c)`, a cast in a function's clothes
    const [name = ''] = strings(val.FuncCall.funcname)
    const [only, another] = val.FuncCall.args ?? []
    const col = another ? null : plainColumn(a, only, scope)
    return col && col.type > 0 && a.found.catalog.builtinTypes.get(name) === col.type ? col.origin : null
  }
  if (!('TypeCast' in val)) return null
  const { arg, typeName } = val.TypeCast
  const col = plainColumn(a, arg, scope)
  if (!col?.origin) return arg && 'TypeCast' in arg && cast(a, typeName, scope) === cast(a, arg.TypeCast.typeName, scope) ? originOf(a, arg, scope) : null
  return cast(a, typeName, scope) === col.type && modifiers(a, col) === written(typeName?.typmods) ? col.origin : null
}
const written = (typmods: readonly Node[] | undefined): string => (typmods ?? []).map((node) => ('A_Const' in node ? String(node.A_Const.ival?.ival ?? 0) : '?')).join(',')
/** The length or precision in the type of a column's origin, as `format_type` prints it. */
function modifiers(a: Analysis, col: Col): string {
  const column = col.origin ? a.found.catalog.relations.get(col.origin.relation)?.columns.find((c) => c.attnum === col.origin?.column) : undefined
  return /\(([\d,]+)\)/.exec(column?.typeName ?? '')?.[1] ?? (/^character(\[\])?$/.test(column?.typeName ?? '') ? '1' : '')
}
function starOf(a: Analysis, val: Node | undefined, scope: Scope, span: Span | null): readonly Col[] | null {
  if (val && 'ColumnRef' in val) {
    const fields = val.ColumnRef.fields ?? []
    const last = fields.at(-1)
    if (last && 'A_Star' in last) return starred(scope, strings(fields.slice(0, -1)), span).flatMap((item) => item.cols)
  }
  if (!val || !('A_Indirection' in val)) return null
  const { arg, indirection = [] } = val.A_Indirection
  const last = indirection.at(-1)
  if (!last || !('A_Star' in last)) return null
  // `(u).*` of a whole row is its columns; of another row value the number of columns must be known
  if (indirection.length === 1 && arg && 'ColumnRef' in arg) {
    const target = resolve(a.found, scope, strings(arg.ColumnRef.fields), span)
    if (target.kind === 'row') return target.item.cols
    const type = target.kind === 'column' ? a.found.catalog.types.get(target.col.type) : undefined
    if (target.kind === 'column' && type?.kind === 'c') {
      useColumn(a, target.col, 'in a row expansion', span, scope)
      return fieldsOf(a.found, type, span).map((column) => ({ name: column.name, tags: [], derived: [], type: column.type, origin: null, touch: null }))
    }
  }
  throw unsupported('row_expansion', '`(…).*` is supported on a table, an alias or a column of a row type; name the fields', span)
}
const isStar = (val: Node): boolean => 'ColumnRef' in val && (val.ColumnRef.fields ?? []).some((field) => 'A_Star' in field)
/** The one column an expression is nothing but, or null. */
function plainColumn(a: Analysis, val: Node | undefined, scope: Scope): Col | null {
  if (!val) return null
  if ('ColumnRef' in val) {
    if (isStar(val)) return null
    const target = resolve(a.found, scope, strings(val.ColumnRef.fields), scope.frame.span(val.ColumnRef.location))
    return target.kind === 'column' ? target.col : null
  }
  if ('FuncCall' in val) {   // `c(u)`, where no function has that name
    const [name = '', more] = strings(val.FuncCall.funcname)
    const [arg, another] = val.FuncCall.args ?? []
    if (more !== undefined || !arg || another || isFunctionName(a.found, scope.frame, name)) return null
    return rowField(a, { arg, indirection: [{ String: { sval: name } }] }, scope)?.col ?? null
  }
  return 'A_Indirection' in val ? rowField(a, val.A_Indirection, scope)?.col ?? null : null
}

// ---- VALUES and set operations ----

function values(a: Analysis, node: SelectStmt, level: Scope): Col[] {
  const types: number[] = []
  const texts: Map<string | number, Span | null>[] = []
  const sizes: Size[] = []
  for (const row of node.valuesLists ?? []) {
    if (!('List' in row)) throw unsupported('unknown_syntax', 'VALUES has rows in it', null)
    for (const [i, item] of (row.List.items ?? []).entries()) {
      const [type, inner] = a.found.textsOf(() => expression(a, item, level, 'in a values list'))
      const size = sizeOf(a.found, item, level)
      sizes[i] = largest([sizes[i] ?? size, size])
      const column = texts[i] ??= new Map()                          // one for all rows: a list of thousands is gone through once
      for (const [text, span] of inner) column.set(text, span)
      types[i] = isScalar(a.found, type) && isScalar(a.found, types[i] ?? scalar) ? scalar : unknown
    }
  }
  const targets = types.map((type, i): Target => ({ col: { name: `column${i + 1}`, tags: [], derived: [], type, origin: null, touch: null, texts: texts[i] ?? new Map(), size: sizes[i] ?? stored }, span: null, expression: true }))
  order(a, node, targets, level)
  return targets.map((target) => target.col)
}

function setOperation(a: Analysis, node: SelectStmt, level: Scope): Col[] {
  const inner: Scope = { ...level, items: [] }
  const left = node.larg ? a.subquery(a, { SelectStmt: node.larg }, inner) : []
  const right = node.rarg ? a.subquery(a, { SelectStmt: node.rarg }, inner) : []
  if (left.length !== right.length) throw missing('42601', 'each side of a set operation must have the same number of columns', null)
  const compares = !(node.op === 'SETOP_UNION' && node.all === true)
  const cols = left.map((col, i): Col => {
    const other = right[i]
    const tags = distinct([...col.tags, ...other?.tags ?? []])
    if (compares) a.found.use(tagsOf(other ? [col, other] : [col]), 'in a set operation that compares rows', null)
    else a.found.use(answering(a, col, other, isNull(node.rarg, i), isNull(node.larg, i)), 'in one column with values that a hash mask would answer', null)
    const given = other?.type ?? unknown
    // A set operation computes all of both sides.
    if (level.frame.view) for (const one of [col, other]) if (one?.fails) a.found.use(one.derived, unasked, null)
    const type = isScalar(a.found, col.type) && isScalar(a.found, given) ? (col.type === given ? given : commonType(col.type, given) ?? scalar) : unknown
    return { name: col.name, tags, derived: distinct([...col.derived, ...other?.derived ?? []]), type, origin: null, touch: null, texts: a.found.joined(col.texts, other?.texts), size: largest([sizeOfColumn(a.found, col), other ? sizeOfColumn(a.found, other) : stored]) }
  })
  order(a, node, cols.map((col) => ({ col, span: null, expression: false })), level)
  if (node.lockingClause) throw unsupported('unknown_syntax', 'rows of a set operation cannot be locked', null)
  return cols
}

/** Equal values of a class stay equal under `hash`: whoever may put a value of his own into its column (`select ssn … union all select '123-45-6789'`) would try out one a row. So such a column holds this class from every side, or nothing. */
function answering(a: Analysis, col: Col, other: Col | undefined, ...[otherIsNull, colIsNull]: readonly [boolean, boolean]): Tag[] {
  const alone = (mine: Col, theirs: Col | undefined) => mine.tags.filter(({ dataClass }) => a.found.classes.mask(dataClass) === 'hash' && !theirs?.tags.some((tag) => tag.dataClass === dataClass))
  return [...otherIsNull ? [] : alone(col, other), ...other === undefined || colIsNull ? [] : alone(other, col)]
}
function isNull(side: SelectStmt | undefined, index: number): boolean {
  const target = side?.targetList?.[index]
  const value = target && 'ResTarget' in target ? target.ResTarget.val : undefined
  const inner = value && 'TypeCast' in value ? value.TypeCast.arg : value
  return side?.targetList?.every((one) => 'ResTarget' in one && !(one.ResTarget.val && 'ColumnRef' in one.ResTarget.val && one.ResTarget.val.ColumnRef.fields?.some((field) => 'A_Star' in field))) === true
    && inner !== undefined && 'A_Const' in inner && inner.A_Const.isnull === true
}

/** FOR UPDATE and the like: locks what FROM reached, inside views and subqueries too, or the named items. */
function lockRows(a: Analysis, node: LockingClause, scope: Scope, reached: readonly { relation: Parameters<typeof a.found.reach>[0]; frame: Scope['frame'] }[]): void {
  a.found.readOnly = false
  const named = (node.lockedRels ?? []).flatMap((rel) => ('RangeVar' in rel ? [rel.RangeVar] : []))
  const locked = named.length === 0 ? reached : named.flatMap((rel) => {
    const item = scope.items.find((entry) => entry.named && entry.alias === rel.relname)
    if (!item) throw missing('42P01', `there is no table \`${rel.relname ?? ''}\` to lock in this query`, scope.frame.span(rel.location))
    return item.reached
  })
  for (const { relation, frame } of locked) {
    a.found.access('lock', relation.schema, relation.name, frame, frame.span(undefined), false)
    rowSecurity(a, relation, frame, frame.span(undefined), 'w')   // a row that may not be updated may not be locked
  }
}
