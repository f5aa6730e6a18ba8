import { cutShort } from './halt.ts'
import { TransportError } from './post.ts'

/** What a connection's driver does. */
interface Ways {
  /** Tells the server, on another connection, to stop what it does on this one; resolves when that is said or cannot be. */
  stop(): Promise<void>
  /** Closes it at once. May be called twice. */
  drop(): void
  /** The server's own refusals as they are; all else is the way to it, in words without a name of host or user. */
  understood(error: unknown): Error
}
export interface Exchanges {
  /**
   * What `work` gives, or the end of the connection, or the end of the time, or the cut, whichever is first. At the last two the server is told to stop, before anybody may believe that it did. One at a time. Throws TransportError,
   * or what `understood` makes of what the server said; after a TransportError the connection is gone.
   */
  exchange<T>(bounds: { readonly timeoutMs: number; readonly cut?: AbortSignal | undefined }, work: () => Promise<T>): Promise<T>
  /** It is gone, and whoever waits hears why. null: whoever waits has what it needs. */
  destroy(reason: Error | null): void
  /** Nothing more is asked: `quit` says so to the server. What is under way is cut off. */
  end(quit: () => void): void
  /** Nothing is begun on it any more: it is gone, or about to be. */
  over(): boolean
}
const gone = () => new TransportError('unreachable', 'the connection was cut')

/** One connection of a server's own protocol. Once an exchange was not heard to its end there is none after it: what the server still says would be taken for the answer to another. */
export function createExchanges({ stop, drop, understood }: Ways): Exchanges {
  let over = false
  let waiting: ((reason: Error) => void) | null = null

  function destroy(reason: Error | null): void {
    const told = waiting
    over = true
    waiting = null
    drop()
    if (reason !== null) told?.(reason)
  }
  function exchange<T>({ timeoutMs, cut }: { readonly timeoutMs: number; readonly cut?: AbortSignal | undefined }, work: () => Promise<T>): Promise<T> {
    if (cut?.aborted && !over) destroy(cutShort(cut))                // between two statements: nothing runs, and the server rolls back what was begun
    if (over) return Promise.reject(cut?.aborted ? cutShort(cut) : gone())
    return new Promise<T>((resolve, reject) => {
      let ended: TransportError | null = null
      const end = (why: TransportError) => {
        if (ended !== null) return
        ended = why                                                  // what the server says of being stopped is no answer of its own
        over = true                                                  // already: the stop may arrive after the answer, and would end whatever was begun meanwhile, another caller's too
        void stop().catch(() => {}).then(() => { destroy(why); reject(why) })
      }
      const halt = () => { if (cut) end(cutShort(cut)) }
      const timer = setTimeout(() => end(new TransportError('timeout', 'no answer in time')), Math.max(1, timeoutMs))
      cut?.addEventListener('abort', halt, { once: true })
      waiting = (reason) => reject(ended ?? reason)
      /** Before anybody hears: the next one may begin as soon as somebody does. */
      const answered = () => {
        clearTimeout(timer)
        cut?.removeEventListener('abort', halt)
        waiting = null
      }
      work().then((value) => { answered(); resolve(value) }, (error: unknown) => { answered(); if (ended === null) reject(understood(error)) })
    })
  }
  return {
    exchange, destroy, over: () => over,
    end(quit) {
      if (over) return
      if (waiting !== null) return destroy(gone())
      over = true
      quit()
    },
  }
}
