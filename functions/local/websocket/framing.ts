/**
 * Reads along the bytes a client sends (RFC 6455 section 5.2) and says when one frame is larger than `max` bytes, which no WebSocket library tells and API Gateway ends
 * a connection for. Keeps at most a header. Everything else about frames is the library's to judge.
 */
export function createFraming(max: number): (chunk: Uint8Array) => boolean {
  const header = Buffer.alloc(14)
  let have = 0
  let skip = 0
  return (chunk) => {
    for (let at = 0; at < chunk.length;) {
      if (skip > 0) {
        const step = Math.min(skip, chunk.length - at)
        skip -= step
        at += step
        continue
      }
      header[have++] = chunk[at++] ?? 0
      if (have < 2) continue
      const short = (header[1] ?? 0) & 0x7f
      const lengthBytes = short === 126 ? 2 : short === 127 ? 8 : 0
      if (have < 2 + lengthBytes + ((header[1] ?? 0) & 0x80 ? 4 : 0)) continue
      const length = lengthBytes === 0 ? short : lengthBytes === 2 ? header.readUInt16BE(2) : Number(header.readBigUInt64BE(2))
      if (length > max) return false
      skip = length
      have = 0
    }
    return true
  }
}
