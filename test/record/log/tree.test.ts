import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { append, edgeFrom, emptyLog, growing, type LogEdge } from '../../../functions/record/log/grow.ts'
import { proveConsistency, proveInclusion, rootFrom } from '../../../functions/record/log/prove.ts'
import { tilePath, type Tile } from '../../../functions/record/log/tile.ts'
import { emptyRoot, leafHash, provesConsistency, provesInclusion } from '../../../functions/record/log/tree.ts'

/** RFC 6962, section 2.1, word for word: slow, and nothing of ours in it. */
const sha = (...parts: readonly Uint8Array[]) => createHash('sha256').update(Buffer.concat(parts)).digest()
function rfc(entries: readonly Uint8Array[]): Buffer {
  if (entries.length === 0) return sha()
  if (entries.length === 1) return sha(Buffer.of(0), entries[0]!)
  let k = 1
  while (k * 2 < entries.length) k *= 2
  return sha(Buffer.of(1), rfc(entries.slice(0, k)), rfc(entries.slice(k)))
}
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const numbered = (n: number): Buffer[] => Array.from({ length: n }, (_, i) => Buffer.from(`entry ${i}`))

/** A log in memory, its tiles by path. */
function logOf(entries: readonly Uint8Array[], sizes: readonly number[] = [entries.length]) {
  const tiles = new Map<string, Uint8Array>()
  let [log, root]: [LogEdge, Uint8Array] = [emptyLog, emptyRoot]
  for (const size of sizes) {
    const grown = append(log, entries.slice(log.edge.size, size))
    for (const { path, bytes } of grown.tiles) tiles.set(path, bytes)
    ;[log, root] = [grown.log, grown.root]
  }
  const read = async (tile: Tile): Promise<Uint8Array> => tiles.get(tilePath(tile)) ?? Promise.reject(new Error(`no ${tilePath(tile)}`))
  return { log, root, tiles, read }
}

test('roots are those of the test vectors of Certificate Transparency', () => {
  const leaves = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'].map((entry) => Buffer.from(entry, 'hex'))
  const roots = [
    'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855', '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d', 'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
    'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77', 'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7', '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
    '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef', 'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c', '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
  ]
  expect(roots.map((_, size) => hex(append(emptyLog, leaves.slice(0, size)).root))).toEqual(roots)
})

test('a known inclusion proof of those vectors verifies, and the entry beside it does not', async () => {
  const leaves = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'].map((entry) => Buffer.from(entry, 'hex'))
  const { root, read } = logOf(leaves)
  const proof = await proveInclusion(5, 8, read)
  expect(proof.map(hex)).toEqual(['bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b', 'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0', 'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7'])
  expect(provesInclusion(leafHash(leaves[5]!), 5, 8, root, proof)).toBe(true)
  expect(provesInclusion(leafHash(leaves[4]!), 5, 8, root, proof)).toBe(false)
  expect((await proveConsistency(6, 8, read)).map(hex)).toEqual(['0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a', 'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0', 'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7'])
})

test('whatever the steps a log grew in, root and final tiles are the same, and the root is that of the RFC', () => {
  fc.assert(fc.property(fc.integer({ min: 0, max: 1100 }), fc.array(fc.integer({ min: 0, max: 1100 }), { maxLength: 5 }), (size, cuts) => {
    const entries = numbered(size)
    const steps = logOf(entries, [...cuts.filter((cut) => cut < size).toSorted((a, b) => a - b), size])
    const whole = logOf(entries)
    expect(hex(steps.root)).toBe(hex(rfc(entries)))
    for (const [path, bytes] of whole.tiles) expect(hex(steps.tiles.get(path) ?? Buffer.of())).toBe(hex(bytes))
    expect(steps.log).toEqual(whole.log)
  }), { numRuns: 40 })
})

