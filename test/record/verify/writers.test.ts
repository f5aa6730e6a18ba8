import { describe, expect, test } from 'vitest'
import { createIds } from '../../../functions/aws/ulid.ts'
import { entryOf, readEntry } from '../../../functions/record/log/entry.ts'
import { leafHash } from '../../../functions/record/log/tree.ts'
import { parsePromise, promiseMs, promiseOf } from '../../../functions/record/promise.ts'
import { createWriting } from '../../../functions/record/writer.ts'
import type { Event, Id, RefusalEvent, Writer } from '../../../schema/event.ts'
import { createWriters } from '../../../functions/record/verify/writers.ts'
import { createPromises } from '../../../functions/record/verify/promises.ts'
import { check, logOf } from './memory.ts'

/** Whole logs, signed by the right key: what is wrong is which events are in them. */
const start = Date.parse('2026-11-22T09:00:00.000Z')
const minuteMs = 60_000
const clock = { ms: start }
let ids = createIds(() => clock.ms)
const refusal = (writer?: Writer, id: Id<'evt'> = ids('evt')): RefusalEvent => ({ id, at: new Date(clock.ms += 5).toISOString(), evaluation: ids('eval'), session: null, who: null, connection: 'shop', policy: null, kind: 'refusal', statements: [], purpose: null, accesses: [], refusal: { slug: 'denied', reason: 'no_rule', detail: '', next: 'none' }, ...(writer === undefined ? {} : { writer }) })
/** One process and its events: as many as `opens` says, each with what was open when it was numbered. The clock goes on half an hour afterwards, and somebody says so. */
function story(opens: readonly (readonly number[])[] = [[], [], [], []]) {
  clock.ms = start
  ids = createIds(() => clock.ms)
  const writing = createWriting(ids('evt'), new Date(clock.ms).toISOString())
  const events: Event[] = [writing.first, ...opens.map((open, i) => refusal({ id: writing.id, n: i + 2, ...(open.length === 0 ? {} : { open }) }))]
  return { writing, events, all: (given: readonly Event[] = events) => [...given, beat(clock.ms + 31 * minuteMs)] }
}
const beat = (at: number): Event => ({ ...refusal(), id: createIds(() => at)('evt'), at: new Date(at).toISOString(), kind: 'heartbeat', change: {} }) as unknown as Event
/** The first event of another process, which has a number: a time that counts. */
const another = (at: number): Event => createWriting(createIds(() => at)('evt'), new Date(at).toISOString()).first
const reasons = async (events: readonly Event[]) => (await check((await logOf(events.map(entryOf))).log)).findings.map(({ index, reason }) => `${index}: ${reason.replace(/evt_\w+/, 'W')}`)
const missing = (n: number, at: number) => `${at}: event number ${n} of its process (W) is missing, and this one says that it is stored`

