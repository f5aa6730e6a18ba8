import type { RequestView } from '../../schema/approval.ts'
import { fence, type Told } from './fence.ts'

type Waiting = Pick<RequestView, 'id' | 'status' | 'approvers' | 'demands' | 'expiresAt' | 'url'>

/** A request nobody has decided yet: short, because an agent may read it several times. */
export function waiting({ id, status, approvers, demands, expiresAt, url }: Waiting): Told {
  const missing = Math.max(0, ...demands.map((demand) => demand.missing))
  const said = status === 'pending' ? 'nothing has run: a person must approve it first' : 'a person approved it; it is being executed'
  return fence({
    head: `${said}. Call follow with this request; it holds until something changes. Do not run the statement again. Where you cannot wait, end your turn and give a person the url`,
    facts: { request: id, status, expiresAt, url, ...(missing > 0 ? { approvalsMissing: missing } : {}) },
    data: approvers.length === 0 ? null : { approvers },
  })
}
