import { createPlaces, type Line } from '../places.ts'
import { TransportError } from './trouble.ts'

export type Turns = ReturnType<typeof createTurns>

/**
 * Who may log in to a host just now. An sshd lets ten strangers stand at its door at once and drops those who come then by chance (`MaxStartups 10:30:100`), so no more than `most` of one process do, and the others wait
 * for their turn. Whoever is in stands at no door any more: how many commands run at once is not bounded here. `take` throws TransportError `busy` after its time, `cut` by the signal; then there was no turn.
 */
export const createTurns = (most: number) => createPlaces(most, turn)

function turn(line: Line, whose: string, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (end: () => void) => () => { clearTimeout(timer); signal?.removeEventListener('abort', cut); leave(); end() }
    const leave = line.join(whose, done(resolve))
    const cut = done(() => { reject(new TransportError('cut', 'cut before it began', false)) })
    const timer = setTimeout(done(() => { reject(new TransportError('busy', `no turn to log in within ${ms} ms`, false)) }), ms)
    signal?.addEventListener('abort', cut, { once: true })
  })
}
