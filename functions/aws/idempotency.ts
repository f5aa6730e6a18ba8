import type { Id } from '../../schema/event.ts'
import { maxAnswerBytes, tables } from '../../schema/item.ts'
import { Fault, type IdempotencyStore } from '../ports.ts'
import { conditionFailed, type Dynamo, type Item } from './dynamo.ts'

const TableName = tables.state.name
const keptSeconds = 24 * 3600
const keyOf = (key: string) => ({ pk: { S: `idempotency#${key}` } })
const mine = (evaluation: string) => ({ ConditionExpression: 'evaluation = :evaluation', ExpressionAttributeValues: { ':evaluation': { S: evaluation } } })

/** One item a key. Every write carries the evaluation it was made for, so that a claim whose answer was lost knows itself when it comes again. */
export function createIdempotency({ hot, now }: { readonly hot: Dynamo; readonly now: () => number }): IdempotencyStore {
  async function claim(key: string, { body, evaluation, settleBy }: Parameters<IdempotencyStore['claim']>[1]): ReturnType<IdempotencyStore['claim']> {
    const seconds = Math.floor(now() / 1000)
    try {
      await hot('PutItem', {
        TableName, ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
        Item: { ...keyOf(key), body: { S: body }, evaluation: { S: evaluation }, settleBy: { N: String(settleBy) }, expires: { N: String(seconds + keptSeconds) } },
        ConditionExpression: 'attribute_not_exists(pk) OR expires < :now',          // TTL deletes late: what is over is over before it is gone
        ExpressionAttributeValues: { ':now': { N: String(seconds) } },
      })
      return { claimed: true }
    } catch (error) {
      if (!conditionFailed(error)) throw error
      const earlier = readEntry(error.item)
      return earlier.evaluation === evaluation && earlier.answer === null ? { claimed: true } : { claimed: false, ...earlier }
    }
  }

  async function settle(key: string, evaluation: Id<'eval'>, { status, body }: Parameters<IdempotencyStore['settle']>[2]): Promise<void> {
    if (body !== null && Buffer.byteLength(body) > maxAnswerBytes) throw new Fault('internal', 'an answer over 300 KB')
    const { ConditionExpression, ExpressionAttributeValues } = mine(evaluation)
    await hot('UpdateItem', {
      TableName, Key: keyOf(key), UpdateExpression: 'SET answered = :status, answer = :answer', ConditionExpression,
      ExpressionAttributeValues: { ...ExpressionAttributeValues, ':status': { N: String(status) }, ':answer': body === null ? { NULL: true } : { S: body } },
    })
  }

  async function release(key: string, evaluation: Id<'eval'>): Promise<void> {
    try {
      await hot('DeleteItem', { TableName, Key: keyOf(key), ...mine(evaluation) })
    } catch (error) {
      if (!conditionFailed(error)) throw error                                     // gone already, or another evaluation's
    }
  }
  return { claim, settle, release }
}

function readEntry(item: Item | null) {
  const { body, evaluation, settleBy, answered, answer } = item ?? {}
  if (body?.S === undefined || evaluation?.S === undefined || settleBy?.N === undefined) throw new Fault('store-unavailable', 'an idempotency entry is damaged')
  return {
    body: body.S, evaluation: evaluation.S as Id<'eval'>, settleBy: Number(settleBy.N),
    answer: answered?.N === undefined ? null : { status: Number(answered.N), body: answer?.S ?? null },
  }
}
