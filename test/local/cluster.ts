import { request } from 'node:https'
import { parse } from 'yaml'
import { startCluster, type Cluster, type ClusterOptions } from '../../functions/local/cluster.ts'
import { keepAuthority, type Authority } from '../../functions/local/tls.ts'

/** The demo cluster, and a client that speaks to it without kubectl: as its administrator, or as a kubeconfig says. */
export interface Stand { readonly cluster: Cluster; readonly authority: Authority; readonly as: (kubeconfig: string) => Client; readonly admin: Client }
export interface Answer { readonly status: number; readonly headers: Readonly<Record<string, string | string[] | undefined>>; readonly text: string; readonly body: Json }
export type Json = { readonly [key: string]: Json } & { readonly [index: number]: Json } & { readonly length?: number }
export type Client = (method: string, target: string, body?: unknown, headers?: Readonly<Record<string, string>>) => Promise<Answer>

export async function standCluster(options: Partial<ClusterOptions> = {}): Promise<Stand> {
  const authority = await keepAuthority(null, Date.now)
  const cluster = await startCluster({ authority, now: Date.now, ...options })
  return { cluster, authority, as: clientOf, admin: clientOf(cluster.admin) }
}
interface Config { readonly clusters: readonly { readonly cluster: { readonly server: string; readonly 'certificate-authority-data': string } }[]; readonly users: readonly { readonly user: { readonly token?: string } }[] }
export function clientOf(kubeconfig: string): Client {
  const { clusters: [one], users: [who] } = parse(kubeconfig) as Config
  if (!one) throw new Error('no cluster')
  const { hostname, port } = new URL(one.cluster.server)
  const ca = Buffer.from(one.cluster['certificate-authority-data'], 'base64')
  return (method, target, body, headers = {}) => new Promise((done, fail) => {
    const payload = body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body)
    request({ hostname, port, ca, method, path: target, agent: false, headers: { accept: 'application/json', ...(who?.user.token ? { authorization: `Bearer ${who.user.token}` } : {}), ...(payload ? { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(payload)) } : {}), ...headers } }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (part: string) => { text += part }).on('end', () => {
        let parsed: unknown = null
        try { parsed = JSON.parse(text) } catch { /* not JSON */ }
        done({ status: response.statusCode ?? 0, headers: response.headers, text, body: parsed as Json })
      }).on('error', fail)
    }).on('error', fail).end(payload)
  })
}
