import * as z from 'zod'
import { statuses } from './approval.ts'
import { slugs } from './refusal.ts'

/** What the calls of CONTRACT.md section 2 answer, for /openapi.json, for the command line and for tests. Objects may grow members. */
const span = z.object({ start: z.int().min(0), end: z.int().min(0) }).describe('half-open range in the statement sent, as `sql.slice(start, end)` takes it')
const principal = z.object({ id: z.string(), kind: z.enum(['user', 'agent']), groups: z.array(z.string()) })
const time = z.iso.datetime()
const limits = z.object({
  rows: z.int(), bytes: z.int(), timeoutMs: z.int(), affected: z.int(), cost: z.number().optional(), statementsPerHour: z.int().nullable(), rowsPerHour: z.int().nullable(),
})

export const problem = z.object({
  type: z.enum(slugs.map((slug) => `/problems/${slug}` as const)), title: z.string(), status: z.int(), detail: z.string().describe('what exactly, and what would pass'),
  reason: z.string().describe('a stable machine word'), next: z.enum(['fix', 'request', 'retry', 'none']).describe('what helps: change the call, ask a person, send the same call again later, or nothing'),
  evaluation: z.string().optional(), rule: z.string().optional(), action: z.string().optional(), resource: z.string().optional(), span: span.optional(),
  statement: z.int().optional().describe('which statement of a transaction, from 0'), sqlstate: z.string().optional(), retryAfter: z.number().optional().describe('seconds'),
})
const column = z.object({ name: z.string(), type: z.string(), class: z.string().optional(), masked: z.string().optional() })
const result = z.object({
  columns: z.array(column), rows: z.array(z.union([z.record(z.string(), z.json()), z.array(z.json())])).describe('objects, or arrays with `rowMode: "array"`'),
  rowCount: z.int(), truncated: z.boolean().describe('true: a cap cut the rows; there are more'), detected: z.record(z.string(), z.int()).optional(),
})
const about = { evaluation: z.string(), session: z.string().nullable(), receipt: z.object({ event: z.string() }) }
export const rows = z.union([result.extend(about), z.object({ results: z.array(result), ...about })])

export const said = z.object({
  stdout: z.string().nullable(), stderr: z.string().nullable(), exitCode: z.int().nullable(), truncated: z.boolean().describe('true: this is not all that it wrote; what is over the limits, the record has'), withheld: z.string().optional().describe('why what it wrote is not here'),
  ended: z.string().optional().describe('why it was let go of before its end; exitCode is then null'),
  evaluation: z.string(), session: z.string().nullable(), receipt: z.object({ event: z.string() }).optional(),
})

