import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { canonicalJson } from '../../../schema/bundle.ts'
import { checkpointText, openCheckpoint, parseCheckpoint } from '../../../functions/record/log/checkpoint.ts'
import { entryOf, readEntry } from '../../../functions/record/log/entry.ts'
import { FormatError } from '../../../functions/record/log/format.ts'
import { append, emptyLog } from '../../../functions/record/log/grow.ts'
import { cosign, formatNote, formatVkey, keyOf, parseNote, parseVkey, sign, signedBy } from '../../../functions/record/log/note.ts'
import { checkProof, formatProof, parseProof } from '../../../functions/record/log/proof.ts'
import { proveInclusion } from '../../../functions/record/log/prove.ts'
import { decodeEntries, edgeOf, encodeEntries, parseTilePath, tilePath, widthIn } from '../../../functions/record/log/tile.ts'
import { openOf } from '../../../schema/content.ts'
import type { Event } from '../../../schema/event.ts'
import { entriesOf, eventsOf, headNote, origin, signerOf } from './sample.ts'

const runs = { numRuns: Number(process.env['SLUICE_RUNS'] ?? 300) }
const bytes = (text: string) => Buffer.from(text)
const vkey = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW'
const text = 'If you think cryptography is the answer to your problem,\nthen you don\'t know what your problem is.\n'
const signature = '— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n'
const behindTheSofa = `example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==
`
/** Throws nothing but its own error. */
const reads = (read: () => unknown): boolean => {
  try {
    read()
    return true
  } catch (error) {
    if (error instanceof FormatError) return false
    throw error
  }
}

