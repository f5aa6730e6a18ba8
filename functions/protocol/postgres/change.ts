import type { DeleteStmt, InsertStmt, Node, OnConflictClause, RangeVar, ReturningClause, UpdateStmt } from 'libpg-query'
import type { Span } from '../../../schema/refusal.ts'
import type { Handle } from '../notes.ts'
import { missing, unsupported } from '../refused.ts'
import { noteWritten, type Texts } from '../writeback.ts'
import type { Column, Relation } from './catalog.ts'
import { changedWith, compared, measured, moving, sizedBy } from './beside.ts'
import { columnsOf, systemColumns } from './columns.ts'
import { consequences } from './consequence.ts'
import { isSystem, type Frame } from './effects.ts'
import { expression, type Analysis } from './expression.ts'
import { fromClause } from './from.ts'
import { below, kin } from './kin.ts'
import { makeType, strings } from './names.ts'
import { planning } from './planning.ts'
import { descend, lookup, placed } from './relation.ts'
import { rowSecurity } from './security.ts'
import { tagsOf, type Col, type Item, type Scope } from './scope.ts'
import { targetList } from './select.ts'
import { withClause } from './with.ts'

/**
 * INSERT, UPDATE, DELETE → the columns RETURNING gives. Writing is one access, reading the table's columns in WHERE, SET, ON CONFLICT or RETURNING
 * another. A classified value that flows into a column is a use; so is setting a classified column where the database would answer a guess.
 */
export type Event = 'insert' | 'update' | 'delete'
/** What an insert brings for one column. `cells`: as VALUES writes it, in each row. */
interface Brought { readonly texts: Texts; readonly cells: readonly Node[] | null }
export interface Target { readonly relation: Relation; readonly item: Item; readonly span: Span | null }

/** pg_policy.polcmd. */
const policyOf: Readonly<Record<Event, string>> = { insert: 'a', update: 'w', delete: 'd' }

const noWrite = (relation: Relation, span: Span | null) => {
  if (isSystem(relation.schema)) return unsupported('system_write', 'the system catalog cannot be written through the gate', span)
  if (relation.kind === 'v' || relation.kind === 'm') return unsupported('view_write', `\`${relation.name}\` is a view; write to the table it reads`, span)
  return relation.rules > 0 ? unsupported('rule_write', `\`${relation.name}\` has rules that rewrite what is written to it; only tables without such rules can be written`, span) : null
}

export function writeTarget(a: Analysis, node: RangeVar | undefined, events: readonly Event[], level: Scope): Target {
  if (!node) throw unsupported('unknown_syntax', 'this statement names no table', null)
  const { found } = a
  const { frame } = level
  const span = frame.span(node.location)
  const relation = lookup(found, node, level, events[0] ?? 'update')
  for (const event of events) found.access(event, relation.schema, relation.name, frame, span, false)
  const refused = noWrite(relation, span)
  if (refused) throw refused
  found.readOnly = false
  found.reach(relation, true)
  const reads = events.some((event) => event !== 'insert')
  let asked = reads
  rowSecurity(a, relation, frame, span, `${events.map((event) => policyOf[event]).join('')}*${reads ? 'r' : ''}`)
  if (reads) {
    placed(found, relation, span)
    planning(a, relation, frame, span)
  }
  // a write alone reads nothing; the first column it mentions makes it a read as well
  const handle: Handle = { read: (column) => { if (!asked) { asked = true; rowSecurity(a, relation, frame, span, 'r') } for (const one of [found.access('select', relation.schema, relation.name, frame, span, true), ...node.inh ? descend(a, relation, frame, span, 'select') : []]) one.read(column) } }
  if (node.inh === true) for (const event of events) descend(a, relation, frame, span, event)
  const alias = node.alias?.aliasname
  const cols = columnsOf(a, relation, handle, null, frame)
  return { relation, span, item: { alias: alias ?? relation.name, named: true, bare: true, oid: relation.oid, handle, relation: alias === undefined ? relation : null, cols, system: systemColumns(relation, handle), reached: [] } }
}

