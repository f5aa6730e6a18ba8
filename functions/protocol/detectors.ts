import type { DetectorName } from '../../schema/policy.ts'
import type { Traits } from './traits.ts'

/** Half-open, in the folded text. */
export interface Hit { readonly start: number; readonly end: number }
interface Detector {
  /** false: nothing can be there, by what every hit has in it. */
  readonly may: (traits: Traits) => boolean
  readonly find: (text: string, traits: Traits) => readonly Hit[]
}
/**
 * Where a kind of datum stands in a folded text. Each is linear in the text: a pattern either cannot match in two ways or is anchored on a rare
 * sign and looks a bounded way around it.
 */
export const detectors: Readonly<Record<DetectorName, Detector>> = {
  'credit-card': { may: ({ digits }) => digits >= 13, find: cards },
  'us-ssn': { may: ({ digits }) => digits >= 9, find: socials },
  email: { may: ({ at }) => at, find: emails },
  iban: { may: ({ digits }) => digits >= 8, find: ibans },
  secret: { may: ({ dashes, word, colon, digits }) => dashes || word >= 16 || (word >= 8 && (colon || digits > 0)), find: secrets },
}

const groups = /\d+/g
/** Runs of digits with at most one separator between two of them; every stretch of whole groups that could be one number is tried. */
function cards(text: string): Hit[] {
  const hits: Hit[] = []
  let chain: RegExpExecArray[] = []
  groups.lastIndex = 0
  for (let group = groups.exec(text); group; group = groups.exec(text)) {
    const last = chain.at(-1)
    const gap = last === undefined ? '' : text.slice(last.index + last[0].length, group.index)
    if (last !== undefined && !/^\s?[\s.\-_/]?$|^\s-\s$/.test(gap)) {
      hits.push(...cardsIn(chain))
      chain = []
    }
    chain.push(group)
  }
  return [...hits, ...cardsIn(chain)]
}
function cardsIn(chain: readonly RegExpExecArray[]): Hit[] {
  const hits: Hit[] = []
  for (let from = 0; from < chain.length; from++) {
    let digits = ''
    for (let to = from; to < chain.length && digits.length < 19; to++) {
      digits += chain[to]?.[0] ?? ''
      if (!isCard(digits)) continue
      hits.push({ start: chain[from]?.index ?? 0, end: (chain[to]?.index ?? 0) + (chain[to]?.[0].length ?? 0) })
      from = to
      break
    }
  }
  return hits
}

/** Issuer ranges of the networks, with the lengths they issue. */
const ranges: readonly (readonly [RegExp, readonly number[]])[] = [
  [/^4/, [13, 16, 19]], [/^(5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720)/, [16]], [/^3[47]/, [15]], [/^(6011|65|64[4-9])/, [16, 17, 18, 19]],
  [/^35(2[89]|[3-8])/, [16, 17, 18, 19]], [/^3(0[0-5]|095|6|[89])/, [14, 15, 16, 17, 18, 19]], [/^(62|81)/, [16, 17, 18, 19]], [/^(50|5[6-9]|6[0-9])/, [13, 14, 15, 16, 17, 18, 19]], [/^220[0-4]/, [16, 17, 18, 19]],
]
export function isCard(digits: string): boolean {
  if (digits.length < 13 || digits.length > 19 || /^(\d)\1+$/.test(digits)) return false
  if (!ranges.some(([issuer, lengths]) => lengths.includes(digits.length) && issuer.test(digits))) return false
  let sum = 0
  for (let n = 0; n < digits.length; n++) {
    const digit = digits.charCodeAt(digits.length - 1 - n) - 48
    sum += n % 2 === 0 ? digit : digit > 4 ? digit * 2 - 9 : digit * 2
  }
  return sum % 10 === 0
}

function socials(text: string): Hit[] {
  return all(/(?<![\d-])(?!000|666|9)\d{3}([\s.-])(?!00)\d{2}\1(?!0000)\d{4}(?![\d-])/g, text)
}

