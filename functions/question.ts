import type { Result } from '../schema/refusal.ts'
import type { Query } from '../schema/request.ts'
import { readQuery } from './resolve/query.ts'

/** How a route of SQL reads its question: a JSON body, once the caller is known. */
export const inSql = (body: () => Promise<Result<unknown>>) => async (): Promise<Result<Query>> => {
  const value = await body()
  return value.ok ? readQuery(value.value) : value
}

/** How `explain` reads its own: a body with `command` is a command, as `exec` takes it; any other is SQL. */
export const inEither = (ofCommand: (value: Result<unknown>) => Promise<Result<Query>>, body: () => Promise<Result<unknown>>) => async (): Promise<Result<Query>> => {
  const value = await body()
  return value.ok && typeof value.value === 'object' && value.value !== null && 'command' in value.value ? ofCommand(value) : inSql(async () => value)()
}
