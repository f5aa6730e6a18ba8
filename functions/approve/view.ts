import type { AccessRequest, RequestView } from '../../schema/approval.ts'
import { missing } from './eligible.ts'

/** A request as its requester and its approvers see it. `estimate` only for approvers: it may tell of rows that a filter on a classified column finds. */
export function viewOf(request: AccessRequest, console: string, about: { readonly mine: boolean; readonly mayDecide: boolean; readonly estimate?: RequestView['estimate'] }): RequestView {
  const { bound, verdicts, notices, ending } = request
  return {
    id: request.id, status: request.status, digest: request.digest, ...asked(request),
    createdAt: request.createdAt, expiresAt: bound.expiresAt, url: urlOf(request, console),
    connection: bound.connection, purpose: bound.purpose, subject: bound.subject.id, actors: bound.actors.map(({ id }) => id), issuer: bound.issuer,
    batch: bound.query.batch, isolation: bound.query.isolation, statements: bound.query.statements,
    accesses: accessesOf(bound), classified: classifiedOf(bound), rules: bound.rules.map(({ name }) => name), policy: request.policy,
    decisions: verdicts.map(({ subject, decision, at, reason }) => ({ subject, decision, at, reason })),
    notices: notices.map(({ to, sent, attempts, at }) => ({ to, sent, attempts, at })),
    ending: ending && { at: ending.at, reason: ending.refusal?.reason ?? null, detail: ending.refusal?.detail ?? null, rowCounts: ending.rowCounts, outcome: ending.outcome },
    mine: about.mine, mayDecide: about.mayDecide, ...(about.estimate === undefined ? {} : { estimate: about.estimate }),
  }
}

/** What a 202 says: enough to wait, to follow, and to tell a person where to look. */
export const waitingOf = (request: AccessRequest, console: string) =>
  ({ id: request.id, status: request.status, digest: request.digest, ...asked(request), expiresAt: request.bound.expiresAt, url: urlOf(request, console) })

const asked = ({ bound, verdicts }: AccessRequest) => ({
  approvers: [...new Set(bound.demands.flatMap(({ by }) => by))].sort(), quorum: Math.max(...bound.demands.map(({ quorum }) => quorum)),
  demands: bound.demands.map((demand) => ({ by: demand.by, quorum: demand.quorum, rule: demand.rule, missing: missing(demand, verdicts) })),
})
const urlOf = ({ id }: AccessRequest, console: string): string => `${console}/requests/${id}`

function accessesOf({ accesses }: AccessRequest['bound']): RequestView['accesses'] {
  const seen = new Map<string, RequestView['accesses'][number]>()
  // Names may have commas and spaces in them: joined by those, one access could hide another from the approver.
  for (const { action, resource, columns } of accesses) seen.set(JSON.stringify([action, resource, columns]), { action, resource, columns })
  return [...seen.values()]
}

function classifiedOf({ shown, used }: AccessRequest['bound']): RequestView['classified'] {
  return [
    ...shown.map(({ resource, column, dataClass, mask }) => ({ column: `${resource}.${column}`, class: dataClass, use: mask === null ? 'in clear' : `masked (${mask})` })),
    ...used.map(({ resource, column, dataClass, how }) => ({ column: `${resource}.${column}`, class: dataClass, use: how })),
  ]
}
