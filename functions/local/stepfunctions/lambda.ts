import { cut, StateError } from './error.ts'
import type { Json } from './expression.ts'
import type { Time } from './clock.ts'

/** A function behind an ARN: takes the payload, gives what goes back. Its error's `name` is the error name that Retry and Catch see. May be called twice for one step. */
export type Handler = (event: Json, signal: AbortSignal) => Promise<unknown>
export type Handlers = ReadonlyMap<string, Handler>
export interface Invoker {
  /** Throws StateError. `wanted` is asked when its turn comes: null, it was not called. */
  invoke(arn: string, payload: Json, wanted: () => boolean): Promise<{ readonly payload: Json } | null>
}

/** Calls functions as `lambda:invoke` does: through JSON both ways, at most `concurrency` at once, each at most `timeoutMs`. */
export function createInvoker({ handlers, time, timeoutMs, concurrency }: { readonly handlers: Handlers; readonly time: Time; readonly timeoutMs: number; readonly concurrency: number }): Invoker {
  const queue: (() => void)[] = []
  let busy = 0
  async function turn(): Promise<void> {
    if (busy >= concurrency) await new Promise<void>((resolve) => { queue.push(resolve) })
    else busy++
  }
  function done(): void {
    const next = queue.shift()
    if (next) next()                                            // hands its place on
    else busy--
  }
  return {
    async invoke(arn, payload, wanted) {
      const handler = handlers.get(arn)
      if (!handler) throw new StateError('Lambda.ResourceNotFoundException', `no function \`${arn}\``)
      await turn()
      try {
        return wanted() ? { payload: await limited(handler, payload, time, timeoutMs) } : null
      } finally {
        done()
      }
    },
  }
}

async function limited(handler: Handler, payload: Json, { timers }: Time, timeoutMs: number): Promise<Json> {
  const stop = new AbortController()
  let handle: unknown = null
  const late = new Promise<never>((_, reject) => {
    handle = timers.set(() => { stop.abort(); reject(new StateError('Sandbox.Timedout', `the function took longer than ${timeoutMs} ms`)) }, timeoutMs)
  })
  try {
    const copy = structuredClone(payload)
    const value = await Promise.race([Promise.resolve().then(() => handler(copy, stop.signal)), late])
    return value === undefined ? null : JSON.parse(JSON.stringify(value)) as Json
  } catch (error) {
    throw error instanceof StateError ? error : new StateError(nameOf(error), cut(JSON.stringify({ errorType: nameOf(error), errorMessage: error instanceof Error ? error.message : 'unknown' })))
  } finally {
    timers.clear(handle)
  }
}

/** A name of the service's own would be matched by rules that are not about it. */
const nameOf = (error: unknown): string => error instanceof Error && /^[A-Za-z][A-Za-z0-9_]*$/.test(error.name) ? error.name : 'Error'
