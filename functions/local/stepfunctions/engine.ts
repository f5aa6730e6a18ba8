import { createClock, type Time } from './clock.ts'
import { type Definition, readDefinition, type State, type Task, waitsForToken } from './definition.ts'
import { cut, ServiceError, StateError } from './error.ts'
import type { Execution, Machine } from './execution.ts'
import { evaluate, type Json } from './expression.ts'
import type { Journal } from './journal.ts'
import type { Invoker } from './lambda.ts'
import { catchOf, retryOf } from './retry.ts'
import { scopeOf } from './scope.ts'
import type { Tokens } from './token.ts'

export const maxDataBytes = 256 * 1024
const againMs = 1000

export interface EngineParts {
  readonly journal: Journal
  readonly tokens: Tokens
  readonly time: Time
  readonly random: () => number
  /** Name and role of the machine an execution belongs to, for `$states.context`. */
  readonly machineOf: (arn: string) => Machine
  /** A change could not be written; it is tried again. */
  readonly alarm: (what: string, detail: Readonly<Record<string, unknown>>) => void
}
export interface Engine {
  /** From now on functions are called; what a crash interrupted is begun again. */
  run(invoker: Invoker): void
  start(execution: Execution): void
  running(id: string): Execution | null
  all(): Iterable<Execution>
  /** The step's end, by its token. Durable when it resolves. Throws ServiceError InvalidToken, TaskTimedOut. */
  succeed(token: string, output: Json): Promise<void>
  fail(token: string, error: string, cause: string): Promise<void>
  beat(token: string): void
  stop(id: string, error: string | null, cause: string | null): Execution | null
  /** Begins nothing more, and waits for what was begun, at most `graceMs`. What has not come back by then is begun again at the next start. */
  close(graceMs: number): Promise<void>
}

/**
 * The interpreter. Each change of an execution is written before anything rests on it, and gets a number; what comes back from a function, an expression, a token or
 * the clock counts only while that number still stands. So two ends of one step can meet in any order, and one of them happens.
 */
