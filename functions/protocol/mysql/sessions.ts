import type { Session } from './transport.ts'

/** A session for one run. */
export interface Lease {
  readonly session: Session
  /** Rests until a later run that is pinned alike takes it. Only where nothing of this one may be in it: no transaction, and no statement that leaves anything in a session. */
  rest(): void
  /** Never used again. */
  end(): void
}
export interface Sessions {
  /** One at rest, pinned by this very text. */
  kept(url: string, pins: string): Lease | null
  /** A new one, which is not pinned yet. */
  open(url: string, pins: string): Lease
  close(): void
}
/** The server ends a session that rests longer (`wait_timeout`), and a freeze of this process may have lasted longer. */
const restMs = 3000
/** A session keeps rights of its account as they were at its beginning; those of an account are looked at as often (role.ts). */
const ageMs = 60_000
/** So many to one account at once is what a transport may carry; those at rest make way. */
const most = 8
interface Own { readonly url: string; readonly pins: string; readonly session: Session; readonly born: number; since: number; timer: NodeJS.Timeout | null }

/**
 * Sessions that a run is done with and another may use, each to one credential and pinned by one text, so that callers whose settings differ never meet in one. What is true of one is told by the server at each
 * run all the same (`guardStatement`): a kept session saves the settings and, over the server's own protocol, the login.
 */
export function createSessions(open: (url: string) => Session, now: () => number): Sessions {
  const resting: Own[] = []
  const out = new Map<string, number>()
  const count = (url: string, change: 1 | -1) => {
    const left = (out.get(url) ?? 0) + change
    if (left > 0) out.set(url, left)
    else out.delete(url)
  }
  function drop(own: Own): void {
    if (own.timer) clearTimeout(own.timer)
    const at = resting.indexOf(own)
    if (at >= 0) resting.splice(at, 1)
    own.session.end?.()
  }
  function lend(own: Own): Lease {
    let over = false
    count(own.url, 1)
    const once = (work: () => void) => () => {
      if (!over) { count(own.url, -1); work() }
      over = true
    }
    return {
      session: own.session, end: once(() => drop(own)),
      rest: once(() => {
        own.since = now()
        if (own.since - own.born >= ageMs || own.session.over?.()) return drop(own)   // what was told to stop ends a little later, and with it whoever had taken it
        own.timer = setTimeout(() => drop(own), restMs)
        own.timer.unref()
        resting.push(own)
      }),
    }
  }
  return {
    kept(url, pins) {
      for (const own of resting.toReversed()) {
        if (own.url !== url || own.pins !== pins) continue
        if (now() - own.since >= restMs || now() - own.born >= ageMs || own.session.over?.()) { drop(own); continue }
        if (own.timer) clearTimeout(own.timer)
        resting.splice(resting.indexOf(own), 1)
        return lend(own)
      }
      return null
    },
    open(url, pins) {
      const own = resting.filter((one) => one.url === url)
      if (own[0] && own.length + (out.get(url) ?? 0) >= most) drop(own[0])
      return lend({ url, pins, session: open(url), born: now(), since: now(), timer: null })
    },
    close: () => { for (const own of [...resting]) drop(own) },
  }
}
