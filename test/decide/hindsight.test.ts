import { describe, expect, test } from 'vitest'
import { foresee } from '../../functions/decide/hindsight.ts'
import type { Told } from '../../schema/told.ts'
import { policyOf, role, shop } from './world.ts'

const who = { issuer: 'local', subject: 'agent:bot', actors: [], groups: ['r'], roles: ['r'] }
const base = { id: 'evt_01KAR0V2G00000000000000010', at: '2026-11-22T09:00:00.000Z', evaluation: 'eval_1', session: 'ses_1', who, connection: 'shop', policy: 'p' }
const read = (columns: readonly string[] = ['id']) => [{ action: 'select', resource: 'public.customers', columns }]
const intent = (change: Partial<Told> = {}): Told => ({ ...base, kind: 'intent', statements: [{ sql: 'select', params: [] }], purpose: null, accesses: read(), rules: ['r.rules[0]'], masks: {}, revealed: [], ...change })
const refusal = (reason: string, change: Partial<Told> = {}): Told => ({ ...base, kind: 'refusal', statements: [], purpose: null, accesses: read(), refusal: { slug: 'denied', reason }, ...change })
const asked = (change: Record<string, unknown> = {}): Told => ({ ...base, kind: 'request', request: 'arq_1', change: { statements: ['insert'], purpose: null, accesses: [{ action: 'insert', resource: 'public.refunds' }], masks: {}, demands: [{ by: ['leads'], quorum: 1, rule: 'r.rules[0]' }], ...change } })
const allow = { allow: ['select'], on: ['public.*'] }
const approval = { by: ['leads'], quorum: 1, within: '30m' }
const look = (event: Told, ...documents: readonly unknown[]) => { const found = foresee(policyOf(shop(), ...documents), event); return found && { would: found.would, changes: found.changes, cannot: found.cannot } }
const same = (would: string) => ({ would, changes: false, cannot: null })
const other = (would: string) => ({ would, changes: true, cannot: null })

describe('a recorded decision under another policy', () => {
  test('stays, is refused, asks, or is permitted', () => {
    expect(look(intent(), role('r', [allow]))).toEqual(same('permit'))
    expect(look(intent(), role('r', [allow, { deny: ['*'], on: ['public.customers'] }]))).toEqual(other('deny'))
    expect(look(intent(), role('r', [{ ...allow, approval }]))).toEqual(other('ask'))
    expect(look(refusal('no_rule'), role('r', [allow]))).toEqual(other('permit'))
    expect(look(refusal('no_rule'), role('r', [{ ...allow, on: ['public.orders'] }]))).toEqual(same('deny'))
  })
  test('an execution after approval was an ask', () => {
    expect(look(intent({ request: 'arq_1' }), role('r', [{ ...allow, approval }]))).toEqual(same('ask'))
    expect(look(intent({ request: 'arq_1' }), role('r', [allow]))).toEqual(other('permit'))
  })
  test('a request that would ask other people says whom', () => {
    expect(foresee(policyOf(shop(), role('r', [{ allow: ['insert'], on: ['public.refunds'], approval: { ...approval, quorum: 2 } }])), asked())).toMatchObject({ would: 'ask', changes: true, people: { from: '1 of leads', to: '2 of leads' } })
    expect(look(asked(), role('r', [{ allow: ['insert'], on: ['public.refunds'], approval }]))).toEqual(same('ask'))
  })
  test('reads what the record knows: groups, purpose, time, views and partitions', () => {
    expect(look(intent(), role('r', [allow], [{ group: 'others' }]))).toEqual(other('deny'))
    expect(look(intent({ purpose: 'audit' }), role('r', [{ ...allow, when: 'context.purpose == "audit"' }]))).toEqual(same('permit'))
    expect(look(intent(), role('r', [{ ...allow, when: 'context.time > timestamp("2026-11-22T10:00:00Z")' }]))).toEqual(other('deny'))
    const through = role('r', [{ allow: ['select'], on: ['public.contacts'], through: true }])
    expect(look(intent({ accesses: [{ action: 'select', resource: 'public.contacts', columns: ['id'] }, { action: 'select', resource: 'public.customers', columns: ['id'], via: ['public.contacts'] }] }), through)).toEqual(same('permit'))
    const parent = role('r', [{ allow: ['select'], on: ['public.events'] }])
    expect(look(intent({ accesses: [{ action: 'select', resource: 'public.events', columns: ['id'] }, { action: 'select', resource: 'public.events_1', columns: ['id'], via: ['public.events'], part: true }] }), parent)).toEqual(same('permit'))
    expect(look(intent({ accesses: [{ action: 'select', resource: 'pg_catalog.pg_class', columns: ['oid'], system: true }] }), role('r', [{ allow: ['select'], on: ['*.*'] }]))).toEqual(other('deny'))
  })
  test('groups the issuer would no longer be believed, and an issuer that is gone, count for nothing', () => {
    const issuer = (accept: readonly string[], name = 'okta') => ({ version: 1, kind: 'issuer', name, issuer: `https://${name}.example`, audience: 'a', groups: { claim: 'g', accept }, agents: { subject: 'agent:{sub}' } })
    const event = intent({ who: { ...who, issuer: 'okta' } })
    expect(look(event, issuer(['r*']), role('r', [allow]))).toEqual(same('permit'))
    expect(look(event, issuer(['x']), role('r', [allow]))).toEqual(other('deny'))
    expect(look(event, issuer(['r*'], 'entra'), role('r', [allow]))).toEqual(other('deny'))
  })
})

