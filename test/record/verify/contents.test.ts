import { describe, expect, test } from 'vitest'
import { contentKey, disclose, seal } from '../../../functions/record/cipher.ts'
import { commit } from '../../../functions/record/commitment.ts'
import { entryOf } from '../../../functions/record/log/entry.ts'
import { tilePath } from '../../../functions/record/log/tile.ts'
import { contentPath } from '../../../functions/record/verify/contents.ts'
import { split } from '../../../schema/content.ts'
import type { Event } from '../../../schema/event.ts'
import { eventsOf } from '../log/sample.ts'
import { check, logOf } from './memory.ts'

const keyId = '2026-11-22.AAAAAAAAAAAAAAAA.0'
const key = contentKey(keyId, new Uint8Array(32).fill(3))
const sealed = (event: Event): Event => {
  const { open, content } = split(event)
  return content === null ? event : seal(key, open, content)
}
const lineOf = (event: Event): string | null => { const disclosed = disclose(key, event); return disclosed && JSON.stringify({ id: event.id, ...disclosed }) }
const path = contentPath({ level: 'entries', index: 0, width: 40 })

/** A log of these events, with lines of content beside it. */
async function judged(events: readonly Event[], lines: (lines: string[]) => readonly string[] = (all) => all) {
  const { log } = await logOf(events.map((event) => entryOf(sealed(event))))
  const own = lines(events.flatMap((event) => lineOf(event) ?? []))
  log.set(contentPath({ level: 'entries', index: 0, width: events.length }), Buffer.from(own.map((line) => `${line}\n`).join('')))
  const { ok, findings, contents } = await check(log)
  return { ok, contents, findings: findings.map(({ index, reason }) => `${index}: ${reason}`) }
}
const plain = eventsOf(40)
const approved = plain.slice(plain.findIndex(({ kind }) => kind === 'request')).slice(0, 5)
const withContent = plain.filter((event) => split(event).content !== null).length
const index = (n: number) => plain.findIndex((event) => event.id === plain.filter((one) => split(one).content !== null)[n]?.id)

