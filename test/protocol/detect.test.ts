import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { createDetect, maxValueLength, withheld, type Counts } from '../../functions/protocol/detect.ts'
import { detectors, isCard, type Hit } from '../../functions/protocol/detectors.ts'
import { detectorNames, type DetectorName } from '../../schema/policy.ts'

function seen(text: string, names: readonly DetectorName[] = detectorNames) {
  const counts: Counts = {}
  return { text: createDetect(names, counts).text(text), counts }
}
const zero = '\u200b'
// Assembled, so that no scanner takes a test for a leak.
const key = ['AKIA', 'IOSFODNN7EXAMPLE'].join('')
const jwt = ['eyJhbGciOiJIUzI1NiJ9', 'eyJzdWIiOiIxMjM0NTY3ODkwIn0', 'dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U'].join('.')

describe('what gives itself away is replaced, and the rest of the text stays', () => {
  test.each<[DetectorName, string, string]>([
    ['credit-card', 'card 4111 1111 1111 1111 ok', 'card # ok'], ['credit-card', '4111-1111-1111-1111', '#'], ['credit-card', 'x4111111111111111x', 'x#x'], ['credit-card', '378282246310005', '#'], ['credit-card', '3530111333300000', '#'],
    ['credit-card', '４１１１ １１１１ １１１１ １１１１', '#'], ['credit-card', `4111${zero}1111${zero}1111${zero}1111`, '#'], ['credit-card', '4111\u00a01111–1111—1111', '#'], ['credit-card', '٤١١١١١١١١١١١١١١١', '#'], ['credit-card', '𝟜𝟙𝟙𝟙𝟙𝟙𝟙𝟙𝟙𝟙𝟙𝟙𝟙𝟙𝟙𝟙', '#'],
    ['credit-card', 'order 12 4111 1111 1111 1111 7', 'order 12 # 7'], ['credit-card', '4.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1', '#'], ['credit-card', '4111\n1111\n1111\n1111', '#'], ['credit-card', '4111 1111 1111 1111, 5500005555555559', '#, #'],
    ['credit-card', '4\ufe0f\u20e31\ufe0f\u20e31\ufe0f\u20e31\ufe0f\u20e3'.padEnd(64, '1\ufe0f\u20e3').slice(0, 48), '#'], ['credit-card', '⒋⒈⒈⒈⒈⒈⒈⒈⒈⒈⒈⒈⒈⒈⒈⒈', '#'], ['credit-card', '➃➀➀➀➀➀➀➀➀➀➀➀➀➀➀➀', '#'], ['credit-card', '⑷⑴⑴⑴⑴⑴⑴⑴⑴⑴⑴⑴⑴⑴⑴⑴', '#'],
    ['credit-card', '\u001b[1;31m4111\u001b[m\u001b[K1111\u001b[38;5;196m1111\u001b[0m1111', '\u001b[1;31m#'], ['credit-card', '4111\u28001111֊1111\u00851111', '#'],
    ['us-ssn', 'ssn 078-05-1120.', 'ssn #.'], ['us-ssn', '078\u0001-05-\u007f1120', '#'], ['secret', `${key.slice(0, 7)}\u001f${key.slice(7)}`, '#'], ['secret', `A=${key}\0PATH=/bin`, 'A=#\0PATH=/bin'], ['secret', `HOME=/\0${key}\0`, 'HOME=/\0#'], ['secret', `x${zero}${key}${zero}y`, `x${zero}#${zero}y`], ['secret', `\u001b[32m${key}\u001b[0m`, '\u001b[32m#'],
    ['email', 'jane\u0008@example\u{e0fff}.com', '#'],
    ['us-ssn', '078 05 1120', '#'], ['us-ssn', '０７８－０５－１１２０', '#'], ['us-ssn', '078‑05‑1120', '#'],
    ['email', 'write to jane.doe+x@mail.example.com!', 'write to #!'], ['email', 'jane＠example.com', '#'], ['email', `ja${zero}ne@exam${zero}ple.com`, '#'], ['email', 'ünal@münchen.de', '#'], ['email', 'jаne@exаmple․com', '#'], ['email', '<a@b.co>', '<#>'],
    ['iban', 'to DE89 3704 0044 0532 0130 00 now', 'to # now'], ['iban', 'gb82west12345698765432', '#'], ['iban', 'NO9386011117947', '#'], ['iban', 'DE89-3704-0044-0532-0130-00', '#'],
    ['secret', `id ${key} x`, 'id # x'], ['secret', `Bearer ${jwt}`, 'Bearer #'], ['secret', 'postgres://bob:hunter2@db/x', 'postgres://bob:#@db/x'], ['secret', 'password = "xK9$mQ2vLp"', 'password = "#"'], ['secret', 'API_KEY: a8f3k2m9x7q1', 'API_KEY: #'],
    ['secret', '-----BEGIN RSA PRIVATE KEY-----\nMIIB\n-----END RSA PRIVATE KEY-----\nrest', '#\nrest'], ['secret', 'a -----BEGIN PRIVATE KEY-----\nMIIB', 'a #'], ['secret', `ghp_${'a1'.repeat(18)}`, '#'],
  ])('%s in %j', (name, text, left) => {
    expect(seen(text, [name])).toEqual({ text: left.replaceAll('#', `[redacted: ${name}]`), counts: { [name]: left.split('#').length - 1 } })
  })
})

