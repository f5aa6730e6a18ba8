import { createHash, createPrivateKey, sign as edSign } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { Fault, type Log, type Signer } from '../../functions/ports.ts'
import { formatNote, formatVkey, keyOf, parseNote, sign, signedBy, type Key } from '../../functions/record/log/note.ts'
import { formatSuccession, openSuccession } from '../../functions/record/log/succession.ts'
import { verifyLog, type Report } from '../../functions/record/verify/verify.ts'
import { createRing } from '../../functions/succession.ts'
import type { Event } from '../../schema/event.ts'
import { refusalEvent } from '../contract/ledger.ts'
import { filesOf, logOf } from '../record/verify/memory.ts'
import { entriesOf, eventsOf } from '../record/log/sample.ts'
import { createLogWorld, type LogWorld } from '../sequence/world.ts'
import { createMemoryLog, name } from '../support/log.ts'

const dayMs = 24 * 3_600_000
interface Tested extends Signer { readonly key: Key; readonly vkey: string }
function signerOf(seed: string): Tested {
  const secret = createPrivateKey({ key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), createHash('sha256').update(seed).digest()]), format: 'der', type: 'pkcs8' })
  const publicKey = Buffer.from(secret.export({ format: 'jwk' }).x ?? '', 'base64url')
  const key = keyOf(name, publicKey)
  return { name, key, vkey: formatVkey(key), publicKey: async () => publicKey, sign: async (message) => edSign(null, message, secret) }
}
const [old, next, newer, thief] = ['old', 'next', 'newer', 'thief'].map(signerOf) as [Tested, Tested, Tested, Tested]
const all = [old, next, newer, thief].map(({ key }) => key)

function createKeyed() {
  const memory = createMemoryLog(old)
  const world = createLogWorld(memory)
  const log = (...further: readonly Signer[]): Log => ({ ...memory.log, further })
  /** An event, and a round by a sequencer that has these keys. */
  async function step(keys: Log, passes = 1000): Promise<string[]> {
    world.clock.ms += passes
    const event = refusalEvent(world.ids)
    await world.ledger.append(event)
    world.hints.hint(event)
    await world.sequencer(world.hints, keys).round()
    return signers()
  }
  const signers = (): string[] => signedBy(parseNote(Buffer.from(memory.heads.at(-1)?.checkpoint ?? '')), all).map((key) => key === old.key ? 'old' : key === next.key ? 'next' : key === newer.key ? 'newer' : 'thief')
  const verify = (...keys: readonly Tested[]): Promise<Report> => judge(memory.objects, memory.heads.at(-1)!.checkpoint, keys)
  return { memory, world, log, step, signers, verify }
}
/** The files as an export has them, without a key of their own. */
async function judge(objects: ReadonlyMap<string, Uint8Array>, checkpoint: string, keys: readonly Tested[], kept: readonly string[] = []): Promise<Report> {
  const files = new Map([...objects].filter(([path]) => path.startsWith('tile/') || path.startsWith('checkpoints/')).map(([path, bytes]) => [path, Buffer.from(bytes)]))
  files.set('checkpoint', Buffer.from(checkpoint))
  return verifyLog(filesOf(files), { keys: keys.map(({ key }) => key), kept: kept.map((note) => Buffer.from(note)) })
}
const told = (world: LogWorld) => [...world.stored.values()].filter(({ kind }) => kind === 'log-key')
const reasons = ({ findings }: Report) => findings.map(({ reason }) => reason)

