import type { Span } from '../../../schema/refusal.ts'
import type { Handle } from '../notes.ts'
import { Refused, unsupported } from '../refused.ts'
import type { Expression, Table } from './ast.ts'
import { totalNames } from './builtins.ts'
import type { Relation } from './catalog.ts'
import type { Tag } from './classes.ts'
import { spanIn, type Findings, type Frame } from './effects.ts'
import type { Analysis } from './expression.ts'
import { declared } from './heavy.ts'
import { findRelation } from './names.ts'
import { distinct, type Col, type Item, type Scope } from './scope.ts'
import { formOf } from './withhold.ts'

/** `alias`: the grammar takes one there. `chosen`: which rows, or in what order, is for the server to choose. */
interface Reading { readonly alias?: boolean; readonly access?: 'select' | 'insert' | 'update' | 'delete'; readonly chosen?: boolean }
/** A relation in FROM: the access, its columns with the classes that are in them, and what it brings along: a view's own reads, partitions, the order its indexes give. */
export function relationItem(a: Analysis, node: Table, scope: Scope, { alias = true, access = 'select', chosen = true }: Reading = {}): Item & { readonly relation: Relation } {
  const { found } = a
  const { frame } = scope
  const span = spanIn(frame, node.span)
  const relation = findRelation(found, frame, node, access)
  const mark = found.log.length
  const called = node.alias?.text ?? relation.name
  const text = alias || node.alias ? found.alias(node, called) : relation.name      // what a grammar gives no alias, no alias of ours is called
  const name = { text, span: node.alias?.span ?? node.span }
  const printed = { ...node, schema: { text: relation.schema, span: node.span }, name: { text: relation.name, span: node.span }, alias: alias || node.alias ? name : null }
  found.replace(frame, node, printed)
  const ignore = frame.view || !alias ? null : (names: readonly string[]) => found.replace(frame, node, { ...printed, ignored: names })
  let asked: Handle | null = null
  const handle: Handle = { read: (column) => { (asked ??= found.access('select', relation.schema, relation.name, frame, span, true)).read(column) } }
  if (access === 'select') asked = found.access('select', relation.schema, relation.name, frame, span, true)
  found.reach(relation, { named: !frame.view, written: access !== 'select' })
  found.log.push({ relation, frame })
  if (access !== 'insert') placed(a, relation, span)
  if (access !== 'insert' && chosen) ordering(a, relation, ignore, span)
  const inside = relation.kind === 'view' ? insideOf(a, relation, frame, span) : null
  return { name: called, alias: text, relation, handle, cols: columnsOf(a, relation, handle, inside, frame, text), reached: found.log.slice(mark) }
}

/** Columns with the classes `classify` says are in them, and those a view's query brings. */
function columnsOf({ found }: Analysis, relation: Relation, handle: Handle, inside: readonly Col[] | null, frame: Frame, alias: string): Col[] {
  return relation.columns.map((column, i): Col => {
    const classes = found.classes.of(relation, column)
    const tags = distinct([...classes.plain, ...inside?.[i]?.tags ?? []])
    const derived = classes.none ? [] : distinct([...classes.derived, ...inside?.[i]?.derived ?? []])
    return {
      name: column.name, tags, derived, json: column.json || inside?.[i]?.json === true, unclassified: classes.none, at: alias, form: formOf(column.type, column.json || inside?.[i]?.json === true), ...(relation.kind === 'table' ? { size: declared(column.type, column.columnType) } : inside?.[i]?.size ? { size: inside[i].size } : {}),
      origin: relation.kind === 'table' ? { schema: relation.schema, table: relation.name, column: column.name } : null,
      touch: () => { found.classifiedRead ||= frame.invoker && tags.length + derived.length > 0; handle.read(column.name); found.looked(relation, column, frame) },
    }
  })
}
/**
 * Rows come in the order of whatever index the server takes, and of a primary key always: `select id from customers` in the order of their salaries tells the salaries' order. What can show is sorted (total.ts); an index over a
 * classified column is taken out of the choice as well where the statement names the table itself, and the order of a key is a use.
 */
