import type { ConnectionDocument } from '../../../schema/policy.ts'
import type { Permit } from '../../permit.ts'
import { createDetect, type Counts } from '../detect.ts'
import { heldMask } from '../held.ts'
import type { Json } from '../json.ts'
import type { Masked, MaskedResult, Plan, Raw } from '../protocol.ts'
import { uniqueNames } from '../unique.ts'
import type { Catalog } from './catalog.ts'
import type { Understood } from './execute.ts'
import { maskerOf, type Masker } from './masks.ts'
import { clearOf, type Clear } from './outcome.ts'
import type { Output, PlannedStatement } from './plan.ts'
import { renderer, typeOf, type Kind, type ValueType } from './render.ts'

export interface MaskOptions { readonly isPermit: (value: unknown) => boolean; readonly understood: (plan: Plan) => Understood }
interface Column { readonly show: Masker; readonly description: MaskedResult['columns'][number] }

/**
 * Rows in clear → rows as the caller may see them. Proves nothing anew: which column carries what was settled before anything ran and confirmed
 * by the server. Total: a value that cannot be shown as its mask demands is null, and a column that nobody accounted for is withheld.
 */
export function createMask({ isPermit, understood }: MaskOptions) {
  return function mask(permit: Permit, plan: Plan, rows: Raw): Masked {
    if (!isPermit(permit)) throw new Error('invariant: masking without a permit')
    if (permit.effects !== plan.effects) throw new Error('invariant: a permit for another plan')
    const clear = clearOf(rows)
    const known = understood(plan)
    const results = clear.results.map((result, index) => maskOne(permit, known, known.plan.statements[index] as PlannedStatement, result, clear))
    return { results } as unknown as Masked
  }
}

function maskOne(permit: Permit, known: Understood, statement: PlannedStatement, result: Clear['results'][number], clear: Clear): MaskedResult {
  const counts: Counts = {}
  const names = clear.rowMode === 'array' ? result.fields.map(({ name }) => name) : uniqueNames(result.fields.map(({ name }) => name))
  const columns = result.fields.map((field, index) => {
    const type = typeOf(field.dataTypeID, (oid) => named(known.plan.catalog, oid))
    return columnOf(permit, known, statement.outputs?.[index], names[index] ?? '', type, clear.maskKey, counts)
  })
  const shown = columns.map(({ show }) => show)
  const cells = (row: readonly (string | null)[]): Json[] => shown.map((show, index) => { const cell = row[index] ?? null; return cell === null ? null : show(cell) })
  const rows = clear.rowMode === 'array' ? result.rows.map(cells) : result.rows.map((row) => objectOf(names, cells(row)))
  return {
    columns: columns.map(({ description }) => description), rows, rowCount: result.rowCount ?? rows.length, truncated: result.truncated,
    ...(Object.keys(counts).length > 0 ? { detected: counts } : {}),
  }
}

/** An object without a prototype where a name could reach one; else a plain one, which is several times cheaper. */
function objectOf(names: readonly string[], cells: readonly Json[]): Record<string, Json> {
  const row: Record<string, Json> = names.includes('__proto__') ? Object.create(null) as Record<string, Json> : {}
  for (let index = 0; index < names.length; index++) row[names[index] as string] = cells[index] as Json
  return row
}

function columnOf(permit: Permit, known: Understood, output: Output | undefined, name: string, type: ValueType, key: string | null, counts: Counts): Column {
  const description = { name, type: type.name }
  if (output === undefined) return { show: () => null, description: { ...description, masked: 'null' } }
  const { masks, detect } = permit.obligations
  const classes = output.shown.map((index) => permit.effects.shown[index]?.dataClass ?? 'unknown')
  const mask = heldMask(output.shown, masks, permit.effects.shown)
  const withClass = classes.length > 0 ? { ...description, class: [...new Set(classes)].sort().join(' ') } : description
  if (mask !== null) return { show: maskerOf(mask.mask, type, mask.dataClass, key), description: { ...withClass, masked: mask.mask } }
  const render = renderer(type)
  // What has a class and may be revealed was decided by a person; detectors are for what nobody looked at.
  if (classes.length > 0 || detect.length === 0 || !inspected(type.kind) || declaredEmpty(known, output)) return { show: render, description: withClass }
  return { show: detecting(type, render, createDetect(detect, counts)), description }
}

/** Kinds whose text somebody may have written. Numbers, dates and uuids have forms of their own in which none of it fits, or everything would. */
function inspected(kind: Kind): boolean {
  switch (kind) {
    case 'text': case 'json': case 'other': case 'bytes': return true
    case 'boolean': case 'integer': case 'float': case 'exact': case 'date': case 'time': case 'timestamp': case 'timestamptz': case 'interval': case 'uuid': return false
  }
}

/** `classify: none` on the column itself says that it carries nothing. */
function declaredEmpty({ connection, plan }: { readonly connection: ConnectionDocument; readonly plan: Understood['plan'] }, { origin }: Output): boolean {
  const relation = origin && plan.catalog.relations.get(origin.relation)
  const column = relation?.columns.find(({ attnum }) => attnum === origin?.column)
  if (!relation || !column) return false
  const path = `${relation.schema}.${relation.name}.${column.name}`
  const entry = Object.hasOwn(connection.classify ?? {}, path) ? connection.classify?.[path] : undefined
  return (typeof entry === 'string' ? entry : entry?.class) === 'none'
}

/** Text and documents are shown with the hits replaced; in a type with rules of its own a hit withholds the value, or the type would lie. */
function detecting(type: ValueType, render: Masker, detect: ReturnType<typeof createDetect>): Masker {
  if (type.kind === 'text' && !type.array) return detect.text
  if (type.kind === 'text' || type.kind === 'json') return (text) => detect.json(render(text))
  if (type.kind === 'bytes') return (text) => { const plain = bytesAsText(text); return detect.text(plain) === plain ? render(text) : null }
  return (text) => (detect.text(text) === text ? render(text) : null)
}
const bytesAsText = (text: string) => text.replace(/\\\\?x([0-9a-f]*)/g, (_, hex: string) => Buffer.from(hex, 'hex').toString('utf8'))

/** Types that are not the server's own: a domain is never reported as such; `citext` is text; arrays of enums and the like are arrays. */
export function named({ types }: Catalog, oid: number): ValueType | null {
  const type = types.get(oid)
  if (type === undefined) return null
  const element = type.element === 0 ? undefined : types.get(type.element)
  const base = element ?? type
  const kind = base.name === 'citext' ? 'text' : 'other'
  return { name: element ? `${element.name}[]` : base.name, kind, array: element !== undefined, delimiter: ',' }
}
