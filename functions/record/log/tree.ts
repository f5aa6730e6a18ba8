import { hash } from 'node:crypto'

/**
 * The Merkle tree of RFC 6962, section 2.1 (RFC 9162, section 2.1): a leaf is SHA-256(0x00 ‖ entry), a node SHA-256(0x01 ‖ left ‖ right), so that no node can be
 * passed off as an entry. Sizes and indexes are numbers up to 2^53 - 1, so nothing here uses bit operators, which cut at 32.
 */
export const hashBytes = 32
/** The node's 0x01 and two hashes, those where words can be written. */
const block = new ArrayBuffer(8 + 2 * hashBytes)
const pair = new Uint8Array(block, 7).fill(1, 0, 1)
const pairWords = new Uint32Array(block, 8)
let prefixed = Buffer.alloc(4096)

/** Writes the leaf's hash into `target`. A binary string costs a third of what a new buffer does, and this runs for each entry. */
export function leafInto(target: Buffer, at: number, entry: Uint8Array): void {
  if (prefixed.length <= entry.length) prefixed = Buffer.alloc(2 * entry.length + 1)
  prefixed.set(entry, 1)
  target.write(hash('sha256', new Uint8Array(prefixed.buffer, prefixed.byteOffset, entry.length + 1), 'binary'), at, hashBytes, 'latin1')
}
/**
 * The same for `count` entries of a bundle, one after the other from `start`, where the length of the first stands. The byte before an entry, of its length, is the leaf's 0x00 while it is hashed, and all
 * hashes are written at once: that spares a copy and a write for each, a seventh of what appending costs.
 */
export function leavesWithin(target: Buffer, at: number, bundle: Buffer, start: number, count: number): void {
  let made = ''
  const { buffer, byteOffset } = bundle                             // asked once: each asking is a call
  for (let i = 0; i < count; i++) {
    const low = bundle[start + 1] ?? 0
    const length = (bundle[start] ?? 0) * 256 + low
    bundle[start + 1] = 0
    made += hash('sha256', new Uint8Array(buffer, byteOffset + start + 1, length + 1), 'binary')   // a view of Buffer's own costs three times as much
    bundle[start + 1] = low
    start += 2 + length
  }
  target.write(made, at, 'latin1')
}
/** The hashes of neighbours, pair by pair, in the place of the first half of them: 32 · `width` bytes of `work`, `width` even. The node of each entry is made here, so bytes go by the word. */
export function halve(work: Buffer, width: number): void {
  if (work.byteOffset % 4 !== 0) throw new RangeError('not aligned')
  const words = new Uint32Array(work.buffer, work.byteOffset, width * hashBytes / 4)
  let made = ''
  for (let i = 0; i < width; i += 2) {
    for (let word = 0; word < pairWords.length; word++) pairWords[word] = words[i * hashBytes / 4 + word] ?? 0
    made += hash('sha256', pair, 'binary')
  }
  work.write(made, 0, 'latin1')
}
export function leafHash(entry: Uint8Array): Buffer {
  const made = Buffer.allocUnsafe(hashBytes)
  leafInto(made, 0, entry)
  return made
}
export function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  pair.set(left, 1)
  pair.set(right, 1 + hashBytes)
  return Buffer.from(hash('sha256', pair, 'binary'), 'latin1')
}
/** The root of a tree without entries. */
export const emptyRoot: Buffer = Buffer.from(hash('sha256', '', 'hex'), 'hex')

/** A perfect subtree: entries `index · 2^level` up to the next. */
export interface Node { readonly level: number; readonly index: number }
/** Entries `from` up to, not including, `to`. */
export interface Range { readonly from: number; readonly to: number }

/** The perfect subtrees a range of the tree is made of, left to right, for ranges that a proof or a root names: each is smaller than the one before it. */
export function nodesOf({ from, to }: Range): readonly Node[] {
  const nodes: Node[] = []
  for (let at = from; at < to;) {
    let [level, width] = [0, 1]
    while (at % (2 * width) === 0 && at + 2 * width <= to) [level, width] = [level + 1, 2 * width]
    nodes.push({ level, index: at / width })
    at += width
  }
  return nodes
}

/** The hash of neighbouring perfect subtrees, the larger ones left: folded from the right. */
export const foldRight = (hashes: readonly Uint8Array[]): Uint8Array =>
  hashes.length === 0 ? emptyRoot : hashes.reduceRight((right, left) => nodeHash(left, right))

