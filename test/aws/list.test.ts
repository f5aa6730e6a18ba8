import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Item } from '../../functions/aws/dynamo.ts'
import { itemOf, keyOf } from '../../functions/aws/event.ts'
import { CursorError, type EventFilter } from '../../functions/ports.ts'
import type { Event, Id } from '../../schema/event.ts'
import { shards, tables } from '../../schema/item.ts'
import { refusalEvent } from '../contract/ledger.ts'
import { createRig, type Rig } from '../contract/rig.ts'

let rig: Rig
beforeEach(async () => { rig = await createRig('signed') })
afterEach(() => rig.close())
const put = (Item: Item) => rig.dynamo('PutItem', { TableName: tables.audit.name, Item })
/** So many sound ones, a millisecond each; newest first. */
async function write(count: number): Promise<readonly Id<'evt'>[]> {
  const ids: Id<'evt'>[] = []
  for (let n = 0; n < count; n++) {
    const event = refusalEvent(rig.ports)
    await rig.ports.ledger.append(event)
    ids.unshift(event.id)
    rig.clock.ms += 1
  }
  return ids
}
/** One that somebody wrote over, with what a list filters by as it was. */
async function damage(json = '{'): Promise<Id<'evt'>> {
  const event = refusalEvent(rig.ports)
  await put(itemOf(event, json))
  rig.clock.ms += 1
  return event.id
}
/** All pages, each with at most `limit` events. */
async function read(limit: number, filter: EventFilter = {}): Promise<{ readonly events: readonly Id<'evt'>[]; readonly damaged: readonly Id<'evt'>[]; readonly pages: number }> {
  const [events, damaged]: [Id<'evt'>[], Id<'evt'>[]] = [[], []]
  let [after, pages]: [string | null, number] = [null, 0]
  do {
    const page: { readonly events: readonly Event[]; readonly next: string | null; readonly damaged?: readonly Id<'evt'>[] } = await rig.ports.ledger.list(filter, { limit, after })
    expect(page.events.length + (page.damaged?.length ?? 0)).toBeLessThanOrEqual(limit)
    expect(page.damaged).not.toEqual([])
    events.push(...page.events.map(({ id }) => id))
    damaged.push(...page.damaged ?? [])
    after = page.next
    pages++
    expect(pages).toBeLessThan(500)
  } while (after !== null)
  return { events, damaged, pages }
}

describe('what somebody wrote into the record hides nothing else from its readers', () => {
  test.each([1, 2, 50])('an event that cannot be read is told by its id, in pages of %d, and what is before and behind it is given', async (limit) => {
    const old = await write(3)
    const bad = [await damage(), await damage('null'), await damage(JSON.stringify({ id: old[0], kind: 'refusal' }))]
    const late = await write(2)
    expect(await read(limit)).toMatchObject({ events: [...late, ...old], damaged: bad.toReversed() })
    expect(await read(limit, { kind: 'refusal' })).toMatchObject({ events: [...late, ...old], damaged: bad.toReversed() })
    expect(await read(limit, { kind: 'intent' })).toMatchObject({ events: [], damaged: [] })
  })

  test('where all can be read nothing is said of damage', async () => {
    await write(2)
    expect(await rig.ports.ledger.list({}, { limit: 5, after: null })).not.toHaveProperty('damaged')
  })

  test('what has the key of no event, or lies where no event of that id does, is passed by', async () => {
    const old = await write(2)
    const [id = 'evt_'] = old
    const { pk } = keyOf(id)
    const event = { S: JSON.stringify({ id, kind: 'refusal' }) }
    for (let n = 0; n < 5; n++) await put({ pk, sk: { S: `${id}${n}` }, event, kind: { S: 'refusal' } })
    await put({ pk, sk: { S: `${id.slice(0, 12)}!é${'x'.repeat(1000)}` }, event })
    for (const shard of shards) if (!pk.S.endsWith(shard)) await put({ pk: { S: `${pk.S.slice(0, -1)}${shard}` }, sk: { S: id }, event })
    const late = await write(2)
    for (const limit of [1, 3, 50]) expect(await read(limit)).toMatchObject({ events: [...late, ...old], damaged: [] })
  })

  test('what lies in the partition of another day has no page end there', async () => {
    const old = await write(2)
    rig.clock.ms += 86_400_000
    const middle = await write(3)
    rig.clock.ms += 86_400_000
    const late = await write(2)
    for (const id of [...old, ...middle]) await put({ pk: keyOf(late[0] ?? '').pk, sk: { S: id }, event: { S: JSON.stringify({ id, kind: 'refusal' }) } })
    for (const limit of [1, 2, 3, 4]) expect(await read(limit)).toMatchObject({ events: [...late, ...middle, ...old], damaged: [] })
  })

  test('a range that ends before it begins has nothing in it', async () => {
    await write(2)
    expect(await rig.ports.ledger.list({ from: '2026-11-22T10:00:00.000Z', to: '2026-11-22T08:00:00.000Z' }, { limit: 5, after: null })).toEqual({ events: [], next: null })
  })

  test('many keys of no event make many short pages, each with its end, and never a long one', async () => {
    const old = await write(1)
    const { pk } = keyOf(old[0] ?? '')
    for (let n = 0; n < 40; n++) await put({ pk, sk: { S: `${old[0]}${String(n).padStart(3, '0')}` } })
    rig.given()
    expect((await rig.ports.ledger.list({}, { limit: 4, after: null })).next).not.toBeNull()
    expect(rig.given()).toBeLessThan(20)
    expect((await read(4)).events).toEqual(old)
  })

  test('a mark of a day that is none', async () => {
    const old = await write(2)
    for (const day of ['2026-11-22x', 'x', '2026-99-99', '2026-02-30', '~']) await put({ pk: { S: 'days' }, sk: { S: day } })
    expect((await read(5)).events).toEqual(old)
  })

  test('marks of no day, more than a query gives at once', async () => {
    const old = await write(1)
    for (let n = 0; n < 4; n++) await put({ pk: { S: 'days' }, sk: { S: `z${n}` }, junk: { S: 'x'.repeat(350_000) } })
    expect((await read(5)).events).toEqual(old)
  })

  test('a cursor of another filter, or of no event, is none', async () => {
    await write(3)
    const { next } = await rig.ports.ledger.list({}, { limit: 1, after: null })
    const binding = Buffer.from(next ?? '', 'base64url').toString().slice(0, 16)
    for (const text of ['', 'x', 'days', `evt_${'x'.repeat(1021)}`]) await expect(rig.ports.ledger.list({}, { limit: 1, after: Buffer.from(`${binding}${text}`).toString('base64url') }), text).rejects.toThrow(CursorError)
    await expect(rig.ports.ledger.list({ kind: 'refusal' }, { limit: 1, after: next })).rejects.toThrow(CursorError)
  })
})
