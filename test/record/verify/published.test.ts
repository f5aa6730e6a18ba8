import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { checkpointPath, checkpointText, parseCheckpointPath } from '../../../functions/record/log/checkpoint.ts'
import { createConsole } from '../../cli/console.ts'
import { entriesOf, eventsOf, headNote, origin, signerOf } from '../log/sample.ts'
import { parseVkey } from '../../../functions/record/log/note.ts'
import { verifyLog } from '../../../functions/record/verify/verify.ts'
import { check, filesOf, logOf, signer, type Log } from './memory.ts'

/** A copy of the log's bucket: no file `checkpoint`, no `vkey`, and every checkpoint that was published. */
const sizes = [1, 2, 40, 255, 256, 257, 300, 512, 600]
const entries = entriesOf(eventsOf(600))
let bucket: Log
let notes: readonly Buffer[]
beforeAll(async () => {
  const { log, checkpoints } = await logOf(entries, sizes)
  notes = checkpoints
  log.delete('checkpoint')
  log.delete('vkey')
  for (const [at, size] of sizes.entries()) log.set(checkpointPath(size), checkpoints[at]!)
  for (const path of ['begun', 'staging/1', 'staging/1-ab']) log.set(path, Buffer.from('x'))
  bucket = log
})
const changed = (change: (log: Log) => void) => { const log = new Map(bucket); change(log); return check(log, { known: true }) }
const reasons = async (report: ReturnType<typeof check>) => (await report).findings.map(({ path, reason }) => `${path}: ${reason}`)

describe('where a checkpoint lies', () => {
  test('says its size, in the order of sizes, in one spelling', () => {
    expect(checkpointPath(1_234_567)).toBe('checkpoints/000/000/000/001/234/567')
    const many = [0, 1, 9, 10, 255, 999, 1000, 10 ** 9, 2 ** 53 - 1]
    expect(many.map(checkpointPath)).toEqual(many.map(checkpointPath).toSorted())
    for (const size of many) expect(parseCheckpointPath(checkpointPath(size))).toBe(size)
    for (const odd of ['checkpoints/1', 'checkpoints/000/000/000/000/001', 'checkpoints/000/000/000/000/000/0001', 'checkpoints/000/000/000/000/000/00a', `${checkpointPath(1)}/`, ` ${checkpointPath(1)}`, 'tile/0/000', 'checkpoints/999/999/999/999/999/999']) expect(() => parseCheckpointPath(odd), odd).toThrow('not the path')
  })
})

describe('a copy of the bucket', () => {
  test('verifies from its newest checkpoint, and every one there is of its tree', async () => {
    expect(await check(bucket, { known: true })).toMatchObject({ ok: true, size: 600, checkpoints: sizes.length, findings: [] })
  })
  test('by a key that is not the log\'s it does not, and each checkpoint is told of once', async () => {
    const thief = signerOf(origin, 'a thief')
    const found = (await verifyLog(filesOf(bucket), { keys: [parseVkey(thief.vkey)], kept: [] })).findings.map(({ path }) => path)
    expect(found.toSorted()).toEqual(sizes.map(checkpointPath))
  })
  test('a key that lies nowhere must be given', async () => {
    expect(await reasons(check(bucket))).toEqual(['vkey: there is no key to check the log by'])
  })
  test('without its newest checkpoints it was rolled back, and says so by its tiles', async () => {
    expect(await reasons(changed((log) => { log.delete(checkpointPath(600)) }))).toContainEqual(expect.stringContaining('the checkpoint does not reach so far: the log was rolled back'))
  })
  test('beside an older file `checkpoint`, those beyond it are found', async () => {
    const found = await reasons(changed((log) => { log.set('checkpoint', notes[6]!) }))
    expect(found).toContain(`${checkpointPath(600)}: the log was rolled back, or was copied while it grew: it has 300 entries, and this checkpoint 600`)
    expect(found.filter((one) => one.startsWith('checkpoints/'))).toHaveLength(2)
  })
  test.each([1, 40, 256, 300, 512])('a fork at %i, signed by the log\'s own key, is found', async (size) => {
    const fork = await headNote(size, Buffer.alloc(32, 7), signer)
    expect(await reasons(changed((log) => { log.set(checkpointPath(size), fork) }))).toEqual([`${checkpointPath(size)}: its root is not that of the entries: the log was rewritten or forked`])
  })
  test.each([
    ['the checkpoint of another size', () => notes[2]!, 'it is of 40 entries, and its name says another size'],
    ['one that somebody else signed', () => headNote(300, Buffer.alloc(32, 7), signerOf(origin, 'a thief')), 'the checkpoint is not signed by the log\'s key'],
    ['one of another log', () => headNote(300, Buffer.alloc(32, 7), signerOf('another.log', 'x')), 'it is not signed by'],
    ['a flipped byte', () => otherDigit(notes[6]!), 'a signature by a known key does not hold'],
    ['nothing', () => Buffer.of(), 'the note has no blank line'],
    ['no note', () => Buffer.from(checkpointText({ origin, size: 300, root: Buffer.alloc(32), extensions: [] })), 'the note has no blank line'],
  ])('%s in a checkpoint\'s place is found', async (_, make, reason) => {
    const note = await make()
    const report = await changed((log) => { log.set(checkpointPath(300), note) })
    expect(report.ok).toBe(false)
    if (!reason.startsWith('it is not signed')) expect(report.findings).toContainEqual(expect.objectContaining({ path: checkpointPath(300), reason: expect.stringContaining(reason) as string }))
  })
  test('what lies among the checkpoints and is none is found', async () => {
    expect(await reasons(changed((log) => { log.set('checkpoints/latest', notes[0]!) }))).toEqual(['checkpoints/latest: not the path of a checkpoint'])
  })
  test('every byte of every checkpoint counts', async () => {
    for (const [at, size] of sizes.entries()) for (let byte = 0; byte < notes[at]!.length; byte += 29) {
      const note = Buffer.from(notes[at]!)
      note[byte]! ^= 1
      expect((await changed((log) => { log.set(checkpointPath(size), note) })).ok, `${size} ${byte}`).toBe(false)
    }
  })
})

/** One digit of the signature is another one of base64: the note still reads, and its signature does not hold. */
function otherDigit(signed: Uint8Array): Buffer {
  const note = Buffer.from(signed)
  note[note.length - 20] = note[note.length - 20] === 0x41 ? 0x42 : 0x41
  return note
}

describe('`sluice audit verify` of a copy of the bucket', () => {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-bucket-'))
  afterAll(() => rmSync(directory, { recursive: true, force: true }))
  const verify = (name: string, ...more: string[]) => createConsole().sluice(['audit', 'verify', join(directory, name), ...more])
  beforeAll(() => {
    for (const [path, bytes] of bucket) {
      mkdirSync(dirname(join(directory, 'copy', path)), { recursive: true })
      writeFileSync(join(directory, 'copy', path), bytes)
    }
  })
  test('says how many checkpoints were compared, and fails for one that was not', async () => {
    const { code, err } = await verify('copy', '--vkey', signer.vkey)
    expect([code, err]).toEqual([0, expect.stringContaining(`${sizes.length} published checkpoints that are of this tree`)])
    cpSync(join(directory, 'copy'), join(directory, 'other'), { recursive: true })
    writeFileSync(join(directory, 'other', checkpointPath(40)), await headNote(40, Buffer.alloc(32, 7), signer))
    expect((await verify('other', '--vkey', signer.vkey)).code).toBe(1)
    expect((await verify('nothing', '--vkey', signer.vkey)).code).toBe(3)
  })
})
