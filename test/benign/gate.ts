import type { Caller } from '../../schema/caller.ts'
import type { PolicyDocument } from '../../schema/policy.ts'
import type { Param, Query } from '../../schema/request.ts'
import { decide } from '../../functions/decide/decide.ts'
import { isPermit } from '../../functions/decide/permit.ts'
import { compile } from '../../functions/decide/compile.ts'
import type { Transport } from '../../functions/protocol/postgres/port.ts'
import { createPostgres } from '../../functions/protocol/postgres/postgres.ts'
import type { MaskedResult } from '../../functions/protocol/protocol.ts'
import type { TestDatabase, TestPostgres } from '../support/postgres.ts'

/** classify → decide → execute → mask on one connection, without the stages that only identify and record. */
export type Given = { readonly result: MaskedResult; readonly readOnly: boolean } | { readonly refused: string }
export interface Gate {
  readonly alarms: readonly string[]
  ask(sql: string, params?: readonly Param[], reveal?: readonly string[]): Promise<Given>
  close(): Promise<void>
}
export const roles = ['reader', 'writer', 'plain'] as const
export const password = 'benign'
/** Run after the schema, by its owner: a role that reads, one that also writes, and one that reads only the tables named. */
export const grants = (plain: readonly string[]): string => `
  DO $$ BEGIN ${roles.map((role) => `IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '${role}') THEN CREATE ROLE ${role} LOGIN PASSWORD '${password}'; END IF;`).join(' ')} END $$;
  GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader, writer; GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO writer;
  ${plain.length > 0 ? `GRANT SELECT ON ${plain.join(', ')} TO plain;` : ''}`

const caller: Caller = { issuer: 'test', subject: { id: 'agent:analyst', kind: 'agent', groups: [] }, actors: [], person: false, claims: {}, expiresAt: Date.now() + 3_600_000 }

/** `documents` holds one connection, called `target`, whose secrets are the three roles above. `transport`: left out, Neon's driver. */
export function openGate(server: TestPostgres, database: TestDatabase, documents: readonly PolicyDocument[], transport?: Transport): Gate {
  const alarms: string[] = []
  const engine = createPostgres({
    now: Date.now, isPermit, alarm: (what) => { alarms.push(what) },
    secrets: { get: async (name) => name === 'sluice-mask-key' ? 'k'.repeat(32) : database.as(name, password) },
    endpoint: () => ({ http: `${server.neonUrl}/sql`, websocket: `${server.neonUrl.replace('http', 'ws')}/v2` }), ...(transport && { transport }),
  })
  const policy = compile({ documents: documents.map((document, index) => ({ path: `${index}.yaml`, document })) })
  const connection = documents.find((document) => document.kind === 'connection')!
  return {
    alarms,
    async ask(sql, params = [], reveal = []) {
      const query: Query = { statements: [{ sql, params }], batch: false, isolation: 'read committed', purpose: null, reveal, rowMode: 'array', maxRows: null }
      const plan = await engine.classify(connection, query)
      if (!plan.ok) return { refused: `${plan.refusal.reason}: ${plan.refusal.detail}` }
      const decision = decide(policy, { caller, connection: 'target', effects: plan.value.effects, reveal, context: { purpose: null, session: 'ses_test', time: Date.now() } })
      if (decision.kind !== 'permit') return { refused: `${decision.refusal.reason}: ${decision.refusal.detail}` }
      const executed = await engine.execute(decision.permit, plan.value, { deadline: Date.now() + 30_000, rowMode: 'array', maxRows: null })
      if (executed.status !== 'succeeded') return { refused: `${executed.status} ${executed.refusal.reason}: ${executed.refusal.detail}` }
      return { result: engine.mask(decision.permit, plan.value, executed.rows).results[0]!, readOnly: plan.value.effects.readOnly }
    },
    close: () => engine.close(),
  }
}

/** Everything in `public` and the catalogs is allowed; what carries a class comes masked. */
export const documentsOf = (classify: Readonly<Record<string, string>>): PolicyDocument[] => [
  { version: 1, kind: 'connection', name: 'target', engine: 'postgres', secrets: { write: 'writer', read: 'reader', plain: 'plain' }, searchPath: ['public'], classify: { ...classify }, mask: { '*': 'redact' }, limits: { rows: 100_000, bytes: 8 * 1024 * 1024, timeout: '60s', affected: 100_000 } },
  { version: 1, kind: 'role', name: 'analyst', members: [{ everyone: true }], rules: [
    { allow: ['select', 'insert', 'update', 'delete', 'lock'], connection: 'target', on: ['public.*'] },
    { allow: ['select', 'call'], connection: 'target', on: ['pg_catalog.*', 'information_schema.*'] },
  ] },
]
