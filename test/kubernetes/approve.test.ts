import { expect, test } from 'vitest'
import { lead } from '../support/approvals.ts'
import { createClustered, operator, rules, withRules } from '../support/cluster.ts'
import { requestPage } from '../../functions/console/request.ts'
import type { RequestView } from '../../schema/approval.ts'

const front = '/apis/apps/v1/namespaces/web/deployments/front'
type At = ReturnType<typeof createClustered>
async function api(at: At, who: Parameters<At['as']>[0], method: string, path: string, body?: unknown) {
  const token = await at.world.token(who)
  const response = await at.app.request(path, { method, headers: { authorization: `Bearer ${token}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) }, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
  return { status: response.status, json: await response.json() as Record<string, unknown> }
}
async function asked(at: At, body: unknown = { replicas: 5 }, path = front) {
  const answer = await (await at.as(operator))('PATCH', path, body)
  const status = await answer.json() as { reason: string; message: string; details: { causes: { reason: string; message: string }[] } }
  const of = (reason: string) => status.details.causes.find((cause) => cause.reason === reason)?.message ?? ''
  return { answer, status, id: of('Request') as `arq_${string}`, digest: of('Digest') }
}
const approve = (at: At, { id, digest }: { id: string; digest: string }) => api(at, lead, 'POST', `/v1/requests/${id}/decision`, { decision: 'approve', digest })
function world(its = rules) {
  const at = createClustered(withRules(its))
  at.cluster.objects.set(front, { kind: 'Deployment', replicas: 3, uid: 'u1' })
  return at
}

test('a change that needs a person is a Status that names the request, who decides and what to do; approval runs it once; the same command answers with what was done', async () => {
  const at = world()
  const { answer, status, id, digest } = await asked(at)
  expect([answer.status, status.reason, answer.headers.get('location'), answer.headers.get('retry-after')]).toEqual([403, 'Forbidden', `/v1/requests/${id}`, null])
  expect(status.message).toContain(id)
  expect(status.message).toContain(`${at.ports.self.console}/requests/${id}`)
  expect(status.message).toContain('support-leads')
  expect(status.message).toContain('run the same command again')
  expect(at.cluster.ran).toEqual([])
  expect((await approve(at, { id, digest })).status).toBe(200)
  expect(await at.approver.proceed(id)).toBe('succeeded')
  expect(at.cluster.ran).toMatchObject([{ sql: `PATCH ${front}`, roles: ['operator'] }])
  const again = await (await at.as(operator))('PATCH', front, { replicas: 5 })
  expect([again.status, again.headers.get('content-type'), await again.text()]).toEqual([200, 'application/json', JSON.stringify({ kind: 'Deployment', replicas: 5, uid: 'u1' })])
  expect(at.cluster.ran).toHaveLength(1)
  const shown = await api(at, operator, 'GET', `/v1/requests/${id}`)
  expect(shown.json['result']).toMatchObject({ status: 200, type: 'application/json', body: expect.stringContaining('"replicas":5') as string })
  expect(at.world.events.map(({ kind }) => kind)).toEqual(['request', 'approval', 'intent', 'outcome', 'repeat', 'repeat'])
})

test('who decides sees verb, resource, namespace, name, capabilities and the difference; whoever asks does not see the object', async () => {
  expect((await asked(world(), { replicas: 5, hostPath: '/' })).id).toBe('')   // no rule permits host-path: not even people are asked
  const permitted = world([{ ...rules[2]!, permit: ['host-path'] }])
  const { id: other } = await asked(permitted, { replicas: 5, hostPath: '/' })
  const seen = (await api(permitted, lead, 'GET', `/v1/requests/${other}`)).json['request'] as RequestView
  expect(seen).toMatchObject({ accesses: [{ action: 'patch', resource: 'apps/deployments', target: { namespace: 'web', name: 'front', needs: ['host-path'] } }], diff: expect.stringContaining('"replicas":3') as string })
  const page = String(requestPage(seen, { now: permitted.world.clock.ms, proof: 'p' }))
  for (const word of ['change', 'apps/deployments', 'front', 'web', 'What would change', 'files of the machine']) expect(page).toContain(word)
  expect((await api(permitted, operator, 'GET', `/v1/requests/${other}`)).json['request']).not.toHaveProperty('diff')
  expect(permitted.world.events.find(({ kind }) => kind === 'request')).toMatchObject({ change: { diff: expect.stringContaining('"replicas":3') as string, accesses: [{ namespace: 'web', name: 'front', needs: ['host-path'] }] } })
})

test('who opens a request again and again has it looked for in places of their own, and takes no more of the cluster', async () => {
  const at = world()
  const { id } = await asked(at)
  let [open, most] = [0, 0]
  const { promise, resolve } = Promise.withResolvers<undefined>()
  const { classify } = at.cluster
  at.cluster.classify = async (...of) => {
    const plan = await classify(...of)
    if (!plan.ok || !plan.value.preview) return plan
    const { preview } = plan.value
    return { ok: true, value: { ...plan.value, preview: async () => { most = Math.max(most, ++open); await promise; open--; return preview() } } }
  }
  const seen = Array.from({ length: 80 }, () => api(at, lead, 'GET', `/v1/requests/${id}`))
  await expect.poll(() => most).toBe(64)
  resolve(undefined)
  expect(new Set((await Promise.all(seen)).map(({ status }) => status))).toEqual(new Set([200]))
  expect(most).toBe(64)
  expect((await (await at.as(operator))('PATCH', front, { replicas: 6 })).status).toBe(403)       // nobody else's are taken by it
})

test('the object changed after it was asked: who decides sees both, and approval does not run it', async () => {
  const at = world()
  const request = await asked(at)
  at.cluster.objects.set(front, { kind: 'Deployment', replicas: 9, uid: 'u1' })
  const seen = (await api(at, lead, 'GET', `/v1/requests/${request.id}`)).json['request'] as RequestView
  expect([seen.diff?.includes('"replicas":3'), seen.diffNow?.includes('"replicas":9')]).toEqual([true, true])
  await approve(at, request)
  expect(await at.approver.proceed(request.id)).toBe('stale')
  expect(at.cluster.ran).toEqual([])
  const again = await asked(at)
  expect([again.answer.status, again.id === request.id]).toEqual([403, false])
})

test('a conflict at the very execution is `approval-stale`, nothing is kept, and the next command asks anew', async () => {
  const at = world()
  const request = await asked(at)
  await approve(at, request)
  at.cluster.next = { status: 409, body: { kind: 'Status', reason: 'Conflict', code: 409 } }
  expect(await at.approver.proceed(request.id)).toBe('failed')
  expect((await at.memory.requests.get(request.id))?.ending?.refusal).toMatchObject({ slug: 'approval-stale', next: 'request' })
  expect(at.world.events.find(({ kind }) => kind === 'outcome')).toMatchObject({ status: 'failed', answered: { status: 409 } })
  at.cluster.next = null
  expect((await asked(at)).id).not.toBe(request.id)
})

test('what the cluster refuses after approval answers the repeat in its own words', async () => {
  const at = world()
  const request = await asked(at)
  await approve(at, request)
  at.cluster.next = { status: 422, body: { kind: 'Status', reason: 'Invalid', code: 422, message: 'spec.replicas' } }
  expect(await at.approver.proceed(request.id)).toBe('failed')
  const again = await (await at.as(operator))('PATCH', front, { replicas: 5 })
  expect([again.status, await again.json()]).toEqual([422, { kind: 'Status', reason: 'Invalid', code: 422, message: 'spec.replicas' }])
  expect(at.cluster.ran).toHaveLength(1)
})

test('a rejection, an expiry: the same command hears it as a Status', async () => {
  const at = world()
  const request = await asked(at)
  await api(at, lead, 'POST', `/v1/requests/${request.id}/decision`, { decision: 'reject', digest: request.digest, reason: 'not today' })
  const no = await (await at.as(operator))('PATCH', front, { replicas: 5 })
  expect([no.status, await no.json()]).toMatchObject([403, { reason: 'Forbidden', message: expect.stringContaining('not today') as string }])
  const late = world()
  await asked(late)
  late.world.clock.ms += 31 * 60_000
  const gone = await (await late.as(operator))('PATCH', front, { replicas: 5 })
  expect([gone.status, (await gone.json() as { reason: string }).reason]).toEqual([410, 'Gone'])
})

test.each([
  ['another namespace', '/apis/apps/v1/namespaces/web/deployments/back', { replicas: 5 }], ['another body', front, { replicas: 6 }],
])('%s is another request', async (_, path, body) => {
  const at = world()
  at.cluster.objects.set('/apis/apps/v1/namespaces/web/deployments/back', { kind: 'Deployment', replicas: 3 })
  const first = await asked(at)
  const other = await asked(at, body, path)
  expect([other.id.startsWith('arq_'), other.id === first.id]).toEqual([true, false])
})

test('a watch that people must permit is kept as far as it came when it was run, and nobody waits for its end', async () => {
  const at = createClustered(withRules([{ allow: ['watch'], connection: 'cluster', on: ['pods'], approval: { by: ['support-leads'], quorum: 1, within: '30m' } }]))
  const call = await at.as(operator)
  const path = '/api/v1/namespaces/web/pods?watch=true'
  const causes = (await (await call('GET', path)).json() as { details: { causes: { reason: string; message: string }[] } }).details.causes
  const of = (reason: string) => causes.find((cause) => cause.reason === reason)?.message ?? ''
  await approve(at, { id: of('Request'), digest: of('Digest') })
  const done = at.approver.proceed(of('Request') as `arq_${string}`)
  while (at.cluster.streams.length === 0) await new Promise((resolve) => setImmediate(resolve))
  at.cluster.streams[0]?.feed('{"type":"ADDED"}\n')
  at.cluster.streams[0]?.feed('x'.repeat(4 * 1024 * 1024))
  expect(await done).toBe('succeeded')
  expect(at.cluster.streams[0]?.cut.aborted).toBe(true)
  expect((await (await call('GET', path)).text()).slice(0, 17)).toBe('{"type":"ADDED"}\n')
})

test('a Secret that is written shows its data to nobody who decides', async () => {
  const at = createClustered(withRules([{ allow: ['create'], connection: 'cluster', on: ['secrets'], approval: { by: ['support-leads'], quorum: 1, within: '30m' } }]))
  const answer = await (await at.as(operator))('POST', '/api/v1/namespaces/web/secrets', { kind: 'Secret', data: { key: 'Q0FOQVJZ' } })
  const { details } = await answer.json() as { details: { causes: { reason: string; message: string }[] } }
  const of = (reason: string) => details.causes.find((cause) => cause.reason === reason)?.message ?? ''
  const seen = await api(at, lead, 'GET', `/v1/requests/${of('Request')}`)
  expect([seen.status, JSON.stringify(seen.json)]).toEqual([200, expect.not.stringContaining('Q0FOQVJZ')])
  expect(JSON.stringify(at.world.events)).not.toContain('Q0FOQVJZ')
  const kept = await at.ports.approvals?.requests.get(of('Request') as `arq_${string}`)
  expect(kept?.callKey).toMatch(/^[0-9a-f]{64}$/)
  expect(JSON.stringify([seen.json, at.world.events])).not.toContain(kept?.callKey)      // a digest of the call without salt: values could be tried out
  await approve(at, { id: of('Request'), digest: of('Digest') })
  expect(await at.approver.proceed(of('Request') as `arq_${string}`)).toBe('succeeded')
  expect(at.cluster.ran).toMatchObject([{ params: [{}, { kind: 'Secret', data: { key: 'Q0FOQVJZ' } }] }])
})

test('what the cluster would refuse is told at once, and no person is asked to agree to it', async () => {
  const at = world()
  at.cluster.fails = { slug: 'not-found', reason: 'no_object', detail: 'there is no `front` there', next: 'fix' }
  const { answer, status, id } = await asked(at)
  expect([answer.status, status.reason, id, at.cluster.ran]).toEqual([404, 'NotFound', '', []])
  expect(at.world.events.map(({ kind }) => kind)).toEqual(['refusal'])
})

test.each<[string, { readonly diff?: string }]>([['taken out of it', {}], ['another', { diff: '-{"replicas":3}\n+{"replicas":4}' }], ['empty', { diff: '' }]])('a change whose words were written over in its row is neither shown nor taken as agreed to, however long the cluster takes, and does not run: %s', async (_, words) => {
  const at = world()
  const { id, digest } = await asked(at, { replicas: 0 })
  const { diff, ...row } = (await at.memory.requests.get(id))!
  expect(diff).toContain('"replicas":0')
  at.memory.stored.set(id, { ...row, ...words })
  const [shown, said] = [await api(at, lead, 'GET', `/v1/requests/${id}`), await approve(at, { id, digest })]
  expect([shown.status, said.status, said.json['reason']]).toEqual([409, 409, 'not_on_record'])
  at.memory.stored.set(id, { ...row, diff: diff! })
  expect((await approve(at, { id, digest })).status).toBe(200)
  at.memory.stored.set(id, { ...(await at.memory.requests.get(id))!, diff: words.diff ?? '' })
  expect([await at.approver.proceed(id), at.cluster.ran, at.world.alarms.length]).toEqual(['stale', [], 3])
})
