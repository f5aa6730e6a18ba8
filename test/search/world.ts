import type { Event, Id } from '../../schema/event.ts'
import { createSearch } from '../../functions/aws/search.ts'
import { createShelf } from '../../functions/aws/shelf.ts'
import { createCatalogue } from '../../functions/catalogue.ts'
import { makeIndex } from '../../functions/local/search.ts'
import { Damage, Fault, type Head, type Ports, type Search, type Shelf } from '../../functions/ports.ts'
import { append, emptyLog, type LogEdge } from '../../functions/record/log/grow.ts'
import { entriesOf, headNote, origin, signerOf } from '../record/log/sample.ts'
import { createMemoryLog, type MemoryLog } from '../support/log.ts'
import type { TestPostgres } from '../support/postgres.ts'

/** A log in memory that grows as a sequencer makes it grow, and a real index of it. */
export interface Indexed {
  readonly memory: MemoryLog
  readonly urls: { readonly write: string; readonly read: string }
  readonly shelf: Shelf
  readonly search: Search
  readonly alarms: string[]
  /** What the record tells of an event; or how it fails to. */
  readonly record: Map<Id<'evt'>, Event | 'damaged' | 'unavailable'>
  catalogue(shelf?: Shelf): ReturnType<typeof createCatalogue>
  /** Puts events into the log and publishes it. */
  grow(events: readonly Event[], mark?: number): Promise<void>
  /** Publishes another log in its place: what these entries make. */
  replace(entries: readonly Uint8Array[]): Promise<void>
}
let count = 0
export async function createIndexed(server: TestPostgres): Promise<Indexed> {
  const signer = signerOf(origin, 'index')
  const memory = createMemoryLog(signer)
  const urls = await makeIndex(server.superuserUrl, `test ${++count}`)
  const endpoint = { http: `${server.neonUrl}/sql`, websocket: '' }
  const shelf = createShelf({ url: urls.write, endpoint })
  const alarms: string[] = []
  const record: Indexed['record'] = new Map()
  let log: LogEdge = emptyLog
  let head: Head | null = null
  async function publish(grown: ReturnType<typeof append>, mark: number): Promise<void> {
    for (const { path, bytes } of grown.tiles) memory.objects.set(path, Uint8Array.from(bytes))
    const checkpoint = (await headNote(grown.log.edge.size, grown.root, signer)).toString()
    const next: Head = { revision: (head?.revision ?? 0) + 1, size: grown.log.edge.size, bundle: '', checkpoint, at: 0, mark, near: mark, awaited: [] }
    await memory.log.store.advance(next, head)
    await memory.log.store.publish({ size: next.size, checkpoint })
    head = next
    log = grown.log
  }
  const ledger: Pick<Ports['ledger'], 'get'> = {
    get: async (id) => {
      const event = record.get(id) ?? null
      if (event === 'damaged') throw new Damage('damaged')
      if (event === 'unavailable') throw new Fault('store-unavailable', 'the record is down')
      return event
    },
  }
  return {
    memory, urls, shelf, alarms, record, search: createSearch({ url: urls.read, endpoint }),
    catalogue: (one = shelf) => createCatalogue({ now: () => 1_000_000, alarm: (what) => { alarms.push(what) }, log: memory.log, shelf: one, ledger }),
    async grow(events, mark = 0) {
      for (const event of events) record.set(event.id, event)
      await publish(append(log, entriesOf(events)), mark)
    },
    async replace(entries) {
      memory.objects.clear()
      memory.rows.hint = null
      await publish(append(emptyLog, entries), 0)
    },
  }
}