describe('numbers of processes', () => {
  test('all there, also in another order than they were given in', async () => {
    const { events, all } = story()
    expect(await reasons(all())).toEqual([])
    expect(await reasons(all([events[0]!, events[3]!, events[1]!, events[4]!, events[2]!]))).toEqual([])
    expect(await check((await logOf(all().map(entryOf))).log)).toMatchObject({ ok: true, counts: { writers: 1, lost: 0 } })
  })
  test.each([0, 1, 2, 3])('event %i taken out', async (victim) => {
    const { events, all } = story()
    expect(await reasons(all(events.toSpliced(victim, 1)))).toEqual([missing(victim + 1, victim)])
  })
  test('a number that every later event lists as open was in flight when the process died', async () => {
    const { events, all } = story([[], [], [3], [3]])
    expect(await reasons(all(events.toSpliced(2, 1)))).toEqual([])
    expect(await check((await logOf(all(events.toSpliced(2, 1)).map(entryOf))).log)).toMatchObject({ counts: { lost: 1 } })
  })
  test('one that a later event does not list any more was stored', async () => {
    const { events, all } = story([[], [], [3], [3], []])
    expect(await reasons(all(events.toSpliced(2, 1)))).toEqual([missing(3, 4)])
    const reordered = [events[0]!, events[5]!, events[1]!, events[4]!, events[3]!]
    expect(await reasons(all(reordered))).toEqual([missing(3, 1)])
  })
  test('a run of events taken out, and all but the last', async () => {
    const { events, all } = story()
    expect(await reasons(all([events[0]!, events[4]!]))).toEqual([missing(2, 1), missing(3, 1), missing(4, 1)])
  })
  test('the end of a log is judged once the log goes on', async () => {
    const { events } = story()
    expect(await reasons(events.toSpliced(2, 1))).toEqual([])
    expect(await reasons([...events.toSpliced(2, 1), beat(clock.ms + promiseMs - 1000)])).toEqual([])
    expect(await reasons([...events.toSpliced(2, 1), beat(clock.ms + promiseMs + 1000)])).toEqual([missing(3, 2)])
  })
  test('a number twice, none, or one that is no number', async () => {
    const { events, all } = story()
    const other = (writer: unknown) => ({ ...refusal(), writer }) as Event
    const [{ writer }] = events as [Event & { writer: Writer }]
    expect(await reasons(all([...events, other({ ...writer, n: 3 })]))).toEqual(['5: number 3 of its process is there twice'])
    for (const bad of [{ ...writer, n: 0 }, { ...writer, n: 1.5 }, { ...writer, n: '3' }, { ...writer, n: 6, open: [7] }, { ...writer, n: 6, open: [3, 2] }, { ...writer, n: 6, open: [2, 2] }, { ...writer, n: 6, open: '2' }, { ...writer, n: 6, open: [1] }, { ...writer, n: 6, open: [1, 2] }, { id: 'evt_1', n: 6 }, 6, null]) {
      expect(await reasons(all([...events, other(bad)])), JSON.stringify(bad)).toEqual(['5: its number among the events of its process is none'])
    }
    expect(await reasons(all([...events, refusal()]))).toEqual(['5: it has no number, and processes number their events here'])
    expect(await reasons([refusal(), ...all()])).toContain('0: it has no number, and processes number their events here')
  })
  test('events from before there were numbers need none', async () => {
    const earlier = createIds(() => start - minuteMs)
    clock.ms = start - minuteMs
    const before = [refusal(undefined, earlier('evt')), refusal(undefined, earlier('evt'))]
    const { all } = story()
    expect(await reasons([...before, ...all()])).toEqual([])
    expect(await reasons([...all(), ...before])).toEqual([])
    expect(await reasons(before)).toEqual([])
  })
  test('a process without its key, with two, or with another\'s', async () => {
    const { events, all } = story()
    const [first] = events as [Event & { writer: Writer; change: object }]
    expect(await reasons(all([{ ...first, change: { key: 'x' } } as unknown as Event, ...events.slice(1)]))).toEqual(['0: it holds no key'])
    expect(await reasons(all([...events, { ...first, id: ids('evt'), writer: { ...first.writer, n: 6 } } as Event]))).toEqual(['5: the first event of a process, and no other, holds its key'])
    expect(await reasons(all([refusal({ id: first.id, n: 1 }, first.id), ...events.slice(1)]))).toEqual(['0: the first event of a process, and no other, holds its key'])
    expect(await reasons(all([{ ...first, id: ids('evt') } as Event, ...events.slice(1)]))).toEqual(['0: the first event of a process, and no other, holds its key'])
  })
  test('the first event of a process is never in flight when another is numbered, so no process is without one', async () => {
    const { writing, events, all } = story([])
    const [two, three] = [2, 3].map((n) => refusal({ id: writing.id, n }))
    expect(await reasons(all([...events, two!, three!]))).toEqual([])
    expect(await reasons(all([two!, three!]))).toEqual([missing(1, 0)])
    const lying = [2, 3].map((n) => refusal({ id: writing.id, n, open: [1] }))
    expect(await reasons(all(lying))).toEqual(['0: its number among the events of its process is none', '1: its number among the events of its process is none'])
  })
  test('a number out of all bounds costs no memory', async () => {
    const { events, all } = story()
    expect(await reasons(all([...events, refusal({ id: events[0]!.id, n: 2 ** 50 })]))).toEqual(['5: so many numbers of processes are missing before it that they are not counted one by one'])
  })
  test('where the first entries were removed, a process that is older may lack its first numbers, and no later one', () => {
    const judged = (events: readonly Event[], removed: number | null) => {
      const writers = createWriters()
      for (const [index, event] of events.entries()) writers.take(readEntry(entryOf(event)), index)
      if (removed !== null) writers.removed(new Date(removed).toISOString())
      return writers.end().findings.map(({ reason }) => Number(/number (\d+)/.exec(reason)?.[1]))
    }
    const { writing, events } = story([[], [], []])
    const cut = clock.ms + 1
    clock.ms += 3_600_000
    const later = [5, 6, 7, 8, 9].map((n) => { clock.ms += 40 * 60_000; return refusal({ id: writing.id, n }) })
    const end = beat(clock.ms + 31 * minuteMs)
    expect(judged([...later, end], cut)).toEqual([])                           // the rest lay in what was removed
    expect(judged([...later, end], null)).toEqual([1, 2, 3, 4])
    expect(judged([...later.toSpliced(2, 1), end], cut)).toEqual([7])
    expect(judged([...later, end], start - minuteMs)).toEqual([1, 2, 3, 4])     // it began after that
    expect(events.length).toBe(4)
  })
  test('an event that lies here by digest alone still has its number', async () => {
    const { events, all } = story()
    const large = events.with(2, { ...events[2]!, accesses: Array.from({ length: 900 }, (_, i) => ({ action: 'select', resource: `public.${'x'.repeat(80)}${i}` })) } as Event)
    expect(await check((await logOf(all(large).map(entryOf))).log)).toMatchObject({ ok: true, counts: { digests: 1, lost: 0 } })
  })
})