/** Found from the `@` outwards: a pattern that began at the local part would start anew at each of its letters. */
function emails(text: string): Hit[] {
  const hits: Hit[] = []
  for (let at = text.indexOf('@'); at >= 0; at = text.indexOf('@', at + 1)) {
    let start = at
    while (start > 0 && at - start < 64 && /[\p{L}\p{N}._%+'&/=!#$*~^-]/u.test(text[start - 1] ?? '')) start--
    const domain = /^(?:[\p{L}\p{N}](?:[\p{L}\p{N}-]{0,62})\.){1,8}\p{L}[\p{L}\p{N}-]{1,62}/u.exec(text.slice(at + 1, at + 256))?.[0]
    if (start < at && domain !== undefined) hits.push({ start, end: at + 1 + domain.length })
  }
  return hits
}

const ibanLengths: Readonly<Record<string, number>> = {
  AD: 24, AE: 23, AL: 28, AT: 20, AZ: 28, BA: 20, BE: 16, BG: 22, BH: 22, BI: 27, BR: 29, BY: 28, CH: 21, CR: 22, CY: 28, CZ: 24, DE: 22, DJ: 27, DK: 18, DO: 28, EE: 20, EG: 29, ES: 24,
  FI: 18, FK: 18, FO: 18, FR: 27, GB: 22, GE: 22, GI: 23, GL: 18, GR: 27, GT: 28, HR: 21, HU: 28, IE: 22, IL: 23, IQ: 23, IS: 26, IT: 27, JO: 30, KW: 30, KZ: 20, LB: 28, LC: 32, LI: 21,
  LT: 20, LU: 20, LV: 21, LY: 25, MC: 27, MD: 24, ME: 22, MK: 19, MN: 20, MR: 27, MT: 31, MU: 30, NI: 28, NL: 18, NO: 15, OM: 23, PK: 24, PL: 28, PS: 29, PT: 25, QA: 29, RO: 24, RS: 22,
  RU: 33, SA: 24, SC: 31, SD: 18, SE: 24, SI: 19, SK: 24, SM: 27, SO: 23, ST: 25, SV: 28, TL: 23, TN: 24, TR: 26, UA: 29, VA: 22, VG: 24, XK: 20, YE: 30,
}
function ibans(text: string): Hit[] {
  const hits: Hit[] = []
  const begin = /(?<![A-Za-z0-9])([A-Za-z]{2}) ?\d[ -]?\d/g
  for (let match = begin.exec(text); match; match = begin.exec(text)) {
    const length = ibanLengths[(match[1] ?? '').toUpperCase()]
    if (length === undefined) continue
    const hit = ibanAt(text, match.index, length)
    if (hit) hits.push(hit)
  }
  return hits
}
function ibanAt(text: string, start: number, length: number): Hit | null {
  let signs = ''
  let at = start
  for (; at < text.length && signs.length < length; at++) {
    const char = text[at] ?? ''
    if (/[A-Za-z0-9]/.test(char)) signs += char.toUpperCase()
    else if (!/[ -]/.test(char) || !/[A-Za-z0-9]/.test(text[at + 1] ?? '')) return null
  }
  if (signs.length < length || /[A-Za-z0-9]/.test(text[at] ?? '')) return null
  let rest = 0
  for (const char of signs.slice(4) + signs.slice(0, 4)) rest = Number(`${rest}${parseInt(char, 36)}`) % 97
  return rest === 1 ? { start, end: at } : null
}

/** Forms that issuers gave their keys so that they could be found. What may hold `-` begins only where no such run is under way, or each `-` would start it anew. */
const tokens: readonly RegExp[] = [
  /\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b/g, /\bgh[pousr]_[A-Za-z0-9]{36,251}/g, /\bgithub_pat_[A-Za-z0-9_]{22,255}/g, /(?<![\w-])glpat-[A-Za-z0-9_-]{20,255}/g, /(?<![\w-])xox[abeoprs]-[A-Za-z0-9-]{10,255}/g,
  /(?<![\w-])xapp-[A-Za-z0-9-]{10,255}/g, /\b(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{16,255}/g, /\bwhsec_[A-Za-z0-9+/=]{16,255}/g, /(?<![\w-])sk-[A-Za-z0-9_-]{20,255}/g, /(?<![\w-])AIza[A-Za-z0-9_-]{35}/g, /(?<![\w-])ya29\.[A-Za-z0-9_-]{20,255}/g,
  /(?<![\w-])GOCSPX-[A-Za-z0-9_-]{20,40}/g, /(?<![\w-])SG\.[A-Za-z0-9_-]{16,64}\.[A-Za-z0-9_-]{16,64}/g, /\bnpm_[A-Za-z0-9]{36}/g, /(?<![\w-])pypi-[A-Za-z0-9_-]{16,255}/g, /\bdop_v1_[a-f0-9]{64}/g, /\bhf_[A-Za-z0-9]{30,64}/g,
  /(?<![\w-])pscale_(?:tkn|pw|oauth)_[A-Za-z0-9_.-]{32,64}/g, /\bnapi_[a-z0-9]{40,80}/g, /\bshp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}/g, /(?<![\w-])hv[sb]\.[A-Za-z0-9_-]{20,255}/g, /\bAGE-SECRET-KEY-1[A-Z0-9]{58}/g,
  /(?<![\w-])eyJ[A-Za-z0-9_-]{8,8192}\.[A-Za-z0-9_-]{8,65536}\.[A-Za-z0-9_-]{0,8192}/g, /\bhttps:\/\/hooks\.slack\.com\/[A-Za-z0-9/_-]{20,255}/g,
]
/** Whether any of them is there, in one pass: most texts hold none, and are not looked through for each. */
const anyToken = new RegExp(tokens.map(({ source }) => source).join('|'))
function secrets(text: string, { dashes, colon, word, digits }: Traits): Hit[] {
  const hits = word >= 16 && anyToken.test(text) ? tokens.flatMap((token) => all(token, text)) : []
  if (dashes) hits.push(...privateKeys(text))
  if (colon) hits.push(...passwordsInUrls(text))
  if (digits > 0 && naming.test(text)) hits.push(...assignments(text))
  return hits
}
const naming = /pass|pwd|secret|token|key|credential|authorization|bearer/i
/** From the armour's first line to its last, or to the end of the text when that is missing. */
function privateKeys(text: string): Hit[] {
  const hits: Hit[] = []
  const first = /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----/g
  for (let match = first.exec(text); match; match = first.exec(text)) {
    const last = text.indexOf('-----END', match.index)
    const close = last < 0 ? -1 : text.indexOf('-----', last + 8)
    const end = close < 0 ? text.length : close + 5
    hits.push({ start: match.index, end })
    first.lastIndex = end
  }
  return hits
}
function passwordsInUrls(text: string): Hit[] {
  const hits: Hit[] = []
  for (let at = text.indexOf('://'); at >= 0; at = text.indexOf('://', at + 3)) {
    const [, user = '', password = ''] = /^([^\s:@/]{0,128}):([^\s@/]{1,256})@/.exec(text.slice(at + 3, at + 400)) ?? []
    if (password !== '') hits.push({ start: at + 4 + user.length, end: at + 4 + user.length + password.length })
  }
  return hits
}
const named = /(?:passw(?:or)?d|pwd|passphrase|secret|token|api[ _-]?key|access[ _-]?key|private[ _-]?key|client[ _-]?secret|credential|authorization|bearer)(?:["']?\s{0,4}[:=]{1,2}>?\s{0,4}|\s)(?:basic |bearer )?["']?([^\s"',;]{8,512})/gi
function assignments(text: string): Hit[] {
  const hits: Hit[] = []
  for (const match of text.matchAll(named)) {
    const value = match[1] ?? ''
    const end = match.index + match[0].length
    if (entropy(value) >= 3 && /\d/.test(value) && /[A-Za-z]/.test(value)) hits.push({ start: end - value.length, end })
  }
  return hits
}
/** Bits a character. */
function entropy(text: string): number {
  const counts = new Map<string, number>()
  for (const char of text) counts.set(char, (counts.get(char) ?? 0) + 1)
  return [...counts.values()].reduce((bits, count) => bits - (count / text.length) * Math.log2(count / text.length), 0)
}

function all(pattern: RegExp, text: string): Hit[] {
  return [...text.matchAll(pattern)].map((match) => ({ start: match.index, end: match.index + match[0].length }))
}
