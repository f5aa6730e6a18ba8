import type { Permit } from '../../permit.ts'
import type { createDetect } from '../detect.ts'
import type { Masked, Plan, Raw } from '../protocol.ts'
import { maskedResult, type Shape, type Show } from '../result.ts'
import type { Understood } from './execute.ts'
import { maskerOf } from './masks.ts'
import { clearOf } from './outcome.ts'
import type { Output } from './plan.ts'
import { renderer, typeOf, type Kind, type ValueType } from './render.ts'

export interface MaskOptions { readonly isPermit: (value: unknown) => boolean; readonly understood: (plan: Plan) => Understood }

/** Rows in clear → rows as the caller may see them (result.ts). */
export function createMask({ isPermit, understood }: MaskOptions) {
  return function mask(permit: Permit, plan: Plan, rows: Raw): Masked {
    if (!isPermit(permit)) throw new Error('invariant: masking without a permit')
    if (permit.effects !== plan.effects) throw new Error('invariant: a permit for another plan')
    const { results, rowMode, maskKey } = clearOf(rows)
    const { plan: { statements } } = understood(plan)
    return {
      results: results.map((result, index) => {
        const outputs = statements[index]?.outputs
        const shapes = result.fields.map((field, place) => shapeOf(outputs?.[place], typeOf(field, outputs?.[place]?.json), maskKey))
        return maskedResult(permit, { ...result, names: result.fields.map(({ name }) => name) }, shapes, rowMode)
      }),
    } as unknown as Masked
  }
}
function shapeOf(output: Output | undefined, type: ValueType, key: string | null): Shape {
  const clear = renderer(type)
  return {
    type: type.name, shown: output?.shown ?? null, clear, masked: (mask, dataClass) => maskerOf(mask, type, dataClass, key),
    detecting: inspected(type.kind) && output?.unclassified !== true ? (detect) => detecting(type, clear, detect) : null,
  }
}

/** Kinds whose text somebody may have written. Numbers and dates have forms of their own in which none of it fits, or everything would. */
function inspected(kind: Kind): boolean {
  switch (kind) {
    case 'text': case 'json': case 'other': case 'bytes': return true
    case 'integer': case 'float': case 'exact': case 'bits': case 'date': case 'time': case 'datetime': case 'timestamp': case 'year': return false
  }
}
/** Text and documents are shown with the hits replaced; in a type with rules of its own a hit withholds the value, or the type would lie. */
function detecting({ kind }: ValueType, render: Show, detect: ReturnType<typeof createDetect>): Show {
  if (kind === 'text') return detect.text
  if (kind === 'json') return (text) => detect.json(render(text))
  if (kind === 'bytes') return (text) => { const plain = Buffer.from(text, 'latin1').toString('utf8'); return detect.text(plain) === plain ? render(text) : null }
  return (text) => (detect.text(text) === text ? render(text) : null)
}
