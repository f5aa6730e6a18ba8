import { Hono } from 'hono'
import { TrieRouter } from 'hono/router/trie-router'
import type { Env, Schema } from 'hono/types'
import type { Refusal } from '../schema/refusal.ts'
import { leftOf, marginMs } from './allowance.ts'
import { problemOf, statusOf } from './problem.ts'

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

const answer = (refusal: Refusal): Response => new Response(JSON.stringify(problemOf(refusal, null)), {
  status: statusOf(refusal), headers: { 'content-type': 'application/problem+json', 'cache-control': 'no-store' },
})
