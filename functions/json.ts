import { ok, refuse, type Result } from '../schema/refusal.ts'

/** Levels of nesting a body may have; policy documents need 8, a JSON parameter rarely 10. */
const maxDepth = 64
/** As many decimal digits as every double keeps. */
const maxDigits = 15

/**
 * JSON with one reading only. What other readers would take differently is refused, not settled: two members of one name (a proxy or a log
 * may keep the first, `JSON.parse` keeps the last), `__proto__`, numbers a double cannot hold (a 64-bit key would reach the target rounded).
 */
export function parseJson(text: string): Result<unknown> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    const at = error instanceof Error ? /at position (\d+)/.exec(error.message)?.[1] : undefined
    return invalid('not_json', `the body is not valid json${at === undefined ? '' : `, from character ${at} on`}`)
  }
  const trap = findTrap(text)
  return trap === null ? ok(value) : trap
}

const invalid = (reason: string, detail: string) => refuse({ slug: 'invalid-request', reason, detail, next: 'fix' })

/** One pass over text that is known to be JSON, without recursion: depth is the attacker's. */
function findTrap(text: string): ReturnType<typeof invalid> | null {
  const open: (Set<string> | null)[] = []                                  // a set of member names for an object, null for an array
  let named = false                                                        // the next string is a member's name
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === 0x22) {
      const end = stringEnd(text, at)
      if (named) {
        const trap = memberTrap(text.slice(at, end), open.at(-1) ?? null)
        if (trap) return trap
        named = false
      }
      at = end - 1
    } else if (code === 0x7b || code === 0x5b) {
      open.push(code === 0x7b ? new Set() : null)
      if (open.length > maxDepth) return invalid('too_deep', `the body nests deeper than ${maxDepth} levels`)
      named = code === 0x7b
    } else if (code === 0x7d || code === 0x5d) {
      open.pop()
      named = false
    } else if (code === 0x2c) {
      named = open.at(-1) instanceof Set
    } else if (code === 0x2d || (code >= 0x30 && code <= 0x39)) {
      const end = numberEnd(text, at)
      const trap = numberTrap(text.slice(at, end))
      if (trap) return trap
      at = end - 1
    }
  }
  return null
}

function stringEnd(text: string, start: number): number {
  let at = start + 1
  while (text.charCodeAt(at) !== 0x22) at += text.charCodeAt(at) === 0x5c ? 2 : 1
  return at + 1
}

function memberTrap(quoted: string, names: Set<string> | null) {
  const name: unknown = quoted.includes('\\') ? JSON.parse(quoted) : quoted.slice(1, -1)
  if (typeof name !== 'string' || names === null) return null
  if (name === '__proto__') return invalid('reserved_member', 'a member may not be named `__proto__`')
  if (names.has(name)) return invalid('duplicate_member', `member \`${name.slice(0, 64)}\` is there twice in one object; keep one`)
  names.add(name)
  return null
}

function numberEnd(text: string, start: number): number {
  let at = start
  while (at < text.length && '+-.0123456789eE'.includes(text.charAt(at))) at++
  return at
}

/** A number passes when the double prints the same digits again: then whoever reads it next reads what was sent. */
function numberTrap(literal: string) {
  if (literal.length <= maxDigits && !/[eE]/.test(literal)) return null
  const value = Number(literal)
  const safe = !/^-?\d+$/.test(literal) || Number.isSafeInteger(value)
  return safe && isFinite(value) && significant(literal) === significant(String(value)) ? null : imprecise(literal)
}
const significant = (number: string): string => number.replace(/[eE].*$/, '').replace(/[-.]/g, '').replace(/^0+/, '').replace(/0+$/, '')
const imprecise = (literal: string) =>
  invalid('number_precision', `number \`${literal.slice(0, 64)}\` does not survive as a json number; send it as a string, such as \`"${literal.slice(0, 64)}"\``)
