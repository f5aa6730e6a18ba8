import { expect } from 'vitest'
import type { AccessRequest, Status } from '../../schema/approval.ts'
import type { Event, Id } from '../../schema/event.ts'
import type { Ports, RequestFilter, Requests } from '../../functions/ports.ts'
import { approvalEventOf, type Failing, nextOf, requestOf } from '../support/requests.ts'

export interface RequestRig {
  readonly clock: { ms: number }
  readonly ids: Pick<Ports, 'now' | 'id'>
  readonly requests: Requests
  /** Another process: nothing shared but the store. */
  other(): Requests
  /** An event of the ledger beside them. */
  event(id: Id<'evt'>): Promise<Event | null>
  append(event: Event): Promise<unknown>
  /** Remembers the row as it is, and gives what puts it back to that, as a table restored to this moment would. */
  remember(id: Id<'arq'>): Promise<() => Promise<unknown>>
  /** Makes writes fail until `heal`. */
  fail(how: Failing): void
  heal(): void
  close(): Promise<void>
}

/** What is done with requests before a promise can be looked at, on the rig of the test at hand. */
export function asking(rig: () => RequestRig) {
  const asked = (more: Parameters<typeof requestOf>[1] = {}) => requestOf(rig().ids, more)
  const telling = (request: AccessRequest, kind?: Parameters<typeof approvalEventOf>[2]) => approvalEventOf(rig().ids, request, kind)
  const put = async (request: AccessRequest, by = rig().requests) => by.create(request, telling(request), rig().clock.ms)
  async function stored(more: Parameters<typeof requestOf>[1] = {}): Promise<AccessRequest> {
    const request = asked(more)
    expect(await put(request)).toEqual({ created: true })
    return request
  }
  async function moved(request: AccessRequest, ...path: readonly Status[]): Promise<AccessRequest> {
    let last = request
    for (const status of path) {
      last = nextOf(last, status, rig().clock.ms)
      expect(await rig().requests.swap(last, telling(last, 'approval'))).toBe(true)
    }
    return last
  }
  async function all(filter: RequestFilter, limit: number): Promise<string[]> {
    const ids: string[] = []
    for (let after: string | null = null; ;) {
      const page = await rig().requests.list(filter, { limit, after })
      expect(page.requests.length).toBeLessThanOrEqual(limit)
      ids.push(...page.requests.map(({ id }) => id))
      if (page.next === null) return ids
      after = page.next
    }
  }
  return { asked, telling, put, stored, moved, all }
}
