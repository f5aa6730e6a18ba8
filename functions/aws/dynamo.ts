import { Fault } from '../ports.ts'

/**
 * One DynamoDB operation, whatever carries it: by hand-signed request on the hot path (signed.ts), by the SDK elsewhere (sdk.ts). Both retry
 * throttling, 5xx, timeouts and lost connections within a bound, so a write may be sent twice: every write here carries a condition, and
 * whoever made it recognises its own first write in the item that failed the second.
 */
export type Dynamo = (operation: Operation, input: object) => Promise<Output>
export type Operation =
  | 'GetItem' | 'PutItem' | 'UpdateItem' | 'DeleteItem' | 'Query' | 'BatchGetItem' | 'TransactWriteItems'
  | 'CreateTable' | 'DescribeTable' | 'UpdateTimeToLive' | 'DescribeTimeToLive'

export interface Value { readonly S?: string; readonly N?: string; readonly BOOL?: boolean; readonly NULL?: boolean; readonly L?: readonly Value[]; readonly M?: Item }
export type Item = Readonly<Record<string, Value>>
export interface Output {
  readonly Item?: Item
  readonly Items?: readonly Item[]
  /** Of an update, what ReturnValues asked for. */
  readonly Attributes?: Item
  readonly LastEvaluatedKey?: Item
  readonly Responses?: Readonly<Record<string, readonly Item[]>>
  readonly UnprocessedKeys?: Readonly<Record<string, { readonly Keys?: readonly Item[] }>>
  readonly Table?: { readonly TableStatus?: string }
  readonly TimeToLiveDescription?: { readonly TimeToLiveStatus?: string }
}
/** Why one action of a cancelled transaction failed; `None` for those that would not have. */
export interface Reason { readonly Code?: string; readonly Message?: string; readonly Item?: Item }
export interface Credentials { readonly accessKeyId: string; readonly secretAccessKey: string; readonly sessionToken?: string | undefined }
export interface Place {
  readonly region: string; readonly endpoint: string; readonly credentials: Credentials
  /** What the tables' names begin with in place of `sluice`; left out or null: as they are. */
  readonly tables?: string | null
}

/**
 * An operation failed. `type` is DynamoDB's own word, or `Timeout` or `Network`; `item` the one that failed a condition, where it was asked for;
 * `reasons` one for each action of a cancelled transaction.
 * Code `internal` is a request DynamoDB says is malformed: a bug here, never worth sending again.
 */
export class DynamoError extends Fault {
  readonly type: string
  readonly item: Item | null
  readonly reasons: readonly Reason[]
  constructor(type: string, message: string, more: { readonly item?: Item | undefined; readonly reasons?: readonly Reason[] | undefined; readonly cause?: unknown } = {}) {
    super(type === 'ValidationException' || type === 'SerializationException' ? 'internal' : 'store-unavailable', `${type}: ${message}`, { cause: more.cause })
    this.name = 'DynamoError'
    this.type = type
    this.item = more.item ?? null
    this.reasons = more.reasons ?? []
  }
}
export const conditionFailed = (error: unknown): error is DynamoError => error instanceof DynamoError && error.type === 'ConditionalCheckFailedException'

/** Region, endpoint and credentials as Lambda and the AWS tools put them into the environment; static for the life of the process. Throws Fault internal. */
export function placeOf(env: Readonly<Record<string, string | undefined>>): Place {
  const region = env['AWS_REGION'] ?? env['AWS_DEFAULT_REGION']
  const accessKeyId = env['AWS_ACCESS_KEY_ID']
  const secretAccessKey = env['AWS_SECRET_ACCESS_KEY']
  if (!region || !accessKeyId || !secretAccessKey) {
    const missing = [[region, 'AWS_REGION'], [accessKeyId, 'AWS_ACCESS_KEY_ID'], [secretAccessKey, 'AWS_SECRET_ACCESS_KEY']].flatMap(([value, name]) => (value ? [] : [name]))
    throw new Fault('internal', `${missing.join(' and ')} must be set`)
  }
  const domain = region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com'
  const endpoint = env['AWS_ENDPOINT_URL_DYNAMODB'] ?? env['AWS_ENDPOINT_URL'] ?? `https://dynamodb.${region}.${domain}`
  return { region, endpoint, tables: env['SLUICE_TABLES'] || null, credentials: { accessKeyId, secretAccessKey, sessionToken: env['AWS_SESSION_TOKEN'] || undefined } }
}
