import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type AccessRequest, repeatMs } from '../../schema/approval.ts'
import type { Id } from '../../schema/event.ts'
import { outcomeId } from '../../schema/item.ts'
import { nextOf } from '../support/requests.ts'
import { asking, type RequestRig } from './asking.ts'
import { intentEvent, outcomeEvent } from './ledger.ts'
import { oneFate } from './fate.ts'
import { listsAndResults } from './requestlist.ts'

const day = 86_400_000

/** What Requests promises, whoever keeps it. */
export function requestsContract(name: string, create: () => Promise<RequestRig>): void {
  describe(`requests by ${name}`, () => {
    let rig: RequestRig
    beforeEach(async () => { rig = await create() })
    afterEach(() => rig.close())
    const { asked, telling, put, stored, moved, all } = asking(() => rig)

    describe('create', () => {
      test('a request comes back as it was, its event with it, to every process', async () => {
        const request = asked()
        const event = telling(request)
        expect(await rig.requests.create(request, event, rig.clock.ms)).toEqual({ created: true })
        expect(await rig.other().get(request.id)).toEqual(request)
        expect(await rig.event(event.id)).toEqual(event)
        expect(await rig.requests.get(rig.ids.id('arq'))).toBeNull()
      })

      test('nothing but a request is read by an id, whatever the text', async () => {
        const request = await stored()
        await rig.requests.keep(request.id, Buffer.from('sealed'))
        for (const odd of [`call#${request.callKey}`, `result#${request.id}`, '', 'arq_', `${request.id}#`, request.id.toLowerCase(), ` ${request.id}`]) {
          expect(await rig.requests.get(odd as Id<'arq'>)).toBeNull()
          expect(await rig.requests.kept(odd as Id<'arq'>)).toBeNull()
        }
      })

      test('the same id again is created, also once people have decided and the call key leads elsewhere', async () => {
        const request = asked()
        const event = telling(request)
        await rig.requests.create(request, event, rig.clock.ms)
        expect(await rig.requests.create(request, event, rig.clock.ms)).toEqual({ created: true })
        await moved(request, 'cancelled')
        await stored({ callKey: request.callKey })
        expect(await rig.other().create(request, event, rig.clock.ms)).toEqual({ created: true })
        expect(await rig.requests.get(request.id)).toMatchObject({ status: 'cancelled', revision: 1 })
      })

      test('another request under an id that exists changes nothing', async () => {
        const request = await stored()
        const other = { ...asked(), id: request.id }
        await expect(put(other)).rejects.toMatchObject({ code: 'internal' })
        expect(await rig.requests.get(request.id)).toEqual(request)
      })

      test('an event that exists already keeps the request out', async () => {
        const event = telling(await stored(), 'approval')
        await rig.append(event)
        const request = asked()
        await expect(rig.requests.create(request, { ...event, request: request.id }, rig.clock.ms)).rejects.toMatchObject({ code: 'internal' })
        expect(await rig.requests.get(request.id)).toBeNull()
        expect(await rig.event(event.id)).toEqual(event)
      })

      test('of two that make one call at once one is stored, and both see it', async () => {
        const [one, two] = [asked(), asked()].map((request) => ({ ...request, callKey: 'c'.repeat(64) })) as [AccessRequest, AccessRequest]
        const events = [telling(one), telling(two)] as const
        const answers = await Promise.all([rig.requests.create(one, events[0], rig.clock.ms), rig.other().create(two, events[1], rig.clock.ms)])
        const winner = answers[0]?.created ? 0 : 1
        const request = winner === 0 ? one : two
        expect(answers[winner]).toEqual({ created: true })
        expect(answers[1 - winner]).toEqual({ created: false, existing: request })
        expect(await all({}, 10)).toEqual([request.id])
        expect(await rig.event(events[1 - winner]?.id ?? 'evt_')).toBeNull()
      })

      test('of many that repeat a call whose request is over one takes it', async () => {
        const first = await stored({ callKey: 'c'.repeat(64) })
        await moved(first, 'stale')
        const answers = await Promise.all(Array.from({ length: 8 }, (_, i) => put(asked({ callKey: first.callKey }), i % 2 ? rig.other() : rig.requests)))
        expect(answers.filter(({ created }) => created)).toHaveLength(1)
        expect(new Set(answers.flatMap((answer) => answer.created ? [] : [answer.existing.id])).size).toBe(1)
        expect(await all({ open: true }, 10)).toHaveLength(1)
      })

      test.each(['pending', 'approved', 'executing'] as const)('a call is answered by its request while that is %s, however long', async (status) => {
        const first = await stored()
        const now = await moved(first, ...(status === 'pending' ? [] : status === 'approved' ? ['approved' as const] : ['approved' as const, 'executing' as const]))
        rig.clock.ms += 20 * day
        expect(await put(asked({ callKey: first.callKey }))).toEqual({ created: false, existing: now })
      })

      test.each(['succeeded', 'failed', 'outcome-unknown', 'rejected', 'expired'] as const)('a call is answered by its %s request for 15 minutes, then asked anew', async (status) => {
        const now = await moved(await stored(), status)
        rig.clock.ms += repeatMs - 1
        expect(await rig.requests.holder(now.callKey)).toBe(now.id)
        expect(await put(asked({ callKey: now.callKey }))).toEqual({ created: false, existing: now })
        rig.clock.ms += 1
        expect(await rig.requests.holder(now.callKey)).toBe(now.id)
        const again = asked({ callKey: now.callKey })
        expect(await put(again)).toEqual({ created: true })
        expect(await put(asked({ callKey: now.callKey }))).toEqual({ created: false, existing: again })
      })

      test.each(['cancelled', 'stale'] as const)('a call whose request is %s is asked anew at once', async (status) => {
        const now = await moved(await stored(), status)
        expect(await put(asked({ callKey: now.callKey }))).toEqual({ created: true })
      })

      test('a request that its caller judged to be no answer is taken over, whatever its row says; no other is', async () => {
        const [judged, other] = [await stored(), await stored()]
        const again = asked({ callKey: judged.callKey })
        expect(await rig.requests.create(again, telling(again), rig.clock.ms, other.id)).toEqual({ created: false, existing: judged })
        expect(await rig.requests.create(again, telling(again), rig.clock.ms, judged.id)).toEqual({ created: true })
        expect([await rig.other().holder(judged.callKey), await rig.requests.get(judged.id)]).toEqual([again.id, judged])
        expect(await rig.requests.holder(asked().callKey)).toBeNull()
      })

      test('another call key is another call', async () => {
        await stored()
        await stored()
        expect(await all({ open: true }, 10)).toHaveLength(2)
      })

      test('over 300 KB it is refused, and nothing is there; one below it has room to grow', async () => {
        const large = asked({ bound: { purpose: 'ä'.repeat(151 * 1024) } })
        await expect(put(large)).rejects.toMatchObject({ code: 'internal' })
        expect(await rig.requests.get(large.id)).toBeNull()
        const most = await stored({ bound: { purpose: 'ä'.repeat(148 * 1024) } })
        const verdict = { decision: 'approve' as const, issuer: 'local', trust: 'local', subject: 'user:ada', groups: [], signedInAt: '', at: '', reason: 'x'.repeat(1000), evaluation: rig.ids.id('eval') }
        const next = nextOf(most, 'pending', rig.clock.ms, { verdicts: Array.from({ length: 50 }, () => verdict) })
        expect(await rig.requests.swap(next, telling(next, 'approval'))).toBe(true)
        expect(await rig.requests.get(most.id)).toEqual(next)
      })
    })

    describe('swap', () => {
      test('the next revision is stored with its event, and no other is', async () => {
        const request = await stored()
        const next = nextOf(request, 'approved', rig.clock.ms)
        const event = telling(next, 'approval')
        expect(await rig.other().swap(next, event)).toBe(true)
        expect(await rig.requests.get(request.id)).toEqual(next)
        expect(await rig.event(event.id)).toEqual(event)
        for (const revision of [0, 1, 3, 7]) {
          const wrong = { ...nextOf(request, 'rejected', rig.clock.ms), revision }
          const told = telling(wrong, 'rejection')
          expect(await rig.requests.swap(wrong, told)).toBe(false)
          expect(await rig.event(told.id)).toBeNull()
        }
        expect(await rig.requests.get(request.id)).toEqual(next)
      })

      test('what was never stored is not made by a swap', async () => {
        const next = nextOf(asked(), 'approved', rig.clock.ms)
        const event = telling(next, 'approval')
        expect(await rig.requests.swap(next, event)).toBe(false)
        expect(await rig.event(event.id)).toBeNull()
        expect(await rig.requests.get(next.id)).toBeNull()
        expect(await rig.requests.swap({ ...next, id: 'call#x' as Id<'arq'> }, null)).toBe(false)
      })

      test('of fifty at once over one revision one is stored, with its event alone', async () => {
        const request = await stored()
        const tries = Array.from({ length: 50 }, (_, i) => {
          const next = nextOf(request, i % 2 ? 'approved' : 'cancelled', rig.clock.ms, { policy: String(i).padStart(64, '0') })
          return { next, event: telling(next, 'approval') }
        })
        const [one, two] = [rig.requests, rig.other()]
        const answers = await Promise.all(tries.map(({ next, event }, i) => (i % 3 ? one : two).swap(next, event)))
        expect(answers.filter(Boolean)).toHaveLength(1)
        const winner = tries[answers.indexOf(true)]
        expect(await rig.requests.get(request.id)).toEqual(winner?.next)
        const told = await Promise.all(tries.map(({ event }) => rig.event(event.id)))
        expect(told.filter((event) => event !== null)).toEqual([winner?.event])
      })

      test('the same again is true, also after others moved on; a twin with another event is not the same', async () => {
        const request = await stored()
        const first = nextOf(request, 'approved', rig.clock.ms)
        const event = telling(first, 'approval')
        expect(await rig.requests.swap(first, event)).toBe(true)
        await moved(first, 'executing', 'succeeded')
        expect(await rig.other().swap(first, event)).toBe(true)
        expect(await rig.other().swap(first, telling(first, 'approval'))).toBe(false)
        expect(await rig.other().swap(first, null)).toBe(false)
        expect(await rig.other().swap({ ...first, policy: 'q'.repeat(64) }, event)).toBe(false)
        expect(await rig.requests.get(request.id)).toMatchObject({ status: 'succeeded', revision: 3 })
      })

      test('without an event only the state moves', async () => {
        const request = await stored()
        const next = { ...request, notices: [{ to: 'slack:#leads', at: request.createdAt, sent: true, attempts: 1 }], revision: 1 }
        expect(await rig.requests.swap(next, null)).toBe(true)
        expect(await rig.requests.get(request.id)).toEqual(next)
      })

      test('what people decide on cannot change', async () => {
        const request = await stored()
        await expect(rig.requests.swap({ ...nextOf(request, 'approved', rig.clock.ms), digest: 'f'.repeat(64) }, null)).rejects.toMatchObject({ code: 'internal' })
        expect(await rig.requests.get(request.id)).toEqual(request)
      })

      test('an outcome somebody else told first is theirs: false, and the state stays', async () => {
        const intent = intentEvent(rig.ids)
        const request = await moved(await stored(), 'approved')
        const executing = nextOf(request, 'executing', rig.clock.ms, { execution: { evaluation: intent.evaluation, intent: intent.id, at: intent.at } })
        expect(await rig.requests.swap(executing, intent)).toBe(true)
        const swept = outcomeEvent(rig.ids, intent, 'sweeper')
        await rig.append(swept)
        expect(await rig.requests.swap(nextOf(executing, 'succeeded', rig.clock.ms), outcomeEvent(rig.ids, intent))).toBe(false)
        expect(await rig.requests.get(request.id)).toEqual(executing)
        expect(await rig.event(outcomeId(intent.id))).toEqual(swept)
      })
    })

    describe('a write that fails', () => {
      test('not stored: said, nothing is there, and the same may be tried again', async () => {
        const request = asked()
        const event = telling(request)
        rig.fail('not stored')
        await expect(rig.requests.create(request, event, rig.clock.ms)).rejects.toMatchObject({ code: 'store-unavailable' })
        rig.heal()
        expect(await rig.requests.get(request.id)).toBeNull()
        expect(await rig.event(event.id)).toBeNull()
        expect(await rig.requests.create(request, event, rig.clock.ms)).toEqual({ created: true })
        const next = nextOf(request, 'approved', rig.clock.ms)
        const told = telling(next, 'approval')
        rig.fail('not stored')
        await expect(rig.requests.swap(next, told)).rejects.toMatchObject({ code: 'store-unavailable' })
        rig.heal()
        expect(await rig.requests.get(request.id)).toEqual(request)
        expect(await rig.event(told.id)).toBeNull()
        expect(await rig.requests.swap(next, told)).toBe(true)
      })

      test('stored: said, it is there whole, and the same again is success', async () => {
        const request = asked()
        const event = telling(request)
        rig.fail('stored')
        await expect(rig.requests.create(request, event, rig.clock.ms)).rejects.toMatchObject({ code: 'store-unavailable' })
        rig.heal()
        expect(await rig.requests.get(request.id)).toEqual(request)
        expect(await rig.event(event.id)).toEqual(event)
        expect(await put(asked({ callKey: request.callKey }))).toEqual({ created: false, existing: request })
        expect(await rig.requests.create(request, event, rig.clock.ms)).toEqual({ created: true })
        const next = nextOf(request, 'approved', rig.clock.ms)
        const told = telling(next, 'approval')
        rig.fail('stored')
        await expect(rig.requests.swap(next, told)).rejects.toMatchObject({ code: 'store-unavailable' })
        rig.heal()
        expect(await rig.requests.get(request.id)).toEqual(next)
        expect(await rig.event(told.id)).toEqual(told)
        expect(await rig.requests.swap(next, told)).toBe(true)
        expect(await rig.requests.get(request.id)).toEqual(next)
      })
    })

    oneFate(() => rig)
    listsAndResults(() => rig)
  })
}
