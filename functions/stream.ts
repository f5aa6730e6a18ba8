import { canonicalJson } from '../schema/bundle.ts'
import type { Id } from '../schema/event.ts'
import type { Refusal, Result } from '../schema/refusal.ts'
import type { Query } from '../schema/request.ts'
import type { Consider, Considered } from './consider.ts'
import type { Admitted, Door } from './door.ts'
import type { Call } from './gate.ts'
import type { Ports } from './ports.ts'
import type { Masked, StreamEnd } from './protocol/protocol.ts'
import type { Story } from './record/story.ts'
import { unlooked } from './resolve/connection.ts'
import { guarded } from './torn.ts'

/** Calls at work and streams of one subject on one connection, in one process: a client that watches everything opens some forty, and a storm of watches ends here. */
const mostPlaces = 64
/** Between two looks, ms. With a copy of policy and locks at most 2 s old, what comes is seen within 3 s, and a stream ends within 5. */
const lookMs = 1000
/** A statement that is over sooner is not judged again, ms. */
const longMs = 2000
/** So long after the last good judgement it is ended, ms: a look that is late ends nothing, for a policy that is being applied or an issuer that renews its keys may be slow for all at once. */
const goodMs = 5000
/** The least that one judgement has, ms, also in a process that stood still meanwhile. */
const judgingMs = 1500
/** After a cut, how long the engine has to say what it gave, ms. */
const lastWordMs = 5000

interface Done { readonly masked: Masked; readonly outcome: Id<'evt'>; readonly ended?: Promise<StreamEnd> | undefined }
interface Asking { readonly call: Pick<Call, 'authorization' | 'connection' | 'until'>; readonly admitted: Admitted; readonly query: Query; readonly story: Story }
/**
 * `cut`: ends the answer; none where it ends by itself. `follow`: gives the answer as it leaves; one that streams keeps its place until it ends. `during`: what runs before there is an answer, judged
 * meanwhile as a stream is. `considered`: what it was permitted as.
 */
export interface Place { readonly cut?: AbortSignal; follow<D extends Done>(done: D, considered: Considered): D; during<T>(considered: Considered, run: () => Promise<T>): Promise<T> }
interface Read { readonly over: Open['over']; readonly control: AbortController; readonly outcome: Id<'evt'>; readonly ended: Promise<StreamEnd> }
/** `over`: why it must end now; null: it stands. */
interface Open { readonly over: () => Promise<string | null>; readonly control: AbortController; /** Ends by itself, soon. */ readonly brief: boolean; readonly from: number; cut: string | null; /** When the last good judgement began, epoch ms. */ good: number; judging: boolean }

/**
 * Answers that go on: each is asked again, a moment long, whether the same call would still be permitted and masked alike (its token, locks, policy, roles, connection), and is ended where not.
 * One look judges all streams of the process and costs at most one freshness read. Whatever cannot be judged for 5 s is ended. A process that dies ends its streams with it; the record then has their
 * outcome and no `stream`. So is a command while it runs, whoever waits for it.
 */
