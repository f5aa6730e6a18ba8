import { createHash } from 'node:crypto'
import { redactText } from './redact.ts'

export type Stream = 'stdout' | 'stderr'
/** A piece of what a command wrote. `part` counts them from 1, over both streams. `base64` instead of `text`: bytes that are no text, or that JSON would make much longer. */
export interface Part { readonly part: number; readonly stream: Stream; readonly bytes: number; readonly text?: string; readonly base64?: string }

/** Bytes of both streams together that the outcome itself has room for. */
const mostInline = 64 * 1024
/** Bytes of one part: sealed and in base64 it still is one item. */
const mostPart = 180 * 1024
/** Of JSON, for which either has room. */
const mostJson = 240 * 1024
/** A private key is no longer: what begins one so near the end of a part waits for the rest of it, so that it is found. */
const keyBytes = 32 * 1024
/** A line is no reason to wait for longer than this. */
const lineBytes = 64 * 1024

/**
 * What a command writes, whole, as it comes: so that what a process was told before it died, or before the command was cut off, is on record too. `keep` stores one part; what it throws goes
 * through, and from then on nothing is stored any more. Little output needs no part: it stands in the outcome.
 */
export function createHearing(keep: (part: Part) => Promise<void>) {
  const start = () => ({ room: Buffer.alloc(0) as Buffer, length: 0, bytes: 0, hash: createHash('sha256') })
  const streams = { stdout: start(), stderr: start() }
  let [parts, heard] = [0, false]

  async function flush(stream: Stream, length: number): Promise<void> {
    const one = streams[stream]
    const bytes = recorded(one.room.subarray(0, length))
    one.bytes += bytes.length
    one.hash.update(bytes)
    const part: Part = { part: ++parts, stream, bytes: bytes.length, ...formOf(bytes) }
    one.room.copyWithin(0, length, one.length)                         // `bytes` was a part of it
    one.length -= length
    await keep(part)
  }
  /** What waits for its part, in room that doubles: a host that writes a byte at a time costs no more than one that writes a page. */
  function add(one: ReturnType<typeof start>, bytes: Uint8Array): void {
    if (one.length + bytes.length > one.room.length) one.room = Buffer.concat([one.room.subarray(0, one.length)], 2 * (one.length + bytes.length))
    one.room.set(bytes, one.length)
    one.length += bytes.length
  }
  const pendingOf = ({ room, length }: ReturnType<typeof start>): Buffer => room.subarray(0, length)

  return {
    /** Bytes as their reader may see them: masked. Resolves when there is room for more. */
    async hear(stream: Stream, bytes: Uint8Array): Promise<void> {
      heard = true
      const one = streams[stream]
      add(one, bytes)
      while (one.length >= mostPart) await flush(stream, cutAt(pendingOf(one)))
    },
    get heard() { return heard },
    /** The rest, and what the outcome says of all of it: both texts where they are short, else how much there is in how many parts, and the SHA-256 of each stream. */
    async end(): Promise<Readonly<Record<string, unknown>>> {
      const { stdout, stderr } = streams
      const [out, err] = [recorded(pendingOf(stdout)), recorded(pendingOf(stderr))]
      if (parts === 0 && out.length + err.length <= mostInline && [out, err].every((bytes) => 'text' in formOf(bytes))) return { stdout: out.toString('utf8'), stderr: err.toString('utf8') }
      for (const stream of ['stdout', 'stderr'] as const) if (streams[stream].length > 0) await flush(stream, streams[stream].length)
      return { parts, stdout: { bytes: stdout.bytes, sha256: stdout.hash.digest('hex') }, stderr: { bytes: stderr.bytes, sha256: stderr.hash.digest('hex') } }
    },
  }
}
export type Hearing = ReturnType<typeof createHearing>

/** As the record keeps any text: without what opens a door. Other bytes as they are. */
function recorded(bytes: Buffer): Buffer {
  const text = bytes.toString('utf8')
  const shown = redactText(text)
  return shown === text || !Buffer.from(text).equals(bytes) ? bytes : Buffer.from(shown)
}

function formOf(bytes: Buffer): { readonly text: string } | { readonly base64: string } {
  const text = bytes.toString('utf8')
  return Buffer.byteLength(JSON.stringify(text)) <= mostJson && Buffer.from(text).equals(bytes) ? { text } : { base64: bytes.toString('base64') }
}

/** Where a part ends: behind a line, before a private key that is not whole; never inside a character. */
function cutAt(bytes: Buffer): number {
  const line = bytes.lastIndexOf(0x0a, mostPart - 1) + 1
  let at = line > mostPart - lineBytes ? line : mostPart
  const key = bytes.lastIndexOf('-----BEGIN ', at)
  if (key > 0 && at - key < keyBytes && !endsWithin(bytes.subarray(key, at))) at = key
  while (at > mostPart - lineBytes && at > 1 && ((bytes[at] ?? 0) & 0xc0) === 0x80) at--
  return at
}
const endsWithin = (key: Buffer): boolean => { const end = key.indexOf('-----END '); return end !== -1 && key.indexOf('-----', end + 9) !== -1 }
