import type { AccessRequest, Bound } from '../../schema/approval.ts'

/** An access request as the gate would store it; what a test is about is given. */
export function asked(bound: Partial<Bound> = {}, rest: Partial<AccessRequest> = {}): AccessRequest {
  return {
    id: 'arq_01KAQZ0000AAAAAAAAAAAAAAA0', status: 'pending', digest: 'd'.repeat(64), callKey: 'c'.repeat(64), createdAt: '2026-11-22T09:00:00.000Z', evaluation: 'eval_1', session: null, policy: 'p'.repeat(64),
    verdicts: [], told: [], notices: [], execution: null, ending: null, revision: 1, ...rest,
    bound: {
      version: 1, issuer: 'local', trust: 'local', subject: { id: 'agent:support-bot', kind: 'agent', groups: ['support-agents'] }, actors: [], claims: {}, connection: 'shop', purpose: 'refund for ticket 4711',
      query: { statements: [{ sql: 'insert into public.refunds (order_id, amount) values ($1, $2)', params: [17, 'secret-parameter'] }], batch: false, isolation: 'read committed', reveal: [], rowMode: 'object', maxRows: null },
      accesses: [{ action: 'insert', resource: 'public.refunds', columns: null, via: [], statement: 0 }], shown: [], used: [],
      obligations: { revealed: [], detect: [], limits: { rows: 1, bytes: 1024, timeoutMs: 1, affected: 1, statementsPerHour: null, rowsPerHour: null } },
      demands: [{ by: ['support-leads'], quorum: 1, withinMs: 1_800_000, rule: 'support-agent.rules[1]' }], rules: [], fingerprint: 'f', expiresAt: '2026-11-22T09:30:00.000Z', ...bound,
    },
  }
}
export const saying = (sql: string, params: readonly string[] = []): Pick<Bound, 'query'> => ({ query: { ...asked().bound.query, statements: [{ sql, params }] } })
