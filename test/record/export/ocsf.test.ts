import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import type { Event } from '../../../schema/event.ts'
import { told } from '../../../schema/told.ts'
import { ocsfOf } from '../../../functions/record/export/ocsf.ts'
import { events, toldOf } from './events.ts'

// Shapes of OCSF 1.8.0 (schema.ocsf.io, tag 1.8.0): strict, so that a member OCSF does not have where we put it fails here.
const text = z.string().min(1)
const user = z.strictObject({ uid: text.optional(), name: text, type_id: z.literal([0, 1, 4]), type: z.enum(['Unknown', 'User', 'Service']), groups: z.array(z.strictObject({ name: text })).optional() })
const policy = z.strictObject({ name: text.optional(), uid: text.optional(), version: text.optional() }).refine(({ name, uid }) => name !== undefined || uid !== undefined)
const actor = z.strictObject({
  app_name: text.optional(), user: user.optional(), idp: z.strictObject({ name: text }).optional(), session: z.strictObject({ uid: text, issuer: text }).optional(),
  authorizations: z.array(z.strictObject({ decision: z.enum(['allowed', 'denied']), policy: policy.optional() })).min(1).optional(),
}).refine(({ user, app_name }) => user !== undefined || app_name !== undefined)
const endpoint = z.strictObject({ svc_name: text.optional(), name: text.optional() }).refine((one) => Object.keys(one).length === 1)
const base = {
  activity_name: text, type_name: text, time: z.int().min(Date.parse('2020-01-01')),
  severity_id: z.literal([1, 2, 3, 4]), severity: z.enum(['Informational', 'Low', 'Medium', 'High']), status_id: z.literal([0, 1, 2]), status: z.enum(['Unknown', 'Success', 'Failure']), status_code: text.optional(), status_detail: text.optional(),
  metadata: z.strictObject({ version: z.literal('1.8.0'), product: z.strictObject({ name: z.literal('Sluice'), vendor_name: z.literal('Sluice') }), log_name: z.literal('audit'), uid: text, event_code: text, correlation_uid: text, original_time: text }),
  unmapped: z.record(text, z.unknown()),
}
const shapes = {
  6005: z.strictObject({
    ...base, class_uid: z.literal(6005), class_name: z.literal('Datastore Activity'), category_uid: z.literal(6), category_name: z.literal('Application Activity'), activity_id: z.literal([0, 2, 4, 5, 6, 7, 99]), type_uid: z.int(), actor, src_endpoint: endpoint,
    database: z.strictObject({ name: text, type_id: z.literal(1), type: z.literal('Relational') }), table: z.strictObject({ name: text }).optional(), type_id: z.literal([1, 3]), type: z.enum(['Database', 'Table']), query_info: z.strictObject({ uid: text, query_string: text }).optional(),
  }),
  6003: z.strictObject({
    ...base, class_uid: z.literal(6003), class_name: z.literal('API Activity'), category_uid: z.literal(6), category_name: z.literal('Application Activity'), activity_id: z.literal([1, 2, 3, 4, 99]), type_uid: z.int(), actor, src_endpoint: endpoint,
    api: z.strictObject({ operation: text, version: text, service: z.strictObject({ name: text }) }), resources: z.array(z.strictObject({ type: text, name: text.optional(), uid: text.optional() }).refine(({ name, uid }) => name !== undefined || uid !== undefined)).length(1).optional(),
  }),
  3005: z.strictObject({ ...base, class_uid: z.literal(3005), class_name: z.literal('User Access Management'), category_uid: z.literal(3), category_name: z.literal('Identity & Access Management'), activity_id: z.literal(1), type_uid: z.int(), actor, user, privileges: z.array(text).min(1), resources: z.array(z.strictObject({ type: text, uid: text })).optional() }),
  3002: z.strictObject({ ...base, class_uid: z.literal(3002), class_name: z.literal('Authentication'), category_uid: z.literal(3), category_name: z.literal('Identity & Access Management'), activity_id: z.literal([1, 2]), type_uid: z.int(), user, service: z.strictObject({ name: text }), is_remote: z.literal(true), count: z.int().min(1).optional(), start_time: z.int().optional(), end_time: z.int().optional() }),
}
function checked(object: ReturnType<typeof ocsfOf>): Record<string, unknown> {
  const uid = z.literal([6005, 6003, 3005, 3002]).parse(object['class_uid'])
  const shape: z.ZodType<{ activity_id: number; type_uid: number; activity_name: string; type_name: string }> = shapes[uid]
  const read = shape.parse(JSON.parse(JSON.stringify(object)))
  expect(read.type_uid).toBe(uid * 100 + read.activity_id)
  const names: Record<number, string> = { 1: 'Informational', 2: 'Low', 3: 'Medium', 4: 'High' }
  expect(names[Number(object['severity_id'])]).toBe(object['severity'])
  expect(['Unknown', 'Success', 'Failure'][Number(object['status_id'])]).toBe(object['status'])
  return { ...read }
}
const kinds = Object.keys(events) as readonly Event['kind'][]

