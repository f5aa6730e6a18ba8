import { createConnection, type Connection } from 'mysql2'
import { optionsOf, type Target } from './target.ts'

export interface PoolOptions {
  /** Wire connections to one account, at rest and in use. */
  readonly size?: number
  /** Accounts at once. */
  readonly accounts?: number
  /** A connection that rests longer is ended. */
  readonly idleMs?: number
  /** How long a call waits for a connection. */
  readonly waitMs?: number
}
export class Exhausted extends Error {}
interface Account { readonly idle: { readonly connection: Connection; readonly timer: NodeJS.Timeout }[]; readonly waiting: (() => void)[]; open: number; used: number }
export interface Lease { readonly connection: Connection; /** Back to the pool, its session wiped. */ give(): void; /** Ended, never seen again: the server rolls back and forgets. */ drop(): void }

/** Wire connections by account and password, so that nothing one account left in a session meets another. `spare`: asked to let go of one of this account's that only rests in a session; true when it did. */
export function createPool({ size = 24, accounts: most = 32, idleMs = 10_000, waitMs = 10_000 }: PoolOptions, spare: (key: string) => boolean) {
  const accounts = new Map<string, Account>()
  let closed = false

  function accountOf(key: string): Account {
    const known = accounts.get(key)
    if (known) return known
    if (accounts.size >= most) {
      const [oldest] = [...accounts].filter(([, one]) => one.open === one.idle.length && one.waiting.length === 0).sort(([, a], [, b]) => a.used - b.used)
      if (!oldest) throw new Exhausted(`more than ${most} accounts in use`)
      for (const { connection, timer } of oldest[1].idle.splice(0)) { clearTimeout(timer); end(oldest[1], connection) }
      accounts.delete(oldest[0])
    }
    const account: Account = { idle: [], waiting: [], open: 0, used: 0 }
    accounts.set(key, account)
    return account
  }
  function end(account: Account, connection: Connection): void {
    account.open--
    account.waiting.shift()?.()
    connection.destroy()
  }
  function forget(account: Account, connection: Connection): void {
    const at = account.idle.findIndex((one) => one.connection === connection)
    if (at < 0) return
    clearTimeout(account.idle[at]?.timer)
    account.idle.splice(at, 1)
    end(account, connection)
  }

  async function obtain(key: string, account: Account, target: Target, password: string): Promise<Connection> {
    const until = performance.now() + waitMs
    for (;;) {
      if (closed) throw new Exhausted('the endpoint is closing')
      const kept = account.idle.pop()
      if (kept) {
        clearTimeout(kept.timer)
        if (await again(kept.connection, target, password)) return kept.connection
        end(account, kept.connection)
        continue
      }
      if (account.open < size) break
      if (!spare(key)) await turn(account, until - performance.now())
    }
    account.open++
    const connection = createConnection(optionsOf(target, password))
    connection.on('error', () => forget(account, connection))   // without a listener, a server that goes away takes this process along
    return new Promise((done, fail) => connection.connect((error) => {
      if (!error) return done(connection)
      end(account, connection)
      fail(error)
    }))
  }

  /** Wiped before it rests: no transaction, setting, lock, temporary table or user variable of one session meets the next. */
  function wipe(account: Account, connection: Connection): void {
    (connection as unknown as { reset(done: (error: Error | null) => void): void }).reset((error) => {
      if (error || closed) return end(account, connection)
      const timer = setTimeout(() => forget(account, connection), idleMs)
      timer.unref()
      account.idle.push({ connection, timer })
      account.waiting.shift()?.()
    })
  }

  return {
    async take(key: string, target: Target, password: string): Promise<Lease> {
      const account = accountOf(key)
      account.used = performance.now()
      const connection = await obtain(key, account, target, password)
      let over = false
      const once = (work: () => void) => () => {
        if (!over) work()
        over = true
      }
      return { connection, give: once(() => wipe(account, connection)), drop: once(() => end(account, connection)) }
    },
    close(): void {
      closed = true
      for (const account of accounts.values()) for (const { connection, timer } of account.idle.splice(0)) { clearTimeout(timer); connection.destroy() }
    },
  }
}

/** A session keeps its rights on the database as they were when it logged in. Logged in anew, what was granted or revoked meanwhile, and a password that was changed, hold from this statement on. */
function again(connection: Connection, { user, database }: Target, password: string): Promise<boolean> {
  return new Promise((done) => connection.changeUser({ user, password, database, charset: 'utf8mb4_unicode_ci' }, (error) => done(error === null || error === undefined)))
}

function turn(account: Account, ms: number): Promise<void> {
  return new Promise((done, fail) => {
    const wake = () => {
      clearTimeout(timer)
      done()
    }
    const timer = setTimeout(() => {
      account.waiting.splice(account.waiting.indexOf(wake), 1)
      fail(new Exhausted('no connection to the database became free'))
    }, Math.max(0, ms))
    account.waiting.push(wake)
  })
}
