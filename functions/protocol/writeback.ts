import type { MaskName } from '../../schema/policy.ts'
import type { Used } from '../../schema/effects.ts'
import type { Span } from '../../schema/refusal.ts'
import { judgeMark, type Setting } from './marks.ts'

/** Constants that read like some mask, by their text, and parameters, by their number, with the place of each. They flow through VALUES, subqueries and CTEs as classes do. */
export type Texts = ReadonlyMap<string | number, Span | null>
/** A parameter that is set into a column, to be judged when its value is known. */
export interface Written extends Setting { readonly parameter: number }

/** What of an engine's Findings is asked here. */
interface Found<R, C> {
  readonly classes: { of(relation: R, column: C): { readonly plain: readonly { readonly dataClass: string }[] }; mask(dataClass: string): MaskName }
  readonly written: Written[]
  back(use: Used): void
}
/** Judges what is set into one column: a constant once with its statement, a parameter with each call, by `judgeParameters`. */
export function noteWritten<R extends { readonly schema: string; readonly name: string }, C extends { readonly name: string }>(found: Found<R, C>, relation: R, column: C, texts: Texts, span: Span | null): void {
  const classes = found.classes.of(relation, column).plain.map(({ dataClass }) => ({ dataClass, mask: found.classes.mask(dataClass) }))
  for (const [text, place] of texts) {
    const written = { span: place ?? span, resource: `${relation.schema}.${relation.name}`, column: column.name, classes }
    if (typeof text === 'number') found.written.push({ ...written, parameter: text })
    else for (const use of judgeMark(written, text)) found.back(use)
  }
}

/** One call's parameters → what of them is a mask set where it must not be. `textsOf`: what a parameter, by its number, may put into a row. */
export const judgeParameters = (written: readonly Written[], textsOf: (parameter: number) => readonly string[]): readonly Used[] =>
  written.flatMap((one) => [...new Map(textsOf(one.parameter).flatMap((text) => judgeMark(one, text)).map((used) => [used.dataClass, used])).values()])
