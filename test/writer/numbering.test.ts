import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { AccessRequest } from '../../schema/approval.ts'
import type { Event } from '../../schema/event.ts'
import { Fault } from '../../functions/ports.ts'
import { entryOf } from '../../functions/record/log/entry.ts'
import { check, logOf } from '../record/verify/memory.ts'
import { createStore, inOrder, numbersOf, settled, type Fate, type Store } from './ledger.ts'

const numRuns = Number(process.env['SLUICE_RUNS'] ?? 150)
const kinds = (store: Store) => [...store.events.values()].map(({ kind, writer }) => `${kind} ${writer?.n ?? '-'}${writer?.open ? ` open ${writer.open.join()}` : ''}`)
const request = (revision: number) => ({ revision }) as AccessRequest
/** Half an hour later: what was in flight is over, and one more event of `process` says so. */
async function later(store: Store, ...processes: readonly ReturnType<Store['process']>[]): Promise<void> {
  store.clock.ms += 31 * 60_000
  for (const process of processes) for (let i = 0; i < 3; i++) {
    await process.ledger.append(store.refusal())
    await settled()
  }
  store.clock.ms += 31 * 60_000
  store.events.set('end', { ...store.heartbeat(), id: store.ids('evt') })
}
const verify = async (events: Iterable<Event>) => check((await logOf(inOrder(events).map(entryOf))).log)

describe('numbers', () => {
  test('the event that holds the key is stored before any other, and the others are counted from it', async () => {
    const store = createStore()
    const process = store.process()
    const asked = store.intent()
    await Promise.all([process.ledger.append(asked), process.ledger.append(store.refusal())])
    await process.ledger.append(store.outcome(asked))
    expect(kinds(store)).toEqual(['writer 1', 'intent 2', 'refusal 3 open 2', 'outcome 4'])
    const [first] = store.events.values()
    expect(first).toMatchObject({ kind: 'writer', change: { key: expect.stringMatching(/^[\w-]{43}$/) } })
    expect(first?.writer?.id).toBe(first?.id)
  })
  test('where that event is not stored nothing is, and the next try begins anew', async () => {
    const store = createStore()
    const process = store.process()
    store.fates.push('not stored, and not known')
    await expect(process.ledger.append(store.intent())).rejects.toThrow(Fault)
    expect(store.events.size).toBe(0)
    store.fates.push('stored, and not known')
    await expect(process.ledger.append(store.intent())).rejects.toThrow(Fault)
    expect(kinds(store)).toEqual(['writer 1'])
    await process.ledger.append(store.intent())
    expect(kinds(store)).toEqual(['writer 1', 'writer 1', 'intent 2'])
  })
  test('two processes have keys and numbers of their own', async () => {
    const store = createStore()
    await store.process().ledger.append(store.intent())
    await store.process().ledger.append(store.intent())
    expect(kinds(store)).toEqual(['writer 1', 'intent 2', 'writer 1', 'intent 2'])
    expect(new Set([...store.events.values()].map(({ writer }) => writer?.id)).size).toBe(2)
  })
  test('a heartbeat has none: every process writes the same', async () => {
    const store = createStore()
    const beat = store.heartbeat()
    expect(await Promise.all([store.process(), store.process()].map(({ ledger }) => ledger.append(beat)))).toEqual(['stored', 'stored'])
    expect(kinds(store)).toEqual(['heartbeat -'])
  })
})

