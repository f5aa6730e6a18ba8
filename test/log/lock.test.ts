import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createObjects } from '../../functions/aws/objects.ts'
import { createRecord } from '../../functions/aws/ports.ts'
import { createLengthening } from '../../functions/lengthen.ts'
import { Fault, type Log } from '../../functions/ports.ts'
import { publishing } from '../../functions/publish.ts'
import { lockOf } from '../../functions/record/retain.ts'
import { createRetention } from '../../functions/retain.ts'
import { createSequencer } from '../../functions/sequence.ts'
import { createHints } from '../../functions/hint.ts'
import { createTerm } from '../../functions/term.ts'
import type { Bundle } from '../../schema/policy.ts'
import { startBucket, type Stub } from '../aws/bucket.ts'
import { credentials } from '../contract/rig.ts'
import { refusalEvent } from '../contract/ledger.ts'
import { createLogWorld, expectWhole, verifyLog, type LogWorld } from '../sequence/world.ts'

/** Locks of the log's objects in S3 by what the policy says, from the adapter to the bucket: what is locked for how long, what lengthens it, and what may go when. */
const dayMs = 86_400_000
const hourMs = 3_600_000
const mostDays = 400
const mostMs = mostDays * dayMs
let world: LogWorld
let bucket: Stub
let policy: { version: string; appliedAt: number; entries: string | null; corrupt: boolean } | null
let closers: (() => void)[]
const alarms: string[] = []
const now = () => world.clock.ms
const policies = {
  pointer: async () => policy && { version: policy.version, chunks: 1, appliedAt: new Date(policy.appliedAt).toISOString(), appliedBy: 'x', commit: null, locks: [] },
  load: async (): Promise<Bundle> => {
    if (policy?.corrupt) throw new Fault('policy-corrupt', 'damaged')
    return { documents: policy?.entries == null ? [] : [{ path: 'audit.yaml', document: { version: 1, kind: 'audit', name: 'record', retention: { entries: policy.entries } } }] } as unknown as Bundle
  },
}
beforeEach(async () => {
  world = createLogWorld()
  bucket = await startBucket(credentials)
  bucket.now = now
  policy = null
  closers = []
  alarms.length = 0
})
afterEach(async () => { for (const close of closers) close(); await bucket.close() })
/** A policy, and its first hour over. */
function says(entries: string | null): void {
  policy = { version: `v${world.clock.ms}`, appliedAt: world.clock.ms, entries, corrupt: false }
  world.clock.ms += hourMs + 60_000
}
/** A process of its own. */
function open(mode: 'COMPLIANCE' | 'GOVERNANCE' = 'COMPLIANCE') {
  const rows = { ...world.memory.log.store, hint: async (size: number) => { world.memory.rows.hint = size }, hinted: async () => world.memory.rows.hint }
  const { term, until } = createTerm({ now, policies, alarm: (what) => { alarms.push(what) } }, rows, mostMs)
  const objects = createObjects({ region: 'eu-west-1', endpoint: bucket.url, credentials, now, mode, until })
  closers.push(() => objects.close())
  const log: Log = { signer: world.memory.log.signer, objects, store: publishing(objects, rows) }
  const lengthening = createLengthening({ now, log, term }, mostMs)
  return {
    log, ...lengthening, sequencer: createSequencer({ now, ledger: world.ledger, alarm: (what) => { alarms.push(what) }, log }, createHints()),
    async all() { let total = 0; for (let i = 0; i < 40; i++) { total += await lengthening.run(); world.clock.ms += 1000 } return total },
  }
}
async function add(count: number, by = open()) {
  for (let i = 0; i < count; i++) { world.clock.ms += 5; await world.ledger.append(refusalEvent(world.ids)) }
  await by.sequencer.reconcile()
}
const lock = (path: string) => bucket.objects.get(path)?.[0]?.lock
/** Whole days until its lock ends. */
const days = (path: string) => Math.round(((lock(path)?.until ?? 0) - world.clock.ms) / dayMs)
const bundles = () => [...bucket.objects.keys()].filter((path) => /^tile\/entries\/\d{3}$/.test(path)).toSorted()

describe('how long a lock is', () => {
  test('for entries what the policy keeps them, for the rest for ever, and never longer ahead than may be', () => {
    const [year, long] = [{ word: '100d', ms: 100 * dayMs }, { word: '9999y', ms: 9999 * 366 * dayMs }]
    expect(lockOf('tile/entries/000', 5, year, 7, mostMs)).toBe(5 + 100 * dayMs)
    for (const [path, kept] of [['tile/entries/000', null], ['tile/entries/000', long], ['tile/0/000', year], ['tile/1/000', year], ['checkpoints/000/000/000/000/000/001', year], ['begun', year]] as const) expect(lockOf(path, 5, kept, 7, mostMs), path).toBe(7 + mostMs)
  })
})

