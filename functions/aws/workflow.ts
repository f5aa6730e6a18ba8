import type { Id } from '../../schema/event.ts'
import { tables } from '../../schema/item.ts'
import type { Workflow } from '../ports.ts'
import { conditionFailed, type Dynamo, type Item } from './dynamo.ts'
import { type Sfn, SfnError } from './sfn.ts'

const TableName = tables.state.name
const keyOf = (id: Id<'arq'>) => ({ pk: { S: `task#${id}` } })
/** A step may be begun anew, each time with another token; the older ones are spent, and which is the newest nobody can tell. All are tried, so no more are kept than fit. */
const maxTokens = 100
/** A state machine waits a year at most. */
const keptSeconds = 366 * 24 * 3600

/** What a token says when nothing waits for it any more: the wait ended, in whatever way. */
const overTypes: readonly string[] = ['TaskTimedOut', 'TaskDoesNotExist', 'InvalidToken']

export interface WorkflowParts { readonly sfn: Sfn; readonly dynamo: Dynamo; readonly stateMachineArn: string; readonly now: () => number }

/**
 * The state machine's handle. Task tokens lie in the state table and go nowhere else: not into an error, an event or a log. Whoever has one can only end a wait,
 * never decide: the next step reads the stored request.
 */
export function createWorkflow({ sfn, dynamo, stateMachineArn, now }: WorkflowParts): Workflow & {
  /** The wait of this request has begun with this token. Durable when it returns; the same token again is success. Then look whether the request is still pending. */
  register(id: Id<'arq'>, token: string): Promise<void>
} {
  async function start(id: Id<'arq'>, expiresAt: number): Promise<void> {
    try {
      await sfn.start({ stateMachineArn, name: id, input: JSON.stringify({ request: id, expiresAt: new Date(expiresAt).toISOString() }) })
    } catch (error) {
      if (!(error instanceof SfnError && error.type === 'ExecutionAlreadyExists')) throw error
    }
  }

  async function register(id: Id<'arq'>, token: string): Promise<void> {
    const expires = { N: String(Math.floor(now() / 1000) + keptSeconds) }
    try {
      await dynamo('UpdateItem', {
        TableName, Key: keyOf(id), UpdateExpression: 'SET tokens = list_append(if_not_exists(tokens, :none), :tokens), expires = :expires',
        ConditionExpression: 'attribute_not_exists(tokens) OR (NOT contains(tokens, :token) AND size(tokens) < :most)', ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
        ExpressionAttributeValues: { ':none': { L: [] }, ':tokens': { L: [{ S: token }] }, ':token': { S: token }, ':expires': expires, ':most': { N: String(maxTokens) } },
      })
    } catch (error) {
      if (!conditionFailed(error)) throw error
      if (tokensOf(error.item).includes(token)) return                        // sent again, its first write stored
      await dynamo('UpdateItem', {                                            // a hundred attempts at one wait: all but this one are long over
        TableName, Key: keyOf(id), UpdateExpression: 'SET tokens = :tokens, expires = :expires',
        ExpressionAttributeValues: { ':tokens': { L: [{ S: token }] }, ':expires': expires },
      })
    }
  }

  async function wake(id: Id<'arq'>): Promise<void> {
    const { Item: item } = await dynamo('GetItem', { TableName, Key: keyOf(id), ConsistentRead: true })
    const tokens = tokensOf(item ?? null)
    let failure: unknown = null
    for (const taskToken of tokens.toReversed()) {                            // the newest is the likeliest to be waited for
      try {
        await sfn.succeed({ taskToken, output: '{}' })
      } catch (error) {
        if (!(error instanceof SfnError && overTypes.includes(error.type))) failure ??= error
      }
    }
    if (failure !== null) throw failure
    if (tokens.length > 0) await forget(id, tokens)
  }

  /** Spent tokens need not lie about; one registered meanwhile stays. A crash before this leaves them to be tried once more, in vain. */
  async function forget(id: Id<'arq'>, tokens: readonly string[]): Promise<void> {
    try {
      await dynamo('DeleteItem', {
        TableName, Key: keyOf(id), ConditionExpression: 'size(tokens) = :count AND contains(tokens, :last)',      // the list only grows
        ExpressionAttributeValues: { ':count': { N: String(tokens.length) }, ':last': { S: tokens.at(-1) ?? '' } },
      })
    } catch (error) {
      if (!conditionFailed(error)) throw error
    }
  }
  return { start, register, wake }
}

const tokensOf = (item: Item | null): string[] => item?.['tokens']?.L?.flatMap(({ S }) => S ?? []) ?? []
