import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Item } from '../../functions/aws/dynamo.ts'
import { itemOf, keyOf } from '../../functions/aws/event.ts'
import { createIds } from '../../functions/aws/ulid.ts'
import { sweep } from '../../functions/sweep.ts'
import type { Id, IntentEvent } from '../../schema/event.ts'
import { outcomeId, tables } from '../../schema/item.ts'
import { intentEvent, refusalEvent } from '../contract/ledger.ts'
import { createRig, type Rig } from '../contract/rig.ts'

let rig: Rig
beforeEach(async () => { rig = await createRig('signed') })
afterEach(() => rig.close())
const minute = 60_000
const day = 24 * 60 * minute

/** A sweep a minute, each by a process of its own. Gives how many intents they settled; none may fail. */
async function run(minutes: number): Promise<number> {
  let settled = 0
  for (let n = 0; n < minutes; n++) {
    rig.clock.ms += minute
    settled += await sweep({ now: () => rig.clock.ms, ledger: rig.other().ledger, alarm: () => {} })
  }
  return settled
}
const place = (item: Item) => rig.dynamo('PutItem', { TableName: tables.state.name, Item: { pk: { S: 'sweep' }, ...item } })
const raw = (event: IntentEvent, json = JSON.stringify(event)) => rig.dynamo('PutItem', { TableName: tables.audit.name, Item: itemOf(event, json) })
async function lose(ids: Pick<Rig['ports'], 'now' | 'id'> = rig.ports): Promise<IntentEvent> {
  const intent = intentEvent(ids)
  await rig.ports.ledger.append(intent)
  return intent
}

describe('whoever may write the sweeper\'s place keeps no intent of the last hour from being settled', () => {
  test('by a name in it that is no intent\'s', async () => {
    const lost = await lose()
    await place({ at: { N: '0' }, near: { N: '0' }, open: { M: { [`${lost.id.slice(0, -1)}7`]: { N: '0' } } } })
    expect(await run(3)).toBe(1)
  })
  test('by a time that is none', async () => {
    const lost = await lose()
    await place({ at: { N: String(rig.clock.ms + 20 * minute) }, near: { N: String(rig.clock.ms + 85 * minute) }, open: { M: { [lost.id]: { S: 'x' } } } })
    rig.clock.ms += 90 * minute
    expect(await run(3)).toBe(1)
  })
  test('by a time far ahead', async () => {
    const lost = await lose()
    rig.clock.ms += 70 * minute
    await place({ at: { N: String(rig.clock.ms - 61 * minute) }, near: { N: String(rig.clock.ms) }, open: { M: { [lost.id]: { N: '9000000000000000' } } } })
    expect(await run(3)).toBe(1)
  })
  test('by names that fill it', async () => {
    await place({ at: { N: '0' }, near: { N: '0' }, open: { M: Object.fromEntries(Array.from({ length: 3001 }, (_, n) => [`zz${n}`, { N: '9000000000000000' }])) } })
    await lose()
    expect(await run(3)).toBe(1)
  })
})

describe('one item that somebody wrote into the record keeps no other from being settled', () => {
  test('an intent that may be settled at no time is settled with them', async () => {
    await lose()
    await raw({ ...intentEvent(rig.ports), statements: [], purpose: null, settleBy: 'never' })
    expect(await run(65)).toBe(1)
  })
  test('an intent whose id ends otherwise', async () => {
    await lose()
    await raw({ ...intentEvent(rig.ports), id: `${rig.ports.id('evt').slice(0, -1)}7` as Id<'evt'> })
    expect(await run(3)).toBe(1)
  })
  test('an intent of which no outcome can be made', async () => {
    const bad = intentEvent(rig.ports)
    await raw(bad, JSON.stringify({ ...bad, evaluation: 7 }))
    await lose()
    expect(await run(3)).toBe(1)
  })
  test('an outcome that lies in another partition than its id gives', async () => {
    const lost = await lose()
    const { pk } = keyOf(lost.id)
    await rig.dynamo('PutItem', { TableName: tables.audit.name, Item: { pk: { S: pk.S.endsWith('b') ? pk.S.replace(/b$/, 'c') : pk.S.replace(/.$/, 'b') }, sk: { S: outcomeId(lost.id) }, kind: { S: 'outcome' }, event: { S: JSON.stringify({ id: outcomeId(lost.id), kind: 'outcome', intent: lost.id }) } } })
    expect(await run(3)).toBe(1)
  })
  test('an intent whose sealing is none: it is settled as well', async () => {
    const odd = [null, 'x', { key: { toString: 1 } }, { key: '2026-11-22.AAAAAAAAAAAAAAAA.3', text: 5, commitment: ['a'] }]
    for (const content of odd) await raw({ ...intentEvent(rig.ports), statements: [], purpose: null, content } as unknown as IntentEvent)
    await lose()
    expect(await run(3)).toBe(1 + odd.length)
  })
  test('a text that is no event, and one that is another\'s', async () => {
    const other = intentEvent(rig.ports)
    await raw(intentEvent(rig.ports), '{')
    await raw(intentEvent(rig.ports), JSON.stringify(other))
    await lose()
    expect(await run(3)).toBe(1)
    expect(await rig.ports.ledger.get(keyOf(other.id).sk.S as Id<'evt'>)).toBeNull()
  })
})

test('a clock two hours ahead once, then put right, and nothing ran for two hours: what was lost then is settled', async () => {
  const real = rig.clock.ms
  await rig.ports.ledger.append(refusalEvent(rig.ports))
  rig.clock.ms = real + 120 * minute
  await rig.other().ledger.unsettled(rig.clock.ms, 10)
  rig.clock.ms = real + minute
  await lose({ now: () => rig.clock.ms, id: createIds(() => rig.clock.ms) })
  rig.clock.ms = real + 185 * minute
  expect(await run(3)).toBe(1)
})

test('a store that fails far into a long look: what was found before is settled, and what was gone through is not gone through again', async () => {
  for (let n = 0; n < 12; n++) { await rig.ports.ledger.append(refusalEvent(rig.ports)); rig.clock.ms += day }
  const lost = await lose()
  rig.clock.ms += 2 * minute
  rig.break({ before: 'throttle' }, { operation: 'Query', skip: 120 })
  await expect(sweep({ now: () => rig.clock.ms, ledger: rig.other().ledger, alarm: () => {} })).rejects.toMatchObject({ code: 'store-unavailable' })
  rig.heal()
  expect(await rig.ports.ledger.get(outcomeId(lost.id))).toMatchObject({ status: 'unknown', by: 'sweeper' })
  const { Item: item } = await rig.dynamo('GetItem', { TableName: tables.state.name, Key: { pk: { S: 'sweep' } } })
  expect(Number(item?.['at']?.N)).toBeGreaterThan(rig.clock.ms - 13 * day)
})
