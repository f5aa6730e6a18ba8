import type { Used } from '../../../schema/effects.ts'
import type { Span } from '../../../schema/refusal.ts'
import type { Param } from '../../../schema/request.ts'
import { judgeMark, type Setting } from '../marks.ts'
import { bindText } from './bind.ts'
import type { Column, Relation } from './catalog.ts'
import type { Findings } from './effects.ts'

/** Which constants and parameters can flow into which column: through VALUES, subqueries and CTEs, as classes do; a constant is judged once with the statement, a parameter with each call (marks.ts). */

/** Constants that read like some mask, by their text, and parameters, by their number, with the place of each. */
export type Texts = ReadonlyMap<string | number, Span | null>
/** A parameter that is set into a column, to be judged when its value is known. */
export interface Written extends Setting { readonly parameter: number }

/** Judges what is set into one column: constants now, parameters by `judgeParameters`. */
export function noteWritten(found: Findings, relation: Relation, column: Column, texts: Texts, span: Span | null): void {
  const classes = found.classes.of(relation, column).plain.map(({ dataClass }) => ({ dataClass, mask: found.classes.mask(dataClass) }))
  for (const [text, place] of texts) {
    const written = { span: place ?? span, resource: `${relation.schema}.${relation.name}`, column: column.name, classes }
    if (typeof text === 'number') found.written.push({ ...written, parameter: text })
    else for (const use of judgeMark(written, text)) found.back(use)
  }
}

/** One call's parameters → what of them is a mask set where it must not be. `params` in the order of `$1`… */
export const judgeParameters = (written: readonly Written[], params: readonly Param[]): readonly Used[] =>
  written.flatMap((one) => {
    const value = params[one.parameter - 1] ?? null
    const texts = Array.isArray(value) && value.every((item) => typeof item === 'string') ? value : [bindText(value) ?? '']   // an element may be the whole value of a row
    return [...new Map(texts.flatMap((text) => judgeMark(one, text)).map((used) => [used.dataClass, used])).values()]
  })
