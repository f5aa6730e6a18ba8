import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createObjects as createBucket } from '../../functions/aws/objects.ts'
import { createObjects } from '../../functions/local/objects.ts'
import type { LogRows, Objects } from '../../functions/ports.ts'
import { publishing } from '../../functions/publish.ts'
import { checkpointPath } from '../../functions/record/log/checkpoint.ts'
import { startBucket, type Stub } from '../aws/bucket.ts'
import { createMemoryLog } from '../support/log.ts'
import { readVersions } from '../../functions/aws/versions.ts'
import { credentials } from './rig.ts'

interface Rig { readonly objects: Objects; /** Another process. */ other(): Objects; /** Locks are over. */ readonly unlock?: () => void; close(): Promise<void> | void }
const dayMs = 86_400_000
const bytes = (text: string) => new TextEncoder().encode(text)

function objectsContract(name: string, forgets: boolean, create: () => Promise<Rig>): void {
  describe(`objects by ${name}`, () => {
    let rig: Rig
    beforeEach(async () => { rig = await create() })
    afterEach(() => rig.close())

    test('what was created is there for everybody, byte by byte; what was not is null', async () => {
      const all = Uint8Array.from({ length: 70_000 }, (_, i) => i % 256)
      expect(await rig.objects.create('tile/entries/x001/000.p/7', all)).toBe('created')
      expect(Buffer.compare((await rig.other().get('tile/entries/x001/000.p/7'))!, all)).toBe(0)
      for (const path of ['tile/entries/x001/000', 'tile/entries/x001/000.p/8', 'tile', 'nothing']) expect(await rig.objects.get(path)).toBeNull()
      expect(await rig.objects.create('tile/entries/x001/000', new Uint8Array())).toBe('created')
      expect((await rig.objects.get('tile/entries/x001/000'))?.length).toBe(0)
    })

    test('written once: the same again is the same, anything else is refused and changes nothing', async () => {
      expect(await rig.objects.create('tile/0/000', bytes('one'))).toBe('created')
      expect(await rig.other().create('tile/0/000', bytes('one'))).toBe('same')
      for (const other of ['two', 'on', 'onee', '']) await expect(rig.objects.create('tile/0/000', bytes(other))).rejects.toMatchObject({ code: 'internal' })
      expect(Buffer.from((await rig.objects.get('tile/0/000'))!).toString()).toBe('one')
    })

    test('of many that write one path at once, one content is there, and nobody is told otherwise', async () => {
      const answers = await Promise.allSettled(Array.from({ length: 24 }, (_, i) => (i % 2 === 0 ? rig.objects : rig.other()).create('tile/1/000', bytes(`${i % 3}`))))
      const there = Buffer.from((await rig.objects.get('tile/1/000'))!).toString()
      for (const [i, answer] of answers.entries()) expect(answer.status === 'fulfilled', `writer ${i}`).toBe(`${i % 3}` === there)
      expect(answers.filter((answer) => answer.status === 'fulfilled' && answer.value === 'created')).toHaveLength(1)
    })

    test('only what is superfluous can be let go of', async () => {
      await rig.objects.create('tile/0/000', bytes('full'))
      await rig.objects.create('tile/0/000.p/5', bytes('part'))
      await rig.objects.create('staging/1-a', bytes('staged'))
      for (const path of ['tile/0/000', 'tile/0/', 'tile/', 'staging/', '', 'tile/0/000.p/5', 'staging/../tile/0/000', 'tile/0/../../x.p/']) await expect(rig.objects.forget(path), path).rejects.toMatchObject({ code: 'internal' })
      await rig.objects.forget('tile/0/000.p/')
      await rig.objects.forget('tile/0/000.p/')
      await rig.objects.forget('staging/1-a')
      expect(await rig.objects.get('tile/0/000')).not.toBeNull()
      if (forgets) for (const path of ['tile/0/000.p/5', 'staging/1-a']) expect(await rig.objects.get(path)).toBeNull()
      await rig.objects.create('tile/0/000.p/5', bytes('part'))
      expect(await rig.objects.get('tile/0/000.p/5')).not.toBeNull()
    })

    test('what comes after a path, in the order of bytes, of one folder alone, as far as is asked for', async () => {
      const paths = ['tile/0/000', 'tile/0/000.p/1', 'tile/0/000.p/10', 'tile/0/000.p/9', 'tile/0/001', 'tile/0/x001/000', 'tile/1/000', 'tile/entries/000', 'tile/entries/x001/000.p/3']
      const heads = [1, 9, 10, 999, 1000, 1_000_000, 2 ** 53 - 1].map(checkpointPath)
      expect(await rig.objects.after('tile/', '', 10)).toEqual([])
      for (const path of [...paths.toReversed(), ...heads.toReversed(), 'begun', 'staging/1-a']) await rig.objects.create(path, bytes(path))
      expect(await rig.other().after('tile/', '', 1000)).toEqual(paths)
      expect(await rig.objects.after('checkpoints/', '', 1000)).toEqual(heads)
      for (const [at, path] of paths.entries()) expect(await rig.objects.after('tile/', path, 3), path).toEqual(paths.slice(at + 1, at + 4))
      for (const [at, path] of heads.entries()) expect(await rig.objects.after('checkpoints/', path, 1), path).toEqual(heads.slice(at + 1, at + 2))
      expect(await rig.objects.after('checkpoints/', checkpointPath(500), 1)).toEqual([checkpointPath(999)])
      expect(await rig.objects.after('tile/', 'tile/0/000.p/2', 1)).toEqual(['tile/0/000.p/9'])
    })

    test('of what is for ever only a full bundle of entries can be removed, and its partial tiles with it', async () => {
      const { prune } = rig.objects
      for (const path of ['tile/entries/000', 'tile/entries/x001/234', 'tile/entries/001.p/7', 'tile/0/000', 'tile/1/000', 'staging/1-a', 'begun']) await rig.objects.create(path, bytes(path))
      await rig.objects.create('tile/entries/000.p/9', bytes('nine'))
      const later = Date.now() + 60_000
      rig.unlock?.()
      for (const path of ['tile/entries/001.p/7', 'tile/entries/001.p/', 'tile/0/000', 'tile/1/000', 'staging/1-a', 'begun', 'tile/entries/', 'tile/entries', '', 'tile/entries/../0/000', 'tile/entries/00']) await expect(prune(path, later), path).rejects.toMatchObject({ code: 'internal' })
      await prune('tile/entries/000', later)
      await prune('tile/entries/000', later)
      await prune('tile/entries/x001/234', later)
      await prune('tile/entries/777', later)
      for (const path of ['tile/entries/000', 'tile/entries/000.p/9', 'tile/entries/x001/234']) expect(await rig.other().get(path), path).toBeNull()
      for (const path of ['tile/entries/001.p/7', 'tile/0/000', 'tile/1/000', 'staging/1-a', 'begun']) expect(await rig.objects.get(path)).not.toBeNull()
      await rig.objects.create('tile/entries/002', bytes('young'))
      if (name !== 'memory') await expect(prune('tile/entries/002', Date.now() - 60_000)).rejects.toMatchObject({ code: 'internal' })
    })

    if (name !== 'memory') {
      test('a path that is none of the log is neither read nor written', async () => {
        for (const path of ['../x', 'tile/../../x', '/etc/passwd', 'a//b', 'a/./b', 'A', 'a b', 'a\0', '', 'a'.repeat(300), 'tile/0/..', '.hidden', 'a?b', 'a%2fb']) {
          await expect(rig.objects.create(path, bytes('x')), path).rejects.toMatchObject({ code: 'internal' })
          await expect(Promise.resolve().then(() => rig.objects.get(path)), path).rejects.toMatchObject({ code: 'internal' })
        }
      })
    }
  })
}

