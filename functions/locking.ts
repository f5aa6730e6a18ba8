import { lockBody, lockTarget } from '../schema/administration.ts'
import { canonicalJson } from '../schema/bundle.ts'
import { ok, refuse, type Result } from '../schema/refusal.ts'
import { stale } from './approve/step.ts'
import { byline, type Admitted, type Asked, type Door, type Own, type Story } from './own.ts'
import type { Lock, Ports } from './ports.ts'
import { faultRefusal } from './problem.ts'
import { rolesOf } from './resolve/roles.ts'

const look: readonly [Asked, ...Asked[]] = [{ action: 'set', resource: 'locks' }, { action: 'read', resource: 'locks' }]
const set: readonly [Asked, ...Asked[]] = [{ action: 'set', resource: 'locks' }]

export const lockWords = 'set lock'
export const liftWords = 'lift lock'

/** Locks: the immediate way to stop somebody, before any group or policy is changed. Each is intended on record before it is set. */
export function createLocking(ports: Ports, own: Own) {
  const all = (door: Door) => own.permitted(door, look, async () => ok({ locks: await current(ports) }))

  const one = (door: Door, target: string) => own.permitted(door, look, async () => {
    const lock = (await current(ports)).find((lock) => lock.target === target)
    return lock ? ok({ lock }) : noLock(target)
  })

  const put = (door: Door, target: string, body: () => Promise<Result<unknown>>) => {
    let read: ReturnType<typeof body> | null = null
    const once = () => (read ??= body())                                   // whoever permits it, it is read once
    return own.permitted(door, set, (admitted, story) => lock(admitted, target, once, story), async (admitted) => {
      const asked = await readLock(once)
      const wrong = asked.ok ? await checkTarget(ports, target, admitted, asked.value.lockout === true) : asked
      return wrong ?? (asked.ok ? ok({ words: `${lockWords} ${target}`, body: asked.value, ...over(await current(ports), target) }) : asked)
    })
  }

  /** `agreed`: what people saw of the lock that is there (`lockOn`), where they were asked. */
  async function lock(admitted: Admitted, target: string, body: () => Promise<Result<unknown>>, story: Story, agreed?: string) {
    const asked = await readLock(body)
    if (!asked.ok) return asked
    const until = asked.value.until ?? null
    if (until !== null && !(Date.parse(until) > ports.now())) return invalid('until', '`until` is over already; leave it out for a lock that holds until it is lifted')
    const wrong = await checkTarget(ports, target, admitted, asked.value.lockout === true)
    if (wrong) return wrong
    const lock: Lock = { target, by: byline(admitted.caller), at: new Date(ports.now()).toISOString(), reason: asked.value.reason ?? null, until: until === null ? null : new Date(until).toISOString() }
    const done = await recorded(story, { set: lock }, () => ports.policies.lock(lock), { target, agreed })
    if (!done.ok) return done
    return done.value ? ok({ lock }) : invalid('too_many_locks', 'there are 500 locks, and no more are kept; lift some, or lock a role instead of its subjects')
  }

  /** Any name may be lifted, also one that no lock could have today: a lock must never outlive the way to lift it. */
  const lift = (door: Door, target: string) => own.permitted(door, set, (_, story) => unlock(target, story), async () => {
    const locks = await current(ports)
    return locks.some((lock) => lock.target === target) ? ok({ words: `${liftWords} ${target}`, body: null, ...over(locks, target) }) : noLock(target)
  })

  async function unlock(target: string, story: Story, agreed?: string) {
    if (!(await current(ports)).some((lock) => lock.target === target)) return noLock(target)
    const done = await recorded(story, { lifted: target }, () => ports.policies.unlock(target), { target, agreed })
    if (!done.ok) return done
    return done.value ? ok({ unlocked: target }) : noLock(target)
  }
  return { all, one, put, lift, lock, unlock }

  /**
   * Intended, done, told: a crash in between leaves an intention whose lock is there or not, and the list of locks says which. Looked at once more right before the write: the copy that people's word was judged by may be two
   * seconds old.
   */
  async function recorded(story: Story, change: Readonly<Record<string, unknown>>, write: () => Promise<boolean>, { target, agreed }: { readonly target: string; readonly agreed: string | undefined }): Promise<Result<boolean>> {
    const intended = await story.change('lock', { ...change, phase: 'intended' })
    if (!intended.ok) return intended
    let done: boolean | 'moved' | null = null
    try {
      done = agreed !== undefined && lockOn(await current(ports), target) !== agreed ? 'moved' : await write()
    } catch (error) {
      faultRefusal(error, ports.alarm)
    }
    const told = await story.change('lock', { ...change, phase: done === null ? 'unknown' : done === true ? 'done' : 'refused' })
    if (done === null || !told.ok) return unknown
    return done === 'moved' ? refuse(stale(['the lock that is there'])) : ok(done)
  }
}

