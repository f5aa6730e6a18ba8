import type { Span } from '../../../schema/refusal.ts'
import { unsupported, withheld } from '../refused.ts'
import { tableKey, type Catalog, type Relation } from './catalog.ts'
import type { Findings, Frame } from './effects.ts'
import { heldIn } from './relation.ts'

export type Event = 'insert' | 'update' | 'delete'
/**
 * What a write sets off: the table's triggers, each a `call` of its own name, which vouches for its body; and what foreign keys look for and take along. Cascades fire no triggers. Defaults, identity and
 * indexes belong to the write itself.
 */
export function consequences(found: Findings, relation: Relation, event: Event, columns: readonly string[], frame: Frame, span: Span | null, seen = new Set<string>()): void {
  const name = `${relation.schema}.${relation.name}`
  const changed = event === 'update' ? changing(relation, [...columns, ...relation.columns.filter(({ moves }) => moves).map((column) => column.name)]) : columns
  const step = JSON.stringify([name, event, event === 'update' ? [...changed].sort() : []])       // a cascade may come again with other columns
  if (seen.has(step)) return
  if (seen.size === 0) triggers(found, relation, event, frame, span)
  seen.add(step)
  if (event === 'insert') return
  for (const key of relation.referencedBy) {
    if (event === 'update' && !changed.some((column) => key.referenced.includes(column))) continue
    const other = relationAt(found.catalog, key.schema, key.table)
    if (!other) throw withheld('unknown_reference', `a foreign key points at \`${name}\` from a table that the gate cannot see; what else is changed is not certain`, span)
    // Whether a row that refers here is in the way, or is taken along, tells what its column holds.
    found.useNow(heldIn(found, other, key.columns), 'in what a foreign key looks for', span)
    const action = event === 'delete' ? key.onDelete : key.onUpdate
    if (action !== 'CASCADE' && action !== 'SET NULL' && action !== 'SET DEFAULT') continue
    found.reach(other, { named: false, written: true })
    const gone = event === 'delete' && action === 'CASCADE'
    const taken = changing(other, key.columns)
    if (!gone) for (const group of other.answering) if (group.some((column) => taken.includes(column))) found.useNow(heldIn(found, other, group), 'where a constraint compares it with what a foreign key changes', span)
    consequences(found, other, gone ? 'delete' : 'update', key.columns, frame, span, seen)
  }
}
/** Columns that change, with all that is generated from them. */
export function changing(relation: Relation, names: readonly string[]): readonly string[] {
  const changed = new Set(names)
  for (let before = -1; before !== changed.size;) {
    before = changed.size
    for (const { name, generated, from } of relation.columns) if (generated && from.some((source) => changed.has(source))) changed.add(name)
  }
  return [...changed]
}
function triggers(found: Findings, relation: Relation, event: Event, frame: Frame, span: Span | null): void {
  if (relation.triggers === null) throw withheld('triggers_unknown', `the account that reads the catalog may not see the triggers of \`${relation.schema}.${relation.name}\`, so what a write sets off is not certain; it needs the TRIGGER privilege on it`, span)
  for (const trigger of relation.triggers) if (trigger.event === event) found.call(trigger.schema, trigger.name, frame, span)
}
export const relationAt = (catalog: Catalog, schema: string, name: string): Relation | null => catalog.schemas.get(tableKey(catalog, schema))?.relations.get(tableKey(catalog, name)) ?? null

/** What may be written: plain tables of an engine that takes it back when the rest fails. */
export function writable(found: Findings, relation: Relation, span: Span | null): void {
  if (relation.kind === 'view') throw unsupported('view_write', `\`${relation.name}\` is a view; write to the table it reads`, span)
  if (!relation.transactional) throw withheld('not_transactional', `\`${relation.schema}.${relation.name}\` is of an engine that cannot take a write back; only InnoDB tables can be written`, span)
  found.readOnly = false
}
