import { createServer, request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import type { Item, Place } from '../../functions/aws/dynamo.ts'
import { signedDynamo } from '../../functions/aws/signed.ts'
import { tables } from '../../schema/item.ts'

/** What one operation took of one partition: of the table, or of an index of it. `key`: the partition key's own value. */
export interface Use { readonly table: string; readonly index: string | null; readonly key: string; readonly writes: number; readonly reads: number }
interface Action { readonly TableName: string; readonly Item?: Item; readonly Key?: Item }
interface Asked extends Action { readonly TransactItems?: readonly Readonly<Record<string, Action>>[]; readonly ConsistentRead?: boolean; readonly IndexName?: string; readonly ExpressionAttributeValues?: Item; readonly RequestItems?: Readonly<Record<string, { readonly Keys: readonly Item[] }>> }
interface Answered { readonly Item?: Item; readonly Items?: readonly Item[]; readonly ScannedCount?: number; readonly Responses?: Readonly<Record<string, readonly Item[]>> }

/** Of an item that a filter took out of an index's answer, bytes: a requester's hash, an id and a word or two. */
const indexedBytes = 150
const kilobytes = (bytes: number, unit: number): number => Math.max(1, Math.ceil(bytes / 1024 / unit))
const nameOf = (item: Item): string => `${item['pk']?.S}|${item['sk']?.S ?? ''}`
/** DynamoDB counts the names and the values of attributes, in bytes of UTF-8. */
export function sizeOf(item: unknown): number {
  if (typeof item !== 'object' || item === null) return 0
  return Object.entries(item).reduce((sum, [name, value]) => sum + (/^(S|N|BOOL|NULL)$/.test(name) ? Buffer.byteLength(String(value)) : name.length + sizeOf(value)), 0)
}

/** A server before another that hears every call. `heard` may take its time: the caller gets the answer after it. */
async function before(to: string, heard: (call: { readonly headers: IncomingHttpHeaders; readonly asked: string; readonly answered: string; readonly ok: boolean }) => Promise<void>) {
  const { hostname, port } = new URL(to)
  const bytesOf = async (message: IncomingMessage): Promise<Buffer> => { const parts: Buffer[] = []; for await (const part of message) parts.push(part as Buffer); return Buffer.concat(parts) }
  const server = createServer((incoming, outgoing) => {
    void bytesOf(incoming).then((asked) => {
      const onward = httpRequest({ hostname, port, method: incoming.method, path: incoming.url, headers: incoming.headers }, (answer) => {
        void bytesOf(answer).then(async (back) => {
          await heard({ headers: incoming.headers, asked: asked.toString(), answered: back.toString(), ok: answer.statusCode === 200 })
          outgoing.writeHead(answer.statusCode ?? 500, answer.headers).end(back)
        })
      })
      onward.end(asked)
    })
  })
  server.on('upgrade', (incoming, socket, head) => {
    const onward = connect(Number(port), hostname, () => {
      const lines = incoming.rawHeaders.flatMap((name, at, all) => (at % 2 === 0 ? [`${name}: ${all[at + 1]}`] : []))
      onward.write(`GET ${incoming.url} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`)
      onward.write(head)
      socket.pipe(onward).pipe(socket)
    })
    onward.on('error', () => socket.destroy())
    socket.on('error', () => onward.destroy())
  })
  server.keepAliveTimeout = 60_000
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close: () => { server.closeAllConnections(); server.close() } }
}

/** A way to a server that takes its time. */
export async function away(to: string, ms: number) {
  const { url, close } = await before(to, () => new Promise((resolve) => { setTimeout(resolve, ms) }))
  return { url, close }
}

/** How often something is asked for by HTTP. */
export async function counted(to: string) {
  let calls = 0
  const { url, close } = await before(to, async () => { calls++ })
  return { url, close, take: () => { const taken = calls; calls = 0; return taken } }
}

/**
 * Takes down every operation on its way to a real local server and turns it into capacity units by AWS's rules (docs of read and write capacity, of transactions and of global secondary indexes): a write is 1 KB of the larger of the item
 * before and after it, twice in a transaction; a read 4 KB, half where it may be a moment old, of a query all that it went through together; an index takes a write of its own where what it holds changes, two where the item moves
 * in it, and never twice for a transaction, because it follows later. `images`: what was added to the record, as its stream tells.
 */
