import { createHash } from 'node:crypto'
import {
  act, checkConditional, createKey, type Data, type Item, type ItemDb, type Operation, type Store, tableOf, validate, validateItem, validateKey,
  validationError, type WireError, wireError,
} from './dynalite.ts'

type Write = 'PutItem' | 'UpdateItem' | 'DeleteItem'
interface Step { readonly kind: Write | 'ConditionCheck'; readonly data: Data; readonly key: string; readonly tellOld: boolean }

const tokenMs = 10 * 60_000
const maxActions = 100

/**
 * Every write, single or transaction: lock the keys, run dynalite's own action on a store that only notes down what it would write, then put
 * it all in one LevelDB batch. So an item and its indexes, and all items of a transaction, are there or not there after a kill -9.
 */
export async function write(store: Store, kind: Write, input: object): Promise<object> {
  const step = await plan(store, kind, input)
  return locked(store, [step], async () => {
    const old = await read(store, step)
    try {
      const noted = note(store, old)
      const output = await act(noted.store, kind, step.data)
      await store.db.batch(noted.operations)
      return output
    } catch (error) {
      throw step.tellOld && old && isConditional(error) ? withItem(error, old) : error
    }
  })
}

/** TransactWriteItems: all or nothing, a reason for each action when nothing. The same token within 10 minutes answers as the first time. */
export async function transact(store: Store, input: object, now: number): Promise<object> {
  const { TransactItems: items, ClientRequestToken: token } = input as { TransactItems?: unknown; ClientRequestToken?: unknown }
  if (!Array.isArray(items) || items.length === 0 || items.length > maxActions) {
    throw validationError(`1 validation error detected: Value at 'transactItems' failed to satisfy constraint: Member must have length between 1 and ${maxActions}`)
  }
  const digest = createHash('sha256').update(JSON.stringify(items)).digest('hex')
  const steps = await Promise.all(items.map((item: unknown) => planOf(store, item)))
  const places = steps.map(place)
  if (new Set(places).size < places.length) throw validationError('Transaction request cannot include multiple operations on one item')
  const tokenKey = typeof token === 'string' && token !== '' ? `token~${token}` : null
  return locked(store, steps, async () => {
    if (tokenKey && await seen(store, tokenKey, digest, now)) return {}
    const operations = await carryOut(store, steps)
    await store.db.batch(tokenKey ? [...operations, { type: 'put', key: tokenKey, value: { digest, at: now } }] : operations)
    return {}
  }, tokenKey)
}

export async function transactGet(store: Store, input: object): Promise<object> {
  const { TransactItems: items } = input as { TransactItems?: unknown }
  if (!Array.isArray(items) || items.length === 0 || items.length > maxActions) throw validationError('a transaction reads 1 to 100 items')
  const gets = await Promise.all(items.map(async (item: { Get?: object }) => {
    if (!item.Get) throw validationError('each item of a read transaction is a Get')
    const data = validate(store, 'GetItem', item.Get)
    return { kind: 'ConditionCheck' as const, data, key: keyOf(await tableOf(store, data.TableName), data.Key ?? {}), tellOld: false }
  }))
  return locked(store, gets, async () => ({ Responses: await Promise.all(gets.map(async ({ data }) => {
    const { Item: item } = await act(store, 'GetItem', data)
    return item ? { Item: item } : {}
  })) }))
}

async function seen(store: Store, key: string, digest: string, now: number): Promise<boolean> {
  const earlier = await store.db.get(key) as { digest: string; at: number } | undefined
  if (!earlier || now - earlier.at > tokenMs) return false
  if (earlier.digest !== digest) throw wireError('IdempotentParameterMismatchException', 'the token was used with other parameters')
  return true
}

