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

  it('of a process that is dead is taken over, also when another has its pid now', async () => {
    await openState(directory).then((state) => state.release())
    const dead = spawn('true')
    await new Promise((done) => dead.once('exit', done))
    for (const owner of [{ pid: dead.pid, birth: 'x', url: null }, { pid: process.pid, birth: 'another boot', url: null }, { pid: 1, birth: null, url: null }, { pid: -1 }]) {
      await writeFile(join(directory, 'lock'), JSON.stringify(owner))
      await (await openState(directory)).release()
    }
  })

  it('with a lock nobody can read is taken over', async () => {
    await openState(directory).then((state) => state.release())
    for (const text of ['', '{', 'null', '[]', '\0\0\0']) {
      await writeFile(join(directory, 'lock'), text)
      await (await openState(directory)).release()
    }
  })

  it('is won by exactly one of many that start at once, a dead lock before them or not', async () => {
    for (const dead of [false, true]) {
      if (dead) await writeFile(join(directory, 'lock'), JSON.stringify({ pid: 999_999_999, birth: 'x', url: null }))
      const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => openState(directory)))
      const won = outcomes.filter(({ status }) => status === 'fulfilled')
      expect(won).toHaveLength(1)
      expect(outcomes.every((outcome) => outcome.status === 'fulfilled' || outcome.reason instanceof AlreadyRunning)).toBe(true)
      expect(await readdir(directory)).toEqual(['lock'])
      for (const outcome of won) if (outcome.status === 'fulfilled') await outcome.value.release()
    }
  })

  it('lets others pass and not look', async () => {
    const state = await openState(directory)
    expect((await stat(directory)).mode & 0o777).toBe(0o711)
    expect((await stat(join(directory, 'lock'))).mode & 0o777).toBe(0o600)
    await state.announce('http://127.0.0.1:1')
    expect((await stat(join(directory, 'lock'))).mode & 0o777).toBe(0o600)
    expect(JSON.parse(await readFile(join(directory, 'lock'), 'utf8'))).toMatchObject({ pid: process.pid, birth: birthOf(process.pid) })
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
