import type { Output } from '../output.ts'
import type { Raw, StreamEnd } from '../protocol.ts'

/** An answer in clear. Only answer.ts looks inside, and only through the WeakMap, so that nobody else's object passes for one. */
export interface Clear {
  readonly status: number
  readonly contentType: string
  readonly headers: Readonly<Record<string, string>>
  readonly audit: string | null
  /** `bytes`: whole. `stream`: as it comes. `own`: words of ours, with nothing of the cluster's in them. `exec`: what a command wrote. */
  readonly body:
    | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
    | { readonly kind: 'own'; readonly value: object }
    | { readonly kind: 'stream'; readonly chunks: AsyncGenerator<Uint8Array, void, undefined>; readonly end: (end: StreamEnd) => void; readonly cut: AbortSignal | null; /** Of a piece of a watch: the version it begins behind, null: at what there is. */ readonly from?: string | null; /** Objects, whatever the server gives. */ readonly most: number }
    | { readonly kind: 'exec' } & Output
  readonly maskKey: string | null
}
const made = new WeakMap<object, Clear>()

export function rawOf(clear: Clear, ended?: Promise<StreamEnd>): Raw {
  const raw = Object.freeze({})
  made.set(raw, clear)
  const { status, audit, body } = clear
  return { raw, rowCounts: [body.kind === 'stream' ? 0 : 1], truncated: body.kind === 'exec' && (body.truncated || body.ended !== undefined), answered: { status, audit }, ...(ended ? { ended } : {}), ...(body.kind === 'stream' && body.from === null ? { unordered: true } : {}), ...(ended && body.kind === 'stream' && body.most < Infinity ? { counted: ended.then(({ items }) => items) } : {}) }
}
export function clearOf({ raw }: Raw): Clear {
  const clear = made.get(raw)
  if (clear === undefined) throw new Error('invariant: this answer is not of this engine')
  return clear
}
