import type { Effects } from '../../schema/effects.ts'
import type { ConnectionDocument } from '../../schema/policy.ts'
import type { Param, Query } from '../../schema/request.ts'
import type { createClassifier } from '../../functions/protocol/postgres/classify.ts'
import type { Refusal } from '../../schema/refusal.ts'
import { askRewriter, ServerError, type Said } from '../support/oracle.ts'
import { unconfirmed, unsaid, type Allowed } from './compare.ts'
import { nameOf, type Routine } from './names.ts'
import type { Opened } from './session.ts'

/**
 * `agreed`: what the server reaches is a subset of what the analysis said. `refused`: the analysis would not have it. `disagreed`: the server
 * reaches more; there must be none. `unconfirmed`: it reaches no more, but returns other columns or origins than the plan says, so execution would
 * withhold the answer and raise the alarm. `rejected`: the server would not have it either. `unlabelled`: the oracle cannot say (no PREPARE for it).
 */
export type Outcome = 'agreed' | 'refused' | 'disagreed' | 'unconfirmed' | 'rejected' | 'unlabelled' | 'crashed'
export interface Verdict { readonly outcome: Outcome; readonly reason: string; readonly missing: readonly string[]; readonly sql: string; /** Not in reports. */ readonly effects?: Effects }

export const queryOf = (sql: string, params: readonly Param[] = []): Query => ({
  statements: [{ sql, params }], batch: false, isolation: 'read committed', purpose: null, reveal: [], rowMode: 'array', maxRows: null,
})
export const connectionOf = (searchPath: readonly string[], more: Partial<ConnectionDocument> = {}): ConnectionDocument => ({
  version: 1, kind: 'connection', name: `oracle-${searchPath.join('.')}`.toLowerCase(), engine: 'postgres', secret: 'oracle', searchPath: [...searchPath], ...more,
})

const because = ({ slug, reason, detail }: Refusal) => `${slug} ${reason}: ${detail}`

/** A built-in function in the default of a column that a write leaves out belongs to the write (CONTRACT.md section 3); the statement does not name it. */
const ofDefault = (routine: Routine, said: Said, sql: string): boolean =>
  routine.builtin && (routine.name === 'nextval' || routine.name === 'currval') && !sql.toLowerCase().includes(routine.name) && [...said.relations.values()].some(({ insert, update }) => insert || update)

/** Judges statements on whatever session is given; the catalog it learnt is forgotten when told that it changed. */
export function createJudge(create: typeof createClassifier, allowed: Allowed) {
  let session: Opened | null = null
  const classifier = create({
    read: (connection, sql, params) => {
      if (session === null) throw new Error('no session')
      return session.read(connection, sql, params)
    },
    now: Date.now,
  })
  const known = new Set<string>()

  async function judge(on: Opened, text: string, connection: ConnectionDocument): Promise<Verdict> {
    const sql = text.replace(/;\s*$/, '')
    session = on
    known.add(connection.name)
    const of = (outcome: Outcome, reason: string, missing: readonly string[] = []): Verdict => ({ outcome, reason, missing, sql })
    let said: Said
    let names: Awaited<ReturnType<typeof nameOf>>
    try {
      await on.run('SAVEPOINT sluice_ask')
      said = await askRewriter(on, sql)
      names = await nameOf(on, said)
    } catch (error) {
      await on.run('ROLLBACK TO sluice_ask').catch(() => {})
      if (!(error instanceof ServerError)) return of('unlabelled', error instanceof Error ? error.message : 'no answer')
      return of('rejected', error.sqlstate)
    }
    try {
      let result = await classifier.classify(connection, queryOf(sql))
      const wanted = !result.ok && result.refusal.reason === 'parameter_count' ? /has (\d+) parameters/.exec(result.refusal.detail)?.[1] : undefined
      if (wanted !== undefined) result = await classifier.classify(connection, queryOf(sql, Array.from({ length: Number(wanted) }, () => null)))
      if (!result.ok) return of('refused', because(result.refusal))
      const planned = result.value.plan.statements[0]
      if (planned?.missing !== undefined) return of('refused', because(planned.missing))
      const missing = unsaid(said, names, result.value.effects, (routine) => allowed(routine) || ofDefault(routine, said, sql))
      if (missing.length > 0) return of('disagreed', '', missing)
      const unlike = unconfirmed(said, planned?.outputs ?? null)
      return { ...(unlike.length > 0 ? of('unconfirmed', '', unlike) : of('agreed', '')), effects: result.value.effects }
    } catch (error) {
      return of('crashed', error instanceof Error ? `${error.message}\n${error.stack ?? ''}` : String(error))
    }
  }
  return { judge, forget: () => { for (const name of known) classifier.forget(name) } }
}
export type Judge = ReturnType<typeof createJudge>
