import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Item } from '../../functions/aws/dynamo.ts'
import { requesterOf } from '../../functions/aws/request.ts'
import { digestOf } from '../../functions/approve/digest.ts'
import type { AccessRequest } from '../../schema/approval.ts'
import { tables } from '../../schema/item.ts'
import type { PolicyDocument } from '../../schema/policy.ts'
import { createRig, type Rig } from '../contract/rig.ts'
import { asked, lead, path, refund, say, type Waiting } from '../support/approvals.ts'
import { support } from '../support/caller.ts'
import { createReplicas } from '../support/replicas.ts'
import { refunds, withRules } from './rules.ts'

/** Somebody who may write one row of the requests, or of the keys, and has a token of an agent that may see nothing of what another asked. */
const clerk = { subject: 'agent:clerk', groups: ['clerks'] }
const canary = 'jane.canary@example.com'
const secret = { sql: 'select id, email from public.customers', reveal: ['pii.email'], purpose: 'x' }
const reveal = { reveal: ['pii.email'], connection: 'shop', on: ['public.customers'], approval: { by: ['support-leads'], quorum: 1, within: '30m' } }
const documents: Readonly<Record<string, PolicyDocument>> = {
  ...withRules([refunds, { allow: ['select'], connection: 'shop', on: ['public.customers'] }, reveal]),
  'roles/clerk.yaml': { version: 1, kind: 'role', name: 'clerk', members: [{ group: 'clerks' }], rules: [refunds] },
}

let rig: Rig
beforeEach(async () => { rig = await createRig('signed') })
afterEach(() => rig.close())

/** Another's rows, executed and kept. */
async function victim() {
  const at = createReplicas(rig, documents)
  const request = await asked(await at.as(support), secret)
  await say(await at.as(lead), 'approve', request)
  expect(await at.process().approver.proceed(request.id)).toBe('succeeded')
  const call = async (method: string, to: string, body?: unknown, headers = {}) => (await at.as(clerk)).call(method, to, body, headers)
  expect([(await call('POST', path, { sql: secret.sql })).status, (await call('GET', `/v1/requests/${request.id}`)).status]).toEqual([403, 404])
  expect((await (await at.as(support)).call('GET', `/v1/requests/${request.id}`)).text).toContain(canary)
  const alarms = () => at.world.alarms.map(({ what }) => what)
  return { ...at, request, call, alarms }
}
const { name: TableName } = tables.requests
const item = async (pk: string): Promise<Item> => { const { Item: found } = await rig.dynamo('GetItem', { TableName, Key: { pk: { S: pk } } }); if (!found) throw new Error(`no ${pk}`); return found }
const rowOf = async ({ id }: Pick<Waiting, 'id'>): Promise<AccessRequest> => JSON.parse((await item(id))['request']?.S ?? '') as AccessRequest
async function writeOver({ id }: Pick<Waiting, 'id'>, change: (row: AccessRequest) => AccessRequest): Promise<void> {
  const row = change(await rowOf({ id }))
  const { issuer, subject } = row.bound
  await rig.dynamo('PutItem', { TableName, Item: { ...await item(id), request: { S: JSON.stringify(row) }, digest: { S: row.digest }, requester: { S: requesterOf({ issuer, subject: subject.id }) } } })
}
const leadTo = async (callKey: string, { id }: Pick<Waiting, 'id'>): Promise<void> => { await rig.dynamo('PutItem', { TableName, Item: { ...await item(`call#${callKey}`), id: { S: id } } }) }
const clerks = (row: AccessRequest): AccessRequest => ({ ...row, bound: { ...row.bound, subject: { ...row.bound.subject, id: clerk.subject } } })

test.each<[string, (row: AccessRequest) => AccessRequest]>([
  ['the subject alone', clerks],
  ['the subject, and a digest that fits', (row) => { const { bound } = clerks(row); return { ...row, bound, digest: digestOf(bound) } }],
])('a request written over as somebody else\'s gives them neither its rows nor its words: %s', async (_, change) => {
  const { request, call, alarms } = await victim()
  await writeOver(request, change)
  const [shown, list] = [await call('GET', `/v1/requests/${request.id}`), await call('GET', '/v1/requests')]
  expect([shown.status, shown.json['reason']]).toEqual([409, 'not_on_record'])
  for (const { text } of [shown, list]) for (const word of [canary, secret.sql]) expect(text).not.toContain(word)
  expect(alarms()).toContain('a request is not on record')
})

test('a call whose key leads to another\'s request is not answered by it: it asks for itself, and its key leads there from then on', async () => {
  const { as, request, call, alarms } = await victim()
  const own = await asked(await as(clerk))
  const { callKey } = await rowOf(own)
  await leadTo(callKey, request)
  const reply = await call('POST', path, refund)
  expect([reply.status, reply.text.includes(canary)]).toEqual([202, false])
  expect(alarms()).toEqual(['a call leads to a request that is not its own'])
  expect((await asked(await as(clerk))).id).toBe((reply.json as { request: Waiting }).request.id)
})

test('nor where that request is written over as the very call: what was kept opens for what was executed alone', async () => {
  const { as, request, call, alarms } = await victim()
  const own = await rowOf(await asked(await as(clerk)))
  await writeOver(request, (row) => ({ ...row, bound: own.bound, callKey: own.callKey }))
  await leadTo(own.callKey, request)
  const reply = await call('POST', path, refund)
  expect([reply.json['reason'], reply.text.includes(canary)]).toEqual(['answer_not_kept', false])
  expect(alarms()).toContain('a kept answer does not open')
})

test('an idempotency key that leads to another\'s request is not answered by it, nor one that leads to another call of the same caller', async () => {
  const { as, request, call, alarms, world } = await victim()
  const headers = { 'idempotency-key': 'k' }
  const forge = async (id: string) => {
    const { Items: items = [] } = await rig.dynamo('Scan' as 'Query', { TableName: tables.state.name }) as { readonly Items?: readonly Item[] }
    const mine = items.find((one) => one['pk']?.S?.startsWith('idempotency#') && one['answer'])
    await rig.dynamo('PutItem', { TableName: tables.state.name, Item: { ...mine, answer: { S: id } } })
  }
  const first = (await call('POST', path, refund, headers)).json as { request: Waiting }
  const other = await asked(await as(clerk), { ...refund, params: [8] })
  for (const id of [request.id, other.id]) {
    await forge(id)
    const reply = await call('POST', path, refund, headers)
    expect([reply.status, (reply.json as { request?: Waiting }).request?.id]).toEqual([202, first.request.id])
  }
  expect(alarms().filter((what) => what === 'a call leads to a request that is not its own')).toHaveLength(2)
  expect(world.engine.ran).toEqual([secret.sql])
})
