import { expect, test } from 'vitest'
import type { AccessRequest } from '../../schema/approval.ts'
import type { Ports } from '../../functions/ports.ts'
import { unstick } from '../../functions/stuck.ts'
import { asked } from './asked.ts'

const at = Date.parse('2026-11-22T12:00:00.000Z')
const inAnHour = new Date(at + 3_600_000).toISOString()
const longAgo = new Date(at - 60_000).toISOString()

/** What a sweeper does about one request that was left lying. */
async function swept(request: AccessRequest, now = at, fate: string | null = null): Promise<readonly string[]> {
  const done: string[] = []
  const says = (what: string) => async () => { done.push(what) }
  const approvals = { requests: { list: async () => ({ requests: [request], next: null }), fate: async () => fate }, workflow: { start: says('start'), wake: says('wake') } } as unknown as NonNullable<Ports['approvals']>
  await unstick({ now: () => now, approvals, alarm: (what) => done.push(what) }, { announce: says('announce'), tell: says('tell'), proceed: async () => { done.push('proceed'); return 'succeeded' } })
  return done
}
const left = (connection: string, status: AccessRequest['status'] = 'approved'): AccessRequest => asked({ connection, expiresAt: inAnHour }, { status, createdAt: longAgo, verdicts: [] })

test('a policy or a lock that was approved is brought on by who may write it, and not by whoever sweeps', async () => {
  expect(await swept(left('sluice'))).toEqual(['start', 'wake'])
})
test('a statement that was approved is executed by whoever finds it left', async () => {
  expect(await swept(left('shop'))).toEqual(['proceed', 'tell'])
})
test('a policy or a lock is ended by whoever finds it: when its time is over, and when it was begun', async () => {
  expect(await swept(left('sluice'), at + 7_200_000)).toEqual(['proceed', 'tell'])
  expect(await swept(left('sluice', 'executing'))).toEqual(['proceed', 'tell'])
})
test('a policy or a lock that has run already, and was put back to before that, is ended by whoever finds it', async () => {
  expect(await swept(left('sluice'), at, 'evt_01KAQZ0000AAAAAAAAAAAAAAA0')).toEqual(['proceed', 'tell'])
})
