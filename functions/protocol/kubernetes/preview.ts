import type { Refusal } from '../../../schema/refusal.ts'
import { CredentialError } from './credential.ts'
import type { Discovery } from './discovery.ts'
import type { Understood } from './execute.ts'
import type { Cluster } from './kubeconfig.ts'
import { faultOf, refusalOf } from './outcome.ts'
import type { Dry, Pod } from './plan.ts'
import { podIn, podTarget, reachesPod } from './pod.ts'
import { isObject } from './precondition.ts'
import { type Reach, StatusError } from './reach.ts'
import { wholeOf } from './bytes.ts'
import { TransportError } from './trouble.ts'
import { untyped } from './untouched.ts'

type Value = Readonly<Record<string, unknown>>
export interface Previewed {
  readonly dry: Dry
  /** What the cluster says against it now. */
  readonly fails?: Refusal
  /** Nothing could be looked at, and an operator must mend that. */
  readonly refused?: Refusal
  /** Why `dry.object` is left out, for the people who are shown the change. */
  readonly silent?: string
}
export interface Preview {
  /** The object as it is now. null: there is none. undefined: the service account may not see it, or it has no form of its own. Throws TransportError (never `sent`: nothing was written) and CredentialError. */
  current(known: Understood, cluster: Cluster): Promise<Value | null | undefined>
  /** The pod that an eviction or a command reaches, likewise. */
  pod(known: Understood, cluster: Cluster): Promise<Pod | null | undefined>
  /** What the write would make of it, and from what. Changes nothing. Throws Fault target-unavailable or secret-missing; a cluster that does not let the gate in is `refused`. */
  run(known: Understood): Promise<Previewed>
}
const previewMs = 10_000
const objectBytes = 4 * 1024 * 1024

/**
 * The look before a write, with the very credential that will write, so that it shows nobody more than they may do. A delete is not tried: an API server that finds a body takes
 * `dryRun` from there and nowhere else, and what a delete leaves is known.
 */
export function createPreview({ reach, discovery, now }: { readonly reach: Reach; readonly discovery: Discovery; readonly now: () => number }): Preview {
  async function current({ account, plan: { attributes, target } }: Understood, cluster: Cluster): Promise<Value | null | undefined> {
    if (attributes.verb === 'create') return attributes.subresource === null ? null : undefined
    return seen(cluster, account, target.split('?', 1)[0] ?? target)
  }
  async function pod({ account, plan: { target } }: Understood, cluster: Cluster): Promise<Pod | null | undefined> {
    const object = await seen(cluster, account, podTarget(target))
    return object && podIn(object)
  }
  async function seen(cluster: Cluster, account: string, path: string): Promise<Value | null | undefined> {
    try {
      return await reach.json(cluster, account, path, { maxBytes: objectBytes })
    } catch (error) {
      if (error instanceof StatusError && (error.status === 403 || error.status === 405)) return undefined
      if (error instanceof StatusError) throw new TransportError('lost', error.message, false)
      throw error instanceof TransportError ? new TransportError(error.kind, error.message, false) : error
    }
  }

  async function run(known: Understood): Promise<Previewed> {
    try {
      const cluster = await reach.cluster(known.connection)
      if (reachesPod(known.plan.attributes)) return await met(known, cluster)
      const oldObject = await current(known, cluster)
      const old = oldObject === undefined ? {} : { oldObject }
      const { attributes, dryRun } = known.plan
      const applies = known.plan.contentType === 'application/apply-patch+yaml'
      if (oldObject === null && attributes.verb !== 'create' && !applies) return { dry: old, fails: missing(known), silent: 'there is no such object' }
      if (attributes.verb === 'delete') return { dry: { ...old, object: null } }
      if (!dryRun && !await discovery.knowsDryRun(cluster, known.account, attributes)) return { dry: old, silent: 'the cluster does not say that it can try such a write without doing it' }
      return await tried(known, cluster, old)
    } catch (error) {
      if (error instanceof CredentialError) return { dry: {}, refused: refusalOf(error) }
      throw faultOf(error)
    }
  }

  /** Evictions have dry runs, and would say what the cluster says of the eviction itself; commands have none. Which pod it is, is what people must know. */
  async function met(known: Understood, cluster: Cluster): Promise<Previewed> {
    const found = await pod(known, cluster)
    if (found === undefined) return { dry: {}, silent: 'the pod as it is cannot be seen: whichever has the name when it is run is the one it reaches' }
    return found === null ? { dry: { pod: null }, fails: missing(known), silent: 'there is no such pod' } : { dry: { pod: found } }
  }

  async function tried({ account, plan }: Understood, cluster: Cluster, old: Dry): Promise<Previewed> {
    const reply = await reach.call(cluster, account, {
      method: plan.method, target: dryTarget(plan.target), accept: 'application/json', contentType: plan.contentType, body: plan.body,
      deadline: now() + previewMs, headersMs: previewMs, signal: AbortSignal.timeout(previewMs),
    })
    const bytes = await wholeOf(reply.body, previewMs, objectBytes)
    if ((reply.status >= 500 && !untyped(reply.status, bytes)) || reply.status === 429) throw new TransportError('lost', `the cluster answers a dry run with status ${reply.status}`, false)
    // A webhook that would have effects of its own has no dry runs: that says nothing of the write.
    if (reply.status === 400 && /dry.?run/i.test(bytes?.toString('utf8') ?? '')) return { dry: old, silent: 'something on the way to the object does not know dry runs, so what it would become is not known' }
    if (reply.status < 200 || reply.status >= 300) return { dry: old, fails: refused(reply.status), silent: `the cluster refuses it now (status ${reply.status})` }
    const object = bytes === null ? null : jsonOf(bytes)
    return isObject(object) ? { dry: { ...old, object } } : { dry: old, silent: 'the cluster\'s answer to the dry run cannot be read' }
  }
  return { current, pod, run }
}

/** The same request with `dryRun=All`, once. */
export function dryTarget(target: string): string {
  const [path = '', query = ''] = target.split('?', 2)
  const kept = query.split('&').filter((pair) => pair !== '' && !/^dryRun(=|$)/.test(pair))
  return `${path}?${[...kept, 'dryRun=All'].join('&')}`
}

const missing = ({ plan: { attributes } }: Understood): Refusal =>
  ({ slug: 'not-found', reason: 'no_object', next: 'fix', resource: attributes.resource, detail: `there is no \`${attributes.name ?? ''}\` among the \`${attributes.resource}\` there` })
const refused = (status: number): Refusal =>
  ({ slug: 'target-error', reason: 'dry_run_refused', next: 'fix', detail: `the cluster would refuse this now, with status ${status}; \`--dry-run=server\` says why` })

function jsonOf(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch {
    return null
  }
}
