import { spawn } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { birthOf } from '../../functions/local/process.ts'
import { AlreadyRunning, openState } from '../../functions/local/state.ts'

let directory: string
beforeEach(async () => { directory = join(await mkdtemp(join(tmpdir(), 'sluice-test-')), 'state') })
afterEach(() => rm(join(directory, '..'), { recursive: true, force: true }))

describe('the state directory', () => {
  it('belongs to one living process, and a second one is told where the first answers', async () => {
    const state = await openState(directory)
    await expect(openState(directory)).rejects.toThrow(/still starting/)
    await state.announce('http://127.0.0.1:4711')
    await expect(openState(directory)).rejects.toThrow(new RegExp(`already running on http://127.0.0.1:4711 \\(pid ${process.pid}\\)`))
    await state.release()
    await (await openState(directory)).release()
  })

  it('of a process that was killed is free at once', async () => {
    const child = spawn(process.execPath, ['-e', `import(${JSON.stringify(join(import.meta.dirname, '../../functions/local/state.ts'))}).then(({ openState }) => openState(${JSON.stringify(directory)})).then(() => { console.log('held'); setInterval(() => {}, 1000) })`], { stdio: ['ignore', 'pipe', 'inherit'] })
    await new Promise((held) => child.stdout.once('data', held))
    await expect(openState(directory)).rejects.toThrow(new RegExp(`pid ${child.pid}`))
    child.kill('SIGKILL')
    await new Promise((done) => child.once('close', done))
    await (await openState(directory)).release()
  })

  it('with a word of its owner nobody can read is held and taken all the same', async () => {
    for (const text of ['', '{', 'null', '[]', '\0\0\0']) {
      const state = await openState(directory)
      await writeFile(join(directory, 'owner.json'), text)
      await expect(openState(directory)).rejects.toThrow(AlreadyRunning)
      await state.release()
    }
  })

  it('with a lock that is no lock says so in one line', async () => {
    await openState(directory).then((state) => state.release())
    await writeFile(join(directory, 'lock'), 'this is something else, and long enough to be read as a header of a database file by mistake. '.repeat(10))
    await expect(openState(directory)).rejects.toThrow(/^corrupt state: .* delete it$/)
  })

  it('is won by exactly one of many that start at once, each time', async () => {
    for (let round = 0; round < 5; round++) {
      const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => openState(directory)))
      const won = outcomes.filter(({ status }) => status === 'fulfilled')
      expect(won).toHaveLength(1)
      expect(outcomes.every((outcome) => outcome.status === 'fulfilled' || outcome.reason instanceof AlreadyRunning)).toBe(true)
      expect((await readdir(directory)).sort()).toEqual(['lock', 'owner.json'])
      for (const outcome of won) if (outcome.status === 'fulfilled') await outcome.value.release()
    }
  })

  it('lets others pass and not look', async () => {
    const state = await openState(directory)
    expect((await stat(directory)).mode & 0o777).toBe(0o711)
    expect((await stat(join(directory, 'lock'))).mode & 0o777).toBe(0o600)
    await state.announce('http://127.0.0.1:1')
    expect((await stat(join(directory, 'lock'))).mode & 0o777).toBe(0o600)
    expect(JSON.parse(await readFile(join(directory, 'owner.json'), 'utf8'))).toEqual({ pid: process.pid, url: 'http://127.0.0.1:1' })
    await state.release()
  })

  it('of one run is gone when it ends', async () => {
    const state = await openState(null)
    await state.release()
    await expect(stat(state.directory)).rejects.toThrow()
  })
})

describe('a process', () => {
  it('has one birth, and none once it is dead', async () => {
    expect(birthOf(process.pid)).toBe(birthOf(process.pid))
    expect(birthOf(process.pid)).not.toBeNull()
    const child = spawn('sleep', ['60'])
    expect(birthOf(child.pid ?? 0)).not.toBe(birthOf(process.pid))
    const gone = new Promise((done) => child.once('exit', done))
    child.kill('SIGKILL')
    await gone
    expect(birthOf(child.pid ?? 0)).toBeNull()
    expect([0, -1, 1.5, Number.NaN].map(birthOf)).toEqual([null, null, null, null])
  })
})
