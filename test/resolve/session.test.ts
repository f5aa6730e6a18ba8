import { expect, test } from 'vitest'
import { Fault } from '../../functions/ports.ts'
import { createSessions } from '../../functions/resolve/session.ts'
import type { Caller } from '../../schema/caller.ts'
import type { Id, Prefix } from '../../schema/event.ts'

const caller: Caller = {
  issuer: 'acme', subject: { id: 'agent:bot', kind: 'agent', groups: [] }, actors: [{ id: 'agent:a', kind: 'agent', groups: [] }], person: false, claims: {}, expiresAt: 0,
}
const other = (more: Partial<Caller>): Caller => ({ ...caller, ...more })
function sessions(secret = Buffer.alloc(32, 1).toString('base64')) {
  let count = 0
  return createSessions({
    id: <P extends Prefix>(prefix: P): Id<P> => `${prefix}_01JD${String(count++).padStart(22, '0')}`,
    secrets: { get: async () => secret },
  })
}

test('a call without a session begins a new one, which the same caller may go on with', async () => {
  const { open } = sessions()
  const first = await open(caller, null)
  const second = await open(caller, null)
  if (!first.ok || !second.ok) throw new Error('refused')
  expect(first.value).not.toBe(second.value)
  expect(await open(caller, first.value)).toEqual(first)
  expect(first.value.slice(0, 30)).toBe('ses_01JD0000000000000000000000')
})

test.each([
  ['another subject', other({ subject: { ...caller.subject, id: 'agent:boss' } })],
  ['another issuer', other({ issuer: 'evil' })],
  ['no actor', other({ actors: [] })],
  ['another actor', other({ actors: [{ id: 'agent:b', kind: 'agent', groups: [] }] })],
  ['one actor more', other({ actors: [...caller.actors, ...caller.actors] })],
  ['parts cut elsewhere', other({ issuer: 'acme","agent:bot', subject: { ...caller.subject, id: '' } })],
])('%s: the session does not exist', async (_name, stranger) => {
  const { open } = sessions()
  const opened = await open(caller, null)
  expect(await open(stranger, opened.ok ? opened.value : '')).toMatchObject({ ok: false, refusal: { slug: 'not-found' } })
})

test('groups and claims may change within a session', async () => {
  const { open } = sessions()
  const opened = await open(caller, null)
  expect((await open(other({ subject: { ...caller.subject, groups: ['x'] }, claims: { a: 1 } }), opened.ok ? opened.value : '')).ok).toBe(true)
})

test('any changed character of an id is refused, and with the same words as nonsense', async () => {
  const { open } = sessions()
  const opened = await open(caller, null)
  const id = opened.ok ? opened.value : ''
  const nonsense = await open(caller, 'nonsense')
  for (let at = 0; at < id.length; at++) {
    for (const character of ['A', 'b', '0', '_', ' ', '=']) {
      if (id[at] !== character) expect(await open(caller, id.slice(0, at) + character + id.slice(at + 1))).toEqual(nonsense)
    }
  }
})

test.each(['', 'ses_', 'ses_01JD0000000000000000000000', `ses_${'0'.repeat(10_000)}`, `eval_${'0'.repeat(69)}`, `ses_${'é'.repeat(69)}`])('%j is no session', async (header) => {
  expect(await sessions().open(caller, header)).toMatchObject({ ok: false, refusal: { slug: 'not-found' } })
})

test('a session of another key is refused', async () => {
  const opened = await sessions().open(caller, null)
  expect((await sessions(Buffer.alloc(32, 2).toString('base64')).open(caller, opened.ok ? opened.value : '')).ok).toBe(false)
})

test.each(['', 'short', Buffer.alloc(31).toString('base64')])('the key %j is too short to use', async (secret) => {
  await expect(sessions(secret).open(caller, null)).rejects.toBeInstanceOf(Fault)
})
