import fc from 'fast-check'
import { expect, test } from 'vitest'
import { issuerDocument } from '../../schema/policy.ts'
import { audience, claims, document, header, makeKey, mint, signText, start, url, world } from './issuer.ts'

const key = makeKey('k1')
const hour = 3600

test('an agent token gives its subject, the accepted groups and the payload', async () => {
  const { call } = world([key])
  expect(await call(mint(key))).toMatchObject({
    ok: true, value: { issuer: 'acme', subject: { id: 'agent:support-bot', kind: 'agent', groups: ['support-agents'] }, actors: [], person: false, expiresAt: (start + 900) * 1000 },
  })
})

test.each(['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA'])('%s verifies', async (alg) => {
  const own = makeKey('k', alg)
  expect((await world([own]).call(mint(own))).ok).toBe(true)
})

const refusedClaims: readonly (readonly [string, Record<string, unknown>])[] = [
  ['no iss', { iss: undefined }],
  ['another iss', { iss: 'https://evil.example' }],
  ['the iss with a slash more', { iss: `${url}/` }],
  ['the iss in capitals', { iss: url.toUpperCase() }],
  ['iss as a list', { iss: [url] }],
  ['no sub', { sub: undefined }],
  ['an empty sub', { sub: '' }],
  ['sub as a number', { sub: 7 }],
  ['sub as an object', { sub: { toString: 'x' } }],
  ['no aud', { aud: undefined }],
  ['another aud', { aud: 'https://other.acme.dev' }],
  ['the aud with a slash more', { aud: `${audience}/` }],
  ['an empty list of aud', { aud: [] }],
  ['aud as a list with a number', { aud: [audience, 1] }],
  ['aud as a nested list', { aud: [[audience]] }],
  ['no exp', { exp: undefined }],
  ['exp as text', { exp: String(start + 900) }],
  ['exp null', { exp: null }],
  ['exp negative', { exp: -1 }],
  ['exp beyond all times', { exp: 1e300 }],
  ['expired beyond the tolerance', { iat: start - 900, exp: start - 30 }],
  ['no iat', { iat: undefined }],
  ['iat in the future', { iat: start + 60 }],
  ['iat as text', { iat: 'now' }],
  ['exp before iat', { iat: start, exp: start - 1 }],
  ['a lifetime of 29 hours', { exp: start + 29 * hour }],
  ['a lifetime of years that ends soon', { iat: start - 400 * 24 * hour, exp: start + 60 }],
  ['nbf in the future', { nbf: start + 120 }],
  ['nbf as text', { nbf: 'soon' }],
  ['nbf null', { nbf: null }],
]
test.each(refusedClaims)('%s: refused before any key is fetched', async (_name, more) => {
  const { state, call } = world([key])
  expect(await call(mint(key, more))).toMatchObject({ ok: false, refusal: { slug: 'unauthenticated', reason: 'invalid_token' } })
  expect(state.fetched).toEqual([])
})

test('exp 1e400, which JSON reads as infinity, is refused', async () => {
  const text = JSON.stringify(claims()).replace(`"exp":${start + 900}`, '"exp":1e400')
  expect((await world([key]).call(signText(key, JSON.stringify(header(key)), text))).ok).toBe(false)
})

test.each([
  ['an audience among others', { aud: ['https://other.acme.dev', audience] }],
  ['30 s of clock difference', { iat: start + 25, nbf: start + 25 }],
  ['just expired, within the tolerance', { iat: start - 900, exp: start - 20 }],
  ['times with fractions', { iat: start - 0.5, exp: start + 0.5 }],
])('%s: accepted', async (_name, more) => {
  expect((await world([key]).call(mint(key, more))).ok).toBe(true)
})

test('a good token of an issuer the policy no longer names is refused', async () => {
  const { state, call } = world([key])
  expect((await call(mint(key))).ok).toBe(true)
  state.documents = []
  expect((await call(mint(key))).ok).toBe(false)
})