objectsContract('memory', true, async () => { const { log } = createMemoryLog(); return { objects: log.objects, other: () => log.objects, close: () => {} } })
objectsContract('disk', true, async () => {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-objects-'))
  return { objects: createObjects(directory), other: () => createObjects(directory), close: () => rmSync(directory, { recursive: true, force: true }) }
})
objectsContract('S3', false, async () => {
  const bucket = await startBucket(credentials)
  const opened: { close(): void }[] = []
  const open = () => { const objects = createBucket({ region: 'eu-west-1', endpoint: bucket.url, credentials, now: Date.now, mode: 'COMPLIANCE', until: async () => bucket.now() + 365 * dayMs }); opened.push(objects); return objects }
  return { objects: open(), other: open, unlock: () => { bucket.now = () => Date.now() + 366 * dayMs }, close: () => { for (const one of opened) one.close(); return bucket.close() } }
})

describe('objects on disk', () => {
  test('are read-only files that appear under their name whole, and leave no drafts', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'sluice-objects-'))
    const objects = createObjects(directory)
    await objects.create('tile/0/000', bytes('one'))
    await objects.create('tile/0/000', bytes('one'))
    await objects.create('tile/0/000', bytes('two')).catch(() => {})
    expect(statSync(join(directory, 'tile/0/000')).mode & 0o777).toBe(0o400)
    expect(readdirSync(directory)).toEqual(['tile'])
    rmSync(directory, { recursive: true })
  })

  test('killed while it writes: whole or not there', () => {
    const directory = mkdtempSync(join(tmpdir(), 'sluice-objects-'))
    const code = `const { createObjects } = await import(${JSON.stringify(join(import.meta.dirname, '../../functions/local/objects.ts'))})
      const objects = createObjects(${JSON.stringify(directory)}); let n = 0
      for (;;) { await objects.create('tile/0/' + String(n++), new Uint8Array(200_000).fill(n)) }`
    const written = () => existsSync(join(directory, 'tile/0')) ? readdirSync(join(directory, 'tile/0')).length : 0
    for (let i = 0; i < 4 || (written() === 0 && i < 40); i++) spawnSync(process.execPath, ['--input-type=module', '-e', code.replace('let n = 0', `let n = ${i * 10_000}`)], { timeout: 250 + i * 60, killSignal: 'SIGKILL' })
    const made = existsSync(join(directory, 'tile/0')) ? readdirSync(join(directory, 'tile/0')) : []
    expect(made.length).toBeGreaterThan(0)
    for (const name of made) expect(statSync(join(directory, 'tile/0', name)).size).toBe(200_000)
    rmSync(directory, { recursive: true })
  })

})

