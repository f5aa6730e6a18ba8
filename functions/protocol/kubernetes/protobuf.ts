import { ok, type Result } from '../../../schema/refusal.ts'
import { parseJson } from '../../json.ts'
import type { Json } from '../json.ts'
import { messageOf, messageOfKind, type Field } from './fields.ts'
import { unreadable, unsupported } from './say.ts'

type Fields = Record<string, Json>
class Unread extends Error {}
const maxDepth = 64
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * A body in Kubernetes' protobuf (`k8s\0` and a runtime.Unknown that holds the object) → the object as JSON has it. Complete or not at all: a field, kind or form that is not known, a
 * field sent twice, text that is no UTF-8 is refused, so that what is decided on, and sent on as JSON, is all there was. A status is left out: no write of an object sets it.
 */
export function parseProtobuf(body: Uint8Array): Result<unknown> {
  try {
    if (body.length < 4 || body[0] !== 0x6b || body[1] !== 0x38 || body[2] !== 0x73 || body[3] !== 0) throw new Unread('it does not begin with `k8s` and a zero')
    const envelope = envelopeOf(body.subarray(4))
    const message = messageOfKind(envelope.apiVersion, envelope.kind)
    if (message === null) return unsupported('protobuf_kind', `the gate does not read \`${envelope.kind.slice(0, 64)}\` of \`${envelope.apiVersion.slice(0, 64)}\` as protobuf; send it as json`)
    return ok({ apiVersion: envelope.apiVersion, kind: envelope.kind, ...decode(envelope.raw, message, 0) })
  } catch (error) {
    if (error instanceof Unread) return unreadable('not_protobuf', `the body is not protobuf the gate reads: ${error.message}; send it as json`)
    throw error
  }
}

function envelopeOf(bytes: Uint8Array): { readonly apiVersion: string; readonly kind: string; readonly raw: Uint8Array } {
  const parts = once(bytes)
  const type = once(blob(parts.get(1)) ?? new Uint8Array())
  if (text(blob(parts.get(3)) ?? new Uint8Array()) !== '' || !['', 'application/vnd.kubernetes.protobuf'].includes(text(blob(parts.get(4)) ?? new Uint8Array()))) throw new Unread('what it wraps is encoded once more')
  if ([...parts.keys()].some((key) => key > 4) || [...type.keys()].some((key) => key > 2)) throw new Unread('its envelope holds a field that is not known')
  return { apiVersion: text(blob(type.get(1)) ?? new Uint8Array()), kind: text(blob(type.get(2)) ?? new Uint8Array()), raw: blob(parts.get(2)) ?? new Uint8Array() }
}

function decode(bytes: Uint8Array, name: string, depth: number): Fields {
  const message = messageOf(name)
  if (!message) throw new Unread(`\`${name}\` is not known`)
  if (depth > maxDepth) throw new Unread('it nests too deep')
  const out = new Map<string, Json>()
  const seen = new Set<number>()
  for (const { number, value } of wire(bytes)) {
    const field = message.get(number)
    if (!field) throw new Unread(`field ${number} of \`${name}\` is not known`)
    if (field.type === '-') continue
    if (field.kind === 'one' && seen.has(number)) throw new Unread(`field ${number} of \`${name}\` is there twice`)
    seen.add(number)
    if (field.name === '^') for (const [key, member] of Object.entries(decode(need(blob(value)), field.type, depth + 1))) out.set(key, member)
    else out.set(field.name, joined(out.get(field.name), field, value, depth + 1))
  }
  if (name === 'ObjectMeta') for (const key of unset) if (blank(out.get(key))) out.delete(key)
  return Object.fromEntries(out)
}
/** Members of every object's metadata that protobuf sends also where they are not set, and JSON does not. */
const unset = ['name', 'generateName', 'namespace', 'selfLink', 'uid', 'resourceVersion', 'generation', 'creationTimestamp']
const blank = (value: Json | undefined): boolean => value === '' || value === 0 || value === null

function joined(before: Json | undefined, field: Field, value: Value, depth: number): Json {
  switch (field.kind) {
    case 'one': return single(field.type, value, depth)
    case 'many': {
      const list = Array.isArray(before) ? before as readonly Json[] : []
      if (field.type === 'i' && value instanceof Uint8Array) return [...list, ...packed(value)]
      return [...list, single(field.type, value, depth)]
    }
    case 'map': {
      const parts = once(need(blob(value)))
      if ([...parts.keys()].some((key) => key > 2)) throw new Unread('an entry of a map holds a field that is not known')
      const key = text(blob(parts.get(1)) ?? new Uint8Array())
      const map = (before ?? {}) as Fields
      if (key === '__proto__' || Object.hasOwn(map, key)) throw new Unread('a key of a map is there twice, or is reserved')
      const empty = field.type === 'i' || field.type === 'o' ? 0n : new Uint8Array()
      return { ...map, [key]: single(field.type, parts.get(2) ?? empty, depth) }
    }
  }
}

