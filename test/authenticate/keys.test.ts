import { expect, test } from 'vitest'
import { cooldownMs, freshMs, retryMs, staleMs } from '../../functions/authenticate/keys.ts'
import { Fault } from '../../functions/ports.ts'
import { document, makeKey, mint, start, toPrivate, url, world } from './issuer.ts'

const one = makeKey('k1')
const two = makeKey('k2')
const long = { exp: start + 4 * 3600 }
const down = { code: 'issuer-unavailable' }

test('keys are fetched once, and a hundred calls at once share that one fetch', async () => {
  const { state, call } = world([one])
  const results = await Promise.all(Array.from({ length: 100 }, () => call(mint(one))))
  expect(results.every((result) => result.ok)).toBe(true)
  expect(state.fetched).toEqual([`${url}/.well-known/openid-configuration`, `${url}/keys`])
})

test('a fetch that hangs past the cooldown is still the only one', async () => {
  const { state, call } = world([one])
  const { promise, resolve } = Promise.withResolvers<void>()
  state.hold = promise
  const first = call(mint(one))
  await new Promise((done) => setImmediate(done))
  state.now += 2 * cooldownMs
  const second = call(mint(one))
  await new Promise((done) => setImmediate(done))
  expect(state.fetched.length).toBe(1)
  resolve()
  expect([(await first).ok, (await second).ok]).toEqual([true, true])
})

test('a rotated key is found at once when the last fetch is older than the cooldown', async () => {
  const { state, call } = world([one])
  await call(mint(one))
  state.keys = [two]
  state.now += cooldownMs
  expect((await call(mint(two))).ok).toBe(true)
  expect((await call(mint(one))).ok).toBe(false)
})

test('made-up key ids cost one fetch per cooldown, however many come', async () => {
  const { state, call } = world([one])
  await call(mint(one))
  const fetched = state.fetched.length
  for (let i = 0; i < 50; i++) expect((await call(mint({ ...one, kid: `../../k${i}' or 1=1` }))).ok).toBe(false)
  expect(state.fetched.length).toBe(fetched)
  state.now += cooldownMs
  await Promise.all(Array.from({ length: 50 }, (_, i) => call(mint({ ...one, kid: `other${i}` }))))
  expect(state.fetched.length).toBe(fetched + 2)
})

test.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])('the key id `%s` finds nothing', async (kid) => {
  expect(await world([one]).call(mint({ ...one, kid }))).toMatchObject({ ok: false, refusal: { inner: 'no key of that `kid` for that algorithm' } })
})

test('a key taken back at the issuer ends cached tokens once the set is no longer fresh', async () => {
  const { state, call } = world([one])
  const token = mint(one, long)
  await call(token)
  state.keys = [two]
  state.now += freshMs - 1
  expect((await call(token)).ok).toBe(true)
  state.now += 1
  expect((await call(token)).ok).toBe(false)
})

test('a key replaced under its own id ends cached tokens too', async () => {
  const { state, call } = world([one])
  const token = mint(one, long)
  await call(token)
  state.keys = [makeKey('k1')]
  state.now += freshMs
  expect((await call(token)).ok).toBe(false)
})

test('with the issuer down known keys serve for an hour, tried again once per cooldown, then nobody passes', async () => {
  const { state, call } = world([one])
  await call(mint(one, long))
  state.down = true
  state.now += freshMs
  const fetched = state.fetched.length
  for (let i = 0; i < 10; i++) expect((await call(mint(one, long))).ok).toBe(true)
  expect(state.fetched.length).toBe(fetched + 1)
  state.now += staleMs - freshMs
  await expect(call(mint(one, long))).rejects.toMatchObject(down)
  state.down = false
  state.now += cooldownMs
  expect((await call(mint(one, long))).ok).toBe(true)
})

test('with the issuer down from the start it is a fault, asked again only after a while, and it recovers by itself', async () => {
  const { state, call } = world([one])
  state.down = true
  await expect(call(mint(one))).rejects.toBeInstanceOf(Fault)
  const fetched = state.fetched.length
  await expect(call(mint(one))).rejects.toMatchObject(down)
  expect(state.fetched.length).toBe(fetched)
  state.down = false
  state.now += retryMs
  expect((await call(mint(one))).ok).toBe(true)
})

