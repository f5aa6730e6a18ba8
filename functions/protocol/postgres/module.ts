import { setFlagsFromString } from 'node:v8'
import read from '#grammar'

/**
 * The grammar's module, compiled once a process. Its bytes are libpg-query's, but for how much memory an instance has from the start: 128 MB there, of which 33 are its stack, and whatever else it wants it can have by growing. V8 counts all of it
 * as in use from the first moment, and answers with a collection of the whole heap within the first statement, and within the next after each instance that was thrown away.
 */
let compiled: WebAssembly.Module | undefined
export function grammarModule(): WebAssembly.Module {
  if (compiled) return compiled
  const bytes = sparing(read())                                      // before the flag, and anew each time until it was read once
  // V8 compiles a function of WebAssembly a second time, optimised, once it has run so much of it. The grammar's largest is that far within a first statement, and it costs 200 ms of CPU on another thread: ten times later it is worth it.
  // A module takes the number with it, so the flag is as it was again at once: under another one Node's own modules would be compiled without their cache from here on.
  setFlagsFromString('--wasm-tiering-budget=130000000')
  try {
    return compiled = new WebAssembly.Module(bytes)
  } finally {
    setFlagsFromString('--wasm-tiering-budget=13000000')
  }
}

/** The section of memories (5) of seven bytes: one memory, bounded, of 2048 to 16384 pages of 64 KB. The same with 640 pages. */
const lavish = Buffer.from([5, 7, 1, 1, 0x80, 0x10, 0x80, 0x80, 1])
const modest = Buffer.from([5, 7, 1, 1, 0x80, 0x05, 0x80, 0x80, 1])

/** Where the module is another one, it stays as it is. */
function sparing(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const at = sectionOf(bytes, 5)
  if (at === null || !lavish.equals(bytes.subarray(at, at + lavish.length))) return bytes
  const changed = new Uint8Array(bytes)
  changed.set(modest, at)
  return changed
}

/** The offset of the first section of this kind: after the header of eight bytes, a byte that says its kind, its length as LEB128, and so on. */
function sectionOf(bytes: Uint8Array, kind: number): number | null {
  for (let at = 8; at < bytes.length;) {
    if (bytes[at] === kind) return at
    let [length, shift, next] = [0, 0, at + 1]
    for (;;) {
      const byte = bytes[next++] ?? 0
      length += (byte & 127) * 2 ** shift
      shift += 7
      if (byte < 128) break
    }
    at = next + length
  }
  return null
}
