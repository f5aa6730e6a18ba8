import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe } from 'vitest'
import type { Cluster } from '../../functions/local/cluster.ts'
import { clientOf, type Client } from '../local/cluster.ts'
import { everyForm } from './real/canary.ts'
import { caller, policy, prefix } from './real/stand.ts'
import { operator, standAlone, standGate, type Gated } from './stand.ts'

/** What real.test.ts asks of Kubernetes' own API server, of the demo's, which quotes what it holds in the same refusals: so that it is asked everywhere. */
let cluster: Cluster
let at: { readonly admin: Client; readonly gated: Gated; readonly through: Client }
beforeAll(async () => {
  cluster = await standAlone()
  const admin = clientOf(cluster.admin)
  await admin('POST', '/api/v1/namespaces', { metadata: { name: 'sluice' } })
  for (const one of operator) await admin('POST', one.kind === 'ServiceAccount' ? '/api/v1/namespaces/sluice/serviceaccounts' : `/apis/rbac.authorization.k8s.io/v1/${one.kind.toLowerCase()}s`, one)
  const gated = await standGate(policy, cluster.admin)
  const ask = clientOf(readFileSync(await gated.as(caller), 'utf8'))
  at = { admin, gated, through: (method, target, body, headers) => ask(method, `${prefix}${target}`, body, headers) }
})
afterAll(async () => {
  await at?.gated.close()
  await cluster?.close()
})
describe('shows nothing that holds a class', () => { everyForm(() => at) })
