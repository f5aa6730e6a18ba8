import type { Refusal, Span } from '../../schema/refusal.ts'
import type { Param } from '../../schema/request.ts'
import { unsupported } from './refused.ts'
import { bytesWith, storedBytes, type Size } from './size.ts'

/**
 * What no limit of time stops: a few functions and operators compare every part of one value with every part of another in one go, and look neither at a clock nor for a cancel in between. An engine that finds one asks here
 * how much work its operands may become. Which these are was measured on each server; how much is too much is the same for all.
 */

/** A parameter of one call, from 0, may be so long. `any`: each of them. */
export interface Weight { readonly parameter: number | 'any'; readonly most: number; readonly what: string; readonly span: Span | null }

/** Whatever stands on the other side. */
const smallBytes = 128
/** Bytes of one side times bytes of the other: what two columns give with something joined to each; about a minute of a core where somebody wrote such values. */
const budget = 4 * storedBytes * storedBytes
/** How long a parameter may be where that is not too much, or else beside what grows without a bound. */
const parameterBytes = [65_536, 64] as const
/** So many calls over values that may be larger than that, each of them cheap, still take minutes for one row, and between two of them no server looks at its clock. */
const maxLong = 100
const longBytes = 1024 * 1024

/** What one statement was weighed to. */
export class Scales {
  /** By parameter, the least that it may be, wherever it stands: a statement that says the same two thousand times keeps it once. */
  readonly #weights = new Map<Weight['parameter'], Weight>()
  #long = 0

  /** `what` compares the two part by part. Refuses what may run past every limit, and notes what depends on the parameters of the call. */
  pair([one, other]: readonly [Size, Size], what: string, span: Span | null): void {
    const most = parameterBytes.find((each) => { const [a, b] = [bytesWith(one, each), bytesWith(other, each)]; return a <= smallBytes || b <= smallBytes || a * b <= budget })
    if (most === undefined) throw tooHeavy(`${what} between values that may both be long`, span)
    for (const { parameters } of [one, other]) {
      for (const parameter of parameters === 'any' ? ['any' as const] : parameters) if (most < (this.#weights.get(parameter)?.most ?? Infinity)) this.#weights.set(parameter, { parameter, most, what, span })
    }
  }
  /** One function, operator or cast, that goes through each of its operands. */
  over(operands: readonly Size[], span: Span | null): void {
    const long = operands.filter((size) => bytesWith(size, parameterBytes[0]) > longBytes).length
    if (long > 0) this.#long += Math.max(1, long - 1)              // a comparison has two; a list that one value is looked for in as many as it is long
    if (this.#long > maxLong) throw unsupported('too_heavy', `more than ${maxLong} functions and operators over values that may be long may run for minutes a row, and the server stops them at no time limit`, span)
  }
  get heavy(): Weight[] { return [...this.#weights.values()] }
}
export const tooHeavy = (what: string, span: Span | null) => unsupported('too_heavy', `${what} may run for hours, and the server stops it at no time limit; one side has to be a column or a constant, or both short`, span)

/** One call's parameters, each by the text that the engine makes of it; null: none is too long where it stands. */
export function heavyParameter(heavy: readonly Weight[], params: readonly Param[], textOf: (param: Param) => string): Refusal | null {
  for (const { parameter, most, what, span } of heavy) {
    const long = params.findIndex((param, index) => (parameter === 'any' || parameter === index) && Buffer.byteLength(textOf(param)) > most)
    if (long >= 0) return { slug: 'statement-unsupported', reason: 'too_heavy', detail: `parameter ${long + 1} is longer than ${most} bytes, and ${what} of long values may run for hours: the server stops it at no time limit`, next: 'fix', ...(span === null ? {} : { span }) }
  }
  return null
}
