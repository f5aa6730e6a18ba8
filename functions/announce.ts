import { isOpen, type AccessRequest, type Notice } from '../schema/approval.ts'
import type { Id } from '../schema/event.ts'
import type { Result } from '../schema/refusal.ts'
import { slackOf } from './approve/blocks.ts'
import { letterOf } from './approve/letter.ts'
import { messageOf, type Message } from './approve/message.ts'
import type { Place, Places } from './decide/places.ts'
import { Fault, type Approvals, type Ports } from './ports.ts'
import { wished } from './vouch.ts'

/** One destination; the rest are not held by it. */
const patienceMs = 5000
const mostAttempts = 8
const firstWaitMs = 500
const longestWaitMs = 300_000
const swaps = 8
/** Stands among the notices where the policy names no place, so that who looks at the request sees why nobody came. */
const nobody = 'nobody'

type Target = Place & { readonly update?: NonNullable<Notice['place']> }
interface Sent { readonly key: string; readonly sent: boolean; readonly place?: NonNullable<Notice['place']> }

/**
 * Tells people that something waits for them, and later what became of it. What was told is kept in the request's notices, one a destination, so that
 * a second call tells only those the first did not reach. Of what is not on record as asked nobody is told. Whatever fails here, the request is as it was: it waits, and can be found and decided.
 */
export function createAnnouncer(ports: Pick<Ports, 'now' | 'alarm' | 'self' | 'ledger'> & { readonly approvals: Approvals }, current: () => Promise<Result<{ readonly policy: Pick<Places, 'places' | 'notifies'> }>>) {
  const { requests, post } = ports.approvals

  /**
   * Tells the approvers of a request that waits; nothing to do for any other. Throws Fault while nobody was reached whom another call may reach, and for a
   * store or a policy that does not answer. Once one was reached it does not: the state machine goes on to wait for them, and the sweeper tells the others
   * (`untold`). Told twice is possible where the store failed after the sending.
   */
  async function announce(id: Id<'arq'>): Promise<void> {
    const request = await requests.get(id)
    if (request === null || !waits(request, ports.now()) || !await vouchedFor(request)) return
    const standing = await current()
    if (!standing.ok) throw new Fault('store-unavailable', `no policy to tell people by: ${standing.refusal.reason}`)
    const { policy } = standing.value
    const { demands } = request.bound
    const targets = policy.places(demands.flatMap(({ by }) => by))
    const message = messageOf(request, { full: fullOf(policy, request), console: ports.self.console })
    const after = await deliver(request, targets, message, '')              // dies inside: some were told and it is not kept; they are told again
    if (after !== request && !after.notices.some(({ sent }) => sent)) ports.alarm('nobody was told of an access request', { request: id, approvers: demands.flatMap(({ by }) => by) })
    if (!isOpen(after.status)) await tell(id)                               // decided while it was being told: no button of it stays
    if (!after.notices.some(({ sent }) => sent)) owed(after, targets.map(({ key }) => key))
  }

  /** Says what came of it wherever it was announced: a chat's message is replaced, a mail is followed by one more. Throws as `announce`. */
  async function tell(id: Id<'arq'>): Promise<void> {
    const request = await requests.get(id)
    if (request === null || isOpen(request.status) || !await vouchedFor(request)) return
    const standing = await current()
    const message = messageOf(request, { full: standing.ok && fullOf(standing.value.policy, request), console: ports.self.console })
    const targets = request.notices.flatMap(targetOf)
    if (targets.length === 0) return
    owed(await deliver(request, targets, message, outcome), targets.map(({ key }) => key + outcome))
  }
  return { announce, tell }

  /** Whoever can write requests alone would else write to everybody whom the policy names, and by made-up notices to anybody at all, in the name of whom they like. */
  async function vouchedFor(request: AccessRequest): Promise<boolean> {
    if (await wished(ports, request)) return true
    ports.alarm('a request is not on record', { request: request.id })
    return false
  }

  /** To all at once, each within its time; then what came of it is kept. Gives the request as it is afterwards. */
  async function deliver(request: AccessRequest, targets: readonly Target[], message: Message, stage: string): Promise<AccessRequest> {
    const due = targets.filter(({ key }) => isDue(request.notices.find(({ to }) => to === key + stage), ports.now()))
    const sent = await Promise.all(due.map(async (target): Promise<Sent> => ({ ...await attempt(request.id, target, message), key: target.key + stage })))
    const none = targets.length === 0 && isDue(request.notices.find(({ to }) => to === nobody), ports.now()) ? [{ key: nobody, sent: false }] : []
    return sent.length + none.length === 0 ? request : await keep(request, [...sent, ...none])
  }

  async function attempt(id: string, target: Target, message: Message): Promise<Omit<Sent, 'key'>> {
    try {
      return await within(send(target, message))
    } catch (error) {
      ports.alarm('an approver was not told', { request: id, to: target.key, error: (error instanceof Error ? error.message : 'unknown').slice(0, 200) })
      return { sent: false }
    }
  }

  async function send(target: Target, message: Message): Promise<Omit<Sent, 'key'>> {
    switch (target.kind) {
      case 'slack': {
        if (post.slack === null) throw new Error('this gate has no Slack')
        return { sent: true, place: await post.slack({ channel: target.channel, ...slackOf(message), ...(target.update ? { place: target.update } : {}) }) }
      }
      case 'mail': {
        if (post.mail === null) throw new Error('this gate sends no mail')
        await post.mail({ to: target.to, ...letterOf(message) })
        return { sent: true }
      }
    }
  }

  /** Added to the request as it is by then: people may have decided meanwhile. A notice changes nothing that anything is decided by, so no event tells of it. */
  async function keep(request: AccessRequest, sent: readonly Sent[]): Promise<AccessRequest> {
    const at = new Date(ports.now()).toISOString()
    let stored: AccessRequest | null = request
    for (let round = 0; round < swaps && stored !== null; round++) {
      const next: AccessRequest = { ...stored, notices: sent.reduce((notices, one) => noted(notices, one, at), stored.notices), revision: stored.revision + 1 }
      if (await requests.swap(next, null)) return next
      stored = await requests.get(request.id)
    }
    throw new Fault('store-unavailable', 'what was told could not be kept')
  }

  function owed({ notices }: AccessRequest, keys: readonly string[]): void {
    const left = keys.filter((key) => notices.some(({ to, sent, attempts }) => to === key && !sent && attempts < mostAttempts))
    if (left.length > 0) throw new Fault('internal', `${left.length} of ${keys.length} not told yet`)
  }
}

