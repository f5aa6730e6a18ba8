import { execFileSync, fork } from 'node:child_process'
import { createHash, hash } from 'node:crypto'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createIds } from '../functions/aws/ulid.ts'
import { verify } from '../functions/cli/verify.ts'
import type { Terminal } from '../functions/cli/terminal.ts'
import { contentKey, seal } from '../functions/record/cipher.ts'
import { append, emptyLog, growing } from '../functions/record/log/grow.ts'
import { formatProof } from '../functions/record/log/proof.ts'
import { proveInclusion } from '../functions/record/log/prove.ts'
import { tilePath } from '../functions/record/log/tile.ts'
import { createWriting } from '../functions/record/writer.ts'
import { split } from '../schema/content.ts'
import type { Event } from '../schema/event.ts'
import { entriesOf, eventsOf, headNote, origin, signerOf, writeLog } from '../test/record/log/sample.ts'
import { message } from './load.ts'

/**
 * `node bench/log.ts [--json]`: what the log costs, CPU, lowest of the interleaved rounds. Append: a batch of entries to its tiles and root, ÷ one SHA-256 over the same bytes. Verify: `sluice audit verify` of a directory, all
 * it checks, in a process that does nothing else, ÷ `sha256sum` of the same files; its first run is told apart. Entries are as the gate stores them: sealed, so that each has a commitment, and numbered. Then how long a
 * receipt is in a log of a million entries.
 */
const rounds = Number(process.env['ROUNDS'] ?? 6)
const count = Number(process.env['ENTRIES'] ?? 50_000)
/** Entries of one append, as many as the sequencer takes at once, and how often they are appended. */
const batch = Math.min(count, 4096)
const batches = Math.ceil(count / batch)
if (process.argv[2] === 'verify') await serve(process.argv[3] ?? '', process.argv[4] ?? '')
const directory = mkdtempSync(join(tmpdir(), 'sluice-bench-log-'))
const signer = signerOf(origin, 'bench')
const { bytes, entries } = await written()
const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))

/**
 * The log in its directory; and of its entries one batch, which is appended again and again. As whoever just made them has them, side by side: 50 000 objects all over memory are the bench's own, and would be a third of what is
 * measured.
 */
async function written(): Promise<{ readonly bytes: Buffer; readonly entries: readonly Buffer[] }> {
  const all = entriesOf(stored(eventsOf(count - 1)))
  await writeLog(directory, all, signer)
  const bytes = Buffer.concat(all.slice(0, batch))
  let at = 0
  return { bytes, entries: all.slice(0, batch).map(({ length }) => bytes.subarray(at, at += length)) }
}
/** CPU ms, user and system. */
async function cpuOf(work: () => unknown): Promise<number> {
  const before = process.cpuUsage()
  await work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}
