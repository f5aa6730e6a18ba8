import { spawn, type ChildProcess } from 'node:child_process'
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { accessSync, constants, createWriteStream } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { kubeconfig } from '../../../functions/local/kubeconfig.ts'
import { keepAuthority } from '../../../functions/local/tls.ts'
import { clientOf, type Client } from '../../local/cluster.ts'

/** Kubernetes' own API server and controllers over etcd, on loopback, as build.sh made them. No kubelet: node.ts plays one. */
export interface RealCluster {
  /** Of somebody who may do everything: the path, and what is in it. */
  readonly file: string
  readonly admin: string
  /** The API server's audit log, level Metadata: a JSON object a line, written before the answer ends. */
  readonly audit: string
  /** `stop`: SIGKILL, as a crash. `start`: on the same port, over the same etcd. */
  readonly apiserver: { stop(): Promise<void>; start(): Promise<void> }
  /** Stopped and continued by signal: connections stay, nothing is answered. */
  readonly etcd: { stall(): void; resume(): void }
  close(): Promise<void>
}
export interface Binaries { readonly etcd: string; readonly apiserver: string; readonly controllers: string }

const version = '1.20.2'
/** Where build.sh leaves them, or `SLUICE_TEST_KUBERNETES`. null: not all of them are there. */
export function findServers(): Binaries | null {
  const directory = process.env['SLUICE_TEST_KUBERNETES'] ?? join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), `sluice/kubernetes-${version}`)
  const found = { etcd: process.env['SLUICE_TEST_ETCD'] ?? '/usr/bin/etcd', apiserver: join(directory, 'kube-apiserver'), controllers: join(directory, 'kube-controller-manager') }
  try {
    for (const one of Object.values(found)) accessSync(one, constants.X_OK)
    return found
  } catch {
    return null
  }
}

const startMs = 90_000
export async function startReal(binaries: Binaries): Promise<RealCluster> {
  const directory = await mkdtemp(join(tmpdir(), 'sluice-real-'))
  const at = (name: string) => join(directory, name)
  const [etcdPort, peerPort, port, health] = await freePorts(4)
  const [admin, controllers] = [randomBytes(24).toString('hex'), randomBytes(24).toString('hex')]
  await furnish(at, { admin, controllers })
  const authority = await keepAuthority(null, Date.now)
  const { key, cert } = authority.issue('kube-apiserver')
  const url = `https://127.0.0.1:${port}`
  const config = (token: string) => kubeconfig(authority.certificate, [{ name: 'real', server: url, user: { token } }])
  await Promise.all(([['server.key', key], ['server.crt', cert], ['ca.crt', authority.certificate], ['admin', config(admin)], ['controllers', config(controllers)]] as const).map(([name, content]) => writeFile(at(name), content, { mode: 0o600 })))

  const children = new Map<string, ChildProcess>()
  const run = (name: string, binary: string, args: readonly string[]) => { children.set(name, start(at(`${name}.log`), binary, args, directory)) }
  const client = clientOf(config(admin))
  const apiserver = () => run('apiserver', binaries.apiserver, [
    `--etcd-servers=http://127.0.0.1:${etcdPort}`, `--secure-port=${port}`, '--bind-address=127.0.0.1', '--advertise-address=127.0.0.1', '--endpoint-reconciler-type=none', `--cert-dir=${directory}`,
    `--tls-cert-file=${at('server.crt')}`, `--tls-private-key-file=${at('server.key')}`, `--token-auth-file=${at('tokens.csv')}`, '--authorization-mode=RBAC', '--service-cluster-ip-range=10.96.0.0/16',
    '--service-account-issuer=https://kubernetes.default.svc', `--service-account-key-file=${at('accounts.pub')}`, `--service-account-signing-key-file=${at('accounts.key')}`,
    `--audit-log-path=${at('audit.log')}`, `--audit-policy-file=${at('audit.yaml')}`, '--shutdown-delay-duration=0s',
  ])
  async function close(): Promise<void> {
    await Promise.all([...children.values()].map((child) => end(child)))
    await rm(directory, { recursive: true, force: true })
  }
  try {
    run('etcd', binaries.etcd, ['--data-dir', at('etcd'), '--listen-client-urls', `http://127.0.0.1:${etcdPort}`, '--advertise-client-urls', `http://127.0.0.1:${etcdPort}`, '--listen-peer-urls', `http://127.0.0.1:${peerPort}`, '--initial-advertise-peer-urls', `http://127.0.0.1:${peerPort}`, '--initial-cluster', `default=http://127.0.0.1:${peerPort}`, '--unsafe-no-fsync'])
    apiserver()
    await ready(client, children, at)
    // Nodes without a kubelet would be given up on after 40 s.
    run('controllers', binaries.controllers, [`--kubeconfig=${at('controllers')}`, '--leader-elect=false', '--controllers=*,-nodelifecycle,-nodeipam', `--service-account-private-key-file=${at('accounts.key')}`, `--root-ca-file=${at('ca.crt')}`, '--bind-address=127.0.0.1', `--secure-port=${health}`, '--port=0', `--cert-dir=${directory}`, '--concurrent-gc-syncs=2', '--namespace-sync-period=2s'])
    await until('the controllers', async () => (await client('GET', '/api/v1/namespaces/default/serviceaccounts/default')).status === 200, children, at)
  } catch (error) {
    await close()
    throw error
  }
  return {
    file: at('admin'), admin: config(admin), audit: at('audit.log'), close,
    apiserver: { stop: () => end(children.get('apiserver')), start: async () => { apiserver(); await ready(client, children, at) } },
    etcd: { stall: () => { children.get('etcd')?.kill('SIGSTOP') }, resume: () => { children.get('etcd')?.kill('SIGCONT') } },
  }
}

