import type { ConnectionDocument } from '../../../schema/policy.ts'
import type { Permit } from '../../permit.ts'
import type { createDetect } from '../detect.ts'
import type { Masked, Plan, Raw } from '../protocol.ts'
import { maskedResult, type Shape, type Show } from '../result.ts'
import type { Catalog } from './catalog.ts'
import type { Understood } from './execute.ts'
import { maskerOf } from './masks.ts'
import { clearOf } from './outcome.ts'
import type { Output } from './plan.ts'
import { renderer, typeOf, type Kind, type ValueType } from './render.ts'

export interface MaskOptions { readonly isPermit: (value: unknown) => boolean; readonly understood: (plan: Plan) => Understood }

/** Rows in clear → rows as the caller may see them (result.ts). What the server calls each column was confirmed against the analysis before anything left. */
export function createMask({ isPermit, understood }: MaskOptions) {
  return function mask(permit: Permit, plan: Plan, rows: Raw): Masked {
    if (!isPermit(permit)) throw new Error('invariant: masking without a permit')
    if (permit.effects !== plan.effects) throw new Error('invariant: a permit for another plan')
    const { results, rowMode, maskKey } = clearOf(rows)
    const known = understood(plan)
    return {
      results: results.map((result, index) => {
        const outputs = known.plan.statements[index]?.outputs
        const shapes = result.fields.map(({ dataTypeID }, place) => shapeOf(known, outputs?.[place], typeOf(dataTypeID, (oid) => named(known.plan.catalog, oid)), maskKey))
        return maskedResult(permit, { ...result, names: result.fields.map(({ name }) => name), rowCount: result.rowCount ?? result.rows.length }, shapes, rowMode)
      }),
    } as unknown as Masked
  }
}
function shapeOf(known: Understood, output: Output | undefined, type: ValueType, key: string | null): Shape {
  const clear = renderer(type)
  return {
    type: type.name, shown: output?.shown ?? null, clear, masked: (mask, dataClass) => maskerOf(mask, type, dataClass, key),
    detecting: inspected(type.kind) && !(output && declaredEmpty(known, output)) ? (detect) => detecting(type, clear, detect) : null,
  }
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
function detecting(type: ValueType, render: Show, detect: ReturnType<typeof createDetect>): Show {
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
