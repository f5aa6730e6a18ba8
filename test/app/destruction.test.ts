import { describe, expect, test } from 'vitest'
import { planLines } from '../../functions/cli/policy/plan.ts'
import { difference } from '../../functions/decide/difference.ts'
import type { Event } from '../../schema/event.ts'
import type { Bundle, PolicyDocument, RuleDocument } from '../../schema/policy.ts'
import { createConsole } from '../cli/console.ts'
import { createGateway, platform } from '../support/caller.ts'
import { demo } from '../support/policy.ts'
import { createWorld } from '../support/ports.ts'

/** A policy that keeps the record less long destroys what is older, for good: who may apply alone must not be able to, and whoever reads of it must have time. */
type Retention = Extract<PolicyDocument, { kind: 'audit' }>['retention']
const audit = (retention: Retention, name = 'record'): PolicyDocument => ({ version: 1, kind: 'audit', name, retention })
const mayErase = (rule: Partial<RuleDocument> = {}): PolicyDocument => ({ version: 1, kind: 'role', name: 'eraser', members: [{ group: 'platform' }], rules: [{ allow: ['delete'], connection: 'sluice', on: ['audit'], ...rule }] })
const bundle = (documents: Readonly<Record<string, PolicyDocument>>) => Object.entries(documents).map(([path, document]) => ({ path, document }))
const dayMs = 86_400_000
/** `before`, `after`: of the policy in force, and of the one that is put. */
async function put(before: Readonly<Record<string, PolicyDocument>>, after: Readonly<Record<string, PolicyDocument>>) {
  const { world, as } = createGateway(createWorld({ ...demo, ...before }))
  const admin = await as(platform)
  const documents = bundle({ ...demo, ...after })
  const from = world.pointer()?.version
  const plan = await admin.call('POST', '/v1/policy/plan', { documents })
  return { world, admin, plan, answer: await admin.call('PUT', '/v1/policy', { documents, from }), told: () => world.events.filter(({ kind }) => kind === 'policy').map((event) => (event as Event & { kind: 'policy' }).change) }
}

