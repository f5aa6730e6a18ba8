import type { Json } from './json.ts'

/** Digits that a double may not hold: then the exact text of each number is looked at. */
const longNumber = /\d[\d.]{14}|\d[eE]/
/**
 * A number inside a document that a double cannot carry becomes a string of its digits, as 8-byte integers and numerics do everywhere else:
 * never a neighbouring number.
 */
export function renderJson(text: string): Json {
  try {
    if (text.length > maxJsonDepth && !shallow(JSON.parse(text) as Json, maxJsonDepth)) return text
    if (!longNumber.test(text)) return JSON.parse(text) as Json
    return JSON.parse(text, ((_key: string, value: Json, context?: { source?: string }) =>
      typeof value === 'number' && context?.source !== undefined && !exact(value, context.source) ? context.source : value) as Parameters<typeof JSON.parse>[1]) as Json
  } catch {
    return text
  }
}
/** Deeper documents stay text: `JSON.parse` reads what `JSON.stringify` cannot write. */
const maxJsonDepth = 200
function shallow(value: Json, left: number): boolean {
  if (typeof value !== 'object' || value === null) return true
  return left > 0 && Object.values(value).every((member) => shallow(member as Json, left - 1))
}
function exact(value: number, source: string): boolean {
  if (!Number.isFinite(value)) return false
  return String(value) === source || plain(String(value)) === plain(source)
}
/** `digits e exponent`, so that 1e2, 100 and 100.0 are one. */
function plain(source: string): string {
  const [, sign, whole = '', fraction = '', exponent = '0'] = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(source) ?? []
  const digits = `${whole}${fraction}`.replace(/^0+/, '')
  const short = digits.replace(/0+$/, '')
  return short === '' ? '0' : `${sign}${short}e${Number(exponent) - fraction.length + digits.length - short.length}`
}
