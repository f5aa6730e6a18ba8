import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseNote, parseVkey, signedBy } from '../../functions/record/log/note.ts'
import { proveConsistency, proveInclusion } from '../../functions/record/log/prove.ts'
import { tilePath } from '../../functions/record/log/tile.ts'
import { createConsole } from '../cli/console.ts'
import { entriesOf, eventsOf, headNote, origin, put, signerOf, writeLog } from '../record/log/sample.ts'

/** What shares no code with us: Go's packages for the checksum database of Go modules, as Debian has them (test/log/go/main.go). */
const packages = '/usr/share/gocode'
const there = existsSync(`${packages}/src/golang.org/x/mod/sumdb/note/note.go`) && spawnSync('go', ['version']).status === 0
if (!there) console.log('skipped: the log as Go\'s own packages verify it wants them: apt-get install -y golang-go golang-golang-x-mod-dev')

const directory = mkdtempSync(join(tmpdir(), 'sluice-log-'))
const program = join(directory, 'check')
const go = (args: readonly string[], input = '') => {
  const { status, stdout, stderr } = spawnSync(program, args, { input, encoding: 'utf8', maxBuffer: 2 ** 26 })
  return { status, out: stdout, err: stderr }
}
const signer = signerOf(origin, 'the log')
const at = (name: string) => join(directory, name)
const verify = async (name: string) => (await createConsole().sluice(['audit', 'verify', at(name), '--vkey', signer.vkey])).code

afterAll(() => rmSync(directory, { recursive: true, force: true }))

describe.skipIf(!there)('a log of ours in the eyes of Go', () => {
  beforeAll(() => {
    const built = spawnSync('go', ['build', '-o', program, '.'], {
      cwd: join(import.meta.dirname, 'go'), encoding: 'utf8', env: { PATH: process.env['PATH'], HOME: directory, GOCACHE: join(tmpdir(), `sluice-go-${process.getuid?.() ?? 0}`), GO111MODULE: 'off', GOPATH: packages, GOPROXY: 'off', GOFLAGS: '' },
    })
    expect(built.stderr).toBe('')
  })

  test('50 000 and more entries verify there and here, with the same root', async () => {
    await writeLog(at('long'), entriesOf(eventsOf(50_432)), signer, [1, 256, 30_000, 50_432])
    const [, , root] = readFileSync(join(at('long'), 'checkpoint'), 'utf8').split('\n')
    expect(go(['verify', at('long')])).toEqual({ status: 0, out: `50432 ${root}\n`, err: '' })
    expect(await verify('long')).toBe(0)
  }, 180_000)

  test.each([0, 1, 2, 255, 256, 257, 511, 512, 65_536, 65_537])('a log of %i entries verifies', async (size) => {
    await writeLog(at(`of${size}`), Array.from({ length: size }, (_, i) => Buffer.from(`entry ${i}`)), signer)
    expect(go(['verify', at(`of${size}`)])).toMatchObject({ status: 0, err: '' })
  }, 120_000)

  test('proofs made here are those made there', async () => {
    await writeLog(at('proofs'), Array.from({ length: 66_000 }, (_, i) => Buffer.from(`entry ${i}`)), signer)
    const read = async (tile: Parameters<typeof tilePath>[0]) => readFileSync(join(at('proofs'), tilePath(tile)))
    for (const [index, old] of [[0, 1], [255, 256], [65_535, 65_536], [65_536, 65_537], [65_999, 66_000], [40_000, 12_345], [31_337, 65_999]] as const) {
      const lines = (hashes: readonly Uint8Array[]) => hashes.map((hash) => `${Buffer.from(hash).toString('base64')}\n`).join('')
      expect(go(['proofs', at('proofs'), String(index), String(old)]).out, `${index} ${old}`).toBe(`${lines(await proveInclusion(index, 66_000, read))}\n${lines(await proveConsistency(old, 66_000, read))}`)
    }
  }, 120_000)

  test('a note Go signed verifies here', () => {
    const [vkey = '', ...note] = go(['sign', origin], 'a text\n\nof several lines, déjà\n').out.split('\n')
    const parsed = parseNote(Buffer.from(note.join('\n')))
    expect(parsed.text).toBe('a text\n\nof several lines, déjà\n')
    expect(signedBy(parsed, [parseVkey(vkey)])).toHaveLength(1)
  })

  test('each of a sample of changes is caught there too', async () => {
    const entries = entriesOf(eventsOf(600))
    const paths = ['checkpoint', 'tile/entries/000', 'tile/entries/002.p/88', 'tile/0/000', 'tile/0/002.p/88', 'tile/1/000.p/2']
    await writeLog(at('changed'), entries, signer)
    for (const [n, path] of [...paths, ...paths, ...paths].entries()) {
      const kept = readFileSync(join(at('changed'), path))
      const bytes = Buffer.from(kept)
      bytes[n * 7919 % bytes.length]! ^= 1 << n % 8
      writeFileSync(join(at('changed'), path), bytes)
      expect(go(['verify', at('changed')]).status, `${path} ${n}`).toBe(1)
      expect(await verify('changed'), `${path} ${n}`).toBe(1)
      writeFileSync(join(at('changed'), path), kept)
    }
    put(at('changed'), 'checkpoint', await headNote(600, Buffer.alloc(32, 1), signer))
    expect(go(['verify', at('changed')]).status).toBe(1)
    expect(await verify('changed')).toBe(1)
  }, 120_000)
})
