import { type AccessRequest, answersRepeat, type Bound, type EndingView, repeatMs, type RequestSummary, type RequestView, resultMs } from '../../schema/approval.ts'
import { missing } from './eligible.ts'

interface About { readonly mine: boolean; readonly mayDecide: boolean; readonly estimate?: RequestView['estimate'] }

/** A request as its requester and its approvers see it. `estimate` only for approvers: it may tell of rows that a filter on a classified column finds. */
export function viewOf(request: AccessRequest, console: string, about: About): RequestView {
  const { verdicts, notices, ending, status } = request
  return {
    id: request.id, status, digest: request.digest, ...asked(request), createdAt: request.createdAt, url: urlOf(request, console), ...boundView(request.bound, about.mine), policy: request.policy,
    decisions: verdicts.map(({ subject, decision, at, reason }) => ({ subject, decision, at, reason })),
    notices: notices.map(({ to, sent, attempts, at }) => ({ to, sent, attempts, at })),
    ending: ending && endingView(request, ending), resultUntil: about.mine && status === 'succeeded' && ending ? after(ending.at, resultMs) : null,
    mine: about.mine, mayDecide: about.mayDecide, ...(about.estimate === undefined ? {} : { estimate: about.estimate }),
    ...(request.diff === undefined || about.mine ? {} : { diff: request.diff }),   // the object as it is, which whoever may change it may not always read
  }
}

/**
 * All that the digest binds, but `demands` (`asked`). Every member is taken out by name and nothing may be left over, so that whatever becomes bound and
 * is not shown to those who say yes to it is a type error here. What the policy and a view's definition say is not the requester's to know.
 */
function boundView(bound: Bound, mine: boolean) {
  const { version: _version, issuer, trust, subject, actors, claims, connection, purpose, query, accesses, shown, used, obligations, demands: _asked, rules, fingerprint, expiresAt, salt: _salt, ...rest } = bound
  const { statements, batch, isolation, reveal, rowMode, maxRows, form: _language, told, seen: _visible, ...restOfQuery } = query // what language a statement is in, it shows itself; what its requester may see of the target is the requester's
  const { revealed, detect, limits, ...restOfObligations } = obligations
  nothing(rest, restOfQuery, restOfObligations)
  return {
    expiresAt, connection, purpose, subject: subject.id, actors: actors.map(({ id }) => id), issuer, trust: mine ? null : trust, principals: [subject, ...actors], claims: mine ? null : claims,
    batch, isolation, statements: told ?? statements, reveal, rowMode, maxRows, accesses: accessesOf(accesses, mine), classified: classifiedOf(shown, used), revealed, detect, limits,
    rules: rules.map(({ name }) => name), ruleContents: mine ? null : rules.map(({ content }) => content), fingerprint: mine ? null : fingerprint,
  }
}
const nothing = (..._rest: readonly Readonly<Record<string, never>>[]): void => {}

/** What a 202 says: enough to wait, to follow, and to tell a person where to look. */
export const waitingOf = (request: AccessRequest, console: string) =>
  ({ id: request.id, status: request.status, digest: request.digest, ...asked(request), expiresAt: request.bound.expiresAt, url: urlOf(request, console) })

const asked = ({ bound, verdicts }: AccessRequest) => ({
  approvers: [...new Set(bound.demands.flatMap(({ by }) => by))].sort(), quorum: Math.max(...bound.demands.map(({ quorum }) => quorum)),
  demands: bound.demands.map((demand) => ({ by: demand.by, quorum: demand.quorum, withinMs: demand.withinMs, rule: demand.rule, missing: missing(demand, verdicts) })),
})
const urlOf = ({ id }: AccessRequest, console: string): string => `${console}/requests/${id}`
const after = (iso: string, ms: number): string => new Date(Date.parse(iso) + ms).toISOString()

