import type { Bundle } from '../../schema/policy.ts'
import { ok, refuse, type Refusal, type Result } from '../../schema/refusal.ts'
import { Fault, type Lock, type Pointer, type Ports } from '../ports.ts'

/** A copy this old is used as it is; older, the pointer is read again, in the request that needs it. */
const freshMs = 2000
/** Past this, a store that cannot be read means no. */
const staleMs = 5000
const pointerTimeoutMs = 1000
const loadTimeoutMs = 3000

export interface Standing<P> { readonly policy: P; readonly locks: readonly Lock[] }
/** `at`: epoch ms at which the read *began*: what it says was true then, however long the answer took or the process slept. */
interface Copy<P> extends Standing<P> { readonly version: string; readonly at: number }

/**
 * Which policy and which locks hold now. Receives the store and what turns a bundle into a policy; proves that nothing it gives is older than 2 s
 * (5 s while the store is down). Age is now() minus the start of the read, never a timer, so a process frozen for an hour reads before it decides.
 */
export function createStanding<P>(ports: Pick<Ports, 'now' | 'policies' | 'alarm'>, compile: (bundle: Bundle) => P | Promise<P>) {
  let copy: Copy<P> | null = null
  let flight: Promise<Refusal | null> | null = null
  let refused: { readonly version: string; readonly at: number; readonly refusal: Refusal } | null = null

  /** A clock that went backwards makes no copy young. */
  const youngerThan = (limit: number): boolean => copy !== null && ports.now() - copy.at <= limit && ports.now() >= copy.at

  async function current(): Promise<Result<Standing<P>>> {
    let refusal: Refusal | null = null
    // the second round is for a process that slept between asking and hearing: what it heard is as old as its sleep
    for (let round = 0; round < 2 && refusal === null && !youngerThan(freshMs); round++) {
      flight ??= refresh().finally(() => { flight = null })
      refusal = await flight
    }
    if (copy !== null && youngerThan(refusal?.reason === 'no_policy' ? -1 : staleMs)) return ok({ policy: copy.policy, locks: copy.locks })
    return refuse(refusal ?? unreadable('the copy is too old'))
  }

  /** One read for however many wait for it. Never throws; a refusal says why the copy is not newer than it was. */
  async function refresh(): Promise<Refusal | null> {
    const at = ports.now()
    let pointer: Pointer | null
    try {
      pointer = await within(ports.policies.pointer(), pointerTimeoutMs)
    } catch (error) {
      return unreadable(messageOf(error))
    }
    if (pointer === null) return empty
    if (copy?.version === pointer.version) {
      copy = { ...copy, locks: pointer.locks, at }
      return null
    }
    const policy = await load(pointer)
    if (policy.ok) copy = { policy: policy.value, locks: pointer.locks, version: pointer.version, at }
    // what is known of locks holds at once; the policy in hand still grows old from when it was last known to be in force
    else if (copy) copy = { ...copy, locks: pointer.locks }
    return policy.ok ? null : policy.refusal
  }

  async function load(pointer: Pointer): Promise<Result<P>> {
    const { version, chunks } = pointer
    // a version that could not be used is looked at again, but not by every request: somebody may have repaired it
    if (refused?.version === version && Math.abs(ports.now() - refused.at) < freshMs) return refuse(refused.refusal)
    let bundle: Bundle
    try {
      bundle = await within(ports.policies.load(version, chunks), loadTimeoutMs)
    } catch (error) {
      if (!isCorrupt(error)) return refuse(unreadable(messageOf(error)))
      return refuse(reject(version, error))
    }
    try {
      return ok(await compile(bundle))
    } catch (error) {
      return refuse(reject(version, error))
    }
  }

  /** Of what fails while a bundle becomes a policy, only what says so is the bundle's fault: a file of ours that cannot be opened just now makes no sound version a corrupt one. Said once, whichever it is. */
  function reject(version: string, error: unknown): Refusal {
    const refusal = isCorrupt(error) ? broken(version) : unreadable(messageOf(error))
    const said = refused?.version === version && refused.refusal.reason === refusal.reason
    if (!said && isCorrupt(error)) ports.alarm('policy version refused', { version, error: messageOf(error) })
    else if (!said) ports.alarm('unexpected error', { version, error: messageOf(error) })
    refused = { version, at: ports.now(), refusal }
    return refusal
  }

  return { current }
}

const unavailable = (reason: string, detail: string, inner: string): Refusal => ({ slug: 'policy-unavailable', reason, next: 'retry', retryAfterSeconds: 2, detail, inner })
const empty = unavailable('no_policy', 'no policy was ever applied here, so nothing is allowed; the operator starts with `sluice policy apply --bootstrap`', 'the store is empty')
const broken = (version: string): Refusal =>
  unavailable('policy_corrupt', 'the policy in force cannot be read whole, so nothing can be decided; it recovers when a sound one is applied', `version ${version} is corrupt`)
const unreadable = (inner: string): Refusal =>
  unavailable('policy_unreadable', 'the policy could not be read within 5 s, so nothing can be decided; it recovers by itself', inner)

const isCorrupt = (error: unknown): boolean => error instanceof Fault && error.code === 'policy-corrupt'
const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** A store that hangs is a store that is down. What it answers later is dropped: something newer may be in place. */
async function within<T>(promise: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<never>((_, reject) => { timer = setTimeout(() => reject(new Fault('store-unavailable', `no answer within ${ms} ms`)), ms) })
  try {
    return await Promise.race([promise, timeout])
  } finally {
    clearTimeout(timer)
  }
}
