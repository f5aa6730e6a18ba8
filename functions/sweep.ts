import type { OutcomeEvent } from '../schema/event.ts'
import { outcomeId } from '../schema/item.ts'
import { Fault, type Ports } from './ports.ts'

const page = 500
const rounds = 20
/** Not longer than leaves the rest of the sweeper's work its time. */
const budgetMs = 120_000

/**
 * Settles as `unknown` what a process intended and did not live to tell: only intents past their `settleBy`, when neither they nor their target
 * can still be at it. Returns how many it settled. Two sweepers, or a sweeper and a late outcome, meet in the ledger's condition: one outcome is
 * stored, the other is `already`. Dies anywhere: the next run does the rest. Throws Fault store-unavailable.
 */
export async function sweep(ports: Pick<Ports, 'now' | 'ledger' | 'alarm'>): Promise<number> {
  let settled = 0
  const begun = ports.now()
  for (let round = 0; round < rounds && ports.now() - begun < budgetMs; round++) {
    const intents = await ports.ledger.unsettled(ports.now(), page)
    if (intents.length === 0) break
    const before = settled
    for (const { id, at, evaluation, session, who, connection, policy, request } of intents) {
      const outcome: OutcomeEvent = {
        id: outcomeId(id), at: new Date(ports.now()).toISOString(), evaluation, session, who, connection, policy, kind: 'outcome', intent: id,
        status: 'unknown', rowCounts: [], truncated: false, ...(request === undefined ? {} : { request }), refusal: null, durationMs: Math.max(0, ports.now() - Date.parse(at)), by: 'sweeper',
      }
      try {
        if (await ports.ledger.append(outcome) === 'stored') settled++
      } catch (error) {
        if (error instanceof Fault && error.code === 'store-unavailable') throw error
        ports.alarm('an intent cannot be settled', { intent: id, error: error instanceof Error ? error.message : 'unknown' })       // and keeps no other from it
      }
    }
    if (settled === before) break
  }
  if (settled > 0) ports.alarm('intents without an outcome were settled as unknown', { count: settled })
  return settled
}
