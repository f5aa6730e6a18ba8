import { tables } from '../../schema/item.ts'
import { Fault, type ContentKeys, type Slots } from '../ports.ts'
import { conditionFailed, type Dynamo, type Item } from './dynamo.ts'

const TableName = tables.keys.name
const form = /^\d{4}-\d{2}-\d{2}\.[A-Za-z0-9_-]{16}$/
const attribute = (slot: number): string => `k${slot}`

/**
 * Content keys in DynamoDB: a sheet is one item, a slot one attribute of it, so that a sheet is made in one write and a key destroyed by taking one attribute away. The table has no backup, no
 * point-in-time recovery, no stream and no replica (schema/item.ts).
 */
export function createKeys({ hot }: { readonly hot: Dynamo }): ContentKeys {
  async function keep(sheet: string, slots: Slots): Promise<void> {
    const keys = Object.fromEntries([...slots].map(([slot, bytes]) => [attribute(slot), { S: Buffer.from(bytes).toString('base64') }]))
    try {
      await hot('PutItem', { TableName, Item: { ...keyOf(sheet), ...keys }, ConditionExpression: 'attribute_not_exists(pk)', ReturnValuesOnConditionCheckFailure: 'ALL_OLD' })
    } catch (error) {
      if (!conditionFailed(error)) throw error
      // Our own first write, its answer lost. Another's, or one that lost a key since, must not be sealed with.
      if ([...slots].some(([slot]) => error.item?.[attribute(slot)]?.S !== keys[attribute(slot)]?.S)) throw new Fault('internal', 'another sheet has this id')
    }
  }

  async function read(sheet: string): Promise<Slots> {
    const { Item: item } = await hot('GetItem', { TableName, Key: keyOf(sheet), ConsistentRead: true })
    return slotsOf(item ?? {})
  }

  /** Never makes an item: an update of a sheet that is gone would leave an empty one behind. */
  async function destroy(sheet: string, slots: readonly number[] | 'all'): Promise<void> {
    try {
      if (slots === 'all') await hot('DeleteItem', { TableName, Key: keyOf(sheet) })
      else if (slots.length > 0) await hot('UpdateItem', { TableName, Key: keyOf(sheet), UpdateExpression: `REMOVE ${slots.map(attribute).join(', ')}`, ConditionExpression: 'attribute_exists(pk)' })
    } catch (error) {
      if (!conditionFailed(error)) throw error
    }
  }

  async function sheets(day: string, limit: number): Promise<readonly string[]> {
    const found: string[] = []
    let start: Item | undefined
    do {
      const output = await hot('Query', {
        TableName, ConsistentRead: true, KeyConditionExpression: 'pk = :day', ExpressionAttributeValues: { ':day': { S: day } }, ProjectionExpression: 'sk', Limit: limit - found.length, ...(start ? { ExclusiveStartKey: start } : {}),
      })
      found.push(...(output.Items ?? []).map(({ sk }) => sk?.S ?? ''))
      start = output.LastEvaluatedKey
    } while (start && found.length < limit)
    return found
  }
  return { keep, read, destroy, sheets }
}

function keyOf(sheet: string): { readonly pk: { readonly S: string }; readonly sk: { readonly S: string } } {
  if (!form.test(sheet)) throw new Fault('internal', 'not a sheet of ours')
  return { pk: { S: sheet.slice(0, 10) }, sk: { S: sheet } }
}

function slotsOf(item: Item): Slots {
  const slots = new Map<number, Uint8Array>()
  for (const [name, value] of Object.entries(item)) if (/^k\d{1,3}$/.test(name) && value.S !== undefined) slots.set(Number(name.slice(1)), Buffer.from(value.S, 'base64'))
  return slots
}
