import { renderJson } from '../document.ts'
import type { Json } from '../json.ts'
import type { Field } from './transport.ts'

/**
 * What a column's values are, for rendering, masks and detectors. `text`: a person may have written anything in it. `other`: the text of a type with rules of its own (an enumeration, a set of words), which a
 * mask must not break.
 */
export type Kind = 'integer' | 'float' | 'exact' | 'text' | 'json' | 'bytes' | 'bits' | 'date' | 'time' | 'datetime' | 'timestamp' | 'year' | 'other'
export interface ValueType { readonly name: string; readonly kind: Kind }

/** Vitess' word → MySQL's, and what it is. */
const types: Readonly<Record<string, readonly [name: string, kind: Kind]>> = {
  INT8: ['tinyint', 'integer'], UINT8: ['tinyint unsigned', 'integer'], INT16: ['smallint', 'integer'], UINT16: ['smallint unsigned', 'integer'], INT24: ['mediumint', 'integer'], UINT24: ['mediumint unsigned', 'integer'],
  INT32: ['int', 'integer'], UINT32: ['int unsigned', 'integer'], INT64: ['bigint', 'exact'], UINT64: ['bigint unsigned', 'exact'], DECIMAL: ['decimal', 'exact'], FLOAT32: ['float', 'float'], FLOAT64: ['double', 'float'],
  VARCHAR: ['varchar', 'text'], CHAR: ['char', 'text'], TEXT: ['text', 'text'], NULL: ['null', 'text'], JSON: ['json', 'json'], ENUM: ['enum', 'other'], SET: ['set', 'other'],
  VARBINARY: ['varbinary', 'bytes'], BINARY: ['binary', 'bytes'], BLOB: ['blob', 'bytes'], GEOMETRY: ['geometry', 'bytes'], BIT: ['bit', 'bits'],
  DATE: ['date', 'date'], TIME: ['time', 'time'], DATETIME: ['datetime', 'datetime'], TIMESTAMP: ['timestamp', 'timestamp'], YEAR: ['year', 'year'],
}
/** `json`: the catalog knows it for a document, whatever is reported. A type nobody knows is `other`, and shown as text. */
export function typeOf({ type }: Pick<Field, 'type'>, json = false): ValueType {
  const [name, kind] = types[type] ?? [type.toLowerCase(), 'other']
  return json && kind === 'text' ? { name: 'json', kind: 'json' } : { name, kind }
}

const number = (text: string): Json => {
  const value = Number(text)
  return text !== '' && Number.isFinite(value) ? value : text
}
const asIs = (text: string): Json => text
const scalars: Readonly<Record<Kind, (text: string) => Json>> = {
  integer: number, float: number, year: number, exact: asIs, text: asIs, other: asIs, date: asIs, time: asIs, json: renderJson,
  bytes: (text) => Buffer.from(text, 'latin1').toString('base64'),
  bits: (text) => BigInt(`0x${Buffer.from(text, 'latin1').toString('hex') || '0'}`).toString(),
  datetime: (text) => text.replace(/^(\d{4}-\d\d-\d\d) /, '$1T'),
  timestamp: (text) => text.replace(/^(\d{4}-\d\d-\d\d) (.*)$/, '$1T$2Z'),   // the session's zone is pinned to UTC
}
/** A value's text as JSON. Total: what does not read as its type is given as the text. 8-byte integers, decimals and bit fields are strings of digits, bytes base64, times ISO 8601. */
export const renderer = ({ kind }: ValueType): ((text: string) => Json) => scalars[kind]
