import { describe, expect, test } from 'vitest'
import { createIds } from '../../../functions/aws/ulid.ts'
import { entryOf } from '../../../functions/record/log/entry.ts'
import { parsePromise, promiseOf, type Promised } from '../../../functions/record/promise.ts'
import { createWriting } from '../../../functions/record/writer.ts'
import { outcomeId } from '../../../schema/item.ts'
import type { Event, Id, IntentEvent } from '../../../schema/event.ts'
import { eventsOf, headNote } from '../log/sample.ts'
import { verifyLog } from '../../../functions/record/verify/verify.ts'
import { check, filesOf, key, logOf, signer } from './memory.ts'

const dayMs = 86_400_000
const start = Date.parse('2024-01-01T00:00:00.000Z')
const old = eventsOf(512, start)
const before = [...old].map(({ at }) => at).toSorted().at(-1)!
const later = (days: number, count = 30) => eventsOf(count, start + days * dayMs)
const prune = (days: number, change: Readonly<Record<string, unknown>> = {}): Event => ({ ...later(days, 40).at(-1)!, kind: 'prune', who: null, change: { first: 0, last: 511, before, retention: '1y', ...change } }) as unknown as Event
/** A log of these, without the bundles of entries that are named. */
async function judged(events: readonly Event[], gone: readonly string[] = ['tile/entries/000', 'tile/entries/001']) {
  const { log } = await logOf(events.map(entryOf))
  for (const path of gone) expect(log.delete(path)).toBe(true)
  const { findings, pruned } = await check(log)
  return { pruned, findings: findings.map(({ index, reason }) => `${index}: ${reason}`) }
}
/** An execution for an access request that was asked for at the time of an old event. */
function execution(days: number): Event {
  const intent = later(days, 60).find((event): event is IntentEvent => event.kind === 'intent' && event.request === undefined && event.id > later(days, 40).at(-1)!.id)!
  return { ...intent, request: old[7]!.id.replace('evt_', 'arq_') as Id<'arq'> }
}

describe('a log whose oldest entries are gone by its own word', () => {
  test('verifies', async () => {
    expect(await judged([...old, ...later(400), prune(400)])).toEqual({ pruned: 512, findings: [] })
  })
  test('an execution soon after what was removed may have been asked for among it; a later one has no such excuse', async () => {
    expect(await judged([...old, execution(20), ...later(400), prune(400)])).toEqual({ pruned: 512, findings: [] })
    const late = execution(400)
    expect((await judged([...old, ...later(400), prune(400), late])).findings).toEqual(['543: no access request is before it'])
    const dated = { ...execution(20), id: late.id }                 // whatever time it says itself, it came after the others
    expect((await judged([...old, ...later(400), prune(400), dated])).findings).toEqual(['543: no access request is before it'])
  })
  test('one that says of entries that are here that they are older than they are, or not which they are, is told', async () => {
    const lie = { before: old[300]!.at }
    const younger = '542: it says that entries were removed that are younger than it says'
    expect((await judged([...old, ...later(400), prune(400, lie)], [])).findings).toEqual([younger])
    expect((await judged([...old, ...later(400), prune(400, lie)], ['tile/entries/000'])).findings).toEqual([younger])
    for (const bad of [{ retention: '9y' }, { last: 767 }, { last: 500 }, { first: 256 }, { before: 'x' }]) {
      expect((await judged([...old, ...later(400), prune(400, bad)], [])).findings, JSON.stringify(bad)).toEqual(['542: it says that entries were removed, and not which and how old they were'])
    }
  })
  test('prunes that two sweepers recorded in another order than they looked give no alarm, also in different bundles', async () => {
    const smaller = { last: 255, before: old.slice(0, 256).map(({ at }) => at).toSorted().at(-1)! }
    const second = (days: number) => ({ ...prune(days, smaller), id: later(days, 45).at(-1)!.id }) as Event
    expect(await judged([...old, ...later(400), prune(400), second(400)])).toEqual({ pruned: 512, findings: [] })
    expect(await judged([...old, ...later(400), prune(400), ...later(401, 300), second(402)])).toEqual({ pruned: 512, findings: [] })
    const few = await judged([...old, ...later(400), prune(400, smaller)])
    expect(few).toMatchObject({ findings: ['256: the entries are missing'] })
  })
  test('whatever size a checkpoint says, and whatever prunes there are, the search for them ends where bundles do', async () => {
    const { log } = await logOf([...old, ...later(400)].map(entryOf), [542])
    log.set('checkpoint', await headNote(2 ** 50, Buffer.alloc(32, 1), signer))
    log.delete('tile/entries/000')
    let reads = 0
    const files = filesOf(log)
    const { ok } = await verifyLog({ ...files, read: (path, most) => { if (++reads > 50) throw new Error('without end'); return files.read(path, most) } }, { keys: [key], kept: [] })
    expect([ok, reads < 20]).toEqual([false, true])
  })
  test('an outcome whose intent may have been removed is taken for one for 15 days and no longer', async () => {
    const outcome = (days: number): Event => {
      const intent = createIds(() => Date.parse(before) - 1000)('evt')
      const like = later(days, 3).find(({ kind }) => kind === 'outcome')!
      return { ...like, id: outcomeId(intent), intent } as Event
    }
    expect(await judged([...old, outcome(14), ...later(400), prune(400)])).toEqual({ pruned: 512, findings: [] })
    const [late] = (await judged([...old, outcome(40), ...later(400), prune(400)])).findings
    expect(late).toMatch(/^512: the intent of this outcome, evt_\w+, is not before it$/)
    expect((await judged([...old, ...later(400), prune(400), outcome(14)])).findings).toContainEqual(expect.stringMatching(/^543: the intent of this outcome/))       // whatever time it says itself
  })
})