test('every inclusion and consistency proof verifies, and with another index, size, root or hash none does', async () => {
  await fc.assert(fc.asyncProperty(fc.integer({ min: 1, max: 900 }), fc.nat(), fc.nat(), fc.nat(), async (size, a, b, flip) => {
    const entries = numbered(size)
    const { root, read } = logOf(entries)
    const [index, old] = [a % size, b % (size + 1)]
    expect(hex(await rootFrom(size, read))).toBe(hex(root))
    const leaf = leafHash(entries[index]!)
    const path = await proveInclusion(index, size, read)
    expect(provesInclusion(leaf, index, size, root, path)).toBe(true)
    const spoilt = (proof: readonly Uint8Array[]) => proof.map((hash, at) => { const copy = Buffer.from(hash); if (at === flip % proof.length) copy[flip % 32]! ^= 1 + flip % 255; return copy })
    if (path.length > 0) expect(provesInclusion(leaf, index, size, root, spoilt(path))).toBe(false)
    for (const [at, proof] of [[index + 1, path], [index - 1, path], [index, [...path, root]], [index, [root, ...path]]] as const) expect(provesInclusion(leaf, at, size, root, proof)).toBe(false)
    if (path.length > 0) expect(provesInclusion(leaf, index, size, root, path.slice(1))).toBe(false)
    const before = { size: old, root: rfc(entries.slice(0, old)) }
    const proof = await proveConsistency(old, size, read)
    expect(provesConsistency(before, { size, root }, proof)).toBe(true)
    if (old === 0 || old === size) return
    expect(provesConsistency(before, { size, root }, spoilt(proof))).toBe(proof.length === 0)
    expect(provesConsistency({ size: old, root: rfc(numbered(old).with(index % old, Buffer.from('forged'))) }, { size, root }, proof)).toBe(false)
    expect(provesConsistency({ ...before, size: old - 1 }, { size, root }, proof)).toBe(false)
    expect(provesConsistency(before, { size, root }, [...proof, root])).toBe(false)
  }), { numRuns: 60 })
}, 120_000)

test('a proof of the wrong shape is no proof and no error', () => {
  const root = leafHash(Buffer.from('x'))
  for (const [index, size] of [[-1, 1], [1, 1], [0.5, 1], [0, Number.NaN], [0, 2 ** 60], [Number.POSITIVE_INFINITY, 2]] as const) expect(provesInclusion(root, index, size, root, [])).toBe(false)
  expect(provesInclusion(root, 0, 1, root, [])).toBe(true)
  expect(provesInclusion(root.subarray(1), 0, 1, root.subarray(1), [])).toBe(false)
  expect(provesConsistency({ size: 0, root }, { size: 1, root }, [])).toBe(false)
  expect(provesConsistency({ size: 2, root }, { size: 1, root }, [])).toBe(false)
  expect(provesConsistency({ size: 1, root }, { size: 2, root }, [])).toBe(false)
})

test('a log is taken up from its partial tiles alone, and one that is missing or too narrow is told', async () => {
  const entries = numbered(70_000)
  const { log, tiles, root } = logOf(entries, [69_000, 70_000])
  expect([...tiles.keys()].filter((path) => path.startsWith('tile/2/') || path.startsWith('tile/1/001'))).toEqual(['tile/1/001.p/13', 'tile/2/000.p/1', 'tile/1/001.p/17'])
  const again = await edgeFrom(70_000, async (path) => tiles.get(path) ?? null)
  expect({ edge: again.edge.size, levels: again.edge.levels.map(hex), entries: again.entries.map(hex) }).toEqual({ edge: 70_000, levels: log.edge.levels.map(hex), entries: log.entries.map(hex) })
  expect(hex(growing(again.edge, () => undefined).root())).toBe(hex(root))
  await expect(edgeFrom(70_000, async (path) => path === 'tile/0/273.p/112' ? null : tiles.get(path) ?? null)).rejects.toThrow('tile/0/273.p/112 is missing')
  await expect(edgeFrom(70_000, async (path) => path === 'tile/0/273.p/112' ? Buffer.alloc(32) : tiles.get(path) ?? null)).rejects.toThrow('is not 112 wide')
})
