import { expect } from 'vitest'
import type { Hints } from '../../functions/hint.ts'
import { decodeStage } from '../../functions/record/log/stage.ts'
import type { Event } from '../../schema/event.ts'
import { correctionId, timeOf } from '../../schema/item.ts'
import { intentEvent, outcomeEvent, refusalEvent } from '../contract/ledger.ts'
import type { LogWorld } from './world.ts'

const minute = 60_000

/** What Head promises of `mark`, held against all that is stored: older events are in the log, or belong to an intent that is awaited. */
export function expectMark({ memory, stored }: LogWorld): void {
  const head = memory.heads.at(-1)
  if (head === undefined) return
  const awaited = new Map(head.awaited.map(({ id, until }) => [id, until]))
  const bytes = memory.objects.get(head.bundle)                     // committed, and perhaps not brought into effect; let go of where it is
  const places = new Set([...memory.places.keys(), ...bytes ? decodeStage(head.bundle, bytes).ids : []])
  for (const event of stored.values()) {
    if (places.has(event.id) || timeOf(event.id) >= head.mark) continue
    const until = event.kind === 'outcome' || event.kind === 'correction' ? awaited.get(event.intent) : undefined
    expect(until === null || (event.kind === 'correction' && until !== undefined), `${event.kind} ${event.id} is older than the mark, not in the log, and not awaited`).toBe(true)
  }
}

/** Events that come as late as they may (`mostMs`), and what became of them later still: each call makes some, lets time pass and stores what is due. `hinted`: how many of those a sequencer is told of. */
export function createComing(world: LogWorld, draw: () => number, { mostMs, hinted, hints }: { readonly mostMs: number; readonly hinted: number; readonly hints: Hints }) {
  const coming: { readonly at: number; readonly event: () => Event }[] = []
  const come = (within: number, event: () => Event): void => { coming.push({ at: world.clock.ms + Math.floor(draw() ** 3 * within), event }) }
  return async () => {
    for (let i = Math.floor(draw() * 6); i > 0; i--) {
      const event = draw() < 0.5 ? refusalEvent(world.ids) : intentEvent(world.ids)
      come(mostMs, () => event)
      if (event.kind !== 'intent' || draw() < 0.1) continue
      const late = draw() < 0.3
      come((late ? 300 : 3) * minute, () => outcomeEvent(world.ids, event, late ? 'sweeper' : 'gate'))
      if (late) come(20 * 60 * minute, () => ({ ...outcomeEvent(world.ids, event), id: correctionId(event.id, 1), kind: 'correction' }))
    }
    world.clock.ms += Math.floor(draw() * 3 * minute)
    for (const due of coming.filter(({ at }) => at <= world.clock.ms)) {
      const event = due.event()
      // A correction is told beside an outcome, and an outcome after its intent.
      const before = event.kind === 'outcome' ? event.intent : event.kind === 'correction' ? `${event.id.slice(0, -1)}1` : null
      if (before !== null && !world.stored.has(before)) continue
      coming.splice(coming.indexOf(due), 1)
      if (await world.ledger.append(event) === 'stored' && draw() < hinted) hints.hint(event)
    }
  }
}