export const explanation = z.object({
  decision: z.enum(['permit', 'ask', 'deny']), rules: z.array(z.string()),
  accesses: z.array(z.object({ action: z.string(), resource: z.string(), columns: z.array(z.string()).optional() })),
  masks: z.array(z.object({ statement: z.int(), output: z.int(), column: z.string().optional(), class: z.string(), mask: z.string().nullable() })).describe('classified columns that come out; `mask` null: in clear'),
  reveals: z.array(z.string()), limits: limits.optional(),
  demands: z.array(z.object({ by: z.array(z.string()), quorum: z.int(), withinMs: z.int(), rule: z.string() })),
  problem: problem.optional(), evaluation: z.string(), session: z.string().nullable(),
})
export const me = z.object({
  subject: principal, actors: z.array(principal), issuer: z.string(), person: z.boolean(), roles: z.array(z.string()),
  expiresAt: time, policy: z.string(), abilities: z.json().describe('per connection: what may be done on what, with masks, approvals and limits; `on` has names, and of a host commands, each a list of words'),
  evaluation: z.string(), session: z.string().nullable(),
})
export const connections = z.object({ connections: z.array(z.object({ name: z.string(), engine: z.string(), locked: z.boolean() })) })
export const schema = z.object({
  connection: z.string(),
  relations: z.array(z.object({
    schema: z.string(), name: z.string(), kind: z.string(), actions: z.record(z.string(), z.enum(['permit', 'ask'])),
    columns: z.array(z.object({ name: z.string(), type: z.string(), nullable: z.boolean(), class: z.string().optional(), masked: z.string().optional(), readable: z.literal(false).optional().describe('may be written, not read') })),
  })),
  hint: z.string().optional().describe('of a cluster or a host, which has no tables: where to look'),
})
export const grants = z.object({
  connection: z.string(), script: z.string().describe('for the target\'s own client, to be read and run by a person'),
  roles: z.array(z.object({ use: z.enum(['write', 'read', 'plain']), name: z.string() })),
  findings: z.array(z.object({ level: z.enum(['error', 'warning']).describe('error: the role walks around the target\'s grants'), name: z.string(), message: z.string() })),
})
const event = z.looseObject({ id: z.string(), at: time, kind: z.string(), evaluation: z.string(), session: z.string().nullable(), connection: z.string().nullable() })
export const events = z.object({
  events: z.array(event), next: z.string().nullable(),
  indexedTo: z.object({
    size: z.int().describe('entries of the log that are in the index'), at: time.describe('when those were all'), completeBefore: time.describe('events of before are in it for certain; only an outcome or a correction may still come to them'), behind: z.int().describe('entries that are in the log and not yet in the index'),
    opaque: z.int().describe('events of which only id, kind and time could be indexed: no other filter finds them'),
  }).optional().describe('where the index of the log was asked: what is later was not looked through'),
  missing: z.array(z.string()).optional().describe('events that are in the log and no longer in the record'),
  damaged: z.array(z.string()).optional().describe('within this page: ids under which no event can be read'),
  log: z.object({ checkpoint: z.string(), places: z.record(z.string(), z.int()).describe('event id → index in the log') }).nullable().optional().describe('of an export: the checkpoint it belongs to'),
})
export const oneEvent = z.object({ event })
export const erased = z.object({ erased: z.int().describe('keys destroyed by this call'), next: z.string().nullable().describe('more is to be looked through'), event: z.string().describe('the erasure on record'), damaged: z.array(z.string()).optional().describe('events that cannot be read, so that nobody knows what sealed them') })
export const session = z.object({
  session: z.string(), events: z.array(event), next: z.string().nullable(), missing: z.array(z.string()).optional().describe('events that are in the log and no longer in the record'),
  damaged: z.array(z.string()).optional().describe('within this part: ids of events and requests under which nothing can be read'),
  requests: z.array(z.object({
    id: z.string(), status: z.enum(statuses), digest: z.string(), createdAt: time, expiresAt: time, requester: z.string(), demands: z.array(z.object({ by: z.array(z.string()), quorum: z.int(), rule: z.string() })),
    verdicts: z.array(z.object({ decision: z.enum(['approve', 'reject']), subject: z.string(), at: time, signedInAt: z.string(), reason: z.string().nullable() })),
    ending: z.object({ at: time, reason: z.string().nullable(), outcome: z.string().nullable() }).nullable(),
  })),
})

const documents = z.array(z.object({ path: z.string(), document: z.unknown() }))
export const policy = z.object({ version: z.string(), appliedAt: time, appliedBy: z.string(), commit: z.string().nullable(), documents })
export const applied = z.object({ version: z.string(), from: z.string(), commit: z.string().nullable(), findings: z.array(z.json()) })
export const plan = z.object({ from: z.string(), to: z.string(), changes: z.array(z.json()), destroys: z.array(z.object({
  what: z.enum(['content', 'entries']), age: z.string(), was: z.string().nullable().describe('null: for ever'), from: time.describe('nothing of it goes before this'),
  sheets: z.int().optional().describe('keys of content by then'), more: z.literal(true).optional().describe('at least so many'),
})).describe('what is on record that this would destroy, for good'), findings: z.array(z.json()), keepsApply: z.boolean().describe('false: the caller could not apply again'), replay: z.object({
  decisions: z.int(), same: z.int(), changed: z.int(), unknown: z.int().describe('the record does not hold enough to tell'), changes: z.array(z.object({ was: z.string(), would: z.string(), count: z.int() })),
  events: z.array(z.json()).describe('the first that change'),
}).nullable().describe('the newest decisions on record under this policy; null: the caller may not read the audit, or it could not be read') })
const lock = z.object({ target: z.string(), by: z.string(), at: time, reason: z.string().nullable(), until: time.nullable() })
export const oneLock = z.object({ lock })
export const locks = z.object({ locks: z.array(lock) })
export const unlocked = z.object({ unlocked: z.string() })
export const metadata = z.object({ resource: z.url(), authorization_servers: z.array(z.url()), bearer_methods_supported: z.array(z.string()), resource_name: z.string(), resource_documentation: z.url() })