function accessesOf(accesses: Bound['accesses'], mine: boolean): RequestView['accesses'] {
  const seen = new Map<string, { readonly access: Omit<RequestView['accesses'][number], 'statements'>; readonly statements: Set<number> }>()
  for (const { action, resource, columns, via: through, statement, target, ...rest } of accesses) {
    nothing(rest)
    const via = mine ? [] : through
    // Names may have commas and spaces in them: joined by those, one access could hide another from the approver.
    const key = JSON.stringify([action, resource, columns, via, target])
    const found = seen.get(key) ?? { access: { action, resource, columns, via, ...(target ? { target } : {}) }, statements: new Set<number>() }
    found.statements.add(statement)
    seen.set(key, found)
  }
  return [...seen.values()].map(({ access, statements }) => ({ ...access, statements: [...statements] }))
}

function classifiedOf(shown: Bound['shown'], used: Bound['used']): RequestView['classified'] {
  return [
    ...shown.map(({ resource, column, dataClass, mask, statement, output, ...rest }) => {
      nothing(rest)
      return { resource, column: `${resource}.${column}`, class: dataClass, use: mask === null ? 'in clear' : `masked (${mask})`, statement, output }
    }),
    ...used.map(({ resource, column, dataClass, how, statement, ...rest }) => {
      nothing(rest)
      return { resource, column: `${resource}.${column}`, class: dataClass, use: how, statement, output: null }
    }),
  ]
}

/** The same words as the answer of the call itself. */
function endingView(request: AccessRequest, { at, refusal, rowCounts, outcome, promise }: NonNullable<AccessRequest['ending']>): EndingView {
  const answersUntil = answersRepeat(request, Date.parse(at)) ? after(at, repeatMs) : null
  if (refusal === null) return { at, slug: null, reason: null, detail: null, next: null, rowCounts, outcome, ...(promise === undefined ? {} : { promise }), answersUntil }
  const { slug, reason, detail, next, rule, action, resource, span, statement, sqlstate } = refusal
  return {
    at, slug, reason, detail, next, ...(rule === undefined ? {} : { rule }), ...(action === undefined ? {} : { action }), ...(resource === undefined ? {} : { resource }), ...(span === undefined ? {} : { span }),
    ...(statement === undefined ? {} : { statement }), ...(sqlstate === undefined ? {} : { sqlstate }), rowCounts, outcome, ...(promise === undefined ? {} : { promise }), answersUntil,
  }
}

const listed = { characters: 500, statements: 5, accesses: 10, name: 200 }

/** A request as a list carries it: a page of lists must not be as large as everything in it, and nobody decides from a list. */
export function summaryOf(view: RequestView): RequestSummary {
  const { id, status, digest, approvers, quorum, demands, createdAt, expiresAt, url, connection, purpose, subject, actors, issuer, batch, statements, decisions, notices, ending, mine, mayDecide } = view
  const accesses = [...new Map(view.accesses.map(({ action, resource, target }) => [JSON.stringify([action, resource, target]), { action, resource: clipped(resource, listed.name).sql, ...(target ? { target } : {}) }])).values()].sort((a, b) => rank(a.action) - rank(b.action))
  return {
    summary: true, id, status, digest, approvers, quorum, demands, createdAt, expiresAt, url, connection, purpose, subject, actors, issuer, batch, decisions, notices, ending, mine, mayDecide,
    statements: statements.slice(0, listed.statements).map(({ sql, params }) => ({ ...clipped(sql), params: params.length })), moreStatements: Math.max(0, statements.length - listed.statements),
    accesses: accesses.slice(0, listed.accesses), moreAccesses: Math.max(0, accesses.length - listed.accesses),
  }
}
/** Of what nobody is on record to have asked: what may be needed to say no to it, and none of its words, for they may be anybody's. */
export const unwishedOf = (summary: RequestSummary): RequestSummary => ({ ...summary, onRecord: false, mayDecide: false, purpose: null, notices: [], decisions: [], statements: [], moreStatements: 0, accesses: [], moreAccesses: 0 })
/** What changes something is said before what only reads. */
const rank = (action: string): number => (['select', 'read', 'get', 'list', 'watch'].includes(action) ? 1 : 0)

function clipped(sql: string, most = listed.characters): { readonly sql: string; readonly missing: number } {
  if (sql.length <= most) return { sql, missing: 0 }
  // Never in the middle of a character: half of one is no text.
  const kept = sql.slice(0, most).replace(/[\ud800-\udbff]$/, '')
  const missing = sql.length - kept.length
  return { sql: `${kept} [… ${missing} more characters]`, missing }
}