export function insert(a: Analysis, node: InsertStmt, parent: Scope): readonly Col[] {
  const level = withClause(a, node.withClause, { frame: parent.frame, parent, items: [], ctes: new Map() })
  const conflict = node.onConflictClause?.action === 'ONCONFLICT_UPDATE' ? node.onConflictClause : null
  const target = writeTarget(a, node.relation, conflict ? ['insert', 'update'] : ['insert'], level)
  const named = (node.cols ?? []).map((col) => setName(a, col, target, level))
  const brought = new Map<string, Brought>()
  const columns = node.cols ? named : node.selectStmt ? whole(a, target, level) : target.relation.columns
  consequences(a.found, target.relation, 'insert', columns, level.frame, target.span)
  leftOut(a, target.relation, target.span)
  if (node.selectStmt) {
    const given = a.subquery(a, node.selectStmt, { ...level, items: [] })
    for (const [i, col] of given.entries()) a.found.use(tagsOf([col]), `as a new value of ${columns[i]?.name ?? 'a column'}`, col.span ?? null)
    for (const [i, column] of columns.slice(0, given.length).entries()) {
      setColumn(a, level.frame, target.relation, column, cellsOf(node.selectStmt, i), true, target.span)
      const texts = given[i]?.texts ?? new Map()
      brought.set(column.name, { texts, cells: cellsOf(node.selectStmt, i) })
      noteWritten(a.found, target.relation, column, texts, target.span)
    }
  }
  if (node.onConflictClause) onConflict(a, node.onConflictClause, target, brought, level)
  return returning(a, node.returningClause, target, [target.item], level)
}
/** Without a list of names, every column is set. */
export function whole(a: Analysis, { relation, span }: Target, scope: Scope): readonly Column[] {
  for (const column of relation.columns) makeType(a.found, scope.frame, column.type, span)
  return relation.columns
}
/** The values VALUES writes into one column, where the source is VALUES. */
function cellsOf(source: Node, i: number): readonly Node[] | null {
  if (!('SelectStmt' in source) || !source.SelectStmt.valuesLists) return null
  return source.SelectStmt.valuesLists.flatMap((row) => ('List' in row ? row.List.items?.[i] ?? [] : []))
}

export function update(a: Analysis, node: UpdateStmt, parent: Scope): readonly Col[] {
  const level = withClause(a, node.withClause, { frame: parent.frame, parent, items: [], ctes: new Map() })
  const target = writeTarget(a, node.relation, ['update'], level)
  const scope: Scope = { ...level, items: [target.item, ...fromClause(a, node.fromClause, level)] }
  const set = assignments(a, node.targetList, target, scope)
  consequences(a.found, target.relation, 'update', set, level.frame, target.span)
  expression(a, node.whereClause, scope, 'in a where clause')
  return returning(a, node.returningClause, target, scope.items, level)
}

export function remove(a: Analysis, node: DeleteStmt, parent: Scope): readonly Col[] {
  const level = withClause(a, node.withClause, { frame: parent.frame, parent, items: [], ctes: new Map() })
  const target = writeTarget(a, node.relation, ['delete'], level)
  const scope: Scope = { ...level, items: [target.item, ...fromClause(a, node.usingClause, level)] }
  consequences(a.found, target.relation, 'delete', target.relation.columns, level.frame, target.span)
  expression(a, node.whereClause, scope, 'in a where clause')
  return returning(a, node.returningClause, target, scope.items, level)
}