describe('objects in S3', () => {
  const start = Date.parse('2026-11-22T09:00:00.000Z')
  let bucket: Stub
  let objects: ReturnType<typeof createBucket>
  let clock: number
  const open = (mode: 'COMPLIANCE' | 'GOVERNANCE' = 'COMPLIANCE') => createBucket({ region: 'eu-west-1', endpoint: bucket.url, credentials, now: () => clock, mode, until: async (path) => clock + (path.startsWith('tile/entries/') ? 30 : 365) * dayMs })
  beforeEach(async () => {
    bucket = await startBucket(credentials)
    clock = start
    bucket.now = () => clock
    objects = open()
  })
  afterEach(async () => { objects.close(); await bucket.close() })
  const textOf = async (path: string) => Buffer.from((await objects.get(path)) ?? []).toString()
  const hide = (path: string) => { bucket.objects.get(path)?.push({ id: 'hidden', bytes: null, made: clock, tags: '', lock: null }) }

  test('are written under a condition and a lock; what is superseded later, under a tag', async () => {
    await objects.create('tile/0/000', bytes('one'))
    expect(bucket.requests[0]).toMatchObject({
      method: 'PUT', path: '/tile/0/000', headers: {
        'if-none-match': '*', 'x-amz-object-lock-mode': 'COMPLIANCE', 'x-amz-object-lock-retain-until-date': '2027-11-22T09:00:00.000Z', 'x-amz-checksum-sha256': 'dpLDrTVAu4A8Ags67mbNiIcSMjTqDG5xQ8Ct1z/0Me0=', 'x-amz-security-token': credentials.sessionToken,
      },
    })
    expect(String(bucket.requests[0]?.headers.authorization)).toMatch(/^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/20261122\/eu-west-1\/s3\/aws4_request, SignedHeaders=content-type;host;if-none-match;x-amz-checksum-sha256;x-amz-content-sha256;x-amz-date;x-amz-object-lock-mode;x-amz-object-lock-retain-until-date;x-amz-security-token, Signature=[0-9a-f]{64}$/)
    for (const path of ['tile/0/001.p/3', 'tile/entries/001.p/3', 'staging/1-ab']) {
      await objects.create(path, bytes('x'))
      expect(bucket.requests.at(-1)?.headers).toMatchObject({ 'x-amz-tagging': 'sluice=passing' })
      expect(bucket.requests.at(-1)?.headers['x-amz-object-lock-mode']).toBeUndefined()
    }
  })

  test('partial tiles above the lowest level, which a slow log needs for years, and checkpoints are not for the lifecycle rule to take', async () => {
    for (const path of ['tile/1/000.p/3', 'tile/2/000.p/1', checkpointPath(7), 'begun', 'tile/entries/000']) {
      await objects.create(path, bytes('x'))
      expect(bucket.objects.get(path)?.[0], path).toMatchObject({ tags: '', lock: { mode: 'COMPLIANCE', until: start + (path.startsWith('tile/entries/') ? 30 : 365) * dayMs } })
    }
  })

  test('in a stage that says governance, the lock is governance, and nothing lengthens it', async () => {
    const other = open('GOVERNANCE')
    await other.create('tile/0/000', bytes('one'))
    expect(bucket.objects.get('tile/0/000')?.[0]?.lock?.mode).toBe('GOVERNANCE')
    expect(other.locks?.lengthen).toBeUndefined()
    other.close()
  })

  test('failed and not stored, failed but stored, met another writer: tried again, and right', async () => {
    for (const [n, fail] of (['before', 'after', 'conflict'] as const).entries()) {
      bucket.fail = fail
      expect(await objects.create(`tile/0/00${n}`, bytes('one'))).toBe(fail === 'after' ? 'same' : 'created')
    }
  })

  test('nothing superfluous is deleted by this function', async () => {
    await objects.forget('tile/0/000.p/')
    expect(bucket.requests).toEqual([])
  })

  test('a lock is lengthened, never shortened, and what became of it is told', async () => {
    await objects.create('tile/entries/000', bytes('one'))
    expect(await objects.locks?.read('tile/entries/000')).toMatchObject({ made: start, until: start + 30 * dayMs })
    bucket.fail = 'after'
    await objects.locks?.lengthen?.('tile/entries/000', start + 90 * dayMs)
    expect(await objects.locks?.read('tile/entries/000')).toMatchObject({ until: start + 90 * dayMs })
    const { length } = bucket.requests
    await objects.locks?.lengthen?.('tile/entries/000', start + 40 * dayMs)
    expect(bucket.requests.slice(length).map(({ method }) => method)).toEqual(['HEAD'])
    expect(bucket.objects.get('tile/entries/000')).toHaveLength(1)
    expect(await objects.locks?.read('tile/entries/001')).toBeNull()
    await objects.locks?.lengthen?.('tile/entries/001', start + 90 * dayMs)
    expect(bucket.objects.has('tile/entries/001')).toBe(false)
  })

  test('a role that is not shown locks is told nothing, rather than that there is none', async () => {
    await objects.create('tile/entries/000', bytes('one'))
    bucket.may = (action) => action !== 'GetObjectRetention'
    await expect(objects.locks?.read('tile/entries/000')).rejects.toMatchObject({ code: 'store-unavailable' })
  })

  test('without the permission to list, what is missing is no answer: it is not taken for missing', async () => {
    bucket.may = (action) => action !== 'ListBucket'
    await expect(objects.get('tile/0/000')).rejects.toMatchObject({ code: 'store-unavailable' })
  })

  test('a bundle that is locked is not removed; afterwards every version of it goes, partial tiles and markers too, one that is gone meanwhile is no failure, and no marker is made', async () => {
    await objects.create('tile/entries/000', bytes('one'))
    await objects.create('tile/entries/000.p/255', bytes('on'))
    await objects.create('tile/entries/001', bytes('two'))
    clock += 20 * dayMs
    await expect(objects.prune('tile/entries/000', clock)).rejects.toMatchObject({ code: 'store-unavailable' })
    expect(await textOf('tile/entries/000')).toBe('one')
    clock += 11 * dayMs
    hide('tile/entries/000')
    await expect(objects.prune('tile/entries/000', start)).rejects.toMatchObject({ code: 'internal' })
    bucket.fail = 'after'
    await objects.prune('tile/entries/000', clock)
    expect([...bucket.objects.keys()]).toEqual(['tile/entries/001'])
    for (const { method, path } of bucket.requests) if (method === 'DELETE') expect(path).toMatch(/\?versionId=/)
    await objects.prune('tile/entries/000', clock)
    expect(await objects.get('tile/entries/000')).toBeNull()
  })

  test('a delete marker hides nothing from a reader, and of two versions behind one the first written is the object', async () => {
    for (const path of ['tile/0/000', checkpointPath(3)]) await objects.create(path, bytes('the first'))
    for (const path of ['tile/0/000', checkpointPath(3)]) hide(path)
    expect(await textOf('tile/0/000')).toBe('the first')
    expect(await objects.after('checkpoints/', '', 1)).toEqual([checkpointPath(3)])
    expect(await objects.locks?.read('tile/0/000')).toMatchObject({ made: start })
    bucket.objects.get('tile/0/000')?.push({ id: 'later', bytes: Buffer.from('another'), made: clock, tags: '', lock: null }, { id: 'hidden2', bytes: null, made: clock, tags: '', lock: null })
    expect(await textOf('tile/0/000')).toBe('the first')
    bucket.objects.set('tile/0/001', [{ id: 'alone', bytes: null, made: clock, tags: '', lock: null }])
    expect(await objects.get('tile/0/001')).toBeNull()
    expect(await objects.after('tile/', 'tile/0/000', 5)).toEqual([])
  })

  test('behind a delete marker a name is free again, and still no other checkpoint is published under it', async () => {
    const rows = { hint: async () => {}, hinted: async () => null } as unknown as LogRows
    const note = (byte: number) => `sluice.test/log\n3\n${Buffer.alloc(32, byte).toString('base64')}\n\n— sluice.test/log AAAAAAAA\n`
    await publishing(objects, rows).publish({ size: 3, checkpoint: note(1) })
    hide(checkpointPath(3))
    await expect(publishing(objects, rows).publish({ size: 3, checkpoint: note(2) })).rejects.toMatchObject({ code: 'internal' })
    expect(await publishing(objects, rows).published()).toEqual({ size: 3, checkpoint: note(1) })
    expect(bucket.objects.get(checkpointPath(3))).toHaveLength(2)
    // Whoever has the role, and not the code: behind the marker S3 takes it, and nobody is shown it.
    expect(await objects.create(checkpointPath(3), bytes(note(2)))).toBe('created')
    expect(await publishing(objects, rows).published()).toEqual({ size: 3, checkpoint: note(1) })
    expect(await publishing(objects, { ...rows, hinted: async () => 3 }).published()).toEqual({ size: 3, checkpoint: note(1) })
  })

  test('a list goes over many pages, versions and markers, and what is half a list is none', async () => {
    for (let size = 1; size <= 7; size++) await objects.create(checkpointPath(size), bytes(`${size}`))
    for (const size of [2, 3, 4]) { hide(checkpointPath(size)); bucket.objects.get(checkpointPath(size))?.push({ id: `x${size}`, bytes: Buffer.of(), made: clock, tags: '', lock: null }) }
    bucket.objects.set(checkpointPath(5), [{ id: 'gone', bytes: null, made: clock, tags: '', lock: null }])
    expect(await objects.after('checkpoints/', checkpointPath(1), 1)).toEqual([checkpointPath(2)])
    expect(await objects.after('checkpoints/', checkpointPath(1), 4)).toEqual([2, 3, 4, 6].map(checkpointPath))
    expect(() => readVersions('<ListVersionsResult><IsTruncated>false</IsTruncated><Version><Key>a</Key>')).toThrow('no list')
    expect(() => readVersions('<ListVersionsResult><IsTruncated>true</IsTruncated></ListVersionsResult>')).toThrow('NextKeyMarker')
    expect(() => readVersions('<ListVersionsResult><Version><Key>a</Key></Version><IsTruncated>false</IsTruncated></ListVersionsResult>')).toThrow('VersionId')
  })
})

