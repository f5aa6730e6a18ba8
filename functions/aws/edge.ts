import { createHash, timingSafeEqual } from 'node:crypto'
import { Hono } from 'hono'
import { TrieRouter } from 'hono/router/trie-router'
import type { Env, Schema } from 'hono/types'
import { leftOf } from '../allowance.ts'

const header = 'x-sluice-edge'
const digest = (text: string): Buffer => createHash('sha256').update(text).digest()

/**
 * Lets through only what came past CloudFront and its firewall, which says so with `SLUICE_EDGE_KEY`: a function's own address is known to whoever looks, and would be a way around both. Without
 * the variable there is nothing in front, and everybody comes directly.
 *
 * `takes`: `brief` leaves calls that wait for people, commands and a cluster's streams to the functions that have places for them; CloudFront sends them there (infra/routes.ts). What comes here all the same, spelt as CloudFront
 * does not know it, is not held and does not last: nobody may fill with waiting the places that queries have. `lasting`: no command waits for people here either, and its answer comes before CloudFront stops listening.
 */
export function behindEdge<E extends Env, S extends Schema>(app: Hono<E, S>, takes: 'all' | 'brief' | 'lasting' = 'all', env: Readonly<Record<string, string | undefined>> = process.env): Hono {
  const key = env['SLUICE_EDGE_KEY']
  const edge = new Hono({ router: new TrieRouter() })
  if (key) {
    const wanted = digest(key)
    edge.use(async (c, next) => {
      if (!timingSafeEqual(digest(c.req.header(header) ?? ''), wanted)) return c.body(null, 403, { 'cache-control': 'no-store' })
      return next()
    })
  }
  if (takes === 'brief') {
    edge.use(async (c, next) => {
      if (c.req.path === '/mcp' || command.test(c.req.path) || lasts(new URL(c.req.url))) return c.body(null, 421, { 'cache-control': 'no-store' })
      return next()
    })
  }
  // The request goes on as it came: one made anew for a path that stays the same would be another one than the app has everywhere else.
  return edge.mount('/', (request: Request, bindings: E['Bindings'], ...rest: unknown[]) => {
    switch (takes) {
      case 'all': return app.fetch(request, bindings, ...rest as [never])
      case 'brief': return app.fetch(unhurried(request), bindings, ...rest as [never])
      case 'lasting': return streams(request) ? app.fetch(request, bindings, ...rest as [never]) : app.fetch(unhurried(request), bounded(bindings), ...rest as [never])
    }
  }, { replaceRequest: false })
}

const command = /^\/v1\/connections\/[^/]+\/exec$/
const streams = ({ url }: Request): boolean => new URL(url).pathname.startsWith('/v1/kubernetes/')
/** CloudFront waits for a first byte for 120 s (infra/edge.ts), and a command's answer comes whole. */
const heardMs = 118_000
/** The platform's own, but that no more is left of the call than somebody listens. */
function bounded<T>(bindings: T): T {
  const from = performance.now()
  const left = leftOf(bindings)
  if (left === null) return bindings
  const last = Math.min(left, heardMs)
  return { ...bindings, context: { getRemainingTimeInMillis: () => last - (performance.now() - from) } }
}

/** A watch, or a log that is followed: what may be either counts. */
function lasts({ pathname, searchParams }: URL): boolean {
  const path = decoded(pathname)
  return path.startsWith('/v1/kubernetes/') && (/\/watch(\/|$)/i.test(path) || [...searchParams.keys()].some((name) => /watch|follow/i.test(name)))
}
function decoded(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    return path                                                        // has no reading, and is refused as such
  }
}

/** The same request without a preference to wait. */
function unhurried(request: Request): Request {
  if (!request.headers.has('prefer')) return request
  const headers = new Headers(request.headers)
  headers.delete('prefer')
  return new Request(request, { headers })
}
