import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { IntentEvent } from '../../schema/event.ts'
import { intentEvent, iso, outcomeEvent, refusalEvent } from './ledger.ts'
import type { Rig } from './rig.ts'

/** What Ledger promises the sweeper, whoever keeps it. */
export function unsettledContract(name: string, create: () => Promise<Rig>): void {
  describe(`ledger by ${name}`, () => {
    let rig: Rig
    beforeEach(async () => { rig = await create() })
    afterEach(() => rig.close())

    test('unsettled: intents past settleBy without an outcome, also of a process that is gone, oldest first', async () => {
      const [done, lost, fresh] = [intentEvent(rig.other()), intentEvent(rig.other()), intentEvent(rig.other(), { settleBy: iso(rig.clock.ms + 600_000) })]
      for (const event of [done, lost, fresh, outcomeEvent(rig.ports, done)]) await rig.ports.ledger.append(event)
      expect(await rig.ports.ledger.unsettled(rig.clock.ms + 45_000, 10)).toEqual([])
      expect(await rig.ports.ledger.unsettled(rig.clock.ms + 45_001, 10)).toEqual([lost])
    })

    test('unsettled finds an intent whose clock ran ahead of the sweeper, and one over midnight, days later too', async () => {
      rig.clock.ms = Date.parse('2026-11-22T23:59:59.999Z')
      const late = intentEvent(rig.ports)
      await rig.ports.ledger.append(late)
      expect(await rig.ports.ledger.unsettled(rig.clock.ms - 10_000, 10)).toEqual([])
      expect(await rig.ports.ledger.unsettled(rig.clock.ms + 40 * 86_400_000, 10)).toEqual([late])
    })

    test('the sweeper\'s place is kept: what is settled is not read again, what is open holds it back', async () => {
      const hour = 3_600_000
      const open = intentEvent(rig.ports, { settleBy: iso(rig.clock.ms + hour) })
      await rig.ports.ledger.append(open)
      rig.clock.ms += hour / 2
      expect(await rig.ports.ledger.unsettled(rig.clock.ms, 10)).toEqual([])
      rig.clock.ms += 30 * hour
      expect(await rig.other().ledger.unsettled(rig.clock.ms + 71 * hour, 10)).toEqual([open])
      await rig.ports.ledger.append(outcomeEvent(rig.ports, open, 'sweeper'))
      rig.clock.ms += 80 * hour
      await rig.ports.ledger.append(refusalEvent(rig.ports))
      expect(await rig.ports.ledger.unsettled(rig.clock.ms, 10)).toEqual([])
      rig.calls()
      expect(await rig.ports.ledger.unsettled(rig.clock.ms + 1, 10)).toEqual([])
      expect(rig.calls().filter((operation) => operation === 'Query').length).toBeLessThanOrEqual(17)
    })

    test('the sweeper reads an event twice, whenever it looks: when it is new, and when nothing more can come beside it', async () => {
      const minute = 60_000
      const open: IntentEvent[] = []
      const sweeper = rig.other()
      for (let n = 0; n < 90; n++) {
        rig.clock.ms += 20_000
        for (let i = 0; i < 4; i++) {
          const intent = intentEvent(rig.ports, { settleBy: iso(rig.clock.ms + 60 * minute) })
          await rig.ports.ledger.append(intent)
          if (n % 30 === 7 && i === 0) open.push(intent)
          else await rig.ports.ledger.append(outcomeEvent(rig.ports, intent))
        }
        if (n === 0) rig.given()
        rig.clock.ms += 40_000
        expect(await sweeper.ledger.unsettled(rig.clock.ms, 10)).toEqual(open.filter(({ settleBy }) => Date.parse(settleBy) < rig.clock.ms))
      }
      expect(rig.given()).toBeLessThan(2.2 * 90 * 8 + 2 * 90)        // and each time the days there are
      for (const intent of open.slice(1)) await rig.ports.ledger.append(outcomeEvent(rig.ports, intent))
      expect(await rig.other().ledger.unsettled(rig.clock.ms + 300 * minute, 10)).toEqual(open.slice(0, 1))
    })

    test('an intent that is stored as late as it may be is found, also where the sweeper has looked at its time already', async () => {
      const late = intentEvent(rig.ports)
      for (let n = 0; n < 70; n++) {
        if (n === 1) { rig.clock.ms -= 15_000; await rig.ports.ledger.append(late) }
        rig.clock.ms += 60_000
        await rig.ports.ledger.append(refusalEvent(rig.ports))
        const found = await rig.other().ledger.unsettled(rig.clock.ms, 10)
        if (found.length > 0) { expect(found).toEqual([late]); return }
      }
      expect.unreachable('it was never found')
    })
  })
}
