import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { auditor, createGateway } from '../support/caller.ts'
import { createCluster, operator, rules, withRules } from '../support/cluster.ts'
import { createSealedWorld, eraser } from '../support/sealed.ts'

const scratch = mkdtempSync(join(tmpdir(), 'sluice-recorded-'))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))
const filesIn = (directory: string): string => readdirSync(directory, { recursive: true, encoding: 'utf8' }).map((name) => join(directory, name)).filter((path) => statSync(path).isFile()).map((path) => readFileSync(path, 'latin1')).join('\n')

test('a megabyte that a command wrote is sealed, sequenced, verified, replayed and exported whole, and erased whole', async () => {
  const world = await createSealedWorld(withRules(rules))
  try {
    const cluster = createCluster()
    Object.assign(world.world.ports, { engines: { ...world.world.ports.engines, kubernetes: cluster } })
    const lines = Array.from({ length: 12_000 }, (_, n) => `line ${n} ${n === 7000 ? 'canary-3d81' : 'of what a command writes, and nobody has a reason to hide'} ${'.'.repeat(20)}`)
    const wrote = `${lines.join('\n')}\n`
    cluster.command = async (run) => {
      for (let at = 0; at < wrote.length; at += 30_000) await run.heard?.('stdout', Buffer.from(wrote.slice(at, at + 30_000)))
      return { status: 'succeeded', rows: { raw: { status: 200, body: { stdout: wrote.slice(0, 1000), stderr: '', exitCode: 0, truncated: true } }, rowCounts: [1], truncated: true, answered: { status: 200, audit: 'a-1' } } }
    }
    const agent = await createGateway(world.world).as(operator)
    const reply = await agent.call('POST', '/v1/connections/cluster/exec', { namespace: 'web', pod: 'front-1', command: ['dump'] })
    expect([reply.status, reply.json['truncated']]).toEqual([200, true])
    const session = reply.headers.get('sluice-session') ?? ''

    const replayed = async () => (await world.sluice(['audit', 'replay', session], { as: auditor })).out
    const exported = async (name: string) => {
      await world.sequencer.reconcile()
      expect((await world.sluice(['audit', 'export', '--log', join(scratch, name), '--content'], { as: auditor })).code).toBe(0)
      expect((await world.sluice(['audit', 'verify', join(scratch, name)], {})).code).toBe(0)
      return filesIn(join(scratch, name))
    }
    const shown = (await replayed()).split('\n').flatMap((line) => /^ {6}│ (line \d+ .*)$/.exec(line)?.[1] ?? [])
    expect(shown).toEqual(lines)
    expect(await exported('before')).toContain('canary-3d81')
    expect(await world.bytesOf('audit')).not.toContain('canary-3d81')
    expect(world.memory.toString()).not.toContain('canary-3d81')

    expect((await world.sluice(['audit', 'erase', session, '--yes'], { as: eraser })).code).toBe(0)
    expect(await replayed()).not.toContain('canary-3d81')
    expect(await replayed()).toContain('erased')
    expect(await exported('after')).not.toContain('canary-3d81')
  } finally {
    await world.rig.close()
  }
})
