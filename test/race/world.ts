import type fc from 'fast-check'
import { setImmediate } from 'node:timers/promises'
import type { AccessRequest } from '../../schema/approval.ts'
import type { Caller } from '../../schema/caller.ts'
import type { Id } from '../../schema/event.ts'
import { ok, refuse } from '../../schema/refusal.ts'
import { createApprover } from '../../functions/approver.ts'
import { answerOf } from '../../functions/ask.ts'
import { createGate } from '../../functions/gate.ts'
import type { Own } from '../../functions/own.ts'
import type { Ports } from '../../functions/ports.ts'
import { faultRefusal } from '../../functions/problem.ts'
import { inSql } from '../../functions/question.ts'
import { createRequests } from '../../functions/requests.ts'
import { unstick } from '../../functions/stuck.ts'
import { sweep } from '../../functions/sweep.ts'
import { support } from '../support/caller.ts'
import { createWorld } from '../support/ports.ts'
import { createMemoryRequests } from '../support/requests.ts'
import { createSchedule, type Fate } from './scheduler.ts'
import { createTarget, type Happening } from './target.ts'
import { policyOf, templateOf } from './template.ts'

export const minuteMs = 60_000

export interface Given {
  readonly scheduler: fc.Scheduler
  readonly quorum: 1 | 2
  /** What becomes of the calls to the stores, and to the target. */
  readonly fates: readonly Fate[]
  readonly happenings: readonly Happening[]
  /** Which actors are killed at some step. */
  readonly doomed: readonly string[]
  /** For each thing that happens beside the processes, a kill too: how many steps of its own it is late. Without them a long way always loses against a short one. */
  readonly delays: readonly number[]
  /** How many times the state machine calls for one wake. */
  readonly calls: number
}
interface Heard { readonly who: string; readonly what: string; readonly ok: boolean; readonly reason: string | null }

