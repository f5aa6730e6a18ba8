import type { Span } from '../../../schema/refusal.ts'
import { missing, unsupported } from '../refused.ts'
import { noteWritten } from '../writeback.ts'
import type { Assignment, Delete, Expression, Insert, Name, Reference, Table, Update } from './ast.ts'
import { columnKey, type Column, type Relation } from './catalog.ts'
import { changing, consequences, relationAt, writable, type Event } from './consequence.ts'
import { spanIn } from './effects.ts'
import { expression, type Analysis } from './expression.ts'
import { fromClause, ownAlias } from './from.ts'
import { heldIn, relationItem } from './relation.ts'
import { columnAt, inner, itemNamed, resolve, spell, tagsOf, type Item, type Scope } from './scope.ts'
import { chosenRows } from './select.ts'
import { withClause } from './with.ts'

/**
 * INSERT, REPLACE, UPDATE, DELETE. Writing is one access, reading the table's columns in WHERE, SET or ON DUPLICATE KEY another. A classified value that flows into a column is a use; so is setting a classified
 * column where the database would answer a guess.
 */
type Target = Item & { readonly relation: Relation }

export function insert(a: Analysis, node: Insert, parent: Scope): void {
  const level = inner(parent)
  const { frame } = level
  const span = spanIn(frame, node.table.span)
  const target = relationItem(a, node.table, level, { alias: false, access: 'insert' })
  const { relation } = target
  const events: readonly Event[] = node.replace ? ['insert', 'delete'] : node.onDuplicate.length > 0 ? ['insert', 'update'] : ['insert']
  for (const event of events) a.found.access(event, relation.schema, relation.name, frame, span, false)
  writable(a.found, relation, span)
  const columns = node.columns === null ? relation.columns.filter((column) => !column.invisible) : node.columns.map((name) => columnNamed(target, name))
  a.found.replace(frame, node, { ...node, columns: columns.map(({ name }): Name => ({ text: name, span: node.table.span })) })
  for (const event of events) if (event !== 'update') consequences(a.found, relation, event, columns.map(({ name }) => name), frame, span)
  leftOut(a, relation, columns, span)
  if (node.replace) for (const column of relation.columns) a.found.use(a.found.classes.of(relation, column).plain, 'as a value that `replace` puts in the place of another: how many rows change tells whether it was the same', span)
  const scope: Scope = { ...level, items: [target], cols: target.cols }
  if (node.source.kind === 'rows') rows(a, node.source.rows, columns, target, scope)
  else {
    const given = a.query(a, node.source, inner(level))
    for (const [i, col] of given.entries()) a.found.use(tagsOf([col]), `as a new value of ${columns[i]?.name ?? 'a column'}`, col.span ?? null)
    for (const [i, column] of columns.slice(0, given.length).entries()) {
      setColumn(a, scope, relation, column, null, 'new', span)
      noteWritten(a.found, relation, column, given[i]?.texts ?? new Map(), span)
    }
  }
  if (node.onDuplicate.length === 0) return
  const items = node.alias === null ? [target] : [target, aliased(target, node.alias, ownAlias(a, node.alias.name, level))]
  const set = assignments(a, node.onDuplicate, { ...scope, items }, 'there', () => target)
  consequences(a.found, relation, 'update', set.map(({ name }) => name), frame, span)
}
function rows(a: Analysis, all: readonly (readonly Expression[])[], columns: readonly Column[], target: Target, scope: Scope): void {
  for (const [i, column] of columns.entries()) {
    const cells = all.flatMap((row) => row[i] ?? [])
    const [, texts] = a.found.textsOf(() => { for (const cell of cells) expression(a, cell, scope, `as a new value of ${column.name}`) })
    setColumn(a, scope, target.relation, column, cells, 'new', spanIn(scope.frame, cells[0]?.span ?? { start: 0, end: 0 }))
    noteWritten(a.found, target.relation, column, texts, null)
  }
  for (const row of all) for (const cell of row.slice(columns.length)) expression(a, cell, scope, 'as a new value')
}
/** The row the statement itself brings, under its own name. */
function aliased(target: Target, { name, columns }: NonNullable<Insert['alias']>, alias: string): Item {
  return { ...target, name: name.text, alias, relation: null, cols: target.cols.map((col, i) => ({ ...col, name: columns[i]?.text ?? col.name, at: alias, origin: null })) }
}
function columnNamed(target: Target, name: Name): Column {
  const column = target.relation.columns.find((c) => columnKey(c.name) === columnKey(name.text))
  if (!column) throw missing('42S22', `there is no column \`${name.text}\` in \`${target.relation.schema}.${target.relation.name}\``, name.span)
  return column
}

