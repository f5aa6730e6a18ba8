import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createObjects as createBucket } from '../../functions/aws/objects.ts'
import { createObjects } from '../../functions/local/objects.ts'
import type { Objects } from '../../functions/ports.ts'
import { startBucket, type Stub } from '../aws/bucket.ts'
import { createMemoryLog } from '../support/log.ts'
import { credentials } from './rig.ts'

interface Rig { readonly objects: Objects; /** Another process. */ other(): Objects; close(): Promise<void> | void }
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

    test('of what is for ever only a full bundle of entries can be removed, where the store removes at all', async () => {
      const { prune } = rig.objects
      if (prune === undefined) return
      for (const path of ['tile/entries/000', 'tile/entries/x001/234', 'tile/entries/001.p/7', 'tile/0/000', 'tile/1/000', 'staging/1-a', 'begun']) await rig.objects.create(path, bytes(path))
      const later = Date.now() + 60_000
      for (const path of ['tile/entries/001.p/7', 'tile/entries/001.p/', 'tile/0/000', 'tile/1/000', 'staging/1-a', 'begun', 'tile/entries/', 'tile/entries', '', 'tile/entries/../0/000', 'tile/entries/00']) await expect(prune(path, later), path).rejects.toMatchObject({ code: 'internal' })
      await prune('tile/entries/000', later)
      await prune('tile/entries/000', later)
      await prune('tile/entries/x001/234', later)
      await prune('tile/entries/777', later)
      for (const path of ['tile/entries/000', 'tile/entries/x001/234']) expect(await rig.other().get(path)).toBeNull()
      for (const path of ['tile/entries/001.p/7', 'tile/0/000', 'tile/1/000', 'staging/1-a', 'begun']) expect(await rig.objects.get(path)).not.toBeNull()
      await rig.objects.create('tile/entries/002', bytes('young'))
      if (name === 'disk') await expect(prune('tile/entries/002', Date.now() - 60_000)).rejects.toMatchObject({ code: 'internal' })
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
  const bucket = await startBucket()
  const opened: { close(): void }[] = []
  const open = () => { const objects = createBucket({ region: 'eu-west-1', endpoint: bucket.url, credentials, now: Date.now, retainDays: 365 }); opened.push(objects); return objects }
  return { objects: open(), other: open, close: () => { for (const one of opened) one.close(); return bucket.close() } }
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
    for (let i = 0; i < 4; i++) spawnSync(process.execPath, ['--input-type=module', '-e', code.replace('let n = 0', `let n = ${i * 10_000}`)], { timeout: 250 + i * 40, killSignal: 'SIGKILL' })
    const made = existsSync(join(directory, 'tile/0')) ? readdirSync(join(directory, 'tile/0')) : []
    expect(made.length).toBeGreaterThan(0)
    for (const name of made) expect(statSync(join(directory, 'tile/0', name)).size).toBe(200_000)
    rmSync(directory, { recursive: true })
  })

})

describe('objects in S3', () => {
  let bucket: Stub
  let objects: ReturnType<typeof createBucket>
  beforeEach(async () => { bucket = await startBucket(); objects = createBucket({ region: 'eu-west-1', endpoint: bucket.url, credentials, now: () => Date.parse('2026-11-22T09:00:00.000Z'), retainDays: 365 }) })
  afterEach(async () => { objects.close(); await bucket.close() })

  test('are written under a condition and a lock in compliance mode; what is superseded later, under a tag', async () => {
    await objects.create('tile/0/000', bytes('one'))
    expect(bucket.requests[0]).toMatchObject({
      method: 'PUT', path: '/tile/0/000', headers: {
        'if-none-match': '*', 'x-amz-object-lock-mode': 'COMPLIANCE', 'x-amz-object-lock-retain-until-date': '2027-11-22T09:00:00.000Z', 'x-amz-checksum-sha256': 'dpLDrTVAu4A8Ags67mbNiIcSMjTqDG5xQ8Ct1z/0Me0=', 'x-amz-security-token': credentials.sessionToken,
      },
    })
    expect(String(bucket.requests[0]?.headers.authorization)).toMatch(/^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/20261122\/eu-west-1\/s3\/aws4_request, SignedHeaders=content-type;host;if-none-match;x-amz-checksum-sha256;x-amz-content-sha256;x-amz-date;x-amz-object-lock-mode;x-amz-object-lock-retain-until-date;x-amz-security-token, Signature=[0-9a-f]{64}$/)
    for (const path of ['tile/0/001.p/3', 'staging/1-ab']) {
      await objects.create(path, bytes('x'))
      expect(bucket.requests.at(-1)?.headers).toMatchObject({ 'x-amz-tagging': 'sluice=passing' })
      expect(bucket.requests.at(-1)?.headers['x-amz-object-lock-mode']).toBeUndefined()
    }
  })

  test('failed and not stored, failed but stored, met another writer: tried again, and right', async () => {
    for (const [n, fail] of (['before', 'after', 'conflict'] as const).entries()) {
      bucket.fail = fail
      expect(await objects.create(`tile/0/00${n}`, bytes('one'))).toBe(fail === 'after' ? 'same' : 'created')
    }
  })

  test('nothing is ever deleted by this function', async () => {
    await objects.forget('tile/0/000.p/')
    expect(bucket.requests).toEqual([])
  })
})
