import { TransportError } from './trouble.ts'

/** `waiting`: whose, in the order of their next turn, and of each of them those who came first. */
interface Line { taken: number; readonly waiting: Map<string, Set<() => void>> }
export type Turns = ReturnType<typeof createTurns>

/**
 * Who may log in to a host just now. An sshd lets ten strangers stand at its door at once and drops those who come then by chance (`MaxStartups 10:30:100`), so no more than `most` of one process do, and the others wait
 * for their turn. Everybody who waits has one before anybody has a second: whoever sends many commands at once waits behind the others, and not they behind all of them. Whoever is in stands at no door any more: how many
 * commands run at once is not bounded here.
 */
export function createTurns(most: number) {
  const lines = new Map<string, Line>()
  return {
    /** `whose`: who waits, as any word. Resolves with what gives the turn back, once. Throws TransportError `busy` after `ms`, `cut` by the signal; then there was none. */
    async take(place: string, whose: string, ms: number, signal?: AbortSignal): Promise<() => void> {
      const line = lines.get(place) ?? { taken: 0, waiting: new Map() }
      lines.set(place, line)
      if (line.taken < most) line.taken++
      else await turn(line, whose, ms, signal)                              // whoever leaves hands its turn over, so it stays taken
      let given = false
      return () => {
        if (given) return
        given = true
        const next = nextOf(line)
        if (next) next()
        else if (--line.taken === 0) lines.delete(place)
      }
    },
    /** Places somebody is at, for tests. */
    size: () => lines.size,
  }
}

/** Who has waited longest of those whose turn it is; whose it was comes last from now on. */
function nextOf({ waiting }: Line): (() => void) | undefined {
  const [first] = waiting
  if (first === undefined) return undefined
  const [whose, theirs] = first
  waiting.delete(whose)
  waiting.set(whose, theirs)
  const [next] = theirs
  return next
}

function turn({ waiting }: Line, whose: string, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (end: () => void) => () => { clearTimeout(timer); signal?.removeEventListener('abort', cut); leave(); end() }
    const theirs = waiting.get(whose) ?? new Set()
    const leave = () => { theirs.delete(mine); if (theirs.size === 0 && waiting.get(whose) === theirs) waiting.delete(whose) }
    const mine = done(resolve)
    const cut = done(() => { reject(new TransportError('cut', 'cut before it began', false)) })
    const timer = setTimeout(done(() => { reject(new TransportError('busy', `no turn to log in within ${ms} ms`, false)) }), ms)
    signal?.addEventListener('abort', cut, { once: true })
    waiting.set(whose, theirs.add(mine))
  })
}
