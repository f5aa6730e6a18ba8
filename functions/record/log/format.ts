import { isUtf8 } from 'node:buffer'

/** What was read is not of the format it should be. The one error of this folder's parsers: `message` says what is wrong, and quotes nothing that was read. */
export class FormatError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'FormatError'
  }
}

/** Standard base64 (RFC 4648, section 4) with padding, and only the one spelling each value has: a second spelling would be a second note with the same meaning. */
export function fromBase64(text: string, what: string): Buffer {
  const bytes = Buffer.from(text, 'base64')
  if (bytes.toString('base64') !== text) throw new FormatError(`${what} is not base64`)
  return bytes
}

/** A decimal number without leading zeroes, at most 2^53 - 1. */
export function fromDecimal(text: string, what: string): number {
  const value = Number(text)
  if (!/^(0|[1-9]\d{0,15})$/.test(text) || !Number.isSafeInteger(value)) throw new FormatError(`${what} is not a decimal number`)
  return value
}

/** UTF-8 without anything that is not: no replacement characters are made up, and a byte order mark stays a character. */
export function fromUtf8(bytes: Uint8Array, what: string): string {
  if (!isUtf8(bytes)) throw new FormatError(`${what} is not UTF-8`)
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
}
