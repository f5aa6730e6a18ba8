import { Hono } from 'hono'
import { TrieRouter } from 'hono/router/trie-router'
import type { Env, Schema } from 'hono/types'
import type { Refusal } from '../schema/refusal.ts'
import { problemOf, statusOf } from './problem.ts'

/** Before the platform ends a call it is answered, so long; and less than that is too little to begin with. */
const marginMs = 1000

const late: Refusal = { slug: 'timeout', reason: 'too_late_to_begin', detail: 'too little time was left to begin, and nothing was begun', next: 'retry' }
const over: Refusal = { slug: 'outcome-unknown', reason: 'out_of_time', detail: 'the time of this call was over before its answer came: what it ran, if anything, is on record; ask for shorter statements, or bound them by the connection\'s timeout', next: 'none' }

/**
 * Answers before the platform ends the call without a word, which is what Lambda does to a function whose time is over: the caller then has a 502 of somebody else's that says nothing of whether it happened. A statement
 * that is still running is not stopped by it. Its intent is on record, and its outcome follows, by this process when it thaws or by the sweeper as `unknown`. An answer that has begun to stream is left to itself.
 */
export function inTime<E extends Env, S extends Schema>(app: Hono<E, S>): Hono {
  return new Hono({ router: new TrieRouter() }).mount('/', async (request: Request, ...rest: unknown[]): Promise<Response> => {
    const left = leftOf(rest[0])
    const serve = async (): Promise<Response> => app.fetch(request, ...rest as [E['Bindings']])
    if (left === null) return serve()
    if (left <= marginMs) return answer(late)
    const { promise, resolve } = Promise.withResolvers<Response>()
    const timer = setTimeout(() => resolve(answer(over)), left - marginMs)
    return Promise.race([serve(), promise]).finally(() => clearTimeout(timer))
  }, { replaceRequest: false })                                        // as it came: its path stays the same
}

/** What stopping a statement takes, and recording how it ended. */
const endMs = 3000
/** Epoch ms after which nothing of this call may run: later than that nobody judges it any more, and a lock would stop nothing of it in a private network. Empty where nobody says. */
export function endOf(env: unknown, now: number): { readonly until?: number } {
  const left = leftOf(env)
  return left === null ? {} : { until: now + left - marginMs - endMs }
}

/** Milliseconds that Lambda gives this call yet. Its context has one name where an answer is streamed and another where it is not. null: nobody says. */
function leftOf(env: unknown): number | null {
  const context: unknown = typeof env === 'object' && env !== null ? Reflect.get(env, 'context') ?? Reflect.get(env, 'lambdaContext') : undefined
  const ask: unknown = typeof context === 'object' && context !== null ? Reflect.get(context, 'getRemainingTimeInMillis') : undefined
  const left: unknown = typeof ask === 'function' ? Reflect.apply(ask, context, []) : undefined
  return typeof left === 'number' && Number.isFinite(left) ? left : null
}

const answer = (refusal: Refusal): Response => new Response(JSON.stringify(problemOf(refusal, null)), {
  status: statusOf(refusal), headers: { 'content-type': 'application/problem+json', 'cache-control': 'no-store' },
})
