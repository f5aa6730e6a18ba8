/**
 * ChaCha20 (RFC 8439, section 2.4), here and not by OpenSSL, because each of its ciphers is an object outside of the heap: making and collecting one for each event cost a record as much as all the rest of it. Nothing but
 * additions, exclusive ors and rotations of words: neither a branch nor an address depends on what is secret. test/record/chacha.test.ts holds it against the RFC's vectors and OpenSSL.
 */
const wordBytes = 4
const blockWords = 16
const rounds = 20

/** A key as words, little-endian. `text` below lies as the machine lets words lie, and Node runs on nothing that does it the other way but one of IBM's. */
export function wordsOf(bytes: Uint8Array): Uint32Array {
  const words = new Uint32Array(bytes.length / wordBytes)           // never by its buffer, which it only gets, outside of the heap, when it is asked for
  for (const at of words.keys()) words[at] = (bytes[4 * at] ?? 0) | (bytes[4 * at + 1] ?? 0) << 8 | (bytes[4 * at + 2] ?? 0) << 16 | (bytes[4 * at + 3] ?? 0) << 24
  return words
}
const nonceWords = new Uint32Array(3)
const nonceBytes = new Uint8Array(nonceWords.buffer)
const stream = new Uint32Array(blockWords)

/**
 * XORs the keystream over `text`, in its place: enciphers and deciphers. `key`: 8 words. `nonce`: 12 bytes, never the same twice under one key for two texts. The stream begins at block 0, so `text` has at most 256 GB; what
 * stands in the last block behind `bytes` is changed as well, and `text` must have room for whole blocks.
 */
export function chacha(key: Uint32Array, nonce: Uint8Array, text: Uint32Array, bytes: number): void {
  const blocks = Math.ceil(bytes / (blockWords * wordBytes))
  if (key.length !== 8 || nonce.length !== nonceBytes.length || blocks * blockWords > text.length) throw new RangeError('a key of 32 bytes, a nonce of 12 and room for whole blocks are wanted')
  nonceBytes.set(nonce)
  const [n0, n1, n2] = [nonceWords[0] ?? 0, nonceWords[1] ?? 0, nonceWords[2] ?? 0]
  for (let block = 0; block < blocks; block++) {
    fill(key, block, n0, n1, n2)
    for (let word = 0, at = block * blockWords; word < blockWords; word++, at++) text[at] = (text[at] ?? 0) ^ (stream[word] ?? 0)
  }
  stream.fill(0)
}

