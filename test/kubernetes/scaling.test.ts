import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { getRequestListener } from '@hono/node-server'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createApp } from '../../functions/app.ts'
import { readPolicy } from '../../functions/cli/policy/read.ts'
import { isPermit } from '../../functions/decide/permit.ts'
import { openFront } from '../../functions/local/front.ts'
import { kubeconfig } from '../../functions/local/kubeconfig.ts'
import { createKubernetes } from '../../functions/protocol/kubernetes/kubernetes.ts'
import { ofNode } from '../../functions/target.ts'
import type { PolicyDocument } from '../../schema/policy.ts'
import { kubectl, kubectlToTest } from '../kubectl/kubectl.ts'
import { standCluster, type Stand } from '../local/cluster.ts'
import { createClustered } from '../support/cluster.ts'

/** The policy that is shipped, the cluster of the demo, and kubectl: scaling in asks nobody, whichever of its commands does it, and everything else asks. */
const binary = kubectlToTest()
const path = '/apis/apps/v1/namespaces/web/deployments/front'
const applied = 'kubectl.kubernetes.io/last-applied-configuration'
const front = (replicas: number, more: { readonly image?: string; readonly labels?: Readonly<Record<string, string>> } = {}) => ({
  apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'front', namespace: 'web', labels: { app: 'front', ...more.labels } },
  spec: { replicas, selector: { matchLabels: { app: 'front' } }, template: { metadata: { labels: { app: 'front' } }, spec: { containers: [{ name: 'front', image: more.image ?? 'front:1', envFrom: [{ secretRef: { name: 'front-db' } }] }] } } },
})
let stand: Stand
let directory: string
let agent: string
const close: (() => Promise<unknown>)[] = []