/** One run: a store, a target and a clock that all share, processes that are scheduled and may be killed, and what they were told. */
export async function createRace({ scheduler, quorum, fates, happenings, doomed, delays, calls }: Given) {
  const world = createWorld(policyOf(quorum))
  const { clock, events } = world
  const memory = createMemoryRequests({ now: world.ports.now, events })
  const unsettled: Ports['ledger']['unsettled'] = async (before, limit) => events.flatMap((event) =>
    (event.kind === 'intent' && Date.parse(event.settleBy) < before && !events.some((other) => other.kind === 'outcome' && other.intent === event.id) ? [event] : [])).slice(0, limit)
  const schedule = createSchedule(scheduler, fates)
  const turn = (label: string) => scheduler.schedule(Promise.resolve(), label)
  const delay = [...delays]
  async function sometime(label: string): Promise<void> {
    for (let left = delay.shift() ?? 0; left > 0; left--) await turn('…')
    await turn(label)
  }
  const target = createTarget(world.engine, { now: world.ports.now, turn, happenings })
  const replicas: (ReturnType<typeof process>)[] = []
  const heard: Heard[] = []
  let killed = 0
  let called = 0
  let overtaken = false
  let changedAt = Infinity
  /** The state machine: each wake calls `calls` times, each time another replica, some time later. */
  const wake = async (id: Id<'arq'>) => { for (let i = 0; i < calls; i++) call(id, `callback ${++called}`) }
  const ports: Ports = {
    ...world.ports, ledger: { ...world.ports.ledger, unsettled }, engines: { postgres: target.engine(() => true, 'healthy') },
    approvals: { requests: memory.requests, workflow: { start: async () => undefined, wake }, post: { slack: null, mail: null } },
  }

  function process(name: string) {
    const actor = schedule.actor(name, ports)
    let alive = true
    const mine: Ports = { ...ports, ...actor.ports, engines: { postgres: target.engine(() => alive, name) } }
    const gate = createGate(mine)
    if (doomed.includes(name)) void sometime(`kill ${name}`).then(() => { alive = false; killed++; actor.kill() })
    return { name, ports: mine, gate, approver: createApprover(mine, gate) }
  }

  /** Somebody signed in whose token was verified: a door that lets in whom it is told. */
  function own(gate: ReturnType<typeof createGate>, caller: () => Caller): Own {
    return {
      admitted: async (_, run) => {
        const evaluation = ports.id('eval')
        try {
          const current = await gate.standing.current()
          return { evaluation, session: null, result: current.ok ? await run({ ...current.value, caller: caller(), session: ports.id('ses') }, evaluation) : current }
        } catch (error) {
          return { evaluation, session: null, result: refuse(faultRefusal(error, ports.alarm)) }
        }
      },
      permitted: async () => { throw new Error('not asked here') },
    }
  }
  const callerOf = (id: string, groups: readonly string[]): Caller => ({
    issuer: 'local', subject: { id, kind: id.startsWith('user:') ? 'user' : 'agent', groups }, actors: [], person: id.startsWith('user:'), claims: { auth_time: clock.ms / 1000 }, expiresAt: clock.ms + 10 * minuteMs,
  })
  const door = { authorization: null, session: null }
  /** Says it, and once more where the store did not answer, as people do. */
  async function insist(who: string, what: string, run: () => Promise<{ readonly result: { readonly ok: true } | { readonly ok: false; readonly refusal: { readonly reason: string; readonly next: string } } }>): Promise<void> {
    for (let i = 0; i < 2; i++) {
      await turn(`${who} says ${what}`)
      const { result } = await run()
      heard.push({ who, what, ok: result.ok, reason: result.ok ? null : result.refusal.reason })
      if (result.ok || result.refusal.next !== 'retry') return
    }
  }
  const only = (): AccessRequest | undefined => [...memory.stored.values()][0]
  /** The request there is, looked for a few times; a person who finds none goes away. */
  async function find(who: string): Promise<AccessRequest | undefined> {
    for (let i = 0; i < 8 && !only(); i++) await turn(`${who} looks`)
    return only()
  }

  async function person(id: string, decision: 'approve' | 'reject', groups: readonly string[] = ['support-leads']): Promise<void> {
    const { gate, ports: mine } = process(id)
    if (decision === 'reject') await sometime(`${id} begins`)
    const request = await find(id)
    if (request) await insist(id, decision, () => createRequests(mine, gate, own(gate, () => callerOf(id, groups))).decide(door, request.id, async () => ok({ decision, digest: request.digest })))
  }
  const agent = () => callerOf('agent:support-bot', ['support-agents'])
  async function cancel(): Promise<void> {
    const { gate, ports: mine } = process('cancelling')
    await sometime('cancelling begins')
    const request = await find('cancelling')
    if (request) await insist('agent', 'cancel', () => createRequests(mine, gate, own(gate, agent)).cancel(door, request.id))
  }
  /** The agent looks what became of it, a few times. */
  async function poll(times: number): Promise<void> {
    const { gate, ports: mine } = process('polling')
    const request = await find('polling')
    if (!request) return
    for (let i = 0; i < times; i++) {
      await turn('agent polls')
      const { result } = await createRequests(mine, gate, own(gate, agent)).show(door, request.id)
      if (result.ok) heard.push({ who: 'agent', what: `shown ${result.value.request.status}`, ok: 'result' in result.value && result.value.result !== undefined, reason: null })
    }
  }
  /** The call, ready to be sent to a gate of its own, which has verified the token already: a signature is checked outside of any schedule. */
  async function caller(name: string): Promise<() => Promise<void>> {
    const { gate } = process(name)
    const authorization = `Bearer ${await world.token({ ...support, seconds: 7200 })}`
    await gate.admit({ authorization, session: null })
    return () => send(name, gate, authorization)
  }
  async function send(name: string, gate: ReturnType<typeof createGate>, authorization: string): Promise<void> {
    for (let i = 0; i < 2; i++) {
      await turn(`${name} sends`)
      const { result } = await gate.query({ authorization, session: null, connection: 'shop', idempotencyKey: null, waitMs: 0, question: inSql(async () => ok({ sql: 'insert into public.refunds (order_id) values ($1)', params: [7], purpose: 'late parcel' })) })
      heard.push({ who: name, what: result.ok && 'waiting' in result.value ? result.value.waiting.id : 'answer', ok: result.ok, reason: result.ok ? null : result.refusal.reason })
      if (result.ok || result.refusal.next !== 'retry') return
    }
  }

  /** A call of the state machine, and once more where it failed or found somebody at it. */
  function call(id: Id<'arq'>, label: string): void {
    const replica = replicas[called % Math.max(1, replicas.length)]
    if (!replica) return
    void (async () => {
      for (let i = 0; i < 2; i++) {
        await turn(`${label} at ${replica.name}`)
        const status = await replica.approver.proceed(id).catch(() => 'approved' as const)
        if (status !== 'approved' && status !== 'executing') return
      }
    })()
  }

  /** Something that happens to all: a clock, a policy, a lock. It takes effect at once; the clock tells when. */
  async function happens(label: string, change: () => unknown): Promise<void> {
    await sometime(label)
    await change()
  }
  /** What a decision rests on is another from now on: nothing begins after it by what was before. */
  const changes = (label: string, change: () => unknown) => happens(label, async () => { await change(); changedAt = clock.ms })
  /** Time goes by while others are at it. */
  const passes = (ms: number) => happens(`${ms} ms pass`, () => { clock.ms += ms; overtaken ||= ms >= minuteMs })
  async function sweeps(name: string): Promise<void> {
    const { ports: mine, approver } = process(name)
    await sometime(`${name} sweeps`)
    await sweep(mine).catch(() => 0)
    await unstick(mine, telling(approver)).catch(() => 0)
  }

  /** Every step that is left, in an order that fast-check gives. */
  async function drain(): Promise<void> {
    for (;;) {
      await setImmediate()                                             // everybody goes as far as they can, so that all who could come next are asked
      if (scheduler.count() === 0) return
      await scheduler.waitOne()
    }
  }
  /** All stores are well again and time goes by: what the sweepers must set right. */
  async function recover(): Promise<void> {
    schedule.calm()
    target.calm()
    const gate = createGate(ports)
    const approver = telling(createApprover(ports, gate))
    for (const ms of [31_000, 31_000, 120 * minuteMs, minuteMs]) {
      clock.ms += ms
      await sweep(ports)
      const swept = unstick(ports, approver)
      await drain()
      await swept
    }
  }
  const replica = (name: string) => { const one = process(name); replicas.push(one); return one }
  const start = async () => { const { request, event } = await templateOf(quorum); await memory.requests.create(request, event, clock.ms) }
  /** An approval before the race began. */
  async function approved(id: string): Promise<void> {
    const gate = createGate(ports)
    const request = only()
    if (request) await createRequests(ports, gate, own(gate, () => callerOf(id, ['support-leads']))).decide(door, request.id, async () => ok({ decision: 'approve', digest: request.digest }))
  }
  const answer = (request: AccessRequest) => answerOf(ports, request)
  /** Whether anything of this run was lost: a call, a process, or an execution's time, which a sweeper may have declared over. */
  const lost = () => killed > 0 || overtaken || schedule.steps.some((step) => /: (not stored|stored|late)$/.test(step)) || target.taken.some((how) => how !== 'runs' && how !== 'refused')
  return { world, memory, ports, schedule, target, heard, start, approved, replica, person, cancel, poll, caller, call, happens, changes, passes, sweeps, drain, recover, answer, only, lost, changedAt: () => changedAt }
}
export type Race = Awaited<ReturnType<typeof createRace>>

const telling = (approver: ReturnType<typeof createApprover>) => ({ ...approver, announce: async () => undefined, tell: async () => undefined })
