import { refuse, type Result } from '../../../schema/refusal.ts'
import type { Query } from '../../../schema/request.ts'

/** One HTTP request as the one statement it is (`Protocol.read`). */
export function readRequest(_method: string, _target: string, _headers: Readonly<Record<string, string>>, _body: Uint8Array | null): Result<Query> {
  return refuse({ slug: 'statement-unsupported', reason: 'not_built', detail: 'kubernetes requests are not read yet', next: 'none' })
}
