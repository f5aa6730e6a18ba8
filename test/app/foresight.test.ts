import { expect, test } from 'vitest'
import type { PolicyDocument } from '../../schema/policy.ts'
import { createWorld } from '../support/ports.ts'
import { createConsole } from '../cli/console.ts'
import { createGateway, platform, support } from '../support/caller.ts'
import { demo } from '../support/policy.ts'

const documentsOf = (documents: Readonly<Record<string, PolicyDocument>>) => Object.entries(documents).map(([path, document]) => ({ path, document }))
const role: PolicyDocument = { version: 1, kind: 'role', name: 'support-agent', members: [{ group: 'support-agents' }], rules: [{ allow: ['select'], connection: 'shop', on: ['public.orders'] }] }
const narrower = { documents: documentsOf({ ...demo, 'roles/support-agent.yaml': role }) }
const both = { ...platform, groups: ['platform', 'auditors'] }

async function recorded() {
  const gateway = createGateway(createWorld())
  const bot = await gateway.as(support)
  for (const table of ['customers', 'customers', 'orders']) await bot.call('POST', '/v1/connections/shop/query', { sql: `select id from public.${table}` })
  return gateway
}

test('a plan says how many recent decisions would come out otherwise, and runs none of them', async () => {
  const { world, as } = await recorded()
  const ran = world.engine.ran.length
  const plan = await (await as(both)).call('POST', '/v1/policy/plan', narrower)
  expect([plan.status, plan.json['replay']]).toMatchObject([200, { decisions: 3, same: 1, changed: 2, unknown: 0, changes: [{ was: 'permit', would: 'deny', count: 2 }], events: [{}, {}] }])
  expect(world.engine.ran).toHaveLength(ran)
})
test('nothing of the record is told but to whom a rule lets read the audit, and that is on record before', async () => {
  const { world, as } = await recorded()
  const plain = await (await as(platform)).call('POST', '/v1/policy/plan', narrower)
  expect([plain.status, plain.json['replay'], plain.json['changes']]).toEqual([200, null, expect.arrayContaining([expect.anything()])])
  expect(world.events.filter(({ kind }) => kind === 'audit-read')).toEqual([])
  const told = await (await as(both)).call('POST', '/v1/policy/plan', narrower)
  expect(told.json['replay']).toMatchObject({ events: [{ subject: 'agent:support-bot', was: 'permit', would: 'deny' }, { would: 'deny' }] })
  expect(world.events.at(-1)).toMatchObject({ kind: 'audit-read', who: { subject: both.subject } })
  Object.assign(world.ports.ledger, { append: async () => { throw new Error('full') } })
  expect((await (await as(both)).call('POST', '/v1/policy/plan', narrower)).json['replay']).toBe(null)
})
test('a condition of a proposed policy tells its author nothing of what others asked for', async () => {
  const { as } = await recorded()
  await (await as(support)).call('POST', '/v1/connections/shop/query', { sql: 'select id from public.customers', purpose: 'ticket 4711: hr case' })
  const probe = (guess: string): PolicyDocument => ({ version: 1, kind: 'role', name: 'probe', members: [{ everyone: true }], rules: [{ deny: ['*'], connection: 'shop', on: ['*.*'], when: `context.purpose.startsWith("${guess}")` }] })
  const planned = async (guess: string) => (await (await as(platform)).call('POST', '/v1/policy/plan', { documents: documentsOf({ ...demo, 'roles/probe.yaml': probe(guess) }) })).json
  const [right, wrong] = [await planned('ticket 4711'), await planned('ticket 4712')]
  const but = ({ to: _to, changes: _changes, evaluation: _evaluation, findings: _findings, ...rest }: Record<string, unknown>) => rest
  expect(but(right)).toEqual(but(wrong))
  expect(right).toHaveProperty('keepsApply', true)
})
test('a record in which nothing can be read any more makes no endless plan', async () => {
  const { world, as } = await recorded()
  let pages = 0
  Object.assign(world.ports.ledger, { list: async () => ({ events: [], damaged: [world.ports.id('evt')], next: pages++ < 1000 ? 'x' : null }) })
  expect((await (await as(both)).call('POST', '/v1/policy/plan', narrower)).json['replay']).toMatchObject({ decisions: 0 })
  expect(pages).toBeLessThan(50)
})
test('a record that cannot be read takes nothing from the rest of the plan', async () => {
  const { world, as } = await recorded()
  Object.assign(world.ports.ledger, { list: async () => { throw new Error('gone') } })
  const plan = await (await as(both)).call('POST', '/v1/policy/plan', narrower)
  expect([plan.status, plan.json['replay'], Array.isArray(plan.json['changes'])]).toEqual([200, null, true])
})
test('a long record is looked at only so far back', async () => {
  const { world, as } = await recorded()
  const [intent] = world.events
  if (!intent) throw new Error('nothing on record')
  for (let i = 0; i < 2000; i++) world.events.push({ ...intent, id: world.ports.id('evt') })
  const plan = await (await as(both)).call('POST', '/v1/policy/plan', narrower)
  const replay = plan.json['replay'] as { decisions: number; events: readonly unknown[] }
  expect(replay.decisions).toBeLessThanOrEqual(500)
  expect(replay.events).toHaveLength(50)
})
test('the command line shows it, and nothing of it moves the terminal', async () => {
  const { world, app } = await recorded()
  Object.assign(world.events[0] ?? {}, { who: { ...world.events[0]?.who, subject: 'agent:\u001b[2J' } })
  const { mkdtempSync, writeFileSync, rmSync } = await import('node:fs')
  const { stringify } = await import('yaml')
  const directory = mkdtempSync('/tmp/sluice-plan-')
  for (const { path, document } of narrower.documents) writeFileSync(`${directory}/${path.replace('/', '-')}`, stringify(document, { aliasDuplicateObjects: false }))
  const { out } = await createConsole(world, app).sluice(['policy', 'plan', directory], { as: both })
  rmSync(directory, { recursive: true })
  expect(out).toContain('of the last 3 decisions 2 would be other, and 0 cannot be told\n  2 from permit to deny\n')
  expect([out.includes('agent:\\u{1b}[2J on shop: permit → deny'), out.includes('\u001b')]).toEqual([true, false])
})
