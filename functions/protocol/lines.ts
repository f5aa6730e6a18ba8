import type { DetectorName } from '../../schema/policy.ts'
import { createDetect, type Counts } from './detect.ts'
import type { Masker } from './masker.ts'

/** A longer line is not looked through, and so not shown: the kubelet itself cuts lines at 16 KiB. */
const maxLineBytes = 256 * 1024
/** A private key of so many lines has an end somewhere; one that has none hides so much of the log and no more. */
const maxKeyLines = 200
const withheld = Buffer.from('[withheld: line too long to inspect]\n')
const cutOff = Buffer.from('[withheld: the line is cut]\n')
/** A line of the inside of a key in PEM, which a log that is read from its middle may begin with. */
const inside = /^(?:\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d) )?(?=[A-Za-z0-9+/=]{1,76}\s*$)([A-Za-z0-9+/]+={0,2})\s*$/
const fewestInside = 40
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Lines of a log, or of what a command wrote, with what has the form of a secret replaced. Whole lines only: one that comes in pieces waits for its end, so that nothing is hidden by where the pieces
 * meet. A private key is hidden over all its lines, also where the caller has the log begin behind the first of them. Bytes that are no UTF-8 pass as they are, around what is found. `cut`: the caller said after how many
 * bytes it ends, and so how much of a card's number the last line has.
 */
export function maskLines(names: readonly DetectorName[], { cut = false }: { readonly cut?: boolean } = {}): Masker {
  const counts: Counts = {}
  const detect = createDetect(names, counts)
  let rest: Buffer = Buffer.alloc(0)
  let [items, keyLines, long, leading] = [0, 0, false, names.includes('secret')]

  function line(bytes: Buffer): Buffer {
    items++
    let text: string
    let encoding: 'utf8' | 'latin1' = 'utf8'
    try {
      text = utf8.decode(bytes)
    } catch {
      [text, encoding] = [bytes.toString('latin1'), 'latin1']
    }
    if (keyLines > 0) {
      keyLines = text.includes('-----END') ? 0 : keyLines - 1
      return Buffer.from('[redacted: secret]\n')
    }
    const [, body = ''] = leading ? inside.exec(text) ?? [] : []
    leading = leading && body !== '' && (items > 1 || body.length >= fewestInside)
    if (leading) return Buffer.from('[redacted: secret]\n')
    const begins = names.includes('secret') ? text.lastIndexOf('-----BEGIN ') : -1
    if (begins !== -1 && /PRIVATE KEY/.test(text.slice(begins)) && !text.slice(begins).includes('-----END')) keyLines = maxKeyLines
    const shown = detect.text(text)
    return shown === text ? bytes : Buffer.from(shown.endsWith('\n') || !text.endsWith('\n') ? shown : `${shown}\n`, encoding)
  }
  function write(chunk: Uint8Array): Uint8Array {
    if (names.length === 0) { for (const byte of chunk) if (byte === 0x0a) items++; return chunk }
    const bytes = rest.length === 0 ? Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength) : Buffer.concat([rest, chunk])
    const out: Buffer[] = []
    let from = 0
    for (let end = bytes.indexOf(0x0a); end !== -1; end = bytes.indexOf(0x0a, from)) {
      if (long || end - from > maxLineBytes) { out.push(withheld); items++; long = false } else out.push(line(bytes.subarray(from, end + 1)))
      from = end + 1
    }
    rest = bytes.subarray(from)
    if (long || rest.length > maxLineBytes) { long = true; rest = Buffer.alloc(0) }
    return out.length === 1 ? out[0] as Buffer : Buffer.concat(out)
  }
  return {
    write,
    end(short = cut) {
      if (long) return withheld
      return rest.length === 0 ? new Uint8Array() : short ? cutOff : line(rest)
    },
    get items() { return items },
    detected: counts as Readonly<Record<string, number>>,
  }
}
