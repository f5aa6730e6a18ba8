import { TransportError } from './trouble.ts'

interface Line { taken: number; readonly waiting: Set<() => void> }
export type Turns = ReturnType<typeof createTurns>

/**
 * Who may log in to a host just now. An sshd lets ten strangers stand at its door at once and drops those who come then by chance (`MaxStartups 10:30:100`), so no more than `most` of one process do, and the others wait
 * for their turn, in the order they came. Whoever is in stands at no door any more: how many commands run at once is not bounded here.
 */
export function createTurns(most: number) {
  const lines = new Map<string, Line>()
  return {
    /** Resolves with what gives the turn back, once. Throws TransportError `busy` after `ms`, `cut` by the signal; then there was none. */
    async take(place: string, ms: number, signal?: AbortSignal): Promise<() => void> {
      const line = lines.get(place) ?? { taken: 0, waiting: new Set() }
      lines.set(place, line)
      if (line.taken < most) line.taken++
      else await turn(line, ms, signal)                                // whoever leaves hands its turn over, so it stays taken
      let given = false
      return () => {
        if (given) return
        given = true
        const [next] = line.waiting
        if (next) next()
        else if (--line.taken === 0) lines.delete(place)
      }
    },
    /** Places somebody is at, for tests. */
    size: () => lines.size,
  }
}

function turn({ waiting }: Line, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (end: () => void) => () => { clearTimeout(timer); signal?.removeEventListener('abort', cut); waiting.delete(mine); end() }
    const mine = done(resolve)
    const cut = done(() => { reject(new TransportError('cut', 'cut before it began', false)) })
    const timer = setTimeout(done(() => { reject(new TransportError('busy', `no turn to log in within ${ms} ms`, false)) }), ms)
    signal?.addEventListener('abort', cut, { once: true })
    waiting.add(mine)
  })
}
