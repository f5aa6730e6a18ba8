import type { IntentEvent, OutcomeEvent } from '../schema/event.ts'
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
  const inTime = (): boolean => ports.now() - begun < budgetMs
  try {
    for (let round = 0; round < rounds && inTime(); round++) {
      const before = settled
      for (const intent of await ports.ledger.unsettled(ports.now(), page)) {
        if (!inTime()) break
        if (await settle(ports, intent)) settled++
      }
      if (settled === before) break
    }
  } finally {
    if (settled > 0) ports.alarm('intents without an outcome were settled as unknown', { count: settled })
  }
  return settled
}

/** One that cannot be settled keeps no other from it. Throws Fault store-unavailable. */
async function settle(ports: Pick<Ports, 'now' | 'ledger' | 'alarm'>, { id, at, evaluation, session, who, connection, policy, request }: IntentEvent): Promise<boolean> {
  const outcome: OutcomeEvent = {
    id: outcomeId(id), at: new Date(ports.now()).toISOString(), evaluation, session, who, connection, policy, kind: 'outcome', intent: id,
    status: 'unknown', rowCounts: [], truncated: false, ...(request === undefined ? {} : { request }), refusal: null, durationMs: Math.max(0, ports.now() - Date.parse(at)), by: 'sweeper',
  }
  try {
    return await ports.ledger.append(outcome) === 'stored'
  } catch (error) {
    if (error instanceof Fault && error.code === 'store-unavailable') throw error
    ports.alarm('an intent cannot be settled', { intent: id, error: error instanceof Error ? error.message : 'unknown' })
    return false
  }
}
