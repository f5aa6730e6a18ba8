import { createHash } from 'node:crypto'
import type { Access, Effects, Shown } from '../../schema/effects.ts'
import type { ActionName, PolicyDocument } from '../../schema/policy.ts'
import { ok, refuse, type Refusal } from '../../schema/refusal.ts'
import type { Executed, Masked, Plan, Protocol, Run, StreamEnd } from '../../functions/protocol/protocol.ts'
import { createApproving } from './approvals.ts'
import { demo } from './policy.ts'
import type { TokenOptions, World } from './ports.ts'

/**
 * A cluster of a few sentences: objects of any path are what `PUT` last left there, secrets are classified, `watch=true` streams what a test feeds. What the real engine does is judged in
 * test/protocol/kubernetes; here it is the gate around it.
 */
export interface FakeCluster extends Protocol {
  readonly ran: { readonly sql: string; readonly params: readonly unknown[]; readonly roles: readonly string[] }[]
  readonly objects: Map<string, Readonly<Record<string, unknown>>>
  /** What execute answers next instead: a status and a body. */
  next: { readonly status: number; readonly body: unknown } | null
  /** Feeds the newest stream; `end` ends it. */
  readonly streams: { readonly feed: (text: string) => void; readonly end: () => void; readonly fail: (error: Error) => void; readonly cut: AbortSignal; cancelled: boolean; readonly pulls: () => number }[]
  /** How a command runs instead. */
  command: ((run: Run) => Promise<Executed>) | null
  /** What a preview says the cluster would refuse. */
  fails: Refusal | null
  /** For each request that previews: how often. */
  previews: number
  read: NonNullable<Protocol['read']>
}
interface Prepared { readonly sql: string; readonly params: readonly unknown[]; readonly roles: readonly string[]; readonly path: string; readonly method: string }

const verbs: Readonly<Record<string, ActionName>> = { GET: 'get', HEAD: 'get', POST: 'create', PUT: 'update', PATCH: 'patch', DELETE: 'delete' }
const attributes = (method: string, path: string, query: string) => {
  const [, group, namespace, resource, name = null, sub] = /^\/(?:api\/v1|apis\/([a-z.]+)\/v1)\/namespaces\/([^/]+)\/([^/]+)(?:\/([^/]+))?(?:\/([^/]+))?$/.exec(path) ?? []
  if (namespace === undefined || resource === undefined) return null
  const verb: ActionName = method === 'GET' && /(?:^|&)watch=true/.test(query) ? 'watch' : method === 'GET' && name === null ? 'list' : verbs[method] ?? 'get'
  return { verb, namespace, name, resource: `${group ? `${group}/` : ''}${resource}${sub ? `/${sub}` : ''}` }
}

