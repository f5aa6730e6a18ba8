import type { Gate, Step } from './story.ts'

/** The cluster's part of the demo, with kubectl where there is one, else over HTTP: the same requests either way. */
const web = '/v1/kubernetes/cluster/api/v1/namespaces/web'
const scalePath = '/v1/kubernetes/cluster/apis/apps/v1/namespaces/web/deployments/front/scale'
const agent = (gate: Gate) => gate.token('agent:support-bot', ['support-agents'])
/** How something was said, and whether it was done. */
interface Said { readonly done: boolean; readonly text: string; readonly command: string }
type Body = Readonly<Record<string, unknown>>
const at = (body: unknown, ...path: readonly string[]): unknown => path.reduce<unknown>((inner, key) => typeof inner === 'object' && inner !== null ? (inner as Body)[key] : undefined, body)

async function password(gate: Gate): Promise<Said> {
  const words = ['get', 'secret', 'front-db', '-n', 'web', '-o', 'jsonpath={.data.password}']
  const ran = await gate.kubectl?.(words)
  if (ran) return { done: ran.code === 0, text: Buffer.from(ran.out, 'base64').toString(), command: `kubectl ${words.join(' ')}` }
  const { status, body } = await gate.call('GET', `${web}/secrets/front-db`, await agent(gate))
  return { done: status === 200, text: Buffer.from(String(at(body, 'data', 'password')), 'base64').toString(), command: `GET ${web}/secrets/front-db` }
}
async function scale(gate: Gate, replicas: number): Promise<Said> {
  const words = ['scale', 'deployment', 'front', '-n', 'web', `--replicas=${replicas}`]
  const ran = await gate.kubectl?.(words)
  if (ran) return { done: ran.code === 0, text: ran.out + ran.err, command: `kubectl ${words.join(' ')}` }
  const { status, body } = await gate.call('PUT', scalePath, await agent(gate), { apiVersion: 'autoscaling/v1', kind: 'Scale', metadata: { name: 'front', namespace: 'web' }, spec: { replicas } })
  return { done: status === 200, text: status === 200 ? 'deployment.apps/front scaled' : String(at(body, 'message')), command: `PUT ${scalePath}` }
}
async function replicas(gate: Gate): Promise<number> {
  const { body } = await gate.call('GET', scalePath, await agent(gate))
  return Number(at(body, 'spec', 'replicas'))
}
async function approve(gate: Gate, id: string): Promise<void> {
  const lead = await gate.token('user:sofia@acme.dev', ['support-leads'])
  const { body } = await gate.call('GET', `/v1/requests/${id}`, lead)
  const said = await gate.call('POST', `/v1/requests/${id}/decision`, lead, { decision: 'approve', digest: body.request?.digest })
  expect(said.status === 200, `the lead's word taken, got ${said.status} ${said.body.reason ?? ''}`)
  for (let i = 0; i < 100; i++) {
    const now = await gate.call('GET', `/v1/requests/${id}`, await agent(gate))
    if (now.body.request?.status === 'succeeded') return
    await new Promise((resolve) => { setTimeout(resolve, 100) })
  }
  throw new Error(`expected ${id} to be done by approval`)
}

export const errand: readonly Step[] = [
  {
    title: 'in the cluster, it reads a secret: there it is, and its values are masked',
    async run(gate) {
      const { done, text, command } = await password(gate)
      expect(done && text === '[redacted]', `a masked value, got \`${text}\``)
      return [command, text]
    },
  },
  {
    title: 'it scales a deployment out: that waits for a person, and approval does it; scaling back in asks nobody',
    async run(gate) {
      const before = await replicas(gate)
      const asked = await scale(gate, before + 2)
      const id = /arq_[0-9A-Z]{26}/.exec(asked.text)?.[0]
      expect(!asked.done && id !== undefined && await replicas(gate) === before, `a request that waits, got: ${asked.text}`)
      await approve(gate, id ?? '')
      const again = await scale(gate, before + 2)
      expect(again.done && await replicas(gate) === before + 2, `${before + 2} pods and the same command answered, got ${await replicas(gate)}: ${again.text}`)
      const back = await scale(gate, before)
      expect(back.done && await replicas(gate) === before, `${before} pods again, got: ${back.text}`)
      return [asked.command, asked.text.trim(), 'user:sofia@acme.dev approves', `${asked.command}: ${again.text.trim()}`, `${back.command}: ${back.text.trim()}`]
    },
  },
]

function expect(holds: boolean, what: string): void {
  if (!holds) throw new Error(`expected ${what}`)
}
