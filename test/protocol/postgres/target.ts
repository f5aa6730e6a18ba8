import { createClassifier } from '../../../functions/protocol/postgres/classify.ts'
import type { PostgresPlan } from '../../../functions/protocol/postgres/plan.ts'
import type { Effects } from '../../../schema/effects.ts'
import type { ConnectionDocument } from '../../../schema/policy.ts'
import type { Query, Param } from '../../../schema/request.ts'
import type { Refusal } from '../../../schema/refusal.ts'
import type { TestDatabase } from '../../support/postgres.ts'

type Statements = (string | { sql: string; params: Param[] })[]
export const batchOf = (...statements: Statements): Query => ({
  statements: statements.map((one) => (typeof one === 'string' ? { sql: one, params: [] } : one)), batch: statements.length > 1, isolation: 'read committed', purpose: null, reveal: [], rowMode: 'object', maxRows: null,
})

/** A classifier on a test database, in the words tests are written in. */
export function analysisOf(database: Pick<TestDatabase, 'query'>, document: Partial<ConnectionDocument>, now: () => number = Date.now) {
  const connection: ConnectionDocument = { version: 1, kind: 'connection', name: 'tested', engine: 'postgres', secret: 'tested', ...document }
  let reads = 0
  const classifier = createClassifier({ read: async (_, sql, params) => { reads++; return (await database.query(sql, params)).rows as Record<string, unknown>[] }, now })
  /** As one to whom all of it is permitted. */
  const ask = async (...statements: Statements) => {
    const result = await classifier.classify(connection, batchOf(...statements))
    const held = result.ok ? await result.value.preview?.() : undefined
    return held && !held.ok ? held : result
  }
  async function plan(...statements: Statements): Promise<{ effects: Effects; plan: PostgresPlan }> {
    const result = await ask(...statements)
    if (!result.ok) throw new Error(`refused: ${result.refusal.reason}: ${result.refusal.detail}`)
    return result.value
  }
  async function refusal(...statements: Statements): Promise<Refusal> {
    const result = await ask(...statements)
    if (result.ok) throw new Error(`not refused: ${JSON.stringify(result.value.effects)}`)
    return result.refusal
  }
  /** `select public.t(a,b) via v` a line, sorted. */
  const accesses = async (...statements: Statements): Promise<string[]> => (await plan(...statements)).effects.accesses
    .map(({ action, resource, columns, via, part }) => `${action} ${resource}${columns ? `(${columns.join(',')})` : ''}${via.length ? ` ${part ? 'part of' : 'via'} ${via.join(' > ')}` : ''}`).sort()
  /** Per output column, the classified columns it shows: `[]`, `['users.ssn']`. */
  const shown = async (sql: string): Promise<string[][]> => {
    const { effects, plan: { statements } } = await plan(sql)
    return (statements[0]?.outputs ?? []).map((output) => output.shown.map((i) => effects.shown[i]).map((s) => `${s?.resource.split('.')[1]}.${s?.column}`))
  }
  const used = async (sql: string): Promise<string[]> => [...new Set((await plan(sql)).effects.used.map((u) => `${u.resource.split('.')[1]}.${u.column} ${u.how}`))]
  return { connection, classifier, ask, plan, refusal, accesses, shown, used, reads: () => reads }
}
