import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import type { Bundle, ConnectionDocument } from '../../schema/policy.ts'
import { kubeconfig } from '../../functions/local/kubeconfig.ts'
import { startTargetCluster, writeKubeconfig } from '../../functions/local/kubernetes.ts'
import { keepAuthority, type Authority } from '../../functions/local/tls.ts'
import { clientOf } from './cluster.ts'

let directory: string
let authority: Authority
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sluice-kubernetes-'))
  authority = await keepAuthority(null, Date.now)
})
afterAll(() => rm(directory, { recursive: true, force: true }))
const connection = (name: string): ConnectionDocument => ({ version: 1, kind: 'connection', name, engine: 'kubernetes', secret: `${name}-kubeconfig` })
const bundle = (...names: string[]): Bundle => ({ documents: names.map((name) => ({ path: `${name}.yaml`, document: connection(name) })) })
const shop: Bundle = { documents: [{ path: 'shop.yaml', document: { version: 1, kind: 'connection', name: 'shop', engine: 'postgres', secret: 'x' } }] }
const start = (given: Bundle, file: string | null, demo = false) => startTargetCluster({ bundle: given, file, demo, authority, now: Date.now })
let files = 0
const file = async (content: string) => { const path = join(directory, `given-${++files}`); await writeFile(path, content); return path }

describe('what stands behind the connection to a cluster', () => {
  it('is the demo cluster, by an account that may mint two others\' tokens and nothing else', async () => {
    const target = await start(bundle('cluster'), null, true)
    const client = clientOf(target.secrets['cluster-kubeconfig'] ?? '')
    const statuses = await Promise.all(['support', 'platform', 'minter'].map(async (name) => (await client('POST', `/api/v1/namespaces/sluice/serviceaccounts/${name}/token`, { spec: {} })).status))
    expect([statuses, (await client('GET', '/api/v1/namespaces')).status]).toEqual([[201, 201, 403], 403])
    await target.close()
  })
  it('is nothing for another policy without a file, or a policy without clusters', async () => {
    for (const target of [await start(bundle('cluster'), null), await start(shop, null, true)]) expect(target.secrets).toEqual({})
  })
  it('is the cluster of a given file, under the secret of the only connection there is', async () => {
    const real = kubeconfig(authority.certificate, [{ name: 'real', server: 'https://10.0.0.1:6443', user: { token: 't'.repeat(20) } }])
    const path = await file(real)
    expect((await start(bundle('cluster'), path)).secrets).toEqual({ 'cluster-kubeconfig': real })
    await expect(start(shop, path)).rejects.toThrow('--kubeconfig: the policy has no connection to a cluster')
    await expect(start(bundle('a', 'b'), path)).rejects.toThrow(/several connections to clusters \(a, b\)/)
  })
  it.each([
    ['a program', { exec: { command: 'sh', args: ['-c', 'id'] } }, /`exec` would run a program/],
    ['a plugin', { 'auth-provider': { name: 'gcp' } }, /plugin/],
    ['a file', { tokenFile: '/etc/passwd' }, /names a file/],
  ])('is not what names %s, and says why', async (_, user, why) => {
    const path = await file(JSON.stringify({ apiVersion: 'v1', kind: 'Config', 'current-context': 'c', clusters: [{ name: 'c', cluster: { server: 'https://10.0.0.1', 'certificate-authority-data': Buffer.from(authority.certificate).toString('base64') } }], contexts: [{ name: 'c', context: { cluster: 'c', user: 'c' } }], users: [{ name: 'c', user }] }))
    await expect(start(bundle('cluster'), path)).rejects.toThrow(why)
  })
  it('is not a file that is not there', async () => {
    await expect(start(bundle('cluster'), join(directory, 'nowhere'))).rejects.toThrow(/--kubeconfig: `.*nowhere` cannot be read \(ENOENT\)/)
  })
})

describe('the kubeconfig of the local stack', () => {
  const write = (given: Bundle, local: boolean) => writeKubeconfig({ directory, bundle: given, authority, secure: 'https://127.0.0.1:9', plain: 'http://127.0.0.1:7', local })
  const read = async () => parse(await readFile(join(directory, 'kubeconfig'), 'utf8')) as { clusters: { cluster: { server: string } }[]; users: { name: string; user: { exec?: { command: string; args: string[]; env: unknown } } }[]; 'current-context': string }
  it('is closed to others and leads each cluster\'s callers through the gate, with tokens they make themselves', async () => {
    expect(await write(bundle('cluster', 'other'), true)).toBe(join(directory, 'kubeconfig'))
    expect((await stat(join(directory, 'kubeconfig'))).mode & 0o777).toBe(0o600)
    const made = await read()
    expect(made['current-context']).toBe('cluster')
    expect(made.clusters.map(({ cluster }) => cluster.server)).toEqual(['cluster', 'cluster', 'other', 'other'].map((name) => `https://127.0.0.1:9/v1/kubernetes/${name}`))
    expect(made.users[0]?.user.exec).toMatchObject({ command: process.execPath, args: [expect.stringMatching(/bin\/sluice\.js$/), 'token', '--exec-credential', '--subject', 'agent:support-bot', '--group', 'support-agents'], env: [{ name: 'SLUICE_URL', value: 'http://127.0.0.1:7' }] })
  })
  it('names nobody where a real issuer makes tokens', async () => {
    await write(bundle('cluster'), false)
    expect((await read()).users).toEqual([{ name: 'cluster', user: {} }])
  })
  it('is not written where no connection leads to a cluster', async () => {
    expect(await write(shop, true)).toBeNull()
  })
})
