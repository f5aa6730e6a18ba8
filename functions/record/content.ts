import { join, split } from '../../schema/content.ts'
import type { Event, Sealed } from '../../schema/event.ts'
import { Fault, type ContentKeys, type Ledger, type Requests } from '../ports.ts'
import { open, seal } from './cipher.ts'
import { createFinder, createKeyring, readKeyId } from './keyring.ts'

/**
 * The rim between the gate and its stores: what goes in is sealed, what comes out is opened, here and nowhere else. Behind it no store, no sequencer and no log ever has content in clear;
 * aws/entry.ts refuses an event that has. A store of keys that does not answer is a store that does not record: then nothing is executed. `keys`: the same, for whoever destroys some: what is destroyed through them seals
 * nothing here from that moment on.
 */
export function sealing<S extends { readonly ledger: Ledger; readonly requests: Pick<Requests, 'create' | 'swap'> }>(stores: S, keys: ContentKeys, now: () => number): S & { readonly keys: ContentKeys } {
  const { ledger, requests } = stores
  const ring = createKeyring({ keys, now })
  /** At once where the key is at hand: each turn of the loop of promises that is waited for in vain costs a record more than its cipher. */
  function sealed(event: Event): Event | Promise<Event> {
    const { open, content } = split(event)
    if (content === null) return open
    const key = ring.take(event.session)
    return key instanceof Promise ? key.then((taken) => seal(taken, open, content)) : seal(key, open, content)
  }
  return {
    ...stores,
    keys: {
      ...keys,
      destroy: async (sheet, slots) => {
        ring.drop(sheet, slots)                                     // first: where the store then fails, a session has another key and nothing is lost
        await keys.destroy(sheet, slots)
      },
    },
    ledger: {
      append: (event: Event) => {
        try {
          const kept = sealed(event)
          return kept instanceof Promise ? kept.then(ledger.append) : ledger.append(kept)
        } catch (error) {
          return Promise.reject(error)
        }
      },
      get: async (id) => {
        const event = await ledger.get(id)
        return event && await readable(createFinder(keys), event)
      },
      list: async (...question: Parameters<Ledger['list']>) => {
        const page = await ledger.list(...question)
        const find = createFinder(keys)
        return { ...page, events: await Promise.all(page.events.map((event) => readable(find, event))) }
      },
      scan: ledger.scan,
      unsettled: async (...question: Parameters<Ledger['unsettled']>) => {
        const find = createFinder(keys)
        return Promise.all((await ledger.unsettled(...question)).map(async (event) => await readable(find, event) as typeof event))
      },
    },
    requests: {
      ...requests,
      create: async (...[request, event, ...more]: Parameters<Requests['create']>) => requests.create(request, await sealed(event), ...more),
      swap: async (...[next, event]: Parameters<Requests['swap']>) => requests.swap(next, event && await sealed(event)),
    },
  }
}

type Find = ReturnType<typeof createFinder>
/**
 * Content that does not open, though its key is there, is told as damaged and holds up nothing else: one item that somebody wrote over must not hide a whole page, nor keep the sweeper from the others. Rejects only where the store of
 * keys does not answer: that is no damage, and at the next look it may open.
 */
async function readable(find: Find, event: Event): Promise<Event> {
  if (event.content === undefined) return event
  const { key: id, commitment } = aboutOf(event.content)
  if (readKeyId(id) === null) return join({ ...event, content: { key: id, commitment } }, 'damaged')
  try {
    const key = await find(id)
    return key === null ? join(event, 'erased') : open(key, event) ?? join(event, 'damaged')
  } catch (error) {
    if (error instanceof Fault) throw error
    return join(event, 'damaged')
  }
}
/** What is said there of the sealing, by whoever wrote it: what is no text is left out, and names no key. */
function aboutOf(content: unknown): Pick<Sealed, 'key' | 'commitment'> {
  const about: Readonly<Record<string, unknown>> = typeof content === 'object' && content !== null ? Object.fromEntries(Object.entries(content)) : {}
  const [key, commitment] = [about['key'], about['commitment']]
  return { key: typeof key === 'string' ? key : '', commitment: typeof commitment === 'string' ? commitment : '' }
}

