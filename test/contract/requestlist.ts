import { beforeEach, describe, expect, test } from 'vitest'
import { type AccessRequest, resultMs, type Status, statuses } from '../../schema/approval.ts'
import type { Id } from '../../schema/event.ts'
import { CursorError } from '../../functions/ports.ts'
import type { requestOf } from '../support/requests.ts'
import { asking, type RequestRig } from './asking.ts'

const day = 86_400_000

/** What Requests promises of its lists, and of results it keeps. */
export function listsAndResults(current: () => RequestRig): void {
  let rig: RequestRig
  beforeEach(() => { rig = current() })
  const { stored, moved, all } = asking(current)

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
}
