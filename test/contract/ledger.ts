import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Event, Id, IntentEvent, OutcomeEvent, RefusalEvent } from '../../schema/event.ts'
import { correctionId, eventKey, outcomeId } from '../../schema/item.ts'
import { CursorError, type Ports } from '../../functions/ports.ts'
import type { Rig } from './rig.ts'

export const iso = (at: number) => new Date(at).toISOString()
type Ids = Pick<Ports, 'now' | 'id'>

export function common({ now, id }: Ids) {
  return {
    id: id('evt'), at: iso(now()), evaluation: id('eval'), session: id('ses'), connection: 'shop', policy: 'p'.repeat(64),
    who: { issuer: 'local', subject: 'agent:bot', actors: ['agent:helper'], groups: ['support-agents'], roles: ['support'] },
  }
}
export function intentEvent(ids: Ids, more: Partial<IntentEvent> = {}): IntentEvent {
  return {
    ...common(ids), kind: 'intent', statements: [{ sql: 'select "😀", \u0000', params: [1, null, { a: ['b'] }] }], purpose: null, accesses: [], rules: [], masks: {}, revealed: [],
    deadline: iso(ids.now() + 5_000), settleBy: iso(ids.now() + 45_000), ...more,
  }
}
export function refusalEvent(ids: Ids, more: Partial<RefusalEvent> = {}): RefusalEvent {
  return { ...common(ids), kind: 'refusal', statements: [], purpose: null, accesses: [], refusal: { slug: 'denied', reason: 'no_rule', detail: 'no', next: 'none' }, ...more }
}
export function outcomeEvent(ids: Ids, intent: IntentEvent, by: 'gate' | 'sweeper' = 'gate'): OutcomeEvent {
  return {
    ...common(ids), evaluation: intent.evaluation, session: intent.session, who: intent.who, connection: intent.connection, id: outcomeId(intent.id), kind: 'outcome', intent: intent.id, status: by === 'gate' ? 'succeeded' : 'unknown', rowCounts: [1], truncated: false, refusal: null, durationMs: 1, by,
  }
}

