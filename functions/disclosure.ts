import type { Event, Id } from '../schema/event.ts'
import type { Ports } from './ports.ts'
import { disclose } from './record/cipher.ts'
import { FormatError } from './record/log/format.ts'
import { readEntry } from './record/log/entry.ts'
import { createFinder } from './record/keyring.ts'

/** Events read at once, and bytes after which an answer ends: one event may have 300 KB. */
const abreast = 8
const mostBytes = 4 * 1024 * 1024

/**
 * The content of the entries of one bundle, from the one at `from` on, as lines of JSON: `{id, opening, text}` for each that has content which can still be opened, `{id, state}` for those that are
 * erased or damaged; last `{next}` where it goes on. `text` is what the entry's commitment is over, HMAC-SHA-256 under `opening`, hex. Nobody needs the gate to check it, and nobody can
 * open another event's with it.
 */
export async function contentOf(ports: Pick<Ports, 'ledger' | 'keys'>, entries: readonly Uint8Array[], from: number): Promise<string> {
  const find = createFinder(ports.keys)
  const wanted = entries.flatMap((entry, at) => { const sealed = at < from ? null : sealedIn(entry); return sealed === null ? [] : [{ at, ...sealed }] })
  let text = ''
  for (let i = 0; i < wanted.length; i += abreast) {
    const first = wanted[i]
    if (first && text.length > mostBytes) return `${text}${JSON.stringify({ next: first.at })}\n`
    const lines = await Promise.all(wanted.slice(i, i + abreast).map(async ({ id, key }) => JSON.stringify({ id, ...await one(id, key) })))
    text += lines.map((line) => `${line}\n`).join('')
  }
  return text

  async function one(id: Id<'evt'>, name: string): Promise<object> {
    const key = await find(name)
    if (key === null) return { state: 'erased' }
    const event = await ports.ledger.get(id)
    const disclosed = event === null || event.content?.state !== undefined ? null : disclose(key, event)
    return disclosed ?? { state: 'damaged' }
  }
}

function sealedIn(bytes: Uint8Array): { readonly id: Id<'evt'>; readonly key: string } | null {
  try {
    const { id, event } = readEntry(bytes)
    const content = event['content'] as Event['content'] | undefined
    return typeof content?.key === 'string' ? { id: id as Id<'evt'>, key: content.key } : null
  } catch (error) {
    if (error instanceof FormatError) return null                   // what our log does not have, and its verifier tells of
    throw error
  }
}
