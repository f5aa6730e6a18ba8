import type { Ports } from '../ports.ts'

const quietMs = 10_000

/** `Ports.alarm` on a machine: a line on stderr, the same one at most every ten seconds, with how many were kept back. */
export function createAlarm(write: (line: string) => void, now: () => number): Ports['alarm'] {
  const last = new Map<string, { at: number; held: number }>()
  return (what, detail) => {
    try {
      const entry = last.get(what)
      if (entry && now() - entry.at < quietMs) {
        entry.held++
        return
      }
      if (last.size > 1000) last.clear()
      last.set(what, { at: now(), held: 0 })
      const more = entry?.held ? ` (and ${entry.held} more since)` : ''
      // One line whatever is in it: a line break in a name must not forge another entry.
      write(`alarm: ${what} ${JSON.stringify(detail)}${more}`.replaceAll(/[\0-\x1f\x7f-\x9f\u2028\u2029]/g, ' '))
    } catch {
      write(`alarm: ${what}`.replaceAll(/[\0-\x1f\x7f-\x9f]/g, ' '))
    }
  }
}