const demand = z.object({ by: z.array(z.string()), quorum: z.int(), withinMs: z.int(), rule: z.string(), missing: z.int().describe('people still missing') })
const asked = {
  id: z.string(), status: z.enum(statuses), digest: z.string().describe('SHA-256 over all that is asked; send it with a decision'), approvers: z.array(z.string()), quorum: z.int(),
  demands: z.array(demand).describe('each must reach its own quorum'), expiresAt: time, url: z.url().describe('the page for the people who decide'),
}
export const waiting = z.object({ request: z.object(asked), evaluation: z.string() })
const hidden = 'null for whoever asked'
const ending = z.object({
  at: time, slug: z.enum(slugs).nullable(), reason: z.string().nullable(), detail: z.string().nullable(), next: z.enum(['fix', 'request', 'retry', 'none']).nullable(),
  rule: z.string().optional(), action: z.string().optional(), resource: z.string().optional(), span: span.optional(), statement: z.int().optional(), sqlstate: z.string().optional(),
  rowCounts: z.array(z.int()), outcome: z.string().nullable(), promise: z.string().optional().describe('that the outcome will be in the log, as the header Sluice-Promise says it'), answersUntil: time.nullable().describe('until then the same call is answered by this end; null: it asks anew'),
}).describe('in the words of the problem that the call itself gets')
const common = {
  ...asked, createdAt: time, connection: z.string(), purpose: z.string().nullable().describe('in the words of whoever asks'), subject: z.string(), actors: z.array(z.string()), issuer: z.string(), batch: z.boolean(),
  decisions: z.array(z.object({ subject: z.string(), decision: z.enum(['approve', 'reject']), at: time, reason: z.string().nullable() })),
  notices: z.array(z.object({ to: z.string(), sent: z.boolean(), attempts: z.int(), at: time })).describe('who was told, and how that went'),
  ending: ending.nullable(), mine: z.boolean(), mayDecide: z.boolean(),
}
const target = z.object({ namespace: z.string().nullable(), name: z.string().nullable(), needs: z.array(z.string()) }).describe('of a cluster: null is all or none of them; `needs`: what pod templates in the object may do')
const request = z.object({
  ...common, trust: z.string().nullable().describe(`SHA-256 of the issuer's document; ${hidden}`), principals: z.array(principal).describe('the subject, then the actors'),
  claims: z.record(z.string(), z.json()).nullable().describe(`of the token, those that conditions of the policy read; ${hidden}`), isolation: z.string(),
  statements: z.array(z.object({ sql: z.string().describe('of a host: the line of a command, as its shell gets it'), params: z.array(z.json()) })), reveal: z.array(z.string()).describe('classes the call asks to see in clear'), rowMode: z.enum(['object', 'array']), maxRows: z.int().nullable(),
  accesses: z.array(z.object({
    action: z.string(), resource: z.string(), columns: z.array(z.string()).nullable(), via: z.array(z.string()).describe('views or parents it goes through; empty for whoever asked'), statements: z.array(z.int()), target: target.optional(),
  })),
  classified: z.array(z.object({ resource: z.string(), column: z.string(), class: z.string(), use: z.string(), statement: z.int(), output: z.int().nullable() })),
  revealed: z.array(z.string()).describe('classes that come in clear'), detect: z.array(z.string()), limits, rules: z.array(z.string()), ruleContents: z.array(z.string()).nullable().describe(`SHA-256 of each rule; ${hidden}`),
  fingerprint: z.string().nullable().describe(`over the definitions of the objects reached; ${hidden}`), policy: z.string(),
  resultUntil: time.nullable().describe('until when whoever asked may fetch the rows; after that they are gone, and it does not run again'),
  diff: z.string().optional().describe('what the cluster said a write would change when it was asked, masked; of a command on a host, as whom and where it would run; for those who may decide'), diffNow: z.string().optional().describe('the same now, where it differs: then it would not run as it was asked'),
  estimate: z.array(z.object({ rows: z.number(), cost: z.number() }).nullable()).optional().describe('the target\'s own guess, for those who may decide'),
})
const summary = z.object({
  ...common, summary: z.literal(true), onRecord: z.literal(false).optional().describe('that anybody asked for this, as it stands here, is not on record: it cannot be approved, nothing of it runs, and its words are left out'),
  statements: z.array(z.object({ sql: z.string().describe('its first 500 characters, and a mark where it goes on'), missing: z.int().describe('characters left out'), params: z.int().describe('how many') })), moreStatements: z.int(),
  accesses: z.array(z.object({ action: z.string(), resource: z.string(), target: target.optional() })), moreAccesses: z.int(),
})
export const oneRequest = z.object({ request, result: z.json().optional().describe('the answer of its execution, as the call itself would have had it; for whoever asked, until `resultUntil`') })
export const requests = z.object({ requests: z.array(summary), next: z.string().optional() })