/** The lock on this target, to compare; of none, that there is none. */
export const lockOn = (locks: readonly Lock[], target: string): string => canonicalJson(locks.find((lock) => lock.target === target) ?? null)
/** What people are asked over: whose lock it is, since when, until when and why. What somebody wrote is no line of its own. */
function over(locks: readonly Lock[], target: string): { readonly reaches: string; readonly diff?: string } {
  const lock = locks.find((lock) => lock.target === target)
  const reaches = lockOn(locks, target)
  const plain = (text: string) => text.replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, ' ')
  return lock ? { reaches, diff: `- ${plain(target)} locked by ${plain(lock.by)} at ${lock.at}, ${lock.until === null ? 'until it is lifted' : `until ${lock.until}`}\n-   ${lock.reason === null ? 'no reason given' : `reason: ${plain(lock.reason)}`}` } : { reaches }
}

/** Read now, not from the copy at hand: whoever lists locks wants to see the one just set. */
async function current(ports: Ports): Promise<readonly Lock[]> {
  return (await ports.policies.pointer())?.locks ?? []
}

async function readLock(body: () => Promise<Result<unknown>>) {
  const value = await body()
  if (!value.ok) return value
  const parsed = lockBody.safeParse(value.value)
  if (parsed.success) return ok(parsed.data)
  const [issue] = parsed.error.issues
  return invalid('member', issue?.code === 'unrecognized_keys' ? `member \`${(issue.keys[0] ?? '').slice(0, 64)}\` is not known; there are \`reason\`, \`until\` and \`lockout\`` : `\`${issue?.path.join('.') || 'the body'}\`: ${(issue?.message ?? 'not valid').toLowerCase()}`)
}

/** A lock on what is not there would be taken for protection. A subject cannot be looked up; a role and a connection can. */
async function checkTarget(ports: Ports, target: string, { policy, caller }: Admitted, lockout: boolean) {
  const parsed = lockTarget.safeParse(target)
  if (!parsed.success) return invalid('target', parsed.error.issues[0]?.message ?? 'not a lock')
  const name = target.slice(target.indexOf(':') + 1)
  if (target.startsWith('connection:') && name !== 'sluice' && !policy.connections.has(name)) return invalid('target', `the policy in force has no connection \`${name}\`, so the lock would stop nothing`)
  if (target.startsWith('subject:') && !lockout && [caller.subject, ...caller.actors].some(({ id }) => id === name)) return invalid('lockout', `\`${name}\` is you: the lock would also keep you from lifting it; say \`lockout: true\` if you mean that`)
  if (target.startsWith('role:')) {
    const pointer = await ports.policies.pointer()
    const documents = pointer === null ? [] : (await ports.policies.load(pointer.version, pointer.chunks)).documents
    if (!documents.some(({ document }) => document.kind === 'role' && document.name === name)) return invalid('target', `the policy in force has no role \`${name}\`, so the lock would stop nothing`)
    if (!lockout && rolesOf(policy, caller).includes(name)) return invalid('lockout', `\`${name}\` is a role of yours: the lock would also keep you from lifting it; say \`lockout: true\` if you mean that`)
  }
  return null
}

const invalid = (reason: string, detail: string) => refuse({ slug: 'invalid-request', reason, detail, next: 'fix' })
const noLock = (target: string) => refuse({ slug: 'not-found', reason: 'no_lock', next: 'none', detail: `there is no lock on \`${target.slice(0, 300).replace(/[`\p{C}]/gu, '?')}\`` })
const unknown = refuse({ slug: 'outcome-unknown', reason: 'change_unknown', next: 'retry', detail: 'the store did not confirm the change; read GET /v1/locks before you try again' })
