import { createHash } from 'node:crypto'
import { resultMs } from '../../schema/approval.ts'
import { isRequestId, maxChunkBytes, maxResultBytes, tables } from '../../schema/item.ts'
import { Damage, Fault, type Requests } from '../ports.ts'
import type { Dynamo, Item } from './dynamo.ts'
import { forgotten } from './request.ts'

const TableName = tables.requests.name
/** Base64 in an item of text: both transports speak it alike, where binary would be two shapes. */
const pieceLength = maxChunkBytes
const atOnce = 4

/** Sealed answers, in pieces: the further ones first, under the hash of the whole; the first one, which leads to them, last. */
export function createResults({ hot, now }: { readonly hot: Dynamo; readonly now: () => number }): Pick<Requests, 'keep' | 'kept'> {
  async function keep(id: Parameters<Requests['keep']>[0], sealed: Uint8Array): Promise<void> {
    if (!isRequestId(id)) throw new Fault('internal', 'not a request id of ours')
    if (sealed.byteLength > maxResultBytes) throw new Fault('internal', 'a result over 12 MB')
    const text = Buffer.from(sealed).toString('base64')
    const hash = createHash('sha256').update(text).digest('hex')
    const pieces = Math.max(1, Math.ceil(text.length / pieceLength))
    const piece = (n: number) => ({ S: text.slice(n * pieceLength, (n + 1) * pieceLength) })
    const expires = { N: String(Math.floor((now() + resultMs) / 1000)) }
    await forEach(1, pieces, (n) => hot('PutItem', { TableName, Item: { ...keyOf(id, hash, n), piece: piece(n), expires } }))
    // dies here: pieces nobody is led to, which their time removes. Written again, by whoever sealed it again, the last one counts.
    await hot('PutItem', { TableName, Item: { ...firstOf(id), piece: piece(0), pieces: { N: String(pieces) }, hash: { S: hash }, expires } })
  }

  async function kept(id: Parameters<Requests['kept']>[0]): Promise<Uint8Array | null> {
    if (!isRequestId(id)) return null
    const { Item: first } = await hot('GetItem', { TableName, Key: firstOf(id), ConsistentRead: true })
    if (!first || forgotten(first, now())) return null
    const hash = first['hash']?.S ?? ''
    const pieces = Number(first['pieces']?.N)
    if (!Number.isInteger(pieces) || pieces < 1 || pieces > Math.ceil(maxResultBytes * 4 / 3 / pieceLength) + 1) throw damaged(id)
    const texts = [textOf(first)]
    await forEach(1, pieces, async (n) => { texts[n] = textOf((await hot('GetItem', { TableName, Key: keyOf(id, hash, n), ConsistentRead: true })).Item) })
    const text = texts.join('')
    if (createHash('sha256').update(text).digest('hex') !== hash) throw damaged(id)
    return new Uint8Array(Buffer.from(text, 'base64'))
  }
  return { keep, kept }
}

const firstOf = (id: string) => ({ pk: { S: `result#${id}` } })
const keyOf = (id: string, hash: string, n: number) => ({ pk: { S: `result#${id}#${hash}#${String(n).padStart(4, '0')}` } })
const textOf = (item: Item | undefined): string => item?.['piece']?.S ?? ''
const damaged = (id: string): Damage => new Damage(`the result of \`${id}\` is damaged`)

/** From `start` up to `end`, a few at a time. */
async function forEach(start: number, end: number, run: (n: number) => Promise<unknown>): Promise<void> {
  let next = start
  await Promise.all(Array.from({ length: Math.min(atOnce, end - start) }, async () => { while (next < end) await run(next++) }))
}
