import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeEntries, encodeEntries } from '../../../functions/record/log/tile.ts'
import { entriesOf, eventsOf, headNote, origin, signerOf } from '../log/sample.ts'
import { check, logOf, signer, type Log } from './memory.ts'

/** Sampled; `SLUICE_RUNS` says how many (`npm run test:long`). Each mutation is one that changes what the files say; `verify` must not call the result whole. */
const numRuns = Number(process.env['SLUICE_RUNS'] ?? 200)
const size = 700
const events = eventsOf(size)
const entries = entriesOf(events)
const { log: whole, checkpoints } = await logOf(entries, [200, size])
const earlier = checkpoints[0]!
const paths = [...whole.keys()]
const bundles = paths.filter((path) => path.startsWith('tile/entries/'))
const other = await logOf(entriesOf(eventsOf(size, Date.parse('2026-11-23T09:00:00.000Z'))), [200, size])
const thief = signerOf(origin, 'a thief')
const stolen = await logOf(entries.with(300, entries[0]!), [200, size], thief)
/** Log in which entries after the kept checkpoint are as they were and those before it are not, signed with the log's own key. */
const refused = events.findIndex(({ kind }) => kind === 'refusal')
const rewritten = await logOf(entries.with(refused, entriesOf([{ ...events[refused]!, connection: 'billing' }])[0]!), [200, size])
const longerKept = await headNote(size + 1, Buffer.alloc(32, 1), signer)

const pick = <T>(from: readonly T[], n: number): T => from[n % from.length]!
/** null: this draw changes nothing, or nothing that anybody promises. */
type Mutation = (log: Log, a: number, b: number, c: number) => Parameters<typeof check>[1] | null
const mutations: Readonly<Record<string, Mutation>> = {
  'a bit of any file flipped': (log, a, b, c) => { const path = pick(paths, a); const bytes = Buffer.from(log.get(path)!); bytes[b % bytes.length]! ^= 1 << c % 8; log.set(path, bytes); return {} },
  'a byte of any file replaced': (log, a, b, c) => { const path = pick(paths, a); const bytes = Buffer.from(log.get(path)!); const at = b % bytes.length; if (bytes[at] === c % 256) return null; bytes[at] = c; log.set(path, bytes); return {} },
  'any file cut': (log, a, b) => { const path = pick(paths, a); const bytes = log.get(path)!; log.set(path, bytes.subarray(0, b % bytes.length)); return {} },
  'any file made longer': (log, a, b, c) => { const path = pick(paths, a); log.set(path, Buffer.concat([log.get(path)!, Buffer.alloc(1 + b % 70, c)])); return {} },
  'any file of the tree taken away': (log, a) => { const path = pick(paths, a); if (path.includes('.p/200')) return null; log.delete(path); return {} },  // a partial tile of an earlier tree may go
  'a byte taken out of any file': (log, a, b) => { const path = pick(paths, a); const bytes = log.get(path)!; const at = b % bytes.length; const cut = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)]); log.set(path, cut); return {} },
  'a file that is not of the tree': (log, a) => { log.set(pick(['tile/0/003', 'tile/0/002.p/255', 'tile/entries/002.p/189', 'tile/entries/004', 'tile/1/000', 'tile/3/000.p/1', 'tile/x', 'tile/0/000.p/7'], a), Buffer.alloc(224, 9)); return {} },
  'two files swapped': (log, a, b) => { const [one, two] = [pick(paths, a), pick(paths, b)]; if (log.get(one)!.equals(log.get(two)!)) return null; const kept = log.get(one)!; log.set(one, log.get(two)!); log.set(two, kept); return {} },
  'two entries swapped': (log, a, b, c) => rebundled(log, a, (bundle) => { const [x, y] = [b % bundle.length, c % bundle.length]; return bundle.with(x, bundle[y]!).with(y, bundle[x]!) }),
  'an entry taken out': (log, a, b) => rebundled(log, a, (bundle) => bundle.toSpliced(b % bundle.length, 1)),
  'an entry twice': (log, a, b) => rebundled(log, a, (bundle) => bundle.toSpliced(b % bundle.length, 0, bundle[b % bundle.length]!)),
  'an entry of another log': (log, a, b, c) => rebundled(log, a, (bundle) => bundle.with(b % bundle.length, decodeEntries(other.log.get('tile/entries/000')!)[c % 256]!)),
  'a tile of another log': (log, a) => { const path = pick(paths, a); if (path === 'vkey') return null; log.set(path, other.log.get(path)!); return {} },
  'a fork signed with another key, the key file too': (log, a) => { for (const path of paths) log.set(path, stolen.log.get(path)!); if (a % 2 === 0) log.set('vkey', whole.get('vkey')!); return { known: true } },
  'only the key file and the signature of a thief': (log) => { log.set('checkpoint', stolen.log.get('checkpoint')!); log.set('vkey', stolen.log.get('vkey')!); return {} },
  'the earlier checkpoint put back': (log) => { log.set('checkpoint', earlier); return {} },
  'the whole log put back': (log) => { for (const path of paths) if (!path.includes('.p/200') && path !== 'vkey') log.delete(path); log.set('checkpoint', earlier); return { kept: [checkpoints[1]!] } },
  'a fork signed with the log\'s own key': (log) => { for (const path of paths) log.set(path, rewritten.log.get(path)!); return { kept: [earlier] } },
  'a checkpoint kept that this log has not reached': () => ({ kept: [longerKept] }),
}
function rebundled(log: Log, a: number, change: (bundle: readonly Buffer[]) => readonly Buffer[]): Parameters<typeof check>[1] | null {
  const path = pick(bundles, a)
  const bytes = encodeEntries(change(decodeEntries(log.get(path)!)))
  if (bytes.equals(log.get(path)!)) return null
  log.set(path, bytes)
  return {}
}

