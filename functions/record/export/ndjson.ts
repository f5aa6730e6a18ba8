import { unseen } from '../../visible.ts'

/**
 * One event as one line of JSON, with its line end. Everything that some reader takes for a line end, that repaints a terminal or hides from the eye is written as an
 * escape, so that the line stays one line in every tool and means the same to every parser. Members are what they were: nothing is added, nothing left out.
 */
export const ndjsonLine = (event: unknown): string =>
  `${JSON.stringify(event).replace(unseen, (mark) => Array.from({ length: mark.length }, (_, i) => `\\u${mark.charCodeAt(i).toString(16).padStart(4, '0')}`).join(''))}\n`
