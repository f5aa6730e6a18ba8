import { afterAll, beforeAll, expect, test } from 'vitest'
import { isPermit } from '../../functions/decide/permit.ts'
import { createKubernetes } from '../../functions/protocol/kubernetes/kubernetes.ts'
import type { PolicyDocument } from '../../schema/policy.ts'
import { type Stand, standCluster } from '../local/cluster.ts'
import { createClustered, operator, withRules } from '../support/cluster.ts'

/**
 * A value in a Secret, in the annotations of it, in a path that the policy classifies, in a log and in refusals; and every way known to ask for it. Never in a byte that leaves, nor in
 * the record.
 */
const canary = 'canary-9b1f'
const b64 = (text: string) => Buffer.from(text).toString('base64')
const everything = ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete', 'deletecollection'] as const
const documents: Readonly<Record<string, PolicyDocument>> = {
  ...withRules([{ allow: [...everything], connection: 'cluster', on: ['pods', 'pods/log', 'configmaps', 'secrets'], namespaces: ['web'] }]),
  'cluster.yaml': {
    version: 1, kind: 'connection', name: 'cluster', engine: 'kubernetes', secret: 'kube', serviceAccounts: { operator: 'sluice/platform' }, classify: { 'configmaps:data.tint': 'app.tint' }, detect: ['email', 'secret', 'credit-card'],
  },
}
let stand: Stand
let at: ReturnType<typeof createClustered>
beforeAll(async () => {
  stand = await standCluster()
  const kubeconfig = stand.cluster.account('sluice/minter')
  at = createClustered(documents, ({ ports }) => createKubernetes({ secrets: { get: async () => kubeconfig }, now: ports.now, isPermit, alarm: ports.alarm }))
})
afterAll(async () => { await at.ports.engines.kubernetes.close(); await stand.cluster.close() })

const secrets = '/api/v1/namespaces/web/secrets'
const maps = '/api/v1/namespaces/web/configmaps'
const applied = JSON.stringify({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'held' }, stringData: { p: canary } })
const held = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'held', annotations: { 'kubectl.kubernetes.io/last-applied-configuration': applied, copy: `p: "${canary}"`, note: canary, 'kubernetes.io/service-account.name': canary } }, data: { p: b64(canary) }, type: 'Opaque' }
const settings = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'settings', annotations: { 'kubectl.kubernetes.io/last-applied-configuration': JSON.stringify({ data: { tint: canary } }), note: canary } }, data: { tint: canary, mail: `${canary}@acme.dev`, note: 'plain' } }
/** What has no class is on record as it was sent. */
const sent = { ...settings, data: { ...settings.data, mail: 'none' } }
const table = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json' }
const type = (patch: string) => ({ 'content-type': `application/${patch}` })
const guess = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'held' }, stringData: { p: canary } }

test('a value with a class is in no byte that leaves, however it is asked for, nor in the record', async () => {
  await stand.admin('POST', secrets, held)
  await stand.admin('POST', maps, settings)
  const ask = await at.as(operator)
  const asked: [string, string, unknown?, Readonly<Record<string, string>>?][] = [
    ['GET', `${secrets}/held`], ['GET', secrets], ['GET', `${secrets}/held`, undefined, table], ['GET', `${secrets}?includeObject=Object`, undefined, table], ['GET', `${secrets}?fieldSelector=metadata.name%3Dheld`], ['GET', `${secrets}/held`, undefined, { accept: 'application/yaml' }], ['GET', `${secrets}/held`, undefined, { accept: 'application/vnd.kubernetes.protobuf' }],
    ['GET', `${secrets}/held`, undefined, { accept: 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1' }], ['GET', `${secrets}?watch=true&timeoutSeconds=1`], ['GET', `${secrets}?watch=true&timeoutSeconds=1&includeObject=Object`, undefined, table], ['PATCH', `${secrets}/held`, {}, type('merge-patch+json')], ['PATCH', `${secrets}/held`, {}, type('strategic-merge-patch+json')],
    ['PATCH', `${secrets}/held`, [], type('json-patch+json')], ['PATCH', `${secrets}/held?dryRun=All`, { metadata: { labels: { a: 'b' } } }, type('merge-patch+json')], ['PATCH', `${secrets}/held`, [{ op: 'copy', from: '/data/p', path: '/metadata/labels/p' }], type('json-patch+json')], ['PATCH', `${secrets}/held`, [{ op: 'test', path: '/data/p', value: b64('x') }], type('json-patch+json')],
    ['PATCH', `${secrets}/held?force=true&fieldManager=me`, { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'held', labels: { c: 'd' } } }, type('apply-patch+yaml')], ['POST', secrets, guess], ['PUT', `${secrets}/held`, { ...guess, metadata: { name: 'held', resourceVersion: '1' } }], ['PUT', `${secrets}/none`, { ...guess, metadata: { name: 'none' } }], ['POST', secrets, { ...guess, metadata: { name: `Not ${canary}` } }],
    ['PATCH', `${secrets}/held?fieldManager=me`, guess, type('apply-patch+yaml')], ['PUT', `${secrets}/held?dryRun=All`, guess], ['DELETE', `${secrets}?dryRun=All`], ['DELETE', `${secrets}/held`, { kind: 'DeleteOptions', apiVersion: 'v1', dryRun: ['All'] }],
    ['GET', `${maps}/settings`], ['GET', maps], ['GET', `${maps}?includeObject=Object`, undefined, table], ['PATCH', `${maps}/settings`, { data: { note: 'other' } }, type('merge-patch+json')], ['PUT', `${maps}/settings`, sent], ['POST', maps, sent], ['PATCH', `${maps}/settings`, [{ op: 'move', from: '/data/tint', path: '/data/note' }], type('json-patch+json')],
    ['DELETE', secrets], ['DELETE', `${maps}/settings`],
  ]
  const seen: string[] = []
  for (const [method, target, body, headers] of asked) {
    const answer = await ask(method, target, body, headers)
    const text = await answer.text()
    seen.push(`${method} ${target} ${answer.status}`)
    for (const form of [canary, b64(canary), b64(canary).replace(/=*$/, '').slice(0, -1)]) expect(`${text} ${JSON.stringify([...answer.headers])}`, seen.at(-1)).not.toContain(form)
  }
  const record = JSON.stringify(at.world.events)
  for (const form of [canary, b64(canary)]) expect(record.includes(form), form).toBe(false)
  // They were answered, not merely refused: reads, and writes that show what they wrote.
  expect(seen.filter((line) => / 20\d$/.test(line)).length).toBeGreaterThan(20)
})

test('whoever may write it writes what they sent', async () => {
  const ask = await at.as(operator)
  const written = await ask('POST', secrets, { ...guess, metadata: { name: 'written' } })
  expect(await written.json()).toMatchObject({ data: { p: b64('[redacted]') } })
  expect((await stand.admin('GET', `${secrets}/written`)).body).toMatchObject({ data: { p: b64(canary) } })
})

test('a line of a log loses what has a form', async () => {
  await stand.admin('POST', '/api/v1/namespaces/web/pods', { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'chatty' }, spec: { containers: [{ name: 'app', image: 'app' }] } })
  stand.cluster.say('chatty', [`sent to ${canary}@acme.dev`, 'plain line'])
  const text = await (await (await at.as(operator))('GET', '/api/v1/namespaces/web/pods/chatty/log')).text()
  expect(text).toContain('plain line')
  expect(text).toContain('[redacted: email]')
  expect(text).not.toContain(canary)
})
