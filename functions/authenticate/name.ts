import { ok, type Result } from '../../schema/refusal.ts'
import { invalidToken } from './token.ts'

const maxValueLength = 250
/** What could make two subjects look alike, or end one word and begin another where a subject is printed, logged or made a key of. */
const unsafe = /[\p{C}\p{Z}]/u
const placeholder = /\{([A-Za-z0-9_:/.-]+)\}/

/** A subject from a template such as `agent:{sub}` and the claims it speaks of. Refuses what is missing, is no string or could pass for another's. */
export function nameSubject(template: string, claims: Readonly<Record<string, unknown>>): Result<string> {
  const claim = placeholder.exec(template)?.[1]
  if (claim === undefined) return invalidToken('a subject template without a claim')
  const value = Object.hasOwn(claims, claim) ? claims[claim] : undefined
  if (typeof value !== 'string' || !fit(value)) return invalidToken(`\`${claim}\` cannot name a subject`)
  // Anyone can type an address into a profile; only a proven one may become a name that rules speak of. Some issuers send the boolean as text.
  if (claim === 'email' && Object.hasOwn(claims, 'email_verified') && claims['email_verified'] !== true && claims['email_verified'] !== 'true') {
    return invalidToken('an e-mail address that is not verified')
  }
  // `Lena@acme.dev` is the owner of what `lena@acme.dev` asks, and one vote: providers keep the spelling a person typed.
  const spelled = claim === 'email' ? value.toLowerCase() : value
  return ok(template.replace(placeholder, () => spelled))
}

/** A subject the local provider wrote out itself: `user:…` or `agent:…`, verbatim. */
export function readSubject(value: unknown): Result<string> {
  if (typeof value !== 'string' || !/^(user|agent):./s.test(value) || !fit(value.slice(value.indexOf(':') + 1))) return invalidToken('a subject that is neither `user:…` nor `agent:…`')
  return ok(value)
}

export const kindOf = (id: string): 'user' | 'agent' => (id.startsWith('user:') ? 'user' : 'agent')

// NFC: the same letters in another composition would be a second subject that no person can tell from the first.
const fit = (value: string): boolean => value !== '' && value.length <= maxValueLength && !unsafe.test(value) && value.normalize('NFC') === value