function ordering({ found }: Analysis, relation: Relation, ignore: ((names: readonly string[]) => void) | null, span: Span | null): void {
  const classified = (names: readonly string[]) => heldIn(found, relation, names)
  const primary = relation.indexes.find(({ name }) => name === 'PRIMARY')
  // Without a primary key, rows lie in the order of the first unique index over columns that are never null.
  const clustering = primary ? [primary] : relation.indexes.filter(({ unique, columns }) => unique && relation.columns.every((c) => !columns.includes(c.name) || !c.nullable))
  found.useNow(classified(clustering.flatMap(({ columns }) => columns)), `where the key of ${relation.name} gives rows in its order`, span)
  if (ignore !== null && relation.indexes.some((index) => index !== primary && index.ordered && classified(index.columns).length > 0)) found.ordered.push({ relation, ignore })
}

/** Which partition a row lies in, and the order partitions are read in, tell of the columns that decide it. */
function placed({ found }: Analysis, relation: Relation, span: Span | null): void {
  found.useNow(heldIn(found, relation, relation.partitionedBy), `where it decides in which partition of ${relation.name} a row lies`, span)
}
/** The classified data in columns of a table, as itself or computed. */
export const heldIn = (found: Findings, relation: Relation, names: readonly string[]): readonly Tag[] =>
  relation.columns.filter((c) => names.includes(c.name)).flatMap((c) => { const { plain, derived } = found.classes.of(relation, c); return [...plain, ...derived] })

/** What a view computes each of its columns from. */
function insideOf(a: Analysis, relation: Relation, frame: Frame, span: Span | null): readonly Col[] {
  const name = `${relation.schema}.${relation.name}`
  const refused = unsupported('unknown_view', `the query of view \`${name}\` is not one the gate understands; read what it reads by itself, where your rules let you`, span)
  const parsed = a.view(relation)
  if (!parsed || parsed.kind !== 'query') throw refused
  if (frame.via.length > 20) throw refused
  const place: Frame = { via: [...frame.via, name], schema: relation.schema, place: span, view: true, invoker: frame.invoker && relation.invoker }
  const cols = inView(() => a.query(a, parsed, { frame: place, parent: null, items: [], cols: [], ctes: new Map(), coming: new Set(), outputs: null }), refused)
  for (const col of cols) a.found.computing.push(...col.derived)
  if (cols.length !== relation.columns.length) throw refused
  return cols
}

/** What is missing behind a view has a name that only its owner may know. */
function inView<T>(read: () => T, refused: Refused): T {
  try {
    return read()
  } catch (error) {
    throw error instanceof Refused && error.refusal.reason === 'undefined_name' ? refused : error
  }
}

/**
 * Whether computing an expression of a view can fail on some values: what a view computes may be computed whether or not it is asked for, and that it failed tells of the values. Only what is known never to
 * fail in a SELECT counts as safe; a comparison of unlike types fails in a strict write, where all that a view computes is a use.
 */
export function mayFail(node: Expression): boolean {
  switch (node.kind) {
    case 'null': case 'boolean': case 'number': case 'string': case 'bytes': case 'temporal': case 'column': return false
    case 'binary': return ['+', '-', '*', '/', 'div', '%', '<<', '>>', '&', '|', '^'].includes(node.operator) || mayFail(node.left) || mayFail(node.right)
    case 'logical': return node.operands.some(mayFail)
    case 'unary': return node.operator !== 'not' || mayFail(node.operand)
    case 'is': case 'trim': case 'transcode': return mayFail(node.operand)
    case 'between': return [node.operand, node.low, node.high].some(mayFail)
    case 'in': return [node.operand, ...node.list].some(mayFail)
    case 'like': return mayFail(node.operand) || mayFail(node.pattern)
    case 'cast': return node.type.name !== 'char' || mayFail(node.operand)
    case 'case': return [node.operand, node.otherwise, ...node.branches.flatMap((branch) => [branch.when, branch.result])].some((one) => one !== null && mayFail(one))
    case 'call': return node.schema !== null || node.over !== null || !totalNames.has(node.name.text.toLowerCase()) || node.arguments.some(mayFail)
    case 'parameter': case 'default': case 'inserted': case 'regexp': case 'inQuery': case 'exists': case 'quantified': case 'subquery': case 'row': case 'collate': case 'shift': case 'extract': case 'timestampdiff': case 'groupConcat': case 'match': return true
  }
}