describe('signed notes', () => {
  test('the example of Go\'s own package verifies', () => {
    const key = parseVkey(vkey)
    expect(formatVkey(key)).toBe(vkey)
    expect(signedBy(parseNote(bytes(`${text}\n${signature}`)), [key])).toEqual([key])
    expect(formatNote(parseNote(bytes(`${text}\n${signature}`))).toString()).toBe(`${text}\n${signature}`)
  })
  test('the examples of C2SP are read and written back byte for byte', () => {
    const note = parseNote(bytes(behindTheSofa))
    expect(note.signatures.map(({ name, bytes: { length } }) => [name, length])).toEqual([['example.com/behind-the-sofa', 64], ['witness.example.com/w1', 72]])
    expect(formatNote(note).toString()).toBe(behindTheSofa)
    expect(parseCheckpoint(note.text)).toMatchObject({ origin: 'example.com/behind-the-sofa', size: 20852163, extensions: [] })
    expect(checkpointText(parseCheckpoint(note.text))).toBe(note.text)
    const poem = 'Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned è subito sera.\n\n— quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=\n'
    expect(parseNote(bytes(poem)).text.endsWith('\n\ned è subito sera.\n')).toBe(true)
  })
  test('unknown keys are left alone; a known one that did not sign spoils the note', () => {
    const key = parseVkey(vkey)
    const other = signerOf('PeterNeumann')
    const foreign = `— PeterNeumann ${Buffer.concat([Buffer.of(1, 2, 3, 4), Buffer.alloc(64)]).toString('base64')}\n`
    expect(signedBy(parseNote(bytes(`${text}\n${foreign}${signature}${foreign}`)), [key])).toEqual([key])
    expect(signedBy(parseNote(bytes(`${text}\n${foreign}`)), [key])).toEqual([])
    expect(signedBy(parseNote(bytes(`${text}\n${signature}`)), [parseVkey(other.vkey)])).toEqual([])
    expect(() => signedBy(parseNote(bytes(`${text}more\n\n${signature}`)), [key])).toThrow('a signature by a known key does not hold')
    const long = `— PeterNeumann ${Buffer.concat([Buffer.from('c74f20a3', 'hex'), Buffer.alloc(65)]).toString('base64')}\n`
    expect(() => signedBy(parseNote(bytes(`${text}\n${signature}${long}`)), [key])).toThrow('a signature by a known key does not hold')
  })
  test.each([
    ['nothing', ''], ['no blank line', `${text}${signature}`], ['no signature', `${text}\n`], ['no newline at the end', `${text}\n${signature.slice(0, -1)}`], ['a blank line after', `${text}\n${signature}\n`],
    ['a carriage return', `${text}\n${signature}`.replaceAll('\n', '\r\n')], ['a tab', `a\tb\n\n${signature}`], ['a NUL', `a\0b\n\n${signature}`], ['a hyphen for the dash', `${text}\n${signature.replace('—', '-')}`],
    ['two spaces', `${text}\n${signature.replace(' x08', '  x08')}`], ['a space at the end', `${text}\n${signature.slice(0, -1)} \n`], ['no padding', `${text}\n${signature.replace('=', '')}`],
    ['other spare bits in base64', `${text}\n${signature.replace('nAM=', 'nAN=')}`], ['base64url', `${text}\n${signature.replaceAll('/', '_')}`], ['a name with a plus', `${text}\n${signature.replace('Neu', '+')}`],
    ['a name with a no-break space', `${text}\n${signature.replace('Neu', '\u00a0')}`], ['no name', `${text}\n${signature.replace('PeterNeumann', '')}`], ['only a key id', `${text}\n— PeterNeumann x08gow==\n`],
    ['101 signatures', `${text}\n${signature.repeat(101)}`], ['another line among the signatures', `${text}\n${signature}hello\n${signature}`],
  ])('not a note: %s', (_, note) => expect(reads(() => parseNote(bytes(note)))).toBe(false))
  test('bytes that are not UTF-8, and a byte order mark, do not pass as what they look like', () => {
    expect(reads(() => parseNote(Buffer.concat([Buffer.of(0xff), bytes(`${text}\n${signature}`)])))).toBe(false)
    expect(() => signedBy(parseNote(bytes(`\ufeff${text}\n${signature}`)), [parseVkey(vkey)])).toThrow('does not hold')
  })
  test.each(['', 'a', 'a+b+c', vkey.toUpperCase(), `${vkey}\n`, vkey.replace('c74f20a3', 'c74f20a4'), vkey.replace('+c74f', '+C74F'), vkey.replace('PeterNeumann', 'Peter Neumann'), vkey.replace('ARpc', 'Ahpc'), `${vkey}+`, vkey.slice(0, -4)])('not a verifier key: %j', (key) =>
    expect(reads(() => parseVkey(key))).toBe(false))
  test('whatever is read is what would be written: one note has one spelling', () => {
    const base = bytes(behindTheSofa)
    fc.assert(fc.property(fc.nat(base.length - 1), fc.nat(255), fc.constantFrom('replace', 'insert', 'delete'), (at, value, how) => {
      const note = Buffer.concat([base.subarray(0, at), how === 'delete' ? Buffer.of() : Buffer.of(value), base.subarray(how === 'insert' ? at : at + 1)])
      if (reads(() => parseNote(note))) expect(formatNote(parseNote(note)).equals(note)).toBe(true)
    }), { numRuns: 10 * runs.numRuns })
  })
})

test('a cosignature is over the time and the text, and counts neither as the log\'s nor with another time', async () => {
  const [log, witness] = [signerOf(origin, 'log'), signerOf('witness.example/w1', 'witness')]
  const { root } = append(emptyLog, entriesOf(eventsOf(3)))
  const note = parseNote(await headNote(3, root, log))
  const cosigned = { ...note, signatures: [...note.signatures, await cosign(note.text, witness, 1679315147)] }
  const witnessKey = keyOf(witness.name, await witness.publicKey(), 'cosignature/v1')
  expect(parseVkey(formatVkey(witnessKey))).toEqual(witnessKey)
  const keys = [parseVkey(log.vkey), witnessKey]
  expect(openCheckpoint(formatNote(cosigned), keys).by).toEqual(keys)
  expect(() => openCheckpoint(formatNote({ ...note, signatures: cosigned.signatures.slice(1) }), keys)).toThrow('not signed by the log\'s key')
  const [mine, theirs] = cosigned.signatures
  const later = Buffer.from(theirs!.bytes)
  later.writeBigUInt64BE(1679315148n)
  expect(() => openCheckpoint(formatNote({ ...note, signatures: [mine!, { ...theirs!, bytes: later }] }), keys)).toThrow('does not hold')
})