export function createStreams(ports: Pick<Ports, 'now' | 'alarm'>, { admit, consider }: Pick<Door, 'admit'> & { readonly consider: Consider }) {
  const open = new Set<Open>()
  const endings = new Set<Promise<unknown>>()
  const places = new Map<string, number>()
  let timer: NodeJS.Timeout | null = null

  /** Runs a call in a place of its caller's, the look before a write included: that asks the target too. */
  async function hold<T>(asking: Asking, run: (place: Place) => Promise<Result<T>>): Promise<Result<T>> {
    if (asking.query.form === undefined) return statement(asking, run)
    const { caller } = asking.admitted
    const key = canonicalJson([caller.issuer, caller.subject.id, asking.call.connection])
    const taken = places.get(key) ?? 0
    if (taken >= mostPlaces) return asking.story.refuse(crowded)
    places.set(key, taken + 1)
    const leave = () => { const left = (places.get(key) ?? 1) - 1; if (left > 0) places.set(key, left); else places.delete(key) }
    const control = new AbortController()
    const state = { followed: false, answered: false }
    try {
      const done = await run({
        cut: control.signal,
        during: (considered, run) => during(judgeOf(asking, considered), control, run),
        follow: (performed, considered) => {
          if (!performed.ended) return performed
          state.followed = true
          return { ...performed, masked: follow(asking, considered, performed, performed.ended, control, leave) }
        },
      })
      state.answered = done.ok
      return done
    } finally {
      if (!state.answered) control.abort()                               // refused, or not on record: not a byte of it leaves
      if (!state.followed) leave()
    }
  }

  /** SQL: an answer of rows ends by itself, and needs no place. What an engine can end (`Plan.lasting`) is judged once it takes long: most are over before that, and cost nothing here. */
  function statement<T>(asking: Asking, run: (place: Place) => Promise<Result<T>>): Promise<Result<T>> {
    const control = new AbortController()
    return run({ cut: control.signal, follow: (done) => done, during: (considered, run) => during(judgeOf(asking, considered), control, run, ports.now() + longMs) })
  }

  function follow(asking: Asking, considered: Considered, { masked, outcome }: Done, ended: Promise<StreamEnd>, control: AbortController, leave: () => void): Masked {
    const one: Open = { over: judgeOf(asking, considered), control, brief: false, from: 0, cut: null, good: ports.now(), judging: false }
    const began = ports.now()
    enter(one)
    const { answer } = masked
    const given = { bytes: 0 }
    const ending = Promise.race([ended, silence(control.signal)]).then(async (end) => {
      exit(one)
      leave()
      await tell(asking.story, outcome, one, end, given.bytes, began)
    }).finally(() => endings.delete(ending))
    endings.add(ending)
    return answer && answer.body instanceof ReadableStream ? { ...masked, answer: { ...answer, body: guarded(answer.body, control.signal, given) } } : masked
  }

  /** Runs it while `over` says nothing; where it does, `control` is aborted with its word, and whoever runs must end. Not asked before `from`, epoch ms. */
  async function during<T>(over: Open['over'], control: AbortController, run: () => Promise<T>, from = 0): Promise<T> {
    const one: Open = { over, control, brief: true, from, cut: null, good: ports.now(), judging: false }
    enter(one)
    try {
      return await run()
    } finally {
      exit(one)
    }
  }
  /** Reads an answer that goes on for somebody who is not there: `run` takes what it wants of it and aborts `control`. Judged meanwhile, and its end on record, as of any stream. */
  async function read<T>(story: Pick<Story, 'notice'>, { over, control, outcome, ended }: Read, run: () => Promise<T>): Promise<T> {
    const one: Open = { over, control, brief: true, from: 0, cut: null, good: ports.now(), judging: false }
    const began = ports.now()
    const end = Promise.race([ended, silence(control.signal)])             // before it runs: a signal is heard only by who listens then
    enter(one)
    try {
      return await run()
    } finally {
      exit(one)
      const last = await end
      await tell(story, outcome, one, last, last?.bytes ?? 0, began)
    }
  }
  /** How it ended, and how much was given of it. Never throws: what was given is given. */
  async function tell(story: Pick<Story, 'notice'>, outcome: Id<'evt'>, { cut }: Open, end: StreamEnd | null, bytes: number, began: number): Promise<void> {
    const how = cut === null ? end?.how ?? 'not known' : `cut: ${cut}`
    await story.notice('stream', { outcome, bytes, items: end?.items ?? null, how, detected: end?.detected ?? {}, seconds: Math.round((ports.now() - began) / 1000) })
      .catch((error: unknown) => ports.alarm('the end of a stream is not recorded', { error: error instanceof Error ? error.message : 'unknown' }))
  }
  function enter(one: Open): void {
    open.add(one)
    timer ??= setInterval(() => void look(), lookMs).unref()
  }
  function exit(one: Open): void {
    open.delete(one)
    if (open.size === 0 && timer) { clearInterval(timer); timer = null }
  }

  /** Judges every open stream as of now; the timer does it, and a test. Never throws. */
  async function look(): Promise<void> {
    await Promise.all([...open].filter(({ from, judging }) => from <= ports.now() && !judging).map(judge))
  }

  /** One at a time. One that fails is made again by the next look, unless that would come too late. */
  async function judge(one: Open): Promise<void> {
    one.judging = true
    const began = ports.now()
    const late = Promise.withResolvers<string>()
    const timer = setTimeout(() => late.resolve('not_judged'), Math.max(judgingMs, one.good + goodMs - began)).unref()
    try {
      const reason = await Promise.race([one.over(), late.promise])
      if (reason === null) one.good = began
      else cut(one, reason)
    } catch {
      if (ports.now() + lookMs > one.good + goodMs) cut(one, 'not_judged')
    } finally {
      clearTimeout(timer)
      one.judging = false
    }
  }

  function cut(one: Open, reason: string): void {
    if (one.cut !== null) return
    one.cut = reason
    open.delete(one)
    one.control.abort(new Error(reason))
  }

  /** For a process that stops in order: ends what is open, and resolves when their ends are on record. */
  async function close(): Promise<void> {
    for (const one of [...open]) if (!one.brief) cut(one, 'gate_stopped')
    await Promise.all(endings)
  }

  /** The very call is made again as far as its decision, with the token it came with. */
  function judgeOf({ call, admitted, query }: Asking, first: Considered): Open['over'] {
    let stands: string | undefined                                         // made at the first look: most are over before it
    return () => over(call, admitted, query, stands ??= standsOf(first, admitted))
  }
  async function over(call: Asking['call'], admitted: Admitted, query: Query, stands: string): Promise<string | null> {
    if (call.until !== undefined && ports.now() >= call.until) return outOfTime
    if (ports.now() >= admitted.caller.expiresAt) return 'token_expired'   // a new call gets some seconds for clocks that differ; what runs already has had its time
    const again = await admit({ authorization: call.authorization, session: admitted.session })
    if (!again.ok) return again.refusal.reason
    const considered = await consider(call.connection, query, again.value, silent)
    if (!considered.ok) return considered.refusal.reason
    const { decision } = considered.value
    if (decision.kind !== 'permit') return decision.refusal.reason
    return standsOf(considered.value, again.value) === stands ? null : 'permitted_otherwise'
  }
  return { hold, during, read, look, close, /** How many there are, for readiness and tests. */ count: () => open.size }
}

