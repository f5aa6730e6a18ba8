import { createHash } from 'node:crypto'
import type { MaskName } from '../../../schema/policy.ts'
import type { Json } from '../json.ts'
import type { Show } from '../result.ts'
import { email, hashHex, hashOf, last4, redacted, year } from '../shown.ts'
import { parseArray, type Nested } from './array.ts'
import { renderer, type ValueType } from './render.ts'

/**
 * How one masked column shows a value that is not NULL. Typed: a text column shows text, a date a date, and where a mask has no form in a type,
 * the value is null; a string never stands where the type says otherwise. Malformed text never shows more than well-formed text would.
 * Arrays element by element, except where the mask hides everything: then null, the length included. JSON documents are null.
 * `key` is the mask key, for `hash` alone.
 */
export function maskerOf(mask: MaskName, type: ValueType, dataClass: string, key: string | null): Show {
  const one = scalarMasker(mask, type, dataClass, key)
  if (one === null || (type.array && (mask === 'redact' || mask === 'none'))) return () => null
  if (!type.array) return one
  const nested = (items: Nested): Json => items.map((item) => (item === null ? null : typeof item === 'string' ? one(item) : nested(item)))
  return (text) => {
    if (isLong(text, 'short')) return null
    try {
      return nested(parseArray(text, type.delimiter))
    } catch {
      return null
    }
  }
}

/**
 * How much of a value that is not NULL a mask looks at: `nothing` of it, because nothing can be shown in this type; its `presence`; all of a `value` whose type keeps it short; an
 * `address` of a length an address may have; its `end` or its `start`; a `digest` in place of what is long; all of it where it is `short`, else nothing.
 */
export type Need = 'nothing' | 'presence' | 'value' | 'address' | 'end' | 'start' | 'digest' | 'short'
/** The most bytes of a value that come for each. An address: 64 + 1 + 255. `end` and `start`: four a character. */
export const longest: Readonly<Record<Need, number>> = { nothing: 0, presence: 0, value: 64, address: 320, end: 260, start: 44, digest: 256, short: 1024 }
export function needOf(mask: MaskName, type: ValueType): Need {
  const hidden = mask === 'redact' || mask === 'none'
  if (scalarMasker(mask, type, '', '') === null || (type.array && hidden)) return 'nothing'
  if (type.array) return 'short'
  if (hidden) return 'presence'
  if (type.kind !== 'text') return type.name === 'numeric' ? 'short' : 'value'
  switch (mask) {
    case 'email': return 'address'
    case 'last4': return 'end'
    case 'year': return 'start'
    case 'hash': return 'digest'
    case 'null': return 'nothing'
  }
}
/** What is long shows what withhold.ts has come of it, also where all of it is here. */
const isLong = (text: string, need: Need): boolean => Buffer.byteLength(text) > longest[need]

/** null: nothing of it can be shown in this type. */
function scalarMasker(mask: MaskName, type: ValueType, dataClass: string, key: string | null): Show | null {
  const text = type.kind === 'text'
  switch (mask) {
    case 'null': return null
    case 'redact':
    case 'none': return text ? () => redacted : null               // `none` is no way to show what has a class
    case 'email': return text ? (value) => email(isLong(value, 'address') ? '' : value) : null
    case 'last4': return text ? (value) => last4(isLong(value, 'end') ? [...value].slice(-longest.end / 4).join('') : value) : null
    case 'year': return yearIn(type)
    case 'hash': return key === null ? null : hashIn(type, dataClass, key)
  }
}

/** The first of January of the same year, in the column's own type; of text only what begins as an ISO date. */
function yearIn(type: ValueType): Show | null {
  const render = renderer({ ...type, array: false })
  const first = (time: string): Show => (text) => {
    const [, when, bc = ''] = /^(\d{4,})-\d\d-\d\d[^B]*( BC)?$/.exec(text) ?? []
    return when === undefined ? null : render(`${when}-01-01${time}${bc}`)
  }
  switch (type.kind) {
    case 'date': return first('')
    case 'timestamp': return first(' 00:00:00')
    case 'timestamptz': return first(' 00:00:00+00')
    case 'text': return year
    case 'boolean': case 'integer': case 'float': case 'exact': case 'json': case 'bytes': case 'time': case 'interval': case 'uuid': case 'other': return null
  }
}

/**
 * HMAC-SHA-256 of the class and the value's text: equal values of one class stay equal, also across tables, and without the key nothing can be
 * tried out. Text: 32 hex digits; uuid: the same digits as one; bigint and numeric: 62 bits of it as a number. Smaller types would collide: null.
 */
function hashIn(type: ValueType, dataClass: string, key: string): Show | null {
  const hex = (text: string) => hashHex(dataClass, text, key)
  const whole = (text: string) => (isLong(text, 'digest') ? `\x01${createHash('sha256').update(text).digest('hex')}` : text)
  switch (type.kind) {
    case 'text': return (text) => hex(whole(text))
    case 'uuid': return (text) => hex(text.replaceAll('-', '')).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
    case 'exact': return (text) => (isLong(text, 'short') ? null : (hashOf(dataClass, text.includes('.') ? text.replace(/\.?0+$/, '') : text, key).readBigUInt64BE() >> 2n).toString())   // 5.00 is 5
    case 'boolean': case 'integer': case 'float': case 'json': case 'bytes': case 'date': case 'time': case 'timestamp': case 'timestamptz': case 'interval': case 'other': return null
  }
}
