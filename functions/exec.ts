import * as z from 'zod'
import { commandLine } from '../schema/command.ts'
import { hostBody, maxStatementBytes, podBody } from '../schema/request.ts'
import { ok, refuse, type Refusal, type Result } from '../schema/refusal.ts'
import type { Query } from '../schema/request.ts'
import type { Reply } from './door.ts'
import { disclose, enclose, type Enclosed } from './envelope.ts'
import type { Call, Gate } from './gate.ts'
import { Waiting } from './own.ts'
import type { Ports } from './ports.ts'
import { faultRefusal } from './problem.ts'

/** What the command wrote and how it ended. `truncated`: it is not all; what is over the limits, the record has. `exitCode` null: it was let go of before its end, or a signal ended it. `ended`: which of these, or what it left running. */
export interface Said { readonly stdout: string | null; readonly stderr: string | null; readonly exitCode: number | null; readonly truncated: boolean; readonly withheld?: string; readonly ended?: string; readonly evaluation: string; readonly session: string | null; readonly receipt?: { readonly event: string } }
const saidForm = z.object({ stdout: z.string().nullable(), stderr: z.string().nullable(), exitCode: z.int().nullable(), truncated: z.boolean(), withheld: z.string().optional(), ended: z.string().optional() })
const statusForm = z.object({ message: z.string() })

/**
 * `POST /v1/connections/{c}/exec`: one command, without a terminal and without input. In a container (`namespace` and `pod` say which) it is the API server's own `POST …/pods/{pod}/exec`, so that the same rules decide it,
 * the same people approve it and the same record holds it; on a host of an SSH connection it is its words. What it wrote is on record with its outcome.
 */
export function createExec(ports: Ports, gate: Gate) {
  async function exec(call: Omit<Call, 'question' | 'idempotencyKey'>, key: Result<string | null>, body: () => Promise<Result<unknown>>): Promise<Reply<Said | Waiting>> {
    const { evaluation, session, result } = await gate.query({ ...call, idempotencyKey: key.ok ? key.value : null, strict: true, question: async () => (key.ok ? question(await body()) : key) })
    if (!result.ok) return { evaluation, session, result }
    const answer = result.value
    if ('waiting' in answer) return { evaluation, session, result: ok(new Waiting(answer)) }
    if ('stored' in answer) return { evaluation, session, result: told(disclose(answer.stored.body), { evaluation, session }) }
    const given = answer.masked.answer
    if (given === undefined || !(given.body instanceof Uint8Array)) throw new TypeError('invariant: a command is answered whole')
    const text = enclose({ status: given.status, type: 'application/json', bytes: given.body })
    await answer.keep(given.status, text).catch((error: unknown) => faultRefusal(error, ports.alarm))
    return { evaluation, session, result: told(disclose(text), { evaluation, session, receipt: { event: answer.outcome } }) }
  }

  /** The body of a command → what the gate is asked. */
  async function question(value: Result<unknown>): Promise<Result<Query>> {
    if (!value.ok) return value
    const body: unknown = value.value
    return typeof body === 'object' && body !== null && ('namespace' in body || 'pod' in body || 'container' in body) ? inPod(body) : onHost(body)
  }

  async function inPod(body: object): Promise<Result<Query>> {
    const engine = ports.engines.kubernetes
    if (!engine?.read) return refuse({ slug: 'not-found', reason: 'no_connection', next: 'none', detail: 'there is no connection to a cluster here' })
    const parsed = podBody.safeParse(body)
    if (!parsed.success) return refuse(wrong(parsed.error.issues[0], podBody))
    const { namespace, pod, container, command, purpose = null } = parsed.data
    const parameters = new URLSearchParams({ ...(container === undefined ? {} : { container }), stderr: 'true', stdout: 'true' })
    for (const word of command) parameters.append('command', word)
    const query = await engine.read('POST', `/api/v1/namespaces/${namespace}/pods/${pod}/exec?${parameters.toString()}`, {}, null)
    return query.ok ? ok({ ...query.value, purpose }) : query
  }
  return { exec, question }
}

function onHost(body: unknown): Result<Query> {
  const parsed = hostBody.safeParse(body)
  if (!parsed.success) return refuse(wrong(parsed.error.issues[0], hostBody))
  const { command, purpose = null } = parsed.data
  let line: string
  try {
    line = commandLine(command)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    return refuse({ slug: 'invalid-request', reason: 'command', next: 'fix', detail: error.message })
  }
  if (Buffer.byteLength(line) > maxStatementBytes) return refuse({ slug: 'too-large', reason: 'statement_too_large', next: 'fix', detail: `the command has over ${maxStatementBytes} bytes, which are the most` })
  return ok({ statements: [{ sql: line, params: [] }], batch: false, isolation: 'read committed', purpose, reveal: [], rowMode: 'object', maxRows: null, form: 'ssh' })
}

function told({ status, bytes }: Enclosed, about: Pick<Said, 'evaluation' | 'session' | 'receipt'>): Result<Said> {
  const value: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'))
  const said = saidForm.safeParse(value)
  if (status < 400 && said.success) {
    const { withheld, ended, ...rest } = said.data
    return ok({ ...rest, ...(withheld === undefined ? {} : { withheld }), ...(ended === undefined ? {} : { ended }), ...about })
  }
  const why = statusForm.safeParse(value)
  return refuse({ slug: 'target-error', reason: `status_${status}`, next: status >= 500 ? 'retry' : 'fix', detail: `the cluster did not run it: ${why.success ? why.data.message.slice(0, 500) : `it answered ${status}`}` })
}

function wrong(issue: z.core.$ZodIssue | undefined, { shape }: typeof podBody | typeof hostBody): Refusal {
  const detail = issue === undefined ? 'the body is no command' : issue.code === 'unrecognized_keys' ? `member \`${(issue.keys[0] ?? '').slice(0, 40)}\` is not known; there are ${Object.keys(shape).join(', ')}` : `${issue.path.length > 0 ? `\`${issue.path.join('.')}\`: ` : ''}${issue.message}`
  return { slug: 'invalid-request', reason: 'command', next: 'fix', detail: detail.replace(/^./, (first) => first.toLowerCase()) }
}