const outcome = ' outcome'

/** Whether another `announce` now would try somebody who was not reached: for the sweeper. `now`: epoch ms. */
export const untold = (request: AccessRequest, now: number): boolean => waits(request, now) && request.notices.some((notice) => isDue(notice, now))

/** Once its time is over nobody needs to come, whatever its state says until somebody looks. */
const waits = ({ status, bound }: AccessRequest, now: number): boolean => status === 'pending' && now < Date.parse(bound.expiresAt)

const fullOf = (policy: Pick<Places, 'notifies'>, { bound: { demands } }: AccessRequest): boolean => demands.length > 0 && demands.every(({ rule }) => policy.notifies(rule) === 'full')

/** A destination that was reached, as it is to be reached again. */
function targetOf({ to, sent, place }: Notice): readonly Target[] {
  if (!sent || to.endsWith(outcome)) return []
  if (to.startsWith('slack ')) return place ? [{ key: to, kind: 'slack', channel: place.channel, update: place }] : []
  return to.startsWith('mail ') ? [{ key: to, kind: 'mail', to: to.slice('mail '.length) }] : []
}

/** Not reached yet, and its time to try again has come: half a second after the first attempt, four times as long after each further one, at most 5 min. */
function isDue(notice: Notice | undefined, now: number): boolean {
  if (notice === undefined) return true
  return !notice.sent && notice.attempts < mostAttempts && now >= Date.parse(notice.at) + Math.min(longestWaitMs, firstWaitMs * 4 ** (notice.attempts - 1))
}

function noted(notices: readonly Notice[], { key, sent, place }: Sent, at: string): readonly Notice[] {
  const earlier = notices.find(({ to }) => to === key)
  const known = place ?? earlier?.place
  const notice: Notice = { to: key, at, sent: sent || (earlier?.sent ?? false), attempts: (earlier?.attempts ?? 0) + 1, ...(known ? { place: known } : {}) }
  return earlier === undefined ? [...notices, notice] : notices.map((one) => (one.to === key ? notice : one))
}

function within<T>(promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, fail) => { timer = setTimeout(() => fail(new Error(`no answer within ${patienceMs} ms`)), patienceMs) })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}
