import { createHash } from 'node:crypto'
import { generateKeyPair } from 'jose'
import { describe, expect, test } from 'vitest'
import { createWorld, home, id, signedIn, signIn } from './world.ts'

describe('signing in', () => {
  test('goes by code, PKCE, state, nonce and a fresh sign-in, and comes back to the same request', async () => {
    const world = await createWorld()
    const browser = world.browser()
    const begun = await browser.get(`/signin?to=/requests/${id}`)
    const asked = new URL(begun.headers.get('location') ?? '')
    expect(asked.origin + asked.pathname).toBe('https://okta.test/authorize')
    expect(Object.fromEntries(asked.searchParams)).toMatchObject({
      response_type: 'code', client_id: 'sluice-console', redirect_uri: `${home}/signin/callback/okta`, scope: 'openid', max_age: '900', code_challenge_method: 'S256', resource: 'https://gate.test',
    })
    const done = await browser.get(`/signin/callback/okta?${world.issuer().authorize(asked.href)}`)
    expect([done.status, done.headers.get('location')]).toEqual([303, `/requests/${id}`])
    expect(createHash('sha256').update(world.posted[0]?.form['code_verifier'] ?? '').digest('base64url')).toBe(asked.searchParams.get('code_challenge'))
    const page = await browser.get(`/requests/${id}`)
    expect(page.status).toBe(200)
    expect(await page.text()).toContain('omar@acme.dev')
    expect(world.calls).toEqual([{ what: 'show', authorization: 'Bearer the-access-token' }])
  })

  test('keeps the token where no script, no other site and no neighbouring host reaches it, for 15 minutes at most', async () => {
    const world = await createWorld()
    const answer = await signIn(world, world.browser())
    const line = answer.headers.getSetCookie().find((one) => one.startsWith('__Host-sluice-session=')) ?? ''
    expect(line).toMatch(/; Path=\/; Max-Age=900; HttpOnly; SameSite=Lax; Secure$/)
    expect(Buffer.from(line, 'base64url').toString('latin1')).not.toContain('the-access-token')
    const later = world.browser()
    expect((await signIn(world, later, { auth_time: Math.floor(world.clock.now() / 1000) - 600 })).headers.getSetCookie()[0]).toContain('Max-Age=300;')
    world.clock.pass(300_000)
    const page = await later.get(`/requests/${id}`)                  // the browser kept it longer than it was told to
    expect(page.status).toBe(401)
    expect(await page.text()).toContain('Your sign-in is over')
  })

  test('over plain loopback the cookie has neither prefix nor Secure, or the browser would drop it', async () => {
    const world = await createWorld({ console: 'http://localhost:8788' })
    const line = (await signIn(world, world.browser())).headers.getSetCookie()[0] ?? ''
    expect(line).toMatch(/^sluice-session=/)
    expect(line).not.toContain('Secure')
  })

  test('a token of 8 KB travels in pieces, and a shorter one later leaves none of them behind', async () => {
    const world = await createWorld()
    const browser = world.browser()
    world.issuer().tell.token = Array.from({ length: 128 }, (_, n) => createHash('sha512').update(String(n)).digest('base64url').slice(0, 64)).join('')
    const answer = await signIn(world, browser)
    for (const line of answer.headers.getSetCookie()) expect(line.length).toBeLessThan(4096)
    expect([...browser.jar.keys()].length).toBeGreaterThan(2)
    await browser.get(`/requests/${id}`)
    expect(world.calls.at(-1)?.authorization).toBe(`Bearer ${world.issuer().tell.token}`)
    world.issuer().tell.token = 'short'
    await signIn(world, browser)
    expect([...browser.jar.keys()]).toEqual(['__Host-sluice-session'])
    await browser.get(`/requests/${id}`)
    expect(world.calls.at(-1)?.authorization).toBe('Bearer short')
  })

  test('a sign-in that is too old is asked for anew, once', async () => {
    const world = await createWorld()
    const browser = world.browser()
    const old = { auth_time: Math.floor(world.clock.now() / 1000) - 1000 }
    const again = await signIn(world, browser, old)
    const asked = new URL(again.headers.get('location') ?? '')
    expect(asked.searchParams.get('prompt')).toBe('login')
    expect(browser.jar.has('__Host-sluice-session')).toBe(false)
    const stubborn = await browser.get(`/signin/callback/okta?${world.issuer().authorize(asked.href, old)}`)
    expect(stubborn.status).toBe(403)
    expect(await stubborn.text()).toContain('Your sign-in is too old')
  })

  test('a confidential client sends its secret to the token endpoint alone', async () => {
    const world = await createWorld()
    world.secrets['sluice-console-client-okta'] = 's:e c'
    await signIn(world, world.browser())
    expect(Buffer.from(world.posted[0]?.authorization?.slice(6) ?? '', 'base64').toString()).toBe('sluice-console:s%3Ae%20c')
  })
})

