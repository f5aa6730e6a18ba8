import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { getRequestListener } from '@hono/node-server'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createApp } from '../../functions/app.ts'
import { isPermit } from '../../functions/decide/permit.ts'
import { openFront } from '../../functions/local/front.ts'
import { kubeconfig } from '../../functions/local/kubeconfig.ts'
import { createKubernetes } from '../../functions/protocol/kubernetes/kubernetes.ts'
import { paged } from '../../functions/protocol/kubernetes/page.ts'
import { ofNode } from '../../functions/target.ts'
import type { PolicyDocument } from '../../schema/policy.ts'
import { kubectl, kubectlToTest } from '../kubectl/kubectl.ts'
import { standCluster, type Stand } from '../local/cluster.ts'
import { createRig, planOf, bodyOf, type Rig } from '../protocol/kubernetes/rig.ts'
import { json, startStub, type Stub } from '../protocol/kubernetes/stub.ts'
import { createClustered, operator, withRules } from '../support/cluster.ts'

test.each([
  ['/api/v1/pods', '/api/v1/pods?limit=10'], ['/api/v1/pods?limit=5', '/api/v1/pods?limit=5'], ['/api/v1/pods?limit=10', '/api/v1/pods?limit=10'], ['/api/v1/pods?limit=500&continue=abc', '/api/v1/pods?continue=abc&limit=10'], ['/api/v1/pods?limit=0', '/api/v1/pods?limit=10'], ['/api/v1/pods?limit=999999999999999', '/api/v1/pods?limit=10'],
  ['/api/v1/pods?labelSelector=limit%3D5', '/api/v1/pods?labelSelector=limit%3D5&limit=10'], ['/api/v1/pods?resourceVersion=0&resourceVersionMatch=NotOlderThan', '/api/v1/pods?limit=10'], ['/api/v1/pods?resourceVersion=7&resourceVersionMatch=Exact', '/api/v1/pods?resourceVersion=7&resourceVersionMatch=Exact&limit=10'],
])('of a list %s at most ten objects are asked for: %s', (target, expected) => {
  expect(paged(target, 10)).toBe(expected)
  expect(paged(paged(target, 10), 10)).toBe(expected)
  expect(paged(target, Infinity)).toBe(target)
})

describe('a server that pays no heed to a limit', () => {
  let stub: Stub
  let rig: Rig
  beforeAll(async () => { stub = await startStub(); rig = createRig(stub) })
  afterAll(async () => { rig.close(); await stub.close() })
  test('is cut, and the list never closed, so that nobody takes it for whole; the record says why', async () => {
    const { createMasker } = await import('../../functions/protocol/kubernetes/mask.ts')
    rig.masker = createMasker
    const answer = (items: number) => { stub.handler = (_, response) => { json(response, 200, { kind: 'PodList', apiVersion: 'v1', metadata: {}, items: Array.from({ length: items }, (_, n) => ({ metadata: { name: `p${n}` } })) }) } }
    const plan = planOf({ form: 'list', target: '/api/v1/pods', attributes: { verb: 'list', name: null } })
    answer(10)
    const fits = await rig.run(plan, { run: { maxRows: 10 } })
    expect((JSON.parse(await bodyOf(fits.masked)) as { items: unknown[] }).items).toHaveLength(10)
    answer(11)
    const { executed, masked } = await rig.run(plan, { run: { maxRows: 10 } })
    await expect(bodyOf(masked)).rejects.toThrow()
    const rows = executed.status === 'succeeded' ? executed.rows : null
    expect(await rows?.ended).toMatchObject({ how: 'cut: over 10 objects, and the cluster does not page them' })
    expect(await rows?.counted).toBe(11)
    expect(stub.seen.filter(({ url }) => url.startsWith('/api/v1/pods')).map(({ url }) => url)).toEqual(['/api/v1/pods?limit=10', '/api/v1/pods?limit=10'])
  })
})

