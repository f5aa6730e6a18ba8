import { createHash, randomUUID } from 'node:crypto'
import { commandWords } from '../../../schema/command.ts'
import { loginOf } from '../../../schema/login.ts'
import type { ConnectionDocument } from '../../../schema/policy.ts'
import { type Refusal, refuse, type Result } from '../../../schema/refusal.ts'
import type { Permit } from '../../permit.ts'
import { Fault, type Secrets } from '../../ports.ts'
import { maskLines } from '../lines.ts'
import { outputBody } from '../output.ts'
import type { Executed, Masked, Plan, Protocol, Run } from '../protocol.ts'
import { within } from '../within.ts'
import { grants } from './grants.ts'
import { type Host, readHost } from './host.ts'
import { leave, open, type Session } from './login.ts'
import { loginsOf, noLogin } from './logins.ts'
import { outputOf } from './raw.ts'
import { run as perform } from './run.ts'
import { executedOf, faultOf, TransportError } from './trouble.ts'
import { createTurns } from './turns.ts'

export interface SshOptions {
  readonly secrets: Secrets
  readonly now: () => number
  readonly alarm: (what: string, detail: Readonly<Record<string, unknown>>) => void
  /** From functions/decide/permit.ts; passed in because engines know no stage. */
  readonly isPermit: (value: unknown) => boolean
}
/** Logins to one host at once: below the ten that an sshd takes as it is installed, which are not the gate's alone. */
const mostLogins = 6
/** Of a look whether the host is there; and how long one that found it is good for: whoever asks whether the gate is ready, which is anybody, makes no more logins at a host than that. One that failed is made anew. */
const [pingMs, lookKeptMs] = [10_000, 30_000]
/** `place`: as whom and where it was decided that it runs; null: not decided yet, or of a private host. */
interface Understood { readonly connection: ConnectionDocument; readonly command: string; readonly login: string | null; readonly place: string | null }

/**
 * The SSH engine: one command on a host, as the words that were decided on. What a command writes has no columns, so it has no classes: a rule vouches for what its command prints, and detectors go over every line of it.
 * Nothing is kept between two commands, no connection and no key.
 */
