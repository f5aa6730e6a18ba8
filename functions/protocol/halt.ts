import type { Refusal } from '../../schema/refusal.ts'
import { TransportError } from './post.ts'

/**
 * Where the gate says of an errand to a private network that it must end, and the function that runs it looks. `id`: 64 hex digits, a MAC of the errand that only its two ends can make (seal.ts): so whoever may write there can
 * end nothing of others, and whoever may read there finds nothing. It says that something must end, never that something may begin.
 */
export interface Cuts {
  /** Durable when it returns; said again it is success. Throws Fault store-unavailable: it may be said all the same. */
  say(id: string, why: string): Promise<void>
  /** Why, in a word; null: nobody said so yet. Strongly consistent. Throws Fault. */
  said(id: string): Promise<string | null>
}

/** An errand that is over sooner costs nobody a look. */
const firstMs = 2000
/** With the second between two judgements of the gate, and a copy of policy and locks at most 2 s old, what runs is told within 5. */
const eachMs = 1000
/** A word of ours; whatever else lies there is not repeated. */
const word = /^[a-z_]{1,64}$/

/**
 * Aborted when the gate says that this errand must end; `end` stops looking. A look that fails changes nothing, for the time of what runs is bounded without it: `deaf` is told of the first. A process that is frozen between two
 * errands has none of these, and one that dies leaves a row that is forgotten by itself.
 */
export function listen(cuts: Cuts, id: string, deaf: (error: unknown) => void): { readonly signal: AbortSignal; end(): void } {
  const control = new AbortController()
  let [over, failed] = [false, false]
  let timer = setTimeout(look, firstMs)
  async function look(): Promise<void> {
    try {
      const why = await cuts.said(id)
      if (over) return
      if (why !== null) return control.abort(new Error(word.test(why) ? why : 'it may not go on'))
    } catch (error) {
      if (over) return
      if (!failed) deaf(error)
      failed = true
    }
    timer = setTimeout(look, eachMs)
  }
  return { signal: control.signal, end() { over = true; clearTimeout(timer) } }
}

/** Why it was cut, in a word. */
export const reasonOf = ({ reason }: AbortSignal): string => (reason instanceof Error ? reason.message : 'it may not go on')
export const cutShort = (cut: AbortSignal): TransportError => new TransportError('cut', reasonOf(cut))
/** Of a statement, or of whatever else has no effect unless it comes to its end. `why`: see `reasonOf`. */
export const cutOff = (why: string): Refusal => ({
  slug: 'timeout', reason: 'cut', next: 'retry', inner: `cut: ${why}`, detail: `this was ended before it had come to its end, because it may not go on (${why}), and nothing of it is there`,
})
