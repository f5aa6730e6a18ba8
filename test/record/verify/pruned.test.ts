import { describe, expect, test } from 'vitest'
import { entryOf } from '../../../functions/record/log/entry.ts'
import type { Event, Id, IntentEvent } from '../../../schema/event.ts'
import { eventsOf } from '../log/sample.ts'
import { check, logOf } from './memory.ts'

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
})
