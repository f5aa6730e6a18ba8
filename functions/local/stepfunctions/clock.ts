/** What time is made of; a test holds both. */
export interface Time {
  readonly now: () => number
  readonly timers: { readonly set: (ring: () => void, ms: number) => unknown; readonly clear: (handle: unknown) => void }
}
export const realTime: Time = {
  now: Date.now,
  timers: { set: (ring, ms) => setTimeout(ring, ms), clear: (handle) => clearTimeout(handle as NodeJS.Timeout) },
}
/** setTimeout takes no more, and fires at once instead. */
const longestMs = 2 ** 31 - 1

/**
 * One timer, for the earliest moment anybody asked for; `ring` gives the next one, or null. An earlier moment that is no longer wanted costs one ring for nothing.
 */
export function createClock({ now, timers }: Time, ring: () => number | null): { by(at: number): void; stop(): void } {
  let earliest = Infinity
  let handle: unknown = null
  function arm(): void {
    if (handle !== null) timers.clear(handle)
    handle = earliest === Infinity ? null : timers.set(fire, Math.min(longestMs, Math.max(0, earliest - now())))
  }
  function fire(): void {
    handle = null
    if (now() >= earliest) {
      earliest = Infinity
      const next = ring()                                       // which may itself ask for a moment
      if (next !== null && next < earliest) earliest = next
    }
    arm()
  }
  return {
    by(at) {
      if (at >= earliest) return
      earliest = at
      arm()
    },
    stop() {
      if (handle !== null) timers.clear(handle)
      handle = null
      earliest = -Infinity                                      // nothing is earlier: it stays stopped
    },
  }
}
