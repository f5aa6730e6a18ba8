import { expect, test } from 'vitest'
import { Fault } from '../../functions/ports.ts'
import type { PolicyDocument } from '../../schema/policy.ts'
import { createGateway, platform, support } from '../support/caller.ts'
import { demo } from '../support/policy.ts'

const documentsOf = (documents: Readonly<Record<string, PolicyDocument>>) => Object.entries(documents).map(([path, document]) => ({ path, document }))
const payments: PolicyDocument = { version: 1, kind: 'role', name: 'payer', members: [{ group: 'support-agents' }], rules: [{ allow: ['select'], connection: 'shop', on: ['public.payments'] }] }
const wider = documentsOf({ ...demo, 'roles/payer.yaml': payments })

test('a policy is put in force whole, told before and after, and decides within two seconds', async () => {
  const { world, as } = createGateway()
  const [admin, agent] = [await as(platform), await as(support)]
  const from = world.pointer()?.version
  const query = { sql: 'select id from public.payments' }
  expect((await agent.call('POST', '/v1/connections/shop/query', query)).status).toBe(403)
  const applied = await admin.call('PUT', '/v1/policy', { documents: wider, from, commit: 'abc123' })
  expect(applied.status).toBe(200)
  expect(world.pointer()).toMatchObject({ version: applied.json['version'], commit: 'abc123', appliedBy: 'user:pia@acme.dev' })
  expect(world.events.filter(({ kind }) => kind === 'policy')).toMatchObject([
    { change: { phase: 'intended', from, to: applied.json['version'], commit: 'abc123' } }, { change: { phase: 'applied', to: applied.json['version'] } },
  ])
  world.clock.ms += 2001
  expect((await agent.call('POST', '/v1/connections/shop/query', query)).status).toBe(200)
  expect((await admin.call('GET', '/v1/policy')).json).toMatchObject({ version: applied.json['version'], commit: 'abc123' })
})

test('a connection that comes, changes or goes is named in the event, however much else changes', async () => {
  const { world, as } = createGateway()
  const admin = await as(platform)
  const { 'hidden.yaml': _gone, ...rest } = demo
  const [[path, shop]] = Object.entries(rest).filter(([, document]) => document.kind === 'connection') as [[string, Extract<PolicyDocument, { kind: 'connection' }>]]
  const documents = documentsOf({ ...rest, [path]: { ...shop, limits: { ...shop.limits, rows: 7 } }, 'new.yaml': { ...shop, name: 'new' } })
  expect((await admin.call('PUT', '/v1/policy', { documents, from: world.pointer()?.version })).status).toBe(200)
  expect(world.events.filter(({ kind }) => kind === 'policy').at(-1)).toMatchObject({ change: { phase: 'applied', connections: { added: ['new'], changed: ['shop'], removed: ['hidden'] } } })
})

test('two who began from the same policy: the second is told, and nothing of it stays', async () => {
  const { world, as } = createGateway()
  const admin = await as(platform)
  const from = world.pointer()?.version
  expect((await admin.call('PUT', '/v1/policy', { documents: wider, from })).status).toBe(200)
  const second = await admin.call('PUT', '/v1/policy', { documents: documentsOf(demo), from })
  expect(second.status).toBe(409)
  expect(second.json['type']).toBe('/problems/policy-moved')
})

test('moved between the look and the write: still 409, and on record as moved', async () => {
  const { world, as } = createGateway()
  Object.assign(world.ports.policies, { apply: async () => false })
  const answer = await (await as(platform)).call('PUT', '/v1/policy', { documents: wider, from: world.pointer()?.version })
  expect(answer.status).toBe(409)
  expect(world.events.filter(({ kind }) => kind === 'policy')).toMatchObject([{ change: { phase: 'intended' } }, { change: { phase: 'moved' } }])
})

