import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { canonicalJson } from '../../../schema/bundle.ts'
import type { Event, IntentEvent } from '../../../schema/event.ts'
import { entryOf, readEntry } from '../../../functions/record/log/entry.ts'
import { encodeEntries } from '../../../functions/record/log/tile.ts'
import { entryIn, skimEntry } from '../../../functions/record/verify/skim.ts'
import { whoseOf } from '../../../functions/record/verify/whose.ts'
import { eventsOf } from '../log/sample.ts'

const numRuns = Number(process.env['SLUICE_RUNS'] ?? 2000)
const [intent, outcome] = eventsOf(2)
const bytesOf = (event: unknown): Buffer => Buffer.from(entryOf(event as Event))
/** What it accepts, `readEntry` accepts too, and says the same of. */
function agrees(bytes: Buffer): boolean {
  const skimmed = skimEntry(bytes)
  if (skimmed === null) return false
  const read = readEntry(bytes)
  const belongs = ['intent', 'outcome', 'correction'].includes(read.kind)
  expect({ ...skimmed, event: null }).toEqual({ ...read, event: null, whose: belongs ? whoseOf(read) : 0 })
  if (read.kind === 'outcome' || read.kind === 'correction') expect(skimmed.event).toEqual({ intent: read.event['intent'], status: read.event['status'] })
  return true
}

