import type { DetectorName } from '../../schema/policy.ts'
import { createDetect, type Counts } from './detect.ts'
import type { Masker } from './masker.ts'
import { type Traits, traitsOf } from './traits.ts'

/** A longer line is not looked through, and so not shown: the kubelet itself cuts lines at 16 KiB. */
const maxLineBytes = 256 * 1024
/** A private key of so many lines has an end somewhere; one that has none hides so much of the log and no more. */
const maxKeyLines = 200
const withheld = Buffer.from('[withheld: line too long to inspect]\n')
const cutOff = Buffer.from('[withheld: the line is cut]\n')
const redacted = Buffer.from('[redacted: secret]\n')
const nothing = Buffer.alloc(0)
/** A line of the inside of a key in PEM, which a log that is read from its middle may begin with. */
const inside = /^(?:\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d) )?(?=[A-Za-z0-9+/=]{1,76}\s*$)([A-Za-z0-9+/]+={0,2})\s*$/
const fewestInside = 40
/** No detector finds anything in less: an address has six characters, and reading makes none of a text that it had not. */
const fewestBytes = 6
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Lines of a log, or of what a command wrote, with what has the form of a secret replaced. Whole lines only: one that comes in pieces waits for its end, so that nothing is hidden by where the pieces
 * meet. A private key is hidden over all its lines, also where the caller has the log begin behind the first of them. Bytes that are no UTF-8 pass as they are, around what is found. `cut`: the caller said after how many
 * bytes it ends, and so how much of a card's number the last line has.
 */
export function maskLines(names: readonly DetectorName[], { cut = false }: { readonly cut?: boolean } = {}): Masker {
  const counts: Counts = {}
  const detect = createDetect(names, counts)
  // The line under way, and how much of it there is.
  let [rest, kept]: [Buffer, number] = [Buffer.alloc(0), 0]
  let [items, keyLines, long, leading] = [0, 0, false, names.includes('secret')]

  /** One line; `bytes`: as UTF-8 or whatever it is, `latin`: each of its bytes as a character. null: it is shown as it is. */
  function line(bytes: Buffer, latin: string, traits: Traits): Buffer | null {
    const decoded = traits.plain ? latin : decode(bytes)
    const text = decoded ?? latin
    if (keyLines > 0) {
      keyLines = text.includes('-----END') ? 0 : keyLines - 1
      return redacted
    }
    const [, body = ''] = leading ? inside.exec(text) ?? [] : []
    leading = leading && body !== '' && (items > 1 || body.length >= fewestInside)
    if (leading) return redacted
    const begins = names.includes('secret') ? text.lastIndexOf('-----BEGIN ') : -1
    if (begins !== -1 && /PRIVATE KEY/.test(text.slice(begins)) && !text.slice(begins).includes('-----END')) keyLines = maxKeyLines
    const shown = detect.text(text)
    return shown === text ? null : Buffer.from(shown.endsWith('\n') || !text.endsWith('\n') ? shown : `${shown}\n`, decoded === null ? 'latin1' : 'utf8')
  }
  /** Lines, each with its end, or one without. A host may write a million of a byte each: what no detector need read costs a look at its bytes, and runs of it leave in one piece. */
  function lines(bytes: Buffer): Buffer {
    const latin = bytes.toString('latin1')
    const out: Buffer[] = []
    let same = 0
    for (let from = 0, end = 0; from < latin.length; from = end) {
      end = latin.indexOf('\n', from) + 1 || latin.length
      items++
      if (keyLines === 0 && !leading && end - from < fewestBytes) continue
      const traits = traitsOf(latin, from, end)
      if (keyLines === 0 && !leading && detect.idle(traits) && end - from <= maxLineBytes) continue
      const shown = end - from > maxLineBytes ? withheld : line(bytes.subarray(from, end), latin.slice(from, end), traits)
      if (shown === null) continue
      if (same < from) out.push(bytes.subarray(same, from))
      out.push(shown)
      same = end
    }
    if (same < bytes.length) out.push(bytes.subarray(same))
    return out.length === 1 ? out[0] as Buffer : Buffer.concat(out)
  }
  /** Copied, into room that doubles: however many pieces a line comes in, it costs no more than twice its length. */
  function keep(bytes: Buffer): void {
    if (long || kept + bytes.length > maxLineBytes) {
      [long, kept] = [true, 0]
      return
    }
    if (kept + bytes.length > rest.length) rest = Buffer.concat([rest.subarray(0, kept)], Math.min(maxLineBytes, 2 * (kept + bytes.length)))
    bytes.copy(rest, kept)
    kept += bytes.length
  }
  function write(chunk: Uint8Array): Uint8Array {
    if (names.length === 0) { for (const byte of chunk) if (byte === 0x0a) items++; return chunk }
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    const out: Buffer[] = []
    let from = 0
    if (long || kept > 0) {
      from = bytes.indexOf(0x0a) + 1 || bytes.length
      keep(bytes.subarray(0, from))
      if (bytes[from - 1] !== 0x0a) return nothing
      out.push(ended())
    }
    const to = bytes.lastIndexOf(0x0a) + 1
    if (to > from) out.push(lines(bytes.subarray(from, to)))
    keep(bytes.subarray(Math.max(from, to)))
    return out.length === 1 ? out[0] as Buffer : Buffer.concat(out)
  }
  /** The line under way, which is whole. */
  function ended(): Buffer {
    const whole = long ? null : Buffer.from(rest.subarray(0, kept));
    [long, kept] = [false, 0]
    if (whole !== null) return lines(whole)
    items++
    return withheld
  }
  return {
    write,
    end(short = cut) {
      if (long) return withheld
      return kept === 0 ? nothing : short ? cutOff : ended()
    },
    get items() { return items },
    detected: counts as Readonly<Record<string, number>>,
  }
}

/** null: it is no UTF-8. */
function decode(bytes: Buffer): string | null {
  try {
    return utf8.decode(bytes)
  } catch {
    return null
  }
}
