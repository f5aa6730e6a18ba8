import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { isPermit } from '../../functions/decide/permit.ts'
import { access, agent, ask, effects, policyOf, role, shop, shows } from './world.ts'

const policy = policyOf(shop(), role('r', [{ allow: ['select'], on: ['public.*'] }]))
const permitted = () => {
  const decision = ask(policy, agent('r'), effects([access('select', 'public.customers', ['email'])], { shown: [shows('public.customers.email', 'pii.email')] }))
  if (decision.kind !== 'permit') throw new Error(decision.kind)
  return decision.permit
}

test('a Permit is one by where it was made, not by how it looks', () => {
  const permit = permitted()
  expect(isPermit(permit)).toBe(true)
  for (const forged of [{ ...permit }, Object.create(permit), structuredClone({ ...permit }), new Proxy(permit, {}), null, 'permit', undefined]) expect(isPermit(forged)).toBe(false)
})

test('whoever holds it can lift no mask, no limit and add no access', () => {
  const permit = permitted()
  for (const change of [
    () => { (permit.obligations.masks as (string | null)[])[0] = null },
    () => Object.assign(permit.obligations.limits, { rows: 1e9 }), () => Object.assign(permit, { obligations: {} }), () => Object.assign(permit.obligations, { masks: [] }),
    () => (permit.effects.accesses as unknown[]).push({}), () => Object.assign(permit.effects, { readOnly: false }),
  ]) expect(change).toThrow(TypeError)
})

test('only decide.ts makes one', () => {
  const root = join(import.meta.dirname, '../../functions')
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'))
  expect(files.filter((file) => /\bmakePermit\b/.test(readFileSync(join(root, file), 'utf8'))).sort()).toEqual(['decide/decide.ts', 'decide/permit.ts'])
})