describe('a promise of what was removed', () => {
  const ids = (ms: number) => createIds(() => ms)('evt')
  const writing = createWriting(ids(start - 5000), new Date(start - 5000).toISOString())
  const refusal = old.find(({ kind }) => kind === 'refusal')!
  const numbered = (event: Event) => { const one = { ...event, writer: writing.take() }; writing.settle(one.writer.n); return one }
  const kept = numbered({ ...refusal, id: ids(start - 4000), at: new Date(start - 4000).toISOString() })
  const others = [...old.slice(0, 510), ...later(400), prune(400)].map(numbered)
  /** Its number stays open, as where its process dies. */
  const never = { ...refusal, id: ids(start - 3000), at: new Date(start - 3000).toISOString(), writer: writing.take() }
  const promise = (event: typeof kept): Promised => parsePromise(promiseOf(event, writing, start))
  async function promised(given: readonly Promised[], gone: readonly string[] = ['tile/entries/000', 'tile/entries/001']) {
    const { log } = await logOf([writing.first, kept, ...others].map(entryOf))
    for (const path of gone) log.delete(path)
    const { promises, findings } = await check(log, { promises: { given, nowMs: start + 400 * dayMs } })
    return { promises, reasons: findings.filter(({ path }) => path === 'promise').map(({ reason }) => reason) }
  }
  test('is kept while it is there, and removed by its hash when it is not', async () => {
    expect(await promised([promise(kept)], [])).toEqual({ promises: { kept: 1, due: 0, removed: 0 }, reasons: [] })
    expect(await promised([promise(kept)])).toEqual({ promises: { kept: 0, due: 0, removed: 1 }, reasons: [] })
  })
  test('that never came does not become one by the removal, nor one of another event under the same id', async () => {
    expect(await promised([promise(never)], [])).toMatchObject({ promises: { removed: 0 }, reasons: [expect.stringMatching(/and is not$/)] })
    expect(await promised([promise(never)])).toMatchObject({ promises: { removed: 0 }, reasons: [expect.stringMatching(/and is not, nor among what was removed$/)] })
    expect((await promised([{ ...promise(kept), leaf: promise(never).leaf }])).reasons).toHaveLength(1)
  })
  test('what is missing of a younger process is told, also soon after what was removed', async () => {
    const writing = createWriting(later(20)[0]!.id, later(20)[0]!.at)
    const refusals = eventsOf(400, start + 20 * dayMs + 1000).filter(({ kind }) => kind === 'refusal').slice(0, 4)
    const numbered = [...refusals, prune(400)].map((event, i) => ({ ...event, writer: { id: writing.id, n: i + 2 } }) as Event)
    expect((await judged([...old, writing.first, ...numbered])).findings).toEqual([])
    expect((await judged([...old, writing.first, ...numbered.toSpliced(1, 1)])).findings).toEqual([expect.stringMatching(/^514: event number 3 of its process .* is missing/)])
  })
})