export async function measured(place: Place) {
  const raw = signedDynamo({ ...place, now: Date.now })
  const items = new Map<string, Item>()
  let [uses, images, calls]: [Use[], Item[], number] = [[], [], 0]

  async function write(kind: string, { TableName: table, Item: item, Key: given }: Action, factor: number, ok: boolean): Promise<void> {
    const Key = given ?? Object.fromEntries(Object.entries(item ?? {}).filter(([name]) => name === 'pk' || name === 'sk'))
    const name = `${table} ${nameOf(Key)}`
    const old = items.get(name) ?? null
    const next = !ok ? old : kind === 'Delete' ? null : item ?? (await raw('GetItem', { TableName: table, Key, ConsistentRead: true })).Item ?? null
    if (next) items.set(name, next)
    else items.delete(name)
    uses.push({ table, index: null, key: Key['pk']?.S ?? '', writes: factor * kilobytes(Math.max(sizeOf(old), sizeOf(next)), 1), reads: 0 })
    if (!ok) return
    if (table === tables.audit.name && next) images.push(next)
    for (const index of Object.values(tables).find((one) => one.name === table)?.indexes ?? []) {
      const shown = (whole: Item | null): Item | null => (whole?.[index.hash] === undefined ? null : Object.fromEntries(Object.entries(whole).filter(([field]) => ['pk', index.hash, ...index.include].includes(field))))
      const [was, is] = [shown(old), shown(next)]
      if (JSON.stringify(was) === JSON.stringify(is)) continue
      const add = (of: Item): void => { uses.push({ table, index: index.name, key: of[index.hash]?.S ?? '', writes: kilobytes(sizeOf(of), 1), reads: 0 }) }
      if (was && (is === null || was[index.hash]?.S !== is[index.hash]?.S)) add(was)
      if (is) add(is)
    }
  }

  function read(target: string, { TableName: table, Key, IndexName, ConsistentRead, ExpressionAttributeValues: values = {}, RequestItems = {} }: Asked, { Item: item, Items: found = [], ScannedCount = 0, Responses = {} }: Answered): void {
    const [each, index] = [ConsistentRead ? 1 : 0.5, IndexName ?? null]
    if (target === 'GetItem') uses.push({ table, index, key: Key?.['pk']?.S ?? '', writes: 0, reads: each * kilobytes(sizeOf(item), 4) })
    if (target === 'Query') {
      const bytes = found.reduce((sum, one) => sum + sizeOf(index === null ? items.get(`${table} ${nameOf({ pk: values[':pk'] ?? values[':day'] ?? {}, ...one })}`) ?? one : one), 0)
      const key = values[':key'] ?? values[':pk'] ?? values[':day']
      uses.push({ table, index, key: key?.S ?? '', writes: 0, reads: each * kilobytes(bytes + Math.max(0, ScannedCount - found.length) * indexedBytes, 4) })
    }
    if (target === 'BatchGetItem') for (const [name, { Keys }] of Object.entries(RequestItems)) for (const one of Keys) uses.push({ table: name, index, key: one['pk']?.S ?? '', writes: 0, reads: kilobytes(sizeOf(Responses[name]?.find((there) => nameOf(there) === nameOf(one))), 4) })
  }

  const { url, close } = await before(place.endpoint, async ({ headers, asked, answered, ok }) => {
    const target = String(headers['x-amz-target']).split('.')[1] ?? ''
    const input = JSON.parse(asked) as Asked
    calls++
    if (target === 'TransactWriteItems') for (const action of input.TransactItems ?? []) for (const [kind, one] of Object.entries(action)) await write(kind, one, 2, ok)
    else if (/^(Put|Update|Delete)Item$/.test(target)) await write(target.slice(0, -4), input, 1, ok)
    else if (ok) read(target, input, JSON.parse(answered) as Answered)
  })
  return {
    url, close: () => { close(); raw.close() },
    /** What came since the last ask. */
    take(): { readonly uses: readonly Use[]; readonly images: readonly Item[]; readonly calls: number } {
      const taken = { uses, images, calls }
      ;[uses, images, calls] = [[], [], 0]
      return taken
    },
  }
}
