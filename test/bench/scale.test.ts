import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { measured, type Use } from '../../bench/scale/capacity.ts'
import { asking, ending, type Kind } from '../../bench/scale/measure.ts'
import { play } from '../../bench/scale/play.ts'
import { createStores } from '../../functions/aws/ports.ts'
import { startDynamo } from '../../functions/local/dynamodb.ts'
import { sealing } from '../../functions/record/content.ts'
import { tables } from '../../schema/item.ts'
import { credentials } from '../contract/rig.ts'
import { approvalEventOf, nextOf, requestOf } from '../support/requests.ts'

let dynamo: Awaited<ReturnType<typeof measured>>
let stores: ReturnType<typeof sealing<ReturnType<typeof createStores>>>
const closers: (() => unknown)[] = []
beforeAll(async () => {
  const server = await startDynamo({ directory: null, credentials })
  closers.push(server.close)
  dynamo = await measured({ region: 'local', endpoint: server.url, credentials })
  closers.push(dynamo.close)
  const raw = createStores({ region: 'local', endpoint: dynamo.url, credentials })
  closers.push(raw.close)
  await raw.createTables()
  stores = sealing(raw, raw.keys, raw.now)
})
afterAll(async () => { for (const close of closers.toReversed()) await close() })

const writes = (table: string, index: string | null, key?: string): number[] => taken.filter((use) => use.table === table && use.index === index && use.writes > 0 && (key === undefined || use.key === key)).map((use) => use.writes)
let taken: readonly Use[] = []
const counting = async (run: () => Promise<unknown>): Promise<void> => { dynamo.take(); await run(); taken = dynamo.take().uses }

test('an event\'s place in the log is two write units, because it is written in a transaction', async () => {
  const entries = Array.from({ length: 100 }, (_, index) => ({ id: stores.id('evt'), index }))
  await counting(() => stores.logStore.placed(entries))
  expect(writes(tables.log.name, null)).toEqual(entries.map(() => 2))
})

test('a request is written to both of its indexes, once while it is open, and twice in the one of states when it ends', async () => {
  const { name } = tables.requests
  const request = requestOf(stores)
  const at = stores.now()
  await counting(() => stores.requests.create(request, approvalEventOf(stores, request), at))
  expect([writes(name, 'byState', 'open'), writes(name, 'byState', 'ended'), writes(name, 'byRequester')]).toEqual([[1], [], [1]])
  expect(taken.find(({ key, writes: units }) => key === request.id && units > 0)?.writes).toBeGreaterThanOrEqual(2)
  const noticed = { ...request, notices: [{ to: 'slack C1', at: new Date(at).toISOString(), sent: true, attempts: 1 }], revision: 1 }
  await counting(() => stores.requests.swap(noticed, null))
  expect([writes(name, 'byState'), writes(name, 'byRequester')]).toEqual([[], []])
  const rejected = nextOf(noticed, 'rejected', at)
  await counting(() => stores.requests.swap(rejected, approvalEventOf(stores, rejected, 'rejection')))
  expect([writes(name, 'byState', 'open'), writes(name, 'byState', 'ended'), writes(name, 'byRequester')]).toEqual([[1], [1], [1]])
  await counting(() => stores.requests.swap(rejected, approvalEventOf(stores, rejected, 'rejection')))   // not stored again, so no index moves
  expect([writes(name, 'byState'), writes(name, 'byRequester')]).toEqual([[], []])
})

test('what all agents meet at is counted together, and what is of one of them is not', () => {
  const kind = (uses: readonly Use[]): Kind => ({ uses, calls: 1, target: 0, cpuMs: 1, invoked: 1, states: 0, events: 1, bytes: 1024 })
  const of = (index: string | null, key: string): Use => ({ table: tables.requests.name, index, key, writes: 1, reads: 0 })
  const look = { readsPerEvent: 1, readsPerKilobyte: 1, perSecond: 1 }
  const played = play({
    kinds: { [asking]: kind([of('byState', 'open'), of('byRequester', 'x'), of(null, 'arq_x'), { table: tables.audit.name, index: null, key: '2026-11-22#a', writes: 2, reads: 0 }]), [ending]: kind([of('byState', 'open'), of('byState', 'ended')]) },
    log: { batch: 1000, perEvent: [], perCommit: [], s3: {}, entries: 1000, perSecond: 30, cpuMsEach: 0, distantPerSecond: 20, twoPerSecond: 10, quarterPerSecond: 5, looks: { first: look, second: look, sweeper: look } }, readsPerWaiting: 0, pointer: 1,
  }, { agents: 100, each: 1, seconds: 2, decideSeconds: 600, timeMs: () => 10, shares: { [asking]: 1 } })
  expect(Object.fromEntries([...played.keys].map(([sort, units]) => [sort.replace(/^sluice-/, ''), units.writes]))).toMatchObject({ 'requests byState, `open`': 100, 'requests byRequester, a requester': 1, 'requests, an item of one request or event': 1 })
  const record = played.keys.get('sluice-audit, one of the day\'s 16')?.writes ?? NaN
  expect(record).toBeGreaterThan(2 * 100 / 16)
  expect(record).toBeLessThan(2 * 40)
  expect([played.waiting, played.unsequenced, played.processes]).toEqual([200, 180, 1])
})

test('the page says what was measured of an approval\'s end, of a host, of the index of states and of the log', () => {
  const page = readFileSync(new URL('../../docs/scale.md', import.meta.url), 'utf8')
  const [, printed = ''] = page.split(/<!-- (?:node bench\/scale\.ts|end) -->\n/)
  for (const row of [asking, ending, 'a command on a host', 'sluice-requests byState, `open`', 'sluice-log, `head`', 'a look of the sweeper']) expect(printed).toContain(`\n| ${row} | `)
})
