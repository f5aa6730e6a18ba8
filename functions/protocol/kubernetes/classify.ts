import type { Effects } from '../../../schema/effects.ts'
import type { ConnectionDocument } from '../../../schema/policy.ts'
import { refuse, type Refusal, type Result } from '../../../schema/refusal.ts'
import type { Query } from '../../../schema/request.ts'
import type { Dry, KubernetesPlan } from './plan.ts'

/** `fails`: see Plan.fails. */
export interface Classified { readonly effects: Effects; readonly plan: KubernetesPlan; readonly fails?: Refusal }
/** What a request would do, from its text alone; with `dry`, also from what the target said the object is and would be. Pure. */
export function classify(_connection: ConnectionDocument, _query: Query, _dry?: Dry): Result<Classified> {
  return refuse({ slug: 'statement-unsupported', reason: 'not_built', detail: 'kubernetes requests are not analysed yet', next: 'none' })
}
