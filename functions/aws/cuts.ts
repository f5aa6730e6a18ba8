import { tables } from '../../schema/item.ts'
import { Fault } from '../ports.ts'
import type { Cuts } from '../protocol/halt.ts'
import { placeOf, type Dynamo } from './dynamo.ts'
import { prefixed } from './prefix.ts'
import { signedDynamo } from './signed.ts'

const TableName = tables.state.name
/** No errand takes longer: it is the most that Lambda lets a function run, and a little. */
const keptSeconds = 1200

/** Cuts as rows that are forgotten by themselves. Written by an update, which whoever executes may do there anyway; read one at a time by its name. */
export function createCuts(dynamo: Dynamo, now: () => number): Cuts {
  return {
    async say(id, why) {
      await dynamo('UpdateItem', { TableName, Key: keyOf(id), UpdateExpression: 'SET why = :why, expires = :expires', ExpressionAttributeValues: { ':why': { S: why }, ':expires': { N: String(Math.ceil(now() / 1000) + keptSeconds) } } })
    },
    async said(id) {
      const { Item } = await dynamo('GetItem', { TableName, Key: keyOf(id), ConsistentRead: true })
      return Item ? Item['why']?.S ?? '' : null
    },
  }
}
/** Asked before it becomes a key: in a table of several kinds of items, another text would read another kind. */
function keyOf(id: string) {
  if (!/^[0-9a-f]{64}$/.test(id)) throw new Fault('internal', 'not the id of a cut')
  return { pk: { S: `cut#${id}` } }
}

/** Where the environment says, looked at with the first use: most calls are over before there is one. */
export function cutsOf(env: Readonly<Record<string, string | undefined>>): Cuts {
  let known: Cuts | null = null
  const cuts = () => known ??= createCuts(prefixed(signedDynamo({ ...placeOf(env), now: Date.now }), env['SLUICE_TABLES'] || null), Date.now)
  return { say: async (id, why) => cuts().say(id, why), said: async (id) => cuts().said(id) }
}
