import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { createClient } from '../../functions/cli/client.ts'
import { filesAt } from '../../functions/cli/live.ts'
import { run } from '../../functions/cli/run.ts'
import type { Terminal } from '../../functions/cli/terminal.ts'
import { parseVkey } from '../../functions/record/log/note.ts'
import { verifyLog } from '../../functions/record/verify/verify.ts'
import type { Event } from '../../schema/event.ts'
import { entriesOf, eventsOf, headNote, origin, signerOf } from '../record/log/sample.ts'
import { logOf, signer, type Log } from '../record/verify/memory.ts'
import { auditor, support } from '../support/caller.ts'
import { createConsole } from './console.ts'
import { createLogged } from './logged.ts'

const scratch = mkdtempSync(join(tmpdir(), 'sluice-live-'))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))
const url = 'https://gate.example'

/** A gate that shows these files as its log, or whatever `answer` makes of it; `asked` is every path it was asked for. */
function gateOf(log: Log, answer: (path: string) => Response | null = () => null) {
  const asked: string[] = []
  const missing = (reason: string) => Response.json({ type: '/problems/not-found', title: 'no', status: 404, reason }, { status: 404 })
  const fetch = async (to: string, init: RequestInit) => {
    expect(new Headers(init.headers).get('authorization')).toBe('Bearer a-token')
    const path = to.replace(`${url}/v1/audit/log/`, '')
    asked.push(path)
    const bytes = log.get(path)
    return answer(path) ?? (bytes === undefined ? missing('no_tile') : new Response(Uint8Array.from(bytes)))
  }
  async function sluice(...args: readonly string[]) {
    let [out, err] = ['', '']
    const terminal: Terminal = { out: (text) => { out += text }, err: (text) => { err += text }, input: async () => '', columns: null, color: false, env: { HOME: '/nowhere', SLUICE_TOKEN: 'a-token' } }
    return { code: await run(['audit', 'verify', ...args], { terminal, fetch, bootstrap: async () => false }), out, err }
  }
  return { asked, sluice, fetch, missing, verify: (...args: readonly string[]) => sluice('--url', url, '--vkey', signer.vkey, ...args) }
}
const terminal: Terminal = { out: () => undefined, err: () => undefined, input: async () => '', columns: null, color: false, env: {} }
const entries = entriesOf(eventsOf(1500))
let whole: Log
beforeAll(async () => { whole = (await logOf(entries)).log })

describe('`sluice audit verify` of a running gate', () => {
  const env = { SLUICE_URL: 'http://127.0.0.1:8787' }

  test('its log is whole, by the key that was told; the words say that nothing was kept and how to make a copy', async () => {
    const { sluice, add } = createLogged()
    await add(300)
    const unsure = await sluice(['audit', 'verify', '--json'], { as: auditor, env })
    expect([unsure.code, unsure.err]).toMatchObject([0, expect.stringContaining('whose log it is, is its word')])
    expect(JSON.parse(unsure.out)).toMatchObject({ ok: true, size: 300 })
    expect(unsure.err).toMatch(/`sluice audit export --log DIR` makes a copy.*\nthe log is whole\n$/)
    const { err: vkey } = await sluice(['audit', 'verify', '--vkey', signerOf(origin).vkey], { as: auditor, env })
    expect(vkey).toContain('not signed by the log\'s key')
  })
  test('while it grows: what was there at the beginning is verified', async () => {
    const { sluice, add, memory } = createLogged()
    await add(600)
    let grown = false
    const get = memory.log.objects.get
    Object.assign(memory.log.objects, { get: async (path: string) => {
      if (path === 'tile/entries/001' && !grown) { grown = true; await add(700) }   // after the checkpoint, before the last tiles: those of 600 entries are gone by then
      return get(path)
    } })
    const { code, out, err } = await sluice(['audit', 'verify', '--json'], { as: auditor, env })
    expect([code, err.includes('the log is whole'), grown]).toEqual([0, true, true])
    expect((JSON.parse(out) as { size: number }).size).toBeLessThan((await memory.log.store.published())!.size)
  })
  test('nobody but who may read the audit, and no gate without a log', async () => {
    const { sluice, add } = createLogged()
    await add(3)
    expect((await sluice(['audit', 'verify'], { as: support, env })).code).toBe(2)
    expect((await sluice(['audit', 'verify'], { env })).code).toBe(2)
    expect((await createConsole().sluice(['audit', 'verify'], { as: auditor, env })).code).toBe(3)
  })
  test('never at a gate that nobody named, nor in two places', async () => {
    const { sluice, add, sent } = createLogged()
    await add(3)
    expect((await sluice(['audit', 'verify'], { as: auditor })).code).toBe(3)
    expect(await sluice(['audit', 'verify', ''], { as: auditor, env })).toMatchObject({ code: 3, err: expect.stringContaining('name a directory') })
    expect((await sluice(['audit', 'verify', scratch, '--url', url], { as: auditor, env })).code).toBe(3)
    expect(sent).toEqual([])
  })
})

