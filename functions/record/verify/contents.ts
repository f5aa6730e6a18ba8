import { canonicalJson } from '../../../schema/bundle.ts'
import { commit } from '../commitment.ts'
import { type Entry, readEntry } from '../log/entry.ts'
import { FormatError, fromUtf8 } from '../log/format.ts'
import { type Tile, tilePath } from '../log/tile.ts'
import type { Finding } from './finding.ts'
import { list, object, text } from './json.ts'
import { type Line, readLines } from './lines.ts'
import type { Files } from './verify.ts'
import { createWrote } from './wrote.ts'

/** `checked`: entries whose content is here and is what the log committed to. `erased`: said to be gone. `unexplained`: of those, whose key no erasure in this log names. */
export interface ContentCounts { readonly checked: number; readonly erased: number; readonly unexplained: number }
/** What a call says, as canonical JSON. `params` null: of a request from before those were on record. */
interface Said { readonly asked: string; readonly params: string | null }

/** Kinds that tell of what a command wrote (wrote.ts). */
const tells: ReadonlySet<string> = new Set(['output', 'outcome', 'correction'])
/** A bundle's content at most: each of 256 events has up to 300 KB, written as a JSON string of JSON. More than twice as much would be no string any more. */
const mostBytes = 256 * 1024 * 1024
/** Where the content of a bundle of entries lies. */
export const contentPath = (tile: Tile): string => tilePath(tile).replace(/^tile\/entries\//, 'content/')

/**
 * Where content lies beside a log, whether it is what the log committed to, and whether what ran for people's approval is what they were asked, and what a command wrote is all here. Content is never part of the log: a log
 * without it verifies as well, and says less. A copy that has some of it has all: what lies there as content is read by people, and what is not there is missed by nobody.
 */
export async function createContents(files: Files, add: (finding: Finding) => void) {
  let checked = 0
  const erased = new Map<string, number>()
  const destroyed = new Set<string>()
  const asked = new Map<string, Said>()
  const lying = new Set<string>()
  for await (const path of files.list('content/')) lying.add(path)
  const isHere = lying.size > 0
  const absent: { readonly path: string; readonly index: number; readonly id: string; readonly last: number }[] = []
  const wrote = createWrote(add)

  /** `first`: index of the bundle's first entry. Entries that are none are told of elsewhere. */
  async function check(tile: Tile, bundle: readonly Uint8Array[], first: number): Promise<void> {
    const path = contentPath(tile)
    const there = lying.delete(path)
    const lines = there ? await linesOf(path) : null
    let lacks: { readonly index: number; readonly id: string } | null = null
    for (const [at, bytes] of bundle.entries()) {
      const entry = entryIn(bytes)
      if (entry === null) continue
      if (entry.kind === 'erasure') for (const name of ['keys', 'sheets'].flatMap((member) => list(object(entry.event['change'])[member]))) destroyed.add(text(name))
      if (lines === null) {
        if (object(entry.event['content'])['commitment'] !== undefined) lacks ??= { index: first + at, id: entry.id }
        continue
      }
      const wrong = judge(entry, first + at, lines.get(entry.id))
      if (wrong !== null) add({ index: first + at, id: entry.id, path, reason: wrong })
      lines.delete(entry.id)
    }
    for (const id of lines?.keys() ?? []) add({ id, path, reason: 'this content is of no entry of its bundle' })
    if (lacks !== null && !there) absent.push({ path, ...lacks, last: first + bundle.length - 1 })
  }

  function judge(entry: Entry, index: number, line: Line | undefined): string | null {
    const { key, commitment } = object(entry.event['content'])
    if (commitment === undefined) return line === undefined ? null : 'the log committed to no content of it'
    if (line === undefined) return 'its content is not here, nor said to be erased'
    if (line.state === 'erased') {
      erased.set(text(key), (erased.get(text(key)) ?? 0) + 1)
      return wrote.take(entry, index, null)
    }
    if (line.state !== null) return 'its content is damaged'
    const opening = Buffer.from(line.opening, 'hex')
    if (opening.length !== 32 || commit(opening, line.text).toString('hex') !== commitment) return 'this is not the content the log committed to'
    checked++
    return agrees(entry, line.text) ?? wrote.take(entry, index, tells.has(entry.kind) ? object(parsed(line.text)) : null)
  }

  /** A request and the execution it led to say the same statements, with the same parameters, for the same purpose. */
  function agrees({ kind, event }: Entry, content: string): string | null {
    const request = text(event['request'])
    if (request === '' || (kind !== 'request' && kind !== 'intent')) return null
    const value = object(parsed(content))
    if (kind === 'request') {
      asked.set(request, saidIn(object(value['change']), object(value['change'])['params']))
      return null
    }
    const [before, now] = [asked.get(request), saidIn(value, list(value['statements']).map((one) => list(object(one)['params'])))]
    return before === undefined || before.asked === now.asked && (before.params === null || before.params === now.params) ? null : 'what runs is not what was asked'
  }

  async function linesOf(path: string): Promise<Map<string, Line> | null> {
    try {
      const bytes = await files.read(path, mostBytes)
      return bytes === null ? null : readLines(fromUtf8(bytes, 'the content'))
    } catch (error) {
      if (!(error instanceof FormatError || error instanceof SyntaxError)) throw error
      add({ path, reason: error instanceof FormatError ? error.message : 'a line is not JSON' })
      return null
    }
  }

  return {
    /** Whether any lies beside the log. Where none does, nothing is to be checked. */
    isHere, check,
    /** When all of the log was taken. `removed`: entries before this index are removed, or may be, as the log says, so their content is not asked for; `before` (ISO 8601): none of them is younger. */
    end({ removed, before }: { readonly removed: number; readonly before: string | null }): void {
      for (const { last, ...where } of absent) if (last >= removed) add({ ...where, reason: 'there is content beside this log, and none of this entry\'s bundle; export it again with --content' })
      for (const path of lying) add({ path, reason: 'it lies among the content, and is that of no bundle of this log; export it again with --content' })
      wrote.end(before)
    },
    counts(): ContentCounts {
      const unexplained = [...erased].filter(([key]) => !destroyed.has(key) && !destroyed.has(key.slice(0, key.lastIndexOf('.'))))
      const sum = (counted: Iterable<readonly [string, number]>) => [...counted].reduce((all, [, count]) => all + count, 0)
      return { checked, erased: sum(erased), unexplained: sum(unexplained) }
    },
  }
}

function saidIn({ statements, purpose }: Readonly<Record<string, unknown>>, params: unknown): Said {
  return { asked: told([list(statements).map((one) => typeof one === 'string' ? one : object(one)['sql'] ?? null), purpose ?? null]), params: Array.isArray(params) ? told(params) : null }
}
/** A caller may write what canonical JSON cannot say (half a character, nesting without end), and must not end the verification by it. */
function told(value: unknown): string {
  try {
    return canonicalJson(value)
  } catch (error) {
    if (error instanceof RangeError) return JSON.stringify(value)
    throw error
  }
}
/** Whoever has the log's keys may have committed to anything. */
function parsed(content: string): unknown {
  try {
    return JSON.parse(content)
  } catch {
    return null
  }
}

function entryIn(bytes: Uint8Array): Entry | null {
  try {
    return readEntry(bytes)
  } catch (error) {
    if (error instanceof FormatError) return null
    throw error
  }
}