describe('what is not stored', () => {
  test('of unknown fate: the next event lists it, and then a void has its place, so that it cannot come any more', async () => {
    const store = createStore()
    const process = store.process()
    await process.ledger.append(store.refusal())
    const lost = store.intent()
    store.fates.push('late')
    await expect(process.ledger.append(lost)).rejects.toThrow(Fault)
    await process.ledger.append(store.refusal())
    await settled()
    expect(kinds(store)).toEqual(['writer 1', 'refusal 2', 'refusal 4 open 3', 'void 3'])
    store.arrive()
    expect(store.events.get(lost.id)).toMatchObject({ kind: 'void', writer: { n: 3 }, change: { kind: 'intent', id: lost.id } })
    await process.ledger.append(store.refusal())
    expect(kinds(store).at(-1)).toBe('refusal 5')
  })
  test('of unknown fate and stored all the same: nothing takes its place', async () => {
    const store = createStore()
    const process = store.process()
    store.fates.push('stored', 'stored, and not known')
    await expect(process.ledger.append(store.intent())).rejects.toThrow(Fault)
    await process.ledger.append(store.refusal())
    await settled()
    await process.ledger.append(store.refusal())
    expect(kinds(store)).toEqual(['writer 1', 'intent 2', 'refusal 3 open 2', 'refusal 4'])
  })
  test('the truth about an intent is written again rather than voided', async () => {
    const store = createStore()
    const process = store.process()
    const asked = store.intent()
    store.fates.push('stored', 'stored', 'not stored, and not known')
    await process.ledger.append(asked)
    await expect(process.ledger.append(store.outcome(asked))).rejects.toThrow(Fault)
    await process.ledger.append(store.refusal())
    await settled()
    expect(kinds(store)).toEqual(['writer 1', 'intent 2', 'refusal 4 open 3', 'outcome 3'])
  })
  test('of two outcomes, the gate\'s and the sweeper\'s, one is stored and the other number is void', async () => {
    const store = createStore()
    const [gate, sweeper] = [store.process(), store.process()]
    const asked = store.intent()
    await gate.ledger.append(asked)
    expect(await sweeper.ledger.append(store.outcome(asked, 'sweeper'))).toBe('stored')
    expect(await gate.ledger.append(store.outcome(asked))).toBe('already')
    await settled()
    const last = [...store.events.values()].at(-1)
    expect(last).toMatchObject({ kind: 'void', writer: { n: 3 }, change: { kind: 'outcome' } })
    await later(store, gate, sweeper)
    expect(await verify(store.events.values())).toMatchObject({ ok: true, counts: { lost: 0, writers: 2 } })
  })
  test('a step of an access request that somebody else was first with', async () => {
    const store = createStore()
    const [one, two] = [store.process(), store.process()]
    expect(await one.requests.swap(request(1), store.refusal())).toBe(true)
    const late = store.refusal()
    expect(await two.requests.swap(request(1), late)).toBe(false)
    await settled()
    expect(store.events.get(late.id)).toMatchObject({ kind: 'void', writer: { n: 2 } })
    expect(await two.requests.swap(request(2), null)).toBe(true)
    await later(store, one, two)
    expect(await verify(store.events.values())).toMatchObject({ ok: true })
  })
  test('while too much is in doubt nothing is written, and as soon as the store answers everything is', async () => {
    const store = createStore()
    const process = store.process()
    await process.ledger.append(store.refusal())
    store.fates.push(...Array.from({ length: 205 }, () => 'not stored, and not known' as const))
    for (let i = 0; i < 204; i++) await expect(process.ledger.append(store.refusal())).rejects.toThrow(Fault)
    expect(store.events.size).toBe(2)
    store.fates.splice(0)
    await process.ledger.append(store.refusal())
    await settled()
    await later(store, process)
    const { id } = [...store.events.values()][0]!
    expect(numbersOf(store.events.values(), id)).toEqual(Array.from({ length: numbersOf(store.events.values(), id).length }, (_, i) => i + 1))
    expect(await verify(store.events.values())).toMatchObject({ ok: true, counts: { lost: 0 } })
  })
  test('a store that was away for long is written as soon as it is back, although what was in doubt must wait', async () => {
    const store = createStore()
    const process = store.process()
    await process.ledger.append(store.refusal())
    store.fates.push(...Array.from({ length: 200 }, () => 'not stored, and not known' as const))
    for (let i = 0; i < 200; i++) await expect(process.ledger.append(store.refusal())).rejects.toThrow(Fault)
    store.fates.push('not stored, and not known')
    await expect(process.ledger.append(store.refusal())).rejects.toThrow('too many writes')
    store.clock.ms += 20 * 60_000
    store.fates.splice(0)
    await process.ledger.append(store.refusal())
    expect(kinds(store).at(-1)).toContain('refusal 203 open 3,4,5')
    await settled()
    await later(store, process)
    for (let i = 0; i < 40; i++) await settled()
    await later(store, process)
    expect(await verify(store.events.values())).toMatchObject({ ok: true, counts: { lost: 0 } })
  })
  test('so long after that nothing can arrive any more, the void has an id of its own', async () => {
    const store = createStore()
    const process = store.process()
    await process.ledger.append(store.refusal())
    const lost = store.refusal()
    store.fates.push('not stored, and not known')
    await expect(process.ledger.append(lost)).rejects.toThrow(Fault)
    store.clock.ms += 20 * 60_000
    await process.ledger.append(store.refusal())
    await settled()
    expect(kinds(store)).toEqual(['writer 1', 'refusal 2', 'refusal 4 open 3'])       // it may still be on its way, and is too old for a place
    store.clock.ms += 11 * 60_000
    await process.ledger.append(store.refusal())
    await settled()
    expect(kinds(store).slice(3)).toEqual(['refusal 5 open 3', 'void 3'])
    expect(store.events.has(lost.id)).toBe(false)
  })
})