describe('masks', () => {
  const masked = intent({ accesses: read(['id', 'email']), masks: { 'public.customers.email': 'email' } })
  const under = (connection: object, ...rules: readonly object[]) => foresee(policyOf(connection, role('r', [allow, ...rules])), masked)
  test('that stay, change or fall', () => {
    expect(under(shop())).toMatchObject({ would: 'permit', changes: false })
    expect(under(shop({ mask: { 'pii.email': 'redact' } }))).toMatchObject({ changes: true, masks: [{ column: 'public.customers.email', from: 'email', to: 'redact' }] })
    expect(under(shop({ classify: {} }))).toMatchObject({ changes: true, masks: [{ from: 'email', to: 'clear' }] })
    expect(under(shop(), { reveal: ['pii.email'], on: ['public.customers'] })).toMatchObject({ changes: true, masks: [{ from: 'email', to: 'clear' }] })
  })
  test('of a column that was read in a way the record does not tell: nothing is guessed', () => {
    const clear = intent({ accesses: read(['id', 'ssn']), revealed: ['pii.ssn'] })
    const reveal = { reveal: ['pii.ssn'], on: ['public.customers'] }
    expect(look(clear, role('r', [allow, reveal]))).toEqual(same('permit'))
    expect(look(clear, role('r', [allow]))).toMatchObject({ would: null, changes: false, cannot: expect.stringContaining('how a classified column was used') })
    expect(look(clear, role('r', [allow, { ...reveal, approval }]))).toMatchObject({ would: null })
    expect(look(clear, role('r', [{ deny: ['*'], on: ['public.*'] }]))).toEqual(other('deny'))
    expect(look(intent({ accesses: read(['id', 'ssn']) }), role('r', [allow]))).toMatchObject({ would: null })
  })
})