test.each([
  '4111 1111 1111 1112', '1234567890123456', '0000000000000000', '4111', 'a@b', '@example.com', 'a @ b.com', '000-12-3456', '666-12-3456', '900-12-3456', '123-00-4567', '1078-05-1120', 'DE89 3704 0044 0532 0130 01',
  'XX89370400440532013000', 'the password is wrong', 'token expired yesterday', '2026-11-22T03:22:53.123456Z', '10.0.0.1', 'order 2026-000123 of 12 items', 'b5c1e1f0-6a4e-4c4e-9b51-7d1f3f0c8a11', 'https://example.com/a?b=c', '', 'secretary', '+1 (555) 123-4567',
])('nothing is found in %j', (text) => expect(seen(text)).toEqual({ text, counts: {} }))

test('a sum that does not fit is no card, whatever digit is wrong', () => {
  fc.assert(fc.property(fc.integer({ min: 0, max: 15 }), fc.integer({ min: 1, max: 9 }), (place, by) => {
    const digits = [...'4111111111111111']
    digits[place] = String((Number(digits[place]) + by) % 10)
    expect(isCard(digits.join(''))).toBe(false)
  }))
})

test('documents: values, keys, numbers that read as a card; the shape stays, no member is lost', () => {
  const counts: Counts = {}
  const { json } = createDetect(detectorNames, counts)
  expect(json({ 'a@b.co': 1, 'c@d.co': { list: ['4111111111111111', 4111111111111111, 7, null, true] }, plain: 'x' }))
    .toEqual({ '[redacted: email]': 1, '[redacted: email] (2)': { list: ['[redacted: credit-card]', '[redacted: credit-card]', 7, null, true] }, plain: 'x' })
  expect(counts).toEqual({ email: 2, 'credit-card': 2 })
  const hostile = json(JSON.parse('{"__proto__": {"x": "a@b.co"}, "constructor": 1}')) as Record<string, unknown>
  expect(JSON.stringify(hostile)).toBe('{"__proto__":{"x":"[redacted: email]"},"constructor":1}')
  expect(({} as { x?: unknown }).x).toBeUndefined()
})

test('hits that overlap are replaced once, as one', () => expect(seen('password=jane1234@example.com').text).toMatch(/^(password=)?\[redacted: (email|secret)\]$/))
test('what was replaced is not found again', () => {
  const all = '4111111111111111 078-05-1120 a@b.co DE89370400440532013000 password: xK9$mQ2vLp'
  const once = seen(all).text
  expect(seen(once)).toEqual({ text: once, counts: {} })
})

describe('fails closed', () => {
  test('a detector that throws withholds the value', () => {
    const broken = vi.spyOn(detectors.email as unknown as { find: () => readonly Hit[] }, 'find').mockImplementation(() => { throw new Error('x') })
    expect(seen('hello @', ['email']).text).toBe(withheld)
    broken.mockRestore()
  })
  test('a value too long to look through is not shown', () => expect(seen(`1${' '.repeat(maxValueLength)}`).text).toBe(withheld))
  test('a document too deep to look through is not shown there', () => {
    let deep: unknown = 'a@b.co'
    for (let n = 0; n < 300; n++) deep = [deep]
    expect(JSON.stringify(createDetect(detectorNames, {}).json(deep as never))).toContain(withheld)
  })
})

test('a hidden character anywhere in a card does not hide it', () => {
  fc.assert(fc.property(fc.array(fc.tuple(fc.integer({ min: 1, max: 15 }), fc.constantFrom('\u200b', '\u00ad', '\u2060', '\ufeff', '\u202e', '\u0301', '\ufe0f', '\u{e0020}', '\u034f', '\u2065', '\u{e0fff}', '\0', '\u001b', '\u0085', '\u20e3', '\ud800')), { maxLength: 6 }), (marks) => {
    const digits = [...'4111111111111111']
    for (const [place, mark] of marks) digits[place] = mark + digits[place]
    expect(seen(`pay ${digits.join('')} now`, ['credit-card']).text).toBe('pay [redacted: credit-card] now')
  }), { examples: [[[[4, '\u2065'], [8, '\u034f'], [12, '\ud800']]]] })
})

test('and none of all of Unicode that is drawn as nothing does, assigned or not', () => {
  const hidden = /^[\p{Cc}\p{Cf}\p{Z}\p{Mn}\p{Me}\p{Pd}\p{Co}\p{Cs}\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}\u2800]$/u
  const through: string[] = []
  for (let code = 0; code <= 0x10ffff; code++) {
    if (code % 0x400 !== 0 && (code >= 0xf0000 || (code > 0xe000 && code < 0xf800))) continue      // private use, of which one in a thousand is enough
    const sign = String.fromCodePoint(code)
    if (hidden.test(sign) && seen(`pay 4111${sign}1111${sign}1111${sign}1111 now`, ['credit-card']).text !== 'pay [redacted: credit-card] now') through.push(`U+${code.toString(16)}`)
  }
  expect(through).toEqual([])
})

/** At the longest a value may be. A pattern that is worse than linear in one of these would run for hours, not past a limit of seconds. */
test.each(['4', '4 ', '4111 ', 'a@', '@', '@a.', 'a.', 'eyJ', 'eyJ-', 'eyJaaaaaaaa.', 'sk-', '://', '://a:', 'DE89 ', 'DE8', 'token=', 'token ', '-----BEGIN PRIVATE KEY-----', '-----BEGIN ', 'é', '４', '\u200b', '123-45-', 'password', 'ghp_', 'a-', '\u001b[', '\u001b[1m', '4\0', '\0', '⒋', '\u001b[;;;;;;;;;;;;'])('the longest run of %j ends', (unit) => {
  const text = unit.repeat(Math.floor(maxValueLength / unit.length))
  expect(seen(text).text.length).toBeGreaterThan(0)
})