test('a store that does not say whether it applied: unknown, and on record so', async () => {
  const { world, as } = createGateway()
  Object.assign(world.ports.policies, { apply: async () => { throw new Fault('store-unavailable', 'timeout') } })
  const answer = await (await as(platform)).call('PUT', '/v1/policy', { documents: wider, from: world.pointer()?.version })
  expect([answer.status, answer.json['type']]).toEqual([502, '/problems/outcome-unknown'])
  expect(world.events.at(-1)).toMatchObject({ kind: 'policy', change: { phase: 'unknown' } })
})

test('what cannot be recorded is not applied', async () => {
  const { world, as } = createGateway()
  const before = world.pointer()?.version
  world.broken.add('ledger')
  const answer = await (await as(platform)).call('PUT', '/v1/policy', { documents: wider, from: before })
  expect([answer.status, world.pointer()?.version]).toEqual([503, before])
})

test('a policy that shuts its author out wants to hear that it is meant', async () => {
  const { world, as } = createGateway()
  const admin = await as(platform)
  const { 'roles/platform.yaml': _gone, ...rest } = demo
  const body = { documents: documentsOf(rest), from: world.pointer()?.version }
  const refused = await admin.call('PUT', '/v1/policy', body)
  expect([refused.status, refused.json['reason']]).toEqual([400, 'lockout'])
  expect((await admin.call('PUT', '/v1/policy', { ...body, lockout: true })).status).toBe(200)
})

test('a deny or a class on a table that is not there is an error: it would protect nothing', async () => {
  const { world, as } = createGateway()
  const typo: PolicyDocument = { version: 1, kind: 'role', name: 'typo', members: [{ group: 'support-agents' }], rules: [{ deny: ['*'], connection: 'shop', on: ['public.custommers'] }] }
  const answer = await (await as(platform)).call('PUT', '/v1/policy', { documents: documentsOf({ ...demo, 'typo.yaml': typo }), from: world.pointer()?.version })
  expect([answer.status, answer.json['reason']]).toEqual([400, 'names'])
  expect(answer.json['detail']).toContain('public.custommers')
  const optional = { ...typo, rules: [{ deny: ['*' as const], connection: 'shop', on: ['public.custommers'], optional: true as const }] }
  expect((await (await as(platform)).call('PUT', '/v1/policy', { documents: documentsOf({ ...demo, 'typo.yaml': optional }), from: world.pointer()?.version })).status).toBe(200)
})

test('a target that is down is named, and no policy is applied unchecked', async () => {
  const { world, as } = createGateway()
  world.engine.down = true
  const before = world.pointer()?.version
  const answer = await (await as(platform)).call('PUT', '/v1/policy', { documents: wider, from: before })
  expect(answer.status).toBe(503)
  expect(answer.json['detail']).toMatch(/`(shop|hidden)`/)
  expect(world.pointer()?.version).toBe(before)
})

test('two documents of one path, and one that hides in a number, are refused', async () => {
  const { world, as } = createGateway()
  const admin = await as(platform)
  const from = world.pointer()?.version
  expect((await admin.call('PUT', '/v1/policy', { documents: [...wider, ...wider.slice(0, 1)], from })).json['reason']).toBe('duplicate_path')
  expect((await admin.call('PUT', '/v1/policy', { documents: [{ path: 7, document: {} }], from })).json['reason']).toBe('member')
})

test('an agent in the group of a platform person does what the rule says and no more', async () => {
  const { as } = createGateway()
  const delegated = await as({ ...platform, actor: 'agent:support-bot' })
  expect((await delegated.call('GET', '/v1/policy')).status).toBe(403)
})

