import { setTimeout as sleep } from 'node:timers/promises'
import { parseCheckpoint } from '../record/log/checkpoint.ts'
import { FormatError } from '../record/log/format.ts'
import { parseNote } from '../record/log/note.ts'
import { parseTilePath, type Tile, tilePath, widthIn } from '../record/log/tile.ts'
import type { Files } from '../record/verify/verify.ts'
import type { Client } from './client.ts'
import { object, refused } from './output.ts'
import { exit, Stop, type Terminal } from './terminal.ts'

/** Tiles of one level that are asked for before they are wanted, because a round trip for each would be most of the time. */
const ahead = 3
/** Between one try and the next, ms. What a gate gives in none of them it does not give, and that shows nothing about its log. */
const pausesMs = [250, 1000, 3000]
/** Statuses that pass. */
const passing: ReadonlySet<number> = new Set([429, 500, 502, 503, 504])

/** A running gate's log, as files. */
export interface Live extends Files {
  /** Whether the gate said of any entries that they were removed when their time was over. */
  readonly pruned: () => boolean
}

/**
 * The log of a running gate, over its routes `/v1/audit/log`. Its checkpoint and its key are asked for once, so that a log which grows meanwhile is verified as it was at the beginning. It lists nothing: what else
 * lies where the gate keeps its log is not shown, and neither is content. `pause`: waits so many ms. Throws Stop where the gate does not answer, or says no.
 */
export function filesAt(gate: Client, terminal: Terminal, pause: (ms: number) => Promise<unknown> = sleep): Live {
  const coming = new Map<string, Promise<Uint8Array | null>>()
  const last = new Map<Tile['level'], number>()
  let size = 0
  let pruned = false

  async function ask(path: string): Promise<Uint8Array | null> {
    const answer = await patient(gate, path, pause)
    if (answer.ok) return answer.bytes
    const { type, reason } = object(answer.reply.body)
    if (answer.reply.status === 404 && type === '/problems/not-found' && (reason === 'no_tile' || reason === 'pruned')) {
      pruned ||= reason === 'pruned'
      return null
    }
    throw new Stop(refused(terminal, answer.reply, false), `the gate at ${gate.url} does not give \`${path}\`: nothing is shown about its log`)
  }
  function asked(path: string): Promise<Uint8Array | null> {
    const known = coming.get(path) ?? ask(path)
    known.catch(() => undefined)                                    // thrown where it is read
    coming.set(path, known)
    return known
  }
  /** Of tiles that are read one after the other. A gate may say any size, so nothing is asked for beyond what comes next. */
  function askAhead({ level, index }: Tile): void {
    const next = index === (last.get(level) ?? -1) + 1
    last.set(level, index)
    if (next && (level === 'entries' || level === 0)) for (let i = index + 1; i <= index + ahead && widthIn(size, level, i) > 0; i++) void asked(tilePath({ level, index: i, width: widthIn(size, level, i) }))
  }

  async function read(path: string, most: number): Promise<Uint8Array | null> {
    const wanted = asked(path)
    if (path.startsWith('tile/')) {
      askAhead(parseTilePath(path))
      coming.delete(path)
    }
    const bytes = await wanted
    if (path === 'checkpoint' && bytes !== null) size = sizeOf(bytes)
    // Also against a gate that would fill the memory of whoever asks.
    if (bytes !== null && bytes.length > most) throw new FormatError('it is too large')
    return bytes
  }
  return { read, list: async function* () {}, pruned: () => pruned }
}

/** Asked again where the gate is away, has too much to do, or breaks off. */
async function patient(gate: Client, path: string, pause: (ms: number) => Promise<unknown>): ReturnType<Client['bytes']> {
  for (const wait of pausesMs) {
    const answer = await gate.bytes(`/v1/audit/log/${path}`).catch((error: unknown) => { if (error instanceof Stop && error.code === exit.failed) return null; throw error })
    if (answer !== null && (answer.ok || !passing.has(answer.reply.status))) return answer
    await pause(wait)
  }
  return gate.bytes(`/v1/audit/log/${path}`)
}

/** Not judged yet: only how far to ask ahead. */
function sizeOf(note: Uint8Array): number {
  try {
    return parseCheckpoint(parseNote(note).text).size
  } catch (error) {
    if (error instanceof FormatError) return 0
    throw error
  }
}
