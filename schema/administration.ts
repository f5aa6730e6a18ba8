import * as z from 'zod'

/** Bodies of the calls that change the gate itself. Documents are checked one by one after this, so that an error can name its file. */
const documents = z.array(z.strictObject({ path: z.string().regex(/^(?=.{1,200}$)[A-Za-z0-9][A-Za-z0-9._-]*(\/[A-Za-z0-9][A-Za-z0-9._-]*)*\.ya?ml$/, 'a path is relative, of letters, digits, `.`, `_`, `-` and `/`, and ends in `.yaml`'), document: z.unknown() })).min(1).max(1000)
const version = z.string().regex(/^[0-9a-f]{64}$/, 'a policy version is 64 hex digits')

/** `from`: the version this was based on. `lockout`: true says that the author means to lose the right to apply. */
export const policyBody = z.strictObject({ documents, from: version, commit: z.string().min(1).max(200).optional(), lockout: z.literal(true).optional() })
export const planBody = z.strictObject({ documents })
/** `lockout`: true says that the caller means to lock themselves, or a role of theirs. */
export const lockBody = z.strictObject({ reason: z.string().min(1).max(500).optional(), until: z.iso.datetime({ offset: true }).optional(), lockout: z.literal(true).optional() })

/** What a lock may name. */
export const lockTarget = z.string().max(300).regex(/^(everything|subject:(user|agent):[^\s\p{C}]{1,250}|role:[a-z0-9][a-z0-9._-]{0,62}|connection:[a-z0-9][a-z0-9._-]{0,62})$/u,
  'a lock is on `everything`, `subject:user:…`, `subject:agent:…`, `role:NAME` or `connection:NAME`')
