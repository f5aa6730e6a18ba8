import type { MaskName } from '../../schema/policy.ts'
import type { Permit } from '../permit.ts'
import { createDetect, type Counts } from './detect.ts'
import { heldMask } from './held.ts'
import type { Json } from './json.ts'
import type { MaskedResult } from './protocol.ts'
import { uniqueNames } from './unique.ts'

/** A value's text, which is not NULL → what the caller sees of it. Total: what cannot be shown as it must be is null. */
export type Show = (text: string) => Json
/** One column of an answer, as its engine knows its type. */
export interface Shape {
  /** Of the type, as the target's own clients call it. */
  readonly type: string
  /** Indexes into `effects.shown`. null: the analysis knows no such column. */
  readonly shown: readonly number[] | null
  readonly clear: Show
  readonly masked: (mask: MaskName, dataClass: string) => Show
  /** null: nobody can have written anything into it, or the policy says that it carries nothing. */
  readonly detecting: ((detect: ReturnType<typeof createDetect>) => Show) | null
}
/** Rows in clear, as the target's text. */
export interface InClear { readonly names: readonly string[]; readonly rows: readonly (readonly (string | null)[])[]; readonly rowCount: number; readonly truncated: boolean }

/**
 * Rows in clear → rows as the caller may see them, by a Permit's obligations. Proves nothing anew: which column carries what was settled before anything ran. A column that nobody accounted for is withheld, also where no class is
 * known of it.
 */
export function maskedResult(permit: Permit, result: InClear, shapes: readonly Shape[], rowMode: 'object' | 'array'): MaskedResult {
  const counts: Counts = {}
  const names = rowMode === 'array' ? result.names : uniqueNames(result.names)
  const columns = names.map((name, index) => columnOf(permit, name, shapes[index] ?? unknown, counts))
  const shown = columns.map(({ show }) => show)
  const cells = (row: readonly (string | null)[]): Json[] => shown.map((show, index) => { const cell = row[index] ?? null; return cell === null ? null : show(cell) })
  const rows = rowMode === 'array' ? result.rows.map(cells) : result.rows.map((row) => objectOf(names, cells(row)))
  return {
    columns: columns.map(({ description }) => description), rows, rowCount: result.rowCount, truncated: result.truncated,
    ...(Object.keys(counts).length > 0 ? { detected: counts } : {}),
  }
}
const nothing: Show = () => null
const unknown: Shape = { type: 'unknown', shown: null, clear: nothing, masked: () => nothing, detecting: null }

/** An object without a prototype where a name could reach one; else a plain one, which is several times cheaper. */
function objectOf(names: readonly string[], cells: readonly Json[]): Record<string, Json> {
  const row: Record<string, Json> = names.includes('__proto__') ? Object.create(null) as Record<string, Json> : {}
  for (let index = 0; index < names.length; index++) row[names[index] as string] = cells[index] as Json
  return row
}

interface Column { readonly show: Show; readonly description: MaskedResult['columns'][number] }
function columnOf({ obligations: { masks, detect }, effects }: Permit, name: string, { type, shown, clear, masked, detecting }: Shape, counts: Counts): Column {
  const description = { name, type }
  if (shown === null) return { show: nothing, description: { ...description, masked: 'null' } }
  const classes = [...new Set(shown.map((index) => effects.shown[index]?.dataClass ?? 'unknown'))].sort()
  const withClass = classes.length > 0 ? { ...description, class: classes.join(' ') } : description
  const held = heldMask(shown, masks, effects.shown)
  if (held !== null) return { show: masked(held.mask, held.dataClass), description: { ...withClass, masked: held.mask } }
  // What has a class and may be revealed was decided by a person; detectors are for what nobody looked at.
  if (classes.length > 0 || detect.length === 0 || detecting === null) return { show: clear, description: withClass }
  return { show: detecting(createDetect(detect, counts)), description }
}
