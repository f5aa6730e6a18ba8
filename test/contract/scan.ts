import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Event, Id } from '../../schema/event.ts'
import { firstIdAt, outcomeId, timeOf } from '../../schema/item.ts'
import { common, intentEvent, outcomeEvent, refusalEvent } from './ledger.ts'
import type { Rig } from './rig.ts'

/** What Ledger promises of a scan, whoever keeps it. */
export function scanContract(name: string, create: () => Promise<Rig>): void {
  describe(`ledger by ${name}`, () => {
    let rig: Rig
    beforeEach(async () => { rig = await create() })
    afterEach(() => rig.close())

    /** Every id that a scan gives, and how early each could have been told to be over. */
    async function scanned(from: number, to: number | null): Promise<readonly string[]> {
      const ids: string[] = []
      let over = from
      for await (const { events, until } of rig.other().ledger.scan(from, to)) {
        for (const { id } of events) expect(timeOf(id)).toBeGreaterThanOrEqual(over)
        expect(until).toBeGreaterThanOrEqual(over)
        over = until
        ids.push(...events.map(({ id }) => id))
      }
      if (to !== null && from < to) expect(over).toBe(to)
      return ids
    }

    test('a scan gives all of a range once, over days and shards, in pieces from early to late', async () => {
      const events: Event[] = []
      for (let i = 0; i < 60; i++) {
        rig.clock.ms += i % 10 === 0 ? 86_400_000 * 3 : i % 3 * 40_000
        const intent = intentEvent(rig.ports)
        for (const event of [intent, outcomeEvent(rig.ports, intent)]) { events.push(event); await rig.ports.ledger.append(event) }
      }
      const expected = events.map(({ id }) => id).toSorted()
      const all = await scanned(0, rig.clock.ms + 1)
      expect(all.toSorted()).toEqual(expected)
      for (const { id, kind } of events) if (kind === 'intent') expect(all.indexOf(id)).toBeLessThan(all.indexOf(outcomeId(id)))
      const [from, to] = [timeOf(expected[30]!), timeOf(expected[90]!)]
      expect((await scanned(from, to)).toSorted()).toEqual(expected.filter((id) => timeOf(id) >= from && timeOf(id) < to))
      expect(await scanned(to, to)).toEqual([])
      expect(await scanned(to, from)).toEqual([])
    })

    test('a scan of one partition full in one millisecond: pages that neither repeat nor skip', async () => {
      const ids = Array.from({ length: 640 }, (_, n) => `${firstIdAt(rig.clock.ms).slice(0, 14)}${String(n).padStart(14, '0')}70` as Id<'evt'>)
      const next = ids.values()
      await Promise.all(Array.from({ length: 16 }, async () => { for (const id of next) await rig.ports.ledger.append({ ...refusalEvent(rig.ports), id }) }))
      expect((await scanned(rig.clock.ms, rig.clock.ms + 1)).toSorted()).toEqual(ids.toSorted())
    })

    test('a scan without an end gives what clocks that run ahead wrote; the smallest id of a time belongs to what begins there', async () => {
      const edge = rig.clock.ms + 60_000
      const beat: Event = { ...common(rig.ports), id: firstIdAt(edge), kind: 'heartbeat', change: {} }
      await rig.ports.ledger.append(beat)
      const ids = [beat.id]
      for (const ahead of [0, 20 * 60_000, 9 * 86_400_000]) {
        rig.clock.ms += ahead
        const event = refusalEvent(rig.ports)
        await rig.ports.ledger.append(event)
        rig.clock.ms -= ahead
        ids.push(event.id)
      }
      expect((await scanned(rig.clock.ms, null)).toSorted()).toEqual(ids.toSorted())
      expect(await scanned(edge - 1, edge)).toEqual([])
      expect(await scanned(edge, edge + 1)).toEqual([beat.id])
    })

    test('a scan asks for what there is: a month without events costs nothing, a minute of one day one query a partition', async () => {
      await rig.ports.ledger.append(refusalEvent(rig.ports))
      rig.clock.ms += 30 * 86_400_000
      await rig.ports.ledger.append(refusalEvent(rig.ports))
      rig.calls()
      expect(await scanned(rig.clock.ms - 29 * 86_400_000, rig.clock.ms - 86_400_000)).toEqual([])
      expect(rig.calls()).toEqual(['Query'])
      expect(await scanned(rig.clock.ms - 30_000, rig.clock.ms + 30_000)).toHaveLength(1)
      expect(rig.calls()).toHaveLength(17)
    })
  })
}
