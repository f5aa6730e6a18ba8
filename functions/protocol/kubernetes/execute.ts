import type { ConnectionDocument } from '../../../schema/policy.ts'
import type { Refusal } from '../../../schema/refusal.ts'
import type { Query } from '../../../schema/request.ts'
import type { Permit } from '../../permit.ts'
import type { Secrets } from '../../ports.ts'
import type { Executed, Plan, Run, StreamEnd } from '../protocol.ts'
import { maskKeySecret } from '../secret.ts'
import { within } from '../within.ts'
import type { Discovery } from './discovery.ts'
import type { RunExec } from './exec.ts'
import type { Cluster } from './kubeconfig.ts'
import { another, changed, executedOf, tooLarge, unknown } from './outcome.ts'
import type { Dry, KubernetesPlan } from './plan.ts'
import { guarded, isObject } from './precondition.ts'
import { dryTarget, type Preview } from './preview.ts'
import { maskLines } from '../lines.ts'
import { paged } from './page.ts'
import { beginOf, pieceOf } from './piece.ts'
import { rawOf } from './raw.ts'
import type { Reach } from './reach.ts'
import { stateOf } from './state.ts'
import { chunksOf, wholeOf } from './bytes.ts'
import type { Reply } from './transport.ts'
import { TransportError } from './trouble.ts'
import { statusIn, untouched } from './untouched.ts'

/** `account`: the service account the call goes by. `dry`: what the target said, where it was asked. `fails`: what classify knew would; what a dry run met, the cluster itself says again. */
export interface Understood { readonly connection: ConnectionDocument; readonly query: Query; readonly plan: KubernetesPlan; readonly account: string; readonly dry?: Dry; readonly fails?: Refusal }
export interface ExecuteOptions {
  readonly secrets: Secrets
  readonly now: () => number
  readonly isPermit: (value: unknown) => boolean
  /** The plan behind an opaque one that this engine made; throws for any other. */
  readonly understood: (plan: Plan) => Understood
  readonly reach: Reach
  readonly discovery: Discovery
  readonly preview: Pick<Preview, 'current' | 'pod'>
  readonly exec: RunExec
}
const listIdleMs = 60_000
/** A watch or a followed log may be silent for hours; a dead connection is found by TCP. */
const streamIdleMs = 6 * 3_600_000
const errorBytes = 256 * 1024
/** The answer to a write: whatever the limit, it was done. */
const writtenBytes = 16 * 1024 * 1024
/** Where people agreed, a conflict over what they were not asked about (the status, who manages a field) is tried again on the newer version. */
const tries = 4

interface Job { readonly plan: KubernetesPlan; readonly known: Understood; readonly cluster: Cluster; readonly run: Run; readonly limits: Permit['obligations']['limits']; readonly maskKey: string | null; readonly writes: boolean }

/**
 * Permit and plan → what the cluster did. Receives what was decided; proves that the permit is one and is for this very plan; then sends exactly the plan's request, once. A write is
 * sent again only where the cluster has said that it did nothing (401, a conflict over our own precondition). Refuses by throwing only where the code around it is wrong.
 */