/** `a`, `a[1]` or `a.field` on the left of an assignment → the column; what is in the subscripts is read. */
export function setName(a: Analysis, node: Node, target: Target, scope: Scope): Column {
  if (!('ResTarget' in node)) throw unsupported('unknown_syntax', 'an assignment names a column', null)
  const { name = '', indirection, location } = node.ResTarget
  const span = scope.frame.span(location)
  const column = target.relation.columns.find((c) => c.name === name)
  if (!column) throw missing('42703', `there is no column \`${name}\` in \`${target.relation.schema}.${target.relation.name}\``, span)
  // Put into a part of it, the new value is made from the old one, and whether that can be done tells what the old one is.
  if (indirection?.length) for (const classes of [a.found.classes.of(target.relation, column)]) a.found.use([...classes.plain, ...classes.derived], `in the old value of ${name}, of which only a part is set`, span)
  for (const step of indirection ?? []) {
    if (!('A_Indices' in step)) continue
    expression(a, step.A_Indices.lidx, scope, 'in a new value')
    expression(a, step.A_Indices.uidx, scope, 'in a new value')
  }
  makeType(a.found, scope.frame, column.type, span)
  return column
}
export function assignments(a: Analysis, nodes: readonly Node[] | undefined, target: Target, scope: Scope, brought: ReadonlyMap<string, Brought> = new Map()): readonly Column[] {
  return (nodes ?? []).map((node) => {
    const column = setName(a, node, target, scope)
    const val = 'ResTarget' in node ? node.ResTarget.val : undefined
    const span = 'ResTarget' in node ? scope.frame.span(node.ResTarget.location) : null
    const [, texts] = a.found.textsOf(() => expression(a, val, scope, `as a new value of ${column.name}`))
    setColumn(a, scope.frame, target.relation, column, val ? excludedIn(val, brought) ?? [val] : null, false, span)
    noteWritten(a.found, target.relation, column, texts, span)
    return column
  })
}

/** `excluded.c` alone: the values the statement brings for c. */
function excludedIn(val: Node, brought: ReadonlyMap<string, Brought>): readonly Node[] | null {
  const [table, name, more] = 'ColumnRef' in val ? strings(val.ColumnRef.fields) : []
  return table === 'excluded' && name !== undefined && more === undefined ? brought.get(name)?.cells ?? null : null
}

const isNothing = (node: Node): boolean => 'SetToDefault' in node || ('A_Const' in node && node.A_Const.isnull === true)
/**
 * A caller who may not see a classified column may still set it, unless the write's success or failure would tell what is there: a unique or
 * exclusion index, a check, a foreign key of either side, or a `hash` mask that shows equal values as equal. An update of another column that such a
 * constraint reads together with a classified one tells as much. NULL and DEFAULT are no guess where nothing else is compared.
 */
export function setColumn({ found }: Analysis, frame: Frame, relation: Relation, column: Column, values: readonly Node[] | null, fresh: boolean, span: Span | null): void {
  found.looked(relation, column, frame)
  const nothing = values !== null && values.length > 0 && values.every(isNothing)
  const sized = sizedBy(column, values)
  for (const r of kin(found.catalog, relation)) {
    const own = r.columns.find((c) => c.name === column.name)
    if (!own) continue
    const changed = changedWith(r, own)
    if (!fresh) {
      compared(found, r, own, changed, span)
      for (const one of r.columns.filter((c) => changed.includes(c.attnum))) measured(found, r, one, one === own ? sized : sizedBy(one, null), span)
    }
    // NULL may equal NULL there, or a default fall under the predicate
    if (r.answering.some((g) => changed.some((attnum) => g.includes(attnum))) && (!nothing || r.omitting.some((g) => g.columns.includes(own.attnum) && (g.open || own.filled)))) found.use(found.classes.of(relation, column).plain, 'as a value a constraint would answer', span)
    // A generated column made from this one and a classified one is made anew: that it can be (no division by zero, no overflow) tells of the other.
    const mixed = fresh ? [] : r.columns.filter((c) => c.from.includes(own.attnum)).flatMap((c) => r.columns.filter((source) => source.attnum !== own.attnum && c.from.includes(source.attnum)))
    found.use(mixed.flatMap((c) => found.classes.of(r, c).plain), `where a generated column is made from it and ${column.name}`, span)
    if (nothing) continue
    for (const key of r.constraints.filter((k) => k.type === 'f' && k.columns.includes(own.attnum))) {
      const other = found.catalog.relations.get(key.references)
      const referenced = other?.columns.filter((c) => key.referenced.includes(c.attnum)) ?? []
      if (other) found.use(referenced.flatMap((c) => found.classes.of(other, c).plain), 'as a value a foreign key would answer', span)
    }
  }
  if (!fresh) moving(found, relation, column, span)
  if (!nothing) found.use(found.classes.of(relation, column).plain.filter((tag) => found.classes.mask(tag.dataClass) === 'hash'), 'as a value a hash mask would answer', span)
}

