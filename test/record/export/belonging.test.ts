import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { createHints } from '../../../functions/hint.ts'
import { heldIn } from '../../../functions/record/export/held.ts'
import { ndjsonLine } from '../../../functions/record/export/ndjson.ts'
import { readPlaces } from '../../../functions/record/export/places.ts'
import { createSequencer } from '../../../functions/sequence.ts'
import { createConsole } from '../../cli/console.ts'
import { openOf } from '../../../schema/content.ts'
import { refusalEvent } from '../../contract/ledger.ts'
import { auditor } from '../../support/caller.ts'
import { createMemoryLog } from '../../support/log.ts'

const scratch = mkdtempSync(join(tmpdir(), 'sluice-belong-'))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

/** A gate with a log, events in it, and one export of them. */
async function exported(count = 450) {
  const console = createConsole()
  const { ports, events, clock } = console.world
  const memory = createMemoryLog()
  Object.assign(ports, { log: memory.log })
  const hints = createHints()
  const sequencer = createSequencer({ ...ports, log: memory.log }, hints)
  const directory = mkdtempSync(join(scratch, 'log-'))
  const file = join(directory, 'events.ndjson')
  const world = {
    ...console, memory, file, log: join(directory, 'log'), run: (...args: readonly string[]) => console.sluice(['audit', ...args], { as: auditor }),
    async sequence() { for (const event of events) hints.hint(event); await sequencer.round() },
    async add(more: number) { for (let i = 0; i < more; i++) { clock.ms += 3; events.push(openOf(refusalEvent(ports))) } },
  }
  await world.add(count)
  await world.sequence()
  const first = await world.run('export', '--format', 'ndjson', '--kind', 'refusal', '--out', file)
  expect(first.code).toBe(0)
  return { ...world, said: first.err }
}
const places = (file: string) => readPlaces(readFileSync(`${file}.places`, 'utf8'))

describe('an export', () => {
  test('names the checkpoint it belongs to, as a note that verify takes, and each event\'s place', async () => {
    const { file, log, memory, run, said } = await exported()
    const note = readFileSync(`${file}.checkpoint`, 'utf8')
    expect(note).toBe((await memory.log.store.published())?.checkpoint)
    expect(said).toContain(`as of 450 entries, root ${note.split('\n')[2]}`)
    expect([...places(file)].toSorted()).toEqual([...memory.places].filter(([, index]) => index < 450).toSorted())
    for (const one of ['checkpoint', 'places']) expect(statSync(`${file}.${one}`).mode & 0o777).toBe(0o600)
    await run('export', '--log', log)
    expect((await run('verify', log, '--checkpoint', `${file}.checkpoint`)).code).toBe(0)
  })
  test('tells of the checkpoint also where there is no file, and keeps events to themselves', async () => {
    const { run } = await exported(3)
    const { out, err } = await run('export', '--format', 'ndjson', '--kind', 'refusal')
    expect(out.trim().split('\n').map((line) => (JSON.parse(line) as { kind: string }).kind)).toEqual(['refusal', 'refusal', 'refusal'])
    expect(err).toContain('as of 3 entries')
  })
  test('leaves out the place of what is not in the log yet', async () => {
    const { add, run, file, memory } = await exported(3)
    await add(2)
    const later = `${file}-later`
    await run('export', '--format', 'ndjson', '--kind', 'refusal', '--out', later)
    expect(readFileSync(later, 'utf8').trim().split('\n')).toHaveLength(5)
    expect([...places(later)].toSorted()).toEqual([...memory.places].toSorted())
  })
  test('that is continued keeps what was there, mends a torn place, and the newer checkpoint', async () => {
    const { run, file, world, sequence, add, memory } = await exported(450)
    const whole = readFileSync(file, 'utf8')
    const again = `${file}-again`
    const list = world.ports.ledger.list
    let pages = 0
    Object.assign(world.ports.ledger, { list: async (...args: Parameters<typeof list>) => { if (++pages > 2) throw new Error('gone'); return list(...args) } })
    const broken = await run('export', '--format', 'ndjson', '--kind', 'refusal', '--out', again)
    expect(broken.code).not.toBe(0)
    Object.assign(world.ports.ledger, { list })
    appendFileSync(`${again}.places`, 'evt_01KAR0V2G0 12')
    await add(1)
    await sequence()
    const after = /--after (\S+)/.exec(broken.err)?.[1] ?? ''
    expect((await run('export', '--format', 'ndjson', '--kind', 'refusal', '--out', again, '--after', after)).code).toBe(0)
    expect(readFileSync(again, 'utf8')).toBe(whole)
    expect(places(again)).toEqual(places(file))
    expect(readFileSync(`${again}.checkpoint`, 'utf8')).toBe((await memory.log.store.published())?.checkpoint)
  })
  test('stops where the log went back between two of its pages', async () => {
    const { run, file, memory } = await exported(450)
    const published = await memory.log.store.published()
    const first = memory.heads[0]!
    let shown = 0
    Object.assign(memory.log.store, { published: async () => shown++ === 0 ? published : { ...published, size: 1, checkpoint: first.checkpoint.replace('\n450\n', '\n449\n') } })
    const other = `${file}-other`
    expect(await run('export', '--format', 'ndjson', '--kind', 'refusal', '--out', other)).toMatchObject({ code: 1, err: expect.stringContaining('it went back') })
    expect(readFileSync(`${other}.checkpoint`, 'utf8')).toBe(published?.checkpoint)
  })
  test('writes over nothing of its neighbours, and through no link', async () => {
    const { run, file } = await exported(3)
    const victim = join(scratch, 'victim')
    writeFileSync(victim, 'kept')
    const linked = `${file}-linked`
    symlinkSync(victim, `${linked}.places`)
    expect((await run('export', '--format', 'ndjson', '--out', linked)).code).toBe(3)
    const named = `${file}-named`
    symlinkSync(victim, `${named}.checkpoint`)
    expect((await run('export', '--format', 'ndjson', '--out', named)).code).toBe(3)
    expect(readFileSync(victim, 'utf8')).toBe('kept')
  })
  test('of a gate without a log has neither', async () => {
    const console = createConsole()
    const file = join(scratch, 'without.ndjson')
    const { code } = await console.sluice(['audit', 'export', '--format', 'ndjson', '--out', file], { as: auditor })
    expect([code, existsSync(`${file}.checkpoint`), readFileSync(`${file}.places`, 'utf8')]).toEqual([0, false, ''])
  })
})