describe('checkpoints', () => {
  const root = Buffer.alloc(32, 7).toString('base64')
  test.each([
    ['two lines', `a\n1\n`], ['no newline', `a\n1\n${root}`], ['an empty line', `a\n1\n${root}\n\n`], ['no origin', `\n1\n${root}\n`], ['a leading zero', `a\n01\n${root}\n`], ['a sign', `a\n+1\n${root}\n`], ['an exponent', `a\n1e3\n${root}\n`],
    ['past 2^53', `a\n9007199254740993\n${root}\n`], ['a short root', `a\n1\n${Buffer.alloc(31).toString('base64')}\n`], ['an empty tree with a root', `a\n0\n${root}\n`], ['other digits', `a\n１\n${root}\n`],
  ])('not a checkpoint: %s', (_, given) => expect(reads(() => parseCheckpoint(given))).toBe(false))
  test('the key must have the log\'s name: a key for another log does not sign for this one', async () => {
    const signer = signerOf('sluice.example/other')
    const text = checkpointText({ origin, size: 1, root: Buffer.alloc(32), extensions: [] })
    const note = formatNote({ text, signatures: [await sign(text, signer)] })
    expect(() => openCheckpoint(note, [parseVkey(signer.vkey)])).toThrow('not signed by the log\'s key')
  })
})

describe('tiles', () => {
  test('names are those of tlog-tiles', () => {
    expect(tilePath({ level: 0, index: 1234067, width: 256 })).toBe('tile/0/x001/x234/067')
    expect(tilePath({ level: 'entries', index: 0, width: 1 })).toBe('tile/entries/000.p/1')
    expect(edgeOf(70_000).map(tilePath)).toEqual(['tile/entries/273.p/112', 'tile/0/273.p/112', 'tile/1/001.p/17', 'tile/2/000.p/1'])
    expect(edgeOf(256).map(tilePath)).toEqual(['tile/1/000.p/1'])
    expect([0, 1, 2, 3].map((index) => widthIn(600, 0, index))).toEqual([256, 256, 88, 0])
  })
  test('a name is read back, and no other spelling is a name', () => {
    fc.assert(fc.property(fc.oneof(fc.constant('entries' as const), fc.nat(63)), fc.nat(10 ** 12), fc.integer({ min: 1, max: 256 }), (level, index, width) => {
      expect(parseTilePath(tilePath({ level, index, width }))).toEqual({ level, index, width })
    }))
    for (const path of ['tile/0/0', 'tile/0/1000', 'tile/00/000', 'tile/64/000', 'tile/0/000.p/0', 'tile/0/000.p/256', 'tile/0/000.p/01', 'tile/0/x000/001', 'tile/0/x001/1', '/tile/0/000', 'tile/0/000/', 'tile/-1/000', 'tile/8/0/000', 'tile/entries/000.p', 'tile/0/../000'])
      expect(reads(() => parseTilePath(path)), path).toBe(false)
    const nearly = fc.tuple(fc.constantFrom('entries', '0', '63', '64', '00'), fc.array(fc.constantFrom('x000', 'x001', 'x999', '001'), { maxLength: 2 }), fc.constantFrom('000', '067', '0001', 'x001'), fc.constantFrom('', '.p/1', '.p/255', '.p/256', '.p/01', '.p'))
    let names = 0
    fc.assert(fc.property(nearly, ([level, above, index, width]) => {
      const path = `tile/${[level, ...above, index].join('/')}${width}`
      if (!reads(() => parseTilePath(path))) return
      names++
      expect(tilePath(parseTilePath(path))).toBe(path)
    }), runs)
    expect(names).toBeGreaterThan(0)
  })
  test('a bundle is read as it was written, and one cut anywhere is none or shorter', () => {
    fc.assert(fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 20 }), fc.nat(), (entries, cut) => {
      const bundle = encodeEntries(entries)
      expect(decodeEntries(bundle).map((entry) => [...entry])).toEqual(entries.map((entry) => [...entry]))
      const part = bundle.subarray(0, cut % (bundle.length + 1))
      if (reads(() => decodeEntries(part))) expect(encodeEntries(decodeEntries(part)).equals(part)).toBe(true)
    }), runs)
    expect(reads(() => decodeEntries(encodeEntries(Array.from({ length: 257 }, () => Buffer.of(1)))))).toBe(false)
    expect(() => encodeEntries([Buffer.alloc(65_536)])).toThrow(RangeError)
    expect(() => append(emptyLog, [Buffer.alloc(65_536)])).toThrow(RangeError)
  })
})