describe('what is written', () => {
  test('is locked for as long as the policy keeps entries; hashes and checkpoints for the longest', async () => {
    says('90d')
    await add(300)
    expect(days('tile/entries/000')).toBe(90)
    for (const path of ['tile/0/000', 'tile/1/000.p/1', 'begun', 'checkpoints/000/000/000/000/000/300']) expect(days(path), path).toBe(mostDays)
    expect([...bucket.objects.values()].every(([version]) => version?.lock?.mode === 'COMPLIANCE')).toBe(true)
    expectWhole(await verifyLog(open().log), world.stored.values())
  })
  test('under a policy without an age, for the longest', async () => {
    says(null)
    await add(300)
    expect(days('tile/entries/000')).toBe(mostDays)
  })
  test.each<[string, () => void]>([
    ['before there is a policy', () => { policy = null }], ['in the first hour of one', () => { says('300d'); world.clock.ms -= hourMs }], ['under one that cannot be read', () => { says('300d'); policy!.corrupt = true }],
  ])('%s it is locked for a day and no longer, and for the right time when that can be said', async (_, state) => {
    state()
    await add(300)
    expect(days('tile/entries/000')).toBe(1)
    expect(await open().all()).toBe(0)
    says('200d')
    await open().all()
    expect(days('tile/entries/000')).toBe(200)
  })
  test('in the first hour of the next policy, as the one before said; a slip of the pen that is taken back within it locks nothing', async () => {
    says('90d')
    await add(10)
    await open().all()
    for (const slip of ['9999y', '1d', null]) {
      says(slip)
      world.clock.ms -= hourMs
      const first = bundles().length
      await add(300)
      expect(bundles().slice(first).map(days)).toContain(90)
      expect(await open().all()).toBe(0)
    }
    says('90d')
    expect(await open().all()).toBe(0)
    for (const path of bundles()) expect(days(path)).toBeLessThanOrEqual(90)
  })
})

describe('what is there', () => {
  test('is locked for longer when the policy keeps it longer, counted from when it was made; for less it is never', async () => {
    says('90d')
    await add(600)
    await open().all()
    world.clock.ms += 30 * dayMs
    says('180d')
    expect(await open().all()).toBe(2)
    expect(bundles().map(days)).toEqual([150, 150])
    expect(await open().all()).toBe(0)
    says('100d')
    expect(await open().all()).toBe(0)
    expect(bundles().map(days)).toEqual([150, 150])
    await add(300)
    expect(bundles().map(days)).toEqual([150, 150, 100])
  })
  test('in steps, by whoever comes next, wherever it breaks off, and by two at once', async () => {
    says('90d')
    await add(256)
    for (let i = 0; i < 40; i++) await add(2)
    await open().all()
    says('120d')
    const one = open()
    const { length } = bucket.requests
    await one.run()
    expect(world.memory.rows.lengthened?.after).toBe('tile/')
    expect(bucket.requests.length - length).toBeLessThan(500)
    bucket.fail = 'before'
    await Promise.allSettled([open().run(), open().run()])
    bucket.fail = 'after'
    await open().all()
    expect(bundles().length).toBeGreaterThan(0)
    expect(bundles().map(days)).toEqual(bundles().map(() => 120))
    expect(world.memory.rows.lengthened).toMatchObject({ goal: '120d', after: null })
  })
  test('tile after tile of a long log, each once, without a list of what went', async () => {
    says('90d')
    const seen: string[] = []
    const rows = { ...world.memory.log.store, published: async () => ({ size: 256 * 256 * 2 + 256 * 3 + 7, checkpoint: '' }) }
    const { term } = createTerm({ now, policies, alarm: () => {} }, rows, mostMs)
    const objects = { after: async () => [], locks: { read: async (path: string) => { seen.push(path); return null }, lengthen: async () => {} } } as unknown as Log['objects']
    const { run } = createLengthening({ now, log: { objects, store: rows }, term }, mostMs)
    do await run(); while (world.memory.rows.lengthened?.after !== null)
    expect(seen).toHaveLength(515 + 515 + 2)
    expect(new Set(seen).size).toBe(seen.length)
    expect([seen[0], seen[514], seen[515], seen[1029], seen[1030], seen[1031]]).toEqual(['tile/entries/000', 'tile/entries/514', 'tile/0/000', 'tile/0/514', 'tile/1/000', 'tile/1/001'])
    expect(world.memory.rows.lengthened?.after).toBeNull()
  })
  test('for ever is lengthened when a quarter of the longest lock is over, checkpoints and hashes too, and not before', async () => {
    says('30d')
    await add(600)
    await open().all()
    world.clock.ms += mostMs / 4 - 2 * dayMs
    expect(await open().all()).toBe(0)
    world.clock.ms += 3 * dayMs
    expect(await open().all()).toBeGreaterThan(2)
    for (const path of ['tile/0/000', 'tile/0/001', 'checkpoints/000/000/000/000/000/600']) expect(days(path), path).toBe(mostDays)
    expect(days('tile/entries/000')).toBeLessThan(0)
  })
  test.each([
    ['is through', { after: null, since: () => 0 }], ['is through, and began in a hundred years', { after: null, since: () => 100 * 366 * dayMs }], ['is at what is no tile', { after: 'tile/zzz', since: () => 0 }],
  ])('whatever a row says that somebody else wrote: a walk that %s leaves no lock short', async (_, { after, since }) => {
    policy = { version: 'young', appliedAt: world.clock.ms, entries: '90d', corrupt: false }
    await add(600)
    expect(days('tile/entries/000')).toBe(1)
    world.clock.ms += hourMs + 60_000
    await world.memory.log.store.progress({ goal: '90d', since: world.clock.ms + since(), after })
    await open().all()
    expect(bundles().map(days)).toEqual([90, 90])
  })
  test('in governance mode, for a stage that is thrown away, nothing is ever lengthened', async () => {
    says('90d')
    const dev = open('GOVERNANCE')
    await add(300, dev)
    says('180d')
    expect(await dev.all()).toBe(0)
    expect(lock('tile/entries/000')).toMatchObject({ mode: 'GOVERNANCE' })
    expect(days('tile/entries/000')).toBe(90)
  })
})