describe('who may', () => {
  test.each([
    ['content kept for ever', {}, { 'audit.yaml': audit({ content: '1d' }) }], ['entries kept for ever', {}, { 'audit.yaml': audit({ entries: '1d' }) }],
    ['what was kept longer', { 'audit.yaml': audit({ content: '1y' }) }, { 'audit.yaml': audit({ content: '365d' }) }],
    ['the one of two, while the other is kept longer', { 'audit.yaml': audit({ content: '90d', entries: '2d' }) }, { 'audit.yaml': audit({ content: '89d', entries: '9y' }) }],
    ['what another document said', { 'audit.yaml': audit({ content: '90d' }) }, { 'other.yaml': audit({ content: '30d' }, 'other') }],
  ])('applying alone does not shorten %s', async (_, before, after) => {
    const { world, answer, told } = await put(before, after)
    expect([answer.status, answer.json['reason']]).toEqual([403, 'no_rule'])
    expect(answer.json['detail']).toMatch(/destroys for good .* from 2026-11-23T09:00:00.000Z on \(was: kept .*`delete` on `audit` needs a rule/)
    expect(told()).toEqual([])
    expect(world.events.at(-1)).toMatchObject({ kind: 'refusal', accesses: [{ action: 'apply', resource: 'policy' }, { action: 'delete', resource: 'audit' }] })
  })
  test.each([
    ['as long', { 'audit.yaml': audit({ content: '366d' }) }, { 'audit.yaml': audit({ content: '1y' }) }], ['longer', { 'audit.yaml': audit({ content: '1d', entries: '1d' }) }, { 'audit.yaml': audit({ content: '2d' }) }],
    ['for ever', { 'audit.yaml': audit({ content: '1d' }) }, {}],
  ])('what is kept %s wants no more than applying', async (_, before, after) => {
    const { answer, told } = await put(before, after)
    expect(answer.status).toBe(200)
    expect(told()[0]).not.toHaveProperty('destroys')
  })
  test('a right to everything on the audit is none to destroy it, and what denies deleting holds', async () => {
    for (const rule of [{ allow: ['*' as const] }, { when: 'subject.id == "user:other@acme.dev"' }]) {
      expect((await put({ 'e.yaml': mayErase(rule) }, { 'e.yaml': mayErase(rule), 'audit.yaml': audit({ content: '30d' }) })).answer.status).toBe(403)
    }
  })
  test('the policy in force says who may, not the one that is put', async () => {
    expect((await put({}, { 'e.yaml': mayErase(), 'audit.yaml': audit({ content: '30d' }) })).answer.status).toBe(403)
  })
  test('where erasing wants people, so does this, and without anybody to ask it is refused', async () => {
    const rule = mayErase({ approval: { by: ['leads'], quorum: 1, within: '30m' } })
    const { answer, told } = await put({ 'e.yaml': rule }, { 'e.yaml': rule, 'audit.yaml': audit({ content: '30d' }) })
    expect([answer.status, told()]).toEqual([403, []])
  })
})

describe('what is said', () => {
  test('plan and record say what goes, from when on, how much, and how long it was kept', async () => {
    const { world, as } = createGateway(createWorld({ ...demo, 'e.yaml': mayErase() }))
    for (const [day, sheet] of [['2026-11-01', 'a'], ['2026-11-05', 'b'], ['2026-11-20', 'c']] as const) await world.ports.keys.keep(`${day}.${sheet.repeat(16)}`, new Map())
    const admin = await as(platform)
    const documents = bundle({ ...demo, 'e.yaml': mayErase(), 'audit.yaml': audit({ content: '10d', entries: '1y' }) })
    const destroys = [{ what: 'content', age: '10d', was: null, from: '2026-11-23T09:00:00.000Z', sheets: 2 }, { what: 'entries', age: '1y', was: null, from: '2026-11-23T09:00:00.000Z' }]
    const plan = await admin.call('POST', '/v1/policy/plan', { documents })
    expect(plan.json).toMatchObject({ destroys, changes: [{ what: 'retention.content', effect: 'narrows', words: 'content of the record is now kept `10d`, was kept for ever' }, { what: 'retention.entries' }] })
    const answer = await admin.call('PUT', '/v1/policy', { documents, from: world.pointer()?.version })
    expect([answer.status, answer.json['version']]).toEqual([200, plan.json['to']])
    expect(world.events.filter(({ kind }) => kind === 'policy')).toMatchObject([{ change: { phase: 'intended', destroys } }, { change: { phase: 'applied', destroys } }])
    expect((await world.ports.policies.load(world.pointer()!.version, 1)).destroys).toEqual({ content: '2026-11-23T09:00:00.000Z', entries: '2026-11-23T09:00:00.000Z' })
  })

  test('only what this policy would add is counted', async () => {
    const { world, as } = createGateway(createWorld({ ...demo, 'e.yaml': mayErase(), 'audit.yaml': audit({ content: '15d' }) }))
    for (const day of ['2026-11-01', '2026-11-09', '2026-11-10']) await world.ports.keys.keep(`${day}.${'a'.repeat(16)}`, new Map())
    const admin = await as(platform)
    const documents = bundle({ ...demo, 'e.yaml': mayErase(), 'audit.yaml': audit({ content: '10d' }) })
    expect((await admin.call('POST', '/v1/policy/plan', { documents })).json['destroys']).toMatchObject([{ was: '15d', sheets: 2 }])
  })

  test('a day of grace begins with what shortens it, not with every policy after it', async () => {
    const { world, as } = createGateway(createWorld({ ...demo, 'e.yaml': mayErase() }))
    const admin = await as(platform)
    const apply = async (retention: Retention) => {
      expect((await admin.call('PUT', '/v1/policy', { documents: bundle({ ...demo, 'e.yaml': mayErase(), 'audit.yaml': audit(retention) }), from: world.pointer()?.version })).status).toBe(200)
      return (await world.ports.policies.load(world.pointer()!.version, 1)).destroys
    }
    const first = { content: new Date(world.clock.ms + dayMs).toISOString() }
    expect(await apply({ content: '30d' })).toEqual(first)
    world.clock.ms += 600_000
    expect(await apply({ content: '31d' })).toEqual(first)
    expect(await apply({ content: '30d', entries: '9y' })).toEqual({ content: new Date(world.clock.ms + dayMs).toISOString(), entries: new Date(world.clock.ms + dayMs).toISOString() })
    expect(await apply({})).toBeUndefined()
  })

  test('no file says it may begin at once', async () => {
    const { world, as } = createGateway(createWorld({ ...demo, 'e.yaml': mayErase() }))
    const documents = bundle({ ...demo, 'e.yaml': mayErase(), 'audit.yaml': audit({ content: '1d' }) })
    const answer = await (await as(platform)).call('PUT', '/v1/policy', { documents, from: world.pointer()?.version, destroys: { content: '2000-01-01T00:00:00Z' } })
    expect([answer.status, answer.json['reason']]).toEqual([400, 'member'])
  })

  test('the command line says it before all else', async () => {
    const { world } = createGateway(createWorld({ ...demo, 'e.yaml': mayErase() }))
    const { mkdtempSync, rmSync } = await import('node:fs')
    const directory = mkdtempSync(`${(await import('node:os')).tmpdir()}/sluice-destruction-`)
    try {
      const { writePolicy } = await import('../../functions/cli/policy/pull.ts')
      await writePolicy(directory, { documents: bundle({ ...demo, 'e.yaml': mayErase(), 'audit.yaml': audit({ content: '7d' }) }) }, false)
      const { out } = await createConsole(world).sluice(['policy', 'plan', directory], { as: platform })
      expect(out.split('\n')[0]).toBe('! destroys for good content older than 7d from 2026-11-23T09:00:00.000Z on, 0 sheets of keys by then (was: kept for ever)')
    } finally {
      rmSync(directory, { recursive: true })
    }
  })

  test('kept longer widens, kept less long narrows, another name of the document is nothing', () => {
    const plan = (from: Retention | null, to: Retention | null, name = 'record') => {
      const one = (retention: Retention | null, called: string): Bundle => ({ documents: retention === null ? [] : [{ path: 'a.yaml', document: audit(retention, called) }] })
      return planLines(difference(one(from, 'record'), one(to, name))).slice(0, -1)
    }
    expect(plan({ content: '90d' }, { content: '91d' })).toEqual(['+ content of the record is now kept `91d`, was kept `90d`'])
    expect(plan({ content: '1y', entries: '1y' }, { content: '365d' })).toEqual(['+ entries of the log are now kept for ever, was kept `1y`', '- content of the record is now kept `365d`, was kept `1y`'])
    expect(plan({ content: '1y' }, null)).toEqual(['+ content of the record is now kept for ever, was kept `1y`'])
    expect(planLines(difference({ documents: [{ path: 'a', document: audit({ content: '1y' }) }] }, { documents: [{ path: 'b', document: audit({ content: '1y' }, 'else') }] }))).toEqual(['nothing changes'])
  })
})
