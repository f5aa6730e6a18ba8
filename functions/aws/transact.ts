import { createHash } from 'node:crypto'
import { type Dynamo, DynamoError, type Reason } from './dynamo.ts'

const attempts = 8
const firstWaitMs = 10
const longestWaitMs = 400
/** Reasons that say "not now": another transaction has the item, or too much at once. Nothing was written, and the same may pass a moment later. */
const passing = new Set(['TransactionConflict', 'ProvisionedThroughputExceeded', 'ThrottlingError', 'RequestLimitExceeded'])

/** null: stored. Otherwise why each action was not, in the order given; at least one failed its condition, and nothing is stored. */
export type Refused = readonly Reason[] | null

/**
 * All of the actions or none, durable when it returns. The token is made of the write itself, so that a second sending of the same bytes within
 * ten minutes is the same write; after that, whoever made it knows its own first write by the item that fails the condition. A condition seen to
 * fail is an answer, whatever kept the other actions. Throws Fault store-unavailable: it may or may not be stored.
 */
export async function transact(dynamo: Dynamo, actions: readonly object[], random: () => number = Math.random): Promise<Refused> {
  const ClientRequestToken = createHash('sha256').update(JSON.stringify(actions)).digest('base64url').slice(0, 32)
  for (let attempt = 1; ; attempt++) {
    try {
      await dynamo('TransactWriteItems', { TransactItems: actions, ClientRequestToken })
      return null
    } catch (error) {
      if (!(error instanceof DynamoError) || error.type !== 'TransactionCanceledException') throw error
      if (error.reasons.some(failed)) return error.reasons
      if (attempt >= attempts || !error.reasons.every(({ Code: code = 'None' }) => code === 'None' || passing.has(code))) throw error
    }
    // Full jitter, so that many who met at one item do not meet there again.
    const wait = Math.floor(random() * Math.min(longestWaitMs, firstWaitMs * 2 ** attempt))
    await new Promise((resolve) => { setTimeout(resolve, wait) })
  }
}

export const failed = (reason: Reason | undefined): reason is Reason => reason?.Code === 'ConditionalCheckFailed'
