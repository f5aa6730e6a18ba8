import { createHash } from 'node:crypto'
import { tables } from '../../schema/item.ts'
import type { Meter } from '../ports.ts'
import { conditionFailed, type Dynamo } from './dynamo.ts'

const TableName = tables.state.name
const hourSeconds = 3600
const blocks = 50
const most = 10_000

/** Units this process has taken from the hour and not yet spent. `filling`: somebody is fetching more, and everyone waits for that one. */
interface Lease { readonly hour: number; readonly budget: number; left: number; filling: Promise<void> | null; dry: boolean }

/**
 * Hourly budgets. What is taken is added to the hour's item under the condition that it stays within the budget, before it is spent, so no number
 * of processes gives more than the budget; what a process dies with is lost for the hour. Blocks of a fiftieth keep the hot path off the
 * store; under a hundred the block is one, and the count exact.
 */
export function createMeter({ hot }: { readonly hot: Dynamo }): Meter {
  const leases = new Map<string, Lease>()

  function leaseOf(key: string, hour: number, budget: number): Lease {
    const lease = leases.get(key)
    if (lease && lease.hour === hour && lease.budget === budget) return lease
    if (leases.size >= most) for (const [old, { hour: its }] of leases) if (its < hour || leases.size >= most) leases.delete(old)
    const fresh: Lease = { hour, budget, left: 0, filling: null, dry: false }                  // another hour or budget: what was left of it is lost, never carried over
    leases.set(key, fresh)
    return fresh
  }

  async function take(key: string, hour: number, want: number, budget: number): Promise<number> {
    const lease = leaseOf(key, hour, budget)
    while (lease.left < want && !lease.dry) {                                      // again after waiting: somebody else may have had what came in
      lease.filling ??= fill(lease, key, want - lease.left).finally(() => { lease.filling = null })
      await lease.filling
    }
    const had = Math.min(lease.left, want)
    lease.left -= had
    return had
  }

  /** Adds a block to the hour; where no whole block is left, what is needed of the rest. Nobody gives back to the store, so dry is dry. */
  async function fill(lease: Lease, key: string, need: number): Promise<void> {
    const { hour, budget } = lease
    for (let want = Math.min(budget, Math.max(need, 1, Math.floor(budget / blocks))); want > 0;) {
      try {
        await hot('UpdateItem', {
          TableName, Key: itemKey(key, hour), ReturnValuesOnConditionCheckFailure: 'ALL_OLD', UpdateExpression: 'ADD used :want SET expires = :expires',
          ConditionExpression: 'attribute_not_exists(pk) OR used <= :room',
          ExpressionAttributeValues: { ':want': { N: String(want) }, ':room': { N: String(budget - want) }, ':expires': { N: String((hour + 3) * hourSeconds) } },
        })
        lease.left += want
        return
      } catch (error) {
        if (!conditionFailed(error)) throw error
        want = Math.min(need, budget - Number(error.item?.['used']?.N ?? budget))  // always less than before: the condition said that it does not fit
      }
    }
    lease.dry = true
  }

  function give(key: string, hour: number, count: number): void {
    const lease = leases.get(key)
    if (lease && lease.hour === hour && count > 0) lease.left += count
  }
  return { take, give }
}

/** Hashed: a subject may be long, and two fields joined by hand may meet. */
const itemKey = (key: string, hour: number) => ({ pk: { S: `meter#${createHash('sha256').update(key).digest('hex')}#${hour}` } })
