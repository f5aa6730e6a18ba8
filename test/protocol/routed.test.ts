import { expect, test } from 'vitest'
import { routed } from '../../functions/protocol/routed.ts'
import type { Plan, Protocol } from '../../functions/protocol/protocol.ts'
import type { ConnectionDocument } from '../../schema/policy.ts'

const shop: ConnectionDocument = { version: 1, kind: 'connection', name: 'shop', engine: 'postgres', secret: 's' }
const ledger: ConnectionDocument = { ...shop, name: 'ledger', transport: 'private' }
const query = { statements: [{ sql: 'select 1', params: [] }], batch: false, isolation: 'read committed', purpose: null, reveal: [], rowMode: 'object', maxRows: null } as const
const engine = (name: string, did: string[], more: Partial<Protocol> = {}) => ({
  classify: async () => { did.push(`${name} classify`); return { ok: true, value: { effects: {}, plan: {} } } }, execute: async () => { did.push(`${name} execute`); return { status: 'failed' } }, mask: () => { did.push(`${name} mask`); return { results: [] } },
  describe: async () => { did.push(`${name} describe`); return { relations: [] } }, inspect: async () => { did.push(`${name} inspect`); return [] }, ping: async () => { did.push(`${name} ping`) }, close: async () => { did.push(`${name} close`) }, ...more,
}) as unknown as Protocol

test('the document alone says which way, and a plan is run and masked by its maker', async () => {
  const did: string[] = []
  const both = routed(engine('open', did), engine('apart', did, { grants: async () => { did.push('apart grants'); return {} as never } }))
  for (const connection of [shop, ledger]) {
    const plan = await both.classify(connection, query)
    if (!plan.ok) throw new Error('refused')
    await both.execute({} as never, plan.value, {} as never)
    both.mask({} as never, plan.value, {} as never)
    await both.describe(connection)
    await both.inspect(connection, [])
    await both.ping?.(connection)
    expect(await both.estimate?.(connection, query)).toEqual([null])
  }
  const acts = ['classify', 'execute', 'mask', 'describe', 'inspect', 'ping']
  expect(did).toEqual([...acts.map((act) => `open ${act}`), ...acts.map((act) => `apart ${act}`)])
  expect(both.grants).toBeUndefined()                                // where the open one has none
  await both.close()
})
test('without a function in the network a private target is unreachable, by every way there is, and never by the open one', async () => {
  const did: string[] = []
  const alone = routed(engine('open', did, { grants: async () => ({}) as never }), null)
  for (const act of [() => alone.classify(ledger, query), () => alone.describe(ledger), () => alone.inspect(ledger, []), () => alone.ping?.(ledger), () => alone.estimate?.(ledger, query), () => alone.grants?.(ledger, [])]) {
    await expect(act()).rejects.toMatchObject({ code: 'target-unavailable' })
  }
  await expect(alone.execute({} as never, { plan: {} } as Plan, {} as never)).rejects.toThrow('not of this engine')
  expect(did).toEqual([])
})
