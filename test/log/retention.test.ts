import { mkdtempSync, existsSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createRetention } from '../../functions/retain.ts'
import { ageOf, daysOver, destroysOf, readPrune } from '../../functions/record/retain.ts'
import { decodeEntries } from '../../functions/record/log/tile.ts'
import type { PolicyDocument } from '../../schema/policy.ts'
import { outcomeEvent, intentEvent, refusalEvent } from '../contract/ledger.ts'
import { auditor } from '../support/caller.ts'
import { createSealedWorld, eraser, type SealedWorld } from '../support/sealed.ts'

const scratch = mkdtempSync(join(tmpdir(), 'sluice-retention-'))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))
const dayMs = 86_400_000
const says = (retention: Extract<PolicyDocument, { kind: 'audit' }>['retention']): Record<string, PolicyDocument> => ({ 'audit.yaml': { version: 1, kind: 'audit', name: 'record', retention } })
const canary = 'canary-77aa'

describe('ages', () => {
  test('are days, or years of 366 of them', () => {
    expect([ageOf('90d'), ageOf('7y')]).toEqual([{ word: '90d', ms: 90 * dayMs }, { word: '7y', ms: 7 * 366 * dayMs }])
    for (const odd of ['', '0d', '90', 'd', '1h', '1.5d', '10000d', ' 1d', '1D']) expect(ageOf(odd), odd).toBeNull()
  })
  test('a day is over when what was sealed in its last moment, and the hour after, is', () => {
    const now = Date.parse('2026-11-22T09:00:00.000Z')
    expect(daysOver(now, ageOf('19d')!)).toEqual(['2026-11-01', '2026-11-02'])
    expect(daysOver(Date.parse('2026-11-22T00:59:59.999Z'), ageOf('1d')!).at(-1)).toBe('2026-11-19')
    expect(daysOver(Date.parse('2026-11-22T01:00:00.000Z'), ageOf('1d')!).at(-1)).toBe('2026-11-20')
    expect(daysOver(now, ageOf('90d')!)).toEqual([])
  })
  test.each([
    ['not from the first entry', { first: 256 }], ['half a bundle', { last: 300 }], ['younger than it says', { before: '2026-11-21T00:00:00.000Z' }], ['no age', { retention: 'soon' }], ['no time', { before: 'x' }], ['negative', { last: -257 }],
  ])('a prune that is %s is none', (_, change) => {
    const prune = { first: 0, last: 511, before: '2026-08-01T00:00:00.000Z', retention: '90d' }
    expect(readPrune({ change: prune, at: '2026-11-22T00:00:00.000Z' })).toEqual(prune)
    expect(readPrune({ change: { ...prune, ...change }, at: '2026-11-22T00:00:00.000Z' })).toBeNull()
  })
})

