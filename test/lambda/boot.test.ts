import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { itemOf } from '../../functions/aws/event.ts'
import type { createStores } from '../../functions/aws/ports.ts'
import { signedDynamo } from '../../functions/aws/signed.ts'
import { sealing } from '../../functions/record/content.ts'
import { checkpointPath } from '../../functions/record/log/checkpoint.ts'
import type { Event } from '../../schema/event.ts'
import { outcomeId } from '../../schema/item.ts'
import { bundle } from '../../infra/bundle.ts'
import type { Stub } from '../aws/bucket.ts'
import { intentEvent } from '../contract/ledger.ts'
import { credentials } from '../local/machine.ts'
import { type Runtime, startRuntime, urlEvent } from './runtime.ts'
import { startServices } from './services.ts'

/**
 * Bundles that would be deployed, each under a small Lambda Runtime API with the events that it would be sent, against local DynamoDB and stubs of S3, KMS and Secrets Manager. HTTP's, the approval's, the sockets' and that of a
 * private network have files of their own.
 */
const directory = mkdtempSync(join(tmpdir(), 'sluice-boot-'))
let around: Awaited<ReturnType<typeof startServices>>
let bucket: Stub
let stores: ReturnType<typeof createStores>
let env: Record<string, string>
let asked: string[]
const runtimes: Runtime[] = []

beforeAll(async () => {
  around = await startServices(directory)
  ;({ bucket, stores, env, asked } = around)
}, 60_000)
afterAll(async () => {
  for (const runtime of runtimes) await runtime.stop()
  await around?.stop()
  rmSync(directory, { recursive: true, force: true })
})

/** A process as Lambda keeps one warm: loaded once, one event after the other. */
async function boot(name: Parameters<typeof bundle>[0], more: Readonly<Record<string, string>> = {}) {
  const runtime = await startRuntime((await bundle(name, directory)).file, { ...env, ...more })
  runtimes.push(runtime)
  return (event: unknown) => runtime.call(event)
}

describe('the sequencer', () => {
  test('puts into the log what its stream tells of, once however often it is told, and what no stream told of at its schedule', async () => {
    const invoke = await boot('sequencer')
    const event = (): Event => ({ id: stores.id('evt'), at: new Date().toISOString(), evaluation: stores.id('eval'), session: null, who: null, connection: null, policy: null, kind: 'start', change: { weakness: 'none' } })
    const [told, silent] = [event(), event()]
    await stores.ledger.append(told)
    const batch = { Records: [{ eventSource: 'aws:dynamodb', eventName: 'INSERT', dynamodb: { NewImage: itemOf(told, JSON.stringify(told)) } }] }
    await invoke(batch)                                               // a process that comes up looks through the record itself
    await stores.ledger.append(silent)
    await invoke(batch)
    expect([...(await stores.logStore.where([told.id, silent.id])).keys()]).toEqual([told.id])
    await invoke({ source: 'schedule' })
    expect([...(await stores.logStore.where([told.id, silent.id])).keys()].sort()).toEqual([told.id, silent.id].sort())
    const [path, [published] = []] = [...bucket.objects].filter(([key]) => key.startsWith('checkpoints/')).toSorted(([a], [b]) => (a < b ? -1 : 1)).at(-1) ?? ['']
    expect(published?.bytes?.toString()).toMatch(/^gate\.sluice\.test\/audit\n\d+\n/)
    expect(published?.lock?.mode).toBe('COMPLIANCE')
    expect(path).toBe(checkpointPath((await stores.logStore.head())?.size ?? 0))
    const locked = bucket.requests.filter(({ method, path }) => method === 'PUT' && path.startsWith('/tile/') && !path.includes('.p/'))
    for (const { headers } of locked) expect(headers['x-amz-object-lock-mode']).toBe('COMPLIANCE')
    expect(bucket.requests.every(({ method }) => method === 'PUT' || method === 'GET')).toBe(true)
  })
})

describe('the sequencer\'s stream', () => {
  test('reordered, repeated within a batch and across two that overlap, in two processes at once: each event has one place in the log', async () => {
    const [one, two] = await Promise.all([boot('sequencer'), boot('sequencer')])
    const events = Array.from({ length: 12 }, (): Event => ({ id: stores.id('evt'), at: new Date().toISOString(), evaluation: stores.id('eval'), session: null, who: null, connection: null, policy: null, kind: 'start', change: { weakness: 'none' } }))
    for (const event of events) await stores.ledger.append(event)
    const record = (event: Event) => ({ eventSource: 'aws:dynamodb', eventName: 'INSERT', dynamodb: { NewImage: itemOf(event, JSON.stringify(event)) } })
    const backwards = events.toReversed()
    await Promise.all([one({ Records: [...backwards, ...events, ...backwards].map(record) }), two({ Records: [...events.slice(6), ...events].map(record) })])
    await Promise.all([one({ Records: events.map(record) }), two({ source: 'schedule' })])
    const places = [...(await stores.logStore.where(events.map(({ id }) => id))).values()]
    expect(places).toHaveLength(events.length)
    expect(new Set(places).size).toBe(events.length)
    const size = (await stores.logStore.head())?.size ?? 0
    await one({ Records: backwards.map(record) })
    expect((await stores.logStore.head())?.size).toBe(size)
  })
})