test('two documents that both fit a token leave nobody to trust', async () => {
  const { call } = world([key], { documents: [document, { ...document, name: 'twin' }] })
  expect((await call(mint(key))).ok).toBe(false)
})

test('of two documents of one issuer the audience tells which', async () => {
  const twin = { ...document, name: 'twin', audience: ['https://twin.dev', 'https://twin2.dev'] }
  const { call } = world([key], { documents: [document, twin] })
  expect(await call(mint(key, { aud: 'https://twin2.dev' }))).toMatchObject({ ok: true, value: { issuer: 'twin' } })
  expect((await call(mint(key, { aud: ['https://twin.dev', audience] }))).ok).toBe(false)
})

test('a document that calls itself `local` is never used', async () => {
  expect((await world([key], { documents: [{ ...document, name: 'local' }] }).call(mint(key))).ok).toBe(false)
})

test('a token without typ passes only where the document says absent', async () => {
  const untyped = mint(key, {}, { typ: undefined })
  expect((await world([key]).call(untyped)).ok).toBe(false)
  const lenient = issuerDocument.parse({ ...document, typ: ['absent'] })
  expect((await world([key], { documents: [lenient] }).call(untyped)).ok).toBe(true)
  expect((await world([key], { documents: [lenient] }).call(mint(key))).ok).toBe(false)
})

test.each(['nonce', 'at_hash', 'c_hash', 's_hash', 'events'])('a plain JWT with `%s` is an ID or logout token and refused', async (name) => {
  const { call } = world([key])
  expect((await call(mint(key, { [name]: 'x' }, { typ: 'JWT' }))).ok).toBe(false)
  expect((await call(mint(key, {}, { typ: 'JWT' }))).ok).toBe(true)
})

test('a token signed by another key of the same id is refused', async () => {
  expect((await world([key]).call(mint(makeKey('k1')))).ok).toBe(false)
})

test('the algorithm is bound to the kind of key', async () => {
  const rsa = makeKey('k1', 'RS256')
  const { call } = world([rsa])
  expect((await call(mint(key, {}, { alg: 'ES256' }))).ok).toBe(false)
  expect((await call(mint({ ...rsa, alg: 'PS256' }))).ok).toBe(false)
})

test('an RSA key published without alg serves RS256 and PS256, each by itself', async () => {
  const rsa = makeKey('k1', 'RS256')
  const { state, call } = world([rsa])
  state.jwks = { keys: [{ ...rsa.public, alg: undefined }] }
  expect((await call(mint(rsa))).ok).toBe(true)
  expect((await call(mint({ ...rsa, alg: 'PS256' }))).ok).toBe(true)
  expect((await call(mint({ ...rsa, alg: 'PS256' }, {}, { alg: 'RS256' }))).ok).toBe(false)
})

test('any single changed character of a valid token is refused', async () => {
  const { call } = world([key])
  const token = mint(key)
  expect((await call(token)).ok).toBe(true)
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=. +/,"\u00e9'
  await fc.assert(fc.asyncProperty(fc.nat(token.length - 1), fc.constantFrom(...alphabet), async (at, character) => {
    fc.pre(token[at] !== character)
    return !(await call(token.slice(0, at) + character + token.slice(at + 1))).ok
  }), { numRuns: 600 })
})

test('any single character more or less is refused', async () => {
  const { call } = world([key])
  const token = mint(key)
  await fc.assert(fc.asyncProperty(fc.nat(token.length), fc.constantFrom(...'Aa0-_.= '), fc.boolean(), async (at, character, more) => {
    fc.pre(more || at < token.length)
    expect(await call(token.slice(0, at) + (more ? character + token.slice(at) : token.slice(at + 1)))).toMatchObject({ ok: false })
  }), { numRuns: 300 })
})

test('the caller is frozen through and through, because requests share it', async () => {
  const result = await world([key]).call(mint(key))
  expect(result.ok && Object.isFrozen(result.value) && Object.isFrozen(result.value.subject.groups) && Object.isFrozen(result.value.claims['groups'])).toBe(true)
})