describe('retention', () => {
  let world: SealedWorld
  let exports = 0
  afterEach(() => world.rig.close())
  const ids = () => world.world.ports
  const retention = (during: () => Promise<unknown> = () => world.sequencer.reconcile()) => createRetention(world.world.ports, async () => { await during() })
  async function add(count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      const intent = intentEvent(ids(), { purpose: canary, rules: ['support.rules[0]'], policy: 'f'.repeat(64) })
      for (const event of i % 3 === 0 ? [intent, outcomeEvent(ids(), intent)] : [refusalEvent(ids(), { purpose: canary })]) await ids().ledger.append(event)
    }
    await world.sequencer.reconcile()
  }
  const later = (days: number) => { world.world.clock.ms += days * dayMs }
  async function verified(directory = join(scratch, `log-${exports++}`)) {
    await world.sequencer.reconcile()
    expect((await world.sluice(['audit', 'export', '--log', directory, '--content'], { as: auditor })).code).toBe(0)
    const { out, err } = await world.sluice(['audit', 'verify', directory, '--json'], {})
    const report = JSON.parse(out) as { ok: boolean; findings: unknown[] }
    if (!report.ok) console.log(JSON.stringify(report.findings).slice(0, 600))
    return { directory, err, ...JSON.parse(out) as { ok: boolean; size: number; pruned: number; contents: { checked: number; erased: number; unexplained: number } } }
  }
  const told = async (kind: string) => (JSON.parse((await world.sluice(['audit', 'list', '--kind', kind, '--json'], { as: auditor })).out) as { events: { change: Record<string, unknown> }[] }).events.map(({ change }) => change)

  describe('of content', () => {
    beforeEach(async () => { world = await createSealedWorld(says({ content: '90d' })) })

    test('older content is gone, younger stays, an event names the sheets, and the log verifies', async () => {
      await add(30)
      later(60)
      await add(5)
      later(32)
      expect((await retention().run()).sheets).toBe(2)
      const report = await verified()
      expect(report).toMatchObject({ ok: true, contents: { erased: expect.any(Number), unexplained: 0 } })
      expect(report.contents.checked).toBeGreaterThanOrEqual(5)
      expect(report.contents.erased).toBeGreaterThanOrEqual(30)
      expect(await told('erasure')).toEqual([{ retention: '90d', day: '2026-11-22', sheets: [expect.any(String), expect.any(String)] }])
      expect((await retention().run()).sheets).toBe(0)
      expect(await told('erasure')).toHaveLength(1)
    })

    test('what cannot be recorded is not destroyed, and a run that broke off is finished by the next', async () => {
      await add(3)
      later(95)
      const run = retention()
      const held = await world.keys.sheets('2026-11-22', 10)
      world.rig.break({ before: 'error' }, { operation: 'PutItem' })
      await expect(run.run()).rejects.toMatchObject({ code: 'store-unavailable' })
      world.rig.heal()
      expect(await world.keys.sheets('2026-11-22', 10)).toEqual(held)
      world.rig.break({ before: 'error' }, { operation: 'DeleteItem' })
      await expect(run.run()).rejects.toMatchObject({ code: 'store-unavailable' })
      world.rig.heal()
      expect((await run.run()).sheets).toBe(held.length)
      expect(await world.keys.sheets('2026-11-22', 10)).toEqual([])
    })

    test('a policy destroys nothing in its first day', async () => {
      await add(3)
      later(95)
      const pointer = await ids().policies.pointer()
      const young = { ...ids(), policies: { ...ids().policies, pointer: async () => pointer && { ...pointer, appliedAt: new Date(ids().now() - dayMs + 1).toISOString() } } }
      expect(await createRetention(young).run()).toEqual({ sheets: 0, bundles: 0 })
      expect((await retention().run()).sheets).toBe(1)
    })

    test('a policy that is applied anew every hour still destroys in time, and one that keeps it less long has a day of its own', async () => {
      const at = async (content: string, ms: number): Promise<void> => {
        const { pointer, load } = ids().policies
        const [now, from] = await Promise.all([pointer(), pointer().then((there) => load(there!.version, 1))])
        const to = { documents: [...from.documents.filter(({ document }) => document.kind !== 'audit'), { path: 'audit.yaml', document: says({ content })['audit.yaml']! }] }
        world.world.clock.ms += ms
        const destroys = destroysOf(from, now!.appliedAt, to, ids().now())
        await ids().policies.apply({ ...to, ...(destroys ? { destroys } : {}) }, { from: now!.version, by: 'x', at: new Date(ids().now()).toISOString(), commit: null })
      }
      await add(3)
      later(60)
      await at('30d', 0)
      for (let hour = 0; hour < 23; hour++) {
        await at('30d', 3_600_000)
        expect((await retention().run()).sheets, `hour ${hour}`).toBe(0)
      }
      await at('30d', 3_600_000)
      expect((await retention().run()).sheets).toBe(1)
    })
  })

  test('without an age nothing goes, however old', async () => {
    world = await createSealedWorld()
    await add(300)
    later(4000)
    expect(await retention().run()).toEqual({ sheets: 0, bundles: 0 })
  })

  describe('of entries', () => {
    beforeEach(async () => { world = await createSealedWorld(says({ entries: '1y' })) })

    test('whole bundles go, hashes stay, the log says so first, and what is left verifies, also against an older checkpoint and by what was exported before', async () => {
      await add(450)
      const before = await verified()
      later(200)
      await add(200)
      later(200)
      const bundles = Math.floor([...world.memory.objects].filter(([path]) => /^tile\/entries\/\d{3}$/.test(path)).length)
      const { bundles: gone } = await retention().run()
      expect(gone).toBeGreaterThan(1)
      expect(gone).toBeLessThan(bundles)
      expect(await told('prune')).toEqual([{ first: 0, last: gone * 256 - 1, before: expect.stringMatching(/^2026-11-22/), retention: '1y' }])
      const after = await verified()
      expect(after).toMatchObject({ ok: true, pruned: gone * 256 })
      expect(existsSync(join(after.directory, 'tile/entries/000'))).toBe(false)
      expect((await world.sluice(['audit', 'verify', after.directory, '--checkpoint', join(before.directory, 'checkpoint')], {})).code).toBe(0)
      expect(await verified(before.directory)).toMatchObject({ ok: true, pruned: 0 })
      expect((await retention().run()).bundles).toBe(0)
      later(200)
      await add(10)
      expect((await retention().run()).bundles).toBeGreaterThan(0)
      expect(await verified()).toMatchObject({ ok: true })
    })

    test('nothing is removed before the log says it is: without a sequencer it waits in vain, and the next run does it', async () => {
      await add(450)
      later(400)
      const paths = [...world.memory.objects.keys()].filter((path) => /^tile\/entries\/\d{3}$/.test(path))
      expect((await retention(async () => {}).run()).bundles).toBe(0)
      expect([...world.memory.objects.keys()].filter((path) => /^tile\/entries\/\d{3}$/.test(path))).toEqual(paths)
      expect((await retention().run()).bundles).toBe(paths.length)
      expect(await verified()).toMatchObject({ ok: true, pruned: paths.length * 256 })
    })

    test('killed between two bundles: the rest goes at the next run, and at every moment the log verifies', async () => {
      await add(800)
      later(400)
      let left = 1
      world.memory.fail = (call, when) => { if (call === 'prune' && when === 'before' && left-- <= 0) throw new Error('killed') }
      await expect(retention().run()).rejects.toThrow('killed')
      world.memory.fail = () => {}
      expect(await verified()).toMatchObject({ ok: true, pruned: 256 })
      expect((await retention().run()).bundles).toBeGreaterThan(1)
      expect(await verified()).toMatchObject({ ok: true })
    })

    test('a bundle with one young entry stays, and what the store has locked is neither removed nor said to be, until its lock is over', async () => {
      await add(150)
      later(300)
      await add(80)
      later(70)
      expect((await retention().run()).bundles).toBe(0)
      later(400)
      const until = world.world.clock.ms + 5 * dayMs
      Object.assign(ids(), { log: { ...world.memory.log, objects: { ...world.memory.log.objects, locks: { read: async (path: string) => ({ made: 0, until: path === 'tile/entries/000' ? until : 0 }) } } } })
      expect((await retention().run()).bundles).toBe(0)
      expect(await told('prune')).toEqual([])
      later(5)
      expect((await retention().run()).bundles).toBeGreaterThan(0)
      expect(await verified()).toMatchObject({ ok: true })
    })

    test('entries that somebody else removed are missing: below no prune, beyond it, or with their hashes', async () => {
      await add(800)
      const whole = await verified()
      rmSync(join(whole.directory, 'tile/entries/000'))
      expect((await world.sluice(['audit', 'verify', whole.directory], {})).err).toContain('the entries are missing')
      later(200)
      await add(300)
      later(200)
      const { bundles } = await retention().run()
      const pruned = await verified()
      expect(pruned).toMatchObject({ ok: true, pruned: bundles * 256 })
      rmSync(join(pruned.directory, `tile/entries/${String(bundles).padStart(3, '0')}`))
      expect((await world.sluice(['audit', 'verify', pruned.directory], {})).code).toBe(1)
      const other = await verified()
      rmSync(join(other.directory, 'tile/0/000'))
      expect((await world.sluice(['audit', 'verify', other.directory], {})).code).toBe(1)
    })

    test('an erasure and a receipt of what was removed are still answered', async () => {
      await add(450)
      const first = decodeEntries(world.memory.objects.get('tile/entries/000')!)[5]!
      const { event } = JSON.parse(Buffer.from(first).toString()) as { event: { id: string; session: string } }
      later(400)
      await retention().run()
      expect((await world.sluice(['audit', 'receipt', event.id], { as: auditor })).code).toBe(0)
      expect((await world.sluice(['audit', 'erase', event.session, '--yes'], { as: eraser })).code).toBe(0)
    })
  })
})
