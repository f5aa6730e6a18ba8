import { isUtf8 } from 'node:buffer'
import { type Entry, readEntry } from '../log/entry.ts'
import { before, beyondAscii, nameEnd, spells, string, value } from './scan.ts'
import { alike, closed, mix, opened } from './whose.ts'

/** `whose`: as whoseOf (whose.ts) gives it, of intents and of what became of them; 0 of others. */
export interface Skimmed extends Entry { readonly whose: number }

/** The entry that stands in a bundle `from` here up to there. Throws FormatError as `readEntry` does, which judges whatever `skimEntry` is not sure of. */
export function entryIn(bundle: Buffer, from: number, to: number): Entry | Skimmed {
  const after = bundle[to]
  if (after !== undefined) bundle[to] = 0                           // nothing looks beyond it: what is never closed would be sought through the whole bundle, for each of its entries
  const canonical = scan(bundle, from, to)
  const skimmed = canonical ? keep(bundle) : null
  if (after !== undefined) bundle[to] = after
  return skimmed ?? readEntry(bundle.subarray(from, to), canonical)
}

/**
 * Most entries in a third of the time: one pass over the bytes that makes no objects, and keeps of the event what its order needs. It is sure of what it accepts and never says no:
 * null means that `readEntry` shall judge, as for every entry that has to do with an access request. What it accepts is canonical JSON of `{event, v: 1}` with an id, a kind and a time.
 */
export const skimEntry = (bytes: Buffer): Skimmed | null => scan(bytes, 0, bytes.length) ? keep(bytes) : null

/** Whether it is canonical JSON of `{event, v: 1}`, for sure. Notes where the members of the event are. */
function scan(bytes: Buffer, from: number, to: number): boolean {
  if (!spells(bytes, from, opening)) return false
  found.fill(0)
  beyondAscii()
  const end = members(bytes, from + opening.length - 1)
  return end > 0 && to === end + closing.length && spells(bytes, end, closing) && (!beyondAscii() || isUtf8(bytes.subarray(from, to)))
}
function members(bytes: Buffer, start: number): number {
  let [last, lastEnd] = [0, 0]
  for (let at = start + 1; ;) {
    const name = at + 1
    const end = nameEnd(bytes, at)
    if (end < 0 || last !== 0 && !before(bytes, last, lastEnd, name, end)) return -1
    at = value(bytes, end + 2, 1)
    if (at < 0) return -1
    note(bytes, name, end, at)
    last = name
    lastEnd = end
    const mark = bytes[at++]
    if (mark === 0x7d) return at
    if (mark !== 0x2c) return -1
  }
}
function note(bytes: Buffer, start: number, end: number, valueEnd: number): void {
  const name = nameAt[slot(end - start, bytes[start] ?? 0)] ?? 0
  const key = keys[name]
  if (key === undefined || key.length !== end - start || !spells(bytes, start, key)) return
  const text = bytes[end + 2] === 0x22
  found[2 * name] = text ? end + 3 : end + 2
  found[2 * name + 1] = text ? valueEnd - 1 : valueEnd
}

/** What the order of things needs of the entry that was scanned. */
function keep(bytes: Buffer): Skimmed | null {
  const kind = wordIn(bytes, kindAt, kinds)
  if (kind === null || kind === 'intent' && (isThere(requestAt) || !isDecided(bytes))) return null
  const [at, id] = [found[2 * timeAt] ?? 0, found[2 * idAt] ?? 0]
  if ((found[2 * timeAt + 1] ?? 0) - at !== timeForm.length || !isTimeIn(bytes, at) || (found[2 * idAt + 1] ?? 0) - id !== idBytes || !isIdIn(bytes, id)) return null
  const writer = isThere(writerAt) ? writerOf(bytes, found[2 * writerAt] ?? 0) : undefined
  if (writer === null) return null
  const told = { id: bytes.toString('latin1', id, id + idBytes), kind, at: bytes.toString('latin1', at, at + timeForm.length), whole: true }
  if (kind !== 'outcome' && kind !== 'correction') return { ...told, event: writer === undefined ? nothing : { writer }, whose: kind === 'intent' ? whoseIn(bytes) : 0 }
  const [intent, status] = [found[2 * intentAt] ?? 0, wordIn(bytes, statusAt, statuses)]
  if (status === null || (found[2 * intentAt + 1] ?? 0) - intent !== idBytes || !isIdIn(bytes, intent)) return null
  const settled = { intent: bytes.toString('latin1', intent, intent + idBytes), status }
  return { ...told, event: writer === undefined ? settled : { writer, ...settled }, whose: whoseIn(bytes) }
}
const isThere = (name: number): boolean => found[2 * name + 1] !== 0