describe('verify --events', () => {
  test('holds each line against the log, and finds a changed, a made up, a doubled and a respelt one', async () => {
    const { run, file, log } = await exported(300)
    await run('export', '--log', log)
    expect(await run('verify', log, '--events', file)).toMatchObject({ code: 0, err: expect.stringContaining('300 events of') })
    const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1)
    const event = JSON.parse(lines[7] ?? '') as Record<string, unknown> & { who: object; refusal: object }
    const cases: readonly (readonly [string, string])[] = [
      [ndjsonLine({ ...event, who: { ...event.who, subject: 'user:innocent@acme.dev' } }), 'another event under this id'],
      [ndjsonLine({ ...event, refusal: { ...event.refusal, reason: 'other' } }), 'another event under this id'],
      [ndjsonLine({ ...event, extra: 1 }), 'another event under this id'],
      [ndjsonLine({ ...event, statements: [{ sql: 'drop table x', params: [] }] }), 'another event under this id'],   // the log committed to no content of it
      [ndjsonLine({ ...event, refusal: { ...event.refusal, inner: 'x' } }), 'another event under this id'],
      [ndjsonLine({ ...event, id: 'evt_7ZZZZZZZZZZZZZZZZZZZZZZZZ0' }), 'not in this log'],
      [`${lines[6]}\n`, 'or one that stands there twice'],
      [`${lines[7]?.replace('{', `{"kind":"heartbeat",`)}\n`, 'no event of an ndjson export'],
      [`${lines[7]} \n`, 'no event of an ndjson export'],
      ['nothing\n', 'no event of an ndjson export'],
    ]
    for (const [line, words] of cases) {
      const forged = `${file}-forged`
      writeFileSync(forged, [...lines.slice(0, 7), line.slice(0, -1), ...lines.slice(8)].map((one) => `${one}\n`).join(''))
      expect([words, await run('verify', log, '--events', forged)]).toMatchObject([words, { code: 1, err: expect.stringContaining(words) }])
    }
  })
  test('knows an event whose entry was removed by its hash', async () => {
    const { run, file, log } = await exported(300)
    await run('export', '--log', log)
    const files = { read: async (path: string) => path === 'tile/entries/000' ? null : existsSync(join(log, path)) ? readFileSync(join(log, path)) : null }
    async function* lines() { yield* readFileSync(file, 'utf8').split('\n').slice(0, -1); yield ndjsonLine({ id: 'evt_7ZZZZZZZZZZZZZZZZZZZZZZZZ0' }).slice(0, -1) }
    expect(await heldIn(files, 300, lines())).toEqual({ events: 301, altered: [], absent: ['evt_7ZZZZZZZZZZZZZZZZZZZZZZZZ0'], damaged: [] })
  })
  test('looks at no events where the log itself is not whole', async () => {
    const { run, file, log } = await exported(10)
    await run('export', '--log', log)
    appendFileSync(join(log, 'tile/entries/000.p/10'), 'x')
    const { code, err } = await run('verify', log, '--events', file)
    expect([code, err.includes('compared with the log')]).toEqual([1, false])
  })
})

test('places are read strictly', () => {
  const id = 'evt_01KAR0V2G00000000000000000'
  expect(readPlaces(`${id} 3\n${id} 3\n`)).toEqual(new Map([[id, 3]]))
  for (const text of [`${id} 3\n${id} 4\n`, `${id} 3`, `${id} 03\n`, `${id}\n`, `${id} 3 4\n`, 'evt_x 3\n', '\n']) expect(() => readPlaces(text)).toThrow()
})
