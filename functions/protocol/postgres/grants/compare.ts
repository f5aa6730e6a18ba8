import type { Finding } from '../../protocol.ts'
import { maxLockWaitMs } from '../pins.ts'
import type { Holds } from './holds.ts'
import type { Need } from '../../need.ts'

export type Use = 'write' | 'read' | 'plain'
const powerful: ReadonlySet<string> = new Set(['pg_read_all_data', 'pg_write_all_data', 'pg_read_server_files', 'pg_write_server_files', 'pg_execute_server_program', 'pg_monitor', 'pg_read_all_stats', 'pg_signal_backend', 'pg_maintain', 'pg_database_owner', 'pg_create_subscription', 'pg_checkpoint'])
const some = (names: readonly string[]): string => `${names.slice(0, 6).map((name) => `\`${name}\``).join(', ')}${names.length > 6 ? ` and ${names.length - 6} more` : ''}`

/** A role as it is against what it should be. Errors walk around the second wall; warnings are more than is needed, or less. */
export function compare(use: Use, holds: Holds, needs: readonly Need[], allowed: Allowed, allowOwner: boolean): readonly Finding[] {
  const findings: Finding[] = []
  const say = (level: Finding['level'], message: string) => findings.push({ level, name: holds.name, message: `as the ${use} role, ${message}` })
  const strong = [...holds.powers, ...holds.memberOf.filter((name) => powerful.has(name))]
  const severe = allowOwner ? 'warning' : 'error'
  if (strong.length > 0) say(severe, `it is or may become ${some(strong)}: that walks around every grant`)
  if (holds.owns.length > 0) say(severe, `it owns ${some(holds.owns)}: an owner may grant itself anything and passes row security`)
  if (holds.powers.includes('superuser')) return findings                  // everything else follows from it
  const others = holds.memberOf.filter((name) => !powerful.has(name))
  if (others.length > 0) say('warning', `it is a member of ${some(others)}, and has what they have`)
  if (holds.creates.length > 0) say('error', `it may create objects in ${some(holds.creates)}`)
  if (holds.temporary) say('warning', 'it may create temporary tables: revoke TEMP on the database')
  if (holds.dangerous.length > 0) say('warning', `it may run ${some(holds.dangerous)}`)
  if (!bounded(holds.lockTimeout)) say('warning', `it waits for a lock for longer than ${maxLockWaitMs / 1000} s: a read then ends by the gate's patience, and says that the target did not answer; set lock_timeout`)
  writing(use, holds, needs, allowed, say)
  reading(use, holds, needs, allowed, say)
  return findings
}

const unitsMs: Readonly<Record<string, number>> = { us: 0.001, '': 1, ms: 1, s: 1000, min: 60_000, h: 3_600_000, d: 86_400_000 }
function bounded(setting: string): boolean {
  const [, count, unit = ''] = /^([\d.]+)\s*([a-z]*)$/.exec(setting) ?? []
  const ms = Number(count) * (unitsMs[unit] ?? Infinity)
  return ms > 0 && ms <= maxLockWaitMs
}

/** What rules allow on a name, also on a partition, which is read through its parent and needs no grant of its own. */
type Allowed = (resource: string) => ReadonlySet<string>
type Say = (level: Finding['level'], message: string) => void
const nameOf = ({ schema, name }: Need) => `${schema}.${name}`

function writing(use: Use, { writes }: Holds, needs: readonly Need[], allowed: Allowed, say: Say): void {
  const may = Object.entries(writes)
  if (use !== 'write') {
    if (may.length > 0) say('error', `it can write ${some(may.map(([name]) => name))}, and a read must not be able to`)
    return
  }
  const wanted = new Map(needs.map((need) => [nameOf(need), need.writes as readonly string[]]))
  const more = may.flatMap(([name, privileges]) => { const extra = privileges.filter((one) => !(wanted.get(name) ?? []).includes(one) && !allowed(name).has(one.toLowerCase())); return extra.length > 0 ? [`${extra.join(', ')} on ${name}`] : [] })
  const less = [...wanted].flatMap(([name, privileges]) => { const lacking = privileges.filter((one) => !(writes[name] ?? []).includes(one)); return lacking.length > 0 ? [`${lacking.join(', ')} on ${name}`] : [] })
  if (more.length > 0) say('warning', `it has more than any rule allows: ${some(more)}`)
  if (less.length > 0) say('warning', `it lacks what rules allow: ${some(less)}`)
}

function reading(use: Use, { reads }: Holds, needs: readonly Need[], allowed: Allowed, say: Say): void {
  if (use === 'plain') {
    const classified = needs.flatMap((need) => need.columns.filter((column) => !need.plain.includes(column) && (reads[nameOf(need)] ?? []).includes(column)).map((column) => `${nameOf(need)}.${column}`))
    if (classified.length > 0) say('error', `it can read ${some(classified)}, which is classified`)
  }
  const lacking = needs.flatMap((need) => (use === 'plain' ? need.plain : need.columns).filter((column) => !(reads[nameOf(need)] ?? []).includes(column)).map((column) => `${nameOf(need)}.${column}`))
  if (lacking.length > 0) say('warning', `it cannot read ${some(lacking)}: what rules allow there fails`)
  const more = Object.keys(reads).filter((name) => allowed(name).size === 0)
  if (more.length > 0) say('warning', `it can read ${some(more)}, which no rule names`)
}
