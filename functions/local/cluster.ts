import { randomBytes, randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import { admit } from './cluster/admit.ts'
import type { World } from './cluster/call.ts'
import { createExec } from './cluster/exec.ts'
import { kindNamed } from './cluster/kinds.ts'
import { createLogs } from './cluster/log.ts'
import { fields, isFields, text, type Fields } from './cluster/object.ts'
import { reconcile } from './cluster/reconcile.ts'
import { createHandler, type Seen } from './cluster/serve.ts'
import { createStore } from './cluster/store.ts'
import { createTokens } from './cluster/token.ts'
import { kubeconfig } from './kubeconfig.ts'
import type { Authority } from './tls.ts'

export interface ClusterOptions {
  readonly authority: Authority
  readonly now: () => number
  /** 0 or left out: any free one. */
  readonly port?: number
  /** Objects instead of the demo's, as manifests. */
  readonly objects?: readonly Fields[]
  /** Told of every request, with what this server made of it. */
  readonly see?: (seen: Seen) => void
  /** Of protobuf bodies; without it they are refused with 415. */
  readonly decode?: (body: Buffer) => unknown
  /** Characters for generated names; a test that compares two clusters gives both the same. */
  readonly random?: (length: number) => string
}
export interface Cluster {
  /** `https://127.0.0.1:port` */
  readonly url: string
  /** A kubeconfig of a service account, `namespace/name`, good while this cluster is. */
  account(account: string): string
  /** Of somebody who may do everything. */
  readonly admin: string
  /** What pods whose name begins so have logged. */
  say(prefix: string, lines: readonly string[]): void
  close(): Promise<void>
}
const graceMs = 200

/** The demo cluster: an API server in this process, on loopback, over TLS. What it is not: cluster/README.md. */
export async function startCluster({ authority, now, port = 0, objects, see = () => {}, decode, random = randomName }: ClusterOptions): Promise<Cluster> {
  const uid = () => randomUUID()
  const world: World = { store: createStore({ now, uid }), tokens: createTokens(now), logs: createLogs(now), now, random, uid, decode: decode ?? null }
  reconcile(world)
  seed(world, objects ?? await demo())
  await new Promise((done) => { setImmediate(done) })                       // controllers work in microtasks: by now they are done
  const handle = createHandler(world, see)
  const server = createServer({ ...authority.issue('sluice demo cluster'), minVersion: 'TLSv1.2' }, (request, response) => void handle(request, response))
  server.on('upgrade', createExec(world))
  await new Promise<void>((done, fail) => { server.once('error', fail).listen(port, '127.0.0.1', done) })
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
  const accounts = kindNamed('ServiceAccount')
  const of = (name: string, groups: readonly string[]) => kubeconfig(authority.certificate, [{ name: 'demo', server: url, user: { token: world.tokens.give({ name, groups }) } }])
  return {
    url, say: world.logs.say, admin: of('demo-admin', ['system:masters']),
    account(account) {
      const [namespace = '', name = ''] = account.split('/')
      if (!world.store.get(accounts, namespace, name)) throw new Error(`no service account \`${account}\``)
      return of(`system:serviceaccount:${namespace}:${name}`, ['system:serviceaccounts', `system:serviceaccounts:${namespace}`])
    },
    async close() {
      const closed = new Promise((done) => { server.close(done) })
      server.closeIdleConnections()
      const cut = setTimeout(() => server.closeAllConnections(), graceMs)
      await closed
      clearTimeout(cut)
    },
  }
}

const letters = 'bcdfghjklmnpqrstvwxz2456789'
const randomName = (length: number): string => [...randomBytes(length)].map((byte) => letters[byte % letters.length]).join('')

async function demo(): Promise<readonly Fields[]> {
  const content = await readFile(join(import.meta.dirname, 'cluster/demo.yaml'), 'utf8')
  return parseAllDocuments(content).map((document) => document.toJS() as unknown).filter(isFields)
}
function seed(world: World, objects: readonly Fields[]): void {
  let addresses = 0
  for (const object of objects) {
    const kind = kindNamed(text(object['kind']))
    const { name, namespace } = fields(object['metadata'])
    const item = admit(kind, object, { namespace: kind.namespaced ? text(namespace) : '', name: text(name), before: null, address: () => `10.96.0.${++addresses}` })
    if (!world.store.get(kind, kind.namespaced ? text(namespace) : '', text(name))) world.store.add(kind, item)
  }
}