describe('a function that keeps a log', () => {
  const env = { AWS_REGION: 'local', AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b', SLUICE_HOME_REGION: 'local', SLUICE_LOG_NAME: 'a.test/log', SLUICE_LOG_KEY: 'arn:x', SLUICE_LOG_BUCKET: 'http://127.0.0.1:9' }
  test('does not start before it is told how objects are locked, and how far ahead', () => {
    for (const [more, words] of [[{}, 'SLUICE_LOG_LOCK'], [{ SLUICE_LOG_LOCK: 'compliance' }, 'SLUICE_LOG_LOCK'], [{ SLUICE_LOG_LOCK: 'NONE' }, 'SLUICE_LOG_LOCK'], ...['0', '1.5', '36501', 'x'].map((days) => [{ SLUICE_LOG_LOCK: 'COMPLIANCE', SLUICE_LOG_DAYS: days }, 'SLUICE_LOG_DAYS'] as const)] as const) {
      expect(() => createRecord(() => {}, { ...env, ...more })).toThrow(words)
    }
    expect(createRecord(() => {}, { ...env, SLUICE_LOG_LOCK: 'GOVERNANCE', SLUICE_LOG_DAYS: '1' }).locking?.mostMs).toBe(dayMs)
  })
})

describe('what is over', () => {
  const retention = (log: Log, during: () => Promise<unknown>) => createRetention({
    now, id: world.ids.id, policies: policies as never, ledger: world.ledger, keys: { sheets: async () => [] } as never, log, alarm: (what) => { alarms.push(what) },
  }, async () => { await during() })

  test('goes from the bucket, version by version, when the log said so and the lock is over: not a moment before, and nothing else goes', async () => {
    says('60d')
    const by = open()
    await add(600, by)
    await by.all()
    world.clock.ms += 59 * dayMs
    expect((await retention(by.log, () => by.sequencer.reconcile()).run()).bundles).toBe(0)
    expect([...world.stored.values()].filter(({ kind }) => kind === 'prune')).toEqual([])
    world.clock.ms += 2 * dayMs
    const before = new Set(bucket.objects.keys())
    expect((await retention(by.log, () => by.sequencer.reconcile()).run()).bundles).toBe(2)
    expect([...before].filter((path) => !bucket.objects.has(path)).every((path) => /^tile\/entries\/00[01](?:\.p\/\d+)?$/.test(path))).toBe(true)
    expect(bundles()).toEqual([])
    expect(bucket.requests.filter(({ method, path }) => method === 'DELETE' && !path.includes('?versionId='))).toEqual([])
    expect(await by.log.objects.get('tile/0/000')).not.toBeNull()
    expect([...world.stored.values()].filter(({ kind }) => kind === 'prune')).toHaveLength(1)
    expect(alarms).toEqual([])
  })

  test('does not where a lock is longer than the policy now says: nothing is even said to go, until it is over', async () => {
    says('120d')
    const by = open()
    await add(300, by)
    await by.all()
    says('30d')
    await by.all()
    world.clock.ms += 60 * dayMs
    const run = retention(by.log, () => by.sequencer.reconcile())
    expect((await run.run()).bundles).toBe(0)
    expect([...world.stored.values()].filter(({ kind }) => kind === 'prune')).toEqual([])
    world.clock.ms += 61 * dayMs
    expect((await run.run()).bundles).toBe(1)
  })

  test('broken off between two versions: the next run does the rest', async () => {
    says('60d')
    const by = open()
    await add(600, by)
    world.clock.ms += 61 * dayMs
    let left = 1
    bucket.may = (action) => action !== 'DeleteObjectVersion' || left-- > 0
    await expect(retention(by.log, () => by.sequencer.reconcile()).run()).rejects.toMatchObject({ code: 'store-unavailable' })
    bucket.may = () => true
    expect((await retention(by.log, () => by.sequencer.reconcile()).run()).bundles).toBeGreaterThan(0)
    expect(bundles()).toEqual([])
  })
})
