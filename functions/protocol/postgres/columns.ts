import type { Handle } from '../notes.ts'
import { sampled } from './builtins.ts'
import type { Relation } from './catalog.ts'
import { isSystem, type Frame } from './effects.ts'
import type { Analysis } from './expression.ts'
import { sizeOfColumn } from './heavy.ts'
import { scalar } from './names.ts'
import { distinct, type Col } from './scope.ts'

/** Columns with the classes `classify` says are in them, and those a view's query brings. */
export function columnsOf({ found }: Analysis, relation: Relation, handle: Handle, inside: readonly Col[] | null, frame: Frame): Col[] {
  const opaque = isSystem(relation.schema) && sampled.has(relation.name) ? found.classes.all.map((dataClass) => ({ dataClass, resource: `${relation.schema}.${relation.name}`, column: '*' })) : []
  return relation.columns.map((column, i): Col => {
    const classes = found.classes.of(relation, column)
    const tags = distinct([...classes.plain, ...inside?.[i]?.tags ?? []])
    const derived = classes.none ? [] : distinct([...classes.derived, ...inside?.[i]?.derived ?? [], ...opaque])
    const read = () => { found.shownRead ||= tags.length > 0; found.classifiedRead ||= frame.invoker && tags.length + derived.length > 0; handle.read(column.name); found.looked(relation, column, frame) }
    return { name: column.name, type: column.type, origin: { relation: relation.oid, column: column.attnum }, touch: read, tags, derived, ...(inside?.[i]?.fails ? { fails: true } : {}), ...(inside?.[i] && relation.kind === 'v' ? { size: sizeOfColumn(found, inside[i]) } : {}) }
  })
}
/** Where a row lies, and in which table: nothing of its data. The other system columns tell of transactions. */
export function systemColumns(relation: Relation, handle: Handle): Col[] {
  return ([['ctid', -1], ['tableoid', -6]] as const).map(([name, column]) => ({ name, tags: [], derived: [], type: scalar, origin: { relation: relation.oid, column }, touch: () => handle.read(name) }))
}
