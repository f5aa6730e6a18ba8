import * as z from 'zod'
import { ok, refuse, type Refusal, type Result } from '../../schema/refusal.ts'
import type { Query } from '../../schema/request.ts'
import type { Gate } from '../gate.ts'
import type { Ports } from '../ports.ts'
import { createAct, objectAgain, objectDone } from './act.ts'
import type { Caller } from './call.ts'
import type { Told } from './fence.ts'
import { refused } from './refused.ts'
import { patchTypes } from './tools.ts'

/** Of an answer that streams, bytes and ms: a list is whole by then, and what goes on without an end has no place in a tool's result. */
const most = { bytes: 4 * 1024 * 1024, ms: 20_000 }

const form = z.strictObject({
  connection: z.string().max(64), method: z.enum(['GET', 'POST', 'PUT', 'PATCH', 'DELETE']).optional(), path: z.string().min(1).max(8192), body: z.union([z.record(z.string(), z.json()), z.array(z.json())]).optional(),
  type: z.enum(patchTypes).optional(), table: z.boolean().optional(), purpose: z.string().min(1).max(500).optional(), reveal: z.array(z.string().min(1).max(64)).max(32).optional(),
  key: z.string().regex(/^[\x21-\x7e]{1,255}$/).optional(), check: z.boolean().optional(),
})
type Sent = z.infer<typeof form>

/**
 * The tool `kubernetes`: one request to the API server of a cluster, through the function of the gate that `ANY /v1/kubernetes/…` calls, read by the same engine from the same bytes: the same rules, masks,
 * approvals and record. Nothing is added to what was asked but what a tool's result needs: a table without its objects, a manager's name for an apply.
 */
export function createCluster(ports: Ports, gate: Gate) {
  const act = createAct(ports, gate, {
    undone: 'changed',
    again: (stored, known) => objectAgain(stored, known, 'done earlier, and not done again'),
    async done(answer, known, keep) {
      const body = answer.masked.answer?.body
      if (body === undefined) throw new TypeError('invariant: an engine of its own protocol answers in it')
      const whole = body instanceof Uint8Array
      const bytes = whole ? body : await collected(body)
      return typeof bytes === 'string' ? refused(bytes === 'torn' ? torn : tooMuch, known.evaluation) : objectDone(answer, known, bytes, keep, whole)      // as over HTTP: what streamed is not kept for a repeat
    },
  })
  return async function cluster(door: Caller, sent: Readonly<Record<string, unknown>>): Promise<Told> {
    const parsed = form.safeParse(sent)
    if (!parsed.success) return refused(wrong(parsed.error.issues[0]), null)
    const { connection, key = null, check = false } = parsed.data
    return act({ ...door, connection, idempotencyKey: key, waitMs: 0, strict: true, question: () => questionOf(parsed.data) }, check)
  }

  async function questionOf({ method = 'GET', path, body, type, table, purpose, reveal = [] }: Sent): Promise<Result<Query>> {
    const engine = ports.engines.kubernetes
    if (!engine?.read) return refuse({ slug: 'not-found', reason: 'no_connection', next: 'none', detail: 'there is no connection to a cluster here' })
    if (/[?&](?:watch|follow)=(?!false(?:&|$)|0(?:&|$))/i.test(path)) return refuse(endless)
    const more = [...(table === true && !path.includes('includeObject=') ? ['includeObject=None'] : []), ...(type === 'apply' && !path.includes('fieldManager=') ? ['fieldManager=sluice-mcp'] : [])].join('&')
    const target = more === '' ? path : `${path}${path.includes('?') ? '&' : '?'}${more}`
    const contentType = method === 'PATCH' ? patches[type ?? 'merge'] : 'application/json'
    const headers = { accept: table === true ? 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json' : 'application/json', ...(body === undefined ? {} : { 'content-type': contentType }) }
    const read = await engine.read(method, target, headers, body === undefined ? null : Buffer.from(JSON.stringify(body)))
    return read.ok ? ok({ ...read.value, purpose: purpose ?? null, reveal: [...new Set(reveal)] }) : refuse({ ...read.refusal, inner: `${method} ${target.slice(0, 2000)}` })
  }
}

const patches: Readonly<Record<(typeof patchTypes)[number], string>> = {
  merge: 'application/merge-patch+json', strategic: 'application/strategic-merge-patch+json', json: 'application/json-patch+json', apply: 'application/apply-patch+yaml',
}

/** `much`: it is more than has room, or did not end in time. Let go of at once, so that the cluster sends no more of it. `torn`: it broke off, or was cut; half of it is not given for the whole. */
async function collected(stream: ReadableStream<Uint8Array>): Promise<Uint8Array | 'much' | 'torn'> {
  const reader = stream.getReader()
  const parts: Uint8Array[] = []
  let [bytes, late] = [0, false]
  const timer = setTimeout(() => { late = true; void reader.cancel('not awaited any longer').catch(() => {}) }, most.ms)
  try {
    for (;;) {
      const part = await reader.read().catch(() => null)
      if (late) return 'much'
      if (part === null) return 'torn'
      if (part.done) return Buffer.concat(parts)
      bytes += part.value.byteLength
      if (bytes > most.bytes) { void reader.cancel('too much').catch(() => {}); return 'much' }
      parts.push(part.value)
    }
  } finally {
    clearTimeout(timer)
  }
}

const endless: Refusal = { slug: 'statement-unsupported', reason: 'stream', next: 'fix', detail: 'a tool\'s result does not go on: leave `watch` and `follow` out, and call again to see what changed' }
const torn: Refusal = { slug: 'target-unavailable', reason: 'connection_lost', next: 'retry', retryAfterSeconds: 2, detail: 'the answer broke off before its end: the cluster let go of it, or it may not go on any more (a lock, the token\'s end, another policy); how much of it was given, and why it ended, is on record' }
const tooMuch: Refusal = { slug: 'too-large', reason: 'answer_too_large', next: 'fix', detail: 'the answer is over 4 MB, or did not end in 20 s: add `limit=`, a selector or `tailLines=`, or ask for `table`' }
function wrong(issue: z.core.$ZodIssue | undefined): Refusal {
  const name = issue?.code === 'unrecognized_keys' ? issue.keys[0] : issue?.path.join('.')
  return { slug: 'invalid-request', reason: 'arguments', next: 'fix', detail: `argument \`${String(name ?? '').slice(0, 40)}\` is not of its form; there are ${Object.keys(form.shape).join(', ')}` }
}
