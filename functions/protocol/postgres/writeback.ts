import type { Used } from '../../../schema/effects.ts'
import type { MaskName } from '../../../schema/policy.ts'
import type { Span } from '../../../schema/refusal.ts'
import type { Param } from '../../../schema/request.ts'
import { bindText } from './bind.ts'
import type { Column, Relation } from './catalog.ts'
import type { Findings } from './effects.ts'

/**
 * A mask written back over the real value: what an agent read masked and sends again with the rest of the row. Which constants and parameters can
 * flow into which column is followed as classes are, through VALUES, subqueries and CTEs; a constant is judged once with the statement, a
 * parameter with each call. It stops an accident, not a vandal: who may write a column can also spoil it.
 */

/** Constants that read like some mask, by their text, and parameters, by their number, with the place of each. */
export type Texts = ReadonlyMap<string | number, Span | null>
/** A parameter that is set into a column, to be judged when its value is known. `classes`: how each class in the column is masked. */
export interface Written { readonly parameter: number; readonly span: Span | null; readonly resource: string; readonly column: string; readonly classes: readonly { readonly dataClass: string; readonly mask: MaskName }[] }

/** What detect.ts puts in the place of a hit, or of a value it did not look through. */
const detected = /\[redacted: ([a-z-]{1,32})\]|\[withheld: too large to inspect\]/
/** Three asterisks in a row, or the words of ours: no value that a class is given for has them. */
const starred = /\*\*\*|\[redacted\b|\[withheld\b/i
const newYear = /^\s*\d{4,}-01-01(?:[T ]00:00(?::00(?:\.0+)?)?\s*(?:Z|[+-]00(?::?00)?)?)?(?: BC)?\s*$/
/** Whether a constant is worth following at all: it reads like what some mask shows. */
export const isMasklike = (text: string): boolean => starred.test(text) || detected.test(text) || newYear.test(text)

const shownBy = (mask: MaskName, text: string): boolean => starred.test(text) || (mask === 'year' && newYear.test(text))

/** Judges what is set into one column: constants now, parameters by `judgeParameters`. */
export function noteWritten(found: Findings, relation: Relation, column: Column, texts: Texts, span: Span | null): void {
  const classes = found.classes.of(relation, column).plain.map(({ dataClass }) => ({ dataClass, mask: found.classes.mask(dataClass) }))
  for (const [text, place] of texts) {
    const written = { span: place ?? span, resource: `${relation.schema}.${relation.name}`, column: column.name, classes }
    if (typeof text === 'number') found.written.push({ ...written, parameter: text })
    else for (const use of judge(written, text)) found.back(use)
  }
}

/** One call's parameters → what of them is a mask set where it must not be. `params` in the order of `$1`… */
export const judgeParameters = (written: readonly Written[], params: readonly Param[]): readonly Used[] =>
  written.flatMap((one) => {
    const value = params[one.parameter - 1] ?? null
    const texts = Array.isArray(value) && value.every((item) => typeof item === 'string') ? value : [bindText(value) ?? '']   // an element may be the whole value of a row
    return [...new Map(texts.flatMap((text) => judge(one, text)).map((used) => [used.dataClass, used])).values()]
  })

function judge({ span, resource, column, classes }: Omit<Written, 'parameter'>, text: string): Used[] {
  const about = { resource, column, statement: 0, span, how: `as a new value of ${column}` }
  const mark = detected.exec(text)
  if (mark) return [{ ...about, dataClass: mark[1] ?? 'withheld', back: 'detector' }]
  return classes.filter(({ mask }) => shownBy(mask, text)).map(({ dataClass }) => ({ ...about, dataClass, back: 'mask' }))
}
