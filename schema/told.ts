import * as z from 'zod'

/**
 * An event as a reader gets it: from the gate, or from an exported line that may be years old, of another version, or with its content erased. Only what makes it
 * an event is demanded; what is not there is absent, never made up.
 */
const list = <T extends z.ZodType>(item: T) => z.array(item).readonly()
const statement = z.looseObject({ sql: z.string(), params: list(z.unknown()).optional() })
const access = z.looseObject({ action: z.string(), resource: z.string(), columns: list(z.string()).nullable().optional(), via: list(z.string()).optional(), part: z.boolean().optional(), system: z.boolean().optional(), namespace: z.string().optional(), name: z.string().optional(), needs: list(z.string()).optional() })
const who = z.looseObject({ issuer: z.string(), subject: z.string(), actors: list(z.string()), groups: list(z.string()), roles: list(z.string()) })
const refusal = z.looseObject({ slug: z.string(), reason: z.string(), detail: z.string().optional(), rule: z.string().optional(), inner: z.string().optional(), sqlstate: z.string().optional() })
const time = z.iso.datetime()

export const told = z.looseObject({
  id: z.string().regex(/^evt_[0-7][0-9A-HJKMNP-TV-Z]{25}$/), at: time, kind: z.string().min(1).max(64), evaluation: z.string(), session: z.string().nullable(), who: who.nullable(), connection: z.string().nullable(), policy: z.string().nullable(),
  request: z.string().optional(), statements: list(statement).optional(), purpose: z.string().nullable().optional(), accesses: list(access).optional(), rules: list(z.string()).optional(),
  masks: z.record(z.string(), z.string()).optional(), revealed: list(z.string()).optional(), diff: z.string().optional(), deadline: time.optional(),
  intent: z.string().optional(), status: z.string().optional(), rowCounts: list(z.number()).optional(), truncated: z.boolean().optional(), refusal: refusal.nullable().optional(), durationMs: z.number().optional(), by: z.string().optional(),
  answered: z.looseObject({ status: z.number(), audit: z.string().nullable() }).optional(), said: z.record(z.string(), z.unknown()).optional(),
  change: z.record(z.string(), z.unknown()).optional(),
  result: z.looseObject({ bytes: z.number(), text: z.string().nullable() }).optional(), content: z.looseObject({ state: z.string().optional() }).optional(),
})
export type Told = Readonly<z.infer<typeof told>>

/** An access request as a replay needs it: what its own session's events do not hold are the words of the people who decided, which lie in theirs. */
export const toldRequest = z.looseObject({
  id: z.string(), status: z.string(), digest: z.string(), createdAt: time, expiresAt: time, requester: z.string(),
  demands: list(z.looseObject({ by: list(z.string()), quorum: z.number(), rule: z.string() })),
  verdicts: list(z.looseObject({ decision: z.string(), subject: z.string(), at: time, signedInAt: z.string(), reason: z.string().nullable() })),
  ending: z.looseObject({ at: time, reason: z.string().nullable(), outcome: z.string().nullable() }).nullable(),
})
export type ToldRequest = Readonly<z.infer<typeof toldRequest>>

/** One moment of a replay. What is null was not so, or is not in the record. */
export interface Step {
  readonly id: string
  readonly at: string
  /** Milliseconds since the step before; null for the first. */
  readonly sinceMs: number | null
  readonly kind: string
  /** What happened, in our own words: no text of a caller's is in it. */
  readonly title: string
  readonly tone: 'good' | 'bad' | ''
  readonly who: string | null
  readonly connection: string | null
  readonly request: string | null
  readonly purpose: string | null
  readonly statements: readonly { readonly sql: string; readonly params: readonly unknown[] }[] | null
  /** What the target said it would change: unified diff lines, masked. */
  readonly diff: string | null
  readonly decision: { readonly kind: 'permit' | 'ask' | 'deny'; readonly rules: readonly string[]; readonly reason: string | null; readonly detail: string | null; readonly policy: string | null } | null
  readonly accesses: readonly string[]
  readonly masks: readonly { readonly column: string; readonly mask: string }[]
  readonly revealed: readonly string[]
  readonly demands: readonly { readonly by: readonly string[]; readonly quorum: number; readonly rule: string }[]
  /** A person's word, with their reason. */
  readonly word: { readonly decision: string; readonly reason: string | null; readonly signedInAt: string | null } | null
  readonly outcome: { readonly status: string; readonly rows: readonly number[]; readonly truncated: boolean; readonly durationMs: number | null; readonly by: string | null; readonly reason: string | null; readonly detail: string | null; /** The masked answer: its beginning, and the bytes of the whole. */ readonly result: { readonly bytes: number; readonly text: string | null } | null; /** Of a target that speaks HTTP: its status and its own Audit-ID. */ readonly answered: { readonly status: number; readonly audit: string | null } | null; /** Of a command: how it ended, and how much of what it wrote is in steps before this one. */ readonly said: Readonly<Record<string, unknown>> | null } | null
  /** What a command wrote: all of it where it is short, else one part; bytes that are no text in base64. */
  readonly wrote: readonly { readonly stream: string; readonly text: string; readonly base64: boolean }[]
  /** What became of what was written there, where that cannot be read any more: `erased`, or `damaged`. */
  readonly gone: string | null
  /** Of what changes the gate itself, as it was recorded. */
  readonly change: Readonly<Record<string, unknown>> | null
}