describe('every kind of event', () => {
  test.each(kinds)('%s is an object of its class, and says which event it was', (kind) => {
    const event = toldOf(kind)
    told.parse(event)
    const object = checked(ocsfOf(event, kind === 'outcome' || kind === 'correction' ? toldOf('intent') : null))
    expect(object).toMatchObject({ metadata: { uid: event.id, event_code: kind, correlation_uid: event.evaluation } })
  })
  test.each([
    ['intent', 600504, 'Unknown'], ['outcome', 600504, 'Success'], ['correction', 600504, 'Failure'], ['refusal', 600504, 'Failure'], ['policy', 600303, 'Success'], ['lock', 600301, 'Success'], ['audit-read', 600302, 'Success'], ['explain', 600302, 'Success'],
    ['repeat', 600302, 'Success'], ['start', 600399, 'Success'], ['heartbeat', 600399, 'Success'], ['unauthenticated', 300201, 'Failure'], ['request', 600301, 'Success'], ['approval', 300501, 'Success'], ['rejection', 600399, 'Success'],
    ['cancellation', 600399, 'Success'], ['expiry', 600399, 'Success'], ['stale', 600399, 'Success'],
  ] as const)('%s has type %d and ends as %s', (kind, type, status) => {
    expect(ocsfOf(toldOf(kind), toldOf('intent'))).toMatchObject({ type_uid: type, status })
  })
  test.each(kinds)('%s without its content makes up none', (kind) => {
    const { id, at, evaluation, session, who, connection, policy } = toldOf(kind)
    const bare = { id, at, kind, evaluation, session, who, connection, policy }
    const object = checked(ocsfOf(bare))
    expect(object).not.toHaveProperty('query_info')
    expect(JSON.stringify(object)).not.toMatch(/undefined|null/)
  })
  test('of a later version is an API call of its own name, with what it had', () => {
    for (const kind of ['rotation', 'constructor', '__proto__']) expect(checked(ocsfOf({ ...toldOf('start'), kind }))).toMatchObject({ type_uid: 600399, activity_name: kind, unmapped: { change: { unsafe: 'local identity' } } })
  })
})

