import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect } from 'vitest'
import { parseVkey } from '../../functions/record/log/note.ts'
import { entriesOf, eventsOf, origin, signerOf, writeLog } from '../record/log/sample.ts'
import { createConsole } from './console.ts'

export const signer = signerOf(origin, 'the log')
export const entries = entriesOf(eventsOf(700))
/** The same up to entry 150, and another story from there. */
const forked = [...entries.slice(0, 150), ...entries.slice(151)]
export let scratch = ''
/** Of the test at hand: the log as it is shown, and the witness's files. */
export let [log, state, key, out] = ['', '', '', '']
/** Before each test of the file a directory of its own. */
export function scratchEach(): void {
  beforeEach(() => {
    scratch = mkdtempSync(join(tmpdir(), 'sluice-witness-'))
    ;[log, state, key, out] = ['log', 'state', 'key', 'out'].map((name) => join(scratch, name)) as [string, string, string, string]
  })
  afterEach(() => rmSync(scratch, { recursive: true, force: true }))
}

export const grow = (...sizes: readonly number[]) => writeLog(log, entries, signer, sizes)
export async function fork(...sizes: readonly number[]) {
  rmSync(log, { recursive: true })
  return writeLog(log, forked, signer, sizes)
}
export const given = () => ['audit', 'witness', '--log', log, '--vkey', signer.vkey, '--state', state, '--key', key, '--out', out]
export const witness = (...more: readonly string[]) => createConsole().sluice([...given(), ...more])
export const vkeyIn = (err: string) => parseVkey(/(\S+\+[0-9a-f]{8}\+\S+)\n$/.exec(err)?.[1] ?? '')
/** What the world knows after a refusal: all as it was, and what was shown lies beside it. */
export async function refuses(word: string, ...more: readonly string[]) {
  const before = [readFileSync(state), readFileSync(out)]
  const done = await witness(...more)
  expect(done).toMatchObject({ code: 1, err: expect.stringContaining(word) })
  expect([readFileSync(state), readFileSync(out)]).toEqual(before)
  return done
}
export const beside = (part: string) => readdirSync(scratch).filter((name) => name.startsWith(`state.${part}`))
