import { randomBytes } from 'node:crypto'
import { createConnection } from 'mysql2'
import { isServerError } from './error.ts'
import { createPool, Exhausted, type Lease, type PoolOptions } from './pool.ts'
import { runStatement, type Ran } from './statement.ts'
import { optionsOf, type Target } from './target.ts'

export interface Caller { readonly target: Target; readonly password: string; /** Account and password, as one. */ readonly key: string }
/** What the driver gets and sends back with its next statement. */
export interface Token { readonly signature: string; readonly vitessSession: { readonly autocommit?: true; readonly inTransaction?: true; readonly inReservedConn?: true } }
interface Session { readonly id: string; readonly key: string; lease: Lease | null; inTransaction: boolean; autocommit: boolean; reserved: boolean; busy: boolean; used: number; timer: NodeJS.Timeout | null }
export interface SessionOptions extends PoolOptions {
  /** A session that holds a connection and says nothing for longer is over: its transaction is rolled back, its settings are gone. */
  readonly restMs?: number
  readonly sessions?: number
}
/** What the endpoint itself says no to, in Vitess' words where it has some. */
export class Gone extends Error {}

/**
 * Sessions as vtgate has them. One without a transaction and without settings holds no connection: each of its statements takes one of the pool's and gives it back. `SET` and `BEGIN` bind one to it, until
 * the transaction ends, or, after SET, until it rests too long or its place is wanted.
 */
export function createSessions({ restMs = 5000, sessions: most = 1000, ...options }: SessionOptions = {}) {
  const sessions = new Map<string, Session>()
  const pool = createPool(options, spare)

  /** The longest at rest, with nothing begun: its caller is told when it comes back. */
  function spare(key: string): boolean {
    const [oldest] = [...sessions.values()].filter((one) => one.key === key && one.lease && !one.busy && !one.inTransaction).sort((a, b) => a.used - b.used)
    if (!oldest) return false
    end(oldest)
    return true
  }
  function end(session: Session): void {
    if (session.timer) clearTimeout(session.timer)
    sessions.delete(session.id)
    session.lease?.drop()
    session.lease = null
  }
  function find(caller: Caller, token: unknown): Session {
    const id = (token as Partial<Token> | null)?.signature
    if (id === undefined) return create(caller)
    const known = sessions.get(id)
    if (!known || known.key !== caller.key) {
      if ((token as Token).vitessSession?.inTransaction || (token as Token).vitessSession?.inReservedConn) throw new Gone('the connection of this session is gone, and its transaction is rolled back')
      return create(caller)
    }
    return known
  }
  function create({ key }: Caller): Session {
    if (sessions.size >= most) {
      const [oldest] = [...sessions.values()].filter(({ busy }) => !busy).sort((a, b) => a.used - b.used)
      if (!oldest) throw new Exhausted(`more than ${most} sessions`)
      end(oldest)
    }
    const session: Session = { id: randomBytes(18).toString('base64url'), key, lease: null, inTransaction: false, autocommit: true, reserved: false, busy: false, used: performance.now(), timer: null }
    sessions.set(session.id, session)
    return session
  }

  /** `abandoned`: aborted when the caller hung up. Throws the server's error, Gone, Exhausted, TooLarge, or what the connection broke with. `token`: given to the caller also with a server's error. */
  async function execute(caller: Caller, token: unknown, text: string, abandoned: AbortSignal): Promise<{ readonly token: Token; readonly ran: Ran | null; readonly error: unknown }> {
    const session = find(caller, token)
    if (session.busy) throw new Gone('this session is running another statement')
    session.busy = true
    if (session.timer) clearTimeout(session.timer)
    try {
      const lease = session.lease ??= await pool.take(caller.key, caller.target, caller.password)
      if (abandoned.aborted) throw new Gone('nobody waits for it')
      const stop = killOn(abandoned, caller, lease)
      try {
        const ran = await runStatement(lease.connection, text)
        session.autocommit = ran.autocommit ?? session.autocommit
        session.inTransaction = ran.inTransaction ?? (session.inTransaction || !session.autocommit)   // without autocommit a statement that gives rows began one
        session.reserved ||= /^\s*set\b/i.test(text)
        return { token: tokenOf(session), ran, error: null }
      } catch (error) {
        if (!isServerError(error) || abandoned.aborted || (error as { fatal?: boolean }).fatal === true) throw error
        if (/^(40001)$/.test(error.sqlState ?? '') && error.errno === 1213) session.inTransaction = false   // a deadlock's victim is rolled back whole
        return { token: tokenOf(session), ran: null, error }
      } finally {
        stop()
      }
    } catch (error) {
      end(session)
      throw error
    } finally {
      settle(session)
    }
  }
  function settle(session: Session): void {
    session.busy = false
    session.used = performance.now()
    if (!session.inTransaction && !session.reserved) {
      session.lease?.give()
      session.lease = null
    }
    session.timer = setTimeout(() => end(session), session.lease ? restMs : 60_000)
    session.timer.unref()
  }
  return {
    execute,
    create: (caller: Caller): Token => { const session = create(caller); settle(session); return tokenOf(session) },
    /** For tests: how many sessions hold a connection. */
    held: (): number => [...sessions.values()].filter(({ lease }) => lease).length,
    close(): void {
      for (const session of sessions.values()) end(session)
      pool.close()
    },
  }
}
const tokenOf = ({ id, inTransaction, autocommit, reserved }: Session): Token =>
  ({ signature: id, vitessSession: { ...(autocommit ? { autocommit: true } : {}), ...(inTransaction ? { inTransaction: true } : {}), ...(reserved ? { inReservedConn: true } : {}) } })

/** A caller that hung up wants its statement stopped. The connection is not used again: the kill may arrive late. */
function killOn(abandoned: AbortSignal, { target, password }: Caller, lease: Lease): () => void {
  const kill = () => {
    const id = lease.connection.threadId
    lease.drop()
    const other = createConnection(optionsOf(target, password))
    other.on('error', () => {})
    other.query(`KILL ${Number(id)}`, () => other.destroy())
  }
  abandoned.addEventListener('abort', kill, { once: true })
  return () => abandoned.removeEventListener('abort', kill)
}