describe('another key', () => {
  test('signs beside the old one for a day after an event said so, and then alone; who knows either can check all of it', async () => {
    const { world, log, step, verify, memory } = createKeyed()
    expect(await step(log())).toEqual(['old'])
    const before = memory.heads.at(-1)!.checkpoint
    expect(await step(log(next))).toEqual(['old', 'next'])
    expect(told(world).length).toBe(1)
    expect(await step(log(next), dayMs / 2)).toEqual(['old', 'next'])
    for (const key of [old, next]) expect(await verify(key)).toMatchObject({ ok: true, findings: [] })
    expect(await step(log(next), dayMs / 2)).toEqual(['next'])
    expect(await step(log(next))).toEqual(['next'])
    expect(told(world).length).toBe(1)
    for (const key of [old, next]) expect(await verify(key)).toMatchObject({ ok: true, findings: [] })
    for (const key of [old, next]) expect(await judge(memory.objects, memory.heads.at(-1)!.checkpoint, [key], [before])).toMatchObject({ ok: true })
    expect(reasons(await verify(thief))).toContain('the checkpoint is not signed by the log\'s key')
  })
  test('and another after it; a chain is followed from its first key to its last', async () => {
    const { world, log, step, verify } = createKeyed()
    await step(log())
    await step(log(next))
    expect(await step(log(next, newer))).toEqual(['old', 'next'])            // not before the last succession is over
    expect(await step(log(next, newer), dayMs)).toEqual(['next', 'newer'])
    expect(await step(log(next, newer), dayMs)).toEqual(['newer'])
    expect(told(world).length).toBe(2)
    for (const key of [old, next, newer]) expect(await verify(key)).toMatchObject({ ok: true, findings: [] })
  })
  test('a key that is demanded and not at hand stops the log rather than leave anybody without a signature', async () => {
    const { memory, log, step, signers } = createKeyed()
    await step(log())
    await expect(step({ ...memory.log, signer: next })).rejects.toThrow()   // never beside the old one
    await step(log(next))
    await expect(step({ ...memory.log, signer: next })).rejects.toThrow(Fault)
    await expect(step(log())).rejects.toThrow(Fault)
    expect(signers()).toEqual(['old', 'next'])
    expect(await step(log(next))).toEqual(['old', 'next'])
    await step(log(next), dayMs)
    expect(await step({ ...memory.log, signer: next })).toEqual(['next'])   // after the day the old one may go
    await expect(step(log())).rejects.toThrow()                             // and the new one may not
  })
  test('two sign beside each other for a day at least', () => {
    expect(() => createRing({ signer: old, further: [next], overlapMs: dayMs - 1 })).toThrow(RangeError)
  })
  test('wherever it dies, the next one goes on, and nothing is signed by a key that nobody was told of', async () => {
    for (const when of ['before', 'after'] as const) for (let at = 1; at < 40; at++) {
      const { world, memory, log, step, signers, verify } = createKeyed()
      await step(log())
      let calls = 0
      memory.fail = (_, now) => { if (now === when && ++calls >= at) throw new Fault('store-unavailable', 'killed') }
      await step(log(next)).catch(() => undefined)
      memory.fail = () => {}
      const died = calls >= at
      if (memory.heads.length > 0) expect([['old'], ['old', 'next']]).toContainEqual(signers())
      await world.sequencer(world.hints, log(next)).reconcile()
      expect(await step(log(next))).toEqual(['old', 'next'])
      for (const key of [old, next]) expect(await verify(key), `${when} ${at}`).toMatchObject({ ok: true, findings: [] })
      expect(await step(log(next), dayMs + 60_000)).toEqual(['next'])
      for (const key of [old, next]) expect(await verify(key), `${when} ${at}`).toMatchObject({ ok: true, findings: [] })
      if (!died) return
    }
  }, 60_000)
  test('of two statements the first counts, and none that is not of the key in force to one at hand', async () => {
    const { followed } = createRing({ signer: old, further: [next] })
    const [first, second, beyond, back] = [await formatSuccession(old, next, 1), await formatSuccession(old, next, 2), await formatSuccession(old, newer, 1), await formatSuccession(next, old, 1)]
    expect(await followed([], [first, second])).toEqual([first])
    expect(await followed([first], [second])).toEqual([first])
    expect(await followed([], [beyond, back, 'x'])).toEqual([])
  })
  test('two sequencers that tell it at once: one statement counts', async () => {
    const { world, memory, log, step, verify } = createKeyed()
    await step(log())
    const [one, two] = [world.sequencer(undefined, log(next)), world.sequencer(undefined, log(next))]
    await Promise.all([one.round(), two.round()])
    await one.reconcile()
    expect(memory.heads.at(-1)?.keys?.length).toBe(1)
    for (const key of [old, next]) expect(await verify(key)).toMatchObject({ ok: true, findings: [] })
  })
})