describe('what the record does not hold', () => {
  test('claims that a condition reads', () => {
    const rule = { ...allow, when: 'claims.level > 2' }
    expect(look(intent(), role('r', [rule]))).toMatchObject({ would: null, cannot: 'a condition reads claims.level, and the record keeps no claims' })
    expect(look(intent(), role('r', [allow, { deny: ['select'], on: ['public.customers'], when: 'has(claims.level)' }]))).toMatchObject({ would: null, cannot: expect.stringContaining('claims.level') })
    expect(look(intent(), role('r', [allow, { deny: ['select'], on: ['public.customers'], when: '"level" in claims' }]))).toMatchObject({ would: null, cannot: expect.stringContaining('claims') })
    expect(look(intent(), role('r', [allow, { ...rule, on: ['public.orders'] }]))).toEqual(same('permit'))
  })
  test('an actor\'s groups, columns, accesses, the end of what was cut', () => {
    expect(look(intent({ who: { ...who, actors: ['agent:planner'] } }), role('r', [allow]))).toMatchObject({ would: null, cannot: expect.stringContaining('actors') })
    expect(look(intent({ accesses: [{ action: 'select', resource: 'public.customers' }] }), role('r', [allow]))).toMatchObject({ would: null, cannot: expect.stringContaining('columns') })
    expect(look(refusal('no_rule', { accesses: [] }), role('r', [allow]))).toMatchObject({ would: null })
    const { accesses: _erased, ...erased } = intent()
    expect(look(erased, role('r', [allow]))).toMatchObject({ would: null })
    expect(look(intent({ accesses: [{ action: 'teleport', resource: 'a.b' }] }), role('r', [allow]))).toMatchObject({ would: null })
    expect(look(refusal('no_rule', { statements: [{ sql: 'select… [cut: 9000 characters]', params: [] }] }), role('r', [allow]))).toMatchObject({ would: null })
  })
  test('what was refused for what a function or a mask would show, unless its accesses are refused', () => {
    for (const reason of ['unclassified_result', 'mask_written_back']) {
      expect(look(refusal(reason), role('r', [allow]))).toMatchObject({ would: null })
      expect(look(refusal(reason), role('r', [{ deny: ['*'], on: ['public.*'] }]))).toEqual(same('deny'))
    }
  })
})

test('what no policy decided is no decision: locks, quotas, grammar, the target, reads of the record', () => {
  for (const reason of ['locked', 'constructor']) expect(look(refusal(reason), role('r', [allow]))).toBeNull()
  for (const slug of ['statement-unparsable', 'rate-limited', 'target-error', 'statement-unsupported']) expect(look({ ...refusal('no_rule'), refusal: { slug, reason: 'no_rule' } }, role('r', [allow]))).toBeNull()
  for (const kind of ['outcome', 'audit-read', 'explain', 'approval', 'start']) expect(look(intent({ kind }), role('r', [allow]))).toBeNull()
})

describe('of a cluster', () => {
  const cluster = { version: 1, kind: 'connection', name: 'cluster', engine: 'kubernetes', secret: 'k', serviceAccounts: { '*': 'sluice/reader' } }
  const on = (rules: readonly object[]) => role('r', rules.map((rule) => ({ connection: 'cluster', ...rule })))
  const done = (action: string, more: object = {}): Told => intent({ connection: 'cluster', accesses: [{ action, resource: 'apps/deployments', namespace: 'web', name: 'front', ...more }] })
  const again = (event: Told, ...rules: readonly object[]) => { const found = foresee(policyOf(cluster, on(rules)), event); return found && { would: found.would, changes: found.changes, cannot: found.cannot } }
  test('namespace, name and what a pod may do count', () => {
    expect(again(done('get'), { allow: ['get'], on: ['apps/*'], namespaces: ['web'] })).toEqual(same('permit'))
    expect(again(done('get'), { allow: ['get'], on: ['apps/*'], namespaces: ['ops'] })).toEqual(other('deny'))
    expect(again(done('create', { needs: ['privileged'] }), { allow: ['write'], on: ['apps/*'] })).toEqual(other('deny'))
  })
  test('what hangs on the object cannot be told; where it makes no difference, it can', () => {
    const scaling = { ask: ['write'], when: 'object.spec.replicas > 2', approval }
    expect(again(done('patch'), { allow: ['write'], on: ['apps/*'] }, scaling)).toMatchObject({ would: null, cannot: 'a condition reads the object that was written, and the record keeps none' })
    expect(again(done('get'), { allow: ['get'], on: ['apps/*'] }, scaling)).toEqual(same('permit'))
    expect(again(done('patch'), { allow: ['get'], on: ['apps/*'] }, scaling)).toEqual(other('deny'))
  })
  test('a Secret that came masked and would come in clear is told', () => {
    const read = intent({ connection: 'cluster', accesses: [{ action: 'get', resource: 'secrets', namespace: 'web', name: 's' }], masks: { 'secrets.data': 'redact' } })
    expect(foresee(policyOf(cluster, on([{ allow: ['get'], on: ['secrets'] }, { reveal: ['kubernetes.secret'], on: ['secrets'] }])), read)).toMatchObject({ would: 'permit', changes: true, masks: [{ column: 'secrets.data', from: 'redact', to: 'clear' }] })
  })
})
