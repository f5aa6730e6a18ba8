import pg from 'pg'
import type { Target } from './target.ts'

export interface PoolOptions {
  /** Connections to one connection string. */
  readonly size?: number
  /** Connection strings at once. */
  readonly pools?: number
  /** 0: a connection serves one request. */
  readonly idleMs?: number
  /** How long a request waits for a connection. */
  readonly waitMs?: number
}
/** One connection, for one request. */
export interface Lease {
  readonly client: pg.Client
  /** Back to the pool, wiped; a connection that cannot be wiped (a transaction is open, it broke) is ended instead. */
  give(): Promise<void>
  /** Ended, never seen again. */
  drop(): void
}
interface Pool { readonly idle: { client: pg.Client; timer: NodeJS.Timeout }[]; readonly waiting: (() => void)[]; open: number; used: number }
export class Exhausted extends Error {}

/** Pools of wire connections, one a connection string, so that nothing one role left in a session meets another role. */
export function createPools({ size = 16, pools: most = 32, idleMs = 10_000, waitMs = 10_000 }: PoolOptions = {}) {
  const pools = new Map<string, Pool>()
  let closed = false

  function poolOf(key: string): Pool {
    const known = pools.get(key)
    if (known) return known
    if (pools.size >= most) {
      const [oldest] = [...pools].filter(([, pool]) => pool.open === pool.idle.length && pool.waiting.length === 0).sort(([, a], [, b]) => a.used - b.used)
      if (!oldest) throw new Exhausted(`more than ${most} connection strings in use`)
      for (const { client } of oldest[1].idle.splice(0)) end(oldest[1], client)
      pools.delete(oldest[0])
    }
    const pool: Pool = { idle: [], waiting: [], open: 0, used: performance.now() }
    pools.set(key, pool)
    return pool
  }

  function end(pool: Pool, client: pg.Client) {
    pool.open--
    pool.waiting.shift()?.()
    client.end().catch(() => {})
  }

  function forget(pool: Pool, client: pg.Client) {
    const at = pool.idle.findIndex((entry) => entry.client === client)
    if (at < 0) return
    clearTimeout(pool.idle[at]?.timer)
    pool.idle.splice(at, 1)
    end(pool, client)
  }

  async function obtain(pool: Pool, target: Target): Promise<pg.Client> {
    const deadline = performance.now() + waitMs
    for (;;) {
      if (closed) throw new Exhausted('the endpoint is closing')
      const kept = pool.idle.pop()
      if (kept) {
        clearTimeout(kept.timer)
        return kept.client
      }
      if (pool.open < size) break
      await turn(pool, deadline - performance.now())
    }
    pool.open++
    const client = new pg.Client(target.config)
    client.on('error', () => forget(pool, client))           // without a listener, a server that goes away takes this process along
    try {
      await client.connect()
    } catch (error) {
      end(pool, client)
      throw error
    }
    return client
  }

  return {
    async take(key: string, target: Target): Promise<Lease> {
      const pool = poolOf(key)
      pool.used = performance.now()
      const client = await obtain(pool, target)
      let over = false
      const drop = () => {
        if (!over) end(pool, client)
        over = true
      }
      const give = async () => {
        if (over) return
        if (idleMs === 0) return drop()
        try {
          await client.query('DISCARD ALL')
        } catch {
          return drop()
        }
        if (over) return
        over = true
        if (closed) return end(pool, client)
        const timer = setTimeout(() => forget(pool, client), idleMs)
        timer.unref()
        pool.idle.push({ client, timer })
        pool.waiting.shift()?.()
      }
      return { client, give, drop }
    },
    async close(): Promise<void> {
      closed = true
      const clients = [...pools.values()].flatMap((pool) => pool.idle.splice(0))
      for (const { timer } of clients) clearTimeout(timer)
      await Promise.all(clients.map(({ client }) => client.end().catch(() => {})))
    },
  }
}
export type Pools = ReturnType<typeof createPools>

function turn(pool: Pool, ms: number): Promise<void> {
  return new Promise((done, fail) => {
    const wake = () => {
      clearTimeout(timer)
      done()
    }
    const timer = setTimeout(() => {
      pool.waiting.splice(pool.waiting.indexOf(wake), 1)
      fail(new Exhausted('no connection to the database became free'))
    }, Math.max(0, ms))
    pool.waiting.push(wake)
  })
}
