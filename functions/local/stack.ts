import { createHash } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { getRequestListener } from '@hono/node-server'
import { createApp } from '../app.ts'
import { createSearch } from '../aws/search.ts'
import { createShelf } from '../aws/shelf.ts'
import { createConsole } from '../console.ts'
import { createGate, type Gate } from '../gate.ts'
import { createHints } from '../hint.ts'
import { createLogon } from '../logon.ts'
import { createOwn } from '../own.ts'
import type { Ports } from '../ports.ts'
import { createReplay } from '../replay.ts'
import { createRequests } from '../requests.ts'
import { unstick } from '../stuck.ts'
import { sweep } from '../sweep.ts'
import { ofNode } from '../target.ts'
import { createAlarm } from './alarm.ts'
import { startApproving, type Steps } from './approving.ts'
import { startBastion } from './bastion.ts'
import { noBilling, startBilling } from './billing.ts'
import { bootstrap, readBundle } from './bootstrap.ts'
import { startDynamo } from './dynamodb.ts'
import { openFront, type Front } from './front.ts'
import { createIdentity } from './identity.ts'
import { startIndexing } from './indexing.ts'
import { keepKeys } from './keys.ts'
import { startTargetCluster, writeKubeconfig } from './kubernetes.ts'
import { startNeon } from './neon.ts'
import { readTarget } from './neon/target.ts'
import { createObjects } from './objects.ts'
import { startPlanetScale } from './planetscale.ts'
import { readTarget as readMySql } from './planetscale/target.ts'
import { createLocalPorts, newCredentials } from './ports.ts'
import { newSlackSecrets, startPost, type LocalPost } from './post.ts'
import type { Progress } from './progress.ts'
import { createSecrets, type LocalSecrets } from './secrets.ts'
import { startRetaining } from './retaining.ts'
import { startSequencing } from './sequencing.ts'
import { keepSigners } from './signer.ts'
import { startSockets } from './sockets.ts'
import { openState } from './state.ts'
import { startTarget } from './target.ts'
import { keepAuthority } from './tls.ts'
import { refuseUpgrade } from './upgrade.ts'

const root = resolve(import.meta.dirname, '../..')
const demoPolicy = join(root, 'policy')
const sweepEveryMs = 15_000
/** The log's name in its checkpoints. Which log it is, its key says: that lies with the record, so that another record is never another tree under the same key. */
const logName = 'sluice.local/audit'
/** Every so many sweeps the requests that wait are looked through for what was left lying: each is read whole. */
const stuckEvery = 4

export interface StackOptions {
  /** State directory; null: one that is gone when the stack stops. */
  readonly state: string | null
  /** 0: any free one. */
  readonly port: number
  /** Policy directory; null: the demo's. */
  readonly policy: string | null
  /** Kubeconfig of a cluster to serve instead of the demo's. Left out or null: none. */
  readonly kubeconfig?: string | null
  /** File with an issuer document. */
  readonly issuer: string | null
  readonly unsafeLocalIdentity: boolean
  /** The index of the log is made anew from the log. */
  readonly reindex?: boolean
  /** The log gets another key: from now on two sign beside each other for a day (docs/audit.md). */
  readonly newLogKey?: boolean
  readonly env: Readonly<Record<string, string | undefined>>
  readonly progress: Progress
  readonly signal: AbortSignal
}
export interface Stack {
  readonly url: string
  /** Where people decide. */
  readonly console: string
  /** The file that leads kubectl here; null: no connection leads to a cluster. */
  readonly kubeconfig: string | null
  readonly ports: Ports
  /** Resolves with a sentence when a part of it ends that should not. */
  readonly ended: Promise<string>
  stop(): Promise<void>
}

/**
 * The whole system in this process, and PostgreSQL and MariaDB beside it. Throws one clear line, with everything stopped that was started. May be aborted at
 * any moment. Order of stopping is the reverse of starting: the gate's door first, what it writes to last.
 */
export async function startStack(options: StackOptions): Promise<Stack> {
  const closers: (() => Promise<unknown> | void)[] = []
  const stop = async () => { for (const close of closers.splice(0).reverse()) await Promise.resolve(close()).catch((error: unknown) => options.progress.warn(String(error))) }
  try {
    return await assemble(options, (close) => closers.push(close), stop)
  } catch (error) {
    await stop()
    options.signal.throwIfAborted()
    throw error
  }
}

