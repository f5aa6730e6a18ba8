import { TransportError } from './post.ts'

/** Who waits for one thing. Everybody has a turn before anybody has a second: whoever sends much at once waits behind the others, and not they behind all of it. */
export function createLine<T>() {
  const waiting = new Map<string, Set<T>>()
  return {
    /** Gives what leaves the line. `whose`: any word. */
    join(whose: string, one: T): () => void {
      const theirs = waiting.get(whose) ?? new Set()
      waiting.set(whose, theirs.add(one))
      return () => {
        theirs.delete(one)
        if (theirs.size === 0 && waiting.get(whose) === theirs) waiting.delete(whose)
      }
    },
    /** Whoever has waited longest of those whose turn it is; whose it was comes last from now on. It leaves the line by itself. */
    next(): T | undefined {
      const [first] = waiting
      if (first === undefined) return undefined
      const [whose, theirs] = first
      waiting.delete(whose)
      waiting.set(whose, theirs)
      const [next] = theirs
      return next
    },
  }
}

/** Of those who are woken at their turn. */
export type Line = ReturnType<typeof createLine<() => void>>

/**
 * Bounds how many connections one key has open at once. `take` waits for a place at most `timeoutMs`, in the turn of `whose` it is, and gives what leaves it, once; throws what `wait` does when none came free: then
 * nothing was sent.
 */
export function createPlaces(most: number, wait: (line: Line, whose: string, ms: number, signal?: AbortSignal) => Promise<void> = turn) {
  const keys = new Map<string, { taken: number; readonly line: Line }>()
  return {
    async take(key: string, timeoutMs: number, whose = '', signal?: AbortSignal): Promise<() => void> {
      const at = keys.get(key) ?? { taken: 0, line: createLine<() => void>() }
      keys.set(key, at)
      if (at.taken < most) at.taken++
      else await wait(at.line, whose, timeoutMs, signal)                  // whoever leaves hands its place over, so it stays taken
      let left = false
      return () => {
        if (left) return
        left = true
        const next = at.line.next()
        if (next) next()
        else if (--at.taken === 0) keys.delete(key)
      }
    },
    /** Keys that somebody is at, for tests. */
    size: () => keys.size,
  }
}

/** Resolves at the turn of whoever waits. Throws TransportError `unreachable` after `ms`. */
export function turn(line: Line, whose: string, ms: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const leave = line.join(whose, wake)
    const timer = setTimeout(() => { leave(); reject(new TransportError('unreachable', 'no connection to the target came free')) }, Math.max(1, ms))
    function wake(): void { clearTimeout(timer); leave(); resolve() }
  })
}
