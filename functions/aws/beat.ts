import { tables } from '../../schema/item.ts'
import { Fault } from '../ports.ts'
import { conditionFailed, type Dynamo, type Item } from './dynamo.ts'

/** A replica of the policy that heard nothing of its home for so long is not decided by. The home says something each minute. */
const mostBehindMs = 150_000
/** Clocks of two regions differ by less. */
const aheadMs = 30_000

/**
 * The home's word to its replicas that what they have is not old: the time, in the pointer's own item. An item's changes reach a replica in their order, so one that has this has every lock and every policy from before
 * it; another item would prove nothing. Said each minute (sweeper.ts), touches nothing else, and makes no pointer where there is none. Throws Fault store-unavailable.
 */
export async function beat(dynamo: Dynamo, now: number): Promise<void> {
  try {
    await dynamo('UpdateItem', {
      TableName: tables.policy.name, Key: { pk: { S: 'policy' }, sk: { S: 'pointer' } }, UpdateExpression: 'SET beat = :now', ConditionExpression: 'attribute_exists(pk)', ExpressionAttributeValues: { ':now': { N: String(now) } },
    })
  } catch (error) {
    if (!conditionFailed(error)) throw error                          // nothing was applied yet, and so nothing is replicated
  }
}

/** Throws Fault store-unavailable where the pointer may be older than 150 s, or says nothing that can be believed: then nothing is decided here. */
export function mustBeRecent(pointer: Item, now: number): void {
  const age = now - Number(pointer['beat']?.N ?? NaN)
  if (!(age <= mostBehindMs && age >= -aheadMs)) throw new Fault('store-unavailable', Number.isNaN(age) ? 'the policy\'s own region has never said that this replica follows' : `this replica of the policy last heard of its own region ${Math.round(age / 1000)} s ago`)
}
