import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { exportJWK, SignJWT } from 'jose'
import { digest } from '../../schema/bundle.ts'
import type { Event, Id, Prefix } from '../../schema/event.ts'
import { timeOf } from '../../schema/item.ts'
import type { Bundle, PolicyDocument } from '../../schema/policy.ts'
import { createIds } from '../../functions/aws/ulid.ts'
import { Fault, type EventFilter, type IdempotencyStore, type Ledger, type Lock, type Meter, type Pointer, type PolicyStore, type Ports } from '../../functions/ports.ts'
import { createEngine, type FakeEngine } from './engine.ts'
import { createMemoryKeys } from './keys.ts'
import { demo } from './policy.ts'
import { tables } from './tables.ts'

/** Ports in memory, with the handles a test needs to break them. The contract suites of test/contract judge the real ones. */
export interface World {
  readonly ports: Ports
  readonly engine: FakeEngine
  readonly events: Event[]
  readonly alarms: { readonly what: string; readonly detail: Readonly<Record<string, unknown>> }[]
  readonly clock: { ms: number }
  /** Which store does not answer: its calls throw Fault store-unavailable. */
  readonly broken: Set<'policies' | 'ledger' | 'idempotency' | 'meter'>
  token(options: TokenOptions): Promise<string>
  pointer(): Pointer | null
}
export interface TokenOptions { readonly subject: string; readonly groups?: readonly string[]; readonly actor?: string; readonly seconds?: number; readonly claims?: Readonly<Record<string, unknown>> }

const url = 'http://127.0.0.1:8787'
const issuer = `${url}/dev/oidc`

export function createWorld(documents: Readonly<Record<string, PolicyDocument>> | null = demo): World {
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const clock = { ms: Date.parse('2026-11-22T09:00:00.000Z') }
  const broken: World['broken'] = new Set()
  const alarms: { what: string; detail: Readonly<Record<string, unknown>> }[] = []
  const engine = createEngine(tables)
  const ids = createIds(() => clock.ms)
  const policies = createPolicies(documents, () => check('policies'))
  const { ledger, events } = createLedger(() => check('ledger'))
  const secrets = new Map<string, string>()
  function check(store: 'policies' | 'ledger' | 'idempotency' | 'meter'): void {
    if (broken.has(store)) throw new Fault('store-unavailable', `connect ECONNREFUSED store ${store}`)
  }
  const ports: Ports = {
    now: () => clock.ms, id: <P extends Prefix>(prefix: P): Id<P> => ids(prefix),
    policies: policies.store, ledger, keys: createMemoryKeys(), idempotency: createIdempotency(() => check('idempotency')), meter: createMeter(() => check('meter')),
    secrets: { get: async (name) => secrets.get(name) ?? secrets.set(name, randomBytes(32).toString('base64')).get(name) ?? '' },
    fetchJson: async (address) => {
      if (address.startsWith(`${issuer}/.well-known/`) || address.includes('.well-known')) return { issuer, jwks_uri: `${issuer}/jwks` }
      return { keys: [{ ...await exportJWK(keys.publicKey), kid: 'k1', alg: 'ES256', use: 'sig' }] }
    },
    engines: { postgres: engine }, alarm: (what, detail) => { alarms.push({ what, detail }) },
    approvals: null, sockets: null, log: null, search: null, self: { url, console: url, localIssuer: { name: 'local', issuer, audience: url } },
  }
  const token = ({ subject, groups = [], actor, seconds = 900, claims = {} }: TokenOptions) => {
    const at = Math.floor(clock.ms / 1000)
    return new SignJWT({ ...claims, groups: [...groups], ...(actor === undefined ? {} : { act: { sub: actor } }), client_id: 'sluice-cli' })
      .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: 'k1' }).setIssuer(issuer).setAudience(url).setSubject(subject).setIssuedAt(at).setExpirationTime(at + seconds).setJti(randomBytes(8).toString('hex')).sign(keys.privateKey)
  }
  return { ports, engine, events, alarms, clock, broken, token, pointer: policies.pointer }
}

