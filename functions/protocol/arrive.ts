import type { CarriedAnswer, CarriedOutcome } from './carry.ts'
import { onward, type Onward } from './onward.ts'
import { cutShort } from './halt.ts'
import type { Masked, MaskedResult, Raw } from './protocol.ts'

/** What came back, as an engine of this process would give it: masked already. */
export interface Arrived { readonly rows: Raw; readonly masked: { readonly results: readonly MaskedResult[]; readonly answer?: NonNullable<Masked['answer']> } }

/** `way`: how what lasts goes on. */
export function arrived({ results, rowCounts, truncated, answer }: Extract<CarriedOutcome, { status: 'succeeded' }>, way: Omit<Onward, 'first'>): Arrived {
  const rows = { raw: Object.freeze({}), rowCounts, truncated }
  if (answer === undefined) return { rows, masked: { results } }
  const { status, headers, audit, listed, end } = answer
  const known = { ...rows, answered: { status, audit } }
  if (end === undefined || way.lastsMs === 0) return { rows: { ...known, ...(listed === undefined ? {} : { counted: Promise.resolve(listed) }) }, masked: { results, answer: { status, headers, audit, body: bytesOf(answer) } } }
  const { body, ended } = onward({ ...way, first: { ...answer, end } })
  return { rows: { ...known, ended, ...(listed === undefined ? {} : { counted: ended.then(({ items }) => items) }) }, masked: { results, answer: { status, headers, audit, body } } }
}
const bytesOf = ({ body }: CarriedAnswer): Uint8Array => Uint8Array.from(Buffer.from(body, 'base64'))

/** How long whoever runs it there has to hear of a cut, to end it, and to say what became of it, ms. */
const lastWordMs = 5000
/**
 * The promise. Once it is cut, `tell` tells whoever runs it there, whose answer is still waited for a while: it says how it ended, and what was written until then. TransportError where none comes, or where nobody could be told:
 * then what was sent goes on there until its own time is over.
 */
export async function aborted<T>(promise: Promise<T>, cut: AbortSignal | undefined, tell: (() => Promise<void>) | null): Promise<T> {
  if (cut === undefined) return promise
  const { promise: over, reject } = Promise.withResolvers<never>()
  let timer: NodeJS.Timeout | undefined
  const late = () => { reject(cutShort(cut)) }
  const stop = () => {
    if (tell === null) return late()
    timer = setTimeout(late, lastWordMs)
    tell().catch(late)
  }
  cut.addEventListener('abort', stop, { once: true })
  if (cut.aborted) stop()
  return Promise.race([promise, over]).finally(() => { clearTimeout(timer); cut.removeEventListener('abort', stop) })
}
