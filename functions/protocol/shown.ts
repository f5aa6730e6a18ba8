import { createHmac } from 'node:crypto'

/** How masks show text. Malformed text never shows more than well-formed text would. */
export const redacted = '[redacted]'

/** `j***@example.com`; a local part of one character, a leading `*` or anything that is not one plain address shows less. */
export function email(text: string): string {
  const [, local = '', domain = ''] = /^([^@\s]{1,64})@([\p{L}\p{N}](?:[\p{L}\p{N}.-]{0,251})[\p{L}\p{N}])$/u.exec(text) ?? []
  if (local === '' || !domain.includes('.')) return '***'
  const [first = '', second] = local
  return second === undefined || !/[\p{L}\p{N}]/u.test(first) ? `***@${domain}` : `${first}***@${domain}`
}

/** `****1111`: the last four letters or digits of at least nine; of fewer, none. */
export function last4(text: string): string {
  if (/^\*{4}[\p{L}\p{N}]{4}$/u.test(text)) return text
  const signs = text.match(/[\p{L}\p{N}]/gu) ?? []
  return signs.length < 9 ? '****' : `****${signs.slice(-4).join('')}`
}

/** The first of January of the same year, of what begins as an ISO date. */
export function year(text: string): string {
  const found = /^(\d{4})-\d\d-\d\d(?!\d)/.exec(text)?.[1]
  return found === undefined ? redacted : `${found}-01-01`
}

/** HMAC-SHA-256 of the class and the text: equal values of one class stay equal, and without the key nothing can be tried out. */
export const hashOf = (dataClass: string, text: string, key: string): Buffer => createHmac('sha256', key).update(`${dataClass}\0${text}`).digest()
/** The first 16 bytes of it, as 32 hex digits. */
export const hashHex = (dataClass: string, text: string, key: string): string => hashOf(dataClass, text, key).toString('hex', 0, 16)
