import { isPermit, makePermit } from '../../../functions/decide/permit.ts'
import { Fault } from '../../../functions/ports.ts'
import type { Executed, Masked, Plan, Run } from '../../../functions/protocol/protocol.ts'
import { createAnswer } from '../../../functions/protocol/kubernetes/answer.ts'
import { createCredentials } from '../../../functions/protocol/kubernetes/credential.ts'
import { createDiscovery } from '../../../functions/protocol/kubernetes/discovery.ts'
import { createExec } from '../../../functions/protocol/kubernetes/exec.ts'
import { createExecute, type Understood } from '../../../functions/protocol/kubernetes/execute.ts'
import type { Masker } from '../../../functions/protocol/masker.ts'
import type { Dry, How, KubernetesPlan } from '../../../functions/protocol/kubernetes/plan.ts'
import { createPreview } from '../../../functions/protocol/kubernetes/preview.ts'
import { createReach } from '../../../functions/protocol/kubernetes/reach.ts'
import { createTransport } from '../../../functions/protocol/kubernetes/transport.ts'
import type { Effects, Obligations } from '../../../schema/effects.ts'
import type { ConnectionDocument } from '../../../schema/policy.ts'
import type { Stub } from './stub.ts'

export const connection: ConnectionDocument = { version: 1, kind: 'connection', name: 'cluster', engine: 'kubernetes', secret: 'kube', serviceAccounts: { reader: 'sluice/reader' } }
export const planOf = (more: Partial<Omit<KubernetesPlan, 'attributes'>> & { readonly attributes?: Partial<KubernetesPlan['attributes']> } = {}): KubernetesPlan => {
  const method = more.method ?? 'GET'
  const target = more.target ?? '/api/v1/namespaces/web/pods/p'
  const verb = { GET: 'get', HEAD: 'get', POST: 'create', PUT: 'update', PATCH: 'patch', DELETE: 'delete' } as const
  return {
    connection: 'cluster', method, target, accept: 'application/json', contentType: null, body: null, form: 'whole', dryRun: false, preview: false, ...more,
    attributes: { verb: verb[method], isResource: true, path: target.split('?')[0] ?? '', group: '', version: 'v1', resource: 'pods', subresource: null, namespace: 'web', name: 'p', ...more.attributes },
  }
}
/** Lets everything through; counts lines. */
export const passing = (): Masker => {
  let items = 0
  return { write: (chunk) => { items += Buffer.from(chunk).toString().split('\n').length - 1; return chunk }, end: () => new Uint8Array(), get items() { return items }, detected: {} }
}
export interface Rig {
  now: number
  readonly alarms: unknown[]
  readonly secrets: Record<string, string>
  masker: (how: How) => Masker
  readonly parts: { readonly reach: ReturnType<typeof createReach>; readonly credentials: ReturnType<typeof createCredentials>; readonly discovery: ReturnType<typeof createDiscovery>; readonly preview: ReturnType<typeof createPreview>; readonly transport: ReturnType<typeof createTransport> }
  known(plan: KubernetesPlan, dry?: Dry): Understood
  run(plan: KubernetesPlan, how?: { readonly dry?: Dry; readonly run?: Partial<Run>; readonly limits?: { readonly bytes?: number; readonly timeoutMs?: number; readonly rowsPerHour?: number }; readonly detect?: Obligations['detect']; readonly masks?: Effects['shown'] }): Promise<{ readonly executed: Executed; readonly masked: Masked | null }>
  close(): void
}

/** The engine's parts against a stub, with plans of the test's own and a masker that lets everything through. */
export function createRig(stub: Stub): Rig {
  const now = () => rig.now
  const transport = createTransport({ now })
  const credentials = createCredentials({ send: transport.send, now })
  const secrets = { get: async (name: string) => { const value = rig.secrets[name]; if (value === undefined) throw new Fault('secret-missing', `no ${name}`); return value } }
  const reach = createReach({ secrets, now, send: transport.send, credentials })
  const discovery = createDiscovery({ reach, now })
  const preview = createPreview({ reach, discovery, now })
  const made = new WeakMap<object, Understood>()
  const understood = (plan: Plan): Understood => { const found = made.get(plan.plan); if (!found) throw new Error('no plan of this engine'); return found }
  const execute = createExecute({ secrets, now, isPermit, understood, reach, discovery, preview, exec: createExec({ credentials, now }) })
  const mask = createAnswer({ isPermit, understood, createMasker: (how) => rig.masker(how), alarm: (what, detail) => { rig.alarms.push([what, detail]) } })
  const rig: Rig = {
    now: Date.now(), alarms: [], secrets: { kube: stub.kubeconfig() }, masker: passing, parts: { reach, credentials, discovery, preview, transport },
    known: (plan, dry) => ({ connection, query: { statements: [], batch: false, isolation: 'read committed', purpose: null, reveal: [], rowMode: 'object', maxRows: null, form: 'kubernetes' }, plan, account: 'sluice/reader', ...(dry ? { dry } : {}) }),
    async run(inner, { dry, run = {}, limits = {}, masks = [], detect = [] } = {}) {
      const plan: Plan = { plan: inner, effects: { accesses: [], shown: masks, used: [], readOnly: false, fingerprint: '' } }
      made.set(inner, rig.known(inner, dry))
      const permit = makePermit(plan.effects, { masks: masks.map(() => 'redact' as const), revealed: [], detect, limits: { rows: 1000, bytes: limits.bytes ?? 65_536, timeoutMs: limits.timeoutMs ?? 3000, affected: 1, statementsPerHour: null, rowsPerHour: limits.rowsPerHour ?? null } })
      const executed = await execute(permit, plan, { deadline: rig.now + 5000, rowMode: 'object', maxRows: null, ...run })
      return { executed, masked: executed.status === 'succeeded' ? mask(permit, plan, executed.rows) : null }
    },
    close: () => { transport.close() },
  }
  return rig
}

export async function bodyOf(masked: Masked | null): Promise<string> {
  const body = masked?.answer?.body
  if (body instanceof Uint8Array) return Buffer.from(body).toString('utf8')
  const parts: Uint8Array[] = []
  for await (const part of body ?? []) parts.push(part)
  return Buffer.concat(parts).toString('utf8')
}

export function streamOf(masked: Masked | null): ReadableStream<Uint8Array> {
  const body = masked?.answer?.body
  if (body === undefined || body instanceof Uint8Array) throw new Error('no stream')
  return body
}