/**
 * A new row also runs into others by what it does not say: `unique (name) where salary > 100` with a default salary, `unique nulls not distinct
 * (name, email)` without an e-mail. That it does tells what the other row holds.
 */
export function leftOut({ found }: Pick<Analysis, 'found'>, relation: Relation, span: Span | null): void {
  for (const group of relation.omitting) found.use(relation.columns.filter((c) => group.columns.includes(c.attnum) && (group.open || c.filled)).flatMap((c) => found.classes.of(relation, c).plain), 'where a unique index compares it, whether it is set or left out', span)
  if (relation.kind === 'p') for (const oid of relation.children) { const child = found.catalog.relations.get(oid); if (child) leftOut({ found }, child, span) }
}

function onConflict(a: Analysis, node: OnConflictClause, target: Target, brought: ReadonlyMap<string, Brought>, level: Scope): void {
  const own: Scope = { ...level, items: [target.item] }
  const { indexElems, whereClause, conname, location } = node.infer ?? {}
  for (const element of indexElems ?? []) {
    if (!('IndexElem' in element)) throw unsupported('unknown_syntax', 'this conflict target is not supported', null)
    const { name, expr } = element.IndexElem
    expression(a, name === undefined ? expr : { ColumnRef: { fields: [{ String: { sval: name } }], ...(location === undefined ? {} : { location }) } }, own, 'in an on conflict clause')
  }
  expression(a, whereClause, own, 'in an on conflict clause')
  if (conname !== undefined) {
    const key = target.relation.constraints.find((k) => k.name === conname)
    if (!key) throw missing('42704', `there is no constraint \`${conname}\``, level.frame.span(location))
    // an exclusion may compare expressions, which may read any column
    for (const col of target.item.cols) if (key.type === 'x' || key.columns.includes(col.origin?.column ?? 0)) { col.touch?.(); a.found.use(tagsOf([col]), 'in an on conflict clause', level.frame.span(location)) }
  }
  if (node.action !== 'ONCONFLICT_UPDATE') return
  // `excluded` is the row this statement itself brings, already counted where its values came from; a trigger before it, which may be one of the partition
  // it goes to, may have put others there. The server wants the right to read the table's columns for it all the same
  const trusted = ![target.relation, ...below(a.found.catalog, target.relation)].flatMap(({ triggers }) => triggers).some((t) => (t.type & 2) !== 0 && (t.type & 4) !== 0)
  const excluded: Item = {
    ...target.item, alias: 'excluded', named: true, oid: null, relation: null, system: [],
    cols: target.item.cols.map((col) => ({ ...col, origin: null, texts: brought.get(col.name)?.texts ?? new Map(), ...(trusted ? { tags: [], derived: [] } : {}) })),
  }
  const scope: Scope = { ...level, items: [target.item, excluded] }
  const set = assignments(a, node.targetList, target, scope, trusted ? brought : new Map())
  consequences(a.found, target.relation, 'update', set, level.frame, target.span)
  expression(a, node.whereClause, scope, 'in an on conflict clause')
}

/** From 18 on `old` and `new` name the row before and after, unless something else here has that name. */
export function returning(a: Analysis, node: ReturningClause | undefined, target: Target, items: readonly Item[], level: Scope): readonly Col[] {
  if (!node) return []
  const named = new Map((node.options ?? []).flatMap((option): [string, string][] => ('ReturningOption' in option ? [[option.ReturningOption.option ?? '', option.ReturningOption.value ?? '']] : [])))
  const modern = a.found.catalog.version >= 180000
  if (named.size > 0 && !modern) throw unsupported('unknown_syntax', 'this server knows no `returning with`', null)
  const rows = ([['RETURNING_OPTION_OLD', 'old'], ['RETURNING_OPTION_NEW', 'new']] as const).flatMap(([option, usual]): Item[] => {
    const alias = named.get(option) ?? usual
    if (!modern || (!named.has(option) && items.some((item) => item.named && item.alias === alias))) return []
    return [{ ...target.item, alias, named: true, bare: false, relation: null }]
  })
  return targetList(a, node.exprs, { ...level, items: [...items, ...rows] }).map((t) => t.col)
}
