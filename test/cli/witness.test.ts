import { existsSync, readFileSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { run } from '../../functions/cli/run.ts'
import type { Terminal } from '../../functions/cli/terminal.ts'
import { openCheckpoint } from '../../functions/record/log/checkpoint.ts'
import { formatNote, formatVkey, keyOf, parseNote, parseVkey, sign } from '../../functions/record/log/note.ts'
import { formatSuccession } from '../../functions/record/log/succession.ts'
import { headNote, origin, put, signerOf, writeLog } from '../record/log/sample.ts'
import { analyst, auditor } from '../support/caller.ts'
import { createConsole } from './console.ts'
import { createLogged } from './logged.ts'
import { beside, entries, fork, given, grow, key, log, out, refuses, scratch, scratchEach, signer, state, vkeyIn, witness } from './witnessing.ts'

scratchEach()

test('first sight: remembered, cosigned by a new key of its own, and said to be the first', async () => {
  const { checkpoint } = await grow(100, 300)
  const { code, err } = await witness()
  expect({ code, err }).toMatchObject({ code: 0, err: expect.stringContaining('300 entries, seen for the first time') })
  expect(readFileSync(state)).toEqual(checkpoint)
  for (const file of [state, key, out, `${state}.lock`]) expect(statSync(file).mode & 0o777).toBe(0o600)
  const opened = openCheckpoint(readFileSync(out), [parseVkey(signer.vkey), vkeyIn(err)])
  expect([opened.checkpoint.size, opened.by.map(({ type }) => type)]).toEqual([300, ['ed25519', 'cosignature/v1']])
})
test.each([[1, 2], [100, 300], [255, 256], [256, 257], [300, 511], [300, 700], [512, 700]])('growth from %i to %i entries is accepted and cosigned by the same key, whatever partial tiles are left', async (old, size) => {
  await grow(old)
  const first = await witness()
  await grow(size)                                               // writeLog makes the tree anew, so nothing of the old edge is sure to be there
  for (const name of readdirSync(join(log, 'tile/0'))) if (name.endsWith('.p') && size >= 256 && name === '000.p') rmSync(join(log, 'tile/0', name), { recursive: true })
  const { code, err } = await witness()
  expect({ code, err }).toMatchObject({ code: 0, err: expect.stringContaining(`${size} entries, which begin with those that were kept`) })
  expect(vkeyIn(err)).toEqual(vkeyIn(first.err))
  expect(openCheckpoint(readFileSync(out), [parseVkey(signer.vkey), vkeyIn(err)]).by).toHaveLength(2)
})
test('an empty log may be the first, and may grow', async () => {
  await grow(0)
  expect(await witness()).toMatchObject({ code: 0 })
  await grow(3)
  expect(await witness()).toMatchObject({ code: 0, err: expect.stringContaining('3 entries, which begin') })
})
test('rollback: refused, the old one kept, the new one beside it as evidence, once', async () => {
  await grow(300)
  await witness()
  const { checkpoint } = await grow(299)
  const { err } = await refuses('ROLLBACK: the log shows 299 entries, and had 300')
  await refuses('ROLLBACK', '--every', '1s')
  expect(beside('refused').map((name) => readFileSync(join(scratch, name)))).toEqual([checkpoint])
  expect(err).toContain(beside('refused')[0])
})
test.each([[300, 300], [300, 301], [151, 700], [256, 700]])('a fork of a log of %i entries, %i long now, is refused with both notes as proof, and so is all that follows', async (old, size) => {
  await grow(old)
  await witness()
  const { checkpoint } = await fork(size)
  await refuses('FORK')
  await refuses('FORK')
  expect(beside('refused').map((name) => readFileSync(join(scratch, name)))).toEqual([checkpoint])
  await grow(700)                                                // the true one again: nothing of the fork was remembered
  expect(await witness()).toMatchObject({ code: 0 })
})
test('a fork after the kept part is none to this witness', async () => {
  await grow(150)
  await witness()
  await fork(400)
  expect(await witness()).toMatchObject({ code: 0 })
})
test('a checkpoint by another key, garbage, one without end and none at all: nothing is accepted', async () => {
  await grow(300)
  await witness()
  const { root } = await grow(400)
  put(log, 'checkpoint', await headNote(400, root, signerOf(origin)))
  await refuses('not signed by the log\'s key')
  put(log, 'checkpoint', await headNote(400, root, signerOf('other.example', 'the log')))
  await refuses('not signed by the log\'s key')
  for (const [bytes, word] of [['garbage', 'blank line'], ['', 'blank line'], ['\u0000', 'control'], ['a'.repeat(300_000), 'too large']] as const) {
    put(log, 'checkpoint', Buffer.from(bytes))
    await refuses(word)
  }
  rmSync(join(log, 'checkpoint'))
  await refuses('`checkpoint` is missing')
  expect(beside('refused')).toEqual([])
})
test('tiles that are missing or damaged show nothing: not accepted, and not called a fork', async () => {
  await grow(300)
  await witness()
  await grow(300, 700)
  const whole = readFileSync(join(log, 'tile/0/001'))
  put(log, 'tile/0/001', whole.map((byte, at) => at === 5000 ? byte ^ 1 : byte))
  await refuses('the tiles do not lead to the signed root')
  put(log, 'tile/0/001', whole.subarray(0, 100))
  await refuses('a tile is too short')
  rmSync(join(log, 'tile/0/001'))
  await refuses('`tile/0/001` is missing')
  symlinkSync('/dev/zero', join(log, 'tile/0/001'))
  await refuses('not a plain file')
  expect(beside('refused')).toEqual([])
})
test('at first sight too the tiles must be there, and those of the signed tree', async () => {
  await grow(300)
  const edge = join(log, 'tile/0/001.p/44')
  writeFileSync(edge, readFileSync(edge).map((byte, at) => at === 100 ? byte ^ 1 : byte))
  expect(await witness()).toMatchObject({ code: 1, err: expect.stringContaining('the tiles do not lead to the signed root') })
  rmSync(join(log, 'tile/0/001.p'), { recursive: true })
  expect(await witness()).toMatchObject({ code: 1, err: expect.stringContaining('`tile/0/001.p/44` is missing') })
  expect([existsSync(state), existsSync(key), existsSync(out)]).toEqual([false, false, false])
})
test('signatures by others are not passed on, and leave room for the witness\'s own', async () => {
  const { root } = await grow(300)
  const note = (await headNote(300, root, signer)).toString()
  const stranger = `— stranger.example ${Buffer.alloc(68, 7).toString('base64')}\n`
  put(log, 'checkpoint', Buffer.from(note + stranger.repeat(99)))
  expect(await witness()).toMatchObject({ code: 0 })
  expect(parseNote(readFileSync(out)).signatures.map(({ name }) => name)).toEqual([origin, 'sluice-witness'])
})
test('what is missing or contradicts itself in the arguments is exit 3', async () => {
  await grow(300)
  const sluice = createConsole().sluice
  expect(await sluice(['audit', 'witness', '--log', log, '--state', state, '--key', key])).toMatchObject({ code: 3, err: expect.stringContaining('a key fetched with the log would prove nothing') })
  for (const more of [['--once', '--every', '1m'], ['--every', '0s'], ['--every', '25h'], ['--url', 'http://127.0.0.1:8787'], ['--vkey', 'abc'], ['--vkey', signerOf('other.example').vkey], ['--name', 'a b'], ['--name', 'a+b'], ['more']]) expect((await witness(...more)).code, more.join(' ')).toBe(3)
  expect(existsSync(state)).toBe(false)
})
test('audit verify takes the state as the checkpoint kept elsewhere, and the cosigned note as well', async () => {
  await grow(300)
  await witness()
  await grow(300, 700)
  const verify = (file: string) => createConsole().sluice(['audit', 'verify', log, '--vkey', signer.vkey, '--checkpoint', file])
  for (const file of [state, out]) expect(await verify(file)).toMatchObject({ code: 0, err: expect.stringContaining('the log is whole') })
  await fork(700)
  for (const file of [state, out]) expect(await verify(file)).toMatchObject({ code: 1, err: expect.stringContaining('does not begin with the kept checkpoint of 300 entries') })
})
test('--every goes on over what it cannot see, and ends at what contradicts itself', async () => {
  await grow(300)
  await witness()
  let said = ''
  const terminal: Terminal = { out: () => {}, err: (text) => { said += text }, input: async () => '', env: {}, columns: null, color: false }
  const never = () => { throw new Error('no call is to be made') }
  const running = run([...given(), '--every', '1s'], { terminal, fetch: never, bootstrap: never })
  const says = (word: string) => expect.poll(() => said).toContain(word)
  await says('nothing new')
  rmSync(join(log, 'checkpoint'))
  await says('`checkpoint` is missing')
  await fork(400)
  expect(await running).toBe(1)
  expect(said).toContain('FORK')
}, 60_000)
test('over a gate: with the caller\'s token, growing; whom no rule lets is denied; nothing of it is put on record', async () => {
  const console = createLogged()
  const { memory, add, world: { events } } = console
  const { name, publicKey } = memory.log.signer
  const vkey = formatVkey(keyOf(name, await publicKey()))
  const args = ['audit', 'witness', '--url', 'http://127.0.0.1:8787', '--vkey', vkey, '--state', state, '--key', key, '--json']
  expect(await console.sluice(args, { as: auditor })).toMatchObject({ code: 1, err: expect.stringContaining('does not give `checkpoint`') })
  await add(300)
  const before = events.length
  const first = await console.sluice(args, { as: auditor, env: { SLUICE_URL: 'http://127.0.0.1:1' } })
  expect({ ...first, out: JSON.parse(first.out) }).toMatchObject({ code: 0, out: { sight: 'first', size: 300, origin: name } })
  expect(events.length).toBe(before)
  await add(300)
  const grown = JSON.parse((await console.sluice(args, { as: auditor })).out)
  expect(grown).toMatchObject({ sight: 'grown', size: 600 })
  expect(openCheckpoint(Buffer.from(grown.note), [parseVkey(vkey), parseVkey(grown.vkey)]).by).toHaveLength(2)
  expect(await console.sluice(args, { as: analyst })).toMatchObject({ code: 2 })
  expect(await console.sluice(args)).toMatchObject({ code: 2, err: expect.stringContaining('no token for http://127.0.0.1:8787') })
})

const [next, thief] = [signerOf(origin, 'the next key'), signerOf(origin, 'a thief')]
const tell = async (...notes: readonly string[]) => put(log, 'keys', Buffer.from(JSON.stringify({ keys: notes })))
test('a key that follows by the word of the one before it is accepted, remembered, and the old one is not heard any more', async () => {
  await grow(100)
  expect(await witness()).toMatchObject({ code: 0 })
  await writeLog(log, entries, next, [300])
  await refuses('nothing was accepted: the checkpoint is not signed by the log\'s key')
  await tell(await formatSuccession(signer, next, Date.parse('2026-11-23T09:00:00.000Z')))
  expect(await witness()).toMatchObject({ code: 0, err: expect.stringContaining(`the log has another key now, which the one before it named: ${signer.vkey} ${next.vkey}`) })
  expect(openCheckpoint(readFileSync(state), [parseVkey(next.vkey)]).checkpoint.size).toBe(300)
  rmSync(join(log, 'keys'))
  await writeLog(log, entries, next, [400])
  expect(await witness()).toMatchObject({ code: 0, err: expect.stringContaining('400 entries, which begin with those that were kept') })
  await grow(500)                                                // whoever found the key that was given up
  await refuses('nothing was accepted: the checkpoint is not signed by the log\'s key')
  expect(await createConsole().sluice(['audit', 'witness', '--log', log, '--vkey', next.vkey, '--state', state, '--key', key])).toMatchObject({ code: 1 })
})
test('no key follows by anybody else\'s word, or backwards', async () => {
  await grow(100)
  await witness()
  await writeLog(log, entries, thief, [300])
  for (const notes of [[await formatSuccession(thief, next, 0)], [(await formatSuccession(thief, next, 0)).replaceAll(next.vkey, signer.vkey)], [(await formatSuccession(thief, next, 0)).replaceAll(thief.vkey, signer.vkey)], ['', 'x']]) {
    await tell(...notes)
    await refuses('nothing was accepted: the checkpoint is not signed by the log\'s key')
  }
  await tell(await formatSuccession(thief, signer, 0))           // the log's own key says that it follows: that vouches for nobody before it
  await refuses('nothing was accepted: the checkpoint is not signed by the log\'s key')
  expect(existsSync(`${state}.keys`)).toBe(false)
})
test('while both sign, whoever knows the old one needs nothing more', async () => {
  await grow(100)
  await witness()
  await grow(300)
  const note = parseNote(readFileSync(join(log, 'checkpoint')))
  put(log, 'checkpoint', formatNote({ text: note.text, signatures: [...note.signatures, await sign(note.text, next)] }))
  expect(await witness()).toMatchObject({ code: 0 })
  expect(parseNote(readFileSync(state)).signatures).toHaveLength(1)
})