describe('times', () => {
  const dated = (event: Event, at: string, change: object = {}) => ({ ...event, at, ...change }) as Event
  const far = '9999-12-31T23:59:59.999Z'
  const farId = createIds(() => Date.parse(far))('evt')
  test('an event is not dated long after its id; what became of an intent may be', async () => {
    const { events, all } = story()
    const after = (minutes: number) => new Date(Date.parse(events[4]!.at) + minutes * minuteMs).toISOString()
    expect(await reasons(all(events.with(4, dated(events[4]!, after(14)))))).toEqual([])
    expect(await reasons(all(events.with(4, dated(events[4]!, after(16)))))).toEqual(['4: it is dated long after the time in its id'])
    expect(await reasons(all(events.with(4, dated(events[4]!, after(-60)))))).toEqual([])
  })
  test('a process does not number a day-old event after a young one, in whatever order they come', async () => {
    const { events, all } = story()
    const [a, b, c, d, e] = events as [Event, Event, Event, Event, Event]
    const ahead = dated(c, new Date(Date.parse(c.at) + 25 * 60 * minuteMs).toISOString(), { id: createIds(() => Date.parse(c.at) + 25 * 60 * minuteMs)('evt') })
    expect(await reasons(all([a, b, ahead, d, e]))).toEqual(['3: it is dated more than a day before what its process numbered earlier'])
    expect(await reasons(all([a, b, d, e, ahead]))).toEqual(['4: it is dated more than a day after what its process numbered later'])
    const slow = dated(c, new Date(Date.parse(c.at) + 23 * 60 * minuteMs).toISOString(), { id: createIds(() => Date.parse(c.at) + 23 * 60 * minuteMs)('evt') })
    expect((await reasons([a, b, slow, d, e])).filter((reason) => reason.includes('dated'))).toEqual([])
  })
  test('one that is dated far after all that follows it is told, and the end of the log is judged without it', async () => {
    const { events } = story()
    const stray = createWriting(farId, far).first
    expect(await reasons([...events, stray])).toEqual([])                       // a log may have been silent for long
    expect(await reasons([...events.slice(0, 2), stray, ...events.slice(3)])).toEqual(['2: it is dated more than a month after everything that follows it'])
    const late = createIds(() => Date.parse(far))
    expect(await reasons([...events, stray, dated(refusal(), events[4]!.at, { id: late('evt'), writer: { id: stray.id, n: 2 } })])).toEqual(['6: it is dated more than a day before what its process numbered earlier'])
  })
  test('a heartbeat is nobody\'s, has no number, and is of the time in its id', async () => {
    const { events, all } = story()
    const whole = beat(clock.ms)
    expect(await reasons(all([...events, whole]))).toEqual([])
    const nobodys = '5: a heartbeat is nobody\'s, and of the time in its id'
    for (const change of [{ who: { subject: 'user:mallory@acme.dev' } }, { session: 'ses_1' }, { at: new Date(clock.ms + 1).toISOString() }]) expect(await reasons(all([...events, { ...whole, ...change } as Event])), JSON.stringify(change)).toEqual([nobodys])
    expect(await reasons(all([...events, { ...whole, writer: { id: events[0]!.id, n: 6 } } as Event]))).toEqual(['5: a heartbeat has no number'])
    expect(await reasons(all(events.with(2, { ...events[2]!, kind: 'heartbeat' } as unknown as Event)))).toEqual(['2: a heartbeat has no number', missing(3, 3)])
  })
})