/**
 * What of a decision shows in the answer, and as whom the target is asked. A span or a limit changes nothing that is already on its way, nor do tables that are known by now; what a class means for the answer is in `shown` and its masks.
 * But what is said to carry nothing is not looked through: that counts where something is looked for.
 */
function standsOf({ connection: { limits: _limits, known: _known, classify = {}, ...asked }, plan, decision }: Considered, { policy, caller }: Admitted): string {
  const { masks = [], detect = [] } = decision.kind === 'permit' ? decision.permit.obligations : {}
  const shown = plan.effects.shown.map(({ resource, column, dataClass, statement, output }) => [resource, column, dataClass, statement, output])
  return canonicalJson([asked, policy.rolesOf(caller.actors[0] ?? caller.subject), shown, masks, detect, unlooked({ classify }, detect)])
}
/** Whoever judges it is about to end: what went on would be judged by nobody, and its end would be on no record. */
export const outOfTime = 'out_of_time'
export const silent: Pick<Story, 'refuse' | 'decided'> = { refuse: async (refusal) => ({ ok: false, refusal }), decided: () => {} }

/** null, a while after the signal. */
const silence = (signal: AbortSignal): Promise<null> => new Promise((resolve) => {
  signal.addEventListener('abort', () => { setTimeout(() => resolve(null), lastWordMs).unref() }, { once: true })
})

const crowded: Refusal = {
  slug: 'rate-limited', reason: 'too_many_streams', next: 'retry', retryAfterSeconds: 5,
  detail: `${mostPlaces} of your calls and watches are at work on this connection already; end some of them first`,
}