export function update(a: Analysis, node: Update, parent: Scope): void {
  const level = withClause(a, node.with, inner(parent))
  const only = onlyTable(a, node.from, level, { access: 'update', chosen: node.limit !== null })
  const scope: Scope = only ? { ...level, items: [only], cols: only.cols } : { ...level, ...fromClause(a, node.from, level) }
  const targets = new Map<Target, string[]>()
  const set = assignments(a, node.assignments, scope, only !== null && stands(only.relation, node) ? 'counted' : 'there', (column, item) => {
    const target = asTarget(item, spanIn(level.frame, column.column.span))
    targets.set(target, [...targets.get(target) ?? [], column.column.name.text])
    return target
  })
  for (const [target, names] of targets) {
    const changed = set.filter(({ name }) => names.some((one) => columnKey(one) === columnKey(name))).map(({ name }) => name)
    written(a, target, 'update', changed, level, spanIn(level.frame, node.span))
  }
  expression(a, node.where, scope, 'in a where clause')
  chosenRows(a, node, scope)
  // Counted first, a routine in the condition would run twice.
  if (a.found.counted && a.found.routines.size > 0) for (const column of set) a.found.use(a.found.classes.of([...targets.keys()][0]?.relation ?? only?.relation as Relation, column).plain, unlike, null)
}
const unlike = 'as a new value of a row that is there: how many rows change tells whether it was the same'
/** No column but those it sets tells whether a row of it really changed. */
const stands = (relation: Relation, { assignments: set }: Update): boolean => relation.columns.every((column) => !column.moves || set.some((one) => columnKey(one.column.name.text) === columnKey(column.name)))
/** A statement over one plain table reads no column of it that it does not mention. */
function onlyTable(a: Analysis, from: readonly Reference[], level: Scope, reading: { readonly access: 'update' | 'delete'; readonly chosen: boolean; readonly alias?: boolean }): Target | null {
  const [first, more] = from
  if (more !== undefined || first?.kind !== 'table') return null
  for (let scope: Scope | null = level; scope; scope = scope.parent) if (first.schema === null && scope.ctes.has(columnKey(first.name.text))) return null
  const target = relationItem(a, first, level, reading)
  return target
}
function asTarget(item: Item | null, span: Span | null): Target {
  if (item === null || item.relation === null) throw missing('HY000', 'only a table can be changed here', span)
  return { ...item, relation: item.relation }
}
function written(a: Analysis, { relation }: Target, event: Event, columns: readonly string[], level: Scope, span: Span | null): void {
  a.found.access(event, relation.schema, relation.name, level.frame, span, false)
  writable(a.found, relation, span)
  a.found.reach(relation, { named: true, written: true })
  consequences(a.found, relation, event, columns, level.frame, span)
}

export function remove(a: Analysis, node: Delete, parent: Scope): void {
  const level = withClause(a, node.with, inner(parent))
  const span = spanIn(level.frame, node.span)
  const only = node.targets === null ? onlyTable(a, node.from, level, { access: 'delete', chosen: node.limit !== null, alias: false }) : null
  if (node.targets === null && only === null) throw unsupported('unknown_syntax', 'only a table can be deleted from', span)
  const scope: Scope = only ? { ...level, items: [only], cols: only.cols } : { ...level, ...fromClause(a, node.from, level) }
  const targets = only ? [only] : (node.targets ?? []).map((table) => targetOf(a, table, scope))
  for (const target of targets) written(a, target, 'delete', [], level, span)
  expression(a, node.where, scope, 'in a where clause')
  chosenRows(a, node, scope)
}
/** A table to delete from is named by the alias of a reference in FROM, and printed as that. */
function targetOf(a: Analysis, node: Table, scope: Scope): Target {
  const span = spanIn(scope.frame, node.span)
  const item = itemNamed(a.found, { ...scope, parent: null }, node.schema, node.name, span)
  a.found.replace(scope.frame, node, { ...node, schema: null, name: { ...node.name, text: item.alias }, alias: null })
  return asTarget(item, span)
}

