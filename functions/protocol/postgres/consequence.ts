import type { Span } from '../../../schema/refusal.ts'
import { cascaded } from './beside.ts'
import type { Column, Relation } from './catalog.ts'
import type { Findings, Frame } from './effects.ts'
import { callById } from './names.ts'

/** pg_trigger.tgtype. */
const bits = { insert: 4, delete: 8, update: 16, truncate: 32 } as const
type Event = keyof typeof bits

/**
 * What a write sets off: the triggers of the table, of its partitions and children, and of tables a foreign key's action reaches. A trigger's function wants
 * a `call` rule, which vouches for its body. Foreign keys, defaults and indexes belong to the write itself.
 */
export function consequences(found: Findings, relation: Relation, event: Event, columns: readonly Column[], frame: Frame, span: Span | null, seen = new Set<string>()): void {
  const key = `${relation.oid} ${event}`
  if (seen.has(key)) return
  seen.add(key)
  for (const trigger of relation.triggers) if ((trigger.type & bits[event]) !== 0) callById(found, frame, trigger.function, span)
  for (const oid of relation.children) {
    const child = found.catalog.relations.get(oid)
    if (child) consequences(found, child, event, columns, frame, span, seen)
    // a row whose partition key changes moves: a delete here and an insert there
    if (child && event === 'update' && relation.kind === 'p') for (const moved of ['delete', 'insert'] as const) consequences(found, child, moved, columns, frame, span, seen)
  }
  if (event !== 'update' && event !== 'delete') return
  for (const foreign of relation.referencedBy) {
    const action = event === 'delete' ? foreign.onDelete : foreign.onUpdate
    const touched = event === 'delete' || columns.some((column) => foreign.referenced.includes(column.attnum))
    const other = found.catalog.relations.get(foreign.relation)
    // Whether a row that refers here is in the way, or is taken along, tells what its column holds.
    if (other && touched) found.use(other.columns.filter((c) => foreign.columns.includes(c.attnum)).flatMap((c) => found.classes.of(other, c).plain), 'in what a foreign key looks for', span)
    if (!other || !touched || (action !== 'c' && action !== 'n' && action !== 'd')) continue
    found.reach(other, true)
    const keys = other.columns.filter((c) => foreign.columns.includes(c.attnum))
    if (event === 'update' || action !== 'c') cascaded(found, other, keys, event === 'update' && action === 'c', span)
    consequences(found, other, event === 'delete' && action === 'c' ? 'delete' : 'update', keys, frame, span, seen)
  }
}
