import { isUtf8 } from 'node:buffer'
import { isEventId } from '../../../schema/item.ts'
import { isTime, type Entry } from '../log/entry.ts'
import { alike, closed, mix, opened } from './whose.ts'

/** `whose`: as whoseOf (whose.ts) gives it, of intents and of what became of them; 0 of others. */
export interface Skimmed extends Entry { readonly whose: number }

/**
 * Most entries in a third of the time: one pass over the bytes that makes no objects, and keeps of the event what its order needs. It is sure of what it accepts and never says no:
 * null means that `readEntry` shall judge, as for every entry that has to do with an access request. What it accepts is canonical JSON of `{event, v: 1}` with an id, a kind and a time.
 */
export function skimEntry(bytes: Buffer): Skimmed | null {
  for (let i = 0; i < opening.length; i++) if (bytes[i] !== opening[i]) return null
  found.fill(0)
  const end = object(bytes, opening.length - 1, 0)
  if (end < 0 || bytes.length !== end + closing.length || !isUtf8(bytes)) return null
  for (let i = 0; i < closing.length; i++) if (bytes[end + i] !== closing[i]) return null
  const kind = textOf(bytes, names.indexOf('kind'))
  if (!plain.has(kind) || kind === 'intent' && found[2 * names.indexOf('request') + 1] !== 0) return null
  if (kind === 'intent' && !isDecided(bytes)) return null
  const [at, id, intent, status] = [textOf(bytes, 0), textOf(bytes, 1), textOf(bytes, 2), textOf(bytes, 5)]
  if (!isEventId(id) || !isTime(at)) return null
  const writer = writerOf(bytes)
  if (writer === null) return null
  const settles = kind === 'outcome' || kind === 'correction'
  const whose = settles || kind === 'intent' ? whoseIn(bytes) : 0
  if (!settles) return { id, kind, at, whole: true, event: writer ?? nothing, whose }
  return isEventId(intent) && statuses.has(status) ? { id, kind, at, whole: true, event: { ...writer, intent, status }, whose } : null
}

/** The number of the event, spelt as canonical JSON spells it: undefined where there is none, null where it is not sure. */
function writerOf(bytes: Buffer): { readonly writer: { readonly id: string; readonly n: number; readonly open?: readonly number[] } } | null | undefined {
  const start = found[2 * names.indexOf('writer')] ?? 0
  if (start === 0) return undefined
  for (let i = 0; i < lead.length; i++) if (bytes[start + i] !== lead[i]) return null
  const id = bytes.toString('latin1', start + lead.length, start + lead.length + 30)
  let at = start + lead.length + 30
  for (const code of middle) if (bytes[at++] !== code) return null
  let n = 0
  for (; isDigit(bytes[at]); at++) n = n * 10 + (bytes[at] ?? 0) - 0x30
  if (bytes[at] === 0x7d) return { writer: { id, n } }
  for (const code of listing) if (bytes[at++] !== code) return null
  const open: number[] = []
  for (;;) {
    if (!isDigit(bytes[at])) return null
    let one = 0
    for (; isDigit(bytes[at]); at++) one = one * 10 + (bytes[at] ?? 0) - 0x30
    open.push(one)
    const mark = bytes[at++]
    if (mark === 0x5d) return bytes[at] === 0x7d ? { writer: { id, n, open } } : null
    if (mark !== 0x2c) return null
  }
}
const [lead, middle, listing] = ['{"id":"', '","n":', ',"open":['].map((text) => Buffer.from(text)) as [Buffer, Buffer, Buffer]
/** That an intent names a policy, rules and somebody; whatever is less plain than that, `readEntry` and order.ts judge. */
function isDecided(bytes: Buffer): boolean {
  const [policy, end] = [found[2 * policyAt] ?? 0, found[2 * policyAt + 1] ?? 0]
  return bytes[policy - 1] === 0x22 && end > policy && isRules(bytes, found[2 * rulesAt] ?? 0) && isSomebody(bytes, found[2 * whoAt] ?? 0, found[2 * whoAt + 1] ?? 0)
}
/** Strings, at least one, and none of them empty. What is an array was seen. */
function isRules(bytes: Buffer, start: number): boolean {
  if (bytes[start] !== 0x5b) return false
  for (let at = start + 1; ;) {
    if (bytes[at] !== 0x22) return false
    const end = string(bytes, at)
    if (end - at <= 2) return false
    if (bytes[end] === 0x5d) return true
    at = end + 1
  }
}
/** The subject is the last of its members, as in all that the gate writes, and a string without escapes. */
function isSomebody(bytes: Buffer, start: number, end: number): boolean {
  if (bytes[start] !== 0x7b || bytes[end - 2] !== 0x22) return false
  let at = end - 3
  while (bytes[at] !== 0x22 && bytes[at] !== 0x5c && at > start) at--
  if (at === end - 3 || bytes[at] !== 0x22) return false
  for (let i = 1; i <= last.length; i++) if (bytes[at - i] !== last[last.length - i]) return false
  return bytes[at - last.length - 1] === 0x2c || at - last.length - 1 === start
}
const last = Buffer.from('"subject":')
function whoseIn(bytes: Buffer): number {
  let hash = opened
  for (const name of alikeAt) {
    const [start, end] = [found[2 * name] ?? 0, found[2 * name + 1] ?? 0]
    const quote = start > 0 && bytes[start - 1] === 0x22 ? 1 : 0
    hash = mix(hash, bytes, start - quote, end + quote)
  }
  return closed(hash)
}
const isDigit = (code: number | undefined): boolean => code !== undefined && code >= 0x30 && code <= 0x39
const opening = Buffer.from('{"event":{')
const closing = Buffer.from(',"v":1}')
const nothing = Object.freeze({})
/** Kinds of which nothing but this is looked at. `intent`: those of no access request. */
const plain: ReadonlySet<string> = new Set(['intent', 'outcome', 'correction', 'refusal', 'policy', 'lock', 'audit-read', 'explain', 'repeat', 'stream', 'output', 'start', 'unauthenticated', 'sign-in'])
const statuses: ReadonlySet<string> = new Set(['succeeded', 'failed', 'unknown'])
const names = ['at', 'id', 'intent', 'kind', 'request', 'status', 'writer', 'policy', 'rules', 'who', 'connection', 'evaluation', 'session']
const [policyAt, rulesAt, whoAt] = ['policy', 'rules', 'who'].map((name) => names.indexOf(name)) as [number, number, number]
const alikeAt = alike.map((name) => names.indexOf(name))
const keys = names.map((name) => Buffer.from(name))
const byInitial: (readonly number[] | undefined)[] = Array.from({ length: 256 }, (_, code) => { const found = names.flatMap((name, at) => name.charCodeAt(0) === code ? [at] : []); return found.length === 0 ? undefined : found })
/** Where the value of each name begins and ends, of a string without its quotes; 0 for one that is not there. */
const found = new Uint32Array(2 * names.length)
const textOf = (bytes: Buffer, name: number): string => bytes.toString('latin1', found[2 * name], found[2 * name + 1])

