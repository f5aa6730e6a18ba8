import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { startNode } from './real/node.ts'
import { findServers, startReal } from './real/servers.ts'

/** `npm run cluster`: Kubernetes' own servers on this machine until Ctrl-C, built first where they are not there yet. Prints, last, the path of a kubeconfig. */
const say = (text: string): void => { process.stdout.write(`${text}\n`) }
if (findServers() === null) execFileSync(join(import.meta.dirname, 'real/build.sh'), { stdio: 'inherit' })
const servers = findServers()
if (servers === null) {
  process.stderr.write('no etcd: apt-get install -y etcd-server\n')
  process.exit(1)
}
const cluster = await startReal(servers)
const node = await startNode(cluster.admin)
async function stop(): Promise<void> {
  await node.close()
  await cluster.close()
  process.exit(0)
}
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => void stop())
say(`the api server's audit log: ${cluster.audit}`)
say(`SLUICE_TEST_KUBECONFIG=${cluster.file} SLUICE_TEST_AUDIT=${cluster.audit} npx vitest run test/kubectl`)
say(`export KUBECONFIG=${cluster.file}`)
