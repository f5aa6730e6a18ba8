import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { createObjects } from '../../functions/aws/objects.ts'
import { adapters, bucketParts, bucketUsers, type Adapter } from '../../infra/grants.ts'
import { startBucket, type Stub } from '../aws/bucket.ts'
import { credentials } from '../contract/rig.ts'

/** Which files of functions/aws are which adapter. A file that speaks to DynamoDB and is none of these fails the last test. */
const files: Readonly<Record<Exclude<Adapter, 'standing' | 'append' | 'erasure' | 'logReader' | 'heard'>, readonly string[]>> = {
  policies: ['policies.ts'], beat: ['beat.ts'], ledger: ['ledger.ts', 'list.ts', 'scan.ts', 'entry.ts', 'transact.ts', 'fate.ts'], unsettled: ['unsettled.ts', 'scan.ts'], idempotency: ['idempotency.ts'], meter: ['meter.ts'], cuts: ['cuts.ts'],
  requests: ['requests.ts', 'requestlist.ts', 'results.ts', 'transact.ts'], workflow: ['workflow.ts'], sockets: ['sockets.ts'], content: ['keys.ts'], logWriter: ['logstore.ts'],
}
/** Adapters that are parts of one file, by what they leave to others. */
const parts: Readonly<Partial<Record<Adapter, readonly Adapter[]>>> = { policies: ['standing'], ledger: ['append'], content: ['erasure'], logWriter: ['logReader'], cuts: ['heard'] }
const folder = join(import.meta.dirname, '../../functions/aws')
const operations = /'(GetItem|PutItem|UpdateItem|DeleteItem|Query|BatchGetItem|Scan|BatchWriteItem|TransactGetItems)'/g
const inTransactions = /\{ (Put|Update|Delete|ConditionCheck): /g
const actionOf = { Put: 'PutItem', Update: 'UpdateItem', Delete: 'DeleteItem', ConditionCheck: 'ConditionCheckItem' } as const

const sent = (names: readonly string[]): readonly string[] => [...new Set(names.flatMap((name) => {
  const text = readFileSync(join(folder, name), 'utf8')
  return [...[...text.matchAll(operations)].map((match) => match[1] ?? ''), ...[...text.matchAll(inTransactions)].map((match) => actionOf[match[1] as keyof typeof actionOf])]
}))].sort()

test.each(Object.entries(files))('%s asks for exactly what its role may', (name, of) => {
  const given = [name as Adapter, ...(parts[name as Adapter] ?? [])].flatMap((adapter) => Object.values(adapters[adapter] as Readonly<Record<string, readonly string[]>>).flat())
  expect([...new Set(given)].sort()).toEqual(sent(of))
})

test('no file of functions/aws speaks to DynamoDB and is of no adapter', () => {
  const known = new Set([...Object.values(files).flat(), 'tables.ts', 'sdk.ts', 'signed.ts', 'dynamo.ts', 'prefix.ts'])      // tables are made by infra/, the rest carries
  const others = readdirSync(folder).filter((name) => name.endsWith('.ts') && !known.has(name) && sent([name]).length > 0)
  expect(others).toEqual([])
})

describe('the log\'s bucket', () => {
  /** What S3 demands for an operation as the adapter sends it: "Required permissions" of each operation's page in the API reference. Without ListBucket a missing key is 403; with versionId another action reads and deletes; locks and tags in the headers of a PUT are permissions of their own. */
  const demands: Readonly<Record<string, readonly string[]>> = {
    GetObject: ['GetObject', 'GetObjectVersion', 'ListBucket'], HeadObject: ['GetObject', 'GetObjectVersion', 'GetObjectRetention', 'ListBucket'], ListObjectVersions: ['ListBucketVersions'], PutObject: ['PutObject', 'PutObjectRetention', 'PutObjectTagging'],
    PutObjectRetention: ['PutObjectRetention'], DeleteObjectVersion: ['DeleteObjectVersion'],
  }
  test('every action that a part of its adapter needs is some role\'s, and no other', () => {
    const text = readFileSync(join(folder, 'objects.ts'), 'utf8')
    const operations = [...new Set([...text.matchAll(/(?:ask|seen)\('(\w+)'/g)].map((match) => match[1] ?? ''))]
    expect(operations.sort()).toEqual(Object.keys(demands).sort())
    const given = Object.values(bucketParts).flat().flatMap(({ actions }) => [...actions])
    expect([...new Set<string>(given)].sort()).toEqual([...new Set(operations.flatMap((operation) => demands[operation] ?? []))].sort())
  })

  const may = (name: keyof typeof bucketUsers) => (action: string, key: string): boolean => bucketUsers[name].some((part) => bucketParts[part].some(({ below, actions }) =>
    ([...actions] as string[]).includes(action) && (below === null ? key === '' : key !== '' && new RegExp(`^${below.replaceAll('.', '\\.').replaceAll('*', '.*')}$`).test(key))))
  const as = async (name: keyof typeof bucketUsers, run: (objects: ReturnType<typeof createObjects>, bucket: Stub) => Promise<void>) => {
    const bucket = await startBucket(credentials)
    const objects = createObjects({ region: 'eu-west-1', endpoint: bucket.url, credentials, now: Date.now, mode: 'COMPLIANCE', until: async () => Date.now() + 86_400_000 })
    for (const path of ['tile/0/000', 'tile/entries/000', 'tile/entries/000.p/7']) await objects.create(path, Buffer.from(path))
    bucket.may = may(name)
    try {
      await run(objects, bucket)
    } finally {
      objects.close()
      await bucket.close()
    }
  }
  const refused = { code: 'store-unavailable' }

  test('Http reads, knows what is missing, and changes nothing', () => as('Http', async (objects, bucket) => {
    expect(Buffer.from((await objects.get('tile/0/000'))!).toString()).toBe('tile/0/000')
    expect(await objects.get('tile/0/001')).toBeNull()
    expect(await objects.after('tile/', '', 10)).toHaveLength(3)
    bucket.objects.get('tile/0/000')!.push({ id: 'x', bytes: null, made: 0, tags: '', lock: null })
    expect(await objects.get('tile/0/000')).not.toBeNull()
    await expect(objects.create('tile/0/002', Buffer.of(1))).rejects.toMatchObject(refused)
    bucket.now = () => Date.now() + 7 * 86_400_000
    await expect(objects.prune('tile/entries/000', Date.now() + 60_000)).rejects.toMatchObject(refused)
  }))
  test('the sequencer writes, locks and lengthens, and deletes nothing', () => as('Sequencer', async (objects, bucket) => {
    for (const path of ['tile/1/000', 'staging/1-a', 'checkpoints/000/000/000/000/000/001']) expect(await objects.create(path, Buffer.from(path))).toBe('created')
    expect(await objects.create('tile/1/000', Buffer.from('tile/1/000'))).toBe('same')
    await objects.locks?.lengthen?.('tile/1/000', Date.now() + 9 * 86_400_000)
    for (const path of ['tile/0/001.p/3', 'tile/entries/x001/000.p/9']) expect(await objects.create(path, Buffer.from(path))).toBe('created')
    for (const path of ['begun', 'checkpoints/000/000/000/000/000/001', 'tile/0/000', 'tile/entries/000', 'tile/entries/x001/000', 'tile/1/000.p/3']) expect(may('Sequencer')('PutObjectTagging', path), path).toBe(false)
    bucket.now = () => Date.now() + 7 * 86_400_000
    await expect(objects.prune('tile/entries/000', Date.now() + 60_000)).rejects.toMatchObject(refused)
    expect([...bucket.objects.keys()]).toContain('tile/entries/000')
  }))
  test('the sweeper removes bundles of entries when their lock is over, and neither writes nor lengthens', () => as('Sweeper', async (objects, bucket) => {
    await expect(objects.create('tile/0/002', Buffer.of(1))).rejects.toMatchObject(refused)
    await expect(objects.locks?.lengthen?.('tile/entries/000', Date.now() + 9 * 86_400_000)).rejects.toMatchObject(refused)
    await expect(objects.prune('tile/entries/000', Date.now() + 60_000)).rejects.toMatchObject(refused)
    expect(bucket.objects.has('tile/entries/000')).toBe(true)
    bucket.now = () => Date.now() + 7 * 86_400_000
    await objects.prune('tile/entries/000', Date.now() + 60_000)
    expect([...bucket.objects.keys()]).toEqual(['tile/0/000'])
  }))
})