async function furnish(at: (name: string) => string, { admin, controllers }: { admin: string; controllers: string }): Promise<void> {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  await writeFile(at('accounts.key'), privateKey.export({ type: 'pkcs1', format: 'pem' }), { mode: 0o600 })
  await writeFile(at('accounts.pub'), publicKey.export({ type: 'spki', format: 'pem' }))
  await writeFile(at('tokens.csv'), `${admin},admin,admin,"system:masters"\n${controllers},controllers,controllers,"system:masters"\n`, { mode: 0o600 })
  await writeFile(at('audit.yaml'), JSON.stringify({ apiVersion: 'audit.k8s.io/v1', kind: 'Policy', omitStages: ['RequestReceived'], rules: [{ level: 'Metadata' }] }))
}

/** Dies with this process, however that ends: `setpriv` is in Debian's util-linux. */
function start(log: string, binary: string, args: readonly string[], cwd: string): ChildProcess {
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', binary, ...args], { cwd, stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: process.env['PATH'], HOME: cwd, GOMAXPROCS: '2' } })
  const out = createWriteStream(log, { flags: 'a' })
  out.on('error', () => {})
  child.stdout.pipe(out, { end: false })
  child.stderr.pipe(out, { end: false })
  return child
}
function end(child: ChildProcess | undefined): Promise<void> {
  if (!child || child.exitCode !== null || child.signalCode !== null) return Promise.resolve()
  return new Promise((done) => { child.once('exit', () => done()); child.kill('SIGKILL') })
}

const ready = (client: Client, children: ReadonlyMap<string, ChildProcess>, at: (name: string) => string) => until('the api server', async () => (await client('GET', '/readyz')).status === 200, children, at)
/** Throws one line that says which did not come, and where its words were. */
async function until(what: string, holds: () => Promise<boolean>, children: ReadonlyMap<string, ChildProcess>, at: (name: string) => string): Promise<void> {
  for (const from = Date.now(); Date.now() - from < startMs; await sleep(200)) {
    if (await holds().catch(() => false)) return
    for (const [name, child] of children) if (child.exitCode !== null) throw new Error(`${name} ended with code ${child.exitCode}: ${at(`${name}.log`)}`)
  }
  throw new Error(`${what} did not come within ${startMs / 1000} s`)
}

/** Free a moment ago: servers that are told their port take no `0`. */
async function freePorts(count: number): Promise<readonly number[]> {
  const servers = await Promise.all(Array.from({ length: count }, () => new Promise<ReturnType<typeof createServer>>((done, fail) => { const server = createServer(); server.once('error', fail).listen(0, '127.0.0.1', () => done(server)) })))
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(servers.map((server) => new Promise((done) => { server.close(done) })))
  return ports
}