describe('a gate\'s log', () => {
  test('is read once, tile by tile, and what else was given is held against it', async () => {
    const { verify, asked } = gateOf(whole)
    expect((await verify()).code).toBe(0)
    expect(asked).toHaveLength(new Set(asked).size)
    expect(asked.filter((path) => path.startsWith('tile/')).toSorted()).toEqual([...whole.keys()].filter((path) => path.startsWith('tile/')).toSorted())
    const kept = join(scratch, 'kept')
    writeFileSync(kept, (await logOf(entriesOf(eventsOf(1501)))).checkpoints[0]!)
    expect(await verify('--checkpoint', kept)).toMatchObject({ code: 1, err: expect.stringContaining('rolled back') })
  })
  test.each(['checkpoint', 'tile/entries/003', 'tile/0/002', 'tile/1/000.p/5', 'tile/entries/005.p/220'])('with one byte of %s changed does not verify, nor without it', async (path) => {
    const bytes = Buffer.from(whole.get(path)!)
    bytes[bytes.length - 20]! ^= 1
    expect((await gateOf(new Map(whole).set(path, bytes)).verify()).code).toBe(1)
    const without = new Map(whole)
    without.delete(path)
    if (path !== 'checkpoint') expect((await gateOf(without).verify()).code).toBe(1)
  })
  test('of a size that it has not, without its first entries, is not looked through for what removed them', async () => {
    const lie = new Map(whole).set('checkpoint', await headNote(2 ** 50, Buffer.alloc(32, 1), signer))
    lie.delete('tile/entries/000')
    const { verify, asked } = gateOf(lie)
    expect((await verify()).code).toBe(1)
    expect(asked.length).toBeLessThan(12)
  })
  test('a tile longer than any is refused', async () => {
    const { verify } = gateOf(new Map(whole).set('tile/0/001', Buffer.alloc(9000)))
    expect(await verify()).toMatchObject({ code: 1, err: expect.stringContaining('`tile/0/001`: it is too large') })
  })
  test('entries that are removed while it is read, as a later checkpoint says, are no fault of the log, and a fork meanwhile is', async () => {
    const old = eventsOf(512, Date.parse('2024-01-01T00:00:00.000Z'))
    const before = old.map(({ at }) => at).toSorted().at(-1)!
    const young = eventsOf(30, Date.parse('2025-03-01T00:00:00.000Z'))
    const prune = { ...eventsOf(40, Date.parse('2025-03-01T00:00:00.000Z')).at(-1)!, kind: 'prune', who: null, change: { first: 0, last: 511, before, retention: '1y' } } as unknown as Event
    const { log: first } = await logOf(entriesOf([...old, ...young]))
    const removing = async (events: readonly Event[]) => {
      const { log: then } = await logOf(entriesOf(events))
      const shown = new Map(then).set('checkpoint', first.get('checkpoint')!)
      for (const [path, bytes] of first) if (!shown.has(path)) shown.set(path, bytes)
      let gone = false
      const gate = gateOf(shown, (path) => {
        if (path === 'tile/entries/002.p/30' || path === 'tile/0/001') gone = true
        if (path === 'checkpoint' && gone) return new Response(Uint8Array.from(then.get('checkpoint')!))
        return gone && /^tile\/entries\/00[01]$/.test(path) || path === 'tile/entries/000' ? (gone = true, gate.missing('pruned')) : null
      })
      return gate.verify()
    }
    expect(await removing([...old, ...young, prune])).toMatchObject({ code: 0, err: expect.stringContaining('512 entries were removed when their time was over') })
    expect(await removing([...old, ...young])).toMatchObject({ code: 1 })
    const other = [...old, ...young.slice(0, 20), ...young.slice(21), prune]
    expect(await removing(other)).toMatchObject({ code: 1, err: expect.stringContaining('does not begin with the kept checkpoint') })
  })
})

describe('a gate that does not answer', () => {
  const judge = (log: Log, answer: (path: string) => Response | null, pauses: number[]) => {
    const { fetch } = gateOf(log, answer)
    return verifyLog(filesAt(createClient({ url, token: 'a-token', fetch }), terminal, async (ms) => { pauses.push(ms) }), { keys: [parseVkey(signer.vkey)], kept: [] })
  }
  test('for a moment is asked again', async () => {
    const tries = new Map<string, number>()
    const pauses: number[] = []
    const report = await judge(whole, (path) => {
      const count = (tries.get(path) ?? 0) + 1
      tries.set(path, count)
      if (count === 1) throw new TypeError('fetch failed')
      return count <= 3 ? Response.json({ type: '/problems/audit-unavailable', title: 'x' }, { status: 503 }) : null
    }, pauses)
    expect(report).toMatchObject({ ok: true, size: 1500 })
    expect(new Set(pauses)).toEqual(new Set([250, 1000, 3000]))
  })
  test.each([[503, 4], [429, 4], [403, 1], [401, 1]])('and goes on to say %i shows nothing about its log', async (status, times) => {
    const asked = vi.fn()
    const pauses: number[] = []
    await expect(judge(whole, (path) => path === 'tile/entries/002' ? (asked(), Response.json({ type: status < 404 ? '/problems/denied' : '/problems/audit-unavailable', title: 'x' }, { status })) : null, pauses))
      .rejects.toMatchObject({ code: status < 404 ? 2 : 1, message: expect.stringContaining('nothing is shown about its log') as string })
    expect(asked).toHaveBeenCalledTimes(times)
  })
  test('with another 404 than for a tile that is not there is no log with a tile missing', async () => {
    await expect(judge(whole, (path) => path === 'tile/entries/002' ? Response.json({ type: '/problems/not-found', reason: 'no_log', title: 'x' }, { status: 404 }) : null, [])).rejects.toMatchObject({ code: 3 })
  })
})
