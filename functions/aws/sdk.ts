import { type Dynamo, DynamoError, type Item, type Output, type Place, type Reason } from './dynamo.ts'

/**
 * DynamoDB by the SDK, for what changes the policy, and as the carrier that the other one is compared with by every contract suite. Loaded at the first call: it costs half a megabyte to parse
 * and 100 ms of CPU, more than everything else a cold start does.
 */
export function sdkDynamo(place: Place): Dynamo & { close(): void } {
  let loaded: ReturnType<typeof load> | null = null
  const call: Dynamo = async (operation, input) => {
    loaded ??= load(place)
    const { send } = await loaded
    try {
      return await send(operation, input)
    } catch (error) {
      throw errorOf(error)
    }
  }
  return Object.assign(call, { close: () => { loaded?.then(({ close }) => close(), () => undefined) } })
}

async function load({ region, endpoint, credentials: { accessKeyId, secretAccessKey, sessionToken } }: Place) {
  const sdk = await import('@aws-sdk/client-dynamodb')
  const client = new sdk.DynamoDBClient({
    region, endpoint, maxAttempts: 4, credentials: { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) },
    requestHandler: { requestTimeout: 5000, connectionTimeout: 2000, throwOnRequestTimeout: true },
  })
  /** The wire's shapes go in and come out as they are: the SDK's command inputs are the same words. */
  async function send(operation: Parameters<Dynamo>[0], input: object): Promise<Output> {
    switch (operation) {
      case 'GetItem': return await client.send(new sdk.GetItemCommand(input as never)) as Output
      case 'PutItem': return await client.send(new sdk.PutItemCommand(input as never)) as Output
      case 'UpdateItem': return await client.send(new sdk.UpdateItemCommand(input as never)) as Output
      case 'DeleteItem': return await client.send(new sdk.DeleteItemCommand(input as never)) as Output
      case 'Query': return await client.send(new sdk.QueryCommand(input as never)) as Output
      case 'BatchGetItem': return await client.send(new sdk.BatchGetItemCommand(input as never)) as Output
      case 'TransactWriteItems': { await client.send(new sdk.TransactWriteItemsCommand(input as never)); return {} }
      case 'CreateTable': { await client.send(new sdk.CreateTableCommand(input as never)); return {} }
      case 'DescribeTable': return await client.send(new sdk.DescribeTableCommand(input as never)) as Output
      case 'UpdateTimeToLive': { await client.send(new sdk.UpdateTimeToLiveCommand(input as never)); return {} }
      case 'DescribeTimeToLive': return await client.send(new sdk.DescribeTimeToLiveCommand(input as never)) as Output
    }
  }
  return { send, close: () => client.destroy() }
}

function errorOf(error: unknown): DynamoError {
  if (!(error instanceof Error)) return new DynamoError('Network', 'unknown')
  const type = '$fault' in error ? error.name : error.name === 'TimeoutError' ? 'Timeout' : 'Network'
  return new DynamoError(type, error.message, {
    cause: error, ...('Item' in error ? { item: error.Item as Item | undefined } : {}),
    ...('CancellationReasons' in error ? { reasons: error.CancellationReasons as readonly Reason[] | undefined } : {}),
  })
}
