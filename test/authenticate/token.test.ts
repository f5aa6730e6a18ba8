import { createHmac } from 'node:crypto'
import { expect, test } from 'vitest'
import { challenge } from '../../functions/authenticate/challenge.ts'
import { bearer, remember } from '../../functions/authenticate/token.ts'
import { claims, header, makeKey, mint, signText, toPrivate, world } from './issuer.ts'

const key = makeKey('k1')
const good = mint(key)
const [head = '', body = '', signature = ''] = good.split('.')
const encode = (text: string | Buffer): string => Buffer.from(text).toString('base64url')
const withHeader = (more: Record<string, unknown>): string => mint(key, {}, more)
const payloadText = (text: string): string => signText(key, JSON.stringify(header(key)), text)
const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
/** Sets an unused low bit of the last digit, which lenient decoders ignore. */
const looseEnd = (part: string): string => `${part.slice(0, -1)}${digits[digits.indexOf(part.at(-1) ?? '') | 1]}`
const text = JSON.stringify(claims())
/** One byte past a multiple of three, so that its last digit has unused bits. */
const uneven = payloadText(text.padEnd(text.length + ((4 - (text.length % 3)) % 3), ' '))
const deep = `{"a":${'['.repeat(400)}${']'.repeat(400)}}`
const hmac = (secret: string): string => {
  const input = `${encode(JSON.stringify(header(key, { alg: 'HS256' })))}.${body}`
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`
}
const spki = key.private.asymmetricKeyType === 'ec' ? JSON.stringify(key.public) : ''

const hostile: readonly (readonly [string, string])[] = [
  ['a word', 'garbage'],
  ['two parts', `${head}.${body}`],
  ['four parts', `${good}.${signature}`],
  ['five parts, as a JWE has', `${head}.${body}.${signature}.${body}.${signature}`],
  ['an empty signature', `${head}.${body}.`],
  ['padding at the end', `${good}==`],
  ['padding in the middle', `${head}=.${body}.${signature}`],
  ['a space at the end', `${good} `],
  ['a space before it', ` ${good}`],
  ['a tab inside', `${head}.\t${body}.${signature}`],
  ['a line break at the end', `${good}\n`],
  ['plain base64 digits', `${head}.${body}.${'+/'.repeat(43)}`],
  ['two tokens', `${good}, Bearer ${good}`],
  ['a loose last digit in the signature', `${head}.${body}.${looseEnd(signature)}`],
  ['a loose last digit in the payload', uneven.split('.').map((part, i) => (i === 1 ? looseEnd(part) : part)).join('.')],
  ['a part of impossible length', `${head}.${body}.${signature}AAA`],
  ['9 KB', mint(key, { pad: 'x'.repeat(9000) })],
  ['alg none', `${encode(JSON.stringify({ alg: 'none', typ: 'at+jwt', kid: 'k1' }))}.${body}.AA`],
  ['alg None', withHeader({ alg: 'None' })],
  ['alg HS256 made with the public key', hmac(spki)],
  ['alg as a list', withHeader({ alg: ['ES256'] })],
  ['alg missing', withHeader({ alg: undefined })],
  ['alg RS1', withHeader({ alg: 'RS1' })],
  ['alg ES256K', withHeader({ alg: 'ES256K' })],
  ['an embedded jwk', withHeader({ jwk: makeKey('k1').public })],
  ['an embedded private jwk', withHeader({ jwk: toPrivate(key) })],
  ['jku', withHeader({ jku: 'https://evil.example/keys' })],
  ['x5u', withHeader({ x5u: 'https://evil.example/cert' })],
  ['x5c', withHeader({ x5c: ['MIIB'] })],
  ['crit', withHeader({ crit: ['exp'] })],
  ['an empty crit', withHeader({ crit: [] })],
  ['b64 false', withHeader({ b64: false })],
  ['zip', withHeader({ zip: 'DEF' })],
  ['no kid', withHeader({ kid: undefined })],
  ['an empty kid', withHeader({ kid: '' })],
  ['a kid that is a number', withHeader({ kid: 1 })],
  ['a kid of 300 characters', withHeader({ kid: 'k'.repeat(300) })],
  ['typ logout+jwt', withHeader({ typ: 'logout+jwt' })],
  ['typ dpop+jwt', withHeader({ typ: 'dpop+jwt' })],
  ['typ null', withHeader({ typ: null })],
  ['typ of okta for its own use', withHeader({ typ: 'application/okta-internal-at+jwt' })],
  ['a header that is a list', signText(key, '[]', JSON.stringify(claims()))],
  ['a header that is null', signText(key, 'null', JSON.stringify(claims()))],
  ['a header member twice', signText(key, '{"alg":"none","alg":"ES256","typ":"at+jwt","kid":"k1"}', JSON.stringify(claims()))],
  ['a payload member twice', payloadText(JSON.stringify(claims()).replace('{', '{"sub":"admin",'))],
  ['a payload member twice, once escaped', payloadText(JSON.stringify(claims()).replace('{', '{"s\\u0075b":"admin",'))],
  ['a member twice inside act', payloadText(JSON.stringify(claims()).replace('{', '{"act":{"sub":"a","sub":"b"},'))],
  ['a member twice inside a list', payloadText(JSON.stringify(claims()).replace('{', '{"x":[{"a":1,"a":1}],'))],
  ['__proto__ in the payload', payloadText(JSON.stringify(claims()).replace('{', '{"__proto__":{"groups":["platform"]},'))],
  ['__proto__ in the header', signText(key, '{"__proto__":{"alg":"ES256"},"typ":"at+jwt","kid":"k1"}', JSON.stringify(claims()))],
  ['a payload 400 deep', payloadText(deep)],
  ['a payload that is text', payloadText('"x"')],
  ['a payload with something after it', payloadText(`${JSON.stringify(claims())}{}`)],
  ['a payload with a byte order mark', payloadText(`\uFEFF${JSON.stringify(claims())}`)],
  ['a payload that is not UTF-8', signTextBytes()],
  ['a payload with a NUL', payloadText(`${JSON.stringify(claims())}\0`)],
]

/** Latin-1 bytes where UTF-8 is due. */
function signTextBytes(): string {
  const input = `${head}.${Buffer.from(JSON.stringify(claims({ name: 'é' })), 'latin1').toString('base64url')}`
  return `${input}.${signature}`
}

test.each(hostile)('%s is refused for its structure, and no key is fetched', async (_name, token) => {
  const { state, call } = world([key])
  const result = await call(token)
  expect(result).toMatchObject({ ok: false, refusal: { slug: 'unauthenticated', reason: 'invalid_token' } })
  expect(bearer(`Bearer ${token}`).ok).toBe(false)
  expect(state.fetched).toEqual([])
})

test('the token whose last digit is loosened was good before', () => {
  expect(bearer(`Bearer ${uneven}`).ok).toBe(true)
})

test.each(['a"b', 'a\\', '\\"', '":{"', '\\\\"x":1', 'é'])('the honest value %s is no second member', (name) => {
  expect(bearer(`Bearer ${payloadText(JSON.stringify(claims({ name, [name]: name })))}`).ok).toBe(true)
})

test('every way of being wrong gives the caller the same words', () => {
  const details = new Set(hostile.map(([, token]) => {
    const read = bearer(`Bearer ${token}`)
    return read.ok ? 'accepted' : read.refusal.detail
  }))
  expect(details.size).toBe(1)
})

test.each([null, '', 'Bearer', 'Bearer ', 'Basic dXNlcjpwdw==', 'Bearerx', 'DPoP abc'])('%j brings no token and gets the bare challenge', (authorization) => {
  const read = bearer(authorization)
  expect(read).toMatchObject({ ok: false, refusal: { reason: 'no_token' } })
  if (!read.ok) expect(challenge(read.refusal, 'https://g.dev')).toBe('Bearer resource_metadata="https://g.dev/.well-known/oauth-protected-resource"')
})

test.each(['Bearer', 'bearer', 'BEARER'])('the scheme may be written `%s`', (scheme) => {
  expect(bearer(`${scheme} ${good}`).ok).toBe(true)
})

test.each([['at+jwt', 'at+jwt'], ['AT+JWT', 'at+jwt'], ['application/at+jwt', 'at+jwt'], ['JWT', 'JWT'], [undefined, 'absent']])('typ %s is read as %s', (typ, read) => {
  expect(bearer(`Bearer ${withHeader({ typ })}`)).toMatchObject({ ok: true, value: { typ: read } })
})

test('a wrong token is told so in the challenge, in characters that cannot end it', () => {
  const value = challenge({ slug: 'unauthenticated', reason: 'invalid_token', detail: 'a "b"\r\nSet-Cookie: x\\ é', next: 'none' }, 'https://g.dev')
  expect(value).toBe('Bearer error="invalid_token", error_description="a ?b???Set-Cookie: x? ?", resource_metadata="https://g.dev/.well-known/oauth-protected-resource"')
})
test('a token remembered is that token alone: one that differs in a byte is read anew, and nothing of it is taken over', () => {
  const first = bearer(`Bearer ${good}`)
  if (!first.ok) throw new Error('refused')
  remember({ ...first.value, payload: Object.freeze({ sub: 'remembered' }) })
  const again = bearer(`Bearer ${good}`)
  expect(again.ok && again.value.payload).toEqual({ sub: 'remembered' })
  const other = bearer(`Bearer ${mint(key, { sub: 'other' })}`)
  expect(other.ok && other.value.payload['sub']).toBe('other')
  for (const near of [`${good}=`, `${good} `, looseEnd(good), `${good}.`]) expect(bearer(`Bearer ${near}`).ok && near !== good, near).toBe(false)
})
