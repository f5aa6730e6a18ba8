import { createRequire } from 'node:module'

/**
 * dynalite 4.0.0's inner parts, named and typed: its storage, validation and single-item actions are right, its server is not used. It ships no
 * types and no exports map; the version is pinned, and test/local/dynamodb.test.ts fails first when a part moves.
 */
export type Attribute = Readonly<Record<string, unknown>>
export type Item = Readonly<Record<string, Attribute>>
export interface Data { TableName: string; Item?: Item; Key?: Item; [member: string]: unknown }
export interface Table { readonly TableName: string; TableStatus: string; [member: string]: unknown }
/** `statusCode` and `body` are the wire's; an error without them is a bug. */
export interface WireError extends Error { readonly statusCode?: number; readonly body?: { readonly __type: string; readonly message?: string } }

type Done<T> = (error: WireError | null | undefined, value?: T) => void
export interface ItemDb {
  readonly lock: (key: string | readonly string[], held: (release: <A extends unknown[]>(done: (...args: A) => void) => (...args: A) => void) => void) => void
  readonly get: (key: string, done: Done<Item>) => void
  readonly put: (key: string, item: Item, done: Done<void>) => void
  readonly del: (key: string, done: Done<void>) => void
}
export interface Level {
  open(): Promise<void>
  close(): Promise<void>
  get(key: string): Promise<unknown>
  batch(operations: readonly Operation[]): Promise<void>
  iterator(range: { readonly gte: string; readonly lt: string }): AsyncIterable<[string, unknown]>
}
export type Operation = { readonly type: 'put'; readonly key: string; readonly value: unknown } | { readonly type: 'del'; readonly key: string }
export interface Store {
  readonly options: { readonly maxItemSize: number }
  readonly db: Level
  readonly getTable: (name: string, done: Done<Table>) => void
  readonly getItemDb: (name: string) => ItemDb
  readonly getIndexDb: (type: string, table: string, index: string) => ItemDb
}
export type Action = (store: Store, data: Data, done: Done<Readonly<Record<string, unknown>>>) => void
interface Validation { readonly types: object; readonly custom?: (data: Data, store: Store) => string | undefined }

const require = createRequire(import.meta.url)
const database: {
  create(options: { path?: string; createTableMs: number; deleteTableMs: number; updateTableMs: number }): Store
  validateItem(item: Item, table: Table): WireError | null | undefined
  validateKey(key: Item, table: Table): WireError | null | undefined
  createKey(item: Item, table: Table): string
  checkConditional(data: Data, item: Item | undefined): WireError | null | undefined
  validationError(message: string): WireError
} = require('dynalite/db')
const validations: {
  checkTypes(data: unknown, types: object): Data
  checkValidations(data: Data, types: object, custom: Validation['custom'], store: Store): void
} = require('dynalite/validations')

const operations = [
  'BatchGetItem', 'CreateTable', 'DeleteItem', 'DescribeTable', 'GetItem', 'ListTables', 'PutItem', 'Query', 'Scan', 'UpdateItem',
] as const
export type Known = (typeof operations)[number]
export const isKnown = (operation: string): operation is Known => operations.some((known) => known === operation)

const lower = (operation: Known): string => operation[0]?.toLowerCase() + operation.slice(1)
const actions = new Map<Known, Action>(operations.map((operation) => [operation, require(`dynalite/actions/${lower(operation)}`) as Action]))
const shapes = new Map<Known, Validation>(operations.map((operation) => [operation, require(`dynalite/validations/${lower(operation)}`) as Validation]))

export const { create, validateItem, validateKey, createKey, checkConditional, validationError } = database

/** The request as DynamoDB would read it: types, constraints, expressions parsed. Throws a WireError. */
export function validate(store: Store, operation: Known, input: unknown): Data {
  const shape = shapes.get(operation)
  if (!shape) throw validationError(`no shape for ${operation}`)
  const data = validations.checkTypes(input, shape.types)
  validations.checkValidations(data, shape.types, shape.custom, store)
  return data
}

/** Runs one of dynalite's actions. Rejects with a WireError. */
export function act(store: Store, operation: Known, data: Data): Promise<Readonly<Record<string, unknown>>> {
  return new Promise((resolve, reject) => {
    const action = actions.get(operation)
    if (!action) throw validationError(`no action for ${operation}`)
    action(store, data, (error, value) => error ? reject(error) : resolve(value ?? {}))
  })
}

export function tableOf(store: Store, name: string): Promise<Table> {
  return new Promise((resolve, reject) => store.getTable(name, (error, table) => error || !table ? reject(error) : resolve(table)))
}
export const wireError = (type: string, message: string, more: object = {}, statusCode = 400): WireError =>
  Object.assign(new Error(message), { statusCode, body: { __type: `com.amazonaws.dynamodb.v20120810#${type}`, message, ...more } })
