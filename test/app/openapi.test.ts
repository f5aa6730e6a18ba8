import { expect, test } from 'vitest'
import document from '../../schema/openapi.json' with { type: 'json' }
import { createGateway, platform } from '../support/caller.ts'

const operations = Object.entries(document.paths).flatMap(([path, methods]) => Object.entries(methods).map(([method, { responses, ...rest }]) =>
  ({ method: method.toUpperCase(), path, statuses: Object.keys(responses), open: 'security' in rest, body: 'requestBody' in rest })))

test.each(operations.filter(({ open }) => !open))('$method $path answers what it documents', async ({ method, path, statuses, body }) => {
  const { as, app, world } = createGateway()
  const caller = await as(platform)
  const at = path.replace('{connection}', 'shop').replace('{target}', 'subject:agent:x').replace('{tile}', 'tile/0/000').replace('{content}', 'content/000').replace('{id}', 'evt_00000000000000000000000000')
  const got = [
    await app.request(at, { method }), await caller.call(method, `${at}?nonsense=1`), await caller.call(method, at, undefined, { 'sluice-session': 'ses_bad' }),
    ...(body ? [await caller.call(method, at, 'x'.repeat(1_100_000))] : []),
  ].map(({ status }) => status)
  world.broken.add('ledger').add('policies')
  world.clock.ms += 10_000
  got.push((await caller.call(method, at)).status)
  expect(got.slice(0, 3)).toEqual([401, 400, 404])
  for (const status of got) expect(statuses).toContain(String(status))
})

test.each([['PUT', '/v1/locks/subject:agent:x', {}, 'lock'], ['DELETE', '/v1/locks/subject:agent:x', undefined, 'unlock']] as const)('%s %s says 502 where the store did not', async (method, path, body, write) => {
  const { as, world } = createGateway()
  await world.ports.policies.lock({ target: 'subject:agent:x', by: 'user:x', at: '', reason: null, until: null })
  Object.assign(world.ports.policies, { [write]: async () => { throw new Error('lost') } })
  expect((await (await as(platform)).call(method, path, body)).status).toBe(502)
  expect(Object.keys(document.paths['/v1/locks/{target}'][method === 'PUT' ? 'put' : 'delete'].responses)).toContain('502')
})
