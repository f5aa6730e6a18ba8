import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Caller } from '../../schema/caller.ts'
import type { Effects } from '../../schema/effects.ts'
import type { Event } from '../../schema/event.ts'
import type { Refusal } from '../../schema/refusal.ts'
import type { Query } from '../../schema/request.ts'
import type { Decision, Permit } from '../../functions/permit.ts'
import type { Executed } from '../../functions/protocol/protocol.ts'
import { createRecorder, type Story } from '../../functions/record/story.ts'
import { sweep } from '../../functions/sweep.ts'
import { createRig, type Rig } from '../contract/rig.ts'

const caller: Caller = {
  issuer: 'local', subject: { id: 'agent:bot', kind: 'agent', groups: ['support-agents'] }, actors: [{ id: 'agent:helper', kind: 'agent', groups: [] }], person: false, claims: {}, expiresAt: 0,
}
const admitted = { caller, policy: { version: 'v'.repeat(64), rolesOf: ({ id }: { id: string }) => (id === 'agent:bot' ? ['b', 'a'] : ['a']) }, session: 'ses_1' as const }
const queryOf = (sql: string, params: Query['statements'][number]['params'] = []): Query => ({ statements: [{ sql, params }], batch: false, isolation: 'read committed', purpose: 'why', reveal: [], rowMode: 'object', maxRows: null })
const effects: Effects = {
  accesses: [{ action: 'select', resource: 'public.customers', columns: ['id', 'email'], system: false, via: [], statement: 0, span: null }, { action: 'select', resource: 'public.customers', columns: ['id', 'email'], system: false, via: [], statement: 0, span: null }],
  shown: [{ dataClass: 'pii.email', resource: 'public.customers', column: 'email', statement: 0, span: null, output: 1 }, { dataClass: 'pii.ssn', resource: 'public.customers', column: 'ssn', statement: 0, span: null, output: 2 }],
  used: [], readOnly: true, fingerprint: 'f',
}
const limits = { rows: 10, bytes: 10, timeoutMs: 10_000, affected: 1, statementsPerHour: null, rowsPerHour: null }
const permit = { obligations: { masks: ['email', null], revealed: ['pii.ssn'], detect: [], limits }, effects } as unknown as Permit
const decision = { kind: 'permit', permit, rules: ['support.rules[0]'] } satisfies Decision
const denied: Refusal = { slug: 'denied', reason: 'no_rule', detail: 'no rule', next: 'request', inner: 'inner reason' }
const succeeded: Executed = { status: 'succeeded', rows: { raw: {}, rowCounts: [3], truncated: true } }