export function createEngine({ journal, tokens, time, random, machineOf, alarm }: EngineParts): Engine {
  const { now } = time
  const live = new Map<string, Execution>(journal.open().map((execution) => [execution.id, execution]))
  const definitions = new Map<string, Definition>()
  const busy = new Set<Promise<void>>()
  let invoker: Invoker | null = null
  let closing = false
  const clock = createClock(time, ring)

  const stateOf = ({ definition, state }: Execution): State => {
    const known = definitions.get(definition) ?? readDefinition(journal.definition(definition))
    definitions.set(definition, known)
    const found = known.States[state]
    if (!found) throw new Error(`no state \`${state}\``)
    return found
  }
  const taskOf = (execution: Execution): Task => {
    const state = stateOf(execution)
    if (state.Type !== 'Task') throw new Error(`\`${execution.state}\` is no task`)
    return state
  }
  for (const execution of live.values()) stateOf(execution)                  // what cannot be gone on with is said at the start
  const stands = ({ id, seq }: Execution): boolean => live.get(id)?.seq === seq

  function save(next: Execution): Execution {
    journal.put(next)                                                        // throws: then nothing changed, here or there
    if (next.status === 'RUNNING') live.set(next.id, next)
    else live.delete(next.id)
    if (next.status === 'RUNNING' && next.at !== null && invoker) clock.by(next.at)
    return next
  }

  /** Everything that goes on by itself runs under this: a full disk leaves an execution where it was, and it is taken up again. */
  function go(id: string, work: () => Promise<void>): void {
    const running = work().catch((error: unknown) => {
      alarm('a state machine could not go on', { execution: live.get(id)?.name, error: error instanceof Error ? error.message : 'unknown' })
      time.timers.set(() => { const execution = live.get(id); if (execution) resume(execution) }, againMs)
    }).finally(() => busy.delete(running))
    busy.add(running)
  }

  function resume(execution: Execution): void {
    if (closing || !invoker) return
    if (execution.phase === 'ready') return go(execution.id, () => advance(execution))
    if (execution.phase !== 'called') return void (execution.at !== null && clock.by(execution.at))
    // The function was called, and whether it came is not known: a plain one begins anew; one that has the token is called again with the same, which may be out already.
    if (!waitsForToken(taskOf(execution))) return go(execution.id, () => advance(execution))
    if (execution.at !== null) clock.by(execution.at)
    if (execution.at === null || execution.at > now()) go(execution.id, async () => call(execution, await evaluate(taskOf(execution).Arguments, scopeOf(execution, machineOf(execution.machine), tokens.make(execution.id, execution.seq)), now())))
  }

  async function advance(execution: Execution): Promise<void> {
    const state = stateOf(execution)
    switch (state.Type) {
      case 'Task': return await begin(execution, state)
      case 'Choice': return await choose(execution, state)
      case 'Succeed': return void end(execution, { status: 'SUCCEEDED', output: JSON.stringify(execution.data) })
    }
  }

  async function choose(execution: Execution, { Choices, Default }: State & { Type: 'Choice' }): Promise<void> {
    try {
      for (const { Condition, Next } of Choices) {
        const holds = await evaluate(Condition, scopeOf(execution, machineOf(execution.machine)), now())
        if (typeof holds !== 'boolean') throw new StateError('States.QueryEvaluationError', 'a condition must be true or false')
        if (holds) return void move(execution, Next, execution.data)
      }
      move(execution, Default, execution.data)
    } catch (error) {
      if (!(error instanceof StateError)) throw error
      end(execution, { status: 'FAILED', error: error.error, cause: cut(error.message) })
    }
  }

  async function begin(execution: Execution, task: Task): Promise<void> {
    if (closing) return
    const seq = execution.seq + 1
    const scope = scopeOf(execution, machineOf(execution.machine), waitsForToken(task) ? tokens.make(execution.id, seq) : null)
    let payload: Json
    let seconds: Json
    try {
      [payload, seconds] = await Promise.all([evaluate(task.Arguments, scope, now()), evaluate(task.TimeoutSeconds, scope, now())])
      if (typeof seconds !== 'number' || !Number.isInteger(seconds) || seconds < 1 || seconds > 99999999) throw new StateError('States.QueryEvaluationError', 'TimeoutSeconds must be a whole number from 1')
    } catch (error) {
      return void await failed(execution, task, error)
    }
    if (closing || !stands(execution)) return
    // A crash after this line calls the function again: it is told of each step at least once.
    call(save({ ...execution, seq, phase: 'called', at: now() + seconds * 1000 }), payload)
  }

  function call(execution: Execution, payload: Json): void {
    const { FunctionName, Payload } = payload as { FunctionName: string; Payload: Json }
    const task = taskOf(execution)
    go(execution.id, async () => {
      let result: Json
      try {
        const answer = await invoker?.invoke(FunctionName, Payload, () => !closing && stands(execution))
        if (!answer || !stands(execution)) return                            // timed out, stopped, or its token came first
        result = answer.payload
      } catch (error) {
        return void await failed(execution, task, error)
      }
      if (waitsForToken(task)) save({ ...execution, phase: 'waiting' })       // the same number: the token stays good
      else await complete(execution, task, { ExecutedVersion: '$LATEST', Payload: result, StatusCode: 200 })
    })
  }

  /** These four say whether it happened: false, when something else came first. */
  async function complete(execution: Execution, task: Task, result: Json): Promise<boolean> {
    try {
      return move(execution, task.Next, task.Output === undefined ? result : await evaluate(task.Output, { ...scopeOf(execution, machineOf(execution.machine)), result }, now()))
    } catch (error) {
      return await failed(execution, task, error)
    }
  }

  async function failed(execution: Execution, task: Task, error: unknown): Promise<boolean> {
    if (!(error instanceof StateError)) throw error
    if (!stands(execution)) return false
    const retry = retryOf(task, error.error, execution.retries, random)
    if (retry) {
      const retries = task.Retry.map((_, i) => (execution.retries[i] ?? 0) + (i === retry.retrier ? 1 : 0))
      save({ ...execution, seq: execution.seq + 1, phase: 'delayed', at: now() + retry.afterMs, retries })
      return true
    }
    const caught = catchOf(task, error.error)
    if (!caught) return end(execution, { status: 'FAILED', error: error.error, cause: cut(error.message) })
    const errorOutput = { Error: error.error, Cause: cut(error.message) }
    try {
      return move(execution, caught.Next, caught.Output === undefined ? errorOutput : await evaluate(caught.Output, { ...scopeOf(execution, machineOf(execution.machine)), errorOutput }, now()))
    } catch (worse) {
      if (!(worse instanceof StateError)) throw worse
      return end(execution, { status: 'FAILED', error: worse.error, cause: cut(worse.message) })
    }
  }

  function move(execution: Execution, state: string, data: Json): boolean {
    if (!stands(execution)) return false
    if (JSON.stringify(data).length > maxDataBytes) return end(execution, { status: 'FAILED', error: 'States.DataLimitExceeded', cause: 'over 256 KB' })
    resume(save({ ...execution, seq: execution.seq + 1, state, data, enteredAt: now(), phase: 'ready', at: null, retries: [] }))
    return true
  }

  function end(execution: Execution, how: Partial<Pick<Execution, 'status' | 'output' | 'error' | 'cause'>>): boolean {
    if (!stands(execution)) return false
    save({ ...execution, ...how, seq: execution.seq + 1, at: null, stoppedAt: now() })
    return true
  }

  /** Everything due happens; gives the next moment. */
  function ring(): number | null {
    let next: number | null = null
    const moment = now()
    for (const execution of [...live.values()]) {
      if (execution.at === null) continue
      if (execution.at > moment) next = Math.min(next ?? Infinity, execution.at)
      else if (execution.phase === 'delayed') go(execution.id, () => advance(execution))
      else go(execution.id, async () => { await failed(execution, taskOf(execution), new StateError('States.Timeout', 'the step ran out of its time')) })
    }
    return closing ? null : next
  }

  /** The execution whose open step this token is, or the service's error. */
  function opened(token: string): Execution {
    const named = tokens.read(token)
    if (!named) throw new ServiceError('InvalidToken', 'Invalid Token')
    const execution = live.get(named.execution)
    if (!execution || execution.seq !== named.seq || (execution.phase !== 'called' && execution.phase !== 'waiting')) throw timedOut()
    if (execution.at !== null && execution.at <= now()) throw timedOut()      // its timer is about to say so
    return execution
  }
  const timedOut = () => new ServiceError('TaskTimedOut', 'Task Timed Out: \'Provided task does not exist anymore\'')
  /** Of two answers to one token, both begun, one ends the step and the other comes too late. */
  async function settle(token: string, work: (execution: Execution, task: Task) => Promise<boolean>): Promise<void> {
    const execution = opened(token)
    if (!await work(execution, taskOf(execution))) throw timedOut()
  }

  return {
    run(given) {
      invoker = given
      for (const execution of [...live.values()]) resume(execution)
    },
    start(execution) { resume(save(execution)) },
    running: (id) => live.get(id) ?? null,
    all: () => live.values(),
    succeed: (token, output) => settle(token, (execution, task) => complete(execution, task, output)),
    fail: (token, error, cause) => settle(token, (execution, task) => failed(execution, task, new StateError(error, cause))),
    beat(token) { opened(token) },
    stop(id, error, cause) {
      const execution = live.get(id)
      if (execution) end(execution, { status: 'ABORTED', error, cause })
      return execution ?? null
    },
    async close(graceMs) {
      closing = true
      clock.stop()
      let handle: NodeJS.Timeout | undefined
      const late = new Promise<void>((resolve) => { handle = setTimeout(resolve, graceMs) })
      const quiet = (async () => { while (busy.size > 0) await Promise.allSettled([...busy]) })()
      await Promise.race([quiet, late])
      clearTimeout(handle)
      invoker = null
      live.clear()                                               // what comes back from now on changes nothing
    },
  }
}