export function createSsh({ secrets, now, alarm, isPermit }: SshOptions): Protocol {
  const known = new WeakMap<object, Understood>()
  const understood = (permit: Permit, plan: Plan): Understood => {
    const inner = known.get(plan.plan)
    if (inner === undefined) throw new Error('invariant: this plan is not of this engine')
    if (!isPermit(permit)) throw new Error('invariant: a command without a permit')
    if (permit.effects !== plan.effects) throw new Error('invariant: a permit for another plan')
    return inner
  }
  async function hostOf({ name, secret }: ConnectionDocument): Promise<Host> {
    const read = readHost(await secrets.get(secret ?? ''))
    if (!read.ok) throw new Fault('secret-missing', `the secret of \`${name}\` is of no use: ${read.why}`)
    return read.host
  }
  // Looks have a line of their own: whether the gate is ready is no matter of how many commands wait.
  const turns = { commands: createTurns(mostLogins), looks: createTurns(1) }
  const suspect = (error: unknown, { name }: ConnectionDocument) => { if (error instanceof TransportError && error.kind === 'untrusted') alarm('a host showed a key that is not known', { connection: name }) }
  async function opened({ connection, command, login, place }: Understood, id: string, by: number, { cut, whose }: Pick<Run, 'cut' | 'whose'> = {}, line = turns.commands): Promise<Session> {
    const host = await hostOf(connection)
    // The secret is read once more, and may be another by now: what was decided, and perhaps approved, is not that.
    if (place !== null && placeOf(login, host) !== place) throw new TransportError('moved', 'the secret names another host or login than when it was decided', false)
    const name = login ?? host.login
    if (name === null) throw new Fault('secret-missing', `the secret of \`${connection.name}\` names no login in its \`url\`, and the connection has no \`logins\``)
    return open({ host, login: name, command, id, now, signal: cut, by, whose: whose ?? '' }, line)
  }
  /**
   * Where a secret said that its host is when it was last read. While it cannot be read, that is what a command is judged by: a moment in which a store of secrets does not answer changes nothing of what people agreed to, and must not
   * end what they let begin. What runs is held to it once more (`opened`).
   */
  const seen = new Map<string, Host>()
  async function lastHostOf(connection: ConnectionDocument): Promise<Host> {
    const key = connection.secret ?? ''
    try {
      const host = await hostOf(connection)
      seen.set(key, host)
      return host
    } catch (error) {
      const last = seen.get(key)
      if (last === undefined) throw error
      return last
    }
  }
  /** Whose login it is, and where, takes part in what is approved: as another user, or on another host, it is another deed. */
  function planOf(about: Understood, where: string): Plan {
    const plan = Object.freeze({})
    known.set(plan, about)
    const fingerprint = createHash('sha256').update(JSON.stringify(['ssh', about.connection.secret, where])).digest('hex')
    const access = { action: 'exec', resource: about.command, columns: null, system: false, via: [], statement: 0, span: null } as const
    return { plan, lasting: true, diff: where, effects: { accesses: [access], shown: [], used: [], readOnly: false, fingerprint } }
  }
  const looks = new Map<string, { readonly at: number; readonly look: Promise<void> }>()
  async function lookAt(connection: ConnectionDocument): Promise<void> {
    try {
      leave(await opened({ connection, command: 'true', login: loginsOf(connection)[0] ?? null, place: null }, newId(), now() + pingMs, {}, turns.looks))
    } catch (error) {
      suspect(error, connection)
      throw faultOf(error)
    }
  }

  return {
    async classify(connection, query, roles = []) {
      const [statement] = query.statements
      const words = query.form === 'ssh' && query.statements.length === 1 && statement?.params.length === 0 ? commandWords(statement.sql) : null
      if (words === null || statement === undefined) return refuse(noCommand)
      const login = loginOf(connection, roles)
      if (login === undefined) return refuse(noLogin(connection.name))
      const about = { connection, command: statement.sql, login }
      // The same at both ends of the way to a private host, of whose secret the gate's end knows the name alone.
      if (connection.transport === 'private') return { ok: true, value: planOf({ ...about, place: null }, `as ${login ?? 'the login of its secret'}\non the host of its secret, in a private network`) }
      // The secret is read once the words themselves are permitted: whom no rule lets learns nothing of it.
      const preview = async (): Promise<Result<Plan>> => {
        const place = placeOf(login, await lastHostOf(connection))
        return { ok: true, value: planOf({ ...about, place }, place) }
      }
      return { ok: true, value: { ...planOf({ ...about, place: null }, 'not looked for yet'), preview } }
    },
    async execute(permit: Permit, plan: Plan, run: Run) {
      const about = understood(permit, plan)
      const id = newId()
      try {
        const session = await opened(about, id, run.deadline, run)
        return signed(await perform(session, { command: about.command, id, run, limits: within(permit, run, now()), begin: () => maskLines(permit.obligations.detect) }, now), id)
      } catch (error) {
        suspect(error, about.connection)
        return signed(executedOf(error), id)
      }
    },
    mask(permit, plan, rows) {
      const { connection } = understood(permit, plan)
      const withheld = (error: unknown) => { alarm('answer withheld', { connection: connection.name, error: error instanceof Error ? error.name : 'unknown' }) }
      const body = outputBody((cut) => maskLines(permit.obligations.detect, { cut }), outputOf(rows), withheld)
      return { results: [], answer: { status: 200, headers: { 'content-type': 'application/json' }, body, audit: rows.answered?.audit ?? null } } as unknown as Masked
    },
    describe: async () => ({ relations: [] }),
    inspect: async () => [],
    ping(connection) {
      const key = JSON.stringify([connection.secret, loginsOf(connection)[0]])
      const last = looks.get(key)
      if (last && now() - last.at < lookKeptMs) return last.look
      const look = lookAt(connection).catch((error: unknown) => { looks.delete(key); throw error })
      looks.set(key, { at: now(), look })
      return look
    },
    grants: async (connection, rules) => grants(connection, await hostOf(connection), loginsOf(connection), rules),
    close: async () => {},
  }
}

/** For people, and for the digest of what they agree to. */
const placeOf = (login: string | null, host: Host): string => `as ${login ?? host.login ?? 'nobody: no login is named'}\non ${host.host}, port ${host.port}`
/** Of a login: what the host's log has of it. */
const newId = (): string => `sluice-${randomUUID()}`
/** What did not end as it should is looked for in the host's log too, by its id. */
const signed = (executed: Executed, id: string): Executed => (executed.status === 'succeeded' ? executed : { ...executed, refusal: { ...executed.refusal, inner: `${executed.refusal.inner ?? executed.refusal.reason} (${id})` } })
const noCommand: Refusal = { slug: 'statement-unsupported', reason: 'form', next: 'fix', detail: 'this connection is a host: send the words of one command, `{"command": ["df", "-h"]}`, to its `exec`' }
