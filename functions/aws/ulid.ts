import { randomFillSync } from 'node:crypto'
import type { Id, Prefix } from '../../schema/event.ts'
import { codeOf } from '../../schema/region.ts'

const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const symbols = 15

/**
 * Makes ids: prefix, then a ULID in Crockford's alphabet: 10 symbols of time, 15 of a CSPRNG (75 bits), and a last one that is always `0`.
 * The last is kept free so that an intent's outcome and corrections take the same id with another last symbol (schema/item.ts).
 * Monotonic in this process: within a millisecond, or when the clock steps back, the random part counts up from where it was. `region`: two of the random symbols say where it was made (schema/region.ts); null: there is
 * one region only, and they are random too.
 */
export function createIds(now: () => number, region: string | null = null): <P extends Prefix>(prefix: P) => Id<P> {
  const code = region === null ? null : [...codeOf(region)].map((symbol) => alphabet.indexOf(symbol))
  const random = new Uint8Array(symbols)
  const pool = new Uint8Array(4096)
  let used = pool.length
  let last = -1
  let time = ''

  function draw(): void {
    if (used + symbols > pool.length) {
      randomFillSync(pool)                                        // 273 ids a system call; a forked or thawed twin shares them only if it is a copy of memory
      used = 0
    }
    for (let i = 0; i < symbols; i++) random[i] = (pool[used + i] ?? 0) & 31
    random[0] = (random[0] ?? 0) & 15                             // head room: 2^74 ids in one millisecond before the count would carry over
    if (code) random.set(code, 1)
    pool.fill(0, used, used + symbols)
    used += symbols
  }

  function countUp(): void {
    for (let i = symbols - 1; i > (code?.length ?? -1); i--) {          // never into the region: 2^60 ids of one millisecond come before it
      const symbol = random[i] ?? 0
      random[i] = (symbol + 1) & 31
      if (symbol < 31) return
    }
  }

  return (prefix) => {
    const at = Math.floor(now())
    if (at > last) {
      last = at
      time = encodeTime(at)
      draw()
    } else {
      countUp()
    }
    let tail = ''
    for (const symbol of random) tail += alphabet.charAt(symbol)
    return `${prefix}_${time}${tail}0`
  }
}

/** Epoch ms → ten symbols. */
function encodeTime(at: number): string {
  if (!(at >= 0 && at < 2 ** 48)) throw new RangeError('a time no ulid can carry')
  let text = ''
  for (let i = 0, rest = at; i < 10; i++, rest = Math.floor(rest / 32)) text = alphabet.charAt(rest % 32) + text
  return text
}
