import { mkdtempSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { entriesOf, eventsOf, headNote, origin, signerOf, writeLog, type Written } from '../record/log/sample.ts'
import { createConsole } from './console.ts'

const signer = signerOf(origin, 'the log')
let directory = ''
let written: Written
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'sluice-verify-'))
  written = await writeLog(directory, entriesOf(eventsOf(300)), signer, [100, 300])
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))
/** No token, no gate: any call out fails the test. */
async function verify(...args: readonly string[]) {
  const console = createConsole()
  const done = await console.sluice(['audit', 'verify', directory, ...args])
  expect(console.sent).toEqual([])
  return done
}

test('a whole log: exit 0, a summary on stderr, nothing on stdout, and no call anywhere', async () => {
  const { code, out, err } = await verify('--vkey', signer.vkey)
  expect({ code, out }).toEqual({ code: 0, out: '' })
  expect(err).toMatch(/^sluice\.example\/audit: 300 entries, root \S+\n\d+ intents, \d+ outcomes, \d+ refusals, \d+ access requests, \d+ approvals.*\nthe log is whole\n$/)
})
test('without the key from elsewhere it says what that leaves open', async () => {
  expect(await verify()).toMatchObject({ code: 0, err: expect.stringContaining('this does not show whose log it is') })
})
test('what is wrong is told: which entry, which event, which file, why; exit 1', async () => {
  const [intent, outcome, ...rest] = eventsOf(300)
  await writeLog(directory, entriesOf([outcome!, intent!, ...rest]), signer, [100, 300])
  const { code, err } = await verify('--vkey', signer.vkey)
  expect(code).toBe(1)
  expect(err).toContain(`entry 0 (${outcome!.id}): the intent of this outcome, ${intent!.id}, is not before it\n`)
  expect(err).toContain('the log does not verify\n')
  const json = await verify('--vkey', signer.vkey, '--json')
  expect(json.code).toBe(1)
  expect(JSON.parse(json.out)).toMatchObject({ ok: false, origin, size: 300, more: 0, findings: [{ index: 0, id: outcome!.id }] })
})
test('a checkpoint kept elsewhere shows a rollback and a fork', async () => {
  const kept = join(directory, 'kept')
  writeFileSync(kept, written.checkpoint)
  expect(await verify('--checkpoint', kept)).toMatchObject({ code: 0 })
  writeFileSync(kept, await headNote(301, Buffer.alloc(32, 1), signer))
  expect(await verify('--checkpoint', kept)).toMatchObject({ code: 1, err: expect.stringContaining('`checkpoint`: the log was rolled back: it has 300 entries, and the kept checkpoint 301') })
  writeFileSync(kept, await headNote(100, Buffer.alloc(32, 1), signer))
  expect(await verify('--checkpoint', kept)).toMatchObject({ code: 1, err: expect.stringContaining('does not begin with the kept checkpoint of 100 entries') })
})
test('another key than the log\'s, or what is no key', async () => {
  expect(await verify('--vkey', signerOf(origin).vkey)).toMatchObject({ code: 1, err: expect.stringContaining('not signed by the log\'s key') })
  expect(await verify('--vkey', 'abc')).toMatchObject({ code: 3, err: expect.stringContaining('--vkey: not a verifier key') })
  expect(await verify('--checkpoint', '/nowhere')).toMatchObject({ code: 3 })
})
test('a directory without a log, and options that belong elsewhere', async () => {
  expect(await createConsole().sluice(['audit', 'verify', '/nowhere'])).toMatchObject({ code: 3, err: expect.stringContaining('there is no log in `/nowhere`') })
  expect(await createConsole().sluice(['audit', 'list', '--vkey', 'x'])).toMatchObject({ code: 3 })
  expect(await createConsole().sluice(['audit', 'verify'])).toMatchObject({ code: 3 })
})
test('a link or a device in place of a file is not read', async () => {
  unlinkSync(join(directory, 'tile/0/000'))
  symlinkSync('/dev/zero', join(directory, 'tile/0/000'))
  expect(await verify()).toMatchObject({ code: 1, err: expect.stringContaining('`tile/0/000`: it is not a plain file') })
})
test('an entry cannot speak to the terminal', async () => {
  const [event] = eventsOf(1)
  await writeLog(directory, entriesOf([{ ...event!, kind: 'request', request: 'arq_\u001b[31m' as `arq_${string}`, change: {} } as never]), signerOf('log\u200b.example', 'x'))
  const { err } = await verify()
  expect(err).not.toMatch(/[\u001b\u200b]/)
})
