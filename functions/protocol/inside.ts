import type { Effects, Obligations } from '../../schema/effects.ts'
import type { Permit } from '../permit.ts'
import { Fault, type Ports, type Secrets } from '../ports.ts'
import { aboutOf, digestOf, mostBytes, pack, type Answer, type CarriedOutcome, type CarriedPlan, type Errand, type Looked, type Seen } from './carry.ts'
import { hearing, whole, worth } from './whole.ts'
import type { Plan } from './protocol.ts'
import { engineOf } from './engine.ts'
import { cutOff, listen, reasonOf, type Cuts } from './halt.ts'
import { createFirst, cutIdOf, hide, keyNameOf, senderOf, uncover, unseal } from './seal.ts'

/** Read in the private network and nowhere else. */
const sightKey = 'sluice-private-sight'
const mostPages = 4

/**
 * Permits that the gate made and sent (carry.ts). Known by identity, as those of functions/decide are: `carry` is called for an errand whose seal was checked, and nowhere else, and each is of one plan made here, whose
 * effects are the very ones that were decided on.
 */
export function createCarrier() {
  const carried = new WeakSet<object>()
  return {
    isPermit: (value: unknown): boolean => typeof value === 'object' && value !== null && carried.has(value),
    carry(effects: Effects, obligations: Obligations): Permit {
      const permit = Object.freeze({ effects, obligations }) as unknown as Permit
      carried.add(permit)
      return permit
    },
  }
}

export interface InsideOptions extends Pick<Ports, 'engines' | 'now' | 'alarm'> { readonly secrets: Secrets; readonly carry: ReturnType<typeof createCarrier>['carry']; /** Where it is said that something must end; left out: nothing is ended but by its time. */ readonly cuts?: Cuts; /** Who may send errands, each under a key of its own; left out: one key is everybody's. */ readonly senders?: readonly string[] }
/** An errand as it came, and the key under which it did. */
interface Sent { readonly sealed: unknown; readonly secret: string }

