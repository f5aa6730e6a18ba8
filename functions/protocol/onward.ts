import type { CarriedAnswer } from './carry.ts'
import type { StreamEnd } from './protocol.ts'

type End = NonNullable<CarriedAnswer['end']>
/** `lastsMs`: what its caller asked for at most. `more`: the piece behind `after`, `items` having been given; null or a throw: it cannot be had. */
export interface Onward { readonly first: CarriedAnswer & { readonly end: End }; readonly lastsMs: number; readonly now: () => number; readonly cut: AbortSignal | null; readonly more: (after: string | null, items: number) => Promise<CarriedAnswer | null> }

/** Between two pieces, ms: soon after something came, seldom while nothing does. Each holds a place of the private function for a third of a second, so a watch must not be there all the time. */
const soonMs = 250
const seldomMs = 3000

/**
 * An answer that lasts, over a way that carries only what ends: piece by piece, each from where the one before it ended, so that nothing is given twice and nothing is left out. Its caller sees one stream. Asks for the next
 * only while somebody reads; ends as the target's own stream would: at its time, at the target's word, where it is cut; and broken where a piece does not come.
 */
export function onward({ first, lastsMs, now, cut, more }: Onward): { readonly body: ReadableStream<Uint8Array>; readonly ended: Promise<StreamEnd> } {
  const { promise: ended, resolve } = Promise.withResolvers<StreamEnd>()
  const until = now() + lastsMs
  const leaving = new AbortController()
  let [bytes, items, waitMs, next] = [0, 0, soonMs, first.end.next ?? null]
  let over = 'complete'
  const detected: Record<string, number> = {}
  const finish = (how: string) => { resolve({ bytes, items, how, detected }); leaving.abort() }
  const stopped = (): boolean => leaving.signal.aborted || (cut?.aborted ?? false)

  function take({ body, end }: Pick<CarriedAnswer, 'body' | 'end'>): Uint8Array {
    const given = Uint8Array.from(Buffer.from(body, 'base64'))
    bytes += given.byteLength
    items += end?.items ?? 0
    for (const [name, count] of Object.entries(end?.detected ?? {})) detected[name] = (detected[name] ?? 0) + count
    next = end?.next ?? null
    if (next === null && end?.how.startsWith('cut: over')) over = end.how
    waitMs = given.byteLength > 0 ? soonMs : Math.min(waitMs * 2, seldomMs)
    return given
  }
  /** null: it ended, in order. Throws where it broke. */
  async function following(): Promise<Uint8Array | null> {
    for (;;) {
      const left = until - now()
      if (next === null || left <= 0 || stopped()) return null
      await pause(Math.min(waitMs, left), [leaving.signal, ...(cut ? [cut] : [])])
      if (stopped() || now() >= until) return null
      const piece = await more(next.after, items)
      if (stopped()) return null
      if (piece?.end === undefined) throw new Error('a piece did not come')
      const given = take(piece)
      if (given.byteLength > 0) return given
    }
  }
  let pending: Uint8Array | null = take(first)
  let gone = false
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const begun = pending
      pending = null
      try {
        const part = begun !== null && begun.byteLength > 0 ? begun : await following()
        if (gone) return
        if (part !== null) return controller.enqueue(part)
        const { reason } = cut ?? {}
        finish(cut?.aborted ? `cut: ${reason instanceof Error ? reason.message : 'it may not go on'}` : over)
        controller.close()
      } catch {
        if (gone) return
        finish('target broke off')
        controller.error(new Error('the answer broke off'))
      }
    },
    cancel() { gone = true; finish('caller gone') },
  }, { highWaterMark: 0 })
  return { body, ended }
}

const pause = (ms: number, signals: readonly AbortSignal[]): Promise<void> => new Promise((resolve) => {
  const go = () => { clearTimeout(timer); for (const signal of signals) signal.removeEventListener('abort', go); resolve() }
  const timer = setTimeout(go, ms)
  for (const signal of signals) signal.addEventListener('abort', go, { once: true })
})