function createPolicies(documents: Readonly<Record<string, PolicyDocument>> | null, check: () => void) {
  const bundles = new Map<string, Bundle>()
  let pointer: Pointer | null = null
  const put = (bundle: Bundle, meta: { by: string; at: string; commit: string | null }) => {
    const version = digest(bundle)
    bundles.set(version, bundle)
    pointer = { version, chunks: 1, appliedAt: meta.at, appliedBy: meta.by, commit: meta.commit, locks: pointer?.locks ?? [] }
  }
  if (documents) put({ documents: Object.entries(documents).map(([path, document]) => ({ path, document })) }, { by: 'test', at: '2026-11-22T08:00:00.000Z', commit: null })
  const withLocks = (change: (locks: readonly Lock[]) => readonly Lock[]) => { if (pointer) pointer = { ...pointer, locks: change(pointer.locks) } }
  const store: PolicyStore = {
    pointer: async () => { check(); return pointer },
    load: async (version) => {
      check()
      const bundle = bundles.get(version)
      if (!bundle) throw new Fault('policy-corrupt', 'a chunk is missing')
      return bundle
    },
    apply: async (bundle, { from, ...meta }) => { check(); if ((pointer?.version ?? null) !== from) return false; put(bundle, meta); return true },
    lock: async (lock) => { check(); withLocks((locks) => [...locks.filter(({ target }) => target !== lock.target), lock]); return true },
    unlock: async (target) => { check(); const there = pointer?.locks.some((lock) => lock.target === target) ?? false; withLocks((locks) => locks.filter((lock) => lock.target !== target)); return there },
  }
  return { store, pointer: (): Pointer | null => pointer }
}

function createLedger(check: () => void): { ledger: Ledger; events: Event[] } {
  const events: Event[] = []
  const matches = (event: Event, filter: EventFilter) =>
    (filter.from === undefined || event.at >= filter.from) && (filter.to === undefined || event.at < filter.to) && (filter.subject === undefined || event.who?.subject === filter.subject)
    && (filter.actor === undefined || (event.who?.actors.includes(filter.actor) ?? false)) && (filter.connection === undefined || event.connection === filter.connection)
    && (filter.kind === undefined || event.kind === filter.kind) && (filter.session === undefined || event.session === filter.session) && (filter.evaluation === undefined || event.evaluation === filter.evaluation)
  const ledger: Ledger = {
    append: async (event) => {
      check()
      if (events.some((other) => other.id === event.id) || (event.kind === 'outcome' && events.some((other) => other.kind === 'outcome' && other.intent === event.intent))) return 'already'
      events.push(event)
      return 'stored'
    },
    get: async (id) => { check(); return events.find((event) => event.id === id) ?? null },
    list: async (filter, { limit, after }) => {
      check()
      const found = events.toReversed().filter((event) => matches(event, filter))
      const start = after === null ? 0 : found.findIndex((event) => event.id === after) + 1
      const page = found.slice(start, start + limit)
      return { events: page, next: start + limit < found.length ? page.at(-1)?.id ?? null : null }
    },
    async *scan(from, to) {
      check()
      yield { events: events.filter(({ id }) => timeOf(id) >= from && (to === null || timeOf(id) < to)), damaged: [], until: to ?? Infinity }
    },
    unsettled: async () => { check(); return [] },
  }
  return { ledger, events }
}

function createIdempotency(check: () => void): IdempotencyStore {
  const entries = new Map<string, { body: string; evaluation: Id<'eval'>; settleBy: number; answer: { status: number; body: string | null } | null }>()
  return {
    claim: async (key, entry) => {
      check()
      const known = entries.get(key)
      if (known && known.evaluation !== entry.evaluation) return { claimed: false, ...known }
      entries.set(key, { ...entry, answer: null })
      return { claimed: true }
    },
    settle: async (key, evaluation, answer) => { check(); const known = entries.get(key); if (known?.evaluation === evaluation) entries.set(key, { ...known, answer }) },
    release: async (key, evaluation) => { check(); if (entries.get(key)?.evaluation === evaluation) entries.delete(key) },
  }
}

function createMeter(check: () => void): Meter {
  const spent = new Map<string, number>()
  return {
    take: async (key, hour, want, budget) => {
      check()
      const used = spent.get(`${key} ${hour}`) ?? 0
      const had = Math.max(0, Math.min(want, budget - used))
      spent.set(`${key} ${hour}`, used + had)
      return had
    },
    give: (key, hour, count) => { spent.set(`${key} ${hour}`, (spent.get(`${key} ${hour}`) ?? 0) - count) },
  }
}
