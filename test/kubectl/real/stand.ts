import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { clientOf, type Client } from '../../local/cluster.ts'
import { documents, standGate, type Gated } from '../stand.ts'
import { furnished } from './alike.ts'
import { installBehind } from './behind.ts'
import { startReal, type Binaries, type RealCluster } from './servers.ts'

/** The gate before Kubernetes' own API server, and one caller of it who may do everything and see nothing classified. */
export interface Stand {
  /** Of this run alone. */
  readonly directory: string
  readonly real: RealCluster
  /** Past the gate. */
  readonly admin: Client
  readonly gated: Gated
  readonly token: string
  /** Through the gate: targets are the API's own. */
  readonly through: Client
  /** Makes what is missing of the objects that spellings name. */
  furnish(): Promise<void>
  close(): Promise<void>
}
export const prefix = '/v1/kubernetes/cluster'
export const policy = documents(['email']).map((document) => document.kind === 'connection' ? {
  ...document, limits: { ...document.limits, timeout: '4s' },
  classify: { 'configmaps:data.tint': 'app.tint', 'acme.io/widgets:spec.key': 'app.key', 'acme.io/widgets:spec.tags[*]': 'app.tag', 'acme.io/widgets:spec.pairs[*].id': 'app.id' },
} : document)
export const caller = { subject: 'user:ada@acme.dev', groups: ['operators'], seconds: 3600 }

export async function standReal(servers: Binaries, kubectl: string): Promise<Stand> {
  const directory = await mkdtemp(join(tmpdir(), 'sluice-real-test-'))
  const real = await startReal(servers)
  const admin = clientOf(real.admin)
  const { minter } = await installBehind(kubectl, real.file, directory)
  const gated = await standGate(policy, minter)
  const ask = clientOf(readFileSync(await gated.as(caller), 'utf8'))
  await furnish(admin)
  await furnished(admin, ['web'])                                          // takes pods by now, and so has its account
  await furnish(admin)
  return {
    directory, real, admin, gated, token: await gated.world.token(caller), furnish: () => furnish(admin), through: (method, target, body, headers) => ask(method, `${prefix}${target}`, body, headers),
    async close() {
      await gated.close()
      await real.close()
      await rm(directory, { recursive: true, force: true })
    },
  }
}
export async function until(holds: () => boolean | Promise<boolean>, ms = 20_000): Promise<boolean> {
  for (const from = Date.now(); Date.now() - from < ms; await sleep(50)) if (await holds()) return true
  return false
}

export const secrets = '/api/v1/namespaces/web/secrets'
export const maps = '/api/v1/namespaces/web/configmaps'
export const widgets = '/apis/acme.io/v1/namespaces/web/widgets'
const definition = {
  apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', metadata: { name: 'widgets.acme.io' },
  spec: { group: 'acme.io', scope: 'Namespaced', names: { plural: 'widgets', singular: 'widget', kind: 'Widget', listKind: 'WidgetList' }, versions: [{
    name: 'v1', served: true, storage: true, additionalPrinterColumns: [{ name: 'Key', type: 'string', jsonPath: '.spec.key' }],
    schema: { openAPIV3Schema: { type: 'object', properties: { spec: { type: 'object', properties: {
      key: { type: 'string' }, size: { type: 'integer' }, tags: { type: 'array', 'x-kubernetes-list-type': 'set', items: { type: 'string' } },
      pairs: { type: 'array', 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['id'], items: { type: 'object', required: ['id'], properties: { id: { type: 'string' }, v: { type: 'string' } } } },
    } } } } },
  }] },
}
async function furnish(admin: Client): Promise<void> {
  const made = { labels: { app: 'front' } }
  await admin('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', definition)
  for (let tries = 0; tries < 100; tries++) {
    if ((await admin('POST', '/api/v1/namespaces', { metadata: { name: 'web' } })).status === 201) break
    if (!(await admin('GET', '/api/v1/namespaces/web')).body['metadata']?.['deletionTimestamp']) break
    await sleep(200)                                                       // a spelling has deleted it
  }
  await admin('POST', secrets, { metadata: { name: 'front-db', ...made }, stringData: { password: 'x' } })
  await admin('POST', maps, { metadata: { name: 'front-config', ...made }, data: { level: 'info' } })
  await admin('POST', '/apis/apps/v1/namespaces/web/deployments', { metadata: { name: 'front', ...made }, spec: { replicas: 0, selector: { matchLabels: { app: 'front' } }, template: { metadata: made, spec: { containers: [{ name: 'front', image: 'acme/front:1' }] } } } })
  await admin('POST', '/api/v1/namespaces/web/pods', { metadata: { name: 'front-1', ...made }, spec: { containers: [{ name: 'front', image: 'acme/front:1' }] } })
  await admin('POST', '/api/v1/namespaces/web/services', { metadata: { name: 'front', ...made }, spec: { selector: made.labels, ports: [{ port: 80 }] } })
  await admin('POST', '/apis/rbac.authorization.k8s.io/v1/clusterroles', { metadata: { name: 'support', ...made }, rules: [] })
  await admin('POST', widgets, { apiVersion: 'acme.io/v1', kind: 'Widget', metadata: { name: 'sprocket', ...made }, spec: { size: 1 } })
}