function single(type: string, value: Value, depth: number): Json {
  switch (type) {
    case 's': return text(need(blob(value)))
    case 'b': return Buffer.from(need(blob(value))).toString('base64')
    case 'i': return integer(value)
    case 'o': return integer(value) !== 0
    case 'd': return double(value)
    case 'Quantity': return text(blob(once(need(blob(value))).get(1)) ?? new Uint8Array()) || '0'
    case 'IntOrString': return intOrString(once(need(blob(value))))
    case 'Time': case 'Time6': return time(once(need(blob(value))), type === 'Time6')
    case 'Raw': return raw(once(need(blob(value))))
    case 'Strings': return wire(need(blob(value))).map((one) => text(need(one.number === 1 ? blob(one.value) : null)))
  }
  return decode(need(blob(value)), type, depth)
}

function intOrString(parts: ReadonlyMap<number, Value>): Json {
  const kind = integer(parts.get(1) ?? 0n)
  if (kind === 0) return integer(parts.get(2) ?? 0n)
  if (kind === 1) return text(blob(parts.get(3)) ?? new Uint8Array())
  throw new Unread('a value is neither a number nor text')
}
/** The zero time of Go is an empty message, and null in JSON; whole seconds, or microseconds. */
function time(parts: ReadonlyMap<number, Value>, micro: boolean): Json {
  if (parts.size === 0) return null
  const ms = integer(parts.get(1) ?? 0n) * 1000
  if (!Number.isFinite(ms) || Math.abs(ms) > 8.64e15) throw new Unread('a time is out of range')
  const seconds = new Date(ms).toISOString().slice(0, 19)
  return micro ? `${seconds}.${String(Math.floor(integer(parts.get(2) ?? 0n) / 1000)).padStart(6, '0')}Z` : `${seconds}Z`
}
function raw(parts: ReadonlyMap<number, Value>): Json {
  const bytes = blob(parts.get(1))
  if (bytes === null || bytes.length === 0) return null
  const value = parseJson(text(bytes))
  if (!value.ok) throw new Unread('it holds something raw that is no json')
  return value.value as Json
}

type Value = bigint | Uint8Array | { readonly fixed: Uint8Array }
/** Fields as they stand on the wire. Groups, long gone from protobuf, are refused. */
function wire(bytes: Uint8Array): { readonly number: number; readonly value: Value }[] {
  const out: { number: number; value: Value }[] = []
  for (let at = 0; at < bytes.length;) {
    const key = varint(bytes, at)
    const [number, type] = [Number(key.value >> 3n), Number(key.value & 7n)]
    if (number < 1 || number > 536_870_911) throw new Unread('a field has no number')
    at = key.end
    if (type === 0) {
      const { value, end } = varint(bytes, at)
      out.push({ number, value })
      at = end
    } else if (type === 2 || type === 1) {
      const length = type === 1 ? { value: 8n, end: at } : varint(bytes, at)
      const end = length.end + Number(length.value)
      if (length.value > BigInt(bytes.length) || end > bytes.length) throw new Unread('it ends in the middle of a field')
      const part = bytes.subarray(length.end, end)
      out.push({ number, value: type === 1 ? { fixed: part } : part })
      at = end
    } else throw new Unread(`wire type ${type} is not supported`)
  }
  return out
}
function varint(bytes: Uint8Array, from: number): { readonly value: bigint; readonly end: number } {
  let value = 0n
  for (let at = from, shift = 0n; at < bytes.length && shift < 70n; at++, shift += 7n) {
    const byte = bytes[at] ?? 0
    value |= BigInt(byte & 0x7f) << shift
    if (byte < 0x80) return { value: BigInt.asUintN(64, value), end: at + 1 }
  }
  throw new Unread('a number in it has no end')
}
function once(bytes: Uint8Array): ReadonlyMap<number, Value> {
  const parts = new Map<number, Value>()
  for (const { number, value } of wire(bytes)) {
    if (parts.has(number)) throw new Unread(`field ${number} is there twice`)
    parts.set(number, value)
  }
  return parts
}
function packed(bytes: Uint8Array): number[] {
  const out: number[] = []
  for (let at = 0; at < bytes.length;) {
    const { value, end } = varint(bytes, at)
    out.push(integer(value))
    at = end
  }
  return out
}
const blob = (value: Value | undefined): Uint8Array | null => (value instanceof Uint8Array ? value : null)
function need(bytes: Uint8Array | null): Uint8Array {
  if (bytes === null) throw new Unread('a field is of another type')
  return bytes
}
function text(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes)
  } catch {
    throw new Unread('a text in it is no utf-8')
  }
}
function integer(value: Value): number {
  if (typeof value !== 'bigint') throw new Unread('a field is of another type')
  const number = Number(BigInt.asIntN(64, value))
  if (!Number.isSafeInteger(number)) throw new Unread('a number in it does not survive as json')
  return number
}
function double(value: Value): number {
  if (typeof value !== 'object' || value instanceof Uint8Array) throw new Unread('a field is of another type')
  return Buffer.from(value.fixed).readDoubleLE()
}
