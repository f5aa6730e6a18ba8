import type { Permit } from '../../permit.ts'
import { createDetect, type Counts } from '../detect.ts'
import { heldMask } from '../held.ts'
import type { Json } from '../json.ts'
import type { Masked, MaskedResult, Plan, Raw } from '../protocol.ts'
import { uniqueNames } from '../unique.ts'
import type { Understood } from './execute.ts'
import { maskerOf, type Masker } from './masks.ts'
import { clearOf, type Clear } from './outcome.ts'
import type { Output, PlannedStatement } from './plan.ts'
import { renderer, typeOf, type Kind, type ValueType } from './render.ts'

export interface MaskOptions { readonly isPermit: (value: unknown) => boolean; readonly understood: (plan: Plan) => Understood }
interface Column { readonly show: Masker; readonly description: MaskedResult['columns'][number] }

/**
 * Rows in clear → rows as the caller may see them. Proves nothing anew: which column carries what was settled before anything ran. Total: a value that cannot be shown as its mask demands is null, and a column
 * that nobody accounted for is withheld.
 */
export function createMask({ isPermit, understood }: MaskOptions) {
  return function mask(permit: Permit, plan: Plan, rows: Raw): Masked {
    if (!isPermit(permit)) throw new Error('invariant: masking without a permit')
    if (permit.effects !== plan.effects) throw new Error('invariant: a permit for another plan')
    const clear = clearOf(rows)
    const { plan: { statements } } = understood(plan)
    return { results: clear.results.map((result, index) => maskOne(permit, statements[index], result, clear)) } as unknown as Masked
  }
}

function maskOne(permit: Permit, statement: PlannedStatement | undefined, result: Clear['results'][number], clear: Clear): MaskedResult {
  const counts: Counts = {}
  const given = result.fields.map(({ name }) => name)
  const names = clear.rowMode === 'array' ? given : uniqueNames(given)
  const columns = result.fields.map((field, index) => {
    const output = statement?.outputs?.[index]
    return columnOf(permit, output, names[index] ?? '', typeOf(field, output?.json), clear.maskKey, counts)
  })
  const shown = columns.map(({ show }) => show)
  const cells = (row: readonly (string | null)[]): Json[] => shown.map((show, index) => { const cell = row[index] ?? null; return cell === null ? null : show(cell) })
  const rows = clear.rowMode === 'array' ? result.rows.map(cells) : result.rows.map((row) => objectOf(names, cells(row)))
  return {
    columns: columns.map(({ description }) => description), rows, rowCount: result.rowCount, truncated: result.truncated,
    ...(Object.keys(counts).length > 0 ? { detected: counts } : {}),
  }
}

/** An object without a prototype where a name could reach one; else a plain one, which is several times cheaper. */
function objectOf(names: readonly string[], cells: readonly Json[]): Record<string, Json> {
  const row: Record<string, Json> = names.includes('__proto__') ? Object.create(null) as Record<string, Json> : {}
  for (let index = 0; index < names.length; index++) row[names[index] as string] = cells[index] as Json
  return row
}

function columnOf(permit: Permit, output: Output | undefined, name: string, type: ValueType, key: string | null, counts: Counts): Column {
  const description = { name, type: type.name }
  if (output === undefined) return { show: () => null, description: { ...description, masked: 'null' } }
  const { masks, detect } = permit.obligations
  const classes = output.shown.map((index) => permit.effects.shown[index]?.dataClass ?? 'unknown')
  const held = heldMask(output.shown, masks, permit.effects.shown)
  const withClass = classes.length > 0 ? { ...description, class: [...new Set(classes)].sort().join(' ') } : description
  if (held !== null) return { show: maskerOf(held.mask, type, held.dataClass, key), description: { ...withClass, masked: held.mask } }
  const render = renderer(type)
  // What has a class and may be revealed was decided by a person; detectors are for what nobody looked at.
  if (classes.length > 0 || detect.length === 0 || !inspected(type.kind) || output.unclassified) return { show: render, description: withClass }
  return { show: detecting(type, render, createDetect(detect, counts)), description }
}

/** Kinds whose text somebody may have written. Numbers and dates have forms of their own in which none of it fits, or everything would. */
function inspected(kind: Kind): boolean {
  switch (kind) {
    case 'text': case 'json': case 'other': case 'bytes': return true
    case 'integer': case 'float': case 'exact': case 'bits': case 'date': case 'time': case 'datetime': case 'timestamp': case 'year': return false
  }
}
/** Text and documents are shown with the hits replaced; in a type with rules of its own a hit withholds the value, or the type would lie. */
function detecting({ kind }: ValueType, render: Masker, detect: ReturnType<typeof createDetect>): Masker {
  if (kind === 'text') return detect.text
  if (kind === 'json') return (text) => detect.json(render(text))
  if (kind === 'bytes') return (text) => { const plain = Buffer.from(text, 'latin1').toString('utf8'); return detect.text(plain) === plain ? render(text) : null }
  return (text) => (detect.text(text) === text ? render(text) : null)
}
