import type { Used } from '../../../schema/effects.ts'
import type { Span } from '../../../schema/refusal.ts'
import type { Param } from '../../../schema/request.ts'
import { judgeMark, type Setting } from '../marks.ts'
import type { Column, Relation } from './catalog.ts'
import type { Findings } from './effects.ts'

/** Constants that read like some mask, by their text, and parameters, by their index, with the place of each. They flow through VALUES, subqueries and CTEs as classes do. */
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

/** One call's parameters → what of them is a mask set where it must not be. `params` in the order of the `?`. */
export const judgeParameters = (written: readonly Written[], params: readonly Param[]): readonly Used[] => written.flatMap((one) => {
  const value = params[one.parameter] ?? null
  return judgeMark(one, typeof value === 'string' ? value : JSON.stringify(value))
})