describe('receipts', () => {
  const entries = entriesOf(eventsOf(700))
  const log = signerOf(origin, 'log')
  const made = append(emptyLog, entries)
  const tiles = new Map(made.tiles.map(({ path, bytes: tile }) => [path, tile]))
  const receipt = async (index: number, extra: Uint8Array | null = null) => formatProof({
    extra, index, checkpoint: await headNote(700, made.root, log), hashes: await proveInclusion(index, 700, async (tile) => tiles.get(tilePath(tile)) ?? Promise.reject(new Error('no tile'))),
  })
  test('a receipt shows its entry and no other, to whoever has the log\'s key', async () => {
    const proof = await receipt(513, bytes('hello'))
    expect(proof.toString()).toMatch(/^c2sp\.org\/tlog-proof@v1\nextra aGVsbG8=\nindex 513\n([A-Za-z0-9+/]{43}=\n)+\nsluice\.example\/audit\n700\n/)
    expect(formatProof(parseProof(proof)).equals(proof)).toBe(true)
    expect(checkProof(proof, entries[513]!, [parseVkey(log.vkey)])).toMatchObject({ index: 513, checkpoint: { size: 700 } })
    expect(() => checkProof(proof, entries[512]!, [parseVkey(log.vkey)])).toThrow('does not lead from this entry')
    expect(() => checkProof(proof, entries[513]!, [parseVkey(signerOf(origin).vkey)])).toThrow('not signed by the log\'s key')
  })
  test('no other byte of it can be another, the extra data apart', async () => {
    const proof = await receipt(99)
    fc.assert(fc.property(fc.nat(proof.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const other = Buffer.from(proof)
      other[at]! ^= flip
      expect(reads(() => checkProof(other, entries[99]!, [parseVkey(log.vkey)]))).toBe(false)
    }), runs)
  })
  test('whatever it is given, the parser throws its own error only', () => {
    fc.assert(fc.property(fc.array(fc.oneof(fc.constantFrom('c2sp.org/tlog-proof@v1', 'index 1', 'extra AAAA', '', 'index 01', 'AAAA', Buffer.alloc(32).toString('base64')), fc.string()), { maxLength: 9 }), (lines) => { expect(() => reads(() => parseProof(bytes(lines.join('\n'))))).not.toThrow() }), runs)
    fc.assert(fc.property(fc.uint8Array(), (given) => { for (const read of [parseProof, parseNote, readEntry, decodeEntries]) expect(() => reads(() => read(given)), read.name).not.toThrow() }), runs)
    fc.assert(fc.property(fc.string(), (given) => { for (const read of [parseVkey, parseCheckpoint, parseTilePath]) expect(() => reads(() => read(given)), read.name).not.toThrow() }), runs)
  })
})

