import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { hold } from '../../functions/cli/hold.ts'
import { parseNote } from '../../functions/record/log/note.ts'
import { createConsole } from './console.ts'
import { beside, fork, grow, key, log, out, refuses, scratch, scratchEach, signer, state, witness } from './witnessing.ts'

scratchEach()

test('no change: the state is left alone, and a signature that a crash kept from being written is made', async () => {
  await grow(300)
  await witness()
  const [kept, inode] = [readFileSync(state), statSync(state).ino]
  rmSync(out)
  expect(await witness()).toMatchObject({ code: 0, err: expect.stringContaining('nothing new') })
  expect([readFileSync(state), statSync(state).ino]).toEqual([kept, inode])
  expect(parseNote(readFileSync(out)).signatures).toHaveLength(2)
})
test('a crash after the state and before the key is no reason to doubt the state', async () => {
  await grow(300)
  await witness()
  rmSync(key)
  rmSync(out)
  expect(await witness()).toMatchObject({ code: 0, err: expect.stringContaining('a new witness') })
})
test('a signature that could not be written leaves the newest tree remembered: what was accepted is never forgotten', async () => {
  await grow(300)
  await witness()
  const { checkpoint } = await grow(400)
  rmSync(out)
  mkdirSync(out)
  expect(await witness()).toMatchObject({ code: 1, err: expect.stringContaining('cannot be written (EISDIR)') })
  expect(readFileSync(state)).toEqual(checkpoint)
  expect(readdirSync(scratch).toSorted()).toEqual(['key', 'log', 'out', 'state', 'state.lock'])
  rmSync(out, { recursive: true })
  await grow(300)
  expect(await witness()).toMatchObject({ code: 1, err: expect.stringContaining('ROLLBACK: the log shows 300 entries, and had 400') })
})
test('a damaged state is never begun anew silently; --trust-anew keeps it aside', async () => {
  await grow(300)
  await witness()
  for (const length of [statSync(state).size - 1, 20, 0]) {
    truncateSync(state, length)
    await refuses('damaged, or of another log')
  }
  expect(await witness('--trust-anew')).toMatchObject({ code: 0, err: expect.stringContaining('seen for the first time') })
  expect(beside('before').map((name) => statSync(join(scratch, name)).size)).toEqual([0])
})
test('a state that is gone while the key is there is a memory lost, not a first sight', async () => {
  await grow(300)
  await witness()
  rmSync(state)
  await fork(300)
  expect(await witness()).toMatchObject({ code: 1, err: expect.stringContaining('what it remembered is gone') })
  expect(existsSync(state)).toBe(false)
  expect(await witness('--trust-anew')).toMatchObject({ code: 0 })
})
test('--trust-anew left in a command forgets nothing', async () => {
  await grow(300)
  await witness()
  await fork(400)
  expect(await witness('--trust-anew')).toMatchObject({ code: 3, err: expect.stringContaining('would only make it forget') })
  expect(await witness('--trust-anew', '--every', '1m')).toMatchObject({ code: 3 })
})
test('a key that is damaged, open to others or another witness\'s signs nothing', async () => {
  await grow(300)
  await witness('--name', 'witness.example/w1')
  const line = readFileSync(key, 'utf8')
  chmodSync(key, 0o640)
  await refuses('can be read by others')
  chmodSync(key, 0o600)
  for (const bad of [line.slice(0, -2), line.replace('witness.example', 'witness.exemple'), line.replace(/.(?==*\n$)/, (last) => last === 'A' ? 'Q' : 'A'), '']) {
    writeFileSync(key, bad)
    await refuses('is not a witness\'s key, or damaged')
  }
  writeFileSync(key, line)
  expect(await witness('--name', 'another.example')).toMatchObject({ code: 3, err: expect.stringContaining('the key of `witness.example/w1`') })
  expect(await witness('--name', 'witness.example/w1')).toMatchObject({ code: 0 })
})
test('a memory where the log\'s writer writes, or in one file with something else, is refused', async () => {
  await grow(300)
  const sluice = createConsole().sluice
  const args = (at: string) => ['audit', 'witness', '--log', log, '--vkey', signer.vkey, '--key', key, '--state', at]
  expect(await sluice(args(join(log, 'checkpoint')))).toMatchObject({ code: 3, err: expect.stringContaining('whoever writes the log') })
  symlinkSync(join(log, 'checkpoint'), join(scratch, 'link'))
  expect(await sluice(args(join(scratch, 'link')))).toMatchObject({ code: 3, err: expect.stringContaining('whoever writes the log') })
  expect(await sluice(args(key))).toMatchObject({ code: 3, err: expect.stringContaining('files of their own') })
  expect(await sluice([...args(state), '--out', join(scratch, '.', 'key')])).toMatchObject({ code: 3 })
})
test('two witnesses do not share one memory', async () => {
  await grow(300)
  const letGo = hold(state)
  expect(await witness()).toMatchObject({ code: 1, err: expect.stringContaining('another `sluice audit witness` has') })
  letGo()
  expect(await witness()).toMatchObject({ code: 0 })
})
