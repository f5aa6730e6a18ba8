import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type AccessRequest, repeatMs, resultMs, type Status, statuses } from '../../schema/approval.ts'
import type { Event, Id } from '../../schema/event.ts'
import { outcomeId } from '../../schema/item.ts'
import { CursorError, type Ports, type RequestFilter, type Requests } from '../../functions/ports.ts'
import { approvalEventOf, type Failing, nextOf, requestOf } from '../support/requests.ts'
import { intentEvent, outcomeEvent } from './ledger.ts'

export interface RequestRig {
  readonly clock: { ms: number }
  readonly ids: Pick<Ports, 'now' | 'id'>
  readonly requests: Requests
  /** Another process: nothing shared but the store. */
  other(): Requests
  /** An event of the ledger beside them. */
  event(id: Id<'evt'>): Promise<Event | null>
  append(event: Event): Promise<unknown>
  /** Makes writes fail until `heal`. */
  fail(how: Failing): void
  heal(): void
  close(): Promise<void>
}
const day = 86_400_000

/** What Requests promises, whoever keeps it. */
export function requestsContract(name: string, create: () => Promise<RequestRig>): void {
  describe(`requests by ${name}`, () => {
    let rig: RequestRig
    beforeEach(async () => { rig = await create() })
    afterEach(() => rig.close())
    const asked = (more: Parameters<typeof requestOf>[1] = {}) => requestOf(rig.ids, more)
    const telling = (request: AccessRequest, kind?: Parameters<typeof approvalEventOf>[2]) => approvalEventOf(rig.ids, request, kind)
    const put = async (request: AccessRequest, by = rig.requests) => by.create(request, telling(request), rig.clock.ms)
    async function stored(more: Parameters<typeof requestOf>[1] = {}): Promise<AccessRequest> {
      const request = asked(more)
      expect(await put(request)).toEqual({ created: true })
      return request
    }
    async function moved(request: AccessRequest, ...path: readonly Status[]): Promise<AccessRequest> {
      let last = request
      for (const status of path) {
        last = nextOf(last, status, rig.clock.ms)
        expect(await rig.requests.swap(last, telling(last, 'approval'))).toBe(true)
      }
      return last
    }
    async function all(filter: RequestFilter, limit: number): Promise<string[]> {
      const ids: string[] = []
      for (let after: string | null = null; ;) {
        const page = await rig.requests.list(filter, { limit, after })
        expect(page.requests.length).toBeLessThanOrEqual(limit)
        ids.push(...page.requests.map(({ id }) => id))
        if (page.next === null) return ids
        after = page.next
      }
    }

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
        expect(await rig.requests.answering(now.callKey, rig.clock.ms)).toEqual(now)
        expect(await put(asked({ callKey: now.callKey }))).toEqual({ created: false, existing: now })
        rig.clock.ms += 1
        expect(await rig.requests.answering(now.callKey, rig.clock.ms)).toBeNull()
        const again = asked({ callKey: now.callKey })
        expect(await put(again)).toEqual({ created: true })
        expect(await put(asked({ callKey: now.callKey }))).toEqual({ created: false, existing: again })
      })

      test.each(['cancelled', 'stale'] as const)('a call whose request is %s is asked anew at once', async (status) => {
        const now = await moved(await stored(), status)
        expect(await rig.requests.answering(now.callKey, rig.clock.ms)).toBeNull()
        expect(await put(asked({ callKey: now.callKey }))).toEqual({ created: true })
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

    describe('list', () => {
      const mine = { issuer: 'local', subject: 'agent:support-bot' }
      const by = (issuer: string, subject: string) => ({ bound: { issuer, subject: { id: subject, kind: 'agent' as const, groups: [] } } })
      async function one(more: Parameters<typeof requestOf>[1] = {}, ...path: readonly Status[]): Promise<Id<'arq'>> {
        rig.clock.ms += 1
        return (await moved(await stored(more), ...path)).id
      }

      test('newest first, each filter alone and together, in pages that neither repeat nor skip', async () => {
        const open = [await one(), await one(by('okta', 'agent:support-bot')), await one({}, 'approved'), await one({}, 'approved', 'executing'), await one(by('local', 'user:ada'))]
        const ended = []
        for (const status of statuses.slice(3)) ended.push(await one({}, status))
        const newest = [...open, ...ended].toReversed()
        for (const limit of [1, 2, 3, 100]) {
          expect(await all({}, limit)).toEqual(newest)
          expect(await all({ open: true }, limit)).toEqual(open.toReversed())
          expect(await all({ open: false }, limit)).toEqual(ended.toReversed())
          expect(await all({ requester: mine }, limit)).toEqual(newest.filter((id) => id !== open[1] && id !== open[4]))
          expect(await all({ requester: mine, open: true }, limit)).toEqual([open[3], open[2], open[0]])
          expect(await all({ requester: { ...mine, issuer: 'okta' } }, limit)).toEqual([open[1]])
          expect(await all({ requester: { issuer: 'localagent:support-bot', subject: '' } }, limit)).toEqual([])
          expect(await all({ status: 'rejected' }, limit)).toEqual([ended[3]])
          expect(await all({ status: 'pending' }, limit)).toEqual([open[4], open[1], open[0]])
          expect(await all({ status: 'approved', requester: mine, open: true }, limit)).toEqual([open[2]])
          expect(await all({ status: 'approved', open: false }, limit)).toEqual([])
        }
      })

      test('gives each request whole, as it is now', async () => {
        const request = await stored()
        const now = await moved(request, 'approved')
        expect((await rig.other().list({}, { limit: 5, after: null })).requests).toEqual([now])
      })

      test('who pages is not disturbed by new requests, nor by ends before and behind', async () => {
        const ids = []
        for (let i = 0; i < 6; i++) ids.push(await one())
        const first = await rig.requests.list({ open: true }, { limit: 2, after: null })
        await one()
        for (const gone of [ids[4], ids[1]]) await moved(await rig.requests.get(gone as Id<'arq'>) as AccessRequest, 'cancelled')
        const second = await rig.requests.list({ open: true }, { limit: 9, after: first.next })
        expect(first.requests.map(({ id }) => id)).toEqual([ids[5], ids[4]])
        expect(second.requests.map(({ id }) => id)).toEqual([ids[3], ids[2], ids[0]])
        expect(second.next).toBeNull()
      })

      test('a cursor belongs to its filter, and nothing else passes for one', async () => {
        for (let i = 0; i < 3; i++) await one()
        const { next } = await rig.requests.list({ open: true }, { limit: 1, after: null })
        expect((await rig.requests.list({ open: true }, { limit: 5, after: next })).requests).toHaveLength(2)
        for (const [filter, after] of [[{}, next], [{ requester: mine }, next], [{ open: false }, next], [{ open: true }, `${next}x`], [{}, ''], [{}, 'x'], [{}, Buffer.from('a'.repeat(46)).toString('base64url')]] as const) {
          await expect(rig.requests.list(filter, { limit: 5, after })).rejects.toThrow(CursorError)
        }
      })

      test('30 days after its end a request is gone, though nothing deleted it yet; an open one stays', async () => {
        const open = await one()
        const id = await one({}, 'succeeded')
        rig.clock.ms += 30 * day - 1000
        expect(await rig.requests.get(id)).not.toBeNull()
        rig.clock.ms += 2000
        expect(await rig.requests.get(id)).toBeNull()
        expect(await all({}, 1)).toEqual([open])
      })
    })

    describe('results', () => {
      test.each([0, 1, 230_000, 1_000_001])('%i bytes come back as they were', async (size) => {
        const id = rig.ids.id('arq')
        const sealed = Uint8Array.from({ length: size }, (_, i) => (i * 7 + (i >> 8)) & 255)
        await rig.requests.keep(id, sealed)
        expect(Buffer.from(await rig.other().kept(id) ?? []).equals(sealed)).toBe(true)
      })

      test('kept again, the last one counts', async () => {
        const id = rig.ids.id('arq')
        await rig.requests.keep(id, Buffer.alloc(500_000, 1))
        await rig.requests.keep(id, Buffer.from('two'))
        expect(Buffer.from(await rig.requests.kept(id) ?? []).toString()).toBe('two')
      })

      test('gone after 24 hours, though nothing deleted it yet; over 12 MB never taken', async () => {
        const id = rig.ids.id('arq')
        expect(await rig.requests.kept(id)).toBeNull()
        await rig.requests.keep(id, Buffer.from('x'))
        rig.clock.ms += resultMs - 1000
        expect(await rig.requests.kept(id)).not.toBeNull()
        rig.clock.ms += 1001
        expect(await rig.requests.kept(id)).toBeNull()
        await expect(rig.requests.keep(id, new Uint8Array(12 * 1024 * 1024 + 1))).rejects.toMatchObject({ code: 'internal' })
      })
    })
  })
}
