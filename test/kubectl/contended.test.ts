import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe } from 'vitest'
import { clientOf } from '../local/cluster.ts'
import type { Cluster } from '../../functions/local/cluster.ts'
import { contended } from './contended.ts'
import { documents, operator, standAlone, standGate, type Gated } from './stand.ts'

describe('many writers of one object, before the demo cluster', { timeout: 60_000 }, () => {
  let cluster: Cluster
  let gated: Gated
  let ask: ReturnType<typeof clientOf>
  beforeAll(async () => {
    cluster = await standAlone()
    const admin = clientOf(cluster.admin)
    await admin('POST', '/api/v1/namespaces/sluice/serviceaccounts', operator[0])
    for (const [i, where] of ['clusterroles', 'clusterrolebindings'].entries()) await admin('POST', `/apis/rbac.authorization.k8s.io/v1/${where}`, operator[i + 1])
    gated = await standGate(documents([]), cluster.admin)
    ask = clientOf(readFileSync(await gated.as({ subject: 'user:ada@acme.dev', groups: ['operators'], seconds: 3600 }), 'utf8'))
  })
  afterAll(async () => { await gated?.close(); await cluster?.close() })
  contended(() => ({ admin: clientOf(cluster.admin), world: gated.world, through: (method, target, body, headers) => ask(method, `/v1/kubernetes/cluster${target}`, body, headers) }))
})