test('a clock set back does not make keys live longer', async () => {
  const { state, call } = world([one])
  await call(mint(one, long))
  state.keys = [two]
  state.now -= 1000
  expect((await call(mint(one, long))).ok).toBe(false)
})

test.each([
  ['metadata of another issuer', { issuer: 'https://evil.example' }],
  ['metadata of the issuer with a slash more', { issuer: `${url}/` }],
  ['an http jwks_uri', { jwks_uri: 'http://id.acme.dev/keys' }],
  ['a loopback jwks_uri', { jwks_uri: 'http://127.0.0.1/keys' }],
  ['a file jwks_uri', { jwks_uri: 'file:///etc/keys' }],
  ['a jwks_uri with a password', { jwks_uri: 'https://a:b@id.acme.dev/keys' }],
  ['no jwks_uri', { jwks_uri: undefined }],
])('%s is not used', async (_name, metadata) => {
  const { state, call } = world([one])
  state.metadata = metadata
  await expect(call(mint(one))).rejects.toMatchObject(down)
  expect(state.fetched).not.toContain(`${url}/keys`)
})

test('an issuer over http is never asked', async () => {
  const { state, call } = world([one], { documents: [{ ...document, issuer: 'http://id.acme.dev' }] })
  await expect(call(mint(one, { iss: 'http://id.acme.dev' }))).rejects.toMatchObject(down)
  expect(state.fetched).toEqual([])
})

test.each([
  ['no key set', { keys: 'x' }],
  ['a list', []],
  ['more than a hundred keys', { keys: Array.from({ length: 101 }, () => one.public) }],
])('%s is a fault', async (_name, jwks) => {
  const { state, call } = world([one])
  state.jwks = jwks
  await expect(call(mint(one))).rejects.toMatchObject(down)
})

test.each([
  ['for encryption', { ...one.public, use: 'enc' }],
  ['for signing only', { ...one.public, key_ops: ['sign'] }],
  ['published with its private part', { ...toPrivate(one), kid: 'k1' }],
  ['symmetric', { kty: 'oct', k: 'c2VjcmV0', kid: 'k1', alg: 'ES256' }],
  ['for another algorithm', { ...one.public, alg: 'ES384' }],
  ['on no curve', { ...one.public, x: 'AAAA' }],
  ['null', null],
])('a key that is %s verifies nothing', async (_name, entry) => {
  const { state, call } = world([one])
  state.jwks = { keys: [entry] }
  expect((await call(mint(one))).ok).toBe(false)
})

test('two keys of one id: nobody can say which, so neither', async () => {
  const { state, call } = world([one])
  state.jwks = { keys: [one.public, makeKey('k1').public] }
  expect((await call(mint(one))).ok).toBe(false)
})

test('metadata is found where RFC 8414 puts it when OpenID Connect has none', async () => {
  const { state, call } = world([one], { documents: [{ ...document, issuer: `${url}/tenant/7` }] })
  state.oauthOnly = true
  expect((await call(mint(one, { iss: `${url}/tenant/7` }))).ok).toBe(true)
  expect(state.fetched).toEqual([`${url}/tenant/7/.well-known/openid-configuration`, `${url}/.well-known/oauth-authorization-server/tenant/7`, `${url}/tenant/7/keys`])
})

test('the signature is checked once per token, and again when the policy brings a new document', async () => {
  const { state, call } = world([one])
  const token = mint(one)
  const first = await call(token)
  const again = await call(token)
  expect(first.ok && again.ok && first.value === again.value).toBe(true)
  state.documents = [{ ...document, groups: { claim: 'groups', accept: ['finance'] } }]
  expect(await call(token)).toMatchObject({ ok: true, value: { subject: { groups: ['finance'] } } })
})

test('a cached token dies at exp plus the tolerance and is checked in full after exp', async () => {
  const { state, call } = world([one])
  const token = mint(one)
  const first = await call(token)
  state.now = (start + 900) * 1000
  const second = await call(token)
  expect(first.ok && second.ok && first.value !== second.value).toBe(true)
  state.now = (start + 930) * 1000
  expect((await call(token)).ok).toBe(false)
})

test('a flood of other tokens pushes the oldest out and grows no further', async () => {
  const { call } = world([one])
  const token = mint(one)
  const first = await call(token)
  for (let i = 0; i < 2000; i++) await call(mint(one, { jti: String(i) }))
  const again = await call(token)
  expect(first.ok && again.ok && first.value !== again.value).toBe(true)
})
