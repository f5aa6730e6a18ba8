import { commandLine } from '../../../schema/command.ts'
import type { ConnectionDocument, DetectorName } from '../../../schema/policy.ts'
import { isPermit, makePermit } from '../../../functions/decide/permit.ts'
import type { Executed, Protocol, Run } from '../../../functions/protocol/protocol.ts'
import { createSsh } from '../../../functions/protocol/ssh/ssh.ts'

export const connection: ConnectionDocument = { version: 1, kind: 'connection', name: 'bastion', engine: 'ssh', secret: 'bastion-ssh' }
export interface How { readonly run?: Partial<Run>; readonly timeoutMs?: number; readonly bytes?: number; readonly detect?: readonly DetectorName[]; readonly on?: ConnectionDocument; readonly roles?: readonly string[] }
interface Said { readonly stdout: string | null; readonly stderr: string | null; readonly exitCode: number | null; readonly truncated: boolean; readonly ended?: string }
/** What an engine alarms of, in order. */
export const alarms: string[] = []
export const engineOf = (secret: string, now: () => number = Date.now): Protocol => createSsh({ secrets: { get: async () => secret }, now, isPermit, alarm: (what) => { alarms.push(what) } })

/** One command as one to whom all is permitted gives it. */
export async function go(engine: Protocol, words: readonly string[], { run = {}, timeoutMs = 10_000, bytes = 65_536, detect = ['secret', 'email'], on = connection, roles = [] }: How = {}): Promise<{ readonly executed: Executed; readonly said: Said | null }> {
  const first = await engine.classify(on, { statements: [{ sql: commandLine(words), params: [] }], batch: false, isolation: 'read committed', purpose: null, reveal: [], rowMode: 'object', maxRows: null, form: 'ssh' }, roles)
  const plan = first.ok && first.value.preview ? await first.value.preview() : first
  if (!plan.ok) throw new Error(plan.refusal.detail)
  const permit = makePermit(plan.value.effects, { masks: [], revealed: [], detect, limits: { rows: 1, bytes, timeoutMs, affected: 0, statementsPerHour: null, rowsPerHour: null } })
  const executed = await engine.execute(permit, plan.value, { deadline: Date.now() + 5000, rowMode: 'object', maxRows: null, ...run })
  const body = executed.status === 'succeeded' ? engine.mask(permit, plan.value, executed.rows).answer?.body : undefined
  return { executed, said: body instanceof Uint8Array ? JSON.parse(Buffer.from(body).toString('utf8')) as Said : null }
}
/** What a gate says: status, slug, reason. */
export const outcome = ({ executed }: { readonly executed: Executed }): string => (executed.status === 'succeeded' ? 'succeeded' : `${executed.status} ${executed.refusal.slug} ${executed.refusal.reason}`)