export function createExecute({ secrets, now, isPermit, understood, reach, discovery, preview, exec }: ExecuteOptions) {
  return async function execute(permit: Permit, plan: Plan, run: Run): Promise<Executed> {
    if (!isPermit(permit)) throw new Error('invariant: execution without a permit')
    if (permit.effects !== plan.effects) throw new Error('invariant: a permit for another plan')
    const known = understood(plan)
    const writes = (known.plan.method !== 'GET' && known.plan.method !== 'HEAD' || known.plan.form === 'exec') && !known.plan.dryRun
    if (known.fails) return { status: 'failed', refusal: known.fails }
    try {
      const maskKey = permit.obligations.masks.includes('hash') ? await secrets.get(maskKeySecret) : null
      const job: Job = { plan: known.plan, known, cluster: await reach.cluster(known.connection), run, limits: within(permit, run, now()), maskKey, writes }
      // The API server knows no precondition for a command: this is the last look at whose pod it is, where people agreed to one.
      if (known.plan.form === 'exec' && run.agreed && known.dry?.pod && (await preview.pod(known, job.cluster))?.uid !== known.dry.pod.uid) return { status: 'stale', refusal: changed }
      if (known.plan.form === 'exec') return await exec({ ...job, account: known.account, begin: () => maskLines(permit.obligations.detect) })
      const kept = await discovery.answer(job.cluster, known.account, known.plan, run.deadline)
      if (kept) return { status: 'succeeded', rows: rawOf({ ...kept, maskKey, body: { kind: 'bytes', bytes: kept.bytes } }) }
      return await send(job)
    } catch (error) {
      return executedOf(error, writes)
    }
  }

  async function send(job: Job): Promise<Executed> {
    const { plan, known, cluster } = job
    let old: Dry['oldObject'] = known.dry?.pod ? { metadata: { uid: known.dry.pod.uid } } : known.dry?.oldObject
    for (let attempt = 1; ; attempt++) {
      const { bound, elsewhere, ...request } = guarded(plan, old)
      if (elsewhere) return known.dry?.pod ? { status: 'failed', refusal: another } : misses(job)
      const target = plan.form === 'list' ? paged(request.target, mostOf(job)) : plan.form === 'watch' && job.run.piece ? pieceOf(request.target, job.run.piece) : request.target
      const watch = stopwatch(job, now)
      const reply = await reach.call(cluster, known.account, {
        ...request, target, method: plan.method, accept: plan.accept, deadline: job.run.deadline, headersMs: job.limits.timeoutMs, stream: plan.form === 'watch' || plan.form === 'log', signal: watch.signal,
      }).catch(watch.explain)
      if (reply.status !== 409 || !bound || !old) return answered(job, reply, watch)
      const body = await wholeOf(reply.body, job.limits.timeoutMs, errorBytes).finally(watch.stop)
      const answer = { status: 'succeeded', rows: rawOf({ ...headOf(reply), maskKey: job.maskKey, body: { kind: 'bytes', bytes: body ?? new Uint8Array() } }) } as const
      if (!isConflict(body)) return answer
      // Nothing was written. What people agreed to may still be what is there: a controller writes the status of a busy object many times a second. Of anybody else all is decided anew: a rule may read the status.
      const current = await preview.current(known, cluster)
      if (versionOf(current) !== null && versionOf(current) === versionOf(old)) return answer         // not over our precondition: another manager's fields, a namespace that ends
      if (!job.run.agreed || attempt >= tries || !isObject(current) || stateOf(current, plan.basis) !== stateOf(old, plan.basis)) return { status: 'stale', refusal: changed }
      old = current
    }
  }

  /** The caller's own precondition does not fit what was decided on: the cluster says so in its own words where it can be asked without doing it; where it fits by now, it is decided anew. What will never fit is an answer, or a caller could have it decided over and over. */
  async function misses(job: Job): Promise<Executed> {
    const { plan, known, cluster, run, limits } = job
    if (plan.method === 'DELETE' || !await discovery.knowsDryRun(cluster, known.account, plan.attributes)) {
      return guarded(plan, await preview.current(known, cluster)).elsewhere ? { status: 'failed', refusal: another } : { status: 'stale', refusal: changed }
    }
    const watch = stopwatch(job, now)
    const { contentType, body, method, accept } = plan
    const reply = await reach.call(cluster, known.account, { method, target: dryTarget(plan.target), accept, contentType, body, deadline: run.deadline, headersMs: limits.timeoutMs, signal: watch.signal }).catch(watch.explain)
    if (reply.status >= 400) return answered({ ...job, writes: false }, reply, watch)
    watch.stop()
    reply.body.destroy()
    return { status: 'stale', refusal: changed }
  }

  /** The status and headers are there: from here on a write has its answer, and only how much of it there is to give may still vary. */
  async function answered(job: Job, reply: Reply, watch: Stopwatch): Promise<Executed> {
    const { plan, limits, maskKey, writes, run } = job
    const head = { ...headOf(reply), maskKey }
    if (reply.status >= 300 && reply.status < 400) {
      watch.stop()
      reply.body.destroy()
      throw new TransportError('broken', `the cluster redirects (status ${reply.status}), which nothing follows`, false)
    }
    if (reply.status < 300 && plan.form !== 'whole' && plan.method !== 'HEAD') {
      watch.stop()
      const { promise, resolve } = Promise.withResolvers<StreamEnd>()
      const chunks = chunksOf(reply.body, plan.form === 'list' ? listIdleMs : streamIdleMs)
      return { status: 'succeeded', rows: rawOf({ ...head, body: { kind: 'stream', chunks, end: resolve, cut: run.cut ?? null, ...(plan.form === 'watch' && run.piece ? { from: beginOf(plan.target, run.piece) } : {}), most: isCounted(job) ? mostOf(job) : Infinity } }, promise) }
    }
    const most = reply.status >= 400 ? errorBytes : writes ? writtenBytes : plan.attributes.isResource ? limits.bytes : writtenBytes
    const bytes = await wholeOf(reply.body, limits.timeoutMs, most).catch((error: unknown) => {
      if (writes && reply.status < 300 && error instanceof TransportError) return null              // done, and its answer lost on the way
      return watch.explain(error)
    }).finally(watch.stop)
    if (writes && reply.status >= 500 && !untouched(reply.status, bytes)) return unknown(`the cluster answered ${reply.status}; its Audit-ID is ${reply.audit}`)
    if (bytes !== null) return { status: 'succeeded', rows: rawOf({ ...head, body: { kind: 'bytes', bytes } }) }
    if (reply.status >= 400) return { status: 'succeeded', rows: rawOf({ ...head, body: { kind: 'bytes', bytes: new Uint8Array() } }) }
    if (writes) return { status: 'succeeded', rows: rawOf({ ...head, body: { kind: 'own', value: doneWithout(reply.status) } }) }
    return { status: 'failed', refusal: tooLarge(`the object is over ${most} bytes, the most an answer may have here`) }
  }
}

