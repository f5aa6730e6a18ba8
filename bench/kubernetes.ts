import { type ChildProcess, fork } from 'node:child_process'
import { Agent, request } from 'node:http'
import { join } from 'node:path'
import { message } from './load.ts'

/**
 * `node bench/kubernetes.ts [--json]`: CPU of the gate's process for requests to a cluster ÷ that of a bare streaming proxy, both in this run, lowest of the interleaved rounds; and how far
 * lists of 50 and 200 MB lift the peak of its memory. The cluster is a stub in a process of its own; the gate is the whole app but its durable writes (bench/cluster.ts).
 */
const rounds = Number(process.env['ROUNDS'] ?? 6)
const warmUps = 3
interface Started { readonly child: ChildProcess; readonly port: number; readonly token?: string; readonly kubeconfig?: string; readonly ca?: string; readonly upstream?: number }
async function start(kind: string, config: object = {}): Promise<Started> {
  const child = fork(join(import.meta.dirname, 'cluster.ts'), [kind, JSON.stringify(config)])
  return { ...await message<Omit<Started, 'child'>>(child), child }
}
async function usage({ child }: Started): Promise<{ readonly cpu: number; readonly peakKb: number }> {
  const answer = message<{ readonly cpu: number; readonly peakKb: number }>(child)
  child.send('usage')
  return answer
}

/** Bytes given. */
function get(agent: Agent, { port, token = '' }: Started, path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    request({ agent, port, host: '127.0.0.1', path: `/v1/kubernetes/cluster${path}`, headers: { accept: 'application/json', authorization: `Bearer ${token}` } }, (response) => {
      let bytes = 0
      response.on('data', (part: Buffer) => { bytes += part.byteLength })
      response.on('error', reject)
      response.on('end', () => { if (response.statusCode === 200) resolve(bytes); else reject(new Error(`status ${response.statusCode} of ${path}`)) })
    }).on('error', reject).end()
  })
}
async function cpuOf(server: Started, path: string, count: number, connections: number): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections })
  const before = await usage(server)
  let left = count
  await Promise.all(Array.from({ length: connections }, async () => { while (left-- > 0) await get(agent, server, path) }))
  const after = await usage(server)
  agent.destroy()
  return (after.cpu - before.cpu) / count
}

const shots = [
  { name: 'get pod', path: '/api/v1/namespaces/web/pods/front-1', count: 400, connections: 16, per: 1 }, { name: 'list of 1 000 pods', path: '/api/v1/namespaces/web/pods', count: 8, connections: 2, per: 1 },
  { name: 'list of 1 000 secrets, masked', path: '/api/v1/namespaces/web/secrets', count: 12, connections: 2, per: 1 }, { name: 'watch event', path: '/api/v1/namespaces/web/pods?watch=true', count: 6, connections: 2, per: 1000 },
] as const
const cluster = await start('upstream')
const servers = { bare: await start('bare', cluster), gate: await start('gate', cluster) }
const raw: Record<string, number[]> = {}
for (let round = 1 - warmUps; round <= rounds; round++) {
  for (const { name, path, count, connections, per } of shots) {
    for (const kind of ['bare', 'gate'] as const) {
      const cpu = await cpuOf(servers[kind], path, count, connections) / per
      if (round > 0) (raw[`${kind} ${name}`] ??= []).push(cpu)
    }
  }
}
const lowest = (name: string): number => Math.min(...raw[name] ?? [Number.NaN])
const rows = shots.map(({ name }) => ({ name, bareMicros: lowest(`bare ${name}`), gateMicros: lowest(`gate ${name}`), ratio: lowest(`gate ${name}`) / lowest(`bare ${name}`) }))

/** In processes of their own that have served lists before: how far the peak of memory is lifted by 50 MB, and then by four times as much. What is flat grows with neither. */
async function memory(kind: 'bare' | 'gate'): Promise<{ readonly megabytes: number; readonly addedMb: number }[]> {
  const server = await start(kind, cluster)
  const agent = new Agent({ keepAlive: true })
  for (let n = 0; n < 20; n++) await get(agent, server, '/api/v1/namespaces/web/pods')
  const found: { megabytes: number; addedMb: number }[] = []
  let { peakKb } = await usage(server)
  for (const limit of [50, 200]) {
    const bytes = await get(agent, server, `/api/v1/namespaces/big-${limit}/pods`)
    const after = await usage(server)
    found.push({ megabytes: bytes / 1024 / 1024, addedMb: (after.peakKb - peakKb) / 1024 })
    ;({ peakKb } = after)
  }
  agent.destroy()
  server.child.disconnect()
  return found
}
const large = { bare: await memory('bare'), gate: await memory('gate') }
for (const { child } of [cluster, ...Object.values(servers)]) child.disconnect()

if (process.argv.includes('--json')) console.log(JSON.stringify({ rounds, rows, large, raw }))
else {
  for (const { name, bareMicros, gateMicros, ratio } of rows) console.log(`${name.padEnd(32)} bare ${bareMicros.toFixed(0).padStart(7)} µs   gate ${gateMicros.toFixed(0).padStart(7)} µs   ${ratio.toFixed(2)} ×`)
  for (const [kind, lists] of Object.entries(large)) for (const { megabytes, addedMb } of lists) console.log(`${`a list of ${megabytes.toFixed(0)} MB, ${kind}`.padEnd(32)} peak of memory + ${addedMb.toFixed(1)} MB`)
}
