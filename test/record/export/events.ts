import type { Event } from '../../../schema/event.ts'
import type { Told } from '../../../schema/told.ts'

/** One event of every kind there is, as the gate writes them. */
const at = '2026-11-22T09:00:00.000Z'
const id = (n: number, last = '0') => `evt_01KAR0V2G0${String(n).padStart(15, '0')}${last}` as const
const session = `ses_01KAR0V2G00000000000000000${'a'.repeat(43)}` as const
const who = { issuer: 'okta', subject: 'agent:support-bot', actors: ['agent:planner'], groups: ['support-agents'], roles: ['support-agent'] }
const lead = { issuer: 'okta', subject: 'user:sofia@acme.dev', actors: [], groups: ['support-leads'], roles: [] }
const policy = 'f'.repeat(64)
const request = 'arq_01KAR0V2G00000000000000009'
const common = { at, evaluation: 'eval_01KAR0V2G00000000000000000', session, who, connection: 'shop', policy } as const
const own = { ...common, connection: 'sluice', who: lead }
const digest = 'd'.repeat(64)
const accesses = [{ action: 'select', resource: 'public.customers', columns: ['id', 'email'] }]
const statements = [{ sql: 'select id, email from public.customers where id = $1', params: [7] }]

export const events: Readonly<Record<Event['kind'], Event>> = {
  intent: { ...common, id: id(1), kind: 'intent', statements, purpose: 'a late parcel', accesses, rules: ['support-agent.rules[0]'], masks: { 'public.customers.email': 'email' }, revealed: [], deadline: at, settleBy: at },
  outcome: { ...common, at: '2026-11-22T09:00:00.012Z', id: id(1, '1'), kind: 'outcome', intent: id(1), status: 'succeeded', rowCounts: [1], truncated: false, refusal: null, durationMs: 12, by: 'gate' },
  correction: { ...common, at: '2026-11-22T09:05:00.000Z', id: id(1, '2'), kind: 'correction', intent: id(1), status: 'failed', rowCounts: [], truncated: false, refusal: { slug: 'target-error', reason: 'target_error', detail: 'the target refused', next: 'fix', sqlstate: '23505' }, durationMs: 12, by: 'gate' },
  refusal: { ...common, id: id(2), kind: 'refusal', statements: [{ sql: 'select amount from payroll.salaries', params: [] }], purpose: null, accesses: [{ action: 'select', resource: 'payroll.salaries', columns: ['amount'] }], refusal: { slug: 'denied', reason: 'denied_by_rule', detail: 'no', next: 'none', rule: 'support-agent.rules[2]', inner: 'the whole reason' } },
  policy: { ...own, id: id(3), kind: 'policy', change: { from: policy, to: digest, commit: 'abc', phase: 'applied' } },
  lock: { ...own, id: id(4), kind: 'lock', change: { set: { target: 'subject:agent:x', by: 'user:sofia@acme.dev', at, reason: null, until: null }, phase: 'done' } },
  'audit-read': { ...own, id: id(5), kind: 'audit-read', change: { limit: 200, export: 'ocsf' } },
  explain: { ...common, id: id(6), kind: 'explain', change: { statements: ['select 1'], purpose: null, decision: 'permit', rules: [] } },
  repeat: { ...common, id: id(7), kind: 'repeat', change: { first: 'eval_1' } },
  start: { ...common, id: id(8), kind: 'start', who: null, session: null, connection: null, policy: null, change: { unsafe: 'local identity' } },
  stream: { ...common, id: id(24), kind: 'stream', change: { outcome: id(2), bytes: 10, items: 1, how: 'complete', detected: {}, seconds: 3 } },
  output: { ...common, id: id(25), kind: 'output', change: { intent: id(1), part: 1, stream: 'stdout', bytes: 6, text: 'hello\n' } },
  heartbeat: { ...common, id: id(9), kind: 'heartbeat', who: null, session: null, connection: null, policy: null, change: {} },
  writer: { ...common, id: id(17), kind: 'writer', who: null, session: null, connection: null, policy: null, writer: { id: id(17), n: 1 }, change: { key: 'A'.repeat(43) } },
  void: { ...common, id: id(18), kind: 'void', who: null, session: null, connection: null, policy: null, writer: { id: id(17), n: 3, open: [2] }, change: { kind: 'intent', id: id(18) } },
  'log-key': { ...common, id: id(19), kind: 'log-key', who: null, session: null, connection: null, policy: null, change: { note: '' } },
  erasure: { ...own, id: id(21), kind: 'erasure', change: { session, keys: ['2026-11-22.AAAAAAAAAAAAAAAA.0'] } },
  prune: { ...common, id: id(22), kind: 'prune', who: null, session: null, connection: null, policy: null, change: { first: 0, last: 255 } },
  'sign-in': { ...own, id: id(20), kind: 'sign-in', change: { result: 'signed-in', issuer: 'okta', signedInAt: at } },
  unauthenticated: { ...common, id: id(10), kind: 'unauthenticated', who: null, session: null, connection: null, policy: null, change: { from: '2026-11-22T08:59:00.000Z', counts: { invalid_token: 3, no_token: 4 } } },
  request: { ...common, id: id(11), kind: 'request', request, change: { digest, callKey: digest, demands: [{ by: ['support-leads'], quorum: 1, rule: 'support-agent.rules[1]' }], expiresAt: at, statements: ['insert into public.refunds default values'], purpose: 'refund', accesses: [{ action: 'insert', resource: 'public.refunds' }], masks: {}, revealed: [], rules: ['support-agent.rules[1]'] } },
  approval: { ...common, id: id(12), kind: 'approval', who: lead, session: 'ses_01KAR0V2G00000000000000001', request, change: { digest, requester: 'agent:support-bot', reason: 'fine', signedInAt: at, status: 'approved' } },
  rejection: { ...common, id: id(13), kind: 'rejection', who: lead, request, change: { digest, reason: 'no', signedInAt: at, status: 'rejected' } },
  cancellation: { ...common, id: id(14), kind: 'cancellation', request, change: { digest } },
  expiry: { ...common, id: id(15), kind: 'expiry', who: null, request, change: { digest } },
  stale: { ...common, id: id(16), kind: 'stale', who: null, request, change: { digest, reason: 'changed', detail: 'an object changed' } },
}
export const toldOf = (kind: Event['kind'], change: object = {}): Told => JSON.parse(JSON.stringify({ ...events[kind], ...change })) as Told