test('a lock stops its subject and a lifted one does not; both are told twice', async () => {
  const { world, as } = createGateway()
  const [admin, agent] = [await as(platform), await as(support)]
  const run = () => agent.call('POST', '/v1/connections/shop/query', { sql: 'select id from public.orders' })
  expect((await run()).status).toBe(200)
  expect((await admin.call('PUT', '/v1/locks/subject:agent:support-bot', { reason: 'looks odd' })).status).toBe(200)
  world.clock.ms += 2001
  const stopped = await run()
  expect([stopped.status, stopped.json['reason']]).toEqual([403, 'locked'])
  expect(stopped.text).not.toContain('looks odd')
  expect((await agent.call('GET', '/v1/connections')).json['connections']).toMatchObject([{ name: 'shop', locked: true }])
  expect((await admin.call('DELETE', '/v1/locks/subject:agent:support-bot')).status).toBe(200)
  world.clock.ms += 2001
  expect((await run()).status).toBe(200)
  expect(world.events.filter(({ kind }) => kind === 'lock')).toMatchObject([
    { change: { phase: 'intended' } }, { change: { phase: 'done' } }, { change: { phase: 'intended', lifted: 'subject:agent:support-bot' } }, { change: { phase: 'done' } },
  ])
})

test('everything locked: statements stop, and the lock can still be lifted', async () => {
  const { world, as } = createGateway()
  const [admin, agent] = [await as(platform), await as(support)]
  for (const target of ['everything', 'connection:sluice']) {
    expect((await admin.call('PUT', `/v1/locks/${target}`, {})).status).toBe(200)
    world.clock.ms += 2001
  }
  expect((await agent.call('POST', '/v1/connections/shop/query', { sql: 'select id from public.orders' })).status).toBe(403)
  expect((await admin.call('GET', '/v1/policy')).status).toBe(403)
  for (const target of ['everything', 'connection:sluice']) expect((await admin.call('DELETE', `/v1/locks/${target}`)).status).toBe(200)
})

test('locking oneself, or whom one acts for or through, wants to be meant', async () => {
  const { world, as } = createGateway()
  const [alone, through] = [await as(platform), await as({ ...platform, claims: { act: { sub: 'agent:helper', groups: ['platform'] } } })]
  for (const [who, target] of [[alone, 'user:pia@acme.dev'], [through, 'user:pia@acme.dev'], [through, 'agent:helper']] as const) {
    const { status, json } = await who.call('PUT', `/v1/locks/subject:${target}`, { reason: 'x' })
    expect([target, status, json['reason']]).toEqual([target, 400, 'lockout'])
  }
  expect(world.pointer()?.locks).toEqual([])
  expect((await through.call('PUT', '/v1/locks/subject:agent:other', {})).status).toBe(200)
})

test('who is locked cannot lift the lock', async () => {
  const { world, as } = createGateway()
  const admin = await as(platform)
  expect((await admin.call('PUT', '/v1/locks/subject:user:pia@acme.dev', { lockout: true })).status).toBe(200)
  world.clock.ms += 2001
  expect((await admin.call('DELETE', '/v1/locks/subject:user:pia@acme.dev')).status).toBe(403)
  expect((await (await as({ ...platform, subject: 'user:second@acme.dev' })).call('DELETE', '/v1/locks/subject:user:pia@acme.dev')).status).toBe(200)
})

test('a store that does not say whether it locked: unknown', async () => {
  const { world, as } = createGateway()
  Object.assign(world.ports.policies, { lock: async () => { throw new Fault('store-unavailable', 'timeout') } })
  expect((await (await as(platform)).call('PUT', '/v1/locks/connection:shop', {})).status).toBe(502)
})

test('a lock that cannot be recorded is not set, nor lifted', async () => {
  const { world, as } = createGateway()
  const admin = await as(platform)
  expect((await admin.call('PUT', '/v1/locks/connection:shop', {})).status).toBe(200)
  world.broken.add('ledger')
  expect((await admin.call('PUT', '/v1/locks/everything', {})).status).toBe(503)
  expect((await admin.call('DELETE', '/v1/locks/connection:shop')).status).toBe(503)
  expect(world.pointer()?.locks.map(({ target }) => target)).toEqual(['connection:shop'])
})
