import type { Event } from '../schema/event.ts'
import type { Ledger, Requests } from './ports.ts'

const most = 2000

/**
 * Events this process has just stored, so that the log has them about a second later. A hint and no more: what is lost here, because the queue is full or the
 * process dies, the next look at the whole ledger finds.
 */
export function createHints() {
  let waiting: Event[] = []
  let dropped = false
  function hint(event: Event): void {
    if (waiting.length < most) waiting.push(event)
    else dropped = true
  }
  return {
    hint,
    /** What came since the last ask; `dropped`: not all of it. */
    take(): { readonly events: readonly Event[]; readonly dropped: boolean } {
      const taken = { events: waiting, dropped }
      waiting = []
      dropped = false
      return taken
    },
    /** The same stores, overheard. Only what is known to be stored is told of, after it is, and never at the cost of the call. */
    overhear<S extends { readonly ledger: Ledger; readonly requests: Requests }>(stores: S): S {
      const { ledger, requests } = stores
      return {
        ...stores,
        ledger: { ...ledger, append: async (event: Event) => {
          const stored = await ledger.append(event)
          if (stored === 'stored') hint(event)
          return stored
        } },
        requests: {
          ...requests,
          create: async (...call: Parameters<Requests['create']>) => {
            const made = await requests.create(...call)
            if (made.created) hint(call[1])
            return made
          },
          swap: async (...call: Parameters<Requests['swap']>) => {
            const swapped = await requests.swap(...call)
            if (swapped && call[1] !== null) hint(call[1])
            return swapped
          },
        },
      }
    },
  }
}
export type Hints = ReturnType<typeof createHints>
