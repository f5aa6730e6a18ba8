import { beforeEach, describe, expect, test } from 'vitest'
import type { AccessRequest } from '../../schema/approval.ts'
import type { ApprovalEvent, Id, IntentEvent } from '../../schema/event.ts'
import { nextOf } from '../support/requests.ts'
import { asking, type RequestRig } from './asking.ts'
import { intentEvent } from './ledger.ts'

const ends: readonly (readonly [AccessRequest['status'], ApprovalEvent['kind']])[] = [['rejected', 'rejection'], ['cancelled', 'cancellation'], ['expired', 'expiry'], ['stale', 'stale']]

/** What Requests promises of the one thing that a request comes to, whatever becomes of its row. */
export function oneFate(current: () => RequestRig): void {
  let rig: RequestRig
  beforeEach(() => { rig = current() })
  const { stored, moved, telling } = asking(current)
  const intending = (request: AccessRequest): IntentEvent => intentEvent(rig.ids, { request: request.id })
  const beginning = (request: AccessRequest, { evaluation, id, at }: IntentEvent): AccessRequest => nextOf(request, 'executing', rig.clock.ms, { execution: { evaluation, intent: id, at } })

  /** Approved, and what puts it back to that. */
  async function approved() {
    const request = await moved(await stored(), 'approved')
    return { request, putBack: await rig.remember(request.id) }
  }
  /** Has begun, by this intent. */
  async function begun(request: AccessRequest) {
    const intent = intending(request)
    const next = beginning(request, intent)
    expect(await rig.requests.swap(next, intent)).toBe(true)
    return { intent, next }
  }

  describe('fate', () => {
    test('the intent by which a request began, to every process; of no other request', async () => {
      const { request } = await approved()
      const other = (await approved()).request
      expect(await rig.requests.fate(request.id)).toBeNull()
      const { intent, next } = await begun(request)
      expect(await rig.other().fate(request.id)).toBe(intent.id)
      expect(await rig.requests.fate(other.id)).toBeNull()
      await moved(next, 'succeeded')
      expect(await rig.requests.fate(request.id)).toBe(intent.id)
      for (const odd of ['', 'arq_', `${request.id}#`, request.id.toLowerCase(), intent.id, 'days']) expect(await rig.requests.fate(odd as Id<'arq'>)).toBeNull()
    })

    test('a request whose row is put back does not begin again: neither state nor intent is stored, however often', async () => {
      const { request, putBack } = await approved()
      const { intent } = await begun(request)
      for (const store of [rig.requests, rig.other()]) {
        await putBack()
        const again = intending(request)
        expect(await store.swap(beginning(request, again), again)).toBe(false)
        expect(await rig.event(again.id)).toBeNull()
        expect(await rig.requests.get(request.id)).toEqual(request)
      }
      expect(await rig.requests.fate(request.id)).toBe(intent.id)
    })

    test('put back over its very own intent it does not begin again either', async () => {
      const { request, putBack } = await approved()
      const { intent, next } = await begun(request)
      await putBack()
      expect(await rig.other().swap(next, intent)).toBe(false)
      expect(await rig.requests.get(request.id)).toEqual(request)
      expect(await rig.event(intent.id)).toEqual(intent)
    })

    test('put back, it can still be brought to its end', async () => {
      const { request, putBack } = await approved()
      const { next } = await begun(request)
      await putBack()
      expect(await rig.requests.swap(next, null)).toBe(true)
      expect(await moved(next, 'succeeded')).toMatchObject({ status: 'succeeded' })
    })

    test('of many that begin it at once, over rows put back meanwhile, one does', async () => {
      const { request, putBack } = await approved()
      const answers = await Promise.all(Array.from({ length: 24 }, async (_, i) => {
        if (i % 3 === 2) await putBack().catch(() => undefined)              // a store that is busy with the row does not take it
        const intent = intending(request)
        const began = await (i % 2 ? rig.requests : rig.other()).swap(beginning(request, intent), intent)
        return { intent, began }
      }))
      const [first, ...more] = answers.filter(({ began }) => began)
      expect(more).toEqual([])
      expect(await rig.requests.fate(request.id)).toBe(first?.intent.id)
      for (const { intent, began } of answers) expect(await rig.event(intent.id)).toEqual(began ? intent : null)
    })

    test('what is approved, told of or concluded has come to nothing by that', async () => {
      const request = await moved(await stored(), 'approved', 'executing', 'failed')
      expect(await rig.requests.fate(request.id)).toBeNull()
    })

    test.each(ends)('put back to before it was %s, a request does not begin, and ends in no other way', async (status, kind) => {
      const { request, putBack } = await approved()
      const event = telling(request, kind)
      expect(await rig.requests.swap(nextOf(request, status, rig.clock.ms), event)).toBe(true)
      expect(await rig.other().fate(request.id)).toBe(event.id)
      await putBack()
      const intent = intending(request)
      expect(await rig.requests.swap(beginning(request, intent), intent)).toBe(false)
      for (const [other, another] of ends) {
        const told = telling(request, another)
        expect(await rig.other().swap(nextOf(request, other, rig.clock.ms), told)).toBe(false)
        expect(await rig.event(told.id)).toBeNull()
      }
      expect(await rig.event(intent.id)).toBeNull()
      expect(await rig.requests.swap(nextOf(request, status, rig.clock.ms), null)).toBe(true)
    })

    test('put back to before it began, it is not rejected, cancelled, expired or stale either', async () => {
      const { request, putBack } = await approved()
      const { intent } = await begun(request)
      await putBack()
      for (const [status, kind] of ends) expect(await rig.requests.swap(nextOf(request, status, rig.clock.ms), telling(request, kind))).toBe(false)
      expect(await rig.requests.fate(request.id)).toBe(intent.id)
    })

    test('a write that fails and is not stored has not begun it; one that is stored has, and the same again is true', async () => {
      const { request } = await approved()
      const intent = intending(request)
      const next = beginning(request, intent)
      rig.fail('not stored')
      await expect(rig.requests.swap(next, intent)).rejects.toMatchObject({ code: 'store-unavailable' })
      rig.heal()
      expect(await rig.requests.fate(request.id)).toBeNull()
      rig.fail('stored')
      await expect(rig.requests.swap(next, intent)).rejects.toMatchObject({ code: 'store-unavailable' })
      rig.heal()
      expect(await rig.other().fate(request.id)).toBe(intent.id)
      expect(await rig.requests.swap(next, intent)).toBe(true)
    })
  })
}
