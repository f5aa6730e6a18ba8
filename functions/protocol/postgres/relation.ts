import type { RangeVar } from 'libpg-query'
import type { Span } from '../../../schema/refusal.ts'
import type { Handle } from '../notes.ts'
import { missing, unsupported, withheld } from '../refused.ts'
import type { Relation } from './catalog.ts'
import { columnsOf, systemColumns } from './columns.ts'
import { Findings, isSystem, type Frame } from './effects.ts'
import type { Analysis } from './expression.ts'
import { findRelation, homeOf, strings } from './names.ts'
import { planning } from './planning.ts'
import { rowSecurity } from './security.ts'
import { renamed, type Col, type Item, type Scope } from './scope.ts'

/**
 * A relation in FROM: the access, its columns with the classes that are in them, and what it brings along: a view's own reads, partitions and
 * children, row security's functions.
 */
const spanOf = (node: RangeVar, scope: Scope): Span | null => scope.frame.span(node.location)

/** The relation a name means for reading or writing; a missing one counts as an access first, so that who may not name it learns nothing. */
export function lookup(found: Findings, node: RangeVar, scope: Scope, action: 'select' | 'insert' | 'update' | 'delete' | 'truncate' | 'drop'): Relation {
  const span = spanOf(node, scope)
  const name = node.relname ?? ''
  const relation = findRelation(found, scope.frame, node.schemaname, name)
  if (!relation) {
    const home = homeOf(scope.frame, node.schemaname)
    found.access(action, home, name, scope.frame, span, action === 'select')
    throw missing('42P01', `there is no table \`${home}.${name}\``, span)
  }
  const gone = found.classes.closed(relation)
  if (gone !== null) {
    found.access(action, relation.schema, relation.name, scope.frame, span, action === 'select')
    throw withheld('classification_stale', scope.frame.view ? `\`${scope.frame.via[0] ?? ''}\` reads a table that is closed until the connection's policy is mended` : `\`${relation.schema}.${relation.name}\` is closed: the connection classifies a column \`${gone}\` it does not have; it opens when \`classify\` names the columns that are there`, span)
  }
  return relation
}

export function relationItem(a: Analysis, node: RangeVar, scope: Scope): Item {
  const relation = lookup(a.found, node, scope, 'select')
  const mark = a.found.log.length
  const { cols, handle } = readRelation(a, relation, scope.frame, spanOf(node, scope), node.inh === true)
  const alias = node.alias?.aliasname
  return {
    alias: alias ?? relation.name, named: true, bare: true, oid: relation.oid, handle, relation: alias === undefined ? relation : null,
    cols: renamed(cols, strings(node.alias?.colnames), spanOf(node, scope)),
    system: relation.kind === 'v' ? [] : systemColumns(relation, handle), reached: a.found.log.slice(mark),
  }
}
export function readRelation(a: Analysis, relation: Relation, frame: Frame, span: Span | null, children: boolean): { cols: Col[]; handle: Handle } {
  const { found } = a
  const handles = [found.access('select', relation.schema, relation.name, frame, span, true)]
  found.reach(relation, false)
  found.log.push({ relation, frame })
  rowSecurity(a, relation, frame, span, 'r*')
  placed(found, relation, span)
  planning(a, relation, frame, span)
  if (children) handles.push(...descend(a, relation, frame, span, 'select'))
  const handle: Handle = { read: (column) => { for (const one of handles) one.read(column) } }
  return { cols: columnsOf(a, relation, handle, insideOf(a, relation, frame, span), frame), handle }
}
/**
 * Which partition a row lies in, and the order partitions are read in, tell of the columns that decide it: reading such a table, or a partition of
 * it by name, uses them.
 */
export function placed(found: Findings, relation: Relation, span: Span | null): void {
  found.use(relation.partitionedBy.flatMap((attnum) => relation.columns.filter((c) => attnum === 0 || c.attnum === attnum)).flatMap((c) => found.classes.of(relation, c).plain), `where it decides in which partition of ${relation.name} a row lies`, span)
  for (const oid of relation.parents) {
    const parent = found.catalog.relations.get(oid)
    if (parent) placed(found, parent, span)
  }
}
/** Partitions and inheritance children, however deep: read or written with the parent, each an access of its own through it. */
export function descend(a: Analysis, relation: Relation, frame: Frame, span: Span | null, action: 'select' | 'update' | 'delete' | 'insert' | 'truncate'): Handle[] {
  const { found } = a
  const through = { ...frame, via: [...frame.via, `${relation.schema}.${relation.name}`] }
  return relation.children.flatMap((oid) => {
    const child = found.catalog.relations.get(oid)
    if (!child || !'rpf'.includes(child.kind)) return []   // children of an index are indexes
    found.reach(child, action !== 'select')
    found.log.push({ relation: child, frame: through })
    if (action !== 'insert' && action !== 'truncate') planning(a, child, frame, span)
    return [found.access(action, child.schema, child.name, through, span, action === 'select', true), ...descend(a, child, through, span, action)]
  })
}

/** What a view computes each of its columns from. A materialized view is a table of its own: its query says what lies in it, and reads nothing now. */
function insideOf(a: Analysis, relation: Relation, frame: Frame, span: Span | null): readonly Col[] | null {
  if (isSystem(relation.schema) || (relation.kind !== 'v' && relation.kind !== 'm')) return null
  const name = `${relation.schema}.${relation.name}`
  const parsed = a.view(relation.oid)
  if (!parsed) throw unsupported('unknown_view', `the query of view \`${name}\` is not one the gate understands; read what it reads by itself, where your rules let you`, span)
  const inner: Frame = { via: [...frame.via, name], path: [], span: () => span, view: true, invoker: frame.invoker && relation.invoker, policy: frame.policy === true }
  const scratch = relation.kind === 'm' ? new Findings(a.found.catalog, a.found.classes) : null
  const analysis = scratch ? { ...a, found: scratch } : a
  const cols = a.subquery(analysis, parsed.node, { frame: inner, parent: null, items: [], ctes: new Map() })
  if (scratch) a.found.use(scratch.used, `in the query of \`${name}\``, span)
  for (const col of cols) if (col.fails && !scratch) a.found.computing.push(...col.derived)
  if (cols.length !== relation.columns.length) throw unsupported('unknown_view', `the query of view \`${name}\` is not one the gate understands; read what it reads by itself, where your rules let you`, span)
  return cols
}
