import type { AccessRequest, Bound } from '../../schema/approval.ts'
import { asked } from './asked.ts'

/** Each member of `Bound`, with a value that stands nowhere else: a new member is a type error here until it has one. */
const bound: Bound = {
  version: 1, issuer: 'issuer-a', trust: 'trust-b', subject: { id: 'agent:subject-c', kind: 'agent', groups: ['group-d', 'group-e'] }, actors: [{ id: 'user:actor-f', kind: 'user', groups: ['group-g'] }],
  claims: { 'claim-h': 'claimed-i', deep: { 'claim-j': ['claimed-k'] } }, connection: 'connection-l', purpose: 'purpose-m',
  query: { statements: [{ sql: 'select statement-n', params: ['param-o', 424_201] }, { sql: 'select statement-p', params: [] }], batch: true, isolation: 'serializable', reveal: ['reveal-q'], rowMode: 'array', maxRows: 424_202 },
  accesses: [{ action: 'select', resource: 'resource-r', columns: ['column-s'], via: ['view-t', 'view-u'], statement: 0 }, { action: 'update', resource: 'resource-v', columns: null, via: [], statement: 1 },
    { action: 'patch', resource: 'resource-kk', columns: null, via: [], statement: 1, target: { namespace: 'namespace-ll', name: 'name-mm', needs: ['host-path', 'privileged'] } }],
  shown: [{ statement: 0, output: 0, resource: 'resource-w', column: 'column-x', dataClass: 'class-y', mask: 'last4' }], used: [{ statement: 1, resource: 'resource-z', column: 'column-aa', dataClass: 'class-bb', how: 'used-cc' }],
  obligations: { revealed: ['revealed-dd'], detect: ['iban', 'us-ssn'], limits: { rows: 424_203, bytes: 424_204, timeoutMs: 77_000, affected: 424_205, cost: 424_206, statementsPerHour: 424_207, rowsPerHour: 424_208 } },
  demands: [{ by: ['group-ee', 'user:person-ff'], quorum: 9, withinMs: 2_220_000, rule: 'rule-gg' }], rules: [{ name: 'rule-hh', content: 'content-ii' }], fingerprint: 'fingerprint-jj', expiresAt: '2026-11-22T10:17:19.000Z',
}
export const whole: AccessRequest = asked(bound)

/** Its values as words for a reader, times in the units of a page; without numbers of places and the form's own version. */
export function wordsOf(value: unknown = bound, name = ''): readonly string[] {
  if (typeof value === 'object' && value !== null) return Object.entries(value).flatMap(([key, member]) => [...(name === 'claims' ? [key] : []), ...wordsOf(member, Array.isArray(value) ? name : key)])
  switch (name) {
    case 'version': case 'statement': case 'output': case 'kind': return []
    case 'timeoutMs': return [`${Number(value) / 1000} s`]
    case 'withinMs': return [`${Number(value) / 60_000} min`]
    case 'expiresAt': return ['10:17:19']
    case 'batch': return ['transaction']
    default: return value === null ? [] : [String(value)]
  }
}
