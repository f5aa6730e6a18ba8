import { createHash, type Hash } from 'node:crypto'
import { timeOf } from '../../../schema/item.ts'
import type { Entry } from '../log/entry.ts'
import { promiseMs } from '../promise.ts'
import type { Finding } from './finding.ts'
import { object, text } from './json.ts'

type Stream = 'stdout' | 'stderr'
const streams = ['stdout', 'stderr'] as const
/** `hash`: null where a part of the stream was erased, and nobody can say any more. */
interface Heard { readonly bytes: Record<Stream, number>; readonly hashes: Record<Stream, Hash | null>; /** The next part to be hashed; those beyond it wait. */ next: number; readonly waiting: Map<number, Part>; claim: Claim | null }
interface Part { readonly stream: Stream; /** null: erased. */ readonly bytes: Buffer | null }
/** What an outcome says of all that its command wrote. */
interface Claim { readonly parts: number; readonly said: Readonly<Record<string, unknown>>; readonly index: number; readonly id: string; readonly at: string }

/** Parts of one command: 16 MB are recorded, in parts of 90 KB and more. Bytes that wait for an earlier part, of all commands together. */
const mostParts = 1_000
const mostWaiting = 64 * 1024 * 1024

/**
 * Whether what commands wrote is here, all of it: an outcome says in how many parts of how many bytes, and the SHA-256 of each stream (functions/record/heard.ts); both are content, so this is asked only where that lies beside
 * the log. Else a part that was left out would be a shorter output. Parts and outcome may come into the log in another order than they were written.
 */
export function createWrote(add: (finding: Finding) => void) {
  const commands = new Map<string, Heard | 'compared'>()
  let waiting = 0
  let reach = ''

  /** An entry whose content is here, as the log committed to it, or `null`: erased. */
  function take(entry: Entry, index: number, content: Readonly<Record<string, unknown>> | null): string | null {
    if (entry.at > reach) reach = entry.at
    if (entry.kind === 'output') return hear(entry, content)
    if (content === null || (entry.kind !== 'outcome' && entry.kind !== 'correction') || typeof content['said'] !== 'object' || content['said'] === null) return null
    const said = object(content['said'])
    const whole = streams.every((stream) => typeof said[stream] === 'string')
    const parts = whole ? 0 : said['parts']
    if (parts === undefined) return null                             // what is said of a command whose output the record does not keep
    if (!Number.isSafeInteger(parts) || Number(parts) < 0) return 'it says not in how many parts its command\'s output is'
    const intent = text(entry.event['intent'])
    const heard = heardOf(intent)
    if (heard === 'compared' || heard.claim !== null) return 'what this command wrote was said before'
    heard.claim = { parts: Number(parts), said: whole ? {} : said, index, id: entry.id, at: entry.at }
    settle(intent, heard)
    return null
  }

  function hear({ event }: Entry, content: Readonly<Record<string, unknown>> | null): string | null {
    const change = object(event['change'])
    const [part, stream, words] = [change['part'], change['stream'], object(content?.['change'])]
    if (!Number.isSafeInteger(part) || Number(part) < 1 || Number(part) > mostParts || (stream !== 'stdout' && stream !== 'stderr')) return 'it is no part of what a command wrote'
    const bytes = content === null ? null : typeof words['text'] === 'string' ? Buffer.from(words['text']) : Buffer.from(text(words['base64']), 'base64')
    if (bytes !== null && bytes.length !== change['bytes']) return 'it holds another number of bytes than it says'
    const intent = text(change['intent'])
    const heard = heardOf(intent)
    if (heard === 'compared') return 'its command wrote in fewer parts, as the outcome says'
    if (Number(part) < heard.next || heard.waiting.has(Number(part))) return `part ${Number(part)} of what this command wrote is there twice`
    heard.waiting.set(Number(part), { stream, bytes })
    waiting += bytes?.length ?? 0
    for (let one = heard.waiting.get(heard.next); one !== undefined; one = heard.waiting.get(heard.next)) follow(heard, one)
    settle(intent, heard)
    return waiting > mostWaiting ? 'so many parts of what commands wrote are missing before it that they are not compared' : null
  }
  function follow(heard: Heard, { stream, bytes }: Part): void {
    heard.waiting.delete(heard.next++)
    waiting -= bytes?.length ?? 0
    heard.bytes[stream] += bytes?.length ?? 0
    if (bytes === null) heard.hashes[stream] = null
    else heard.hashes[stream]?.update(bytes)
  }
  /** Compared as soon as all of it is here, so that no more is held than what is under way. */
  function settle(intent: string, heard: Heard): void {
    const { claim } = heard
    if (claim === null || heard.waiting.size > 0 || heard.next - 1 !== claim.parts) return
    const reason = wrongWith(heard, claim)
    if (reason !== null) add({ index: claim.index, id: claim.id, reason })
    commands.set(intent, 'compared')
  }
  function heardOf(intent: string): Heard | 'compared' {
    const known = commands.get(intent)
    if (known !== undefined) return known
    const made: Heard = { bytes: { stdout: 0, stderr: 0 }, hashes: { stdout: createHash('sha256'), stderr: createHash('sha256') }, next: 1, waiting: new Map(), claim: null }
    commands.set(intent, made)
    return made
  }

  /** When all of the log was taken. `before`: ISO 8601, what is older may have been removed; null: nothing was. The end of a log is not judged for as long as an event may take to get into it. */
  function end(before: string | null): void {
    const until = reach === '' ? '' : new Date(Date.parse(reach) - promiseMs).toISOString()
    for (const [intent, heard] of commands) {
      if (heard === 'compared' || heard.claim === null) continue    // no claim: its process died, or its outcome is erased
      const { claim } = heard
      const reason = wrongWith(heard, claim)
      const excused = heard.next - 1 < claim.parts && (claim.at > until || before !== null && isBefore(intent, before))
      if (reason !== null && !excused) add({ index: claim.index, id: claim.id, reason })
    }
  }
  return { take, end }
}

function wrongWith({ next, waiting, bytes, hashes }: Heard, { parts, said }: Claim): string | null {
  const count = next - 1 + waiting.size
  if (waiting.size > 0 || count !== parts) return `what its command wrote is here in ${count} parts, and it says ${parts}`
  for (const stream of parts === 0 ? [] : streams) {
    const { bytes: length, sha256 } = object(said[stream])
    const hash = hashes[stream]
    if (hash !== null && (length !== bytes[stream] || sha256 !== hash.digest('hex'))) return `what its command wrote to ${stream} is not what it says`
  }
  return null
}
function isBefore(id: string, before: string): boolean {
  try {
    return timeOf(id) <= Date.parse(before)
  } catch {
    return false
  }
}
