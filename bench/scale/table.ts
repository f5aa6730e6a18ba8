import { createServer, request as httpRequest, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Item } from '../../functions/aws/dynamo.ts'
import { tables } from '../../schema/item.ts'

interface Put { readonly TableName: string; readonly Item: Item; readonly ConditionExpression?: string; readonly ExpressionAttributeValues?: Item }
interface Asked { readonly TableName?: string; readonly Key?: Item; readonly TransactItems?: readonly { readonly Put?: Put }[]; readonly RequestItems?: Readonly<Record<string, { readonly Keys: readonly Item[] }>> }
const TableName = tables.log.name
const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b)

/** As the conditions of functions/aws/logstore.ts say; of any other nobody can say whether it holds. */
function holds({ ConditionExpression: condition, Item: { index }, ExpressionAttributeValues: values = {} }: Put, there: Item | undefined): boolean {
  switch (condition) {
    case undefined: return true
    case 'attribute_not_exists(pk)': return there === undefined
    case '#head = :over': return same(there?.['head'], values[':over'])
    case 'attribute_not_exists(pk) OR #index = :index': return there === undefined || same(there['index'], index)
    case 'attribute_not_exists(pk) OR #size <= :size': return there === undefined || Number(there['size']?.N) <= Number(values[':size']?.N)
  }
  throw new Error(`a condition that this table does not know: ${condition}`)
}

/**
 * The log's table, empty, in this process's memory, by DynamoDB's protocol; what is asked of other tables goes on to `to`. It answers after so many ms and takes little CPU of its own: the local DynamoDB takes more of it for an entry than
 * the sequencer does, all on one thread, so that a sequencer far from its stores, and two of them, would be measured by that.
 */
export async function distantTable(to: string, ms: number): Promise<{ readonly url: string; close(): void }> {
  const rows = new Map<string, Item>()
  const keyOf = (item: Item): string => item['pk']?.S ?? ''
  const { hostname, port } = new URL(to)

  function answer(operation: string, body: string): { readonly status: number; readonly answer: object } | null {
    const asked = JSON.parse(body) as Asked
    if (operation === 'TransactWriteItems' && asked.TransactItems?.every(({ Put: one }) => one?.TableName === TableName)) {
      const puts = asked.TransactItems.flatMap(({ Put: one }) => one ?? [])
      const reasons = puts.map((put) => ({ Code: holds(put, rows.get(keyOf(put.Item))) ? 'None' : 'ConditionalCheckFailed' }))
      if (reasons.some(({ Code }) => Code !== 'None')) return { status: 400, answer: { __type: 'TransactionCanceledException', CancellationReasons: reasons } }
      for (const { Item: item } of puts) rows.set(keyOf(item), item)
      return { status: 200, answer: {} }
    }
    if (operation === 'BatchGetItem' && same(Object.keys(asked.RequestItems ?? {}), [TableName])) return { status: 200, answer: { Responses: { [TableName]: (asked.RequestItems?.[TableName]?.Keys ?? []).flatMap((key) => rows.get(keyOf(key)) ?? []) } } }
    if (asked.TableName !== TableName) return null
    if (operation === 'GetItem') { const item = rows.get(keyOf(asked.Key ?? {})); return { status: 200, answer: item === undefined ? {} : { Item: item } } }
    if (operation !== 'PutItem') throw new Error(`an operation that this table does not know: ${operation}`)
    const put = asked as Put
    const there = rows.get(keyOf(put.Item))
    if (!holds(put, there)) return { status: 400, answer: { __type: 'ConditionalCheckFailedException', Item: there } }
    rows.set(keyOf(put.Item), put.Item)
    return { status: 200, answer: {} }
  }

  const bytesOf = async (message: IncomingMessage): Promise<Buffer> => { const parts: Buffer[] = []; for await (const part of message) parts.push(part as Buffer); return Buffer.concat(parts) }
  const server = createServer((incoming, outgoing) => {
    void bytesOf(incoming).then((asked) => {
      setTimeout(() => {
        const mine = answer(String(incoming.headers['x-amz-target']).split('.')[1] ?? '', asked.toString())
        if (mine !== null) outgoing.writeHead(mine.status, { 'content-type': 'application/x-amz-json-1.0' }).end(JSON.stringify(mine.answer))
        else httpRequest({ hostname, port, method: 'POST', path: incoming.url, headers: incoming.headers }, (answered) => { outgoing.writeHead(answered.statusCode ?? 500, answered.headers); answered.pipe(outgoing) }).end(asked)
      }, ms)
    })
  })
  server.keepAliveTimeout = 60_000
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close: () => { server.closeAllConnections(); server.close() } }
}