describe.skipIf(binary === null)('the policy that is shipped, with kubectl', () => {
  beforeAll(async () => {
    stand = await standCluster()
    directory = await mkdtemp(join(tmpdir(), 'sluice-scaling-'))
    const { bundle } = await readPolicy('policy')
    const documents = Object.fromEntries((bundle?.documents ?? []).map(({ path, document }) => [path, document])) as Readonly<Record<string, PolicyDocument>>
    const secret = stand.cluster.account('sluice/minter')
    const at = createClustered(documents, ({ ports }) => createKubernetes({ secrets: { get: async () => secret }, now: ports.now, isPermit, alarm: ports.alarm }))
    at.world.clock.ms = Date.now()
    const opened = await openFront(0, '127.0.0.1', stand.authority.issue('gate'))
    opened.serve(getRequestListener(createApp(at.ports, at.gate, ofNode).fetch))
    agent = join(directory, 'kubeconfig')
    const token = await at.world.token({ subject: 'agent:support-bot', groups: ['support-agents'], seconds: 3600 })
    await writeFile(agent, kubeconfig(stand.authority.certificate, [{ name: 'cluster', server: `${opened.url}/v1/kubernetes/cluster`, user: { token } }]), { mode: 0o600 })
    close.push(() => opened.close(), () => at.ports.engines.kubernetes.close(), () => stand.cluster.close(), () => rm(directory, { recursive: true, force: true }))
  })
  afterAll(async () => { for (const one of close) await one() })
  beforeEach(async () => {
    await stand.admin('DELETE', path)
    const made = front(3)
    const created = await stand.admin('POST', path.replace('/front', ''), { ...made, metadata: { ...made.metadata, annotations: { [applied]: `${JSON.stringify({ ...made, metadata: { annotations: {}, ...made.metadata } })}\n` } } })
    expect(created.status).toBe(201)
  })
  const run = (args: readonly string[], stdin?: unknown) => kubectl(binary ?? '', agent, directory, args, stdin === undefined ? {} : { stdin: JSON.stringify(stdin) })
  const replicas = async () => ((await stand.admin('GET', path)).body['spec'] as unknown as { replicas: number }).replicas
  const patch = (type: string, body: unknown) => ['patch', 'deployment', 'front', '-n', 'web', '--type', type, '-p', JSON.stringify(body)]
  const server = ['apply', '--server-side', '--force-conflicts', '-f', '-']
  const json = (to: number) => [{ op: 'replace', path: '/spec/replicas', value: to }]
  const least = (to: number) => ({ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'front', namespace: 'web' }, spec: { replicas: to } })

  const ways: readonly (readonly [string, (to: number) => readonly [args: readonly string[], stdin?: unknown]])[] = [
    ['scale', (to) => [['scale', 'deployment', 'front', '-n', 'web', `--replicas=${to}`]]],
    ['a strategic merge patch', (to) => [patch('strategic', { spec: { replicas: to } })]], ['a merge patch', (to) => [patch('merge', { spec: { replicas: to } })]], ['a json patch', (to) => [patch('json', json(to))]],
    ['apply', (to) => [['apply', '-f', '-'], front(to)]], ['server-side apply', (to) => [server, least(to)]], ['server-side apply of the whole', (to) => [server, front(to)]],
  ]
  test.each(ways)('%s: in without asking, out only after people agree', async (_, way) => {
    const asked = await run(...way(5))
    expect([asked.code, await replicas(), asked.err]).toEqual([1, 3, expect.stringMatching(/waits for 1 of support-leads/)])
    const done = await run(...way(1))
    expect([done.err.replaceAll(/^Warning.*\n/gm, ''), done.code, await replicas()]).toEqual(['', 0, 1])
  })

  const poisoned = JSON.stringify({ ...front(1), spec: { ...front(1).spec, paused: true } })
  const others: readonly (readonly [string, readonly string[], object?])[] = [
    ['a patch of the image', patch('strategic', { spec: { replicas: 1, template: { spec: { containers: [{ name: 'front', image: 'front:2' }] } } } })],
    ['a label', patch('merge', { metadata: { labels: { a: 'b' } }, spec: { replicas: 1 } })], ['an annotation', patch('merge', { metadata: { annotations: { 'spec.replicas': 'x' } }, spec: { replicas: 1 } })],
    ['the strategy', patch('json', [...json(1), { op: 'add', path: '/spec/minReadySeconds', value: 30 }])], ['a pause', patch('merge', { spec: { replicas: 1, paused: true } })],
    ['the last of them', patch('merge', { spec: { replicas: 0 } })], ['who manages which field', patch('merge', { metadata: { managedFields: [{}] }, spec: { replicas: 1 } })], ['what the next apply takes away', patch('merge', { metadata: { annotations: { [applied]: poisoned } }, spec: { replicas: 1 } })], ['the copy itself', patch('merge', { metadata: { annotations: { [applied]: null } }, spec: { replicas: 1 } })], ['a copy that cannot be read', patch('merge', { metadata: { annotations: { [applied]: '{' } }, spec: { replicas: 1 } })],
    ['another image, applied', ['apply', '-f', '-'], front(1, { image: 'front:2' })], ['a label, applied', ['apply', '-f', '-'], front(1, { labels: { a: 'b' } })], ['another image, applied by the server', server, front(1, { image: 'front:2' })], ['a label, applied by the server', server, { ...least(1), metadata: { ...least(1).metadata, labels: { a: 'b' } } }],
    ['another image, replaced', ['replace', '-f', '-'], front(1, { image: 'front:2' })], ['a finalizer', patch('merge', { metadata: { finalizers: ['acme.io/hold'] }, spec: { replicas: 1 } })],
  ]
  test.each(others.map(([what, args, stdin]) => ({ what, args, stdin })))('scaling in is asked about where it changes besides $what', async ({ args, stdin }) => {
    const { code, err } = await run(args, stdin)
    expect([code, await replicas(), err]).toEqual([1, 3, expect.stringMatching(/waits for 1 of support-leads|needs `permit`|permit/)])
  })
})
