import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { analyst, auditor, support } from '../support/caller.ts'
import { createWorld } from '../support/ports.ts'
import { createConsole } from './console.ts'

const directory = mkdtempSync(join(tmpdir(), 'sluice-export-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))
let files = 0
const fresh = () => join(directory, `${++files}.ndjson`)

/** A world with statements on record, one of them hostile, and enough refusals for several pages. */
async function recorded(refusals = 0) {
  const world = createWorld()
  const console = createConsole(world)
  await console.sluice(['query', 'shop', 'select id, email from public.customers order by id limit 2', '--purpose', 'x\u001b[2J\u2028{"id":"evt_forged"}\n'], { as: support })
  await console.sluice(['query', 'shop', 'select amount from payroll.salaries'], { as: support })
  const refusal = world.events.at(-1)
  if (!refusal) throw new Error('nothing on record')
  for (let i = 0; i < refusals; i++) { world.clock.ms += 5; world.events.push({ ...refusal, id: world.ports.id('evt'), at: new Date(world.clock.ms).toISOString() }) }
  return { ...console, run: (...args: readonly string[]) => console.sluice(['audit', 'export', ...args], { as: auditor }) }
}
const lines = (text: string) => text.split('\n').slice(0, -1).map((line) => JSON.parse(line) as Record<string, unknown>)

describe('ndjson', () => {
  test('is every event, newest first, one a line, whatever the statements hold', async () => {
    const { run, world } = await recorded()
    const there = world.events.map(({ id }) => id)
    const { code, out, err } = await run('--format', 'ndjson')
    expect(code).toBe(0)
    expect(out).not.toMatch(/[\u001b\u2028]/)
    expect(lines(out).map(({ id }) => id).slice(1)).toEqual(there.toReversed())
    expect(lines(out).slice(1)).toEqual(JSON.parse(JSON.stringify(world.events.slice(0, -1).toReversed())))
    expect(err).toContain('4 events')
  })
  test('that breaks off on a pipe says where: what was printed and what follows make one whole', async () => {
    const { world, run } = await recorded(900)
    const [app, list] = [world.ports.ledger, world.ports.ledger.list]
    let pages = 0
    Object.assign(app, { list: async (...args: Parameters<typeof list>) => { if (++pages > 2) throw new Error('gone'); return list(...args) } })
    const first = await run('--format', 'ndjson', '--kind', 'refusal')
    Object.assign(app, { list })
    const rest = await run('--format', 'ndjson', '--kind', 'refusal', '--after', /--after (\S+)/.exec(first.err)?.[1] ?? '')
    const ids = [...lines(first.out), ...lines(rest.out)].map(({ id }) => id)
    expect([first.code, ids.length, new Set(ids).size]).toEqual([1, 901, 901])
  })
  test('is on record as an export, page by page', async () => {
    const { run, world } = await recorded(450)
    const { out } = await run('--format', 'ndjson', '--kind', 'refusal')
    expect(lines(out)).toHaveLength(451)
    expect(world.events.filter(({ kind }) => kind === 'audit-read')).toMatchObject([{ change: { export: 'ndjson', kind: 'refusal', limit: 200 } }, { change: { export: 'ndjson' } }, { change: { export: 'ndjson' } }])
  })
})

test('an export that breaks off before a cursor leaves no file, so that it can begin again', async () => {
  const { world, run } = await recorded(900)
  const path = fresh()
  const broken = world.events.at(-1)
  Object.assign(broken ?? {}, { at: 'yesterday' })                  // no ocsf line can be made of it
  const first = await run('--format', 'ocsf', '--out', path)
  expect([first.code, first.err]).toEqual([1, expect.stringContaining('broke off after 0 events; begin again')])
  expect([path, `${path}.places`, `${path}.checkpoint`].filter((one) => existsSync(one))).toEqual([])
  writeFileSync(`${path}.checkpoint`, 'another\'s')
  expect((await run('--format', 'ndjson', '--out', path)).code).toBe(3)
  expect([existsSync(path), readFileSync(`${path}.checkpoint`, 'utf8')]).toEqual([false, 'another\'s'])
})

describe('ocsf', () => {
  test('tells an outcome with what its intent did, also where a page ends between them', async () => {
    const { run, world } = await recorded(198)
    const { out } = await run('--format', 'ocsf', '--connection', 'shop')
    expect(world.events.filter(({ kind }) => kind === 'audit-read')).toHaveLength(2)
    const activities = lines(out).filter(({ metadata }) => ['intent', 'outcome'].includes(String((metadata as Record<string, unknown>)['event_code'])))
    expect(activities).toMatchObject([{ type_uid: 600504, status: 'Success' }, { type_uid: 600504, status: 'Unknown' }])
  })
  test('an outcome whose intent is not in the range is not lost', async () => {
    const { run } = await recorded()
    const { out } = await run('--format', 'ocsf', '--kind', 'outcome')
    expect(lines(out)).toMatchObject([{ type_uid: 600500, status: 'Success' }])
  })
})

describe('a file', () => {
  test('is its owner\'s alone, never written over, never through a link', async () => {
    const { run } = await recorded()
    const path = fresh()
    expect((await run('--format', 'ndjson', '--out', path)).code).toBe(0)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    const again = await run('--format', 'ndjson', '--out', path)
    expect([again.code, again.err]).toEqual([3, expect.stringContaining('--after CURSOR continues it')])
    const link = fresh()
    symlinkSync(path, link)
    for (const more of [[], ['--after', 'x']]) expect((await run('--format', 'ndjson', '--out', link, ...more)).code).toBe(3)
  })
  test('continues where it broke off: nothing twice, nothing missing, a torn line mended or refused', async () => {
    for (const format of ['ndjson', 'ocsf'] as const) {
      const { run, world, sluice } = await recorded(900)
      const whole = lines((await run('--format', format, '--kind', 'refusal')).out)
      const list = world.ports.ledger.list
      let pages = 0
      Object.assign(world.ports.ledger, { list: async (...args: Parameters<typeof list>) => { if (++pages > 3) throw new Error('gone'); return list(...args) } })
      const path = fresh()
      const broken = await sluice(['audit', 'export', '--format', format, '--kind', 'refusal', '--out', path], { as: auditor })
      expect([broken.code, lines(readFileSync(path, 'utf8')).length]).toEqual([1, 600])
      const cursor = /continue with --after (\S+)/.exec(broken.err)?.[1] ?? ''
      Object.assign(world.ports.ledger, { list })
      const size = statSync(path).size
      const resume = () => run('--format', format, '--kind', 'refusal', '--out', path, '--after', cursor)
      truncateSync(path, size - 20)
      expect(await resume()).toMatchObject({ code: 3, err: expect.stringContaining('ends before this cursor') })
      expect(statSync(path).size).toBe(size - 20)
      rmSync(path)
      writeFileSync(path, whole.slice(0, 650).map((line) => `${JSON.stringify(line)}\n`).join('') + JSON.stringify(whole[650]).slice(0, 40))
      expect((await resume()).code).toBe(0)
      expect(lines(readFileSync(path, 'utf8'))).toEqual(whole)
      writeFileSync(path, whole.map((line) => `${JSON.stringify(line)}\n`).join('') + '{"torn')
      expect((await resume()).code).toBe(3)
      writeFileSync(path, whole.map((line) => `${JSON.stringify(line)}\n`).join(''))
      expect((await resume()).code).toBe(0)
      expect(lines(readFileSync(path, 'utf8'))).toEqual(whole)
    }
  })
  test('of another format, or of something else, is left alone', async () => {
    const { run } = await recorded(300)
    const path = fresh()
    await run('--format', 'ndjson', '--out', path)
    const cursor = Buffer.from('x').toString('base64url')
    for (const content of [readFileSync(path, 'utf8'), 'my notes\n', `${'x'.repeat(100_000)}\n`, '{"id":"evt_no"}\n']) {
      const other = fresh()
      writeFileSync(other, content)
      const { code } = await run('--format', 'ocsf', '--out', other, '--after', cursor)
      expect([code, readFileSync(other, 'utf8')]).toEqual([3, content])
    }
  })
  test('is not made where the gate says no', async () => {
    const { sluice } = await recorded()
    const path = fresh()
    expect((await sluice(['audit', 'export', '--format', 'ndjson', '--out', path], { as: analyst })).code).toBe(2)
    expect(() => statSync(path)).toThrow('ENOENT')
  })
})

test.each([[[]], [['--format', 'csv']], [['--format', 'ndjson', 'extra']], [['--format', 'ndjson', '--limit', '5']], [['--format', 'ndjson', '--from', 'yesterday']], [['--format', 'ndjson', '--out', '/nowhere/x']]])('%j is invalid input', async (args) => {
  const { run } = await recorded()
  expect((await run(...args)).code).toBe(3)
})
