import { type AccessRequest, isOpen } from '../schema/approval.ts'
import { canonicalJson } from '../schema/bundle.ts'
import type { Id } from '../schema/event.ts'
import type { Ports } from './ports.ts'

/** Milliseconds between looks: soon at first, because people answer at once or much later. */
const firstMs = 500
const longestMs = 4000
/** The looks of all held calls together: at most one in so many ms, however many there are. Who is many looks rarely; the bell is not slower for it. */
const apartMs = 40
/** Calls that may be held at once by one process; whoever comes after is answered at once and polls. */
export const maxHeld = 2000
/** Of those, calls for requests of one subject: who repeats one call without end is let go, and nobody else with it. */
export const maxHeldEach = 64

/**
 * Waiting for an access request to end. A bell in this process tells at once what happened here; a slow look into the store tells what happened
 * elsewhere. Nothing rests on the bell.
 */
export function createWaits(ports: Pick<Ports, 'now' | 'approvals'>) {
  const waiting = new Map<string, Set<() => void>>()
  const shares = new Map<string, number>()
  let held = 0

  /** Takes a place of the requester's share; gives what leaves it. null: all of them are taken. */
  function enter({ bound: { issuer, subject } }: AccessRequest): (() => void) | null {
    const whose = canonicalJson([issuer, subject.id])
    const taken = shares.get(whose) ?? 0
    if (taken >= maxHeldEach) return null
    shares.set(whose, taken + 1)
    return () => { const left = (shares.get(whose) ?? 1) - 1; if (left > 0) shares.set(whose, left); else shares.delete(whose) }
  }

  function pause(id: string, ms: number): Promise<void> {
    return new Promise((resolve) => {
      const wakers = waiting.get(id) ?? new Set()
      waiting.set(id, wakers)
      const done = () => {
        clearTimeout(timer)
        wakers.delete(done)
        if (wakers.size === 0) waiting.delete(id)
        resolve()
      }
      const timer = setTimeout(done, ms)
      wakers.add(done)
    })
  }

  return {
    /** Something about this request changed, in this process. */
    ring(id: Id<'arq'>): void {
      for (const wake of [...waiting.get(id) ?? []]) wake()
    },
    /** The request as it is when it has ended, or as it is at `untilMs` (epoch), or at once where too many wait, in this process or for its requester. Throws Fault store-unavailable. null: there is none. */
    async settled(id: Id<'arq'>, untilMs: number): Promise<AccessRequest | null> {
      const requests = ports.approvals?.requests
      if (!requests) return null
      held++
      let leave: (() => void) | null = null
      try {
        for (let ms = firstMs; ; ms = Math.min(longestMs, ms * 1.5)) {
          const request = await requests.get(id)
          const left = untilMs - ports.now()
          if (request === null || !isOpen(request.status) || left <= 0 || held > maxHeld) return request
          leave ??= enter(request)
          if (leave === null) return request
          await pause(id, Math.min(Math.max(ms, held * apartMs), left))
        }
      } finally {
        held--
        leave?.()
      }
    },
  }
}
export type Waits = ReturnType<typeof createWaits>