async function assemble(options: StackOptions, onStop: (close: () => Promise<unknown> | void) => void, stop: () => Promise<void>): Promise<Stack> {
  const { progress, signal } = options
  const bundle = await readBundle(options.policy ?? demoPolicy, options.issuer)
  const state = await openState(options.state)
  onStop(state.release)
  const front = await openFront(options.port)
  onStop(front.close)
  const pages = await openFront(besides(options.port), 'localhost')
  onStop(pages.close)
  const authority = await keepAuthority(options.state === null ? null : state.directory, Date.now)
  const secure = await openFront(besides(options.port, 2), '127.0.0.1', authority.issue('sluice gate'))   // kubectl sends no token over plain http
  onStop(secure.close)
  await state.announce(front.url)
  const secretsFile = join(options.state ?? join(root, '.sluice'), 'secrets.json')
  const given = createSecrets({ file: secretsFile, env: options.env, made: {}, now: Date.now })
  const local = await mayUseLocalIdentity(options, given)
  const cluster = await startTargetCluster({ bundle, file: options.kubeconfig ?? null, demo: options.policy === null, authority, now: Date.now })
  onStop(cluster.close)
  const bastion = await startBastion({ bundle, demo: options.policy === null, now: Date.now })
  onStop(bastion.close)
  const credentials = newCredentials()
  const store = join(state.directory, storeOf(options))
  await mkdir(store, { recursive: true, mode: 0o700 })           // the record holds statements and parameters; the folder above lets others pass
  const keys = await keepKeys(state.directory)
  const [[target, billing], dynamo] = await both(
    both(
      startTarget(state.directory, progress, signal).then((it) => { onStop(it.stop); return it }),
      options.policy === null ? startBilling(join(state.directory, 'mariadb'), progress, signal).then((it) => { onStop(it.stop); return it }) : Promise.resolve(noBilling),
    ),
    startDynamo({ directory: store, credentials }).then((it) => { onStop(it.close); return it }),
  )
  const secrets = createSecrets({ file: secretsFile, env: options.env, made: { ...target.secrets, ...billing.secrets, ...cluster.secrets, ...bastion.secrets, ...keys, ...newSlackSecrets() }, now: Date.now })
  const neon = await startNeon({ allow: among(secrets, readTarget), pool: target.single ? { size: 1, idleMs: 0 } : {} })
  onStop(neon.close)
  const planetscale = await startPlanetScale({ allow: among(secrets, readMySql) })
  onStop(planetscale.close)
  const index = await target.index?.(store) ?? null
  const endpoint = { http: `${neon.url}/sql`, websocket: `${neon.url.replace('http:', 'ws:')}/v2` }
  const post = await startPost({ url: front.url, secrets, now: Date.now })
  onStop(post.close)
  const identity = local ? await createIdentity({ directory: options.state === null ? null : state.directory, url: front.url, console: pages.url, audience: front.url, now: Date.now }) : null
  if (identity) onStop(identity.close)
  const alarm = createAlarm((line) => process.stderr.write(`${line}\n`), Date.now)
  const approving = await startApproving({ directory: join(store, 'executions'), credentials, alarm })
  onStop(approving.close)
  const sockets = await startSockets(credentials)
  onStop(sockets.close)
  const log = { ...await keepSigners(store, logName, options.newLogKey), objects: createObjects(join(store, 'log')) }
  const hints = createHints()
  const ports = createLocalPorts({ dynamo: { url: dynamo.url, credentials }, neon: neon.url, planetscale: planetscale.url, secrets, machine: approving.machine, gateway: sockets.url, post: post.post, log, search: index && createSearch({ url: index.read, endpoint }), hints, alarm, self: { url: front.url, console: pages.url, localIssuer: identity?.issuer ?? null } })
  onStop(ports.close)
  for (const engine of Object.values(ports.engines)) onStop(() => engine.close())
  onStop(approving.close)                                     // before what its steps write to
  await ports.createTables()
  onStop(startSequencing({ ...ports, ledger: ports.sealed }, hints))                        // as the last to stop of what reads the record, so that what the others wrote at their end is in the log
  if (index) {
    const shelf = createShelf({ url: index.write, endpoint })
    if (options.reindex) await shelf.clear()
    onStop(startIndexing(ports, shelf))
  }
  await bootstrap(ports, bundle, options.policy ?? 'policy', progress)
  if (options.unsafeLocalIdentity) await noteWeakness(ports)
  const gate = createGate(ports)
  onStop(() => gate.streams.close())                          // its doors are closed by then, and what it writes to is open
  const { steps } = approving.run(ports, gate, ports.workflow, sockets.serve(ports, gate))
  onStop(sweeping(ports, steps))
  onStop(startRetaining(ports))
  serve(front, pages, secure, ports, gate, identity, post)
  for (const one of [front, secure]) one.upgrades((request, socket, head) => (request.url?.startsWith('/v1/kubernetes/') ? refuseUpgrade(socket) : sockets.upgrade(request, socket, head)))
  onStop(pages.close)
  onStop(secure.close)
  onStop(front.close)                                         // again, now as the first to close: no request meets a gate half taken down
  onStop(sockets.close)                                       // and before it what it would wait for
  signal.throwIfAborted()
  const kubeconfig = await writeKubeconfig({ directory: state.directory, bundle, authority, secure: secure.url, plain: front.url, local: identity !== null })
  if (kubeconfig !== null) progress.say(`kubernetes is behind the gate on ${secure.url}: kubectl --kubeconfig ${kubeconfig}${identity ? '' : ' --token=$SLUICE_TOKEN'} get pods -n web`)
  if (Object.keys(bastion.secrets).length > 0) progress.say('a host is behind the gate: npx sluice exec bastion -- systemctl status front')
  return { url: front.url, console: pages.url, kubeconfig, ports, ended: Promise.race([target.ended, billing.ended]), stop }
}

