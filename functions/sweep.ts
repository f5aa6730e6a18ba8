import type { OutcomeEvent } from '../schema/event.ts'
import { outcomeId } from '../schema/item.ts'
import type { Ports } from './ports.ts'

const page = 500
const rounds = 20

/**
 * Settles as `unknown` what a process intended and did not live to tell: only intents past their `settleBy`, when neither they nor their target
 * can still be at it. Returns how many it settled. Two sweepers, or a sweeper and a late outcome, meet in the ledger's condition: one outcome is
 * stored, the other is `already`. Dies anywhere: the next run does the rest. Throws Fault store-unavailable.
 */
export async function sweep(ports: Pick<Ports, 'now' | 'ledger' | 'alarm'>): Promise<number> {
  let settled = 0
  for (let round = 0; round < rounds; round++) {
    const intents = await ports.ledger.unsettled(ports.now(), page)
    if (intents.length === 0) break
    for (const { id, at, evaluation, session, who, connection, policy, request } of intents) {
      const outcome: OutcomeEvent = {
        id: outcomeId(id), at: new Date(ports.now()).toISOString(), evaluation, session, who, connection, policy, kind: 'outcome', intent: id,
        status: 'unknown', rowCounts: [], truncated: false, ...(request === undefined ? {} : { request }), refusal: null, durationMs: Math.max(0, ports.now() - Date.parse(at)), by: 'sweeper',
      }
      if (await ports.ledger.append(outcome) === 'stored') settled++
    }
  }
  if (settled > 0) ports.alarm('intents without an outcome were settled as unknown', { count: settled })
  return settled
}
