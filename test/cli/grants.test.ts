import { expect, test } from 'vitest'
import { platform, support } from '../support/caller.ts'
import { createWorld } from '../support/ports.ts'
import { createConsole } from './console.ts'

test('the script goes out, what differs goes beside, and an error is exit code 1', async () => {
  const world = createWorld()
  const script = 'GRANT SELECT ON public.orders TO reader;\n'
  Object.assign(world.engine, { grants: async () => ({ script, roles: [], findings: [{ level: 'warning', name: 'reader', message: 'more' }] }) })
  const { sluice } = createConsole(world)
  expect(await sluice(['grants', 'shop'], { as: platform })).toEqual({ code: 0, out: script, err: 'warning: reader: more\n' })
  Object.assign(world.engine, { grants: async () => ({ script, roles: [], findings: [{ level: 'error', name: 'reader', message: 'it owns\u001b[2J' }] }) })
  expect(await sluice(['grants', 'shop'], { as: platform })).toEqual({ code: 1, out: script, err: 'error: reader: it owns\\u{1b}[2J\n' })
  expect(JSON.parse((await sluice(['grants', 'shop', '--json'], { as: platform })).out)).toMatchObject({ connection: 'shop', script })
})

test('the rules it is made from are those of the connection, whoever has them', async () => {
  const { sluice } = createConsole()
  const { out, err } = await sluice(['grants', 'shop'], { as: platform })
  expect(out).toContain('public.refunds')
  expect(out).not.toContain('policy')
  expect(err).toBe('the roles in force have what they need and no more\n')
})

test('who may not read the policy is denied, and what is no connection is said', async () => {
  const { sluice } = createConsole()
  expect((await sluice(['grants', 'shop'], { as: support })).code).toBe(2)
  expect(await sluice(['grants', 'nowhere'], { as: platform })).toMatchObject({ code: 3, err: expect.stringContaining('has no connection `nowhere`') })
})
