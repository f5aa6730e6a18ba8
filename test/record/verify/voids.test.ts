import { describe, expect, test } from 'vitest'
import { createIds } from '../../../functions/aws/ulid.ts'
import { entryOf } from '../../../functions/record/log/entry.ts'
import { createWriting, voidOf } from '../../../functions/record/writer.ts'
import type { Event, Id, OutcomeEvent, Writer } from '../../../schema/event.ts'
import { correctionId, outcomeId } from '../../../schema/item.ts'
import { eventsOf } from '../log/sample.ts'
import { check, logOf } from './memory.ts'

/** Whole logs, signed by the right key, of one process whose numbers are all there: what is wrong is what stands under one of them. */
const minuteMs = 60_000
const start = Date.parse('2026-11-22T09:00:00.000Z')
const idAt = (ms: number): Id<'evt'> => createIds(() => ms)('evt')
const plain = [...eventsOf(6, start), eventsOf(60, start).find(({ kind }) => kind === 'refusal')!]
type Numbered = Event & { readonly writer: Writer }
/** intent, outcome, intent, outcome, …, and a refusal; half an hour later somebody says that the log went on. `instead`: of the event at this place. */
function story(instead: Readonly<Record<number, (event: Numbered) => Event>> = {}, more: readonly ((writer: Writer) => Event)[] = []): readonly Event[] {
  const writing = createWriting(idAt(start - 1), new Date(start - 1).toISOString())
  const number = (): Writer => { const { id, n } = writing.take(); writing.settle(n); return { id, n } }
  const events = plain.map((event, at) => { const numbered = { ...event, writer: number() } as Numbered; return instead[at]?.(numbered) ?? numbered })
  const end = { ...events[6]!, id: idAt(start + 90 * minuteMs), at: new Date(start + 90 * minuteMs).toISOString(), kind: 'explain', change: {}, writer: number() } as unknown as Event
  return [writing.first, ...events, ...more.map((make) => make(number())), end]
}
const judged = async (events: readonly Event[]) => {
  const report = await check((await logOf(events.map(entryOf))).log)
  return { voids: report.counts.voids, findings: report.findings.map(({ index, reason }) => `${index}: ${reason.replace(/evt_\w+/, 'E')}`) }
}
const unsaid = (at: number) => [`${at}: it does not say which event was not stored, of which kind`]
const nowhere = (at: number) => [`${at}: it says that E was not stored because its id was taken, and nothing has that id`]

describe('a void', () => {
  test('in place of a refusal or an intent, under its own id, says which it is, and is counted', async () => {
    expect(await judged(story())).toEqual({ voids: 0, findings: [] })
    expect(await judged(story({ 6: (event) => voidOf(event, event.id) }))).toEqual({ voids: 1, findings: [] })
  })
  test('never stands where an outcome or a correction would', async () => {
    const wrong = (at: number) => [`${at}: it stands where an outcome or a correction would, and those are written again and never voided`]
    expect((await judged(story({ 1: (event) => voidOf(event, event.id) }))).findings).toEqual(wrong(2))
    expect((await judged(story({ 1: (event) => ({ ...voidOf(event, event.id), change: { kind: 'refusal', id: event.id } }) }))).findings).toEqual(wrong(2))
    const both = story({ 0: (event) => voidOf(event, event.id), 1: (event) => voidOf(event, event.id) })
    expect((await judged(both)).findings).toEqual(wrong(2))
    const id = eventsOf(1, start)[0]!.id
    expect((await judged(story({ 6: (event) => voidOf({ ...event, kind: 'correction' } as Numbered, correctionId(id, 1)) }))).findings).toEqual(wrong(7))
  })
  test('under an id of its own, of an event whose id somebody else took', async () => {
    const taken = (intent: Event) => (writer: Writer): Event => voidOf({ ...intent, id: outcomeId(intent.id), kind: 'outcome', intent: intent.id, writer } as OutcomeEvent & { writer: Writer }, idAt(start + minuteMs))
    expect(await judged(story({}, [taken(plain[0]!)]))).toEqual({ voids: 1, findings: [] })
    const events = story({}, [taken(plain[0]!)])
    const last = events.length - 2
    expect(await judged([...events.slice(0, 2), events[last]!, ...events.slice(2, last), ...events.slice(last + 1)])).toEqual({ voids: 1, findings: [] })   // the other's outcome comes after it
    // An outcome is not voided by its age: somebody's is stored, however late.
    expect((await judged(story({ 1: (event) => voidOf(event, idAt(start + 60 * minuteMs)) }))).findings).toEqual(nowhere(2))
    expect((await judged(story({ 1: (event) => voidOf(event, idAt(start + minuteMs)) }))).findings).toEqual(nowhere(2))
  })
  test('under an id of its own, of an event that came to be too old', async () => {
    expect((await judged(story({ 6: (event) => voidOf(event, idAt(start + 31 * minuteMs)) }))).findings).toEqual([])
    expect((await judged(story({ 6: (event) => voidOf(event, idAt(start + 15 * minuteMs)) }))).findings).toEqual([])
    expect((await judged(story({ 6: (event) => voidOf(event, idAt(start + 13 * minuteMs)) }))).findings).toEqual(nowhere(7))
  })
  test('of the newest quarter of an hour is not judged: what it names may still come', async () => {
    expect((await judged(story({ 6: (event) => voidOf(event, idAt(start + 76 * minuteMs)) }).slice(0, 8))).findings).toEqual([])
    const young = story({ 6: (event) => ({ ...voidOf(event, idAt(start + 76 * minuteMs)), change: { kind: 'refusal', id: idAt(start + 75 * minuteMs) } }) })
    expect((await judged(young)).findings).toEqual([])
  })
  test('that names nothing, something that is no event, a kind there is not, or one that no void stands for', async () => {
    for (const change of [{}, { kind: 'refusal' }, { kind: 'refusal', id: 'evt_1' }, { id: idAt(start) }, { kind: 'nothing', id: 0 }, { kind: 'void', id: 0 }, { kind: 'heartbeat', id: 0 }, { kind: 'writer', id: 0 }, { kind: 'outcome', id: 0 }, { kind: 'correction', id: 0 }]) {
      expect((await judged(story({ 6: (event) => ({ ...voidOf(event, event.id), change: { ...change, ...('id' in change && change.id === 0 ? { id: event.id } : {}) } }) }))).findings, JSON.stringify(change)).toEqual(unsaid(7))
    }
    expect((await judged(story({ 6: (event) => ({ ...voidOf(event, event.id), change: { kind: 'refusal', id: outcomeId(event.id) } }) }))).findings).toEqual(unsaid(7))
    expect((await judged(story({ 6: (event) => ({ ...voidOf(event, event.id), change: { kind: 'outcome', id: correctionId(event.id, 1) } }) }))).findings).toEqual(unsaid(7))
  })
  test('without a number stands for none', async () => {
    const { writer: _, ...bare } = voidOf({ ...eventsOf(1, start - 60 * minuteMs)[0]!, writer: { id: idAt(start), n: 2 } }, idAt(start - 60 * minuteMs))
    expect((await judged([bare, ...story()])).findings).toEqual(['0: a void stands for a number, and this one has none'])
  })
})