describe('the stub does as S3 is documented to', () => {
  test('it takes no request that S3 would not: a lock by halves, in the past or without a checksum, a changed body, a wrong signature', async () => {
    const bucket = await startBucket(credentials)
    const send = (headers: Record<string, string>, body = 'x', path = '/tile/0/000') => fetch(`${bucket.url}${path}`, { method: 'PUT', headers: { authorization: 'AWS4-HMAC-SHA256 Credential=A/20261122/eu-west-1/s3/aws4_request, SignedHeaders=host, Signature=00', ...headers }, body }).then(({ status }) => status)
    expect(await send({})).toBe(403)
    const objects = createBucket({ region: 'eu-west-1', endpoint: bucket.url, credentials: { ...credentials, secretAccessKey: 'another' }, now: Date.now, mode: 'COMPLIANCE', until: async () => Date.now() + dayMs })
    await expect(objects.get('tile/0/000')).rejects.toMatchObject({ code: 'store-unavailable' })
    objects.close()
    const past = createBucket({ region: 'eu-west-1', endpoint: bucket.url, credentials, now: Date.now, mode: 'COMPLIANCE', until: async () => Date.now() - dayMs })
    await expect(past.create('tile/0/000', bytes('x'))).rejects.toMatchObject({ code: 'internal' })
    past.close()
    expect(bucket.objects.size).toBe(0)
    await bucket.close()
  })
})
