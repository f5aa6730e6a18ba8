import { expect } from 'vitest'
import { createIds } from '../../functions/aws/ulid.ts'
import { createHints, type Hints } from '../../functions/hint.ts'
import { type Ledger, Fault, type Log, type Objects, type LogStore } from '../../functions/ports.ts'
import { openCheckpoint } from '../../functions/record/log/checkpoint.ts'
import { readEntry, type Entry } from '../../functions/record/log/entry.ts'
import { keyOf } from '../../functions/record/log/note.ts'
import { proveConsistency, rootFrom } from '../../functions/record/log/prove.ts'
import { decodeEntries, tilePath, tileWidth, type Tile } from '../../functions/record/log/tile.ts'
import { leafHash, provesConsistency } from '../../functions/record/log/tree.ts'
import { createSequencer, type Sequencer } from '../../functions/sequence.ts'
import type { Event } from '../../schema/event.ts'
import { timeOf } from '../../schema/item.ts'
import { createMemoryLog, type MemoryLog } from '../support/log.ts'

/** Numbers that look drawn, the same at every run. */
export function draws(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
    return state / 2_147_483_648
  }
}

/** A ledger in memory that pages as the real one does: by the time in the id, newest first. */
export function createMemoryLedger() {
  const events = new Map<string, Event>()
  const state = { broken: false, lists: 0 }
  let sorted: Event[] | null = []
  const check = () => { if (state.broken) throw new Fault('store-unavailable', 'the ledger is down') }
  const ledger: Ledger = {
    append: async (event) => {
      check()
      if (events.has(event.id)) return 'already'
      const last = sorted?.at(-1)
      events.set(event.id, event)
      if (sorted && (last === undefined || last.id < event.id)) sorted.push(event)
      else sorted = null
      return 'stored'
    },
    get: async (id) => { check(); return events.get(id) ?? null },
    list: async ({ from, to }, { limit, after }) => {
      check()
      state.lists++
      sorted ??= [...events.values()].toSorted((a, b) => (a.id < b.id ? -1 : 1))
      const [lowest, highest] = [from === undefined ? 0 : Date.parse(from), to === undefined ? Infinity : Date.parse(to)]
      const page: Event[] = []
      let [low, high] = [0, sorted.length]
      while (low < high) { const middle = (low + high) >> 1; if (timeOf(sorted[middle]!.id) < highest && (after === null || sorted[middle]!.id < after)) low = middle + 1; else high = middle }
      for (let at = low - 1; at >= 0 && timeOf(sorted[at]!.id) >= lowest; at--) {
        if (page.length === limit) return { events: page, next: page.at(-1)?.id ?? null }
        page.push(sorted[at]!)
      }
      return { events: page, next: null }
    },
    async *scan(from, to) {
      check()
      state.lists++
      const found = [...events.values()].filter(({ id }) => timeOf(id) >= from && (to === null || timeOf(id) < to)).toSorted((a, b) => (a.id < b.id ? -1 : 1))
      for (let at = 0; at < found.length;) {
        let end = Math.min(found.length, at + 400)
        while (end < found.length && timeOf(found[end]!.id) === timeOf(found[end - 1]!.id)) end++
        const [slice, until] = [found.slice(at, end), end < found.length ? timeOf(found[end]!.id) : to ?? Infinity]
        // In pieces, an intent and what became of it in different ones, and nothing of it said to be over before the last.
        const [some, others] = [slice.filter(({ kind }) => kind === 'intent'), slice.filter(({ kind }) => kind !== 'intent')]
        yield { events: some, damaged: [], until: at === 0 ? from : timeOf(found[at]!.id) }
        check()
        yield { events: others, damaged: [], until }
        at = end
      }
      if (to !== null) yield { events: [], damaged: [], until: to }
    },
    unsettled: async () => [],
  }
  return { ledger, events, state }
}