const binary = kubectlToTest()
describe.skipIf(binary === null)('a list of more objects than the policy lets through at once', () => {
  let stand: Stand
  let directory: string
  let at: ReturnType<typeof createClustered>
  let file: string
  const close: (() => Promise<unknown>)[] = []
  const documents = (limits: object): Readonly<Record<string, PolicyDocument>> => ({
    ...withRules([{ allow: ['get', 'list', 'delete'], connection: 'cluster', on: ['configmaps'], namespaces: ['web'] }]),
    'cluster.yaml': { version: 1, kind: 'connection', name: 'cluster', engine: 'kubernetes', secret: 'kube', serviceAccounts: { operator: 'sluice/platform' }, limits } as PolicyDocument,
  })
  beforeAll(async () => {
    stand = await standCluster()
    for (let n = 0; n < 25; n++) await stand.admin('POST', '/api/v1/namespaces/web/configmaps', { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: `many-${n}`, labels: { many: 'yes' } } })
    directory = await mkdtemp(join(tmpdir(), 'sluice-page-'))
    const secret = stand.cluster.account('sluice/minter')
    at = createClustered(documents({ rows: 10, perHour: { rows: 200 } }), ({ ports }) => createKubernetes({ secrets: { get: async () => secret }, now: ports.now, isPermit, alarm: ports.alarm }))
    at.world.clock.ms = Date.now()
    const opened = await openFront(0, '127.0.0.1', stand.authority.issue('gate'))
    opened.serve(getRequestListener(createApp(at.ports, at.gate, ofNode).fetch))
    file = join(directory, 'kubeconfig')
    await writeFile(file, kubeconfig(stand.authority.certificate, [{ name: 'cluster', server: `${opened.url}/v1/kubernetes/cluster`, user: { token: await at.world.token({ ...operator, seconds: 3600 }) } }]), { mode: 0o600 })
    close.push(() => opened.close(), () => at.ports.engines.kubernetes.close(), () => stand.cluster.close(), () => rm(directory, { recursive: true, force: true }))
  })
  afterAll(async () => { for (const one of close) await one() })
  const run = (...args: readonly string[]) => kubectl(binary ?? '', file, directory, args)
  const lists = () => at.world.events.filter((event) => event.kind === 'intent' && event.accesses.some(({ action }) => action === 'list')).length

  test('comes whole to kubectl, page by page, each on record; a caller without pages sees that there is more', async () => {
    for (const more of [[], ['--chunk-size=0'], ['--chunk-size=3']]) {
      const before = lists()
      const { code, out, err } = await run('get', 'configmaps', '-n', 'web', '-l', 'many=yes', '-o', 'name', ...more)
      expect([code, err, out.trim().split('\n').length]).toEqual([0, '', 25])
      expect(lists() - before).toBe(more.includes('--chunk-size=3') ? 9 : 3)
    }
    const body = await (await (await at.as(operator))('GET', '/api/v1/namespaces/web/configmaps?labelSelector=many%3Dyes')).json() as { items: unknown[]; metadata: { continue: string; remainingItemCount: number } }
    expect([body.items.length, body.metadata.continue.length > 0, body.metadata.remainingItemCount]).toEqual([10, true, 15])
  })

  test('counts by its objects against the hour, and the page that is left is as small as what is left of it', async () => {
    const ask = await at.as({ ...operator, subject: 'agent:other' })
    const sizes: number[] = []
    for (let n = 0; n < 21; n++) {
      const answer = await ask('GET', '/api/v1/namespaces/web/configmaps?labelSelector=many%3Dyes')
      const body = await answer.json() as { items?: unknown[]; reason?: string }
      sizes.push(body.items?.length ?? -1)
      await new Promise((resolve) => { setImmediate(resolve) })
      if (n === 20) expect([answer.status, body.reason]).toEqual([429, 'TooManyRequests'])
    }
    expect(sizes).toEqual([...Array.from({ length: 20 }, () => 10), -1])
  })
})