/** Both, or the failure of one after the other has come to its end: whatever started is then known to be stoppable. */
async function both<A, B>(a: Promise<A>, b: Promise<B>): Promise<[A, B]> {
  const [one, two] = await Promise.allSettled([a, b])
  if (one.status === 'rejected') throw one.reason
  if (two.status === 'rejected') throw two.reason
  return [one.value, two.value]
}

/** Anyone here can get any token from the local provider: with somebody's real data behind the gate that must be said aloud, or not be. */
async function mayUseLocalIdentity({ policy, kubeconfig, issuer, unsafeLocalIdentity, progress }: StackOptions, given: LocalSecrets): Promise<boolean> {
  const why = policy !== null ? 'another policy than the demo\'s' : kubeconfig ? 'a cluster that is not the demo\'s' : await given.foreign() ? 'a secret that is not the demo\'s' : null
  if (unsafeLocalIdentity) {
    progress.warn('--unsafe-local-identity: whoever reaches this port can be anybody, in any group; every record of this run says `issuer: local`')
    return true
  }
  if (issuer !== null) return false
  if (why !== null) throw new Error(`with ${why}, say who vouches for callers: --issuer FILE, or --unsafe-local-identity to let anyone on this machine be anybody`)
  return true
}

/** The demo's record and another's are kept apart, by the directory the policy and the file the cluster came from. */
function storeOf({ policy, kubeconfig }: StackOptions): string {
  const from = [policy, kubeconfig].flatMap((path) => path ? [resolve(path)] : [])
  return from.length === 0 ? 'dynamodb' : `dynamodb-${createHash('sha256').update(from.join('\n')).digest('hex').slice(0, 12)}`
}

/** An endpoint carries statements to the databases that secrets name, and to nothing else. */
const among = (secrets: LocalSecrets, read: (value: string) => { readonly host: string; readonly port: number }) => async (host: string, port: number): Promise<boolean> => (await secrets.values()).some((value) => {
  try {
    const target = read(value)
    return target.host === host && target.port === port
  } catch {
    return false
  }
})

async function noteWeakness(ports: Ports): Promise<void> {
  await ports.ledger.append({
    id: ports.id('evt'), at: new Date(ports.now()).toISOString(), evaluation: ports.id('eval'), session: null, who: null, connection: null, policy: null,
    kind: 'start', change: { weakness: 'unsafe-local-identity', issuer: 'local' },
  })
}

function sweeping(ports: Ports, steps: Steps): () => Promise<void> {
  let running = Promise.resolve()
  let count = 0
  const run = () => { running = sweep(ports).then(async () => { if (count++ % stuckEvery === 0) await unstick(ports, steps) }).then(() => {}, (error: unknown) => ports.alarm('the sweeper failed', { error: String(error) })) }
  run()                                                      // what the last run left unsettled is settled as soon as its time has come
  const timer = setInterval(run, sweepEveryMs)
  timer.unref()
  return () => {
    clearInterval(timer)
    return running                                           // the store it writes to is closed after it
  }
}

function serve(front: Front, pages: Front, secure: Front, ports: Ports, gate: Gate, identity: Awaited<ReturnType<typeof createIdentity>> | null, post: LocalPost): void {
  const api = getRequestListener(createApp(ports, gate, ofNode, () => import('../mcp.ts')).fetch)
  front.serve((request, response) => {
    if (identity && (request.url === '/dev/token' || request.url?.startsWith('/dev/oidc'))) return identity.handler(request, response)
    // What the start prints is opened in a browser too; programs get the API's own answer.
    if (request.url === '/' && request.method === 'GET' && (request.headers.accept ?? '').includes('text/html')) return void response.writeHead(302, { location: `${pages.url}/requests`, 'cache-control': 'no-store' }).end()
    if (!post.handle(request, response)) void api(request, response)
  })
  secure.serve((request, response) => void api(request, response))
  const own = createOwn(ports, gate)
  const people = getRequestListener(createConsole(ports, { ...createRequests(ports, gate, own), replay: createReplay(ports, own).steps, logon: createLogon(ports, gate) }, gate.standing).fetch)
  const { host } = new URL(pages.url)
  pages.serve((request, response) => {
    if (request.headers.host === host) return void people(request, response)
    response.writeHead(302, { location: `${pages.url}${request.url?.startsWith('/requests/arq_') || request.url?.startsWith('/audit/sessions/ses_') ? request.url : '/requests'}`, 'cache-control': 'no-store' }).end()   // a sign-in begun under another name would not come back to it
  })
}

/** The console's port: the one after the gate's, and after that the gate's over TLS. 0: any free one. */
const besides = (port: number, by = 1): number => port === 0 ? 0 : port + by > 65_535 ? port - by : port + by