export interface LogWorld {
  readonly clock: { ms: number }
  readonly ids: { readonly now: () => number; readonly id: ReturnType<typeof createIds> }
  readonly ledger: Ledger
  readonly stored: Map<string, Event>
  readonly state: { broken: boolean; lists: number }
  readonly memory: MemoryLog
  readonly alarms: string[]
  readonly hints: Hints
  sequencer(hints?: Hints, log?: Log): Sequencer
}
export function createLogWorld(memory: MemoryLog = createMemoryLog()): LogWorld {
  const clock = { ms: Date.parse('2026-11-22T09:00:00.000Z') }
  const now = () => clock.ms
  const { ledger, events, state } = createMemoryLedger()
  const alarms: string[] = []
  const hints = createHints()
  return {
    clock, ids: { now, id: createIds(now) }, ledger, stored: events, state, memory, alarms, hints,
    sequencer: (own = createHints(), log = memory.log) => createSequencer({ now, ledger, alarm: (what) => { alarms.push(what) }, log, pause: () => new Promise((resolve) => { setImmediate(resolve) }) }, own),
  }
}

/** Reads the whole log as a stranger would, from its published checkpoint and its tiles, and judges it. Gives its entries in order. */
export async function verifyLog({ signer, objects, store }: { readonly signer: Log['signer']; readonly objects: Pick<Objects, 'get'>; readonly store: Pick<LogStore, 'published' | 'where'> }): Promise<readonly Entry[]> {
  const published = await store.published()
  if (published === null) return []
  const { checkpoint } = openCheckpoint(Buffer.from(published.checkpoint), [keyOf(signer.name, await signer.publicKey())])
  expect(checkpoint.size).toBe(published.size)
  const read = async (tile: Tile): Promise<Uint8Array> => {
    const bytes = await objects.get(tilePath(tile))
    expect(bytes, tilePath(tile)).not.toBeNull()
    return bytes!
  }
  expect(Buffer.from(await rootFrom(checkpoint.size, read))).toEqual(Buffer.from(checkpoint.root))
  const entries: Entry[] = []
  for (let index = 0; index * tileWidth < checkpoint.size; index++) {
    const width = Math.min(tileWidth, checkpoint.size - index * tileWidth)
    const hashes = await read({ level: 0, index, width })
    const bundle = decodeEntries(await read({ level: 'entries', index, width }))
    expect(bundle.length).toBe(width)
    for (const [at, entry] of bundle.entries()) {
      expect(leafHash(entry).equals(Buffer.from(hashes).subarray(at * 32, at * 32 + 32))).toBe(true)
      entries.push(readEntry(entry))
    }
  }
  const places = await store.where(entries.map(({ id }) => id as `evt_${string}`))
  for (const [index, { id }] of entries.entries()) expect(places.get(id as `evt_${string}`)).toBe(index)
  return entries
}

/** Each head's tree begins with the one before it. */
export async function verifyHistory({ log, heads }: MemoryLog): Promise<void> {
  const keys = [keyOf(log.signer.name, await log.signer.publicKey())]
  const last = heads.at(-1)
  if (last === undefined) return
  const now = openCheckpoint(Buffer.from(last.checkpoint), keys).checkpoint
  const read = async (tile: Tile): Promise<Uint8Array> => (await log.objects.get(tilePath(tile)))!
  for (const head of heads) {
    const old = openCheckpoint(Buffer.from(head.checkpoint), keys).checkpoint
    expect(provesConsistency(old, now, await proveConsistency(old.size, now.size, read))).toBe(true)
  }
}

/** Every stored event once, intents before what became of them, and words before what rests on them. */
export function expectWhole(entries: readonly Entry[], stored: Iterable<Event>): void {
  const places = new Map(entries.map(({ id }, index) => [id, index]))
  expect(places.size, 'an event is in the log twice').toBe(entries.length)
  const events = [...stored]
  expect(events.filter(({ id }) => !places.has(id)).map(({ id, kind }) => `${kind} ${id}`), 'events that are not in the log').toEqual([])
  expect(entries.length).toBe(events.length)
  for (const event of events) {
    const at = places.get(event.id)!
    if (event.kind === 'outcome' || event.kind === 'correction') expect(places.get(event.intent)).toBeLessThan(at)
    if (event.kind === 'intent' && event.request !== undefined) for (const other of events) if (other.request === event.request && other.kind === 'approval') expect(places.get(other.id)).toBeLessThan(at)
  }
}