/** One block of the keystream (section 2.3): twenty rounds, two at a time, columns and then diagonals; each line is half a quarter round. In variables and not in the array, which takes four times as long. */
function fill(key: Uint32Array, counter: number, n0: number, n1: number, n2: number): void {
  const k0 = key[0] ?? 0, k1 = key[1] ?? 0, k2 = key[2] ?? 0, k3 = key[3] ?? 0, k4 = key[4] ?? 0, k5 = key[5] ?? 0, k6 = key[6] ?? 0, k7 = key[7] ?? 0
  let a0 = 0x61707865, a1 = 0x3320646e, a2 = 0x79622d32, a3 = 0x6b206574, b0 = k0 | 0, b1 = k1 | 0, b2 = k2 | 0, b3 = k3 | 0
  let c0 = k4 | 0, c1 = k5 | 0, c2 = k6 | 0, c3 = k7 | 0, d0 = counter | 0, d1 = n0 | 0, d2 = n1 | 0, d3 = n2 | 0
  for (let round = 0; round < rounds; round += 2) {
    a0 = a0 + b0 | 0; d0 ^= a0; d0 = d0 << 16 | d0 >>> 16; c0 = c0 + d0 | 0; b0 ^= c0; b0 = b0 << 12 | b0 >>> 20
    a0 = a0 + b0 | 0; d0 ^= a0; d0 = d0 << 8 | d0 >>> 24; c0 = c0 + d0 | 0; b0 ^= c0; b0 = b0 << 7 | b0 >>> 25
    a1 = a1 + b1 | 0; d1 ^= a1; d1 = d1 << 16 | d1 >>> 16; c1 = c1 + d1 | 0; b1 ^= c1; b1 = b1 << 12 | b1 >>> 20
    a1 = a1 + b1 | 0; d1 ^= a1; d1 = d1 << 8 | d1 >>> 24; c1 = c1 + d1 | 0; b1 ^= c1; b1 = b1 << 7 | b1 >>> 25
    a2 = a2 + b2 | 0; d2 ^= a2; d2 = d2 << 16 | d2 >>> 16; c2 = c2 + d2 | 0; b2 ^= c2; b2 = b2 << 12 | b2 >>> 20
    a2 = a2 + b2 | 0; d2 ^= a2; d2 = d2 << 8 | d2 >>> 24; c2 = c2 + d2 | 0; b2 ^= c2; b2 = b2 << 7 | b2 >>> 25
    a3 = a3 + b3 | 0; d3 ^= a3; d3 = d3 << 16 | d3 >>> 16; c3 = c3 + d3 | 0; b3 ^= c3; b3 = b3 << 12 | b3 >>> 20
    a3 = a3 + b3 | 0; d3 ^= a3; d3 = d3 << 8 | d3 >>> 24; c3 = c3 + d3 | 0; b3 ^= c3; b3 = b3 << 7 | b3 >>> 25
    a0 = a0 + b1 | 0; d3 ^= a0; d3 = d3 << 16 | d3 >>> 16; c2 = c2 + d3 | 0; b1 ^= c2; b1 = b1 << 12 | b1 >>> 20
    a0 = a0 + b1 | 0; d3 ^= a0; d3 = d3 << 8 | d3 >>> 24; c2 = c2 + d3 | 0; b1 ^= c2; b1 = b1 << 7 | b1 >>> 25
    a1 = a1 + b2 | 0; d0 ^= a1; d0 = d0 << 16 | d0 >>> 16; c3 = c3 + d0 | 0; b2 ^= c3; b2 = b2 << 12 | b2 >>> 20
    a1 = a1 + b2 | 0; d0 ^= a1; d0 = d0 << 8 | d0 >>> 24; c3 = c3 + d0 | 0; b2 ^= c3; b2 = b2 << 7 | b2 >>> 25
    a2 = a2 + b3 | 0; d1 ^= a2; d1 = d1 << 16 | d1 >>> 16; c0 = c0 + d1 | 0; b3 ^= c0; b3 = b3 << 12 | b3 >>> 20
    a2 = a2 + b3 | 0; d1 ^= a2; d1 = d1 << 8 | d1 >>> 24; c0 = c0 + d1 | 0; b3 ^= c0; b3 = b3 << 7 | b3 >>> 25
    a3 = a3 + b0 | 0; d2 ^= a3; d2 = d2 << 16 | d2 >>> 16; c1 = c1 + d2 | 0; b0 ^= c1; b0 = b0 << 12 | b0 >>> 20
    a3 = a3 + b0 | 0; d2 ^= a3; d2 = d2 << 8 | d2 >>> 24; c1 = c1 + d2 | 0; b0 ^= c1; b0 = b0 << 7 | b0 >>> 25
  }
  stream[0] = a0 + 0x61707865; stream[1] = a1 + 0x3320646e; stream[2] = a2 + 0x79622d32; stream[3] = a3 + 0x6b206574
  stream[4] = b0 + k0; stream[5] = b1 + k1; stream[6] = b2 + k2; stream[7] = b3 + k3
  stream[8] = c0 + k4; stream[9] = c1 + k5; stream[10] = c2 + k6; stream[11] = c3 + k7
  stream[12] = d0 + counter; stream[13] = d1 + n0; stream[14] = d2 + n1; stream[15] = d3 + n2
}