/** A watch begins with all there is, so under a budget of the hour it is a list that goes on. */
const isCounted = ({ plan, limits }: Job): boolean => plan.form === 'list' || (plan.form === 'watch' && limits.rowsPerHour !== null)
/** Objects of one list: the policy's `limits.rows`, or what is left of them in the hour. */
const mostOf = ({ run, limits }: Job): number => Math.min(limits.rows, run.maxRows ?? limits.rows)
const headOf = ({ status, contentType, headers, audit }: Reply) => ({ status, contentType, headers, audit })
const doneWithout = (code: number) => ({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', message: 'done; the cluster\'s answer was lost or is too large, so it is left out', code })

/** Over the object's version or identity. Over a field that another manager owns is an answer to this very request: the caller forces it, or does not. */
const versionOf = (object: unknown): unknown => (isObject(object) && isObject(object['metadata']) ? object['metadata']['resourceVersion'] ?? null : null)
const isConflict = (body: Uint8Array | null): boolean => {
  const { reason, details } = statusIn(body)
  const causes = isObject(details) && Array.isArray(details['causes']) ? details['causes'] as readonly unknown[] : []
  return reason === 'Conflict' && !causes.some((cause) => isObject(cause) && cause['reason'] === 'FieldManagerConflict')
}

interface Stopwatch { readonly signal: AbortSignal; stop(): void; explain(error: unknown): never }
/** What is no stream ends whole within the permit's time, however steadily it trickles. */
function stopwatch({ run, limits }: Job, now: () => number): Stopwatch {
  const controller = new AbortController()
  const cut = () => { controller.abort() }
  const begun = now()
  let timedOut = false
  const timer = setTimeout(() => { timedOut = true; controller.abort() }, limits.timeoutMs + Math.max(0, run.deadline - begun))
  run.cut?.addEventListener('abort', cut, { once: true })
  if (run.cut?.aborted) cut()
  return {
    signal: controller.signal,
    stop: () => { clearTimeout(timer) },
    explain(error) {
      clearTimeout(timer)
      if (timedOut && error instanceof TransportError) throw new TransportError('timeout', `no whole answer within ${limits.timeoutMs} ms`, error.sent)
      throw error
    },
  }
}