type Step = { readonly who: number; readonly what: 'refusal' | 'intent' | 'outcome' | 'sweep' | 'swap'; readonly fate: Fate; readonly wait: boolean; readonly arrive: boolean; readonly mended: Fate }
const fate = fc.oneof({ weight: 4, arbitrary: fc.constant<Fate>('stored') }, { weight: 3, arbitrary: fc.constantFrom<Fate>('not stored, and not known', 'stored, and not known', 'late') })
const step: fc.Arbitrary<Step> = fc.record({ who: fc.nat(1), what: fc.constantFrom('refusal', 'intent', 'outcome', 'sweep', 'swap'), fate, wait: fc.boolean(), arrive: fc.boolean(), mended: fate })

/** Whatever the store does; `dies`: the first process is not heard of again after its last step. */
async function play(steps: readonly Step[], dies: boolean): Promise<{ readonly store: Store; readonly told: ReadonlySet<string> }> {
  const store = createStore()
  const processes = [store.process(), store.process()]
  const told = new Set<string>()
  const intents: Event[] = []
  const running: Promise<unknown>[] = []
  let revision = 0
  for (const { who, what, fate, wait, arrive, mended } of steps) {
    const process = processes[who]!
    const of = intents.at(-1)
    const event = what === 'intent' ? store.intent() : (what === 'outcome' || what === 'sweep') && of ? store.outcome(of, what === 'sweep' ? 'sweeper' : 'gate') : store.refusal()
    if (what === 'intent') intents.push(event)
    store.fates.push(fate, mended)
    const done = what === 'swap' ? process.requests.swap(request(++revision), event).then((swapped) => { if (!swapped) revision--; return swapped }) : process.ledger.append(event).then((result) => result === 'stored')
    running.push(done.then((stored) => { if (stored) told.add(event.id) }, () => undefined))
    if (wait) { await Promise.all(running); store.fates.splice(0) }
    if (arrive) store.arrive()
  }
  await Promise.all(running)
  await settled()
  store.fates.splice(0)
  store.arrive()
  await later(store, ...dies ? processes.slice(1) : processes)
  return { store, told }
}
test('whatever the store does to whatever is written, the log is in order, and what a process was told is stored is there', async () => {
  await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), fc.boolean(), async (steps, dies) => {
    const { store, told } = await play(steps, dies)
    for (const id of told) expect(store.events.get(id)?.kind).not.toBe('void')
    // A gate tells no outcome of an intent that was not stored; the steps above do.
    const { findings } = await verify(store.events.values())
    expect(findings.filter(({ reason }) => !reason.startsWith('the intent of this outcome'))).toEqual([])
  }), { numRuns })
}, 120_000)
test('whichever stored event is taken out of the log, a later one of its process shows it', async () => {
  await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 20 }), fc.nat(), async (steps, pick) => {
    const { store } = await play(steps, false)
    const events = [...store.events.values()]
    const last = new Map(events.flatMap((event) => event.writer ? [[event.writer.id, Math.max(...numbersOf(events, event.writer.id))]] : []))
    const candidates = events.filter(({ writer, kind }) => writer !== undefined && writer.n < (last.get(writer.id) ?? 0) && kind !== 'intent')
    const victim = candidates[pick % candidates.length]
    if (victim === undefined) return
    const { findings } = await verify(events.filter((event) => event !== victim))
    expect(findings.map(({ reason }) => reason)).toContainEqual(expect.stringContaining(`event number ${victim.writer?.n} of its process (${victim.writer?.id}) is missing`))
  }), { numRuns })
}, 120_000)