describe('entries', () => {
  test('an event is its canonical JSON, and one over 60 000 bytes its digest and what is needed to judge it', () => {
    const [event] = eventsOf(1) as [Event & { kind: 'intent' }]
    expect(bytes(canonicalJson({ v: 1, event: openOf(event) })).equals(entryOf(event))).toBe(true)
    const large: Event = { ...event, request: 'arq_01KAX0000000000000000000000', rules: ['x'.repeat(70_000)] }
    const entry = entryOf(large)
    expect(JSON.parse(Buffer.from(entry).toString())).toMatchObject({ v: 1, id: event.id, kind: 'intent', digest: expect.stringMatching(/^[0-9a-f]{64}$/), about: { request: large.request } })
    expect(readEntry(entry)).toMatchObject({ whole: false, id: event.id, event: { request: large.request } })
    const endless: Event = { ...large, who: { ...event.who!, groups: Array.from({ length: 9000 }, (_, i) => `group-${i}`) } }
    expect(entryOf(endless).length).toBeLessThan(300)
    expect(readEntry(entryOf(endless))).toMatchObject({ id: event.id, whole: false })
  })
  test.each([
    ['space', '{"event":{}, "v":1}'], ['members out of order', '{"v":1,"event":{}}'], ['a member twice', '{"event":{},"v":1,"v":1}'], ['another spelling of a number', '{"event":{},"v":1.0}'],
    ['another spelling of a letter', '{"\\u0065vent":{},"v":1}'], ['half a character', '{"event":{"x":"\\ud800"},"v":1}'], ['no JSON', '{'], ['another version', '{"event":{},"v":2}'], ['no id', '{"event":{},"v":1}'], ['null', 'null'], ['__proto__', '{"__proto__":{"event":1},"v":1}'],
  ])('not an entry: %s', (_, entry) => expect(reads(() => readEntry(bytes(entry)))).toBe(false))
  test('members whose names are numbers stand as canonical JSON has them', () => {
    const [event] = eventsOf(1)
    const odd = { ...event!, kind: 'policy' as const, change: { 10: 'a', 9: 'b', 'x': [{ 2: 1, 11: 2 }] } } as unknown as Event
    expect(readEntry(entryOf(odd)).id).toBe(event!.id)
    expect(reads(() => readEntry(bytes(JSON.stringify(JSON.parse(Buffer.from(entryOf(odd)).toString())))))).toBe(false)
  })
  test('canonical JSON has members by UTF-16 code units, however many there are, and strings and numbers as JSON has them', () => {
    const plainly = (value: unknown): string => Array.isArray(value) ? `[${value.map(plainly).join(',')}]`
      : typeof value !== 'object' || value === null ? JSON.stringify(value) : `{${Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([name, member]) => `${JSON.stringify(name)}:${plainly(member)}`).join(',')}}`
    const names = fc.oneof(fc.string({ unit: 'binary', maxLength: 60 }), fc.string({ unit: 'binary-ascii', maxLength: 4 }), fc.nat().map(String))
    fc.assert(fc.property(fc.uniqueArray(fc.tuple(names, fc.jsonValue({ maxDepth: 2 })), { maxLength: 70, selector: ([name]) => name, size: 'max' }), (members) => {
      const value: unknown = JSON.parse(JSON.stringify(Object.fromEntries(members)))
      expect(canonicalJson(value)).toBe(plainly(value))
    }), runs)
    expect(canonicalJson({ b: -0, a: undefined, c: [1e21, 5e-324, '\u007f\u2028\ud83d\ude00"\\'] })).toBe('{"b":0,"c":[1e+21,5e-324,"\u007f\u2028\ud83d\ude00\\"\\\\"]}')
    for (const bad of [NaN, Infinity, '\ud800', { '\udc00': 1 }, [undefined], Array(1), () => 1, 1n]) expect(() => canonicalJson(bad)).toThrow(RangeError)
  })
  test('canonical is what canonicalJson says, for any JSON', () => {
    fc.assert(fc.property(fc.jsonValue({ maxDepth: 4 }), fc.boolean(), (value, shuffle) => {
      const event = { ...eventsOf(1)[0]!, change: value }
      const json = shuffle ? JSON.stringify({ event, v: 1 }) : Buffer.from(entryOf(event as unknown as Event)).toString()
      expect(reads(() => readEntry(bytes(json)))).toBe(json === safely(() => canonicalJson(JSON.parse(json))))
    }), runs)
  })
})
const safely = (make: () => string): string | null => { try { return make() } catch { return null } }

