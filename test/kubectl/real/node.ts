import { request } from 'node:https'
import { setTimeout as sleep } from 'node:timers/promises'
import { parse } from 'yaml'
import { clientOf } from '../../local/cluster.ts'

/** A node, its scheduler and its kubelet, as far as other objects show them: pods are bound, become Running (or Succeeded, where they are to end), and go when they are deleted. Nothing runs. */
export interface Node { close(): Promise<void> }
export const nodeLabel = 'sluice.test/puppet'

interface Pod {
  readonly metadata: { readonly name: string; readonly namespace: string; readonly uid: string; readonly deletionTimestamp?: string }
  readonly spec: { readonly nodeName?: string; readonly restartPolicy?: string; readonly containers: readonly { readonly name: string; readonly image: string }[] }
  readonly status: { readonly phase?: string }
}

export async function startNode(kubeconfig: string): Promise<Node> {
  const admin = clientOf(kubeconfig)
  const state = { open: true, leave: () => {}, address: 0 }
  await admin('POST', '/api/v1/nodes', { metadata: { name: 'node-1', labels: { [nodeLabel]: 'true' } }, spec: {} })
  const capacity = { cpu: '8', memory: '32Gi', pods: '110' }
  await admin('PATCH', '/api/v1/nodes/node-1/status', { status: { capacity, allocatable: capacity, conditions: [{ type: 'Ready', status: 'True', reason: 'Puppet', message: 'nothing runs here', lastHeartbeatTime: null, lastTransitionTime: new Date().toISOString() }], addresses: [{ type: 'InternalIP', address: '127.0.0.1' }] } }, { 'content-type': 'application/merge-patch+json' })

  async function tend(pod: Pod): Promise<void> {
    const path = `/api/v1/namespaces/${pod.metadata.namespace}/pods/${pod.metadata.name}`
    const mine = pod.spec.nodeName === 'node-1'
    if (pod.metadata.deletionTimestamp) return void (mine ? await admin('DELETE', path, { kind: 'DeleteOptions', apiVersion: 'v1', gracePeriodSeconds: 0, preconditions: { uid: pod.metadata.uid } }) : null)
    if (!pod.spec.nodeName) return void await admin('POST', `${path}/binding`, { apiVersion: 'v1', kind: 'Binding', metadata: { name: pod.metadata.name }, target: { apiVersion: 'v1', kind: 'Node', name: 'node-1' } })
    if (!mine || pod.status.phase !== 'Pending') return
    await admin('PATCH', `${path}/status`, { status: statusOf(pod, `10.0.0.${++state.address % 250 + 1}`) }, { 'content-type': 'application/merge-patch+json' })
  }
  async function follow(): Promise<void> {
    while (state.open) {
      await watch(kubeconfig, state, (pod) => void tend(pod).catch(() => {})).catch(() => {})
      if (state.open) await sleep(100)                                    // the api server went, or the watch is over
    }
  }
  const following = follow()
  return { async close() { state.open = false; state.leave(); await following } }
}

function statusOf({ spec }: Pod, podIP: string): object {
  const ends = spec.restartPolicy === 'Never' || spec.restartPolicy === 'OnFailure'
  const at = new Date().toISOString().replace(/\.\d+/, '')
  const condition = (type: string, status: string) => ({ type, status, lastProbeTime: null, lastTransitionTime: at })
  const state = ends ? { terminated: { exitCode: 0, reason: 'Completed', startedAt: at, finishedAt: at } } : { running: { startedAt: at } }
  return {
    phase: ends ? 'Succeeded' : 'Running', hostIP: '127.0.0.1', podIP, podIPs: [{ ip: podIP }], startTime: at,
    conditions: [condition('Initialized', 'True'), condition('Ready', ends ? 'False' : 'True'), condition('ContainersReady', ends ? 'False' : 'True'), condition('PodScheduled', 'True')],
    containerStatuses: spec.containers.map(({ name, image }) => ({ name, image, imageID: `puppet://${image}`, containerID: 'puppet://1', ready: !ends, started: !ends, restartCount: 0, lastState: {}, state })),
  }
}

/** Every pod there is and every change of one, until the other side ends it or `leave` is called. */
function watch(kubeconfig: string, state: { leave: () => void }, seen: (pod: Pod) => void): Promise<void> {
  const { clusters: [one], users: [who] } = parse(kubeconfig) as { clusters: { cluster: { server: string; 'certificate-authority-data': string } }[]; users: { user: { token: string } }[] }
  const { hostname, port } = new URL(one?.cluster.server ?? '')
  return new Promise((done, fail) => {
    const asked = request({ hostname, port, ca: Buffer.from(one?.cluster['certificate-authority-data'] ?? '', 'base64'), agent: false, path: '/api/v1/pods?watch=true', headers: { authorization: `Bearer ${who?.user.token}` } }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (part: string) => {
        const lines = (text + part).split('\n')
        text = lines.pop() ?? ''
        for (const line of lines) { const event = JSON.parse(line) as { type: string; object: Pod }; if (event.type === 'ADDED' || event.type === 'MODIFIED') seen(event.object) }
      }).on('end', done).on('error', fail)
    })
    state.leave = () => { asked.destroy(); done() }
    asked.on('error', fail).end()
  })
}