/** Each of these gives where the value ends, or -1 where it is not sure. */
function value(bytes: Buffer, at: number, depth: number): number {
  const first = bytes[at] ?? 0
  if (first === 0x22) return string(bytes, at)
  if (first === 0x7b) return depth > 100 ? -1 : object(bytes, at, depth)
  if (first === 0x5b) return depth > 100 ? -1 : array(bytes, at, depth)
  if (first === 0x2d || first >= 0x30 && first <= 0x39) return number(bytes, at)
  for (const word of words) if (first === word[0]) {
    for (let i = 1; i < word.length; i++) if (bytes[at + i] !== word[i]) return -1
    return at + word.length
  }
  return -1
}
const words = ['null', 'true', 'false'].map((word) => Buffer.from(word))

function string(bytes: Buffer, start: number): number {
  for (let at = start + 1; ; at++) {
    const code = bytes[at] ?? 0                                    // past the end: a control, and so not sure
    if (code === 0x22) return at + 1
    if (code < 0x20) return -1
    // The escapes canonical JSON has and that have no other spelling; those of other controls are rare, and readEntry's.
    if (code === 0x5c && !escapes.has(bytes[++at] ?? 0)) return -1
  }
}
const escapes: ReadonlySet<number> = new Set(Buffer.from('"\\bfnrt'))

/** Whole numbers that ECMAScript writes as they are. */
function number(bytes: Buffer, start: number): number {
  let at = bytes[start] === 0x2d ? start + 1 : start
  const first = at
  while ((bytes[at] ?? 0) >= 0x30 && (bytes[at] ?? 0) <= 0x39) at++
  const after = bytes[at] ?? 0
  if (at === first || at - first > 15 || bytes[first] === 0x30 && (at - first > 1 || first !== start)) return -1
  return after === 0x2c || after === 0x7d || after === 0x5d ? at : -1
}

function array(bytes: Buffer, start: number, depth: number): number {
  if (bytes[start + 1] === 0x5d) return start + 2
  for (let at = start + 1; ;) {
    at = value(bytes, at, depth + 1)
    if (at < 0) return -1
    const mark = bytes[at++]
    if (mark === 0x5d) return at
    if (mark !== 0x2c) return -1
  }
}

function object(bytes: Buffer, start: number, depth: number): number {
  if (bytes[start + 1] === 0x7d) return start + 2
  let [last, lastEnd] = [0, 0]
  for (let at = start + 1; ;) {
    if (bytes[at] !== 0x22) return -1
    const name = at + 1
    const end = keyEnd(bytes, name)
    if (end < 0 || bytes[end + 1] !== 0x3a || last !== 0 && !before(bytes, last, lastEnd, name, end)) return -1
    at = value(bytes, end + 2, depth + 1)
    if (at < 0) return -1
    if (depth === 0) note(bytes, name, end, at)
    ;[last, lastEnd] = [name, end]
    const mark = bytes[at++]
    if (mark === 0x7d) return at
    if (mark !== 0x2c) return -1
  }
}
/** Names of ASCII without escapes: those sort by their bytes as canonical JSON sorts. */
function keyEnd(bytes: Buffer, start: number): number {
  for (let at = start; ; at++) {
    const code = bytes[at] ?? 0
    if (code === 0x22) return at
    if (code < 0x20 || code > 0x7e || code === 0x5c) return -1
  }
}
/** Strictly: a name that comes twice is not canonical. */
function before(bytes: Buffer, a: number, aEnd: number, b: number, bEnd: number): boolean {
  for (let i = 0; ; i++) {
    if (a + i === aEnd) return b + i < bEnd
    if (b + i === bEnd) return false
    const [left, right] = [bytes[a + i] ?? 0, bytes[b + i] ?? 0]
    if (left !== right) return left < right
  }
}
function note(bytes: Buffer, start: number, end: number, valueEnd: number): void {
  const candidates = byInitial[bytes[start] ?? 0]
  if (candidates === undefined) return
  for (const name of candidates) {
    const key = keys[name]
    if (key === undefined || key.length !== end - start) continue
    let i = 0
    while (i < key.length && key[i] === bytes[start + i]) i++
    if (i < key.length) continue
    const text = bytes[end + 2] === 0x22
    found[2 * name] = text ? end + 3 : end + 2
    found[2 * name + 1] = text ? valueEnd - 1 : valueEnd
  }
}
