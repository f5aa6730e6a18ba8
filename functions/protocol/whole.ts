import type { Refusal } from '../../schema/refusal.ts'
import { mostBytes, type CarriedAnswer, type Heard } from './carry.ts'
import { collect, type Bounds } from './collect.ts'
import type { Masked, Raw, Run } from './protocol.ts'

/** What a piece of something that lasts waits for more, takes at most, and holds at most. */
const piece = { quietMs: 300, ms: 5000, bytes: 2 * 1024 * 1024 } as const
/** Of what has no order a silence is taken for its end, and so must be longer than any in the midst of it. */
const beginning = { quietMs: 2000, ms: 8000, bytes: mostBytes } as const
/** Of what a command writes: the record has all of it, and so it must fit into one answer beside what its caller gets. */
const heardBytes = 2 * 1024 * 1024

type Given = NonNullable<Masked['answer']>
interface Manner { readonly piece: boolean; readonly timeoutMs: number }
/** `fits`: so many objects of a list went in. */
export type Whole = { readonly answer: CarriedAnswer } | { readonly refusal: Refusal; readonly fits?: number }

/** An answer of the target's own protocol as it is carried: to its end, or a piece of it; masked already. What does not go in whole is refused with what would. */
export async function whole({ status, headers, audit, body }: Given, rows: Raw, cut: AbortController, { piece: some, timeoutMs }: Manner): Promise<Whole> {
  const head = { status, headers, audit }
  if (body instanceof Uint8Array) return body.byteLength > mostBytes ? { refusal: tooLarge } : { answer: { ...head, body: Buffer.from(body).toString('base64') } }
  const bounds: Bounds = some ? rows.unordered ? beginning : piece : { bytes: mostBytes, ms: timeoutMs }
  const collected = await collect(body, cut, bounds).catch(() => null)
  const end = await rows.ended
  if (collected === null || end === undefined) return { refusal: end?.how === 'withheld' ? unreadable : end?.how.startsWith('cut') ? tooLarge : broken(end?.how ?? 'no end') }
  const { items, how, detected, next } = end
  const answer = { ...head, body: collected.bytes.toString('base64'), ...(rows.counted ? { listed: items } : {}) }
  if (some) return next && rows.unordered && collected.how !== 'quiet' ? { refusal: tooMany } : { answer: { ...answer, end: { items, how, detected, next: next ?? null } } }
  switch (collected.how) {
    case 'end': return { answer }
    case 'full': return rows.counted && items > 1 ? { refusal: tooLarge, fits: items } : { refusal: tooLarge }
    case 'late': case 'quiet': return { refusal: late }
  }
}
/** With room for objects that differ. */
export const worth = (fits: number): number => Math.max(1, Math.floor(fits * 0.7))

/** Keeps what a command writes, for whoever records it; how much it may be is said with it. */
export function hearing(): { readonly hear: Pick<Run, 'heard' | 'heardBytes'>; readonly heard: () => { readonly heard?: Heard } } {
  const parts: (readonly [stream: 'stdout' | 'stderr', base64: string])[] = []
  return {
    hear: { heardBytes, heard: async (stream, bytes) => { parts.push([stream, Buffer.from(bytes).toString('base64')]) } },
    heard: () => (parts.length === 0 ? {} : { heard: parts }),
  }
}

const tooLarge: Refusal = { slug: 'too-large', reason: 'answer_too_large', next: 'fix', detail: `the answer is over ${mostBytes / 1024 / 1024} MiB, which is the most that comes out of a private network at once; ask for less of it, such as by \`limit\`, \`tailLines\` or \`limitBytes\`` }
const tooMany: Refusal = { slug: 'too-large', reason: 'answer_too_large', next: 'fix', detail: 'there is more at the beginning of this watch than comes out of a private network at once; list first, and watch from the list\'s `resourceVersion`' }
const late: Refusal = { slug: 'timeout', reason: 'target_timeout', next: 'retry', detail: 'the target took longer than this may' }
const unreadable: Refusal = { slug: 'target-error', reason: 'withheld', next: 'none', detail: 'the target\'s answer is withheld, for it is not of a form that can be masked' }
const broken = (inner: string): Refusal => ({ slug: 'target-unavailable', reason: 'connection_lost', next: 'retry', retryAfterSeconds: 2, inner, detail: 'the connection to the target broke off' })
