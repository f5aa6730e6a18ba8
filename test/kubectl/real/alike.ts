import { setTimeout as sleep } from 'node:timers/promises'
import type { Client, Json } from '../../local/cluster.ts'
import { nodeLabel } from './node.ts'

/** The letters of names that Kubernetes makes up: no vowels, so that no word is among them. */
const random = '[bcdfghjklmnpqrstvwxz2456789]'
/** What two namespaces of one cluster differ in beside their names: generated names and hashes, addresses, ports, how far a controller has come. */
export const alike = (text: string): string => text
  .replaceAll(/sluice-suite-(?:direct|seer|plain)/g, 'NS')
  .replaceAll(new RegExp(`-${random}{8,10}(?:-${random}{5})?\\b`, 'g'), '-HASH')
  .replaceAll(new RegExp(`-${random}{5}\\b`, 'g'), '-HASH')
  .replaceAll(new RegExp(`(pod-template-hash"?[=:] ?"?)${random}{8,10}\\b`, 'g'), '$1HASH')
  .replaceAll(/\b10\.\d+\.\d+\.\d+\b/g, 'ADDRESS')
  .replaceAll(/\bx\d+ over AGE\b|\(x\d+ over [^)]*\)/g, '')
  .replaceAll(/^Waiting for deployment .*\n/gm, '')
  .replaceAll(/ {2,}/g, '  ').replaceAll(/ +$/gm, '')

const settleMs = 15_000
/**
 * Waits until the namespaces take pods (a fresh one has no account for them yet). Gives whether pods become ready there, and what waits until controllers have nothing left to do in them.
 */
export async function furnished(admin: Client, namespaces: readonly string[]): Promise<{ readonly running: boolean; readonly settle: () => Promise<void> }> {
  const pod = { metadata: { name: 'probe' }, spec: { containers: [{ name: 'probe', image: 'acme/probe:1' }] } }
  for (const namespace of namespaces) await until(async () => (await admin('POST', `/api/v1/namespaces/${namespace}/pods?dryRun=All`, pod)).status === 201)
  const { body } = await admin('GET', `/api/v1/nodes?labelSelector=${encodeURIComponent(nodeLabel)}`)
  const running = (body['items']?.length ?? 0) > 0
  const kinds = ['/api/v1/namespaces/NS/pods', '/apis/apps/v1/namespaces/NS/deployments', '/apis/apps/v1/namespaces/NS/replicasets', '/apis/batch/v1/namespaces/NS/jobs', '/api/v1/namespaces/NS/endpoints', '/api/v1/namespaces/NS/events']
  async function look(): Promise<{ versions: string; busy: boolean }> {
    const found = (await Promise.all(namespaces.flatMap((namespace) => kinds.map(async (path) => {
      const { body } = await admin('GET', path.replace('NS', namespace))
      return [...(body['items'] ?? []) as unknown as readonly Json[]]
    })))).flat()
    return { versions: JSON.stringify(found.map((one) => [one['metadata']?.['uid'], one['metadata']?.['resourceVersion']])), busy: running && found.some(busy) }
  }
  let last = ''
  return { running, settle: () => until(async () => { const { versions, busy } = await look(); const still = versions === last; last = versions; return still && !busy }) }
}
function busy({ metadata, spec, status }: Json): boolean {
  if (metadata?.['deletionTimestamp']) return true
  if (spec?.['containers']) return !['Running', 'Succeeded', 'Failed'].includes(String(status?.['phase']))
  return false
}
/** Goes on after its time too: what is not settled then shows in the comparison. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  for (const from = Date.now(); Date.now() - from < settleMs; await sleep(120)) if (await holds()) return
}
