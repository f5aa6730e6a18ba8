import { expect, test } from 'vitest'
import type { Lock } from '../../functions/ports.ts'
import { findLock } from '../../functions/resolve/locks.ts'
import { rolesOf } from '../../functions/resolve/roles.ts'
import { agent, callerOf, policyOf, principal, role, shop } from '../decide/world.ts'

const policy = policyOf(shop(), shop({ name: 'secret' }), role('r', [{ allow: ['select'], on: ['public.a'] }]), role('s', [{ allow: ['select'], on: ['public.a'] }]))
const now = Date.parse('2026-06-01T12:00:00Z')
const lock = (target: string, until: string | null = null): Lock => ({ target, by: 'user:x', at: '2026-06-01T11:00:00Z', reason: 'he stole', until })
const find = (target: string | Lock, caller = agent('r'), connection = 'shop') => findLock([typeof target === 'string' ? lock(target) : target], policy, caller, connection, now)

test('a lock stops the subject, every actor, whoever has the role, the connection, everything; and nobody else', () => {
  const acting = callerOf(principal('user:lena', 's'), principal('agent:a', 'r'), principal('agent:b', 'r'))
  for (const target of ['everything', 'subject:agent:bot', 'role:r', 'connection:shop']) expect([target, find(target)?.reason]).toEqual([target, 'locked'])
  for (const target of ['subject:agent:other', 'role:s', 'connection:other', 'subject:bot', 'role:', 'anything']) expect([target, find(target)]).toEqual([target, null])
  for (const target of ['subject:user:lena', 'subject:agent:b', 'role:r', 'role:s']) expect([target, find(target, acting)?.reason]).toEqual([target, 'locked'])
  expect(rolesOf(policy, acting)).toEqual(['r', 's'])
})

test('a locked connection that the caller may not know of looks like none', () => expect(find('connection:secret', agent('r'), 'secret')).toBeNull())

test('a lock ends when it says, and one whose end cannot be read does not', () => {
  expect(find(lock('everything', '2026-06-01T12:00:00.000Z'))).toBeNull()
  expect(find(lock('everything', '2026-06-01T12:00:01Z'))).toMatchObject({ next: 'retry', retryAfterSeconds: 1 })
  expect(find(lock('everything', 'some day'))).toMatchObject({ next: 'none' })
})

test('of several the longest is told, and the reason somebody wrote is for the record', () => {
  const found = findLock([lock('everything', '2026-06-01T13:00:00Z'), lock('role:r')], policy, agent('r'), 'shop', now)
  expect(found).toMatchObject({ slug: 'denied', next: 'none', detail: '`role:r` is locked until somebody lifts the lock', inner: expect.stringContaining('he stole') })
  expect(found?.detail).not.toContain('stole')
})
