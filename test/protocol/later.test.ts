import { expect, test } from 'vitest'
import { later } from '../../functions/protocol/later.ts'
import type { Protocol } from '../../functions/protocol/protocol.ts'
import type { ConnectionDocument } from '../../schema/policy.ts'

const shop: ConnectionDocument = { version: 1, kind: 'connection', name: 'shop', engine: 'postgres', secret: 's' }
const query = { statements: [{ sql: 'select 1', params: [] }], batch: false, isolation: 'read committed', purpose: null, reveal: [], rowMode: 'object', maxRows: null } as const

test('an engine is loaded once, by whoever comes first, and again after a load that failed', async () => {
  let loads = 0
  const engine = { describe: async () => ({ relations: [] }), close: async () => {} } as unknown as Protocol
  const lazy = later(async () => { if (loads++ === 0) throw new Error('disk'); return engine })
  await expect(lazy.describe(shop)).rejects.toThrow('disk')
  expect(await Promise.all([lazy.describe(shop), lazy.describe(shop)])).toEqual([{ relations: [] }, { relations: [] }])
  expect(loads).toBe(2)
  expect(await lazy.estimate?.(shop, query)).toEqual([null])
})
test('an engine that nobody used is not loaded to be closed, and masks nothing', async () => {
  const lazy = later(() => { throw new Error('never') })
  await lazy.close()
  expect(() => lazy.mask({} as never, {} as never, {} as never)).toThrow(TypeError)
})
test('an engine whose callers speak its own protocol is loaded by the first of them, and one without a protocol reads nothing', async () => {
  let loads = 0
  const lazy = later(async () => { loads++; return { read: (method: string) => ({ ok: true, value: { ...query, purpose: method } }) } as unknown as Protocol }, 'reading')
  expect([loads, await lazy.read?.('GET', '/', {}, null), await lazy.read?.('PUT', '/', {}, null), loads]).toEqual([0, expect.objectContaining({ value: { ...query, purpose: 'GET' } }), expect.objectContaining({ value: { ...query, purpose: 'PUT' } }), 1])
  await expect(later(async () => ({}) as Protocol, 'reading').read?.('GET', '/', {}, null)).rejects.toThrow(TypeError)
  expect(later(async () => ({}) as Protocol).read).toBeUndefined()
})