describe('attacks on signing in', () => {
  test.each(['https://evil.example', '//evil.example', '/\\evil.example', '/requests/../signin', '/requests/arq_1/../../x', '/requests/arq_1?x=//evil', '/requests/arq_1#//evil', 'javascript:alert(1)', '/signout', '/requests/arq_1\r\nset-cookie: a=b'])('%j is no place to return to', async (to) => {
    const world = await createWorld()
    const done = await signIn(world, world.browser(), {}, to)
    expect(done.headers.get('location')).toBe('/requests')
  })

  test('login CSRF: an answer of the attacker\'s own sign-in signs nobody in', async () => {
    const world = await createWorld()
    const attacker = world.browser()
    const begun = await attacker.get('/signin?to=/requests')
    const answer = world.issuer().authorize(begun.headers.get('location') ?? '', { email: 'mallory@acme.dev' })
    const victim = world.browser()
    expect((await victim.get(`/signin/callback/okta?${answer}`)).status).toBe(400)
    await victim.get('/signin?to=/requests')                         // also not while the victim is signing in
    const planted = await victim.get(`/signin/callback/okta?${answer}`)
    expect(planted.status).toBe(400)
    expect(victim.jar.has('__Host-sluice-session')).toBe(false)
    expect(victim.jar.has('__Host-sluice-signin')).toBe(true)        // and it does not end the victim's own
    expect(world.posted).toEqual([])
  })

  test('a code injected into somebody\'s own sign-in is not redeemed: the verifier is another', async () => {
    const world = await createWorld()
    const stolen = world.issuer().authorize((await world.browser().get('/signin')).headers.get('location') ?? '').get('code') ?? ''
    const victim = world.browser()
    const own = world.issuer().authorize((await victim.get('/signin')).headers.get('location') ?? '')
    own.set('code', stolen)
    expect((await victim.get(`/signin/callback/okta?${own}`)).status).toBe(403)
    expect(victim.jar.has('__Host-sluice-session')).toBe(false)
  })

  test('a code is good once: the answer replayed, with or without the cookie, signs nobody in', async () => {
    const world = await createWorld()
    const browser = world.browser()
    const begun = await browser.get('/signin')
    const answer = world.issuer().authorize(begun.headers.get('location') ?? '')
    const kept = browser.jar.get('__Host-sluice-signin') ?? ''
    expect((await browser.get(`/signin/callback/okta?${answer}`)).status).toBe(303)
    expect(browser.jar.has('__Host-sluice-signin')).toBe(false)
    expect((await browser.get(`/signin/callback/okta?${answer}`)).status).toBe(400)
    const other = world.browser()
    other.jar.set('__Host-sluice-signin', kept)
    expect((await other.get(`/signin/callback/okta?${answer}`)).status).toBe(403)
    expect(other.jar.has('__Host-sluice-session')).toBe(false)
  })

  test('mix-up: one issuer\'s answer is never taken to another', async () => {
    const world = await createWorld({ issuers: ['okta', 'evil'] })
    const browser = world.browser()
    const begun = await browser.get('/signin?issuer=evil')
    const evil = new URL(begun.headers.get('location') ?? '')
    // The evil issuer sends the person on to the honest one, with what it was asked itself.
    const answer = world.issuer('okta').authorize(evil.href)
    answer.delete('iss')
    for (const path of [`/signin/callback/evil?${answer}&iss=https://okta.test`, `/signin/callback/okta?${answer}`]) {
      expect([400, 403]).toContain((await browser.get(path)).status)
      await browser.get('/signin?issuer=evil')
    }
    expect(evil.searchParams.get('redirect_uri')).toBe(`${home}/signin/callback/evil`)   // which the honest issuer has never heard of
    expect(world.posted).toEqual([])
    expect(browser.jar.has('__Host-sluice-session')).toBe(false)
  })

  test('an issuer that says it names itself in every answer, and does not, is not believed', async () => {
    const world = await createWorld()
    world.issuer().tell.metadata = { authorization_response_iss_parameter_supported: true }
    const browser = world.browser()
    const answer = world.issuer().authorize((await browser.get('/signin')).headers.get('location') ?? '')
    answer.delete('iss')
    expect((await browser.get(`/signin/callback/okta?${answer}`)).status).toBe(403)
    expect(world.posted).toEqual([])
  })

  test('a parameter twice has two readings and is refused', async () => {
    const world = await createWorld()
    const browser = world.browser()
    const answer = world.issuer().authorize((await browser.get('/signin')).headers.get('location') ?? '')
    expect((await browser.get(`/signin/callback/okta?${answer}&code=x`)).status).toBe(403)
    expect(world.posted).toEqual([])
  })

  test.each<[string, Record<string, unknown>]>([
    ['of another issuer', { iss: 'https://evil.test' }], ['for another client', { aud: 'other' }], ['for several without a party', { aud: ['sluice-console', 'x'] }], ['for another party', { azp: 'x' }],
    ['with another nonce', { nonce: 'x' }], ['without one', { nonce: undefined }], ['that has expired', { exp: 1 }], ['made an hour ago', { iat: 1_795_341_600 - 3600 }], ['made tomorrow', { iat: 1_795_341_600 + 86_400 }],
    ['of nobody', { sub: '' }], ['with another access token', { at_hash: 'AAAAAAAAAAAAAAAAAAAAAA' }], ['without auth_time', { auth_time: undefined }], ['with a future auth_time', { auth_time: 4e9 }], ['with auth_time as text', { auth_time: '1' }],
  ])('an id token %s signs nobody in', async (_name, claims) => {
    const world = await createWorld()
    const browser = world.browser()
    const answer = await signIn(world, browser, claims)
    expect(answer.status).toBe(403)
    expect(browser.jar.has('__Host-sluice-session')).toBe(false)
  })

  test('an id token that another key signed, or an access token in its place, signs nobody in', async () => {
    const world = await createWorld()
    const other = await generateKeyPair('ES256')
    for (const [header, key] of [[{}, other.privateKey], [{ typ: 'at+jwt' }, undefined], [{ kid: 'unknown' }, undefined]] as const) {
      const browser = world.browser()
      const begun = await browser.get('/signin')
      const asked = new URL(begun.headers.get('location') ?? '').searchParams
      const at = Math.floor(world.clock.now() / 1000)
      const claims = { iss: 'https://okta.test', aud: 'sluice-console', sub: 'x', nonce: asked.get('nonce') ?? '', iat: at, exp: at + 300, auth_time: at }
      world.issuer().tell.answer = { access_token: 'a', token_type: 'Bearer', id_token: await world.issuer().sign(claims, header, key) }
      const answer = await browser.get(`/signin/callback/okta?${world.issuer().authorize(begun.headers.get('location') ?? '')}`)
      expect(answer.status).toBe(403)
      expect(browser.jar.has('__Host-sluice-session')).toBe(false)
    }
  })

  test('metadata of another issuer, or endpoints in clear, are not used', async () => {
    for (const metadata of [{ issuer: 'https://evil.test' }, { token_endpoint: 'http://okta.test/token' }, { authorization_endpoint: 'javascript:alert(1)' }]) {
      const world = await createWorld()
      world.issuer().tell.metadata = metadata
      const answer = await world.browser().get('/signin')
      expect(answer.status).toBe(503)
      expect(answer.headers.get('location')).toBeNull()
    }
  })

  test('an issuer the policy no longer names, or that has no people here, signs nobody in', async () => {
    const world = await createWorld()
    const browser = world.browser()
    const answer = world.issuer().authorize((await browser.get('/signin')).headers.get('location') ?? '')
    world.policy.issuers = world.policy.issuers.map((one) => ({ ...one, people: { clients: ['sluice-cli'], subject: 'user:{email}' } }))
    expect((await browser.get(`/signin/callback/okta?${answer}`)).status).toBe(404)
    expect((await world.browser().get('/signin')).status).toBe(401)
  })

  test('a cookie that was planted, changed, cut, or is of the other kind opens nothing', async () => {
    const world = await createWorld()
    const good = (await signedIn(world)).jar.get('__Host-sluice-session') ?? ''
    const middle = Math.floor(good.length / 2)
    const flipped = `${good.slice(0, middle)}${good[middle] === 'A' ? 'B' : 'A'}${good.slice(middle + 1)}`
    const begun = world.browser()
    await begun.get('/signin')
    const signin = begun.jar.get('__Host-sluice-signin') ?? ''
    for (const value of ['x', 'e30', good.slice(0, -4), flipped, signin, '']) {
      const browser = world.browser()
      browser.jar.set('__Host-sluice-session', value)
      expect((await browser.get(`/requests/${id}`)).status).toBe(401)
    }
    const plain = world.browser()
    plain.jar.set('sluice-session', good)                            // without the prefix anybody beside us could have set it
    expect((await plain.get(`/requests/${id}`)).status).toBe(401)
    expect(world.calls).toEqual([])
  })

  test('what is fetched ahead begins no sign-in', async () => {
    const world = await createWorld()
    const answer = await world.browser().get('/signin', { 'sec-purpose': 'prefetch;prerender' })
    expect([answer.status, answer.headers.getSetCookie()]).toEqual([503, []])
  })

  test('what the issuer says is shown as its words, escaped', async () => {
    const world = await createWorld()
    const browser = world.browser()
    const state = new URL((await browser.get('/signin')).headers.get('location') ?? '').searchParams.get('state') ?? ''
    const page = await (await browser.get(`/signin/callback/okta?${new URLSearchParams({ state, error: 'access_denied', error_description: '<script>x</script> \u202e' })}`)).text()
    expect(page).toContain('&lt;script&gt;')
    expect(page).not.toContain('\u202e')
  })
})
