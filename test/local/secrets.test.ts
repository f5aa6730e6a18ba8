import { chmod, mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { keepKeys } from '../../functions/local/keys.ts'
import { createSecrets, variable } from '../../functions/local/secrets.ts'

let directory: string
let file: string
let time: number
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sluice-test-'))
  file = join(directory, 'secrets.json')
  time = 0
})
afterEach(() => rm(directory, { recursive: true, force: true }))
const secrets = (env: Record<string, string> = {}, made: Record<string, string> = {}) => createSecrets({ file, env, made, now: () => time })

describe('a secret', () => {
  it('comes from the environment, else the file, else the demo', async () => {
    await writeFile(file, JSON.stringify({ 'shop-write': 'file', 'shop-read': 'file' }))
    const it = secrets({ SLUICE_SECRET_SHOP_WRITE: 'env', SLUICE_SECRET_OTHER: '' }, { 'shop-write': 'demo', 'shop-read': 'demo', 'shop-plain': 'demo', other: 'demo' })
    expect(await Promise.all(['shop-write', 'shop-read', 'shop-plain', 'other'].map((name) => it.get(name)))).toEqual(['env', 'file', 'demo', 'demo'])
  })

  it('that nobody has is a fault that says how to give it, whatever its name', async () => {
    await writeFile(file, '{"__proto__": "x", "empty": ""}')
    for (const name of ['shop', 'toString', 'constructor', '__proto__ ', 'empty', '']) {
      await expect(secrets({}, {}).get(name)).rejects.toMatchObject({ code: 'secret-missing', message: expect.stringContaining(variable(name)) as string })
    }
    expect(variable('shop-database-url')).toBe('SLUICE_SECRET_SHOP_DATABASE_URL')
  })

  it('rotated in the file is seen within a second', async () => {
    const it = secrets()
    await writeFile(file, '{"a": "old"}')
    expect(await it.get('a')).toBe('old')
    await writeFile(file, '{"a": "new"}')
    expect(await it.get('a')).toBe('old')
    time = 1001
    expect(await it.get('a')).toBe('new')
    await rm(file)
    time = 3000
    await expect(it.get('a')).rejects.toMatchObject({ code: 'secret-missing' })
  })
})

describe('the file', () => {
  it('is closed to others at the first look', async () => {
    await writeFile(file, '{"a": "b"}')
    await chmod(file, 0o644)
    await secrets().get('a')
    expect((await stat(file)).mode & 0o777).toBe(0o600)
  })

  it('that is not a json object of strings is one line without what is in it', async () => {
    for (const text of ['{"a": "hunter2",}', '["hunter2"]', '"hunter2"', '{"a": {"b": "hunter2"}}', '{"a": 1}', 'null', '']) {
      await writeFile(file, text)
      const error = await secrets().get('a').then(() => null, (error: Error) => error)
      expect([text, error?.message]).toEqual([text, `\`${file}\` is not a json object of strings`])
      expect(JSON.stringify(error, Object.getOwnPropertyNames(error ?? {}))).not.toContain('hunter2')
      time += 2000
    }
  })
})

describe('what is behind the gate', () => {
  it('is more than the demo as soon as the environment or the file names a secret', async () => {
    expect(await secrets({}, { demo: 'x' }).foreign()).toBe(false)
    expect(await secrets({ SLUICE_SECRET_X: '' }, {}).foreign()).toBe(false)
    expect(await secrets({ SLUICE_SECRET_X: 'postgres://x' }, {}).foreign()).toBe(true)
    await writeFile(file, '{}')
    expect(await secrets().foreign()).toBe(false)
    await writeFile(file, '{"sluice-mask-key": "k"}')
    expect(await secrets({ SLUICE_SECRET_SLUICE_SESSION_KEY: 'k' }).foreign()).toBe(false)
    await writeFile(file, '{"x": "y"}')
    expect(await secrets().foreign()).toBe(true)
    expect(await secrets({ SLUICE_SECRET_Z: 'e' }, { d: 'demo' }).values()).toEqual(['e', 'y', 'demo'])
  })
})

describe('the gate\'s own keys', () => {
  it('are made once, closed to others, and the same after a restart', async () => {
    const keys = await keepKeys(directory)
    expect(Object.values(keys).map((key) => Buffer.from(key, 'base64').length)).toEqual([32, 32, 32, 32])
    expect(new Set(Object.values(keys)).size).toBe(4)
    expect((await stat(join(directory, 'keys.json'))).mode & 0o777).toBe(0o600)
    expect(await keepKeys(directory)).toEqual(keys)
  })

  it('gain what a later version wants, and keep the rest', async () => {
    await writeFile(join(directory, 'keys.json'), JSON.stringify({ 'sluice-mask-key': 'old' }))
    const keys = await keepKeys(directory)
    expect(keys['sluice-mask-key']).toBe('old')
    expect(keys['sluice-session-key']).toBeTruthy()
  })

  it('that cannot be read are never replaced by new ones', async () => {
    await writeFile(join(directory, 'keys.json'), '{"sluice-mask')
    await expect(keepKeys(directory)).rejects.toThrow(/is not a json object of strings/)
    await expect(keepKeys(directory)).rejects.toThrow(/is not a json object of strings/)
  })
})