/** The largest power of two below `n`, for n ≥ 2. */
function split(n: number): number {
  let k = 1
  while (2 * k < n) k *= 2
  return k
}

/** What an inclusion proof lists for entry `index` of a tree of `size`, from the leaf's sibling up (RFC 6962, section 2.1.1). Throws RangeError where there is no such entry. */
export function inclusionOf(index: number, size: number): readonly Range[] {
  if (!Number.isSafeInteger(size) || !Number.isSafeInteger(index) || index < 0 || index >= size) throw new RangeError('no such entry in a tree of this size')
  const ranges: Range[] = []
  for (let [from, to] = [0, size]; to - from > 1;) {
    const middle = from + split(to - from)
    ranges.push(index < middle ? { from: middle, to } : { from, to: middle })
    if (index < middle) to = middle
    else from = middle
  }
  return ranges.reverse()
}

/** What a consistency proof between trees of `old` and `size` entries lists (RFC 6962, section 2.1.2). Empty where `old` is 0 or `size`. Throws RangeError where `old` is not within `size`. */
export function consistencyOf(old: number, size: number): readonly Range[] {
  if (!Number.isSafeInteger(size) || !Number.isSafeInteger(old) || old < 0 || old > size) throw new RangeError('no such earlier tree')
  if (old === 0) return []
  const ranges: Range[] = []
  let [from, to, whole] = [0, size, true]
  while (old < to) {
    const middle = from + split(to - from)
    ranges.push(old <= middle ? { from: middle, to } : { from, to: middle })
    if (old <= middle) to = middle
    else [from, whole] = [middle, false]
  }
  if (!whole) ranges.push({ from, to })
  return ranges.reverse()
}

const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0
const half = (n: number): number => Math.floor(n / 2)
const sound = (proof: readonly Uint8Array[]): boolean => proof.every((one) => one.length === hashBytes)

/** Whether the proof shows `leaf` (its hash) as entry `index` of the tree with this size and root (RFC 9162, section 2.1.3.2). Never throws. */
export function provesInclusion(leaf: Uint8Array, index: number, size: number, root: Uint8Array, proof: readonly Uint8Array[]): boolean {
  if (!Number.isSafeInteger(size) || !Number.isSafeInteger(index) || index < 0 || index >= size || leaf.length !== hashBytes || !sound(proof)) return false
  let [at, last, reached] = [index, size - 1, leaf]
  for (const sibling of proof) {
    if (last === 0) return false
    if (at % 2 === 1 || at === last) {
      reached = nodeHash(sibling, reached)
      while (at % 2 === 0 && at !== 0) [at, last] = [half(at), half(last)]
    } else reached = nodeHash(reached, sibling)
    at = half(at)
    last = half(last)
  }
  return last === 0 && same(reached, root)
}

/** Whether the proof shows that the larger tree begins with the smaller (RFC 9162, section 2.1.4.2). Every tree begins with the empty one. Never throws. */
export function provesConsistency(old: { readonly size: number; readonly root: Uint8Array }, now: { readonly size: number; readonly root: Uint8Array }, proof: readonly Uint8Array[]): boolean {
  if (!Number.isSafeInteger(old.size) || !Number.isSafeInteger(now.size) || old.size < 0 || old.size > now.size || !sound(proof)) return false
  if (old.size === now.size) return proof.length === 0 && same(old.root, now.root)
  if (old.size === 0) return proof.length === 0 && same(old.root, emptyRoot)
  let [at, last] = [old.size - 1, now.size - 1]
  while (at % 2 === 1) [at, last] = [half(at), half(last)]
  const [first, ...rest] = at === 0 ? [old.root, ...proof] : proof         // at 0: the old tree is one perfect subtree, which the proof leaves out
  if (first === undefined || first.length !== hashBytes) return false
  let [before, after] = [first, first]
  for (const sibling of rest) {
    if (last === 0) return false
    if (at % 2 === 1 || at === last) {
      before = nodeHash(sibling, before)
      after = nodeHash(sibling, after)
      while (at % 2 === 0 && at !== 0) [at, last] = [half(at), half(last)]
    } else after = nodeHash(after, sibling)
    at = half(at)
    last = half(last)
  }
  return last === 0 && same(before, old.root) && same(after, now.root)
}