describe('a story', () => {
  let rig: Rig
  let alarms: string[] = []
  let story: Story
  const ports = () => ({ ...rig.ports, alarm: (what: string) => { alarms.push(what) } })
  beforeEach(async () => {
    rig = await createRig('signed')
    alarms = []
    story = begin(queryOf('select 1'))
  })
  afterEach(() => rig.close())
  function begin(query: Query): Story {
    const begun = createRecorder(ports()).begin('eval_1', admitted, 'shop')
    begun.asked(query)
    begun.decided(effects, decision)
    return begun
  }
  const events = async (): Promise<readonly Event[]> => (await rig.ports.ledger.list({}, { limit: 100, after: null })).events.toReversed()
  const intended = async () => { expect((await story.intend(decision)).ok).toBe(true) }
  const iso = (ms: number) => new Date(ms).toISOString()

  test('an intent and its outcome tell who asked what, by which rules, under which masks, until when', async () => {
    const at = rig.clock.ms
    expect(await story.intend(decision)).toEqual({ ok: true, value: { deadline: at + 5000 } })
    rig.clock.ms += 20
    const outcome = await story.settle(succeeded)
    const [intent, settled] = await events()
    const who = { issuer: 'local', subject: 'agent:bot', actors: ['agent:helper'], groups: ['support-agents'], roles: ['a', 'b'] }
    expect(intent).toEqual({
      id: intent?.id, kind: 'intent', at: iso(at), evaluation: 'eval_1', session: 'ses_1', who, connection: 'shop', policy: admitted.policy.version,
      statements: [{ sql: 'select 1', params: [] }], purpose: 'why', accesses: [{ action: 'select', resource: 'public.customers', columns: ['id', 'email'] }], rules: ['support.rules[0]'],
      masks: { 'public.customers.email': 'email' }, revealed: ['pii.ssn'], deadline: iso(at + 5000), settleBy: iso(at + 5000 + 30_000 + 10_000),
    })
    expect(settled).toMatchObject({ kind: 'outcome', intent: intent?.id, status: 'succeeded', rowCounts: [3], truncated: true, refusal: null, durationMs: 20, by: 'gate', who })
    expect(outcome).toEqual({ ok: true, value: settled?.id })
  })

  test('a batch may take its timeout once a statement, and is not swept before', async () => {
    story = begin({ ...queryOf('a'), batch: true, statements: [{ sql: 'a', params: [] }, { sql: 'b', params: [] }, { sql: 'c', params: [] }] })
    await intended()
    expect((await events())[0]).toMatchObject({ settleBy: iso(rig.clock.ms + 35_000 + 30_000) })
    expect(story.deadlines().settleBy).toBeGreaterThanOrEqual(rig.clock.ms + 65_000)
  })

  test('a refusal is recorded whole, with its inner reason, before it is given', async () => {
    expect(await story.refuse(denied)).toEqual({ ok: false, refusal: denied })
    expect(await events()).toMatchObject([{ kind: 'refusal', refusal: { slug: 'denied', inner: 'inner reason' }, statements: [{ sql: 'select 1' }] }])
  })

  test('a refusal that cannot be recorded is audit-unavailable and tells nothing of the decision', async () => {
    rig.break({ before: 'error' })
    const { refusal } = await story.refuse(denied)
    expect(refusal).toMatchObject({ slug: 'audit-unavailable', next: 'retry' })
    expect(JSON.stringify({ ...refusal, inner: '' })).not.toContain('no rule')
    expect(alarms).toEqual(['event not recorded'])
  })

  test('explain records no refusal', async () => {
    expect(await story.unrecorded().refuse(denied)).toEqual({ ok: false, refusal: denied })
    expect(await events()).toEqual([])
  })

  test('an intent that is not stored is audit-unavailable, and there is nothing to settle', async () => {
    rig.break({ before: 'throttle' }, { operation: 'PutItem' })
    expect(await story.intend(decision)).toMatchObject({ ok: false, refusal: { slug: 'audit-unavailable' } })
    rig.heal()
    await story.refuse(denied)
    expect((await events()).map(({ kind }) => kind)).toEqual(['refusal'])
  })

  test('an intent stored whose answers are lost is audit-unavailable, and its outcome says nothing ran', async () => {
    await story.refuse(denied)
    rig.break({ after: 'error' }, { operation: 'PutItem', only: 4 })
    expect(await story.intend(decision)).toMatchObject({ ok: false, refusal: { slug: 'audit-unavailable' } })
    await expect.poll(async () => (await events()).map((event) => 'status' in event ? event.status : event.kind)).toEqual(['refusal', 'intent', 'failed'])
  })

  test('an outcome that cannot be recorded is outcome-unknown, and the sweeper settles it once, in its time', async () => {
    await intended()
    rig.break({ before: 'error' })
    expect(await story.settle(succeeded)).toMatchObject({ ok: false, refusal: { slug: 'outcome-unknown', next: 'none' } })
    rig.heal()
    expect(alarms).toEqual(['outcome not recorded'])
    rig.clock.ms += 45_000
    expect(await sweep(ports())).toBe(0)
    rig.clock.ms += 1
    expect((await Promise.all([sweep(ports()), sweep({ ...ports(), now: () => rig.clock.ms + 1, ledger: rig.other().ledger })])).reduce((sum, count) => sum + count, 0)).toBe(1)
    expect((await events())[1]).toMatchObject({ kind: 'outcome', status: 'unknown', by: 'sweeper' })
    expect(await sweep(ports())).toBe(0)
  })

  test('an outcome that comes after the sweeper\'s is a correction beside it', async () => {
    await intended()
    rig.clock.ms += 50_000
    expect(await sweep(ports())).toBe(1)
    const settled = await story.settle(succeeded)
    const [intent, outcome, correction] = await events()
    expect([outcome, correction]).toMatchObject([{ status: 'unknown', by: 'sweeper', intent: intent?.id }, { kind: 'correction', status: 'succeeded', by: 'gate', intent: intent?.id }])
    expect(settled).toEqual({ ok: true, value: correction?.id })
  })

  test('a fault after the intent is recorded as an unknown outcome, and the caller is not told that nothing ran', async () => {
    await intended()
    expect(await story.refuse({ slug: 'target-unavailable', reason: 'target_unavailable', detail: 'nothing was executed', next: 'retry' })).toMatchObject({ refusal: { slug: 'outcome-unknown', next: 'none' } })
    expect((await events())[1]).toMatchObject({ kind: 'outcome', status: 'unknown', by: 'gate', refusal: { slug: 'target-unavailable' } })
  })

  test('a fault after the outcome is a refusal beside it', async () => {
    await intended()
    await story.settle(succeeded)
    expect(await story.refuse(denied)).toEqual({ ok: false, refusal: denied })
    expect((await events()).map(({ kind }) => kind).toSorted()).toEqual(['intent', 'outcome', 'refusal'])
  })

  test('an intent the gate settled leaves nothing to the sweeper', async () => {
    await intended()
    await story.settle({ status: 'failed', refusal: denied })
    rig.clock.ms += 3_600_000
    expect(await sweep(ports())).toBe(0)
  })

  test('a changed object is a failed outcome, and the same story intends again', async () => {
    await intended()
    await story.settle({ status: 'stale', refusal: denied })
    rig.clock.ms += 1
    await intended()
    await story.settle(succeeded)
    expect((await events()).map((event) => 'status' in event ? event.status : event.kind)).toEqual(['intent', 'failed', 'intent', 'succeeded'])
  })

  test('what does not fit into one item is too-large, is recorded cut, and never executed', async () => {
    story = begin({ ...queryOf(''), statements: Array.from({ length: 50 }, () => ({ sql: `select '${'€'.repeat(20_000)}'`, params: ['x'.repeat(5000)] })) })
    expect(await story.intend(decision)).toMatchObject({ ok: false, refusal: { slug: 'too-large', next: 'fix' } })
    const [only, ...more] = await events()
    expect(more).toEqual([])
    expect(only).toMatchObject({ kind: 'refusal', refusal: { slug: 'too-large' } })
    expect(Buffer.byteLength(JSON.stringify(only))).toBeLessThan(400_000)
  })

  test('secrets in statement, parameters, purpose and reasons do not reach the store', async () => {
    const canary = 'AKIAIOSFODNN7EXAMPLE'
    story = begin({ ...queryOf(`select '${canary}'`, [canary, { deep: [canary] }]), purpose: `for ${canary}` })
    await intended()
    await story.settle({ status: 'failed', refusal: { ...denied, detail: canary, inner: canary } })
    await story.refuse({ ...denied, detail: `\`${canary}\``, inner: canary })
    await story.change('policy', { commit: canary })
    expect(JSON.stringify(await events())).not.toContain('IOSFODNN7')
    expect(await events()).toHaveLength(4)
  })

  test('changes and notices are durable before they return, or refused', async () => {
    const changed = await story.change('lock', { target: 'everything', to: null })
    const noticed = await story.notice('audit-read', { kind: 'intent' })
    const started = await createRecorder(ports()).notice('start', { warning: 'local identity' })
    expect((await events()).map(({ id }) => id).toSorted()).toEqual([changed.ok && changed.value, noticed.ok && noticed.value, started].toSorted())
    rig.break({ before: 'error' })
    expect(await story.change('policy', {})).toMatchObject({ ok: false, refusal: { slug: 'audit-unavailable' } })
  })
})
