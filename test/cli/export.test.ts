import { appendFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { checkProof } from '../../functions/record/log/proof.ts'
import { parseVkey } from '../../functions/record/log/note.ts'
import { decodeEntries } from '../../functions/record/log/tile.ts'
import { auditor, support } from '../support/caller.ts'
import { createLogged } from './logged.ts'

const scratch = mkdtempSync(join(tmpdir(), 'sluice-export-'))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))
const as = { as: auditor }

/** And a directory for what is exported. */
const exporting = () => ({ ...createLogged(), directory: mkdtempSync(join(scratch, 'log-')) })

test('an exported log verifies with nothing but its files, and goes on where it ended', async () => {
  const { sluice, add, directory, sent } = exporting()
  await add(300)
  expect(await sluice(['audit', 'export', '--log', directory], as)).toMatchObject({ code: 0, out: '' })
  const first = readFileSync(join(directory, 'checkpoint'))
  expect((await sluice(['audit', 'verify', directory, '--vkey', readFileSync(join(directory, 'vkey'), 'utf8').trim()])).code).toBe(0)
  await add(500)
  sent.splice(0)
  expect((await sluice(['audit', 'export', '--log', directory], as)).err).toMatch(/of \d+ tiles new/)
  expect(sent.filter(({ url }) => /tile\/(?:0|entries)\/000$/.test(url))).toEqual([])
  writeFileSync(join(scratch, 'kept'), first)
  const verified = await sluice(['audit', 'verify', directory, '--vkey', readFileSync(join(directory, 'vkey'), 'utf8').trim(), '--checkpoint', join(scratch, 'kept')])
  expect([verified.code, verified.err]).toMatchObject([0, expect.stringContaining('the log is whole')])
  expect(readdirSync(join(directory, 'tile/0')).filter((name) => name.endsWith('.p'))).toHaveLength(1)
})

test('a receipt as a file proves the event to whoever has the key', async () => {
  const { sluice, add, directory, world } = exporting()
  await add(3)
  const { id } = world.events[1]!
  await sluice(['audit', 'export', '--log', directory], as)
  const receipt = await sluice(['audit', 'receipt', id], as)
  expect(receipt.code).toBe(0)
  const entry = decodeEntries(readFileSync(join(directory, 'tile/entries/000.p/3')))[1]!
  expect(checkProof(Buffer.from(receipt.out), entry, [parseVkey(readFileSync(join(directory, 'vkey'), 'utf8').trim())]).index).toBe(1)
  expect((await sluice(['audit', 'receipt', 'evt_00000000000000000000000000'], as)).code).toBe(3)
})

test('a log that became shorter, or another\'s, is not written over what was exported', async () => {
  const { sluice, add, directory, memory } = exporting()
  await add(5)
  await sluice(['audit', 'export', '--log', directory], as)
  const before = readFileSync(join(directory, 'checkpoint'), 'utf8')
  const old = memory.heads[0]!
  await add(5)
  await sluice(['audit', 'export', '--log', directory], as)
  Object.assign(memory.log.store, { published: async () => ({ revision: 1, size: old.size, checkpoint: old.checkpoint }) })
  const shorter = await sluice(['audit', 'export', '--log', directory], as)
  expect([shorter.code, shorter.err]).toMatchObject([1, expect.stringContaining('it is the proof')])
  expect(readFileSync(join(directory, 'checkpoint'), 'utf8')).not.toBe(before)
  const other = exporting()
  await other.add(20)
  expect((await other.sluice(['audit', 'export', '--log', directory], as)).code).toBe(3)
})

test('whoever may not read the audit exports nothing; a directory that cannot be written is said by its name', async () => {
  const { sluice, add, directory } = exporting()
  await add(2)
  expect((await sluice(['audit', 'export', '--log', join(directory, 'x')], { as: support })).code).toBe(2)
  expect(existsSync(join(directory, 'x'))).toBe(false)
  const nowhere = process.platform === 'linux' ? await sluice(['audit', 'export', '--log', '/proc/x/y'], as) : null
  if (nowhere) expect(nowhere).toMatchObject({ code: 1, err: expect.stringContaining('`/proc/x` cannot be written (ENOENT)') })
  expect(await sluice(['audit', 'export', '--log', ''], as)).toMatchObject({ code: 3, err: expect.stringContaining('--log names no directory') })
  const deep = join(directory, 'a/b/c')
  expect((await sluice(['audit', 'export', '--log', deep], as)).code).toBe(0)
  expect(existsSync(join(deep, 'checkpoint'))).toBe(true)
  appendFileSync(join(directory, 'file'), '')
  expect(await sluice(['audit', 'export', '--log', join(directory, 'file/x')], as)).toMatchObject({ code: 1, err: expect.stringContaining('file/x` cannot be written (ENOTDIR)') })
  const { code, err } = await sluice(['audit', 'export', '--log', join(directory, 'file')], as)
  expect([code, err]).toMatchObject([1, expect.stringContaining('file')])
  for (const args of [['audit', 'export'], ['audit', 'list', '--log', directory], ['audit', 'receipt']]) expect((await sluice(args, as)).code).toBe(3)
})

test('without --content no content of an earlier tree stays behind, which verify would find', async () => {
  const { sluice, add, directory } = exporting()
  await add(5)
  await sluice(['audit', 'export', '--log', directory, '--content'], as)
  expect(existsSync(join(directory, 'content'))).toBe(true)
  await add(5)
  expect((await sluice(['audit', 'export', '--log', directory], as)).err).toContain('the content that an earlier export left')
  expect([existsSync(join(directory, 'content')), (await sluice(['audit', 'verify', directory])).code]).toEqual([false, 0])
})
