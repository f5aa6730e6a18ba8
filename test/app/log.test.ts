import { expect, test } from 'vitest'
import { createHints } from '../../functions/hint.ts'
import { checkProof } from '../../functions/record/log/proof.ts'
import { keyOf, parseVkey } from '../../functions/record/log/note.ts'
import { decodeEntries } from '../../functions/record/log/tile.ts'
import { createSequencer } from '../../functions/sequence.ts'
import { createMemoryLog } from '../support/log.ts'
import { auditor, createGateway, support } from '../support/caller.ts'

const denied = { sql: 'select salary from payroll.salaries' }

/** A gate with a log, `count` refusals in it. */
async function withLog(count: number) {
  const gateway = createGateway()
  const memory = createMemoryLog()
  Object.assign(gateway.world.ports, { log: memory.log })
  const hints = createHints()
  const sequencer = createSequencer({ ...gateway.world.ports, log: memory.log }, hints)
  const sequence = async () => { for (const event of gateway.world.events) hints.hint(event); await sequencer.round() }
  const agent = await gateway.as(support)
  for (let i = 0; i < count; i++) await agent.call('POST', '/v1/connections/shop/query', denied)
  await sequence()
  return { ...gateway, memory, sequence, agent, person: await gateway.as(auditor) }
}

test('a receipt proves, by the log\'s key and the entry alone, that the event is in the log', async () => {
  const { person, world, memory } = await withLog(5)
  const key = parseVkey((await person.call('GET', '/v1/audit/log/vkey')).text.trim())
  expect(key.keyId).toBe(keyOf(memory.log.signer.name, await memory.log.signer.publicKey()).keyId)
  const entries = decodeEntries(Buffer.from(memory.objects.get('tile/entries/000.p/5')!))
  const event = world.events[3]!
  const receipt = await person.call('GET', `/v1/audit/events/${event.id}/receipt`)
  expect(receipt.status).toBe(200)
  expect(checkProof(Buffer.from(receipt.text), entries[3]!, [key]).index).toBe(3)
  expect(() => checkProof(Buffer.from(receipt.text), entries[2]!, [key])).toThrow()
  expect(world.events.at(-1)).toMatchObject({ kind: 'audit-read', change: { receipt: event.id } })
})

test('stored and not in the log yet is not the same as never stored', async () => {
  const { person, agent, world, sequence } = await withLog(1)
  await agent.call('POST', '/v1/connections/shop/query', denied)
  const id = world.events.at(-1)!.id
  expect((await person.call('GET', `/v1/audit/events/${id}/receipt`)).json).toMatchObject({ status: 404, reason: 'not_sequenced', next: 'retry' })
  await sequence()
  expect((await person.call('GET', `/v1/audit/events/${id}/receipt`)).status).toBe(200)
  for (const odd of ['evt_00000000000000000000000000', 'evt_', 'x']) expect((await person.call('GET', `/v1/audit/events/${odd}/receipt`)).json).toMatchObject({ status: 404, reason: 'no_event' })
})

test('entries read are on record before they are shown; hashes and checkpoints say nothing of anybody', async () => {
  const { person, world } = await withLog(3)
  const before = world.events.length
  for (const path of ['checkpoint', 'vkey', 'tile/0/000.p/3']) expect((await person.call('GET', `/v1/audit/log/${path}`)).status).toBe(200)
  expect(world.events).toHaveLength(before)
  expect((await person.call('GET', '/v1/audit/log/tile/entries/000.p/3')).text).toContain('payroll')
  expect(world.events.at(-1)).toMatchObject({ kind: 'audit-read', change: { log: 'tile/entries/000.p/3' } })
  Object.assign(world.ports.ledger, { append: async () => { throw new Error('full') } })
  const page = await person.call('GET', '/v1/audit/log/tile/entries/000.p/3')
  expect([page.status, page.text.includes('payroll')]).toEqual([503, false])
})

test('whoever may not read the audit gets nothing of the log', async () => {
  const { agent, world } = await withLog(2)
  for (const path of ['log/checkpoint', 'log/vkey', 'log/tile/0/000.p/2', 'log/tile/entries/000.p/2', `events/${world.events[0]!.id}/receipt`]) {
    const answer = await agent.call('GET', `/v1/audit/${path}`)
    expect([answer.status, answer.text.includes('sluice.test')]).toEqual([403, false])
  }
})

test('only names of tiles are read from the store', async () => {
  const { person, memory } = await withLog(2)
  const asked: string[] = []
  memory.fail = (call, when) => { if (call === 'get' && when === 'before') asked.push(call) }
  for (const path of ['tile/../../log-key.pem', 'tile/%2e%2e/%2e%2e/keys.json', 'tile/0/000.p/0', 'tile/0/000.p/256', 'tile/0/0', 'tile/entries/..', 'tile/0/000%00', 'tile/0//000', 'staging/1-x', 'tile/99/000']) {
    expect((await person.call('GET', `/v1/audit/log/${path}`)).status, path).toBe(404)
  }
  expect(asked).toEqual([])
})

test('a partial tile that was let go of is the beginning of the full one', async () => {
  const { person, memory } = await withLog(260)
  const full = memory.objects.get('tile/0/000')!
  expect(memory.objects.has('tile/0/000.p/100')).toBe(false)
  const answer = await person.call('GET', '/v1/audit/log/tile/entries/000.p/2')
  expect(answer.status).toBe(200)
  const page = await person.call('GET', '/v1/audit/log/tile/0/000.p/100')
  expect(page.status).toBe(200)
  expect(full.length).toBe(8192)
}, 120_000)

test('tiles that are not those of the checkpoint make no receipt', async () => {
  const { person, memory, world } = await withLog(3)
  const tile = memory.objects.get('tile/0/000.p/3')!
  tile[0] = (tile[0] ?? 0) ^ 1
  expect((await person.call('GET', `/v1/audit/events/${world.events[1]!.id}/receipt`)).status).toBe(500)
  expect(world.alarms.map(({ what }) => what)).toContain('the tiles of the log are not those of its checkpoint')
})

test('a gate without a log, and a log without an entry, say so', async () => {
  const { as, world } = createGateway()
  const person = await as(auditor)
  expect((await person.call('GET', '/v1/audit/log/checkpoint')).json).toMatchObject({ status: 404, reason: 'no_log' })
  Object.assign(world.ports, { log: createMemoryLog().log })
  expect((await person.call('GET', '/v1/audit/log/checkpoint')).json).toMatchObject({ status: 404, reason: 'no_checkpoint', next: 'retry' })
})