/** The number of the event, spelt as canonical JSON spells it. null: not sure. */
function writerOf(bytes: Buffer, start: number): { readonly id: string; readonly n: number; readonly open?: readonly number[] } | null {
  if (!spells(bytes, start, lead)) return null
  const id = writerIdAt(bytes, start + lead.length)
  let at = start + lead.length + idBytes
  if (!spells(bytes, at, middle)) return null
  at += middle.length
  let n = 0
  for (; isDigit(bytes[at]); at++) n = n * 10 + (bytes[at] ?? 0) - 0x30
  if (bytes[at] === 0x7d) return { id, n }
  if (!spells(bytes, at, listing)) return null
  at += listing.length
  const open: number[] = []
  for (;;) {
    if (!isDigit(bytes[at])) return null
    let one = 0
    for (; isDigit(bytes[at]); at++) one = one * 10 + (bytes[at] ?? 0) - 0x30
    open.push(one)
    const mark = bytes[at++]
    if (mark === 0x5d) return bytes[at] === 0x7d ? { id, n, open } : null
    if (mark !== 0x2c) return null
  }
}
const [lead, middle, listing] = ['{"id":"', '","n":', ',"open":['].map((text) => Buffer.from(text)) as [Buffer, Buffer, Buffer]
/** Most entries are of the process the one before was of: the same string again is neither made nor hashed. */
let writer = { id: '', bytes: Buffer.alloc(0) }
function writerIdAt(bytes: Buffer, at: number): string {
  if (writer.id === '' || !spells(bytes, at, writer.bytes)) {
    const id = bytes.toString('latin1', at, at + idBytes)
    writer = { id, bytes: Buffer.from(id, 'latin1') }
  }
  return writer.id
}

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
  return spells(bytes, at - subject.length, subject) && (bytes[at - subject.length - 1] === 0x2c || at - subject.length - 1 === start)
}
const subject = Buffer.from('"subject":')
/** Of the bundle at hand, for all its entries: a word read through it costs a third of its four bytes. */
let words: { readonly of: Buffer; readonly view: DataView } = { of: Buffer.alloc(0), view: new DataView(new ArrayBuffer(0)) }
function whoseIn(bytes: Buffer): number {
  if (words.of !== bytes) words = { of: bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length) }
  let hash = opened
  for (const name of alikeAt) {
    const [start, end] = [found[2 * name] ?? 0, found[2 * name + 1] ?? 0]
    const quote = start > 0 && bytes[start - 1] === 0x22 ? 1 : 0
    hash = mix(hash, words.view, start - quote, end + quote)
  }
  return closed(hash)
}
const isDigit = (code: number | undefined): boolean => code !== undefined && code >= 0x30 && code <= 0x39

/** `evt_`, a symbol up to 7 and 25 more, as isEventId has it. */
function isIdIn(bytes: Buffer, at: number): boolean {
  if (!spells(bytes, at, prefix) || (bytes[at + prefix.length] ?? 0) > 0x37) return false
  for (let i = prefix.length; i < idBytes; i++) if (symbols[bytes[at + i] ?? 0] !== 1) return false
  return true
}
const prefix = Buffer.from('evt_')
const idBytes = 30
const symbols = new Uint8Array(256)
for (const code of Buffer.from('0123456789ABCDEFGHJKMNPQRSTVWXYZ')) symbols[code] = 1
/** As isTime (record/log/entry.ts) has it. */
function isTimeIn(bytes: Buffer, at: number): boolean {
  for (let i = 0; i < timeForm.length; i++) if (timeForm[i] === 0x30 ? !isDigit(bytes[at + i]) : bytes[at + i] !== timeForm[i]) return false
  const [month, day] = [two(bytes, at + 5), two(bytes, at + 8)]
  return month >= 1 && month <= 12 && day >= 1 && day <= 31 && two(bytes, at + 11) <= 23 && two(bytes, at + 14) <= 59 && two(bytes, at + 17) <= 59
}
const timeForm = Buffer.from('0000-00-00T00:00:00.000Z')
const two = (bytes: Buffer, at: number): number => ((bytes[at] ?? 0) - 0x30) * 10 + (bytes[at + 1] ?? 0) - 0x30

const opening = Buffer.from('{"event":{')
const closing = Buffer.from(',"v":1}')
const nothing = Object.freeze({})
const names = ['at', 'id', 'intent', 'kind', 'request', 'status', 'writer', 'policy', 'rules', 'who', 'connection', 'evaluation', 'session'] as const
const [timeAt, idAt, intentAt, kindAt, requestAt, statusAt, writerAt, policyAt, rulesAt, whoAt] = names.map((_, at) => at) as [number, number, number, number, number, number, number, number, number, number]
const alikeAt = alike.map((name) => names.indexOf(name))
const keys = names.map((name) => Buffer.from(name))
/** Where the value of each name begins and ends, of a string without its quotes; 0 for one that is not there. */
const found = new Uint32Array(2 * names.length)

/** Words are told apart by their length and first letter, and then compared: no two of one list have both alike. */
const slot = (length: number, first: number): number => Math.min(length, 31) << 8 | first
function slots(all: readonly string[]): Uint8Array {
  const at = new Uint8Array(32 << 8).fill(255)
  for (const [n, word] of all.entries()) at[slot(word.length, word.charCodeAt(0))] = n
  return at
}
const nameAt = slots(names)
/** Kinds of which nothing but this is looked at. `intent`: those of no access request. */
const kinds = wordsOf(['intent', 'outcome', 'correction', 'refusal', 'policy', 'lock', 'audit-read', 'explain', 'repeat', 'stream', 'output', 'start', 'unauthenticated', 'sign-in'])
const statuses = wordsOf(['succeeded', 'failed', 'unknown'])
interface Words { readonly all: readonly string[]; readonly bytes: readonly Buffer[]; readonly at: Uint8Array }
function wordsOf(all: readonly string[]): Words {
  return { all, bytes: all.map((word) => Buffer.from(word)), at: slots(all) }
}
/** Which of these words the value of this name is, the one string there is of each. null: none of them. */
function wordIn(bytes: Buffer, name: number, { all, bytes: spelt, at }: Words): string | null {
  const [start, end] = [found[2 * name] ?? 0, found[2 * name + 1] ?? 0]
  const n = at[slot(end - start, bytes[start] ?? 0)] ?? 255
  const word = spelt[n]
  return word !== undefined && word.length === end - start && spells(bytes, start, word) ? all[n] ?? null : null
}