async function carryOut(store: Store, steps: readonly Step[]): Promise<Operation[]> {
  const outcomes = await Promise.all(steps.map(async (step) => {
    const old = await read(store, step)
    const noted = note(store, old)
    try {
      if (step.kind !== 'ConditionCheck') await act(noted.store, step.kind, step.data)
      else {
        const failed = checkConditional(step.data, old)
        if (failed) throw failed
      }
      return { operations: noted.operations, reason: { Code: 'None' } }
    } catch (error) {
      if (!isWire(error)) throw error
      const code = isConditional(error) ? 'ConditionalCheckFailed' : 'ValidationError'
      return { operations: [], reason: { Code: code, Message: error.body?.message, ...(step.tellOld && old && isConditional(error) ? { Item: old } : {}) } }
    }
  }))
  if (outcomes.some(({ reason }) => reason.Code !== 'None')) throw canceled(outcomes.map(({ reason }) => reason))
  return outcomes.flatMap(({ operations }) => operations)
}
export const canceled = (reasons: readonly { readonly Code: string }[]): WireError => wireError('TransactionCanceledException',
  `Transaction cancelled, please refer cancellation reasons for specific reasons [${reasons.map(({ Code }) => Code).join(', ')}]`, { CancellationReasons: reasons })

function planOf(store: Store, item: unknown): Promise<Step> {
  const entries = Object.entries((item ?? {}) as Readonly<Record<string, object>>)
  const [first] = entries
  if (!first || entries.length > 1) throw validationError('TransactItems can only contain one of Check, Put, Update or Delete')
  const kind = ({ Put: 'PutItem', Update: 'UpdateItem', Delete: 'DeleteItem', ConditionCheck: 'ConditionCheck' } as const)[first[0]]
  if (!kind) throw validationError(`\`${first[0]}\` is no action of a transaction`)
  return plan(store, kind, first[1])
}

async function plan(store: Store, kind: Step['kind'], input: object): Promise<Step> {
  const tellOld = (input as { ReturnValuesOnConditionCheckFailure?: unknown }).ReturnValuesOnConditionCheckFailure === 'ALL_OLD'
  const data = validate(store, kind === 'ConditionCheck' ? 'DeleteItem' : kind, input)
  const table = await tableOf(store, data.TableName)
  const invalid = kind === 'PutItem' ? validateItem(data.Item ?? {}, table) : validateKey(data.Key ?? {}, table)
  if (invalid) throw invalid
  return { kind, data, key: keyOf(table, data.Item ?? data.Key ?? {}), tellOld }
}

function keyOf(table: Parameters<typeof createKey>[1], item: Item): string {
  return createKey(item, table)
}
const place = (step: Pick<Step, 'data' | 'key'>): string => `item-${step.data.TableName}~${step.key}`
const read = async (store: Store, step: Step): Promise<Item | undefined> => await store.db.get(place(step)) as Item | undefined

/** A store whose writes are only noted down: an action that runs on it changes nothing. */
function note(store: Store, old: Item | undefined): { readonly store: Store; readonly operations: Operation[] } {
  const operations: Operation[] = []
  const db = (prefix: string): ItemDb => ({
    lock: (_key, held) => held((done) => done),
    get: (_key, done) => old ? done(null, old) : done(Object.assign(new Error('not there'), { name: 'NotFoundError' })),
    put: (key, value, done) => { operations.push({ type: 'put', key: `${prefix}~${key}`, value }); done(null) },
    del: (key, done) => { operations.push({ type: 'del', key: `${prefix}~${key}` }); done(null) },
  })
  return { operations, store: { ...store, getItemDb: (name) => db(`item-${name}`), getIndexDb: (type, table, index) => db(`index-${type.toLowerCase()}~${table}~${index}`) } }
}

/** Holds every key at once, taken in one order whatever order the request names them in, so that two transactions never wait for each other. */
async function locked<T>(store: Store, steps: readonly Pick<Step, 'data' | 'key'>[], run: () => Promise<T>, token: string | null = null): Promise<T> {
  const keys = [...steps.map(place), ...(token === null ? [] : [token])].toSorted()
  return new Promise((resolve, reject) => {
    store.getItemDb('~lock').lock(keys, (release) => {
      const free = release(() => undefined)
      run().then(resolve, reject).finally(free)
    })
  })
}

const isWire = (error: unknown): error is WireError => error instanceof Error && 'body' in error
const isConditional = (error: unknown): error is WireError => isWire(error) && error.body?.__type.endsWith('#ConditionalCheckFailedException') === true
const withItem = (error: WireError, item: Item): WireError => Object.assign(error, { body: { ...error.body, Item: item } })
