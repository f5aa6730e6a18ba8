import type { Id } from '../schema/event.ts'
import { isEventId } from '../schema/item.ts'
import { abreast, together } from './abreast.ts'
import type { Leaf } from './leaf.ts'
import { Fault, type Head, type Log, type Ports } from './ports.ts'
import { checkpointText, openCheckpoint } from './record/log/checkpoint.ts'
import { append, edgeFrom, emptyLog, growing, type LogEdge } from './record/log/grow.ts'
import { formatNote, sign } from './record/log/note.ts'
import { decodeStage, encodeStage, stagePath, type Stage } from './record/log/stage.ts'
import { parseTilePath, tilePath, tileWidth } from './record/log/tile.ts'
import { look } from './placed.ts'
import { createRing } from './succession.ts'

/** How far back the ledger need not be looked through again (ports.ts, Head). */
export type Mark = Pick<Head, 'mark' | 'near' | 'awaited'>
/** `inEffect`: resolves when all that the head says can be read. Asked for as often as one likes; begun when it is first asked for, and anew where it failed. */
interface Standing { readonly head: Head | null; readonly edge: LogEdge; readonly inEffect: () => Promise<void> }

/** A bundle is staged whole, and a level of tiles with it: so many entries, or so many bytes of them. */
const mostLeaves = 2048
const mostBytes = 8 * 1024 * 1024
const mostKnown = 100_000
/** Objects written at once: those of a whole batch, so that it takes one round trip. */
const mostWrites = 32
/** So long whoever swapped a head is given to bring it into effect itself, and so often that is looked for, ms. */
const [patienceMs, againMs] = [1500, 10]
/** Says that this log has had a head. Without it a lost head would look like a log that never was, and a second one would be signed under the same name. */
const begun = 'begun'
/** Says, beside the store of heads, that there has been a head of this revision. So a store of heads that was put back, from a backup or by whoever runs it, is not continued with another tree. */
const turn = (revision: number): string => `staging/${revision}`
/** More than a full tile has entries, and each head adds one at least: what went back further is seen by the tile. */
const mostTurns = 300

/**
 * The log's only writer, safe whatever runs beside it. The order of one commit, and what dying after each step leaves:
 *
 * 1. read the head, and its staged object unless this process made it. Whoever swapped it may have died, so that it has to be brought into effect (6 to 8) before it is followed: that may take its time until step 5.
 * 2. ask which of the events have an index. Everything before that head has, by step 1, and what it adds itself is staged: so an event without one is not in the log.
 * 3. stage tiles and indexes as one object. Dying: an object nobody names.
 * 4. sign the checkpoint, by the key or keys that the head's own statements name. It is shown to nobody before its head is stored: a signature over a tree that never was would be a fork.
 * 5. swap the head, when the one before is in effect; with it goes the statement of another key, where one is among the events. THE COMMIT POINT: before it nothing has happened, after it everything will. Whoever else swapped since step 1 makes this fail, and then nothing
 *    of steps 2 to 4 holds: begin anew. An answer that is lost means neither; the next read of the head says.
 * 6. write that this revision has been, and the tiles, each once. Dying here or later: whoever comes next does the rest from the staged object.
 * 7. beside it write the indexes, which lead nobody to a tile before it is published. An event that has another one is refused by the store: in the log once, or an alarm.
 * 8. publish the checkpoint, now that all it covers can be read: an object beside the tiles, for ever, and the sign that this head is in effect; then let go of what is superfluous.
 *
 * Of two sequencers the other does steps 1 to 4 of its batch while the first does 6 to 8 of its own.
 * A process that comes up compares the head with what was published: a store of heads that was put back is not continued, nor one that was lost begun anew.
 */
