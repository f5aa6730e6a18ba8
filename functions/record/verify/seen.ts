import { randomInt } from 'node:crypto'

/**
 * Every event id of a log, exactly, in little memory: an intent, its outcome and its corrections are one id with another last symbol (schema/item.ts), so they share a
 * slot of 24 bytes: 32 to 64 bytes a call, where a set of strings takes several hundred. Of an intent the slot holds also whose it is (whose.ts).
 */
export function seenIds() {
  let slots = 1024
  let words = new Uint32Array(slots * wordsEach)
  let stories = 0
  const key = new Uint32Array(5)
  const seed = randomInt(2 ** 31)                                  // ids are chosen by whoever wrote the log, and must not choose where they are put

  /** Where the story of `key` is, or the free slot where it goes. */
  function find(within: Uint32Array, count: number): number {
    let mixed = seed
    for (let i = 0; i < 5; i++) mixed = Math.imul(mixed ^ (key[i] ?? 0), 0x9e3779b1) ^ (mixed >>> 15)
    for (let slot = (mixed ^ (mixed >>> 13)) >>> 0 & (count - 1); ; slot = slot + 1 & (count - 1)) {
      const at = slot * wordsEach
      if (within[at + marks] === 0) return at
      if (within[at] === key[0] && within[at + 1] === key[1] && within[at + 2] === key[2] && within[at + 3] === key[3] && ((within[at + 4] ?? 0) & 31) === key[4]) return at
    }
  }
  function grow(): void {
    const wider = new Uint32Array(2 * words.length)
    for (let at = 0; at < words.length; at += wordsEach) {
      if (words[at + marks] === 0) continue
      for (let i = 0; i < 5; i++) key[i] = words[at + i] ?? 0
      key[4] = (key[4] ?? 0) & 31
      const to = find(wider, 2 * slots)
      for (let i = 0; i < wordsEach; i++) wider[to + i] = words[at + i] ?? 0
    }
    words = wider
    slots *= 2
  }
  /** Sets `key`; gives the mark of the id's last symbol. */
  function read(id: string): number {
    for (let word = 0; word < 5; word++) {
      let value = 0
      for (let i = 4 + 6 * word; i < Math.min(29, 10 + 6 * word); i++) value = value * 32 + symbolAt(id, i)
      key[word] = value
    }
    return 2 ** symbolAt(id, 29)
  }
  return {
    /** false: it was there already. `whose`: of an intent, below 2^26, and kept with it; null: it is none. */
    add(id: string, whose: number | null): boolean {
      if (stories * 4 >= slots * 3) grow()
      const mark = read(id)
      const at = find(words, slots)
      const known = words[at + marks] ?? 0
      if ((known & mark) !== 0) return false
      if (known === 0) {
        for (let i = 0; i < 5; i++) words[at + i] = key[i] ?? 0
        stories++
      }
      words[at + marks] = known | mark
      if (whose !== null) words[at + 4] = (words[at + 4] ?? 0) & 31 | whose << 5 | intentMark
      return true
    },
    has(id: string): boolean {
      const mark = read(id)
      return ((words[find(words, slots) + marks] ?? 0) & mark) !== 0
    },
    /** Whose this intent is; null: there is no such intent. */
    intent(id: string): number | null {
      const mark = read(id)
      const at = find(words, slots)
      const word = words[at + 4] ?? 0
      return ((words[at + marks] ?? 0) & mark) !== 0 && (word & intentMark) !== 0 ? word >>> 5 & whoseBits : null
    },
    /** How many intents there are without an outcome whose ids are of before this time, epoch ms. */
    lacking(before: number): number {
      let count = 0
      for (let at = 0; at < words.length; at += wordsEach) {
        const [known, word] = [words[at + marks] ?? 0, words[at + 4] ?? 0]
        // The first word holds six symbols of the time and the second the other four, above two that are drawn.
        if ((word & intentMark) !== 0 && (known & outcomeMark) === 0 && (words[at] ?? 0) * 2 ** 20 + ((words[at + 1] ?? 0) >>> 10) < before) count++
      }
      return count
    },
  }
}
/** Five words of symbols, 25 of them, then one bit for each last symbol that was seen. */
const wordsEach = 6
const marks = 5
/** The fifth word holds one symbol, so 27 bits of it are free: whose an intent is, and that it is one. */
const intentMark = 0x80000000
const whoseBits = 2 ** 26 - 1
/** Of the id that ends in 1. */
const outcomeMark = 2
const values = new Uint8Array(128)
for (const [value, symbol] of [...'0123456789ABCDEFGHJKMNPQRSTVWXYZ'].entries()) values[symbol.charCodeAt(0)] = value
const symbolAt = (id: string, at: number): number => values[id.charCodeAt(at)] ?? 0
