import { refuse } from '../../../schema/refusal.ts'

/** Refusals of what was sent: each says what would pass. `unreadable`: it has no reading, or two. */
export const unreadable = (reason: string, detail: string) => refuse({ slug: 'invalid-request', reason, detail, next: 'fix' })
/** It is understood, and the gate does not carry it. */
export const unsupported = (reason: string, detail: string) => refuse({ slug: 'statement-unsupported', reason, detail, next: 'fix' })
/** What a caller sent, short enough for a message. */
export const clip = (text: string): string => (text.length > 80 ? `${text.slice(0, 77)}...` : text)