export function createCluster(): FakeCluster {
  const cluster: FakeCluster = {
    ran: [], objects: new Map(), next: null, streams: [], command: null, previews: 0, fails: null,
    read(method, target, headers, body) {
      if (/\.\.|%|\/\//.test(target)) return refuse({ slug: 'invalid-request', reason: 'dot_segment', next: 'fix', detail: 'the path holds an empty, `.` or `..` segment; write it plainly' })
      const text = body === null ? null : Buffer.from(body).toString('utf8')
      const parsed: unknown = text === null ? null : JSON.parse(text)
      const sent = { sql: `${method} ${target}`, params: [headers, parsed] as never }
      const secret = /\/secrets(\/|\?|$)/.test(target) && parsed !== null
      return ok({ statements: [sent], batch: false, isolation: 'read committed', purpose: null, reveal: [], rowMode: 'object', maxRows: null, form: 'kubernetes', ...(secret ? { told: [{ sql: sent.sql, params: [headers, { ...parsed as object, data: '[withheld]' }] as never }] } : {}) })
    },
    async classify(_, query, roles = []) {
      const { sql, params } = query.statements[0]!
      const [method = '', target = ''] = sql.split(' ')
      const [path = '', search = ''] = target.split('?')
      return ok(planOf({ sql, params, roles, path, method }, search, cluster))
    },
    async execute(_, { plan }, run) {
      const { sql, params, roles, path, method } = plan as Prepared
      cluster.ran.push({ sql, params, roles })
      const answered = (status: number, body: unknown) => ({ status: 'succeeded', rows: { raw: { status, body }, rowCounts: [1], truncated: false, answered: { status, audit: 'audit-1' } } }) as const
      if (cluster.next) return answered(cluster.next.status, cluster.next.body)
      if (/[?&](watch|follow)=true/.test(sql)) return streamed(cluster, run)
      if (sql.includes('/exec?') && cluster.command) return cluster.command(run)
      if (sql.includes('/exec?')) return answered(200, { stdout: 'hello\n', stderr: '', exitCode: 0, truncated: false })
      const object = cluster.objects.get(path)
      if (method === 'GET' || method === 'HEAD') return object ? answered(200, object) : answered(404, { kind: 'Status', code: 404, reason: 'NotFound', message: `${path} not found` })
      if (method === 'DELETE') cluster.objects.delete(path)
      else cluster.objects.set(path, { ...object, ...params[1] as object })
      return answered(200, cluster.objects.get(path) ?? { kind: 'Status', status: 'Success' })
    },
    mask(permit, _, { raw }): Masked {
      const { status, body } = raw as { status: number; body: unknown }
      const clear = permit.obligations.masks[0] === null
      const shown = permit.effects.shown.length > 0 && !clear && typeof body === 'object' && body !== null && 'data' in body ? { ...body, data: '***' } : body
      return { results: [], answer: { status, headers: { 'content-type': 'application/json' }, body: body instanceof ReadableStream ? body : Buffer.from(JSON.stringify(shown)), audit: 'audit-1' } } as unknown as Masked
    },
    describe: async () => ({ relations: [] }), inspect: async () => [], close: async () => {},
  }
  return cluster
}

function planOf(prepared: Prepared, search: string, cluster: FakeCluster): Plan {
  const found = attributes(prepared.method, prepared.path, search)
  const at = { columns: null, via: [], statement: 0, span: null }
  const submitted = prepared.params[1] as Readonly<Record<string, unknown>> | null
  const effects = (seen: boolean): Effects => {
    const live = cluster.objects.get(prepared.path) ?? null
    const accesses: Access[] = found === null ? [] : [{ ...at, action: found.verb, resource: found.resource, system: found.resource === 'pods/exec', target: {
      namespace: found.namespace, name: found.name, needs: submitted && 'hostPath' in submitted ? ['host-path'] : [], ...(seen ? { object: { ...live, ...submitted }, oldObject: live } : {}),
    } }]
    const shown: Shown[] = found?.resource === 'secrets' ? [{ dataClass: 'kubernetes.secret', resource: 'secrets', column: 'data', statement: 0, span: null, output: 0 }] : []
    return { accesses, shown, used: [], readOnly: prepared.method === 'GET', fingerprint: createHash('sha256').update(seen ? JSON.stringify(live) : '').digest('hex') }
  }
  const writes = found !== null && ['update', 'patch', 'delete'].includes(found.verb)
  const diff = () => `-${JSON.stringify(cluster.objects.get(prepared.path) ?? null)}\n+${JSON.stringify(submitted)}`.slice(0, 1000)
  return { effects: effects(false), plan: prepared, ...(found?.resource === 'pods/exec' ? { lasting: true as const } : {}), ...(writes ? { preview: async () => { cluster.previews++; return ok({ effects: effects(true), plan: prepared, diff: diff(), ...(cluster.fails ? { fails: cluster.fails } : {}) }) } } : {}) }
}

function streamed(cluster: FakeCluster, run: Run) {
  let over: (end: StreamEnd) => void = () => {}
  const ended = new Promise<StreamEnd>((resolve) => { over = resolve })
  const given = { bytes: 0, items: 0 }
  const queue: string[] = []
  const state = { open: true, pulls: 0 }
  let wake: () => void = () => {}
  const finish = (how: string) => { if (state.open) over({ ...given, how, detected: {} }); state.open = false; wake() }
  let broken: Error | null = null
  const one = { fail: (error: Error) => { broken = error; finish('target broke off') }, feed: (text: string) => { queue.push(text); wake() }, end: () => finish('complete'), cut: run.cut ?? new AbortController().signal, cancelled: false, pulls: () => state.pulls }
  run.cut?.addEventListener('abort', () => finish('cut'))
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      state.pulls++
      while (state.open && queue.length === 0) await new Promise<void>((resolve) => { wake = resolve })
      const text = queue.shift()
      if (broken !== null) throw broken
      if (text === undefined) { try { controller.close() } catch { /* cancelled meanwhile */ } return }
      given.items++
      given.bytes += text.length
      controller.enqueue(Buffer.from(text))
    },
    cancel() { one.cancelled = true; finish('caller gone') },
  }, { highWaterMark: 0 })
  cluster.streams.push(one)
  return { status: 'succeeded', rows: { raw: { status: 200, body }, rowCounts: [0], truncated: false, ended, answered: { status: 200, audit: 'audit-2' } } } as const
}

export const operator: TokenOptions = { subject: 'agent:operator', groups: ['operators'] }
export const clusterDocument: PolicyDocument = { version: 1, kind: 'connection', name: 'cluster', engine: 'kubernetes', secret: 'cluster-kubeconfig', serviceAccounts: { operator: 'sluice/operator' } }
type Rules = Extract<PolicyDocument, { kind: 'role' }>['rules']
export const rules: Rules = [
  { allow: ['get', 'list', 'watch'], connection: 'cluster', on: ['pods', 'pods/log', 'secrets', 'configmaps', 'apps/deployments'], namespaces: ['web'] },
  { allow: ['create', 'update', 'patch', 'delete'], connection: 'cluster', on: ['configmaps'], namespaces: ['web'] },
  { allow: ['update', 'patch'], connection: 'cluster', on: ['apps/deployments'], namespaces: ['web'], approval: { by: ['support-leads'], quorum: 1, within: '30m' } },
  { allow: ['create'], connection: 'cluster', on: ['pods/exec'], namespaces: ['web'] },
]
export const withRules = (its: Rules): Readonly<Record<string, PolicyDocument>> => ({
  ...demo, 'cluster.yaml': clusterDocument, 'roles/operator.yaml': { version: 1, kind: 'role', name: 'operator', members: [{ group: 'operators' }], rules: its },
})

/** A gate with the cluster behind it. `engine`: in place of the cluster of a few sentences. */
export function createClustered(documents = withRules(rules), engine: ((world: World) => Protocol) | null = null) {
  const cluster = createCluster()
  const approving = createApproving(documents, { engines: (world) => ({ kubernetes: engine?.(world) ?? cluster }), targetOf: (env) => (env as { target?: string }).target ?? null })
  /** `path`: behind the connection, as it goes over the wire. */
  async function as(options: TokenOptions) {
    const token = await approving.world.token(options)
    return async (method: string, path: string, body: unknown = undefined, headers: Readonly<Record<string, string>> = {}, connection = 'cluster') => {
      const target = `/v1/kubernetes/${connection}${path}`
      const response = await approving.app.request(`http://gate/v1/kubernetes/${connection}/x`, {
        method, headers: { authorization: `Bearer ${token}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers }, ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }, { target })
      return response
    }
  }
  return { ...approving, cluster, as }
}