describe('promises', () => {
  const given = () => {
    const { writing, events } = story()
    const now = clock.ms
    const promises = events.slice(1).map((event) => parsePromise(promiseOf(event as Event & { writer: Writer }, writing, now)))
    const judge = async (log: readonly Event[], nowMs = now, list = promises) => {
      const report = await check((await logOf(log.map(entryOf))).log, { promises: { given: list, nowMs } })
      const { kept, due } = report.promises
      return { kept, due, broken: report.findings.filter(({ path }) => path === 'promise').map(({ id, reason }) => `${events.findIndex((event) => event.id === id)}: ${reason.replaceAll(/evt_\w+/g, 'W').replaceAll(/\d{4}-\S+Z/g, 'T')}`) }
    }
    return { writing, events, all: (given: readonly Event[] = events) => [...given, another(now + 31 * minuteMs)], now, promises, judge }
  }
  test('kept', async () => {
    const { all, judge } = given()
    expect(await judge(all())).toEqual({ kept: 4, due: 0, broken: [] })
  })
  test('an event that is not in the log: due until its time, then broken, by the log\'s time or the clock\'s', async () => {
    const { events, judge, now, all } = given()
    const without = events.toSpliced(4, 1)
    expect(await judge(without)).toEqual({ kept: 3, due: 1, broken: [] })
    const broken = ['4: it was promised to be in the log by T, and is not']
    expect(await judge(without, now + promiseMs + 2000)).toEqual({ kept: 3, due: 0, broken })
    expect(await judge(all(without))).toEqual({ kept: 3, due: 0, broken })     // the last of its process: no number shows that it is gone
  })
  test('an event that says something else by now', async () => {
    const { events, all, judge } = given()
    const forged = events.with(2, { ...events[2]!, connection: 'billing' } as Event)
    expect(await judge(all(forged))).toEqual({ kept: 3, due: 0, broken: ['2: what was promised is another event than the log has under this id'] })
  })
  test('an event that came too late', async () => {
    const { events, all, judge } = given()
    expect((await judge([...all(events.slice(0, 4)), events[4]!])).broken).toEqual(['4: it was promised to be in the log by T, and came into it after events of T'])
  })
  test('times of heartbeats break none: whoever can write to the ledger can write one of any time', async () => {
    const { events, all, judge } = given()
    const forged = beat(Date.parse('9999-12-31T23:59:59.999Z'))
    expect(await judge(all([...events.slice(0, 2), forged, ...events.slice(2)]))).toEqual({ kept: 4, due: 0, broken: [] })
    expect((await judge([...events.slice(0, 4), forged]))).toEqual({ kept: 3, due: 1, broken: [] })
  })
  test('a process that the log does not certify, and a promise that it did not sign', async () => {
    const { events, all, judge, writing, now } = given()
    const thief = createWriting(writing.id, new Date(now).toISOString())
    const forged = parsePromise(promiseOf(events[2] as Event & { writer: Writer }, thief, now))
    expect((await judge(all(), now, [forged])).broken).toEqual(['2: the promise is not signed by the process it names, W'])
    const later = parsePromise(promiseOf(events[2] as Event & { writer: Writer }, writing, now + 3_600_000))
    expect((await judge(all(), now, [{ ...later, signature: parsePromise(promiseOf(events[2] as Event & { writer: Writer }, writing, now)).signature }])).broken).toEqual(['2: the promise is not signed by the process it names, W'])
    expect((await judge(all(events.slice(1)))).broken).toEqual([1, 2, 3, 4].map((n) => `${n}: the process that promised it, W, is not certified in the log`))
  })
  test('of an entry that was removed by the log\'s own word nothing is said, of a younger one all is', async () => {
    const { events, promises, now } = given()
    const judged = (removed: string | null) => {
      const keeping = createPromises(promises, now + 3_600_000)
      if (removed !== null) for (const event of events) keeping.passed(leafHash(entryOf(event)))
      return keeping.end({ keyOf: () => null, reachMs: 0, removed })
    }
    expect(judged(new Date(start + 3_600_000).toISOString())).toMatchObject({ removed: 4, findings: [] })
    expect(judged(new Date(start - 1).toISOString())).toMatchObject({ removed: 0, findings: { length: 4 } })
    expect(judged(null)).toMatchObject({ removed: 0, findings: { length: 4 } })
    expect(events.length).toBe(5)
  })
  test('a promise has one spelling', () => {
    const { writing, events, now } = given()
    const text = promiseOf(events[1] as Event & { writer: Writer }, writing, now)
    expect(text.length).toBeLessThan(230)
    for (const bad of ['', 'v1', `${text} `, text.replace('v1.', 'v2.'), `${text}=`, text.replace(/\.(\d+)\.evt/, '.0$1.evt'), text.toLowerCase(), text.slice(0, -1), text.replace(/.$/, (last) => last === 'A' ? 'B' : 'A').replace(/.$/, (last) => String.fromCharCode(last.charCodeAt(0) + 1))]) expect(() => parsePromise(bad), bad).toThrow()
  })
})