describe('content beside a log', () => {
  test('lies where its entries lie, under another name', () => {
    expect(contentPath({ level: 'entries', index: 1234, width: 256 })).toBe('content/x001/234')
    expect(path).toBe(tilePath({ level: 'entries', index: 0, width: 40 }).replace('tile/entries', 'content'))
  })
  test('is what the log committed to, all of it', async () => {
    expect(await judged(plain)).toMatchObject({ ok: true, findings: [], contents: { checked: withContent, erased: 0, unexplained: 0 } })
  })
  test('a log without it verifies as well, and checks none', async () => {
    const { log } = await logOf(plain.map((event) => entryOf(sealed(event))))
    expect(await check(log)).toMatchObject({ ok: true, contents: { checked: 0 } })
  })
  test.each([
    ['one word of it', (line: string) => JSON.stringify({ ...JSON.parse(line) as object, text: (JSON.parse(line) as { text: string }).text.replace('select', 'delete') })],
    ['its key', (line: string) => JSON.stringify({ ...JSON.parse(line) as object, opening: 'ab'.repeat(32) })],
    ['the length of its key', (line: string) => JSON.stringify({ ...JSON.parse(line) as object, opening: `${(JSON.parse(line) as { opening: string }).opening}00` })],
    ['all of it', (line: string) => JSON.stringify({ id: (JSON.parse(line) as { id: string }).id })],
  ])('somebody changed %s', async (_, change) => {
    expect(await judged(plain, ([first, ...rest]) => [change(first!), ...rest])).toMatchObject({ ok: false, findings: [`${index(0)}: this is not the content the log committed to`] })
  })
  test('content of one event under the name of another', async () => {
    const { findings } = await judged(plain, ([first, second, ...rest]) => {
      const [a, b] = [JSON.parse(first!) as { id: string }, JSON.parse(second!) as { id: string }]
      return [JSON.stringify({ ...a, id: b.id }), JSON.stringify({ ...b, id: a.id }), ...rest]
    })
    expect(findings).toEqual([`${index(0)}: this is not the content the log committed to`, `${index(1)}: this is not the content the log committed to`])
  })
  test('content left out without a word, of no entry, twice, or of an event that has none', async () => {
    expect((await judged(plain, ([, ...rest]) => rest)).findings).toEqual([`${index(0)}: its content is not here, nor said to be erased`])
    const stranger = plain[0]!.id.replace(/.$/, '7')
    expect((await judged(plain, (lines) => [...lines, JSON.stringify({ id: stranger, opening: '', text: '' })])).findings).toEqual(['undefined: this content is of no entry of its bundle'])
    expect((await judged(plain, (lines) => [...lines, lines[0]!])).findings).toEqual(['undefined: a line names no event, or one that another line names'])
    const none = plain.findIndex((event) => split(event).content === null)
    expect((await judged(plain, (lines) => [...lines, JSON.stringify({ id: plain[none]!.id, opening: '', text: '' })])).findings).toEqual([`${none}: the log committed to no content of it`])
    expect((await judged(plain, () => ['{'])).ok).toBe(false)
  })
  test('said to be erased is counted, and blamed on nobody only where an erasure of the log names the key, alone or by its sheet', async () => {
    const erased = ([first, ...rest]: string[]) => [JSON.stringify({ id: (JSON.parse(first!) as { id: string }).id, state: 'erased' }), ...rest]
    expect(await judged(plain, erased)).toMatchObject({ ok: false, findings: [expect.stringContaining('1 contents are said to be erased, and no erasure in this log names their keys')], contents: { erased: 1, unexplained: 1 } })
    const last = eventsOf(60).at(-1)!
    for (const change of [{ keys: [keyId] }, { sheets: [keyId.slice(0, -2)] }]) {
      const erasure = { ...last, kind: 'erasure', change } as unknown as Event
      expect(await judged([...plain, erasure], erased)).toMatchObject({ ok: true, contents: { checked: withContent - 1, erased: 1, unexplained: 0 } })
    }
    expect((await judged(plain, ([first, ...rest]) => [JSON.stringify({ id: (JSON.parse(first!) as { id: string }).id, state: 'damaged' }), ...rest])).ok).toBe(false)
  })
  test('what runs for people\'s approval is what they were asked', async () => {
    expect((await judged(approved)).findings).toEqual([])
    const changed = approved.map((event) => event.kind === 'intent' ? { ...event, statements: [{ sql: 'drop table x', params: [] }] } : event)
    expect((await judged(changed)).findings).toEqual([`${approved.findIndex(({ kind }) => kind === 'intent')}: what runs is not what was asked`])
    const purposed = approved.map((event) => event.kind === 'intent' ? { ...event, purpose: 'another' } : event)
    expect((await judged(purposed)).findings).toHaveLength(1)
  })
  test('with the parameters that people read, where the request has them', async () => {
    const withParams = (given: readonly unknown[], asked?: readonly unknown[]) => approved.map((event) => (event.kind === 'intent' ? { ...event, statements: event.statements.map((one) => ({ ...one, params: given })) }
      : event.kind === 'request' && asked ? { ...event, change: { ...event.change, params: [asked] } } : event) as Event)
    expect((await judged(withParams([1, 'a'], [1, 'a']))).findings).toEqual([])
    expect((await judged(withParams([2, 'a'], [1, 'a']))).findings).toEqual([`${approved.findIndex(({ kind }) => kind === 'intent')}: what runs is not what was asked`])
    expect((await judged(withParams([2, 'a']))).findings).toEqual([])          // from before they were on record
  })
  test('what canonical JSON cannot say, or is no JSON, ends no verification', async () => {
    const half = approved.map((event) => (event.kind === 'intent' ? { ...event, purpose: '\ud800' } : event.kind === 'request' ? { ...event, change: { ...event.change, purpose: '\ud800' } } : event) as Event)
    expect((await judged(half)).findings).toEqual([])
    const other = sealed(approved[0]!)
    const opening = (JSON.parse(lineOf(approved[0]!)!) as { opening: string }).opening
    const forged = { ...other, content: { ...other.content, commitment: commit(Buffer.from(opening, 'hex'), 'no json').toString('hex') } } as Event
    const { log } = await logOf([entryOf(forged)])
    log.set(contentPath({ level: 'entries', index: 0, width: 1 }), Buffer.from(`${JSON.stringify({ id: forged.id, opening, text: 'no json' })}\n`))
    expect((await check(log)).contents).toMatchObject({ checked: 1 })
  })
})