function assignments(a: Analysis, nodes: readonly Assignment[], scope: Scope, row: Standing, targetOfColumn: (node: Assignment, item: Item | null) => Target): readonly Column[] {
  return nodes.map((node) => {
    const span = spanIn(scope.frame, node.column.span)
    const item = node.column.table !== null ? itemNamed(a.found, scope, node.column.schema, node.column.table, span) : null
    const col = item ? columnAt(item.cols, item.handle, node.column.name.text, span) : resolve(a.found, { ...scope, parent: null, outputs: null }, node.column).col
    const target = targetOfColumn(node, item ?? scope.items.find(({ cols }) => cols.includes(col)) ?? null)
    const column = columnNamed(target, { text: col.name, span: node.column.name.span })
    spell(a.found, scope, node.column, { ...col, at: target.alias })
    const [, texts] = a.found.textsOf(() => expression(a, node.value, scope, `as a new value of ${column.name}`))
    setColumn(a, scope, target.relation, column, [node.value], row, span)
    noteWritten(a.found, target.relation, column, texts, span)
    return column
  })
}

const isNothing = (node: Expression): boolean => node.kind === 'null' || (node.kind === 'default' && node.column === null)
/** `counted`: in rows that are there, of which those that are found are counted, not those that really change (run.ts). */
type Standing = 'new' | 'counted' | 'there'
/**
 * A caller who may not see a classified column may set it, unless success or failure would tell what is there: a unique index, a check, a foreign key of either side, or a `hash` mask that shows
 * equal values as equal. In a row that is there how many rows changed, and a time that the server sets when one does, tell whether the new value was the old one: there it may be set only where neither shows. An
 * update of another column that a constraint or a generated column reads together with a classified one tells as much.
 */
function setColumn({ found }: Analysis, { frame }: Scope, relation: Relation, column: Column, values: readonly Expression[] | null, row: Standing, span: Span | null): void {
  found.looked(relation, column, frame)
  const own = found.classes.of(relation, column)
  const nothing = values !== null && values.length > 0 && values.every(isNothing)
  const changed = [...changing(relation, [column.name]), ...relation.columns.filter((c) => c.from.includes(column.name)).map((c) => c.name)]
  const groups = relation.answering.filter((group) => group.some((name) => changed.includes(name)))
  if (row !== 'new') {
    if (row === 'counted') found.counted ||= own.plain.length > 0
    else found.use(own.plain, `${unlike}${relation.columns.some((c) => c.moves) ? '; in an update of this table alone that sets the columns which tell of a change as well, it does not show' : ''}`, span)
    if (relation.referencedBy.some(({ referenced }) => referenced.some((name) => changed.includes(name)))) found.use(own.plain, 'where a foreign key looks for what it was', span)
    found.use(own.derived, 'as the source of a default', span)
    found.use(groups.flatMap((group) => heldIn(found, relation, group)), `where a constraint compares it with ${column.name}`, span)
    const made = relation.columns.filter((c) => c.generated && changed.includes(c.name)).flatMap((c) => c.from.filter((name) => name !== column.name))
    found.use(heldIn(found, relation, made), `where a generated column is made from it and ${column.name}`, span)
  }
  if (nothing) return
  if (groups.length > 0) found.use(own.plain, 'as a value a constraint would answer', span)
  found.use(own.plain.filter((tag) => found.classes.mask(tag.dataClass) === 'hash'), 'as a value a hash mask would answer', span)
  for (const key of relation.keys.filter(({ columns }) => columns.some((name) => changed.includes(name)))) {
    const other = relationAt(found.catalog, key.toSchema, key.toTable)
    if (!other) throw unsupported('unknown_reference', `a foreign key of \`${relation.name}\` points at a table that the gate cannot see`, span)
    found.use([...own.plain, ...heldIn(found, other, key.referenced)], 'as a value a foreign key would answer', span)
  }
}
/** A new row also runs into others by what it does not say: a unique index over a default. That it does tells what the other row holds. */
function leftOut({ found }: Analysis, relation: Relation, columns: readonly Column[], span: Span | null): void {
  const named = new Set(columns.map(({ name }) => name))
  for (const { unique, columns: group } of relation.indexes) {
    if (!unique) continue
    found.use(heldIn(found, relation, relation.columns.filter((c) => group.includes(c.name) && !named.has(c.name) && (c.filled || c.generated)).map((c) => c.name)), 'where a unique index compares it, whether it is set or left out', span)
  }
}
