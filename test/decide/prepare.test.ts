import { expect, test } from 'vitest'
import { assemble, documentsOf, prepare } from '../../functions/decide/policy.ts'
import { access, agent, ask, document, role, shop, verdict } from './world.ts'

const bundleOf = (...documents: readonly unknown[]) => ({ documents: documents.map((value, i) => ({ path: `${i}.yaml`, document: document(value) })) })
const reading = { allow: ['select'], on: ['public.orders'] }
const orders = [access('select', 'public.orders')]

test('a policy without conditions decides without the language of them', async () => {
  const policy = await prepare(bundleOf(shop(), role('reader', [reading])))
  expect(verdict(ask(policy, agent('reader'), orders))).toBe('permit')
  expect(policy.claimsRead).toEqual([])
})
test('a condition in one rule of many is asked, whichever verb it stands with', async () => {
  const policy = await prepare(bundleOf(shop(), role('reader', [reading, { deny: ['select'], on: ['public.orders'], when: 'claims.level == 3' }]), role('other', [reading])))
  expect(verdict(ask(policy, agent('reader'), orders))).not.toBe('permit')
  expect(verdict(ask(policy, agent('other'), orders))).toBe('permit')
  expect(policy.claimsRead).toEqual(['level'])
})
test('a rule is never made without its condition', () => {
  const bundle = bundleOf(shop(), role('reader', [{ ...reading, when: 'false' }]))
  expect(() => assemble(bundle, documentsOf(bundle), null)).toThrow('invariant')
})
test('what is no policy is a fault, with the name of its file', async () => {
  await expect(prepare({ documents: [{ path: 'roles/x.yaml', document: { version: 2, kind: 'role' } as never }] })).rejects.toMatchObject({ code: 'policy-corrupt', message: expect.stringContaining('roles/x.yaml') as string })
})
