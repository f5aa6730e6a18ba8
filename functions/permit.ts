import type { Demand, Effects, Obligations } from '../schema/effects.ts'
import type { Refusal } from '../schema/refusal.ts'

declare const permitted: unique symbol
/**
 * No Permit, no execution. Only functions/decide makes one, from an unexported WeakSet that `isPermit` (decide/permit.ts) asks at run time;
 * an object of the same shape made elsewhere is refused by `execute`.
 */
export interface Permit { readonly [permitted]: true; readonly obligations: Obligations; readonly effects: Effects }

/** `rules`: names (`role.rules[n]`) of every rule that took part, sorted. */
export type Decision =
  | { readonly kind: 'permit'; readonly permit: Permit; readonly rules: readonly string[] }
  | Ask
  | { readonly kind: 'deny'; readonly refusal: Refusal; readonly rules: readonly string[] }
/** Needs people first. `refusal` is what a gate without approvals answers. No Permit exists until it is decided again after approval. */
export interface Ask { readonly kind: 'ask'; readonly demands: readonly Demand[]; readonly obligations: Obligations; readonly rules: readonly string[]; readonly refusal: Refusal }