/** The engines behind the gate's other end (remote.ts), in a network that only they are in. Takes a sealed errand and gives a packed answer; never throws. Keeps nothing between two errands but what engines keep of catalogs, and which executions it had. */
export function createInside({ engines, now, alarm, secrets, carry, cuts, senders = [] }: InsideOptions) {
  const first = createFirst()
  /**
   * Once more where the engine forgot its catalog over it and ran nothing: of several processes here the next may be one whose catalog is older, and a name that is missing would then never be said to be missing. What was
   * decided on is asked for each time.
   */
  async function execute(errand: Errand & { op: 'execute' }, over: AbortSignal): Promise<CarriedOutcome> {
    const ran = await attempt(errand, over)
    return ran.status === 'stale' && now() < errand.run.deadline ? attempt(errand, over) : ran
  }
  /** Looks meanwhile whether it must end. Whoever says so may send errands, and knew this one: a MAC of it is where it is said. */
  async function ended(errand: Errand & { op: 'execute' }, { sealed, secret }: Sent): Promise<CarriedOutcome> {
    if (cuts === undefined) return execute(errand, new AbortController().signal)
    const ear = listen(cuts, cutIdOf(secret, sealed), (error) => { alarm('cuts are not heard of', { error: error instanceof Error ? error.message : 'unknown' }) })
    return execute(errand, ear.signal).finally(() => { ear.end() })
  }
  async function attempt(errand: Errand & { op: 'execute' }, over: AbortSignal): Promise<CarriedOutcome> {
    const { connection, query, roles, seen, effects, obligations, run } = errand
    const engine = engineOf({ engines }, connection)
    const seed = seen === undefined ? null : uncovered(await secrets.get(sightKey), aboutOf(errand), seen)
    if (seed === undefined) return changed                             // of another request, or under a key that is no more
    const found = await engine.classify(connection, query, roles, seed ?? undefined).catch((error: unknown) => {
      if (error instanceof Fault) return null                        // nothing of it has begun, so the intent that is on record gets an outcome
      throw error
    })
    if (found === null) return { status: 'failed', refusal: { slug: 'target-unavailable', reason: 'target_unreachable', detail: 'the target cannot be reached', next: 'retry', retryAfterSeconds: 2, inner: 'its catalog cannot be read' } }
    // Understood anew, because a plan cannot travel: what it would do must be what was decided on, to the last access.
    if (!found.ok || digestOf(found.value.effects) !== effects) return changed
    const plan = found.value
    const { limits } = obligations
    const permit = carry(plan.effects, { ...obligations, limits: { ...limits, bytes: Math.min(limits.bytes, mostBytes) } })
    for (let { maxRows } = run, attempts = 1; ; attempts++) {
      const cut = new AbortController()
      const { heard, hear } = hearing()
      const executed = await engine.execute(permit, plan, { ...run, maxRows, cut: AbortSignal.any([cut.signal, over]), ...(plan.lasting && hear) })
      if (executed.status !== 'succeeded') return { ...executed, ...heard() }
      const { rowCounts, truncated } = executed.rows
      const { results, answer } = engine.mask(permit, plan, executed.rows)
      if (answer === undefined) return { status: 'succeeded', results, rowCounts, truncated }
      const carried = await whole(answer, executed.rows, cut, { piece: run.piece !== undefined, timeoutMs: limits.timeoutMs })
      if ('answer' in carried) return { status: 'succeeded', results, rowCounts, truncated, answer: carried.answer, ...heard() }
      // It ran: of what changes something, that its answer cannot be carried does not undo it, and it is never asked for again.
      if (!plan.effects.readOnly) return { status: 'unknown', refusal: { slug: 'outcome-unknown', reason: 'answer_lost', detail: 'it ran, and its answer cannot be carried out of the private network: see at the target what became of it', next: 'none', inner: carried.refusal.reason }, ...heard() }
      if (over.aborted) return { status: 'failed', refusal: cutOff(reasonOf(over)) }
      // A page of a list that is too large is asked for again as a smaller one, which its reader goes on from as from any page.
      if (!('fits' in carried) || attempts >= mostPages) return { status: 'failed', refusal: carried.refusal }
      maxRows = worth(carried.fits)
    }
  }

  async function looked(errand: Errand & { op: 'preview' }, { secret }: Sent): Promise<unknown> {
    const { connection, query, roles } = errand
    const found = await engineOf({ engines }, connection).classify(connection, query, roles)
    if (!found.ok) return found
    const { preview } = found.value
    if (!preview) throw new Fault('internal', 'nothing to look for')
    const seen = await preview()
    if (!seen.ok) return seen
    const { effects, fails, told, diff, seed } = seen.value
    const known: Looked = { effects, ...(fails && { fails }), ...(told && { told }), ...(diff !== undefined && { diff }) }
    const about = aboutOf(errand)
    const value: Seen = { looked: hide(secret, 'looked', about, known), seen: hide(await secrets.get(sightKey), 'seen', about, { seed }) }
    return { ok: true, value }
  }

  async function valueOf(errand: Errand, sent: Sent): Promise<unknown> {
    const { connection } = errand
    const engine = engineOf({ engines }, connection)
    switch (errand.op) {
      case 'classify': {
        const found = await engine.classify(connection, errand.query)
        return found.ok ? { ok: true, value: await travelling(found.value) } : found
      }
      case 'preview': return looked(errand, sent)
      case 'execute': return ended(errand, sent)
      case 'describe': return engine.describe(connection)
      case 'ping': await engine.ping?.(connection); return null
      case 'inspect': return engine.inspect(connection, errand.names)
      case 'grants':
        if (!engine.grants) throw new Fault('internal', 'an engine without grants of its own')
        return engine.grants(connection, errand.rules)
      case 'estimate': return await engine.estimate?.(connection, errand.query) ?? errand.query.statements.map(() => null)
    }
  }

  async function answer(sealed: unknown): Promise<Answer> {
    const by = senderOf(sealed, senders)
    try {
      const secret = by === undefined ? null : await secrets.get(keyNameOf(by))
      const errand = secret === null ? null : unseal(secret, sealed, now(), first)
      if (errand === null || secret === null) {
        alarm('an errand that is not the gate\'s', {})
        return { ok: false, code: 'internal', message: 'not an errand of the gate' }
      }
      if (errand.connection.transport !== 'private') throw new Fault('internal', 'an errand to a target that is not private')
      return { ok: true, value: await valueOf(errand, { sealed, secret }) }
    } catch (error) {
      if (error instanceof Fault) return { ok: false, code: error.code, message: error.message }
      alarm('an errand failed', { by, error: error instanceof Error ? error.name : 'unknown' })
      return { ok: false, code: 'internal', message: 'the engine failed' }
    }
  }
  return async (sealed: unknown): Promise<string> => pack(await answer(sealed))
}

const changed = { status: 'stale', refusal: { slug: 'approval-stale', reason: 'objects_changed', detail: 'an object the statement reaches changed meanwhile, and nothing ran', next: 'retry' } } as const
/** undefined: it is not of this. null: a look that saw nothing. */
function uncovered(secret: string, about: string, seen: string): unknown {
  try {
    return (uncover(secret, 'seen', about, seen) as { readonly seed?: unknown }).seed ?? null
  } catch {
    return undefined
  }
}

async function travelling({ effects, fails, told, diff, wants, preview }: Plan): Promise<CarriedPlan> {
  const seen = await preview?.()
  if (seen?.ok) throw new Fault('internal', 'a plan that cannot travel')
  return { effects, ...(fails && { fails }), ...(told && { told }), ...(wants && { wants }), ...(diff !== undefined && { diff }), ...(seen && { held: seen.refusal }) }
}