describe('the sweeper', () => {
  test('does its round where there is nothing to do, and twice', async () => {
    const invoke = await boot('sweeper')
    expect(await invoke({ source: 'schedule' })).toBeUndefined()
    expect(await invoke({ source: 'schedule' })).toBeUndefined()
  })
  test('settles as unknown what a process intended that is gone, once, and leaves what may still be under way', async () => {
    const [gone, fresh] = [intentEvent(stores, { settleBy: new Date(Date.now() - 1000).toISOString() }), intentEvent(stores)]
    for (const event of [gone, fresh]) await sealing(stores, stores.keys, stores.now).ledger.append(event)
    const invoke = await boot('sweeper')
    await invoke({ source: 'schedule' })
    const told = await stores.ledger.get(outcomeId(gone.id))
    expect(told).toMatchObject({ kind: 'outcome', intent: gone.id, status: 'unknown', by: 'sweeper' })
    await invoke({ source: 'schedule' })
    expect([await stores.ledger.get(outcomeId(gone.id)), await stores.ledger.get(outcomeId(fresh.id))]).toEqual([told, null])
  })
})

describe('the sweeper of the first of several regions', () => {
  const regions = { SLUICE_REGIONS: 'eu-central-1=https://gate.sluice.test,us-east-1=https://us.sluice.test' }
  const spoken = async () => {
    const dynamo = signedDynamo({ region: 'eu-central-1', endpoint: env['AWS_ENDPOINT_URL_DYNAMODB'] ?? '', credentials, now: Date.now })
    const { Item: item } = await dynamo('GetItem', { TableName: 'sluice-test-policy', Key: { pk: { S: 'policy' }, sk: { S: 'pointer' } }, ConsistentRead: true })
    dynamo.close()
    return Number(item?.['beat']?.N ?? 0)
  }
  test('tells replicas of the policy each time that they are not old, and one that is alone tells nobody', async () => {
    await (await boot('sweeper'))({ source: 'schedule' })
    expect(await spoken()).toBe(0)
    const before = Date.now()
    await (await boot('sweeper', { ...regions, AWS_REGION: 'eu-central-1', SLUICE_HOME_REGION: 'eu-central-1' }))({ source: 'schedule' })
    expect(await spoken()).toBeGreaterThanOrEqual(before)
  })
  test('does not start where the list does not name its region with its address', async () => {
    await expect(boot('sweeper', { ...regions, AWS_REGION: 'us-east-1', SLUICE_HOME_REGION: 'us-east-1' })).rejects.toThrow('SLUICE_REGIONS')
  })
})

describe('the approvers\' pages', () => {
  test('ask who somebody is, behind the edge alone, and never for a target\'s credential', async () => {
    asked.length = 0
    const invoke = await boot('people', { SLUICE_EDGE_KEY: 'k'.repeat(44) })
    const get = (path: string, headers: Readonly<Record<string, string>>) => invoke({ ...(urlEvent('GET', path, { headers: { host: 'console.gate.sluice.test', ...headers } }) as object), cookies: [] }) as Promise<{ statusCode: number; headers: Record<string, string>; body: string }>
    expect((await get('/requests', {})).statusCode).toBe(403)
    const page = await get('/requests', { 'x-sluice-edge': 'k'.repeat(44) })
    expect(page.statusCode).toBe(401)
    expect(page.headers['content-type']).toContain('text/html')
    expect(asked).toEqual(['secretsmanager.GetSecretValue sluice-test/sluice-console-key'])
  })
})

test.each(['websocket', 'approval', 'sequencer', 'sweeper'] as const)('%s comes up without undici, which it has no use for', async (name) => {
  const { file } = await bundle(name, directory)
  const loads = `await import(${JSON.stringify(file)}); console.log(process.moduleLoadList.filter((module) => module.includes('undici')).length); process.exit(0)`
  expect((await promisify(execFile)(process.execPath, ['--input-type=module', '-e', loads], { env })).stdout.trim()).toBe('0')
})
