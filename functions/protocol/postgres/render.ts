import { renderJson } from '../document.ts'
import type { Json } from '../json.ts'
import { parseArray, type Nested } from './array.ts'

/**
 * What a column's values are, for rendering, masks and detectors. `text`: a person may have written anything in it. `other`: a text form of a
 * type with rules of its own (ranges, enums, network addresses, composites), which a mask must not break and a person may have written into.
 */
export type Kind = 'boolean' | 'integer' | 'float' | 'exact' | 'text' | 'json' | 'bytes' | 'date' | 'time' | 'timestamp' | 'timestamptz' | 'interval' | 'uuid' | 'other'
export interface ValueType { readonly name: string; readonly kind: Kind; readonly array: boolean; readonly delimiter: string }

/** Of the server's own types, by oid: name as `format_type` gives it, kind, oid of its array. Fixed since before PostgreSQL 12. */
const builtin: readonly (readonly [number, string, Kind, number])[] = [
  [16, 'boolean', 'boolean', 1000], [21, 'smallint', 'integer', 1005], [23, 'integer', 'integer', 1007], [26, 'oid', 'integer', 1028],
  [700, 'real', 'float', 1021], [701, 'double precision', 'float', 1022], [20, 'bigint', 'exact', 1016], [1700, 'numeric', 'exact', 1231],
  [25, 'text', 'text', 1009], [1043, 'character varying', 'text', 1015], [1042, 'character', 'text', 1014], [19, 'name', 'text', 1003], [705, 'unknown', 'text', 0],
  [18, '"char"', 'other', 1002], [2275, 'cstring', 'text', 1263], [114, 'json', 'json', 199], [3802, 'jsonb', 'json', 3807], [17, 'bytea', 'bytes', 1001],
  [1082, 'date', 'date', 1182], [1083, 'time without time zone', 'time', 1183], [1266, 'time with time zone', 'other', 1270],
  [1114, 'timestamp without time zone', 'timestamp', 1115], [1184, 'timestamp with time zone', 'timestamptz', 1185], [1186, 'interval', 'interval', 1187],
  [2950, 'uuid', 'uuid', 2951], [142, 'xml', 'other', 143], [869, 'inet', 'other', 1041], [650, 'cidr', 'other', 651], [829, 'macaddr', 'other', 1040], [790, 'money', 'other', 791],
  [1560, 'bit', 'other', 1561], [1562, 'bit varying', 'other', 1563], [3614, 'tsvector', 'other', 3643], [3615, 'tsquery', 'other', 3645], [4072, 'jsonpath', 'other', 4073],
  [3904, 'int4range', 'other', 3905], [3906, 'numrange', 'other', 3907], [3908, 'tsrange', 'other', 3909], [3910, 'tstzrange', 'other', 3911], [3912, 'daterange', 'other', 3913],
  [3926, 'int8range', 'other', 3927], [600, 'point', 'other', 1017], [601, 'lseg', 'other', 1018], [602, 'path', 'other', 1019], [603, 'box', 'other', 1020],
  [604, 'polygon', 'other', 1027], [628, 'line', 'other', 629], [718, 'circle', 'other', 719], [2205, 'regclass', 'other', 2210], [2206, 'regtype', 'other', 2211],
  [24, 'regproc', 'other', 1008], [2202, 'regprocedure', 'other', 2207], [4089, 'regnamespace', 'other', 4090], [4096, 'regrole', 'other', 4097], [2249, 'record', 'other', 2287],
  [5069, 'xid8', 'exact', 271], [28, 'xid', 'integer', 1011], [29, 'cid', 'integer', 1012], [27, 'tid', 'other', 1010], [3220, 'pg_lsn', 'other', 3221], [2278, 'void', 'other', 0],
]
const types = new Map<number, ValueType>()
for (const [oid, name, kind, array] of builtin) {
  const delimiter = oid === 603 ? ';' : ','
  types.set(oid, { name, kind, array: false, delimiter })
  if (array) types.set(array, { name: `${name}[]`, kind, array: true, delimiter })
}
/** `named`: what the catalog knows of types that are not the server's own (enums, extensions); unknown ones are `other`, and shown as text. */
export function typeOf(oid: number, named?: (oid: number) => ValueType | null): ValueType {
  return types.get(oid) ?? named?.(oid) ?? { name: `type ${oid}`, kind: 'other', array: false, delimiter: ',' }
}

/** A value's text as JSON. Total: what does not read as its type is given as the text. */
export function renderer(type: ValueType): (text: string) => Json {
  const one = scalars[type.kind]
  if (!type.array) return one
  const nested = (items: Nested): Json => items.map((item) => (item === null ? null : typeof item === 'string' ? one(item) : nested(item)))
  return (text) => {
    try {
      return nested(parseArray(text, type.delimiter))
    } catch {
      return text
    }
  }
}

const asIs = (text: string) => text
const number = (text: string): Json => {
  const value = Number(text)
  return Number.isFinite(value) ? value : text                     // `NaN`, `Infinity`, `-Infinity`, which JSON has no numbers for
}
const scalars: Readonly<Record<Kind, (text: string) => Json>> = {
  boolean: (text) => text === 't', integer: number, float: number, exact: asIs, text: asIs, other: asIs, uuid: asIs, time: asIs,
  json: renderJson, bytes: renderBytes, date: renderDate, timestamp: renderDate, timestamptz: (text) => renderDate(text.replace(/[+-]00( BC)?$/, 'Z$1')), interval: renderInterval,
}

function renderBytes(text: string): Json {
  return text.startsWith('\\x') ? Buffer.from(text.slice(2), 'hex').toString('base64') : text
}

/**
 * `2026-01-31`, `2026-01-31 10:00:00.5+00` and their like to ISO 8601. Before the year 1, and past 9999, the expanded form with a sign and six
 * digits; 1 BC is the year 0. `infinity` and `-infinity` stay words.
 */
function renderDate(text: string): Json {
  const [, year, rest = '', bc] = /^(\d{4,})(-.*?)( BC)?$/.exec(text.endsWith(' BC') ? text : text.replace(' ', 'T')) ?? []
  if (year === undefined) return text
  if (!bc && year.length === 4) return `${year}${rest}`
  const number = bc ? 1 - Number(year) : Number(year)
  return `${number < 0 ? '-' : '+'}${String(Math.abs(number)).padStart(6, '0')}${rest.replace(' ', 'T')}`
}

/** `1 year 2 mons -3 days +04:05:06.7` to ISO 8601 with signs on the parts: `P1Y2M-3DT4H5M6.7S`. */
function renderInterval(text: string): Json {
  const clock = /(?:^| )([+-]?)(\d+):(\d\d):(\d\d)(\.\d+)?$/.exec(text)
  const part = (unit: string) => new RegExp(`(-?\\d+) ${unit}s?\\b`).exec(text)?.[1]
  const mark = (value: string | undefined, unit: string) => (value === undefined || Number(value) === 0 ? '' : `${value}${unit}`)
  const date = `${mark(part('year'), 'Y')}${mark(part('mon'), 'M')}${mark(part('day'), 'D')}`
  const [, sign = '', hours = '0', minutes = '0', seconds = '0', fraction = ''] = clock ?? []
  const minus = sign === '-' ? '-' : ''
  const wholeSeconds = `${Number(seconds)}${fraction}`
  const time = `${mark(`${minus}${Number(hours)}`, 'H')}${mark(`${minus}${Number(minutes)}`, 'M')}${mark(`${minus}${wholeSeconds}`, 'S')}`
  if (date === '' && time === '') return 'PT0S'
  return `P${date}${time === '' ? '' : `T${time}`}`
}
