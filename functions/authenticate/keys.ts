import { Fault, type Ports } from '../ports.ts'
import { readKeySet, type KeySet } from './keyset.ts'
import { fetchKeys } from './metadata.ts'

/** A key taken back at the issuer is still good here for this long. */
export const freshMs = 10 * 60_000
/** With the issuer down, known keys serve for this long and no longer. */
export const staleMs = 60 * 60_000
/** Between two fetches that found keys: tokens with made-up key ids cost the issuer one fetch per cooldown, whoever sends how many. */
export const cooldownMs = 30_000
/** Between two attempts while there are no keys at all. */
export const retryMs = 5_000

interface Entry {
  set: KeySet | null
  metadata: string | null
  fetchedAt: number
  triedAt: number
  flight: Promise<void> | null
  failure: unknown
}

/**
 * The key sets of the issuers a policy trusts; only those are ever asked for, so the map is as small as the policy. No timers: whoever needs a
 * fresher copy fetches it, one at a time per issuer, and a process thawed after an hour fetches before it believes anything.
 */
export function createKeys(ports: Pick<Ports, 'fetchJson' | 'now'>) {
  const entries = new Map<string, Entry>()

  /**
   * Keys of the issuer, at most `freshMs` old, or `staleMs` while it cannot be reached. Fetched again when `kid` is not among them, which is how a
   * rotation shows. Throws Fault issuer-unavailable when there are none to be had.
   */
  async function of(issuer: string, local: boolean, kid: string): Promise<KeySet> {
    const entry = entries.get(issuer) ?? { set: null, metadata: null, fetchedAt: 0, triedAt: Number.NEGATIVE_INFINITY, flight: null, failure: null }
    entries.set(issuer, entry)
    const now = ports.now()
    if (entry.set && within(now - entry.fetchedAt, freshMs) && entry.set.has(kid)) return entry.set
    if (!entry.flight && !within(now - entry.triedAt, entry.set ? cooldownMs : retryMs)) {
      entry.triedAt = now
      entry.flight = refresh(entry, issuer, local).finally(() => (entry.flight = null))
    }
    if (entry.flight) await entry.flight
    if (entry.set && within(ports.now() - entry.fetchedAt, staleMs)) return entry.set
    throw new Fault('issuer-unavailable', `the keys of \`${issuer}\` cannot be had`, { cause: entry.failure })
  }

  async function refresh(entry: Entry, issuer: string, local: boolean): Promise<void> {
    try {
      const { document, metadata } = await fetchKeys(ports.fetchJson, issuer, local, entry.metadata)
      entry.metadata = metadata
      const set = readKeySet(document)
      if (!set) throw new Fault('issuer-unavailable', `\`${issuer}\` publishes no key set`)
      // The same keys keep their object, so that a token checked against them stays checked.
      if (set.digest !== entry.set?.digest) entry.set = set
      entry.fetchedAt = ports.now()
      entry.failure = null
    } catch (error) {
      // In an outage the place that used to answer is the only one asked: one time-out a caller waits for, not two.
      if (!within(ports.now() - entry.fetchedAt, staleMs)) entry.metadata = null
      entry.failure = error
    }
  }
  return { of }
}

/** false also for an age below zero: a clock set back must not make anything live longer. */
const within = (ageMs: number, limitMs: number): boolean => ageMs >= 0 && ageMs < limitMs
