import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { digest } from '../../schema/bundle.ts'
import { tables } from '../../schema/item.ts'
import { type Bundle, policyDocument } from '../../schema/policy.ts'
import type { Lock } from '../../functions/ports.ts'
import type { Rig } from './rig.ts'

const meta = { by: 'user:ada', at: '2026-11-22T09:00:00.000Z', commit: null }
const lockOn = (target: string, more: Partial<Lock> = {}): Lock => ({ target, by: 'user:ada', at: '2026-11-22T09:00:00.000Z', reason: null, until: null, ...more })

export function bundleOf(rules: number, filler = ''): Bundle {
  const role = policyDocument.parse({
    version: 1, kind: 'role', name: 'r', members: [{ everyone: true }],
    rules: Array.from({ length: rules }, (_, i) => ({ allow: ['select'], connection: 'shop', on: [`public.t${i}${filler}`], approval: { by: ['leads'] } })),
  })
  return { documents: [{ path: 'roles/r.yaml', document: role }] }
}

/** What PolicyStore promises, whoever keeps it. */
export function policiesContract(name: string, create: () => Promise<Rig>): void {
  describe(`policies by ${name}`, () => {
    let rig: Rig
    beforeEach(async () => { rig = await create() })
    afterEach(() => rig.close())

    test('an empty store has no pointer, and the first policy goes into an empty store only', async () => {
      const { policies } = rig.ports
      expect(await policies.pointer()).toBeNull()
      expect(await policies.apply(bundleOf(1), { ...meta, from: 'f'.repeat(64) })).toBe(false)
      expect(await policies.apply(bundleOf(1), { ...meta, from: null })).toBe(true)
      expect(await rig.other().policies.apply(bundleOf(2), { ...meta, from: null })).toBe(false)
      expect(await policies.pointer()).toEqual({ version: digest(bundleOf(1)), chunks: 1, appliedAt: meta.at, appliedBy: meta.by, commit: null, locks: [] })
    })

    test('a large policy with characters of every width comes back whole from its chunks', async () => {
      const bundle: Bundle = { ...bundleOf(6000, 'ä€😀'.repeat(8)), known: { shop: { 'public.t': ['a'] } }, destroys: { content: meta.at } }
      await rig.ports.policies.apply(bundle, { ...meta, from: null, commit: 'abc' })
      const pointer = await rig.other().policies.pointer()
      expect(pointer?.chunks).toBeGreaterThan(2)
      expect(await rig.other().policies.load(pointer?.version ?? '', pointer?.chunks ?? 0)).toEqual(bundle)
    })

    test('of two who apply from the same version one moves the pointer and the other is told', async () => {
      await rig.ports.policies.apply(bundleOf(1), { ...meta, from: null })
      const from = digest(bundleOf(1))
      const other = rig.other()
      const moved = await Promise.all([rig.ports.policies.apply(bundleOf(2), { ...meta, from }), other.policies.apply(bundleOf(3), { ...meta, from })])
      expect(moved.toSorted()).toEqual([false, true])
    })

    test('an apply whose answer was lost, and that was stored, is known as its own when sent again', async () => {
      rig.break({ after: 'drop' }, { operation: 'UpdateItem', only: 1 })
      expect(await rig.ports.policies.apply(bundleOf(1), { ...meta, from: null })).toBe(true)
    })

    test('an apply that fails before it is stored changes nothing', async () => {
      await rig.ports.policies.apply(bundleOf(1), { ...meta, from: null })
      rig.break({ before: 'error' }, { operation: 'UpdateItem' })
      await expect(rig.ports.policies.apply(bundleOf(2), { ...meta, from: digest(bundleOf(1)) })).rejects.toMatchObject({ code: 'store-unavailable' })
      rig.heal()
      expect((await rig.ports.policies.pointer())?.version).toBe(digest(bundleOf(1)))
    })

    test('a chunk missing, exchanged or altered together with its own hash is policy-corrupt, and applying again heals it', async () => {
      const bundle = bundleOf(1)
      await rig.ports.policies.apply(bundle, { ...meta, from: null })
      const version = digest(bundle)
      const Key = { pk: { S: `policy#${version}` }, sk: { S: '0000/0001' } }
      const { Item } = await rig.dynamo('GetItem', { TableName: tables.policy.name, Key })
      const forged = { ...Item, text: { S: (Item?.['text']?.S ?? '').replace('public.t0', 'payroll.*') }, hash: { S: '0'.repeat(64) } }
      const { createHash } = await import('node:crypto')
      for (const item of [forged, { ...forged, hash: { S: createHash('sha256').update(forged.text.S).digest('hex') } }]) {
        await rig.dynamo('PutItem', { TableName: tables.policy.name, Item: item })
        await expect(rig.ports.policies.load(version, 1)).rejects.toMatchObject({ code: 'policy-corrupt' })
      }
      await rig.dynamo('DeleteItem', { TableName: tables.policy.name, Key })
      await expect(rig.ports.policies.load(version, 1)).rejects.toMatchObject({ code: 'policy-corrupt' })
      await rig.ports.policies.apply(bundle, { ...meta, from: version })
      expect(await rig.ports.policies.load(version, 1)).toEqual(bundle)
    })

    test('fewer chunks than there are do not pass for the policy', async () => {
      const bundle = bundleOf(6000, 'x'.repeat(60))
      await rig.ports.policies.apply(bundle, { ...meta, from: null })
      const { version, chunks } = await rig.ports.policies.pointer() ?? { version: '', chunks: 0 }
      await expect(rig.ports.policies.load(version, chunks - 1)).rejects.toMatchObject({ code: 'policy-corrupt' })
    })

    test('locks stay over an apply, are replaced by target, and lifted once', async () => {
      const { policies } = rig.ports
      expect(await policies.lock(lockOn('everything'))).toBe(false)
      await policies.apply(bundleOf(1), { ...meta, from: null })
      await policies.lock(lockOn('subject:agent:a#b.c'))
      await policies.lock(lockOn('subject:agent:a#b.c', { reason: 'again' }))
      await policies.apply(bundleOf(2), { ...meta, from: digest(bundleOf(1)) })
      expect((await policies.pointer())?.locks).toEqual([lockOn('subject:agent:a#b.c', { reason: 'again' })])
      expect(await policies.unlock('subject:agent:a#b.c')).toBe(true)
      expect(await policies.unlock('subject:agent:a#b.c')).toBe(false)
      expect((await policies.pointer())?.locks).toEqual([])
    })

    test('a lock and a lift whose answers were lost are done when they say so', async () => {
      await rig.ports.policies.apply(bundleOf(1), { ...meta, from: null })
      rig.break({ after: 'drop' }, { operation: 'UpdateItem', only: 1 })
      expect(await rig.ports.policies.lock(lockOn('connection:shop'))).toBe(true)
      rig.break({ after: 'drop' }, { operation: 'UpdateItem', only: 1 })
      expect(await rig.ports.policies.unlock('connection:shop')).toBe(true)
    })

    test('locks set at once by many are all there, and 500 is the end unless some have run out', async () => {
      const { policies } = rig.ports
      await policies.apply(bundleOf(1), { ...meta, from: null })
      const put = async (n: number) => policies.lock(lockOn(`subject:agent:${n}`, { until: n < 2 ? '2026-11-22T08:00:00.000Z' : null }))
      for (let n = 0; n < 500; n += 20) expect(await Promise.all(Array.from({ length: 20 }, (_, i) => put(n + i)))).not.toContain(false)
      expect((await policies.pointer())?.locks).toHaveLength(500)
      expect(await put(500)).toBe(true)
      expect(await put(501)).toBe(true)
      expect(await put(502)).toBe(false)
    })

    test('a lock that cannot be read is not skipped: the policy is corrupt', async () => {
      await rig.ports.policies.apply(bundleOf(1), { ...meta, from: null })
      await rig.dynamo('UpdateItem', {
        TableName: tables.policy.name, Key: { pk: { S: 'policy' }, sk: { S: 'pointer' } }, UpdateExpression: 'SET #l.#t = :x',
        ExpressionAttributeNames: { '#l': 'locks', '#t': 'everything' }, ExpressionAttributeValues: { ':x': { S: '{' } },
      })
      await expect(rig.ports.policies.pointer()).rejects.toMatchObject({ code: 'policy-corrupt' })
    })
  })
}