/** As the gate stores them, all by one process, and the event that holds its key. */
function stored(events: readonly Event[]): readonly Event[] {
  const startMs = Date.parse(events[0]?.at ?? '') - 1000
  const writing = createWriting(createIds(() => startMs)('evt'), new Date(startMs).toISOString())
  const key = contentKey('2026-11-22.sKRGRwtG9LsklUYS.0', Buffer.alloc(32, 7))
  return [writing.first, ...events.map((event) => {
    const { open, content } = split(event)
    const writer = writing.take()
    writing.settle(writer.n)
    return { ...content === null ? open : seal(key, open, content), writer }
  })]
}
/** The process that verifies: once for each message, and tells its CPU ms. */
async function serve(directory: string, vkey: string): Promise<never> {
  const quiet: Terminal = { out: () => undefined, err: () => undefined, input: async () => '', env: {}, columns: null, color: false }
  process.on('disconnect', () => process.exit(0))
  process.on('message', async () => process.send?.(await cpuOf(async () => { if (await verify(quiet, directory, { vkey: [vkey] }) !== 0) throw new Error('the log does not verify') })))
  process.send?.('ready')
  return new Promise(() => {})
}
/** CPU ms of `sha256sum` over the files, as the shell tells it. */
function sha256sum(): number {
  const times = execFileSync('bash', ['-c', 'TIMEFORMAT="%U %S"; { time xargs -0 sha256sum > /dev/null; } 2>&1'], { input: files.join('\0'), encoding: 'utf8', env: { ...process.env, LC_ALL: 'C' } })
  return times.trim().split(' ').reduce((sum, seconds) => sum + Number(seconds) * 1000, 0)
}
const verifier = fork(import.meta.filename, ['verify', directory, signer.vkey])
await message(verifier)
async function verified(): Promise<number> {
  const told = message<number>(verifier)
  verifier.send('once')
  return told
}
const first = { sha256sum: sha256sum(), verify: await verified() }
/** Those of a ratio interleaved with each other, and not with another's: between runs of the others append was measured a fifth dearer and one long hash not, which may be caches that are cold; it was not looked into. */
const groups: readonly Readonly<Record<string, () => Promise<number>>>[] = [{
  hash: () => cpuOf(() => { for (let n = 0; n < batches; n++) createHash('sha256').update(bytes).digest() }),
  append: () => cpuOf(() => { for (let [n, log] = [0, emptyLog]; n < batches; n++) log = append(log, entries).log }),
  each: () => cpuOf(() => { for (let n = 0; n < batches; n++) for (const entry of entries) hash('sha256', entry, 'hex') }),
}, {
  sha256sum: async () => sha256sum(),
  verify: verified,
}]
const raw: Record<string, number[]> = {}
for (const sides of groups) for (let round = -1; round <= rounds; round++) for (const [name, run] of Object.entries(sides)) {
  const cpu = await run()
  if (round > 0) (raw[name] ??= []).push(cpu)
}
verifier.disconnect()
rmSync(directory, { recursive: true, force: true })

/** A tree of 2^20 - 1 entries has the longest receipts of any up to a million. */
const size = 2 ** 20 - 1
const tiles = new Map<string, Buffer>()
const tree = growing({ size: 0, levels: [] }, (tile, hashes) => { tiles.set(tilePath(tile), hashes) })
for (let i = 0; i < size; i++) tree.add(Buffer.from(String(i)))
for (const { tile, bytes: hashes } of tree.partial()) tiles.set(tilePath(tile), hashes)
const checkpoint = await headNote(size, tree.root(), signer)
const receipt = formatProof({ extra: null, index: 123_456, checkpoint, hashes: await proveInclusion(123_456, size, async (tile) => tiles.get(tilePath(tile)) ?? Promise.reject(new Error('no tile'))) })

const lowest = (name: string): number => Math.min(...(raw[name] ?? [Number.NaN]))
const result = {
  entries: count, bytesEach: bytes.length / batch, raw, first, receiptBytes: receipt.length,
  /** Rate of append ÷ rate of SHA-256; CPU of verify ÷ CPU of sha256sum. */
  append: lowest('hash') / lowest('append'), appendEach: lowest('each') / lowest('append'), verify: lowest('verify') / lowest('sha256sum'), verifyFirst: first.verify / first.sha256sum,
}
if (process.argv.includes('--json')) console.log(JSON.stringify(result))
else {
  console.log(`${count} entries of ${(bytes.length / batch).toFixed(0)} bytes, CPU ms, lowest of ${rounds} rounds, Node ${process.version}`)
  for (const name of Object.keys(raw)) console.log(`  ${name.padEnd(40)} ${lowest(name).toFixed(1).padStart(9)}`)
  console.log(`  ${'append, rate ÷ SHA-256 of the same bytes'.padEnd(40)} ${result.append.toFixed(2).padStart(9)}   ≥ 0.3`)
  console.log(`  ${'append, rate ÷ SHA-256 of each entry'.padEnd(40)} ${result.appendEach.toFixed(2).padStart(9)}`)
  console.log(`  ${'verify ÷ sha256sum'.padEnd(40)} ${result.verify.toFixed(2).padStart(9)}   ≤ 3`)
  console.log(`  ${'the same, the first run of a process'.padEnd(40)} ${result.verifyFirst.toFixed(2).padStart(9)}`)
  console.log(`  ${'receipt in a log of 1 M entries, bytes'.padEnd(40)} ${String(receipt.length).padStart(9)}`)
}
