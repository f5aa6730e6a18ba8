import { setTimeout as sleep } from 'node:timers/promises'
import type { Result } from '../schema/refusal.ts'
import type { Query } from '../schema/request.ts'
import type { Admitted, Door } from './door.ts'
import type { Call } from './gate.ts'
import type { Ports } from './ports.ts'
import type { Story } from './record/story.ts'

interface Asking {
  readonly call: Pick<Call, 'connection' | 'until' | 'gone'>
  readonly admitted: Admitted
  readonly query: Pick<Query, 'form'>
  readonly story: Pick<Story, 'refuse'>
}

/** How often one call is decided at most. `objects`: whose callers speak the target's own protocol, in which many may write one object. */
const most = { statements: 2, objects: 16 }
/** For how long others who write the same object may keep a call, ms: it holds a place meanwhile, as one whose target takes its time. */
const patienceMs = 20_000
/** Between two decisions, at most, ms. */
const longestMs = 2_000

/**
 * An object changed between classify and execute, and nothing ran: all of it is decided once more, on what is there now. Whoever lost has lost to somebody who wrote, so of many who write one object some always get on. Those who
 * lost together must not come back together: each waits by chance, first for as long as its attempt took and for up to twice as long each time after. Every attempt counts against the hour and is on record, so nobody floods a target by
 * writing against themselves. Gives the last answer when it has tried often or long enough, the token has ended, or nobody waits any more. Dies in a pause: nothing is left behind but those attempts.
 */
export function createAgain({ now }: Pick<Ports, 'now'>, meanwhile: Door['meanwhile']) {
  return async function again<T>({ call, admitted, query, story }: Asking, attempt: () => Promise<Result<T>>): Promise<Result<T>> {
    const until = Math.min(now() + patienceMs, call.until ?? Infinity, admitted.caller.expiresAt)
    const writers = query.form === undefined ? 'statements' : 'objects'
    for (let tries = 1; ; tries++) {
      const began = now()
      const done = await attempt()
      if (done.ok || done.refusal.reason !== 'objects_changed' || tries >= most[writers]) return done
      const pauseMs = writers === 'statements' ? 0 : Math.random() * Math.min(longestMs, (now() - began) * 2 ** (tries - 1))
      if (now() + pauseMs >= until) return done
      if (pauseMs > 0) await sleep(pauseMs)
      // A process may have been frozen in its sleep: what comes to itself hours later does nothing.
      if (call.gone?.() || now() >= until) return done
      const late = await meanwhile(admitted, call.connection)          // whom a lock stops asks the target and people nothing more
      if (late) return story.refuse(late)
    }
  }
}
