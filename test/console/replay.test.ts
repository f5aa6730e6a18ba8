import { expect, test } from 'vitest'
import { stepsOf } from '../../functions/record/export/steps.ts'
import { toldOf, events } from '../record/export/events.ts'
import type { Event } from '../../schema/event.ts'
import { createWorld, signedIn, signIn } from './world.ts'

const session = `ses_01KAR0V2G00000000000000000${'a'.repeat(43)}`
const at = `/audit/sessions/${session}`
async function shown(told = [toldOf('intent'), toldOf('outcome'), toldOf('request'), toldOf('approval')], next: string | null = null) {
  const world = await createWorld()
  world.state.played = { session, steps: stepsOf(told), next }
  const answer = await (await signedIn(world)).get(at)
  const html = await answer.text()
  return { world, answer, html, plain: html.slice(html.indexOf('<main')).replaceAll(/<[^>]+>/g, ' ').replaceAll(/\s+/g, ' ') }
}

test('a session plays back: statement, decision with its rule, masks, approval, outcome, timing', async () => {
  const { answer, html, plain } = await shown()
  expect(answer.status).toBe(200)
  for (const text of ['select id, email from public.customers where id = $1', 'Permitted, and about to run', 'permit, by support-agent.rules[0]', 'public.customers.email (email)', 'succeeded, 1 row, 12 ms', '12 ms later', 'Waits for people', 'Asks 1 of support-leads', 'A person approved', 'user:sofia@acme.dev', 'fine', 'a late parcel']) expect(plain).toContain(text)
  expect(html).not.toMatch(/<script|<form method="post" action="\/(?!signout)/)
  expect(answer.headers.get('content-security-policy')).toMatch(/^default-src 'none'; style-src 'sha256-/)
})
test('every kind of event has its place on it', async () => {
  const { plain } = await shown((Object.keys(events) as Event['kind'][]).map((kind) => toldOf(kind)))
  for (const kind of Object.keys(events)) expect(plain).toContain(kind)
  expect(plain).not.toMatch(/undefined|\[object|NaN/)
})
test('a cluster\'s change shows what it would change, and a command all that it wrote, long output folded', async () => {
  const long = Array.from({ length: 40 }, (_, n) => `line ${n}`).join('\n')
  const { html, plain } = await shown([
    toldOf('intent', { diff: '# of the object with uid u-1, generation 4\n-  replicas: 2\n+  replicas: 5' }), toldOf('output', { change: { intent: 'evt_x', part: 1, stream: 'stdout', text: long } }),
    toldOf('outcome', { answered: { status: 200, audit: 'a-1' }, said: { parts: 2, stdout: { bytes: 9, sha256: 'x' }, exitCode: 3 } }), toldOf('correction', { said: { stdout: 'short', stderr: '', exitCode: 0 } }),
  ])
  for (const text of ['uid u-1, generation 4', '+ replicas: 5', 'HTTP 200', 'exitCode 3', 'parts 2', 'a-1', 'stdout : 40 lines', 'line 39', 'short']) expect(plain).toContain(text)
  expect([html.split('<details>').length - 1, plain.includes('1 row')]).toEqual([1, false])
})
test('what a stranger wrote is text: never markup, never a link, never invisible, wherever it stands', async () => {
  const evil = '</code><img src=x onerror=alert(1)><a href="https://evil.example">x</a>\u202e\u200b\u001b[2J'
  const { html } = await shown([
    toldOf('intent', { statements: [{ sql: evil, params: [evil] }], purpose: evil, rules: [evil], masks: { [evil]: evil }, revealed: [evil], accesses: [{ action: evil, resource: evil }], connection: evil, who: { issuer: evil, subject: evil, actors: [evil], groups: [], roles: [] } }),
    toldOf('refusal', { refusal: { slug: evil, reason: evil, detail: evil } }), toldOf('approval', { change: { reason: evil, signedInAt: evil } }), toldOf('outcome', { status: evil }), toldOf('start', { kind: evil, change: { [evil]: evil } }),
    toldOf('intent', { diff: evil }), toldOf('output', { change: { stream: evil, text: `${evil}\n`.repeat(30) } }), toldOf('outcome', { answered: { status: 200, audit: evil }, said: { stdout: evil, [evil]: evil, ended: evil } }),
    toldOf('request', { request: evil, change: { statements: [evil], purpose: evil, demands: [{ by: [evil], quorum: 1, rule: evil }] } }),
  ])
  expect(html).not.toMatch(/<img|href="https:|\u202e|\u200b|\u001b/)
})
test('what cannot be read of a part, and what is gone from it, is named', async () => {
  const world = await createWorld()
  world.state.played = { session, steps: stepsOf([toldOf('intent')]), next: null, damaged: ['evt_01KAR0V2G00000000000000261', 'arq_<b>'], missing: ['evt_01KAR0V2G00000000000000262'] }
  const html = await (await (await signedIn(world)).get(at)).text()
  for (const text of ['evt_01KAR0V2G00000000000000261', 'arq_&lt;b&gt;', 'evt_01KAR0V2G00000000000000262', 'cannot be read', 'no longer in the record']) expect(html).toContain(text)
  expect(await (await shown()).html).not.toContain('not whole')
})
test('a part leads to the part before it', async () => {
  const { html } = await shown([toldOf('intent')], 'cur&sor"><b>')
  expect(html).toContain(`href="${at}?after=cur%26sor%22%3E%3Cb%3E"`)
})
test('it is read with the reader\'s own token, and only after signing in, which leads back to it', async () => {
  const world = await createWorld()
  world.state.played = { session, steps: [], next: null }
  const browser = world.browser()
  const closed = await browser.get(at)
  expect([closed.status, (await closed.text()).includes(`/signin?to=${encodeURIComponent(at)}`), world.calls.length]).toEqual([401, true, 0])
  const back = await signIn(world, browser, {}, at)
  expect(back.headers.get('location')).toBe(at)
  expect((await browser.get(at)).status).toBe(200)
  expect(world.calls).toEqual([{ what: 'replay', authorization: 'Bearer the-access-token' }])
})
test.each([['denied', 403, 'Not yours to read'], ['not-found', 404, 'There is no such session'], ['unauthenticated', 401, 'Sign in again'], ['audit-unavailable', 503, 'The gate could not do this']] as const)('%s says so and shows nothing', async (slug, status, words) => {
  const world = await createWorld()
  const browser = await signedIn(world)
  world.state.refusal = { slug, reason: 'x', detail: 'because of `this`', next: 'none' }
  const answer = await browser.get(at)
  expect([answer.status, (await answer.text()).includes(words)]).toEqual([status, true])
})
test('no other path is a session, and none is written to', async () => {
  const world = await createWorld()
  const browser = await signedIn(world)
  for (const path of ['/audit/sessions/', '/audit/sessions/evt_1', '/audit/sessions/ses_a%2F..%2Frequests', '/audit']) expect((await browser.get(path)).status).toBe(404)
  expect((await browser.post(at, {})).status).toBe(404)
  expect(world.calls).toEqual([])
})