describe('a key that somebody would like to follow', () => {
  const event = (world: LogWorld, note: string): Event => ({ ...refusalEvent(world.ids), kind: 'log-key', change: { note } }) as unknown as Event
  test('whoever writes to the ledger makes none follow, and verify says that it was tried', async () => {
    const { world, log, step, signers, verify, memory } = createKeyed()
    await step(log())
    const until = world.clock.ms + dayMs
    const impostor: Tested = { ...thief, publicKey: old.publicKey }
    for (const note of ['', 'x', await formatSuccession(impostor, thief, until), await formatSuccession(thief, impostor, until), await formatSuccession(thief, newer, until)]) {
      world.clock.ms += 10
      await world.ledger.append(event(world, note))
    }
    await world.sequencer(undefined, log()).reconcile()
    expect(signers()).toEqual(['old'])
    expect(memory.heads.at(-1)?.keys).toBeUndefined()
    const report = await verify(old)
    expect(report.ok).toBe(false)
    expect(reasons(report).filter((reason) => reason.startsWith('it makes no key follow another')).length).toBe(4)
    expect(reasons(report)).toContain('it makes a key follow that is not the log\'s')
  })
  test('a checkpoint by another key is refused where no entry says that it follows, or the entry is not by the old key', async () => {
    const by = async (events: readonly Event[]) => (await logOf(entriesOf(events), [events.length], { ...thief, vkey: thief.vkey })).log
    for (const note of [null, await formatSuccession(thief, next, 0), (await formatSuccession(next, thief, 0)).replace(next.vkey, old.vkey)]) {
      const events = [...eventsOf(20), ...note === null ? [] : [{ ...eventsOf(21)[20]!, kind: 'log-key', change: { note } } as unknown as Event]]
      const log = await by(events)
      log.delete('vkey')
      expect((await verifyLog(filesOf(log), { keys: [old.key], kept: [] })).ok).toBe(false)
    }
  })
  test('a key that was given up signs no more: a fork by whoever found it', async () => {
    const { memory, log, step } = createKeyed()
    await step(log())
    await step(log(next))
    await step(log(next), dayMs)
    const { text } = parseNote(Buffer.from(memory.heads.at(-1)!.checkpoint))
    const stolen = formatNote({ text, signatures: [await sign(text, old)] }).toString()
    for (const keys of [[old], [next], [old, next]]) expect(reasons(await judge(memory.objects, stolen, keys))).toEqual(['it is not signed by the key that follows in the log itself: a key that was given up signs no more'])
  })
  test('whoever found a key that was given up makes nobody follow it, nor it follow anybody, for those who know the key after it', async () => {
    const events = eventsOf(20)
    const entry = (n: number, note: string): Event => ({ ...eventsOf(21 + n)[20 + n]!, kind: 'log-key', change: { note } }) as unknown as Event
    const [real, on, back] = [await formatSuccession(old, next, 0), await formatSuccession(old, thief, 0), await formatSuccession(thief, old, 0)]
    for (const [notes, by] of [[[real, on], thief], [[on, real], thief], [[real, back], old], [[real, back, on], thief], [[on], thief]] as const) {
      const { log } = await logOf(entriesOf([...events, ...notes.map((note, n) => entry(n, note))]), [20 + notes.length], { ...by, vkey: by.vkey })
      log.delete('vkey')
      expect((await verifyLog(filesOf(log), { keys: [next.key], kept: [] })).ok).toBe(false)
    }
    const { log } = await logOf(entriesOf([...events, entry(0, real), entry(1, back)]), [22], { ...old, vkey: old.vkey })
    log.delete('vkey')
    for (const keys of [[old.key], [old.key, next.key]]) expect(reasons(await verifyLog(filesOf(log), { keys, kept: [] }))).toContain('it is not signed by the key that follows in the log itself: a key that was given up signs no more')
  })
  test('the statement is of both keys, of one log, in one form', async () => {
    const note = await formatSuccession(old, next, Date.parse('2026-11-23T09:00:00.000Z'))
    expect(openSuccession(note)).toMatchObject({ until: Date.parse('2026-11-23T09:00:00.000Z') })
    const other: Signer = { ...next, name: 'another/log' }
    for (const bad of [note.replace('v1', 'v2'), note.replace('T09', 'T10'), note.replace(/\n— .*\n$/, '\n'), note.replace('Z\n', 'Z\nmore\n')]) expect(() => openSuccession(bad), bad).toThrow()
    expect(() => openSuccession('')).toThrow()
    const foreign = await formatSuccession(old, other, 0)
    expect(() => openSuccession(foreign)).toThrow('not keys of one log')
    const same = await formatSuccession(old, old, 0)
    expect(() => openSuccession(same)).toThrow()
  })
})