test('entries of the gate that no access request has to do with are skimmed, the others are not', () => {
  for (const event of eventsOf(300)) expect(agrees(bytesOf(event)), event.kind).toBe(event.request === undefined || event.kind === 'outcome' || event.kind === 'correction')
})
test('whatever an event holds, and however it is spelt, skimming is sure or silent', () => {
  let sure = 0
  fc.assert(fc.property(fc.jsonValue({ maxDepth: 5 }), fc.boolean(), (value, canonical) => {
    const bytes = canonical ? bytesOf({ ...intent, change: value }) : Buffer.from(JSON.stringify({ event: JSON.parse(canonicalJson({ ...intent, zzz: 1 })), v: 1 }).replace('"zzz":1', `"zzz":${JSON.stringify(value, null, 1)}`))
    if (agrees(bytes)) sure++
  }), { numRuns })
  expect(sure).toBeGreaterThan(numRuns / 10)
})
test('a byte replaced, taken out or put in is never taken for what `readEntry` would refuse', () => {
  const bases = [intent, outcome, { ...outcome, change: { a: [1, -2, 0, true, null, { b: 'c\n"é' }], empty: [{}, []] } }].map(bytesOf)
  fc.assert(fc.property(fc.constantFrom(...bases), fc.nat(), fc.oneof(fc.nat(255), fc.constantFrom(...Buffer.from('"\\{}[]:,0-1 u\t'))), fc.constantFrom('replace', 'insert', 'delete'), (base, n, code, how) => {
    const at = n % base.length
    agrees(Buffer.concat([base.subarray(0, at), how === 'delete' ? Buffer.of() : Buffer.of(code), base.subarray(how === 'insert' ? at : at + 1)]))
  }), { numRuns: 5 * numRuns })
})
test('an intent is skimmed only where it names somebody and rules, all of them, in the plainest way', () => {
  const { who, rules } = intent as IntentEvent
  for (const change of [{ rules: [...rules, 'another, of "two"'] }, { who: { ...who, groups: ['a"b', 'ü'], subject: 'user:zoë' } }]) expect(agrees(bytesOf({ ...intent, ...change })), JSON.stringify(change)).toBe(true)
  for (const change of [
    { rules: [] }, { rules: [''] }, { rules: [...rules, ''] }, { rules: [...rules, 1] }, { rules: [...rules, null] }, { rules: [rules] }, { rules: 'x' }, { who: null }, { who: {} }, { who: { groups: ['x'] } }, { who: { ...who, subject: '' } }, { who: { ...who, subject: null } }, { who: { ...who, subject: ['x'] } },
    { who: { in: { subject: 'x' } } }, { who: { x: ',"subject":"y' } }, { who: { issuer: '"subject":"y' } }, { who: { 'a subject': 'x' } }, { who: 'subject' }, { policy: '' }, { policy: null },
  ]) expect(agrees(bytesOf({ ...intent, ...change })), JSON.stringify(change)).toBe(false)
})
const errorOr = <T>(read: () => T): T | Error => {
  try {
    return read()
  } catch (error) {
    return error as Error
  }
}
test('an entry within a bundle reads as it does alone, whatever its neighbours would make of it, and the bundle stays as it was', () => {
  const writer = { id: intent!.id, n: 7, open: [3, 5] }
  const bases = [...eventsOf(12), { ...intent, writer }, { ...outcome, writer: { ...writer, n: 8 } }, { ...outcome, kind: 'void', change: { kind: 'outcome', id: 'é' } }].map(bytesOf)
  const kinds = new Set<string>()
  fc.assert(fc.property(fc.constantFrom(...bases), fc.constantFrom(...bases), fc.nat(), fc.constantFrom('', '"', '\\', '}', '{', '[', 'é', '\u0000', '0', ',"v":1}'), fc.constantFrom('cut', 'put in', 'as it is', 'parted'), (base, neighbour, n, text, how) => {
    const [head, tail] = [base.subarray(0, n % base.length), base.subarray(n % base.length)]
    const entries = [neighbour, ...how === 'cut' ? [head] : how === 'put in' ? [Buffer.concat([head, Buffer.from(text), tail])] : how === 'parted' ? [head, tail] : [base], Buffer.from(`${text}"}],"v":1}`)]
    const bundle = encodeEntries(entries)
    let from = 2
    for (const entry of entries) {
      const [alone, within] = [errorOr(() => readEntry(entry)), errorOr(() => entryIn(bundle, from, from + entry.length))]
      if (alone instanceof Error || within instanceof Error) expect(within).toEqual(alone)
      else {
        expect({ ...within, event: null, whose: null }).toEqual({ ...alone, event: null, whose: null })
        expect('whose' in within ? { ...alone.event, ...within.event } : within.event).toEqual(alone.event)
        for (const name of alone.kind === 'outcome' ? ['writer', 'intent', 'status'] : ['writer', 'request']) expect(within.event[name]).toEqual(alone.event[name])
        kinds.add(alone.kind)
      }
      from += entry.length + 2
    }
    expect(bundle.equals(encodeEntries(entries))).toBe(true)
  }), { numRuns })
  expect([...kinds]).toEqual(expect.arrayContaining(['intent', 'outcome', 'request', 'approval', 'void']))
})
test('whose an intent is comes out the same by both ways, and other for another caller, session, evaluation or connection', () => {
  const of = (change: object) => skimEntry(bytesOf({ ...intent, ...change }))?.whose
  const all = [{}, { connection: 'shap' }, { connection: null }, { connection: 'null' }, { session: null }, { session: 'null' }, { evaluation: 'eval_1' }, { evaluation: null }, { who: { ...intent!.who, subject: 'agent:support-bat' } }, { who: { ...intent!.who, groups: [] } }, { connection: 'a', evaluation: 'b' }, { connection: 'ab', evaluation: '' }].map(of)
  expect(all).not.toContain(undefined)
  expect(new Set(all).size).toBe(all.length)
  for (const change of [{ session: 'a\n\u0001"' }, { connection: 'ü' }, { connection: [1] }]) agrees(bytesOf({ ...intent, ...change }))
})
describe('left to `readEntry`', () => {
  const base = bytesOf(outcome).toString()
  test.each([
    ['a member twice', base.replace('"by":"gate"', '"by":"gate","by":"gate"')], ['members out of order', base.replace('"at":', '"zat":')], ['-0', base.replace('"durationMs":3', '"durationMs":-0')], ['a leading zero', base.replace('"durationMs":3', '"durationMs":03')],
    ['a fraction', base.replace('"durationMs":3', '"durationMs":3.0')], ['an exponent', base.replace('"durationMs":3', '"durationMs":3e0')], ['a long number', base.replace('"durationMs":3', '"durationMs":9007199254740993')], ['a space', base.replace(':3', ': 3')],
    ['an escaped slash', base.replace('gate', 'ga\\/te')], ['an escaped letter', base.replace('gate', 'g\\u0061te')], ['half a character', base.replace('gate', '\\ud800')], ['a comma too many', base.replace('"v":1}', '"v":1,}')], ['another version', base.replace('"v":1}', '"v":2}')],
    ['more after it', `${base} `], ['cut', base.slice(0, -1)], ['an escaped name', base.replace('"by"', '"b\\u0079"')],
  ])('%s', (_, text) => {
    expect(text).not.toBe(base)
    expect(skimEntry(Buffer.from(text))).toBeNull()
  })
  test('bytes that are not UTF-8', () => expect(skimEntry(Buffer.from(base.replace('gate', '\u00ff'), 'latin1'))).toBeNull())
  test('nesting without end', () => expect(skimEntry(Buffer.from(base.replace('"by":"gate"', `"by":${'['.repeat(60_000)}`)))).toBeNull())
})
