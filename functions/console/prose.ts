import type { Slug } from '../../schema/refusal.ts'

/** What each problem means and what to do, for a person or a model that opens `/problems/<slug>`. `act` is in the order to try. */
export const prose: Readonly<Record<Slug, { readonly happened: string; readonly act: readonly string[] }>> = {
  'invalid-request': {
    happened: 'The gate could not read the request as one of its calls. Nothing was decided and nothing was executed.',
    act: ['Read `detail`: it names the member, header or parameter and what it must be.', 'The shape of every call is in /openapi.json.', 'Status 405 means the path exists and `Allow` lists its methods.'],
  },
  'statement-unparsable': {
    happened: 'The statement is not one complete statement in the grammar of the target. The gate uses the grammar of the server itself, so the server would have refused it too.',
    act: ['`span` gives the place: `sql.slice(span.start, span.end)`.', 'Send one statement a string. Several statements go into `transaction`.', 'Values belong into `params`, not into the text.'],
  },
  unauthenticated: {
    happened: 'The call came without a token, or with one the gate does not accept: expired, from another issuer, for another audience, or not signed by the key it names. The gate does not say which.',
    act: ['Get a new token for this gate. /.well-known/oauth-protected-resource names the issuers; `sluice login` does it for a person.', 'Send it as `Authorization: Bearer …`.', 'If a new token is refused too, ask whoever runs the gate: its log has the reason.'],
  },
  denied: {
    happened: 'No rule permits everything this call would do, or a rule forbids part of it. Nothing was executed.',
    act: ['Read `detail`, `action` and `resource`: they name the access that is missing. `next: "fix"` means a smaller statement would pass, and `detail` says which.', 'GET /v1/me lists what you may do on which connection; POST …/explain tests a statement without running it.', '`next: "request"` means the policy lets people permit it; `next: "none"` means asking again will not help: the policy itself would have to change.', 'A resource that does not exist and one you may not know of answer alike.'],
  },
  'statement-unsupported': {
    happened: 'The statement uses something the gate cannot vouch for: a kind of statement, a function, or a use of a classified column whose effect it does not know. What it does not know it refuses.',
    act: ['`span` marks the part; `detail` names it and, where there is one, another way.', 'Write it with plain joins, filters and the usual functions; leave out transaction control, session settings and anything that runs text as code.'],
  },
  'approval-rejected': {
    happened: 'A person who may decide about this request looked at it and said no. Nothing was executed.',
    act: ['Read the reason they gave.', 'Do not send the same request again; change what it does, or talk to them.'],
  },
  'not-found': {
    happened: 'There is no such path, connection, event, session or lock, or there is one you may not know of. The answer is the same on purpose.',
    act: ['GET /v1/connections lists the connections you may use.', 'Check the spelling; names are lower case.'],
  },
  'policy-moved': {
    happened: 'The change was based on a policy that is no longer the one in force: somebody else applied another in between. Nothing was changed.',
    act: ['Read the policy in force (GET /v1/policy or `sluice policy pull`), look at what changed, and apply again with its version in `from`.'],
  },
  'request-settled': {
    happened: 'The access request was decided, cancelled or expired before this call.',
    act: ['Read the request to see how it ended.', 'If the access is still needed, ask anew.'],
  },
  'approval-stale': {
    happened: 'After the approval, something it rested on changed: a rule that took part, an object the statement reaches, or the statement itself. What was approved is not what would run, so nothing ran.',
    act: ['Send the call again: it is decided on what is true now, and asks again where it must.'],
  },
  'idempotency-in-flight': {
    happened: 'A call with the same `Idempotency-Key` is still running, or its process died and has not been settled yet.',
    act: ['Wait as long as `Retry-After` says and send the same call with the same key.', 'Do not switch to a new key: that could do the same thing twice.'],
  },
  'approval-expired': {
    happened: 'Nobody who may decide did so in time. Nothing was executed, and nobody said no.',
    act: ['Ask again when somebody is there to decide. For a quarter of an hour the same call is answered with this; `Retry-After` says when it asks anew.'],
  },
  'too-large': {
    happened: 'The body, the statement or its parameters are over the cap: 1 MiB for a body, 64 KB for a statement, 256 KB for all parameters together.',
    act: ['Send less in one call: fewer rows an insert, several calls.', 'Put long values into `params` instead of the statement.'],
  },
  'target-error': {
    happened: 'The gate permitted the statement and the target refused it. `sqlstate` is the target\'s own code. Its message is not passed on, because such messages quote data.',
    act: ['Look `sqlstate` up: 42703 is a column that is not there, 42P01 a table, 23505 a duplicate key, 22P02 a value of the wrong form.', '`span`, where given, marks the place in your statement.', 'GET /v1/connections/{connection}/schema lists tables, columns and types.', 'The transaction was rolled back: nothing of it stayed.'],
  },
  'idempotency-mismatch': {
    happened: 'This `Idempotency-Key` was used in the last 24 hours for a call with another body.',
    act: ['Use a new key for a new call.', 'To repeat the earlier call, send its body exactly.'],
  },
  'rate-limited': {
    happened: 'A limit of this caller is reached, and `detail` says which: statements or rows in an hour, requests to people in an hour, requests that wait for people at once, or messages on a socket. Nothing was executed.',
    act: ['Wait as long as `Retry-After` says, then send the same call.', 'For an hour\'s statements and rows: ask for fewer rows, or put several statements into fewer ones.', 'For requests that wait for people: cancel those nobody needs any more, or wait until some are decided.'],
  },
  internal: {
    happened: 'The gate failed on its own account. Its operator has been told.',
    act: ['Quote `evaluation` when you report it.', 'Before you send a write again, look in the audit (or ask somebody who may) whether the first one was executed.'],
  },
  'outcome-unknown': {
    happened: 'The statement was sent to the target and the answer was lost, or could not be recorded. It may have taken effect or not.',
    act: ['Do not simply send a write again. Read the data first and see whether the effect is there.', 'The audit holds the intent under `evaluation`; what becomes known later is added there.', 'Calls with an `Idempotency-Key` are never run twice by the gate itself.'],
  },
  'audit-unavailable': {
    happened: 'The gate could not reach the store that holds its record. What it cannot record it does not do.',
    act: ['Send the same call again after `Retry-After`.', 'If it stays so, tell whoever runs the gate.'],
  },
  'policy-unavailable': {
    happened: 'The gate has no policy it can rely on: none was applied yet, it cannot be read, or the identity provider does not answer. Without one nothing is permitted.',
    act: ['Send the same call again after `Retry-After`, if there is one.', 'On a new installation: apply the first policy with `sluice policy apply --bootstrap`.'],
  },
  'target-unavailable': {
    happened: 'The database or service behind this connection does not answer. Nothing was executed.',
    act: ['Send the same call again after `Retry-After`, if there is one.', 'If it stays so, tell whoever runs the gate, with the name of the connection.'],
  },
  timeout: {
    happened: 'The statement ran longer than its limit and was stopped. A write that was stopped was rolled back.',
    act: ['Ask for less: a narrower filter, fewer joins, a smaller `maxRows`.', 'GET /v1/me shows the time limit in force.'],
  },
}
