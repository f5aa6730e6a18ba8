import { tables } from '../../schema/item.ts'
import type { Dynamo, Output } from './dynamo.ts'

/** What every table's name in schema/item.ts begins with; an account with several stages has `sluice-production-…` in its place. */
const ours = 'sluice-'

/**
 * The same operations on the tables of one stage: names go out with its prefix, and those that come back in a batch have it taken off again. null: the names as they are.
 * Everything else of an input and an answer is passed on as it is. `policy`: the prefix of the one table that is a replica of another stage's.
 */
export function prefixed<D extends Dynamo>(dynamo: D, prefix: string | null, policy: string | null = null): D {
  if (prefix === null) return dynamo
  const theirs = `${prefix}-`
  const out = (name: string): string => policy !== null && name === tables.policy.name ? `${policy}-${name.slice(ours.length)}` : name.startsWith(ours) ? theirs + name.slice(ours.length) : name
  const back = (name: string): string => name.startsWith(theirs) ? ours + name.slice(theirs.length) : name
  const keys = <T>(record: Readonly<Record<string, T>> | undefined, name: (text: string) => string) => record && Object.fromEntries(Object.entries(record).map(([key, value]) => [name(key), value]))

  function outgoing(input: Named): object {
    if (input.TransactItems) return { ...input, TransactItems: input.TransactItems.map((action) => Object.fromEntries(Object.entries(action).map(([verb, one]) => [verb, { ...one, TableName: out(one.TableName) }]))) }
    if (input.RequestItems) return { ...input, RequestItems: keys(input.RequestItems, out) }
    return input.TableName === undefined ? input : { ...input, TableName: out(input.TableName) }
  }
  const incoming = (output: Output): Output => output.Responses === undefined && output.UnprocessedKeys === undefined ? output : {
    ...output, ...(output.Responses ? { Responses: keys(output.Responses, back) ?? {} } : {}), ...(output.UnprocessedKeys ? { UnprocessedKeys: keys(output.UnprocessedKeys, back) ?? {} } : {}),
  }
  const call: Dynamo = async (operation, input) => incoming(await dynamo(operation, outgoing(input)))
  return Object.assign(call, dynamo)
}
interface Named {
  readonly TableName?: string
  readonly RequestItems?: Readonly<Record<string, unknown>>
  readonly TransactItems?: readonly Readonly<Record<string, { readonly TableName: string }>>[]
}
