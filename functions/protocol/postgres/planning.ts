import type { Node } from 'libpg-query'
import type { Span } from '../../../schema/refusal.ts'
import type { MaskName } from '../../../schema/policy.ts'
import { unsupported } from '../refused.ts'
import type { Relation } from './catalog.ts'
import type { Findings, Frame } from './effects.ts'
import type { Analysis } from './expression.ts'
import { callById, makeType, strings, support } from './names.ts'

/**
 * What planning a statement on a table may run of the table's own: what its indexes' and partition keys' operator classes compare and hash by, and
 * calls on constants alone in the expressions of its indexes, checks, statistics and partition key, which the planner computes ahead whatever the statement is.
 */
export function planning(a: Analysis, relation: Relation, frame: Frame, span: Span | null): void {
  a.found.heapOrder ||= tellsOrder(a.found, relation)
  a.found.sorted ||= sortsShown(a.found, relation)
  for (const fn of relation.supports) support(a.found, frame, fn, span)
  for (const parsed of a.planned(relation.oid)) {
    if (!parsed) throw unsupported('unknown_expression', `an index, check, statistic or partition key of \`${relation.schema}.${relation.name}\` is not one the gate understands`, span)
    for (const constant of constants(parsed.node)) compute(a.found, constant, frame, span)
  }
}

/**
 * An index over more than one column, or over some rows, may be how rows of a statement are found that does not mention the classified column in it, and
 * they come in its order: `select id from people` by an index on (ssn) include (id). Not where a key before it leaves one row of each kind.
 */
function tellsOrder({ classes }: Findings, relation: Relation): boolean {
  const classified = (attnum: number): boolean => relation.columns.some((column) => column.attnum === attnum && classes.of(relation, column).plain.length + classes.of(relation, column).derived.length > 0)
  return relation.ordering.some(({ keys, read, alone }) => {
    if (alone) return false
    const at = keys.findIndex((attnum) => (attnum === 0 ? read : [attnum]).some(classified))
    const before = keys.slice(0, at)
    return at >= 0 && !relation.constraints.some((key) => key.type === 'p' && key.columns.every((attnum) => before.includes(attnum)))
  })
}

/**
 * An index over one classified column alone is read in its order where nothing else of the row is wanted: `select card from payments`. Under a mask that
 * tells values apart that ranks them, and the same masked values stand beside keys in another answer.
 */
const sortsShown = ({ classes }: Findings, relation: Relation): boolean =>
  relation.ordering.some(({ keys, alone }) => alone && relation.columns.some((column) => column.attnum === keys[0] && classes.of(relation, column).plain.some((tag) => tellsApart(classes.mask(tag.dataClass)))))
const tellsApart = (mask: MaskName): boolean => mask !== 'redact' && mask !== 'null' && mask !== 'none'

type Struct = Readonly<Record<string, unknown>>
const inner = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : typeof value === 'object' && value !== null ? Object.values(value) : [])
const isNode = (value: unknown, kind: string): value is Struct => typeof value === 'object' && value !== null && kind in value
const readsRow = (value: unknown): boolean => isNode(value, 'ColumnRef') || inner(value).some(readsRow)
/** The outermost parts that mention no column. */
const constants = (value: unknown): readonly unknown[] => (readsRow(value) ? inner(value).flatMap(constants) : [value])

/** Every name in it that is not of pg_catalog has its schema. */
function compute(found: Findings, value: unknown, frame: Frame, span: Span | null): void {
  if (isNode(value, 'FuncCall')) for (const fn of placed(found, value['FuncCall'], 'funcname', (place, name) => place.functions.get(name))) callById(found, frame, fn.oid, span)
  if (isNode(value, 'A_Expr')) for (const operator of placed(found, value['A_Expr'], 'name', (place, name) => place.operators.get(name))) for (const fn of [operator.function, ...operator.twins]) callById(found, frame, fn, span)
  if (isNode(value, 'TypeCast')) for (const type of placed(found, (value['TypeCast'] as Struct)['typeName'], 'names', (place, name) => { const type = place.types.get(name); return type && [type] })) makeType(found, frame, type.oid, span)
  for (const part of inner(value)) compute(found, part, frame, span)
}
function placed<T>(found: Findings, node: unknown, field: string, look: (place: NonNullable<ReturnType<Findings['catalog']['schemas']['get']>>, name: string) => readonly T[] | undefined): readonly T[] {
  const [name = '', schema] = strings((node as Readonly<Record<string, Node[] | undefined>>)[field]).reverse()
  const place = schema === undefined ? undefined : found.catalog.schemas.get(schema)
  return (place && look(place, name)) ?? []
}
