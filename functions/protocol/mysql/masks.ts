import { createHash } from 'node:crypto'
import type { MaskName } from '../../../schema/policy.ts'
import type { Show } from '../result.ts'
import { email, hashHex, hashOf, last4, redacted, year } from '../shown.ts'
import type { ValueType } from './render.ts'
import { longest, type Need } from './withhold.ts'

/**
 * How one masked column shows a value that is not NULL. Typed: a text column shows text, a date a date, and where a mask has no form in a type, the value is null; a string never stands where the type says
 * otherwise. Malformed text never shows more than well-formed text would. `key` is the mask key, for `hash` alone.
 */
export function maskerOf(mask: MaskName, type: ValueType, dataClass: string, key: string | null): Show {
  const text = type.kind === 'text'
  switch (mask) {
    case 'null': return nothing
    case 'redact':
    case 'none': return text ? () => redacted : nothing            // `none` is no way to show what has a class
    case 'email': return text ? (value) => email(isLong(value, 'address') ? '' : value) : nothing
    case 'last4': return text ? (value) => last4(isLong(value, 'end') ? [...value].slice(-longest.end / 4).join('') : value) : nothing
    case 'year': return yearIn(type)
    case 'hash': return key === null ? nothing : hashIn(type, dataClass, key)
  }
}
const nothing: Show = () => null
/** What is long shows what withhold.ts has come of it, also where all of it is here. */
const isLong = (text: string, need: Need): boolean => Buffer.byteLength(text) > longest[need]

/** The first of January of the same year, in the column's own type; of text only what begins as an ISO date. */
function yearIn({ kind }: ValueType): Show {
  const first = (time: string): Show => (text) => { const found = /^(\d{4})-\d\d-\d\d/.exec(text)?.[1]; return found === undefined ? null : `${found}-01-01${time}` }
  switch (kind) {
    case 'text': return year
    case 'date': return first('')
    case 'datetime': return first('T00:00:00')
    case 'timestamp': return first('T00:00:00Z')
    case 'integer': case 'float': case 'exact': case 'json': case 'bytes': case 'bits': case 'time': case 'year': case 'other': return nothing
  }
}
/** Equal values of one class stay equal, also across tables and engines. Text: 32 hex digits; bigint and decimal: 62 bits of it as a number. Smaller types would collide: null. */
function hashIn({ kind }: ValueType, dataClass: string, key: string): Show {
  switch (kind) {
    case 'text': return (text) => hashHex(dataClass, isLong(text, 'digest') ? `\x01${createHash('sha256').update(text).digest('hex')}` : text, key)
    case 'exact': return (text) => (hashOf(dataClass, text.includes('.') ? text.replace(/\.?0+$/, '') : text, key).readBigUInt64BE() >> 2n).toString()   // 5.00 is 5
    case 'integer': case 'float': case 'json': case 'bytes': case 'bits': case 'date': case 'time': case 'datetime': case 'timestamp': case 'year': case 'other': return nothing
  }
}
