import { execFileSync } from 'node:child_process'
import { createHash, hash } from 'node:crypto'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { verify } from '../functions/cli/verify.ts'
import type { Terminal } from '../functions/cli/terminal.ts'
import { append, emptyLog, growing } from '../functions/record/log/grow.ts'
import { formatProof } from '../functions/record/log/proof.ts'
import { proveInclusion } from '../functions/record/log/prove.ts'
import { tilePath } from '../functions/record/log/tile.ts'
import { entriesOf, eventsOf, headNote, origin, signerOf, writeLog } from '../test/record/log/sample.ts'

/**
 * `node bench/log.ts [--json]`: what the log costs, CPU of this process, lowest of the interleaved rounds. Append: a batch of entries to its tiles and root, ÷ one SHA-256 over
 * the same bytes. Verify: `sluice audit verify` of a directory, all it checks, ÷ `sha256sum` of the same files. Then how long a receipt is in a log of a million entries.
 */
const rounds = Number(process.env['ROUNDS'] ?? 6)
const count = Number(process.env['ENTRIES'] ?? 50_000)
/** Entries of one append, as many as the sequencer takes at once. */
const batch = 4096
const directory = mkdtempSync(join(tmpdir(), 'sluice-bench-log-'))
const signer = signerOf(origin, 'bench')
const entries = entriesOf(eventsOf(count))
await writeLog(directory, entries, signer)
const bytes = Buffer.concat(entries)
const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))

/** CPU ms, user and system. */
async function cpuOf(work: () => unknown): Promise<number> {
  const before = process.cpuUsage()
  await work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}
/** CPU ms of `sha256sum` over the files, as the shell tells it. */
function sha256sum(): number {
  const times = execFileSync('bash', ['-c', 'TIMEFORMAT="%U %S"; { time xargs -0 sha256sum > /dev/null; } 2>&1'], { input: files.join('\0'), encoding: 'utf8', env: { ...process.env, LC_ALL: 'C' } })
  return times.trim().split(' ').reduce((sum, seconds) => sum + Number(seconds) * 1000, 0)
}
const quiet: Terminal = { out: () => undefined, err: () => undefined, input: async () => '', env: {}, columns: null, color: false }
const sides: Readonly<Record<string, () => Promise<number>>> = {
  hash: () => cpuOf(() => createHash('sha256').update(bytes).digest()),
  append: () => cpuOf(() => { for (let [at, log] = [0, emptyLog]; at < count; at += batch) log = append(log, entries.slice(at, at + batch)).log }),
  each: () => cpuOf(() => { for (const entry of entries) hash('sha256', entry, 'hex') }),
  sha256sum: async () => sha256sum(),
  verify: () => cpuOf(async () => { if (await verify(quiet, directory, { vkey: [signer.vkey] }) !== 0) throw new Error('the log does not verify') }),
}
const raw: Record<string, number[]> = {}
for (let round = -1; round <= rounds; round++) for (const [name, run] of Object.entries(sides)) {
  const cpu = await run()
  if (round > 0) (raw[name] ??= []).push(cpu)
}
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
  entries: count, bytes: bytes.length, raw, receiptBytes: receipt.length,
  /** Rate of append ÷ rate of SHA-256; CPU of verify ÷ CPU of sha256sum. */
  append: lowest('hash') / lowest('append'), appendEach: lowest('each') / lowest('append'), verify: lowest('verify') / lowest('sha256sum'),
}
if (process.argv.includes('--json')) console.log(JSON.stringify(result))
else {
  console.log(`${count} entries of ${(bytes.length / count).toFixed(0)} bytes, CPU ms, lowest of ${rounds} rounds, Node ${process.version}`)
  for (const name of Object.keys(sides)) console.log(`  ${name.padEnd(40)} ${lowest(name).toFixed(1).padStart(9)}`)
  console.log(`  ${'append, rate ÷ SHA-256 of the same bytes'.padEnd(40)} ${result.append.toFixed(2).padStart(9)}   ≥ 0.3`)
  console.log(`  ${'append, rate ÷ SHA-256 of each entry'.padEnd(40)} ${result.appendEach.toFixed(2).padStart(9)}`)
  console.log(`  ${'verify ÷ sha256sum'.padEnd(40)} ${result.verify.toFixed(2).padStart(9)}   ≤ 3`)
  console.log(`  ${'receipt in a log of 1 M entries, bytes'.padEnd(40)} ${String(receipt.length).padStart(9)}`)
}
