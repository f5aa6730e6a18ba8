import { told } from '../schema/told.ts'
import { count, foresee, type Counts, type Foreseen } from './decide/hindsight.ts'
import { decideOwn } from './decide/own.ts'
import type { Policy } from './decide/policy.ts'
import type { Admitted, Story } from './own.ts'
import type { Ports } from './ports.ts'
import { faultRefusal } from './problem.ts'

/** Events looked at, the newest; a page of them; and how many changed decisions are told one by one. */
const most = { events: 500, page: 50, told: 50 }

/** `changes`: how many decisions would go from one to another. `events`: the first of those that change. */
export interface Replayed extends Counts {
  readonly changes: readonly { readonly was: string; readonly would: string; readonly count: number }[]
  readonly events: readonly Foreseen[]
}

/**
 * What the newest decisions on record would be under another policy: for whom a rule lets read the audit, and that is on record before. Not even sums for anybody else: a proposed condition asks of every call what its author
 * likes (`context.purpose.startsWith("…")`), so that counts spell the record. null: the caller may not, or the record cannot be read just now, which is no reason to withhold the rest of a plan.
 */
export async function replayRecent(ports: Ports, proposed: Policy, { policy, caller, session }: Admitted, story: Story): Promise<Replayed | null> {
  const reader = decideOwn(policy, caller, 'read', 'audit', { purpose: null, session, time: ports.now() }).kind === 'permit' && (await story.notice('audit-read', { plan: proposed.version })).ok
  if (!reader) return null
  const counts: Counts = { decisions: 0, same: 0, changed: 0, unknown: 0 }
  const sums = new Map<string, { readonly was: string; readonly would: string; readonly count: number }>()
  const events: Foreseen[] = []
  try {
    let [after, seen]: [string | null, number] = [null, 0]
    do {
      const page: Awaited<ReturnType<Ports['ledger']['list']>> = await ports.ledger.list({}, { limit: most.page, after })
      for (const event of page.events) {
        const read = told.safeParse(event)
        const foreseen = read.success ? foresee(proposed, read.data) : null
        if (foreseen === null) continue
        count(counts, foreseen)
        if (!foreseen.changes || foreseen.would === null) continue
        const { was, would } = foreseen
        sums.set(`${was} ${would}`, { was, would, count: (sums.get(`${was} ${would}`)?.count ?? 0) + 1 })
        if (events.length < most.told) events.push(foreseen)
      }
      seen += most.page                                              // also where it could read none of them: a record full of damage makes no long plan
      after = page.next
    } while (after !== null && seen < most.events)
  } catch (error) {
    faultRefusal(error, ports.alarm)
    return null
  }
  return { ...counts, changes: [...sums.values()], events }
}