describe('a copy that has content', () => {
  const many = eventsOf(600)
  const disclosed = (events: readonly Event[]) => Buffer.from(events.flatMap((event) => lineOf(event) ?? []).map((line) => `${line}\n`).join(''))
  const bundles = [0, 1, 2].map((index) => contentPath({ level: 'entries', index, width: index === 2 ? 88 : 256 }))
  async function copied(change: (log: Map<string, Buffer>) => void, events: readonly Event[] = many) {
    const { log } = await logOf(events.map((event) => entryOf(sealed(event))))
    for (const [at, name] of bundles.entries()) log.set(name, disclosed(events.slice(at * 256, at * 256 + 256)))
    change(log)
    const { findings, contents } = await check(log)
    return { contents, reasons: findings.map(({ path, reason }) => `${path}: ${reason}`) }
  }
  test('has that of every bundle, and of no other', async () => {
    expect((await copied(() => {})).reasons).toEqual([])
    for (const name of bundles) expect((await copied((log) => { log.delete(name) })).reasons, name).toEqual([`${name}: there is content beside this log, and none of this entry's bundle; export it again with --content`])
    for (const stray of ['content/000.p/36', 'content/003', 'content/x', 'content/002']) expect((await copied((log) => { log.set(stray, log.get(bundles[0]!)!) })).reasons, stray).toEqual([`${stray}: it lies among the content, and is that of no bundle of this log; export it again with --content`])
    expect((await copied((log) => { for (const name of bundles) log.delete(name) })).reasons).toEqual([])
    expect((await copied((log) => { for (const name of bundles.slice(1)) log.delete(name); log.delete(bundles[0]!); log.set('content/000.p/36', Buffer.of()) })).reasons).toHaveLength(4)
  })
  test('has none of what the log says is removed, though the entries are still there', async () => {
    const old = eventsOf(512, Date.parse('2024-01-01T00:00:00.000Z'))
    const before = old.map(({ at }) => at).toSorted().at(-1)!
    const young = eventsOf(87, Date.parse('2025-03-01T00:00:00.000Z'))
    const prune = (last: number) => ({ ...eventsOf(120, Date.parse('2025-03-01T00:00:00.000Z')).at(-1)!, kind: 'prune', who: null, change: { first: 0, last, before, retention: '1y' } }) as unknown as Event
    const lacking = (last: number) => copied((log) => { log.delete(bundles[0]!); log.delete(bundles[1]!) }, [...old, ...young, prune(last)])
    expect((await lacking(511)).reasons).toEqual([])
    expect((await lacking(255)).reasons).toEqual([expect.stringContaining(`${bundles[1]}: there is content beside this log`)])
  })
  test('has each line in one spelling and nothing beside it', async () => {
    const changed = (change: (line: string) => string) => copied((log) => { const [first, ...rest] = log.get(bundles[0]!)!.toString().split('\n'); log.set(bundles[0]!, Buffer.from([change(first!), ...rest].join('\n'))) })
    const refused = [`${bundles[0]}: a line is not spelt as content is, or holds more than that`]
    expect((await changed((line) => line.replace('{', '{"text":"{\\"statements\\":[]}",'))).reasons).toEqual(refused)
    expect((await changed((line) => line.replace('{', '{"note":"x",'))).reasons).toEqual(refused)
    expect((await changed((line) => line.replace('{', '{ '))).reasons).toEqual(refused)
    expect((await changed((line) => JSON.stringify({ ...JSON.parse(line) as object, state: 'erased' }))).reasons).toEqual(refused)
    expect((await changed((line) => JSON.stringify({ id: (JSON.parse(line) as { id: string }).id, state: 1 }))).reasons).toEqual([`${bundles[0]}: its content is damaged`])
  })
  test('explains an erasure by its event also where that lies in a bundle that cannot be read', async () => {
    const erasure = { ...eventsOf(640).at(-1)!, kind: 'erasure', change: { keys: [keyId] } } as unknown as Event
    const { reasons, contents } = await copied((log) => {
      for (const name of bundles) log.set(name, Buffer.from(log.get(name)!.toString().split('\n').slice(0, -1).map((line) => `${JSON.stringify({ id: (JSON.parse(line) as { id: string }).id, state: 'erased' })}\n`).join('')))
      log.set(bundles[2]!, Buffer.from('{'))
    }, [...many.slice(0, 599), erasure])
    expect(contents.unexplained).toBe(0)
    expect(reasons).toEqual([`${bundles[2]}: the content does not end with a line end`])
  })
})