describe('a statement', () => {
  const of = (...accesses: readonly (readonly [string, string])[]) => checked(ocsfOf(toldOf('intent', { accesses: accesses.map(([action, resource]) => ({ action, resource })) })))
  test.each([
    [[['select', 'a.b']], 4, 'Query'], [[['insert', 'a.b']], 6, 'Create'], [[['update', 'a.b'], ['select', 'a.b']], 2, 'Update'], [[['delete', 'a.b'], ['select', 'a.c']], 7, 'Delete'], [[['truncate', 'a.b']], 7, 'Delete'],
    [[['insert', 'a.b'], ['update', 'a.b']], 5, 'Write'], [[['create', 'a.b']], 99, 'Create'], [[['lock', 'a.b']], 99, 'Lock'], [[['call', 'a.f']], 99, 'Call'], [[['call', 'a.f'], ['select', 'a.b']], 4, 'Query'], [[['alter', 'a.b'], ['delete', 'a.b']], 99, 'Change'], [[], 0, 'Unknown'],
  ] as const)('that reaches %j is activity %d %s', (accesses, activity, name) => {
    expect(of(...accesses)).toMatchObject({ activity_id: activity, activity_name: name })
  })
  test('names its table only where it is one', () => {
    expect(of(['select', 'a.b'], ['update', 'a.b'])).toMatchObject({ table: { name: 'a.b' }, type_id: 3 })
    expect(of(['select', 'a.b'], ['select', 'a.c'])).not.toHaveProperty('table')
  })
  test('carries who asked, by what authority, and the decision with its rule', () => {
    expect(checked(ocsfOf(toldOf('intent')))).toMatchObject({
      actor: { user: { uid: 'agent:support-bot', type: 'Service', groups: [{ name: 'support-agents' }] }, idp: { name: 'okta' }, authorizations: [{ decision: 'allowed', policy: { name: 'support-agent.rules[0]', version: 'f'.repeat(64) } }] },
      unmapped: { actors: ['agent:planner'], roles: ['support-agent'], masks: { 'public.customers.email': 'email' }, parameters: [[7]], purpose: 'a late parcel' }, query_info: { query_string: 'select id, email from public.customers where id = $1' },
    })
    expect(ocsfOf(toldOf('refusal'))).toMatchObject({ severity: 'Medium', status_code: 'denied', actor: { authorizations: [{ decision: 'denied', policy: { name: 'support-agent.rules[2]' } }] } })
  })
  test('whose outcome stands alone has an activity nobody guessed', () => {
    expect(checked(ocsfOf(toldOf('outcome')))).toMatchObject({ activity_id: 0, activity_name: 'Unknown', unmapped: { intent: events.intent.id, rowCounts: [1] } })
  })
  test('whose answer was lost is neither a success nor a failure, and calls for somebody', () => {
    expect(checked(ocsfOf(toldOf('outcome', { status: 'unknown', by: 'sweeper' }), toldOf('intent')))).toMatchObject({ status: 'Unknown', severity: 'High' })
    expect(checked(ocsfOf(toldOf('outcome', { status: 'a word of tomorrow' }), toldOf('intent')))).toMatchObject({ status: 'Unknown', severity: 'High' })
  })
})

test('a refusal of the gate\'s own resources touched no datastore', () => {
  expect(checked(ocsfOf(toldOf('refusal', { connection: 'sluice', accesses: [{ action: 'read', resource: 'audit' }], statements: [] })))).toMatchObject({ class_uid: 6003, api: { operation: 'audit.read' }, status: 'Failure', resources: [{ name: 'audit' }] })
})
test('an intended change is not yet a success, a lost one is neither', () => {
  const phase = (kind: 'policy' | 'lock', phase: string) => checked(ocsfOf(toldOf(kind, { change: { phase } })))['status']
  expect(['intended', 'applied', 'moved', 'unknown'].map((one) => phase('policy', one))).toEqual(['Unknown', 'Success', 'Failure', 'Unknown'])
  expect(['intended', 'done', 'refused', 'unknown'].map((one) => phase('lock', one))).toEqual(['Unknown', 'Success', 'Failure', 'Unknown'])
  expect(checked(ocsfOf(toldOf('lock', { change: { lifted: 'everything', phase: 'done' } })))).toMatchObject({ activity_id: 4, resources: [{ name: 'everything' }] })
})
test('an approval says for whom, and does not where the record does not', () => {
  expect(checked(ocsfOf(toldOf('approval')))).toMatchObject({ actor: { user: { uid: 'user:sofia@acme.dev', type: 'User' } }, user: { uid: 'agent:support-bot' } })
  expect(checked(ocsfOf(toldOf('approval', { change: {} })))['user']).toEqual({ name: 'unknown', type_id: 0, type: 'Unknown' })
})
test('counted refusals of strangers are one aggregate with its window', () => {
  expect(checked(ocsfOf(toldOf('unauthenticated')))).toMatchObject({ count: 7, time: Date.parse('2026-11-22T08:59:00.000Z'), start_time: Date.parse('2026-11-22T08:59:00.000Z'), end_time: Date.parse('2026-11-22T09:00:00.000Z') })
})
