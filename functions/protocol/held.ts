import type { Effects, Obligations } from '../../schema/effects.ts'
import type { MaskName } from '../../schema/policy.ts'

/** The mask of an output in which the data of `indexes` comes; null when all of it may be seen. A class with no decision about it is not shown. */
export function heldMask(indexes: readonly number[], masks: Obligations['masks'], shown: Effects['shown']): { readonly mask: MaskName; readonly dataClass: string } | null {
  return strictest(indexes.flatMap((index) => {
    const mask = masks[index]
    return mask === null ? [] : [{ mask: mask ?? 'redact' as const, dataClass: shown[index]?.dataClass ?? 'unknown' }]
  }))
}

const strictness: Readonly<Record<MaskName, number>> = { null: 5, redact: 4, none: 4, hash: 3, year: 2, last4: 2, email: 2 }
/** Of several masks on one output the one that shows least; two that show different things of it show nothing. `none` of them: null. */
export function strictest(masks: readonly { readonly mask: MaskName; readonly dataClass: string }[]): { readonly mask: MaskName; readonly dataClass: string } | null {
  const [first, ...others] = masks
  if (first === undefined) return null
  return others.reduce((held, next) => {
    if (held.mask === next.mask && (held.mask !== 'hash' || held.dataClass === next.dataClass)) return held
    const [most, least] = strictness[held.mask] >= strictness[next.mask] ? [held, next] : [next, held]
    return strictness[most.mask] >= 4 ? most : { mask: 'redact', dataClass: least.dataClass }
  }, first)
}
