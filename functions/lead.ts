import { type AccessRequest, repeatMs } from '../schema/approval.ts'
import type { Id } from '../schema/event.ts'
import { fateOf } from './conclude.ts'
import { Damage, type Ports, type Requests } from './ports.ts'
import { eventOf } from './vouch.ts'

/**
 * Where a key leads, a call's own or its caller's. The row that says so is a hint: whoever can write that table alone could have one caller's call answered with another's rows. So the request it leads to is looked at, by what it
 * binds (`isOf`), and how it ended is asked of the record (`believed`). null: to none that answers for this call, and it may ask anew. `lost`: to one that cannot be read and has begun; until then
 * (epoch ms) its call is answered by that. Throws Fault store-unavailable.
 */
export function createLead({ alarm, ledger }: Pick<Ports, 'alarm' | 'ledger'>, requests: Pick<Requests, 'get' | 'fate'>, believed: (request: AccessRequest) => Promise<AccessRequest>) {
  return async function lead(id: Id<'arq'> | null, isOf: (request: AccessRequest) => boolean): Promise<AccessRequest | Lost | null> {
    if (id === null) return null
    try {
      const found = await requests.get(id)
      if (found === null) return null
      if (isOf(found)) return await believed(found)
      alarm('a call leads to a request that is not its own', { request: id })
      return null
    } catch (error) {
      if (!(error instanceof Damage)) throw error
      alarm('a request cannot be read', { request: id })
      // Its row is gone for good, and what it came to is not. Where nothing says that it began it cannot begin any more, as nobody can read it.
      const until = await begunUntil(id)
      return until === null ? null : { lost: until }
    }
  }

  async function begunUntil(id: Id<'arq'>): Promise<number | null> {
    const fate = await fateOf(requests, id)
    if (fate === null) return null
    const event = fate === 'damaged' ? null : await eventOf(ledger, fate)
    if (event === null) return Infinity
    return event.kind === 'intent' ? Date.parse(event.settleBy) + repeatMs : null
  }
}
interface Lost { readonly lost: number }
export const isLost = (lead: AccessRequest | Lost | null): lead is Lost => lead !== null && 'lost' in lead