export function createCommitter({ now, alarm, log, pause = sleep }: Pick<Ports, 'now' | 'alarm'> & { readonly log: Log; readonly pause?: (ms: number) => Promise<unknown> }) {
  const { signer, objects, store } = log
  const ring = createRing(log)
  let standing: Standing | null = null
  let known = new Set<Id<'evt'>>()
  let earlier = known
  /** Of what was asked for: not in the log, nor in what `standing` added to it. */
  const absent = new Set<Id<'evt'>>()
  let largest = 0
  let last: Promise<unknown> = Promise.resolve()

  /** Step 1. Throws Fault. */
  async function stand(): Promise<Standing> {
    for (;;) {
      const shown = standing === null ? await store.published() : null              // before the head: that may be further by then, never less
      const head = await store.head()
      if (standing && standing.head?.checkpoint === head?.checkpoint && standing.head?.revision === head?.revision) return standing
      largest = Math.max(largest, head === null ? 0 : shown?.size ?? 0)
      if ((head?.size ?? 0) < largest) {
        alarm('the log went back', { size: head?.size ?? 0, was: largest })
        throw new Fault('internal', 'the head of the log is older than one that was seen')
      }
      if (head === null) {
        if (shown === null && await objects.get(begun) === null) return standing = { head, edge: emptyLog, inEffect: async () => {} }
        if (await store.head() !== null) continue                   // somebody has just made the first
        alarm('the head of the log is gone', {})
        throw new Fault('internal', 'the head is gone and its log is not: another one must not begin in its place')
      }
      try {
        return await learn(head)
      } catch (error) {
        const moved = (await store.head())?.revision !== head.revision
        if (!moved) throw error                                     // otherwise what we looked for was let go of by whoever moved it
      }
    }
  }

  async function learn(head: Head): Promise<Standing> {
    const [shown, bytes, beyond] = await Promise.all([store.shown(head.size), objects.get(head.bundle), objects.get(tilePath({ level: 0, index: Math.floor(head.size / tileWidth), width: tileWidth }))])
    const stage = bytes && decodeStage(head.bundle, bytes)
    const isShown = shown === head.checkpoint                       // the last step, so nothing is left to be done
    if (stage === null && !isShown) throw new Fault('internal', 'the staged object of the head is missing')
    if (beyond !== null) throw new Fault('internal', 'the log went back: there are tiles beyond its head')
    // Before anything is written that nobody can take back: whoever writes the row of heads alone has no signature, and whoever has an old one not its tree.
    const staged = new Map(stage?.tiles.map(({ path, bytes: tile }) => [path, tile]))
    const edge = await edgeFrom(head.size, async (path) => staged.get(path) ?? objects.get(path))
    const { checkpoint } = openCheckpoint(Buffer.from(head.checkpoint), await ring.keys())
    if (checkpoint.size !== head.size || Buffer.compare(growing(edge.edge, () => {}).root(), checkpoint.root) !== 0) throw new Fault('internal', 'the tiles are not those of the head\'s checkpoint')
    follow(stage)
    return standing = { head, edge, inEffect: once(async () => { if (stage !== null && !isShown && !await appears(head)) await apply(head, stage) }) }
  }

  /** Whoever made it a moment ago is most likely at it: doing the same beside it would cost both as much again. Where it died, so much time. */
  async function appears({ size, checkpoint, at }: Head): Promise<boolean> {
    for (let waited = 0; (await store.hinted() ?? 0) < size && waited < patienceMs && now() - at < patienceMs; waited += againMs) await pause(againMs)
    return await store.shown(size) === checkpoint
  }

  /** Steps 6 to 8. */
  async function apply({ revision, size, checkpoint }: Head, { first, ids, tiles, before }: Stage): Promise<void> {
    const note = Buffer.from(checkpoint)
    // First, or a table of heads that is put back just now would be continued by another tree, beside tiles that nobody can take away.
    await objects.create(turn(revision), note)
    const written = together([
      abreast([...revision === 1 ? [{ path: begun, bytes: note }] : [], ...tiles], ({ path, bytes }) => objects.create(path, bytes), mostWrites),
      store.placed(ids.map((id, at) => ({ id, index: first + at }))),
    ])
    await store.publish({ size, checkpoint }, written)
    const full = tiles.filter(({ path }) => parseTilePath(path).width === tileWidth)
    for (const path of [...before === null ? [] : [before], ...revision > mostTurns ? [turn(revision - mostTurns)] : [], ...full.map((tile) => `${tile.path}.p/`)]) {
      await objects.forget(path).catch((error: unknown) => alarm('a superfluous object stays', { path, error: messageOf(error) }))
    }
  }

  /** What another head adds is in the log. Of one that is not the next after `standing`, others may be that nobody here has heard of. null: nor of this one. */
  function follow(stage: Stage | null): void {
    if (standing === null || stage === null || stage.before !== (standing.head?.bundle ?? null)) absent.clear()
    if (stage === null) return
    largest = Math.max(largest, stage.first + stage.ids.length)
    remember(stage.ids)
  }

  function remember(ids: readonly Id<'evt'>[]): void {
    if (known.size > mostKnown) {
      earlier = known                                               // the oldest all at once
      known = new Set()
    }
    for (const id of ids) {
      known.add(id)
      absent.delete(id)
    }
  }

  /** Step 2, for any number. Only what is not in the log, in the order given. `entryOf`: the leaf of one, where it is at hand, to hold the tree to it. */
  async function fresh(ids: readonly Id<'evt'>[], entryOf: (id: Id<'evt'>) => Uint8Array | null = () => null): Promise<readonly Id<'evt'>[]> {
    const at = standing
    const asked = [...new Set(ids)].filter((id) => !known.has(id) && !earlier.has(id))
    const unsure = asked.filter((id) => !absent.has(id))
    if (unsure.length === 0) return asked
    const there = await store.where(unsure)
    if (there.size > 0) await believe(there, entryOf)
    if (absent.size > mostKnown) absent.clear()
    if (at !== null && at === standing) for (const id of unsure) if (!there.has(id)) absent.add(id)             // otherwise it was asked of another head
    return asked.filter((id) => !there.has(id))
  }

  /** A row that no head covers was written by somebody else, to keep an event out: nothing is committed, so nothing moves past it, until it is taken away. One that leads to another leaf is told of. */
  async function believe(there: ReadonlyMap<Id<'evt'>, number>, entryOf: (id: Id<'evt'>) => Uint8Array | null): Promise<void> {
    const { forged, other, unknown } = await look(log, there, standing?.head?.size ?? 0, entryOf)
    if (forged !== null) {
      alarm('an index that the log never gave', { id: forged, index: there.get(forged) })
      throw new Fault('internal', `a row says that \`${forged}\` is in the log, where the log has nothing`)
    }
    for (const id of other) alarm('the log has something else in the place of an event', { id, index: there.get(id) })
    remember([...there.keys()].filter((id) => !unknown.has(id)))
  }

  /** One at a time in this process, in the order they came; what one throws is its own. */
  function inTurn<T>(run: () => Promise<T>): Promise<T> {
    const mine = last.then(run)
    last = mine.catch(() => undefined)
    return mine
  }

  /** Puts leaves into the log, in their order, those left out that are in it. `mark`: what is known of the ledger by now. Gives how many were added. Throws Fault; then some may be in. */
  async function commit(leaves: readonly Leaf[], mark: Mark): Promise<number> {
    let added = 0
    for (let rest = leaves.filter(({ id }) => isEventId(id)); rest.length > 0;) {         // nothing else has a place
      const over = await stand()
      const near = rest.slice(0, mostLeaves)
      const entries = new Map(near.map(({ id, entry }) => [id, entry]))
      const wanted = new Set(await fresh([...entries.keys()], (id) => entries.get(id) ?? null))
      const missing = near.filter(({ id }) => wanted.delete(id))    // and of two under one id the first
      const bundle = firstOf(missing)
      if (bundle.length === 0) await over.inEffect()
      else if (!await swap(over, bundle, mark)) continue
      added += bundle.length
      rest = [...missing.slice(bundle.length), ...rest.slice(near.length)]
    }
    return added
  }

  /** Steps 3 to 8. false: somebody else moved the head. */
  async function swap(over: Standing, leaves: readonly Leaf[], mark: Mark): Promise<boolean> {
    const { log: edge, root, tiles } = append(over.edge, leaves.map(({ entry }) => entry))
    const revision = (over.head?.revision ?? 0) + 1
    const stage: Stage = { first: over.head?.size ?? 0, ids: leaves.map(({ id }) => id), tiles, before: over.head?.bundle ?? null }
    const bytes = encodeStage(stage)
    const bundle = stagePath(revision, bytes)
    const keys = await ring.followed(over.head?.keys ?? [], leaves.flatMap(({ succession }) => succession ?? []))
    const text = checkpointText({ origin: signer.name, size: edge.edge.size, root, extensions: [] })
    const [checkpoint] = await together([signed(over, revision, text, keys), objects.create(bundle, bytes), over.inEffect()])
    // Again: the one before may have taken as long as whoever was at it, and whoever writes the table of heads could have put it back meanwhile.
    if (checkpoint === null || !await isNext(over, revision)) return false
    const further = over.head !== null && over.head.mark >= mark.mark ? over.head : mark
    const head: Head = { revision, size: edge.edge.size, bundle, checkpoint, at: now(), mark: further.mark, near: Math.max(mark.near, over.head?.near || 0), awaited: further.awaited, ...(keys.length === 0 ? {} : { keys }) }
    if (!await store.advance(head, over.head)) return false
    follow(stage)
    standing = { head, edge, inEffect: once(() => apply(head, stage)) }
    await standing.inEffect()
    return true
  }

  /** Step 4. null: somebody else moved the head. */
  async function signed(over: Standing, revision: number, text: string, keys: readonly string[]): Promise<string | null> {
    if (!await isNext(over, revision)) return null
    const signatures = []
    for (const one of await ring.signing(keys, now())) signatures.push(await sign(text, one))
    return formatNote({ text, signatures }).toString()
  }

  /** Whether there has been no head of this revision. false: somebody else moved it there. Throws where one has been and is none now: nothing is signed in its place, and no head put there. */
  async function isNext({ head }: Standing, revision: number): Promise<boolean> {
    if (await objects.get(turn(revision)) === null) return true
    if ((await store.head())?.revision !== head?.revision) return false
    alarm('the log went back', { revision: revision - 1 })
    throw new Fault('internal', 'the head of the log is older than one that was, and another tree must not be signed in its place')
  }
  return { /** Of the head that was last seen. */ near: () => standing?.head?.near ?? 0, head: () => inTurn(async () => { const { head, inEffect } = await stand(); await inEffect(); return head }), fresh, commit: (leaves: readonly Leaf[], mark: Mark) => inTurn(() => commit(leaves, mark)) }
}
export type Committer = ReturnType<typeof createCommitter>

function firstOf(leaves: readonly Leaf[]): readonly Leaf[] {
  let bytes = 0
  const end = leaves.findIndex(({ entry }, at) => (bytes += entry.length) > mostBytes && at > 0)
  return end < 0 ? leaves : leaves.slice(0, end)
}

/** Run when it is first asked for, and by whoever asks next where it failed. */
function once(run: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | null = null
  return () => done ??= run().catch((error: unknown) => { done = null; throw error })
}
const sleep = (ms: number): Promise<unknown> => new Promise((resolve) => { setTimeout(resolve, ms) })
const messageOf = (error: unknown): string => error instanceof Error ? error.message : 'unknown'