test('the log they are made of is whole, by its own key and by the one that was told, and begins with what was kept', async () => {
  expect(await check(whole)).toMatchObject({ ok: true, size, findings: [] })
  expect(await check(whole, { known: true, kept: checkpoints })).toMatchObject({ ok: true })
  expect(await check(other.log, { known: true })).toMatchObject({ ok: true })
  expect(paths.some((path) => path.includes('.p/200'))).toBe(true)
})
const names = Object.keys(mutations)
test.each(names)('found: %s', async (name) => {
  let made = 0
  await fc.assert(fc.asyncProperty(fc.nat(), fc.nat(), fc.nat(), async (a, b, c) => {
    const log: Log = new Map(whole)
    const options = mutations[name]!(log, a, b, c)
    if (options === null) return
    made++
    const report = await check(log, options)
    expect(report.ok).toBe(false)
    expect(report.findings.length).toBeGreaterThan(0)
  }), { numRuns: Math.max(4, Math.ceil(numRuns / names.length)) })
  expect(made).toBeGreaterThan(0)
}, 600_000)

test('a history rewritten with the log\'s own key is in order in itself: only what was kept elsewhere shows it', async () => {
  expect(await check(rewritten.log, { known: true })).toMatchObject({ ok: true })
  expect((await check(rewritten.log, { known: true, kept: [earlier] })).findings).toEqual([{ path: 'checkpoint', reason: 'the log does not begin with the kept checkpoint of 200 entries: it was rewritten or forked' }])
})
test('the entry that was changed is named, by its place and its event', async () => {
  const log: Log = new Map(whole)
  const forged = encodeEntries(decodeEntries(log.get('tile/entries/001')!).map((entry, at) => at === 44 ? Buffer.from(entry.toString().replace('2026', '2027')) : entry))
  log.set('tile/entries/001', forged)
  expect((await check(log)).findings).toContainEqual({ path: 'tile/0/001', index: 300, id: events[300]!.id, reason: 'the entry is not the one the tile has the hash of' })
})
test('keys: two may sign for a day, one that is neither is told', async () => {
  const log: Log = new Map(whole)
  log.set('vkey', Buffer.from(`${thief.vkey}\n${signer.vkey}\n`))
  expect(await check(log)).toMatchObject({ ok: true })
  log.set('vkey', Buffer.from(`${thief.vkey}\n`))
  expect((await check(log, { known: true })).findings).toEqual([{ path: 'vkey', reason: 'the directory names another key than the one given' }])
  log.delete('vkey')
  expect((await check(log)).findings).toEqual([{ path: 'vkey', reason: 'there is no key to check the log by' }])
  expect(await check(log, { known: true })).toMatchObject({ ok: true })
})
test('an empty log, and one of exactly a full tile, are whole', async () => {
  for (const count of [0, 1, 256, 512]) expect(await check((await logOf(entries.slice(0, count))).log), String(count)).toMatchObject({ ok: true, size: count })
})
test('findings are listed up to a hundred and counted beyond', async () => {
  const forged = await logOf(entries.map(() => entries[0]!))
  expect(await check(forged.log)).toMatchObject({ ok: false, more: 599, findings: { length: 100 } })
})
