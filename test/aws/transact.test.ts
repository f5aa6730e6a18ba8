import { describe, expect, test } from 'vitest'
import { type Dynamo, DynamoError, type Reason } from '../../functions/aws/dynamo.ts'
import { transact } from '../../functions/aws/transact.ts'

const canceled = (...codes: readonly string[]) => new DynamoError('TransactionCanceledException', 'm', { reasons: codes.map((Code): Reason => ({ Code })) })
const put = (pk: string) => ({ Put: { TableName: 't', Item: { pk: { S: pk } } } })

/** Answers each call with the next of these; after the last, with the last. */
function say(...answers: readonly (DynamoError | null)[]) {
  const inputs: { readonly ClientRequestToken?: string }[] = []
  const dynamo: Dynamo = async (_operation, input) => {
    const answer = answers[Math.min(inputs.length, answers.length - 1)] ?? null
    inputs.push(input)
    if (answer) throw answer
    return {}
  }
  return { inputs, run: (...actions: readonly object[]) => transact(dynamo, actions, () => 0) }
}

describe('a transaction', () => {
  test.each([['TransactionConflict'], ['ProvisionedThroughputExceeded'], ['ThrottlingError'], ['None']])('that met %s is sent again, under the same token', async (code) => {
    const { inputs, run } = say(canceled('None', code), canceled('None', code), null)
    expect(await run(put('a'), put('b'))).toBeNull()
    expect(inputs).toHaveLength(3)
    expect(new Set(inputs.map(({ ClientRequestToken: token }) => token)).size).toBe(1)
  })

  test('that never gets through is given up, as store-unavailable', async () => {
    const { inputs, run } = say(canceled('TransactionConflict'))
    await expect(run(put('a'))).rejects.toMatchObject({ code: 'store-unavailable', type: 'TransactionCanceledException' })
    expect(inputs).toHaveLength(8)
  })

  test('whose condition failed has its answer, also where another action only had to wait', async () => {
    const { inputs, run } = say(canceled('TransactionConflict', 'ConditionalCheckFailed'))
    expect(await run(put('a'), put('b'))).toEqual([{ Code: 'TransactionConflict' }, { Code: 'ConditionalCheckFailed' }])
    expect(inputs).toHaveLength(1)
  })

  test.each([['ValidationError'], ['ItemCollectionSizeLimitExceeded'], ['SomethingNew']])('refused for %s is not sent again, and never taken for stored', async (code) => {
    const { inputs, run } = say(canceled('TransactionConflict', code), null)
    await expect(run(put('a'), put('b'))).rejects.toThrow(DynamoError)
    expect(inputs).toHaveLength(1)
  })

  test('that failed in any other way is thrown as it is', async () => {
    const { inputs, run } = say(new DynamoError('Timeout', 'no answer'), null)
    await expect(run(put('a'))).rejects.toMatchObject({ type: 'Timeout' })
    expect(inputs).toHaveLength(1)
  })

  test('has a token of its own content, of a length DynamoDB takes', async () => {
    const { inputs, run } = say(null)
    for (const actions of [[put('a')], [put('a')], [put('b')], [put('a'), put('b')]]) await run(...actions)
    const tokens = inputs.map(({ ClientRequestToken: token }) => token)
    expect(tokens[0]).toBe(tokens[1])
    expect(new Set(tokens).size).toBe(3)
    for (const token of tokens) expect(token).toMatch(/^[\w-]{1,36}$/)
  })
})
