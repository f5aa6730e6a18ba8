import { describe, expect, test } from 'vitest'
import type { EndingView, Status } from '../../schema/approval.ts'
import type { Slug } from '../../schema/refusal.ts'
import { createApp } from '../../functions/app.ts'
import { summaryOf, unwishedOf, viewOf } from '../../functions/approve/view.ts'
import { whole, wordsOf } from '../approve/whole.ts'
import { createWorld as createGateWorld } from '../support/ports.ts'
import { createWorld, digest, home, id, proofIn, request, signedIn } from './world.ts'

const at = `/requests/${id}`
const ended = (rowCounts: readonly number[]): EndingView => ({ at: '2026-11-22T10:00:00.000Z', slug: null, reason: null, detail: null, next: null, rowCounts, outcome: null, answersUntil: null })
const refusal = (slug: Slug, reason = 'x') => ({ slug, reason, detail: 'because of `this`', next: 'none' as const })

describe('opening a page', () => {
  test('by whoever is not signed in shows the way to sign in, tells nothing and asks the gate nothing', async () => {
    const world = await createWorld()
    for (const path of [at, '/requests', '/requests/arq_unknown']) {
      const page = await world.browser().get(path)
      expect(page.status).toBe(401)
      const text = await page.text()
      expect(text).toContain('Opening this page changed nothing')
      expect(text).not.toContain('refunds')
    }
    expect(world.calls).toEqual([])
  })

  test('by a scanner, in any way a scanner opens things, never decides and sets no cookie', async () => {
    const world = await createWorld()
    const browser = await signedIn(world)
    const proof = proofIn(await (await browser.get(at)).text())
    for (const method of ['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'PATCH']) {
      for (const path of [at, `${at}/decision`, `${at}/decision?decision=approve&digest=${digest}&proof=${proof}`, '/requests', '/signout', '/']) {
        const answer = await browser.send(path, { method, headers: { origin: home } })
        expect(answer.headers.getSetCookie()).toEqual([])
      }
    }
    expect(world.calls.filter(({ what }) => what === 'decide')).toEqual([])
  })

  test('every page is closed to scripts, frames, caches, sniffing and onlookers', async () => {
    const world = await createWorld()
    const browser = await signedIn(world)
    for (const page of [await browser.get(at), await browser.get('/requests'), await world.browser().get(at), await browser.get('/nothing'), await browser.post(`${at}/decision`, {})]) {
      const header = (name: string) => page.headers.get(name)
      expect(header('content-security-policy')).toMatch(/^default-src 'none'; style-src 'sha256-[^']+'; img-src data:; base-uri 'none'; form-action '(self|none)'; frame-ancestors 'none'$/)
      expect([header('x-frame-options'), header('cache-control'), header('x-content-type-options'), header('content-type')]).toEqual(['DENY', 'no-store', 'nosniff', 'text/html; charset=utf-8'])
      expect(header('referrer-policy')).toMatch(/^(no-referrer|same-origin)$/)
      const text = await page.text()
      expect(text).not.toMatch(/<script|\son[a-z]+=|javascript:|style="/i)
    }
  })
})

describe('what the page shows', () => {
  const read = async (change: Parameters<typeof request>[0]) => {
    const world = await createWorld()
    world.state.view = request(change)
    return (await (await (await signedIn(world)).get(at)).text()).replaceAll(/\s+/g, ' ')
  }

  test('all that is decided about', async () => {
    const page = await read({
      actors: ['agent:planner'], principals: [...request().principals, { id: 'agent:planner', kind: 'agent', groups: [] }], classified: [{ resource: 'public.customers', column: 'public.customers.email', class: 'pii.email', use: 'masked (email)', statement: 0, output: 0 }, { resource: 'public.customers', column: 'public.customers.ssn', class: 'pii.ssn', use: 'in clear', statement: 0, output: 1 }],
      demands: [{ by: ['support-leads', 'user:kim@acme.dev'], quorum: 2, withinMs: 1_800_000, rule: 'r.rules[1]', missing: 1 }], decisions: [{ subject: 'user:ruth@acme.dev', decision: 'approve', at: '2026-11-22T09:59:00.000Z', reason: 'fine <b>' }],
      notices: [{ to: 'mail:x@acme.dev', sent: false, attempts: 3, at: '2026-11-22T09:59:00.000Z' }],
    })
    for (const text of ['agent:support-bot', 'agent:planner', 'okta', 'shop', 'insert into public.refunds (order_id, amount, reason) values ($1, $2, $3)', 'refund a late parcel', 'checked by nobody', 'public.customers.email', 'masked (email)', 'in clear',
      'about 1 row', 'r.rules[1]', 'support-agent.rules[2]', 'ffffffffffff', '2026-11-22 10:28:00 UTC</time> (in 28 min)', '1 of 2', 'user:ruth@acme.dev', 'fine &lt;b&gt;', digest, 'user:kim@acme.dev', 'Not everybody could be told']) expect(page).toContain(text)
  })

  const plain = (page: string) => page.replaceAll(/<[^>]+>/g, '').replaceAll('&quot;', '"').replaceAll(/(?<=\d),(?=\d{3})/g, '')
  test('every value that the digest binds', async () => {
    const page = plain((await read({ ...viewOf(whole, home, { mine: false, mayDecide: true }), id })).replace(/^.*<main/, ''))
    for (const word of wordsOf()) expect(page).toContain(word === 'update' ? 'Change rows of' : word)
    expect(page).toContain('by way of view-t, then view-u (statement 1)')
    expect(page).toContain('class-bb): used-cc (statement 2)')
  })

  test('of a request to a cluster what is true of its object, and no word of a database', async () => {
    const page = plain(await read({ accesses: [{ action: 'patch', resource: 'apps/deployments', columns: null, via: [], statements: [0], target: { namespace: 'web', name: 'front', needs: [] } }], diff: '# of the object with uid u-1, generation 4\n-  replicas: 2\n+  replicas: 5', fingerprint: 'c0ffee'.repeat(8) }))
    for (const text of ['one request to the API server', 'its version goes along', 'c0ffeec0ffeec0ff', 'uid u-1, generation 4', '+  replicas: 5', 'at most 1000 objects of a list']) expect(page).toContain(text.replace('  ', ' '))
    const command = plain(await read({ accesses: [{ action: 'create', resource: 'pods/exec', columns: null, via: [], statements: [0], target: { namespace: 'web', name: 'front-1', needs: [] } }] }))
    expect([command.includes('one request to the API server'), command.includes('its version goes along')]).toEqual([true, false])
    expect(page).not.toMatch(/read committed|Form of a row|Rows given|Rows changed|any number of rows|statements an hour/)
  })

  test('what the call asks to see without masks cannot be overlooked, and the unusual comes first', async () => {
    const page = await read({ reveal: ['pii.ssn'], revealed: ['pii.ssn'], isolation: 'serializable' })
    expect(page).toContain('<p class="warn"><strong>Without masks.</strong> The call asks to be shown <bdi class="name">pii.ssn</bdi> in clear.</p> <dl><dt>Comes in clear</dt><dd><strong><span class="clear">')
    expect(page).toMatch(/<\/dd> <dt>Runs as<\/dt><dd><strong>one statement, serializable/)
    expect(await read({})).not.toContain('Without masks')
  })

  test('whoever asked reads how it failed in the words of the call, and until when the rows are kept', async () => {
    const mine = { mine: true, mayDecide: false, status: 'succeeded' } as const
    expect(plain(await read({ status: 'failed', ending: { ...ended([]), slug: 'target-error', reason: 'target_refused', sqlstate: '23503', next: 'fix' } }))).toContain('target-error, target_refused, 23503')
    expect(await read({ ...mine, ending: ended([1]), resultUntil: '2026-11-23T09:00:00.000Z' })).toContain('Its rows are kept for you until')
    expect(await read({ ...mine, ending: ended([1]), resultUntil: '2026-11-22T09:59:00.000Z' })).toContain('and are gone. It does not run again')
    expect(await read({ status: 'succeeded', mayDecide: false, ending: ended([1]) })).not.toContain('are gone')
  })

  test('parameters with their types, and where a text ends', async () => {
    const page = await read({ statements: [{ sql: 'select $1', params: ['a ', null, 5, true, { a: [1] }, '</textarea><script>', 'x\ny'] }] })
    const told = page.replaceAll(/<[^>]+>/g, '')
    for (const text of ['$1 text \'a1 space at the end\'', '$2 null null', '$3 number 5', '$4 boolean true', '$5 JSON {&quot;a&quot;:[1]}', '&lt;/textarea&gt;&lt;script&gt;', 'xnew liney']) expect(told).toContain(text)
  })

  test('what an agent wrote is text: never markup, never a link, never invisible', async () => {
    const evil = '<a href="https://evil.example">click</a> https://evil.example \u202emoc.live'
    const page = await read({ purpose: evil, subject: 'agent:<img src=x>', connection: 'shop', statements: [{ sql: `select '${evil}'`, params: [evil] }] })
    expect(page).not.toContain('href="https:')
    expect(page).not.toContain('<img')
    expect(page).not.toContain('\u202e')
    expect(page.match(/U\+202E right-to-left override/g)).toHaveLength(3)
    expect(page.match(/Look twice/g)).toHaveLength(3)
  })

  test('a statement of 64 KB is there to its last character', async () => {
    const tail = '; drop table public.refunds'
    expect(await read({ statements: [{ sql: `select '${'x'.repeat(64_000)}'${tail}`, params: [] }] })).toContain(`x&#39;${tail}`)
  })

  test.each<[Status, string]>([
    ['approved', 'Approved'], ['executing', 'Running'], ['succeeded', 'Approved and done'], ['failed', 'Approved, and failed'], ['outcome-unknown', 'Outcome unknown'], ['rejected', 'Rejected'], ['expired', 'Expired'], ['cancelled', 'Cancelled'], ['stale', 'Stale'],
  ])('%s in its own words, and no form', async (status, words) => {
    const page = await read({ status, mayDecide: false, ending: ended([3]) })
    expect(page).toContain(`<strong>${words}.</strong>`)
    expect(page).not.toContain('value="approve"')
  })

  test('no form after the expiry, though nobody has written it down yet, and none for whoever asked', async () => {
    expect(await read({ expiresAt: '2026-11-22T09:59:59.000Z' })).not.toContain('value="approve"')
    const mine = await read({ mine: true, mayDecide: false })
    expect(mine).toContain('You asked for this, so you do not decide it')
    expect(mine).not.toContain('value="approve"')
  })
})

describe('deciding', () => {
  const ready = async () => {
    const world = await createWorld()
    const browser = await signedIn(world)
    const proof = proofIn(await (await browser.get(at)).text())
    const decide = (form: Record<string, string> = {}, headers: Record<string, string> = {}) => browser.post(`${at}/decision`, { decision: 'approve', digest, proof, reason: '', ...form }, headers)
    const decided = () => world.calls.filter(({ what }) => what === 'decide')
    return { world, browser, proof, decide, decided }
  }

  test('calls the gate with the reader\'s own token, the digest that was read, and the reason', async () => {
    const { decide, decided } = await ready()
    const answer = await decide({ reason: ' looks\r\nright ' })
    expect([answer.status, answer.headers.get('location')]).toEqual([303, `${at}?decided`])
    expect(decided()).toEqual([{ what: 'decide', authorization: 'Bearer the-access-token', body: { decision: 'approve', digest, reason: 'looks\nright' } }])
  })

  test('the page after it waits for what it started, and says how it ended', async () => {
    const { world, browser } = await ready()
    let looks = 0
    Object.defineProperty(world.state, 'view', { get: () => ++looks < 3 ? request({ status: 'executing', mayDecide: false }) : request({ status: 'succeeded', mayDecide: false, ending: ended([1]) }) })
    expect(await (await browser.get(`${at}?decided`)).text()).toContain('Approved and done')
    expect(looks).toBeGreaterThanOrEqual(3)
  })

  test.each<[string, Record<string, string>]>([
    ['another site', { origin: 'https://evil.example' }], ['a page without origin', { origin: 'null' }], ['another port', { origin: `${home}:8443` }], ['the same name in clear', { origin: 'http://console.test' }], ['a name that begins alike', { origin: `${home}.evil.example` }],
    ['a neighbouring host, as the browser says', { 'sec-fetch-site': 'same-site' }], ['another site, as the browser says', { 'sec-fetch-site': 'cross-site' }], ['an address bar', { 'sec-fetch-site': 'none' }],
    ['a form as text', { 'content-type': 'text/plain' }], ['json', { 'content-type': 'application/json' }], ['a form too large', { 'content-length': '20000' }],
  ])('CSRF: a form of %s does not count', async (_name, headers) => {
    const { decide, decided } = await ready()
    const answer = await decide({}, headers)
    expect([answer.status, decided()]).toEqual([403, []])
  })

  test('CSRF: without the Origin header nothing counts', async () => {
    const { browser, proof, decided } = await ready()
    const body = new URLSearchParams({ decision: 'approve', digest, proof }).toString()
    const answer = await browser.send(`${at}/decision`, { method: 'POST', body, headers: { 'content-type': 'application/x-www-form-urlencoded', 'content-length': String(body.length) } })
    expect([answer.status, decided()]).toEqual([403, []])
  })

  test('CSRF: the proof is of this sign-in, this request and this digest', async () => {
    const { world, browser, proof, decide, decided } = await ready()
    const other = await signedIn(world)
    const foreign = proofIn(await (await other.get(at)).text())
    expect(foreign).not.toBe(proof)
    const answers = [
      await decide({ proof: foreign }), await decide({ proof: '' }), await decide({ digest: 'b'.repeat(64) }),
      await browser.post(`/requests/arq_01HZZZZZZZZZZZZZZZZZZZZZZY/decision`, { decision: 'approve', digest, proof }),
    ]
    expect(answers.map(({ status }) => status)).toEqual([403, 403, 403, 403])
    expect(decided()).toEqual([])
  })

  test('a field given twice has two readings and does not count', async () => {
    const { browser, proof, decided } = await ready()
    const body = `decision=reject&decision=approve&digest=${digest}&proof=${proof}`
    const answer = await browser.send(`${at}/decision`, { method: 'POST', body, headers: { origin: home, 'content-type': 'application/x-www-form-urlencoded', 'content-length': String(body.length) } })
    expect([answer.status, decided()]).toEqual([403, []])
  })

  test('signing in again ends the forms of the sign-in before', async () => {
    const { world, browser, decide, decided } = await ready()
    const again = await signedIn(world)
    for (const [name, value] of again.jar) browser.jar.set(name, value)
    expect((await decide()).status).toBe(403)
    expect(decided()).toEqual([])
  })

  test('after the sign-in is over nothing is decided, and the way back leads to the same request', async () => {
    const { world, decide, decided } = await ready()
    world.clock.pass(15 * 60_000)
    const answer = await decide()
    expect(answer.status).toBe(401)
    expect(await answer.text()).toContain(`/signin?to=${encodeURIComponent(at)}`)
    expect(decided()).toEqual([])
  })

  test.each<[Slug, string, number, string]>([
    ['denied', 'own_request', 403, 'Not yours to decide'], ['denied', 'sign_in_too_old', 403, 'Sign in again'], ['request-settled', 'x', 409, 'Settled already'], ['approval-expired', 'x', 410, 'Too late'], ['approval-stale', 'digest_differs', 409, 'Read it again'],
    ['not-found', 'x', 404, 'There is no such request'], ['unauthenticated', 'invalid_token', 401, 'Sign in again'], ['audit-unavailable', 'x', 503, 'The gate could not do this'], ['approval-rejected', 'x', 403, 'Rejected'],
  ])('%s (%s) is told kindly', async (slug, reason, status, words) => {
    const { world, decide } = await ready()
    world.state.decide = refusal(slug, reason)
    const answer = await decide()
    expect(answer.status).toBe(status)
    expect(await answer.text()).toContain(`<h1>${words}</h1>`)
  })

  test('signing out forgets the token, and only a page of ours may do it', async () => {
    const { browser } = await ready()
    expect((await browser.post('/signout', {}, { origin: 'https://evil.example' })).status).toBe(403)
    expect(browser.jar.has('__Host-sluice-session')).toBe(true)
    expect((await browser.post('/signout', {})).status).toBe(200)
    expect(browser.jar.size).toBe(0)
    expect((await browser.get(at)).status).toBe(401)
  })
})

test('the list puts first what waits for the reader', async () => {
  const world = await createWorld()
  const browser = await signedIn(world)
  world.state.list = [request({ status: 'succeeded', mayDecide: false }), summaryOf(request({ mayDecide: false, mine: true })), summaryOf(request())]
  const page = await (await browser.get('/requests')).text()
  const places = ['Waiting for you', 'Waiting for others', 'Over</h2>'].map((text) => page.indexOf(text))
  expect(places).toEqual([...places].sort((a, b) => a - b))
  expect(places[0]).toBeGreaterThan(0)
  world.state.refusal = refusal('policy-unavailable')
  expect((await browser.get('/requests')).status).toBe(503)
})

test('one that nobody is on record to have asked says so in the list, and is not among what waits for the reader', async () => {
  const world = await createWorld()
  const browser = await signedIn(world)
  world.state.list = [unwishedOf(summaryOf(request()))]
  const page = await (await browser.get('/requests')).text()
  expect(page).toContain('Nobody is on record to have asked for this')
  expect(page).toContain('Nothing waits for your decision.')
  for (const text of ['refund', 'insert']) expect(page.slice(page.indexOf('<main'))).not.toContain(text)
})

describe('a link that names the gate', () => {
  const leads = async (console: string, path: string) => {
    const world = createGateWorld()
    return createApp({ ...world.ports, self: { ...world.ports.self, console } }).request(path, { redirect: 'manual' })
  }
  test('leads to the console, whatever the request', async () => {
    const answer = await leads(home, at)
    expect([answer.status, answer.headers.get('location'), answer.headers.get('cache-control')]).toEqual([302, `${home}${at}`, 'no-store'])
    expect((await leads(home, '/requests/arq_1%2f..%2f@evil.example')).status).toBe(404)
  })
  test('leads nowhere where there is no other origin', async () => {
    expect((await leads(createGateWorld().ports.self.url, at)).status).toBe(404)
  })
})
