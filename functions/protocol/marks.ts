import type { Used } from '../../schema/effects.ts'
import type { MaskName } from '../../schema/policy.ts'
import type { Span } from '../../schema/refusal.ts'

/**
 * A mask written back over the real value: what an agent read masked and sends again with the rest of the row. Which constants and parameters can flow into which column is each engine's to follow; what
 * reads like a mask is the same for all. It stops an accident, not a vandal: who may write a column can also spoil it.
 */

/** Where a value is set. `classes`: how each class in the column is masked. */
export interface Setting { readonly span: Span | null; readonly resource: string; readonly column: string; readonly classes: readonly { readonly dataClass: string; readonly mask: MaskName }[] }

/** What detect.ts puts in the place of a hit, or of a value it did not look through. */
const detected = /\[redacted: ([a-z-]{1,32})\]|\[withheld: too large to inspect\]/
/** Three asterisks in a row, or the words of ours: no value that a class is given for has them. */
const starred = /\*\*\*|\[redacted\b|\[withheld\b/i
const newYear = /^\s*\d{4,}-01-01(?:[T ]00:00(?::00(?:\.0+)?)?\s*(?:Z|[+-]00(?::?00)?)?)?(?: BC)?\s*$/
/** Whether a constant is worth following at all: it reads like what some mask shows. */
export const isMasklike = (text: string): boolean => starred.test(text) || detected.test(text) || newYear.test(text)

const shownBy = (mask: MaskName, text: string): boolean => starred.test(text) || (mask === 'year' && newYear.test(text))

export function judgeMark({ span, resource, column, classes }: Setting, text: string): Used[] {
  const about = { resource, column, statement: 0, span, how: `as a new value of ${column}` }
  const mark = detected.exec(text)
  if (mark) return [{ ...about, dataClass: mark[1] ?? 'withheld', back: 'detector' }]
  return classes.filter(({ mask }) => shownBy(mask, text)).map(({ dataClass }) => ({ ...about, dataClass, back: 'mask' }))
}