/** What Ledger promises of single events and of lists, whoever keeps it; what it promises of whole ranges is in scan.ts, of intents that nobody settled in unsettled.ts. */
export function ledgerContract(name: string, create: () => Promise<Rig>): void {
  describe(`ledger by ${name}`, () => {
    let rig: Rig
    beforeEach(async () => { rig = await create() })
    afterEach(() => rig.close())
    const list = async (filter = {}, limit = 100, after: string | null = null) => rig.ports.ledger.list(filter, { limit, after })
    async function all(filter = {}, limit = 7): Promise<Event[]> {
      const events: Event[] = []
      for (let after: string | null = null; ;) {
        const page = await list(filter, limit, after)
        expect(page.events.length).toBeLessThanOrEqual(limit)
        events.push(...page.events)
        if (page.next === null) return events
        after = page.next
      }
    }

    test('an event comes back as it was written, by one read of its id', async () => {
      const event = intentEvent(rig.ports)
      expect(await rig.ports.ledger.append(event)).toBe('stored')
      rig.calls()
      expect(await rig.other().ledger.get(event.id)).toEqual(event)
      expect(rig.calls()).toEqual(['GetItem'])
      expect(await rig.ports.ledger.get(rig.ports.id('evt'))).toBeNull()
      for (const odd of ['evt_', 'evt_../../x', `evt_${'Z'.repeat(26)}`, 'evt_7ZZZZZZZZZZZZZZZZZZZZZZZZZ']) expect(await rig.ports.ledger.get(odd as Id<'evt'>)).toBeNull()
    })

    test('after the first event of a day an append is one write', async () => {
      await rig.ports.ledger.append(refusalEvent(rig.ports))
      rig.calls()
      await rig.ports.ledger.append(intentEvent(rig.ports))
      expect(rig.calls()).toEqual(['PutItem'])
    })

    test('stored, and its answer lost: sent again it is stored, once', async () => {
      const event = intentEvent(rig.ports)
      await rig.ports.ledger.append(refusalEvent(rig.ports))
      rig.break({ after: 'drop' }, { only: 1 })
      expect(await rig.ports.ledger.append(event)).toBe('stored')
      expect(await rig.ports.ledger.append(event)).toBe('stored')
      expect(await all({ kind: 'intent' })).toEqual([event])
    })

    test('not stored: says store-unavailable, and nothing is there', async () => {
      const event = intentEvent(rig.ports)
      rig.break({ before: 'throttle' })
      await expect(rig.ports.ledger.append(event)).rejects.toMatchObject({ code: 'store-unavailable' })
      rig.heal()
      expect(await rig.ports.ledger.get(event.id)).toBeNull()
    })

    test('stored, and every answer lost: says store-unavailable, and it is there', async () => {
      const event = intentEvent(rig.ports)
      await rig.ports.ledger.append(refusalEvent(rig.ports))
      rig.break({ after: 'error' })
      await expect(rig.ports.ledger.append(event)).rejects.toMatchObject({ code: 'store-unavailable' })
      rig.heal()
      expect(await rig.ports.ledger.get(event.id)).toEqual(event)
    })

    test('an id is written once: another event under it changes nothing', async () => {
      const event = refusalEvent(rig.ports)
      await rig.ports.ledger.append(event)
      await expect(rig.ports.ledger.append({ ...event, connection: 'billing' })).rejects.toMatchObject({ code: 'internal' })
      expect(await rig.ports.ledger.get(event.id)).toEqual(event)
    })

    test('an intent has one outcome, whoever comes first, and corrections lie beside it', async () => {
      const intent = intentEvent(rig.ports)
      await rig.ports.ledger.append(intent)
      const [gate, sweeper] = [outcomeEvent(rig.ports, intent), outcomeEvent(rig.ports, intent, 'sweeper')]
      const answers = await Promise.all([rig.ports.ledger.append(gate), rig.other().ledger.append(sweeper)])
      expect(answers.toSorted()).toEqual(['already', 'stored'])
      const correction = { ...gate, id: correctionId(intent.id, 1), kind: 'correction' as const }
      expect(await rig.ports.ledger.append(correction)).toBe('stored')
      expect(await rig.ports.ledger.get(outcomeId(intent.id))).toEqual(answers[0] === 'stored' ? gate : sweeper)
      expect((await all()).map(({ kind }) => kind)).toEqual(['correction', 'outcome', 'intent'])
    })

    test('an outcome under an id its intent does not give is refused, so that no second one can exist', async () => {
      const intent = intentEvent(rig.ports)
      await rig.ports.ledger.append(intent)
      await expect(rig.ports.ledger.append({ ...outcomeEvent(rig.ports, intent), id: rig.ports.id('evt') })).rejects.toMatchObject({ code: 'internal' })
    })

    test('an intent that slept longer than a minute before it is written is not written', async () => {
      const intent = intentEvent(rig.ports)
      rig.clock.ms += 61_000
      await expect(rig.ports.ledger.append(intent)).rejects.toMatchObject({ code: 'store-unavailable' })
      expect(await rig.ports.ledger.get(intent.id)).toBeNull()
    })

    test('what slept over a quarter of an hour is not written, or the log would look for it in vain; what became of an intent always is', async () => {
      const [late, intent] = [refusalEvent(rig.ports), intentEvent(rig.ports)]
      await rig.ports.ledger.append(intent)
      rig.clock.ms += 15 * 60_000 + 1
      await expect(rig.ports.ledger.append(late)).rejects.toMatchObject({ code: 'store-unavailable' })
      expect(await rig.ports.ledger.get(late.id)).toBeNull()
      rig.clock.ms += 40 * 86_400_000
      expect(await rig.ports.ledger.append(outcomeEvent(rig.ports, intent, 'sweeper'))).toBe('stored')
      expect(await rig.ports.ledger.append({ ...outcomeEvent(rig.ports, intent), id: correctionId(intent.id, 1), kind: 'correction' })).toBe('stored')
    })

    test('a list is newest first over days and shards, in pages that neither repeat nor skip', async () => {
      const events: Event[] = []
      for (let i = 0; i < 60; i++) {
        rig.clock.ms += i % 10 === 0 ? 86_400_000 : i % 3
        events.push(refusalEvent(rig.ports))
        for (const event of events.slice(-1)) await rig.ports.ledger.append(event)
      }
      expect(new Set(events.map(({ id }) => eventKey(id).pk)).size).toBeGreaterThan(20)
      const expected = events.toSorted((a, b) => (a.id < b.id ? 1 : -1))
      expect(await all({}, 7)).toEqual(expected)
      expect(await all({}, 100)).toEqual(expected)
    })

    test('new events do not disturb who is paging', async () => {
      for (let i = 0; i < 10; i++) { rig.clock.ms++; await rig.ports.ledger.append(refusalEvent(rig.ports)) }
      const first = await list({}, 4)
      rig.clock.ms++
      await rig.ports.ledger.append(refusalEvent(rig.ports))
      const second = await list({}, 100, first.next)
      expect(second.events).toHaveLength(6)
      expect(second.events.every(({ id }) => id < (first.events.at(-1)?.id ?? ''))).toBe(true)
    })

    test('filters: each one, several together, a range that holds its start and not its end', async () => {
      const one = intentEvent(rig.ports)
      await rig.ports.ledger.append(one)
      rig.clock.ms += 1000
      const two = refusalEvent(rig.ports, { connection: 'billing', session: null })
      await rig.ports.ledger.append(two)
      rig.clock.ms += 86_400_000
      const three = refusalEvent(rig.ports, { who: { issuer: 'local', subject: 'user:ada', actors: [], groups: [], roles: [] } })
      const four: Event = { ...common(rig.ports), who: null, session: null, connection: null, kind: 'start', change: {} }
      for (const event of [three, four]) await rig.ports.ledger.append(event)
      const ids = async (filter: object) => (await all(filter)).map(({ id }) => [one, two, three, four].findIndex((event) => event.id === id) + 1)
      expect(await ids({ connection: 'billing' })).toEqual([2])
      expect(await ids({ subject: 'user:ada' })).toEqual([3])
      expect(await ids({ actor: 'agent:helper' })).toEqual([2, 1])
      expect(await ids({ actor: 'agent:help' })).toEqual([])
      expect(await ids({ kind: 'refusal', subject: 'agent:bot' })).toEqual([2])
      expect(await ids({ session: one.session })).toEqual([1])
      expect(await ids({ evaluation: three.evaluation })).toEqual([3])
      expect(await ids({ from: two.at })).toEqual([4, 3, 2])
      expect(await ids({ from: one.at, to: three.at })).toEqual([2, 1])
      expect(await ids({ from: three.at, to: one.at })).toEqual([])
    })

    test('a cursor belongs to its filter, and nothing else passes for one', async () => {
      for (let i = 0; i < 3; i++) await rig.ports.ledger.append(refusalEvent(rig.ports))
      const { next } = await list({ kind: 'refusal' }, 1)
      expect((await list({ kind: 'refusal' }, 5, next)).events).toHaveLength(2)
      for (const [filter, after] of [[{}, next], [{ kind: 'intent' }, next], [{}, ''], [{}, 'x'], [{}, Buffer.from('a'.repeat(46)).toString('base64url')]] as const) {
        await expect(list(filter, 5, after)).rejects.toThrow(CursorError)
      }
    })
  })
}
