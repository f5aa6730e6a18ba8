import { Hono, type Context } from 'hono'
import { setTimeout as pause } from 'node:timers/promises'
import type { RequestView } from '../schema/approval.ts'
import type { IssuerDocument } from '../schema/policy.ts'
import { ok, type Refusal, type Result } from '../schema/refusal.ts'
import { createCookies, type Cookies } from './console/cookie.ts'
import { postForm, type PostForm } from './console/exchange.ts'
import { frame, headers, type Html } from './console/frame.ts'
import { listPage } from './console/list.ts'
import * as notices from './console/notice.ts'
import { type Played, noSession, notAuditor, replayPage } from './console/replay.ts'
import { requestPage, type Headed } from './console/request.ts'
import { readPending, readSession, returnTo, type Session } from './console/session.ts'
import { createSignIn, waysOf, type Way } from './console/signin.ts'
import type { Reply } from './door.ts'
import type { Logon } from './logon.ts'
import type { Door } from './own.ts'
import { Fault, type Ports } from './ports.ts'
import { faultRefusal, statusOf } from './problem.ts'

/** What the pages call: the very functions behind `/v1/requests`, with the reader's own token. */
export interface Desk {
  list(door: Door, search: { readonly after?: string }): Promise<Reply<{ readonly requests: readonly Headed[]; readonly next?: string }>>
  show(door: Door, id: string): Promise<Reply<{ readonly request: RequestView }>>
  decide(door: Door, id: string, body: () => Promise<Result<unknown>>): Promise<Reply<unknown>>
  /** Puts a sign-in or sign-out on record; false: it is not. */
  logon(logon: Logon): Promise<boolean>
  /** A session of the record, for those whom a rule lets read it. */
  replay(door: Door, session: string, search: { readonly after?: string }): Promise<Reply<Played>>
}
/** The issuers of the policy in force. */
export interface Standing { current(): Promise<Result<{ readonly policy: { readonly issuers: readonly IssuerDocument[] } }>> }
type Outside = Pick<Ports, 'now' | 'secrets' | 'fetchJson' | 'self' | 'alarm'>

const maxFormBytes = 16 * 1024
/** How long the page after a decision waits for what it started, so that who approved sees the result without looking again. */
const settleMs = 8000
const lookMs = 250
const keyName = 'sluice-console-key'

/**
 * The pages people see, on an origin of their own (`self.console`). They have no power: every look and every decision is a call with the reader's own access
 * token, judged as any other. GET and HEAD change nothing but this browser's cookies, so that link scanners and previews may open what they like.
 */
export function createConsole(ports: Outside, desk: Desk, standing: Standing, post: PostForm = postForm) {
  const { origin, protocol } = new URL(ports.self.console)
  const signIn = createSignIn(ports, post)
  const cookies = async (): Promise<Cookies> => createCookies(await ports.secrets.get(keyName), protocol === 'https:')
  const door = (session: Session): Door => ({ authorization: `Bearer ${session.token}`, session: null })

  async function ways(): Promise<readonly Way[]> {
    const current = await standing.current()
    return waysOf(current.ok ? current.value.policy.issuers : [], ports.self.localIssuer)
  }
  async function signedOut(to: string, again: boolean): Promise<Response> {
    return say(401, notices.signedOut(to, await ways(), again), null, [['www-authenticate', 'Bearer realm="sluice console"']])
  }

  /** A page for somebody signed in, or the way to sign in. */
  async function signedIn(c: Context, to: string, run: (session: Session, jar: Cookies) => Promise<Response>): Promise<Response> {
    const jar = await cookies()
    const session = readSession(jar, c.req.header('cookie') ?? null, ports.now())
    return session === null || session === 'old' ? signedOut(to, session === 'old') : run(session, jar)
  }

  /** A refusal as a page. Without a token that counts there is nothing to show, so it is the way to sign in. */
  const no = async (refusal: Refusal, session: Session, id: string | null): Promise<Response> =>
    refusal.slug === 'unauthenticated' ? signedOut(id === null ? '/requests' : `/requests/${id}`, true) : say(statusOf(refusal), notices.refused(refusal, id), session.who)

  const show = (c: Context, id: string) => signedIn(c, `/requests/${id}`, async (session, jar) => {
    let { result } = await desk.show(door(session), id)
    const until = c.req.query('decided') === undefined ? 0 : ports.now() + settleMs
    while (result.ok && running.has(result.value.request.status) && ports.now() < until) {
      await pause(lookMs)
      result = (await desk.show(door(session), id)).result
    }
    if (!result.ok) return no(result.refusal, session, id)
    const { request } = result.value
    return page(200, 'Request', requestPage(request, { now: ports.now(), proof: jar.proof(session.id, id, request.digest) }), session.who)
  })

  const play = (c: Context, id: string) => signedIn(c, `/audit/sessions/${id}`, async (session) => {
    const after = c.req.query('after')
    const { result } = await desk.replay(door(session), id, after === undefined ? {} : { after })
    if (result.ok) return page(200, 'Session', replayPage(result.value), session.who)
    const { refusal } = result
    if (refusal.slug === 'unauthenticated') return signedOut(`/audit/sessions/${id}`, true)
    if (refusal.slug === 'not-found') return say(404, noSession(), session.who)
    return refusal.slug === 'denied' ? say(403, notAuditor(refusal.detail), session.who) : no(refusal, session, null)
  })

  const decide = (c: Context, id: string) => signedIn(c, `/requests/${id}`, async (session, jar) => {
    const form = ours(c, origin) ? await readForm(c) : null
    if (form === null || !jar.proven(form.get('proof') ?? '', session.id, id, form.get('digest') ?? '')) return say(403, notices.forged(id), session.who)
    const reason = (form.get('reason') ?? '').replaceAll('\r\n', '\n').trim()
    const body = { decision: form.get('decision'), digest: form.get('digest'), ...(reason === '' ? {} : { reason }) }
    const { result } = await desk.decide(door(session), id, async () => ok(body))
    return result.ok ? go(`/requests/${id}?decided`) : no(result.refusal, session, id)
  })

  async function begin(c: Context): Promise<Response> {
    // A browser that fetches ahead must not replace the sign-in that is on its way in another tab.
    if (/prefetch|prerender/.test(`${c.req.header('sec-purpose') ?? ''} ${c.req.header('purpose') ?? ''}`)) return new Response(null, { status: 503, headers: headers(false) })
    const to = returnTo(c.req.query('to'))
    const again = c.req.query('again') !== undefined
    const open = await ways()
    const way = open.length === 1 ? open[0] : open.find(({ name }) => name === c.req.query('issuer'))
    if (!way) return signedOut(to, again)
    const begun = await signIn.begin(await cookies(), way, to, again)
    return go(begun.location, begun.cookies, 302)
  }

  async function finish(c: Context, name: string): Promise<Response> {
    const jar = await cookies()
    const pending = readPending(jar, c.req.header('cookie') ?? null, ports.now())
    const way = (await ways()).find((one) => one.name === name)
    if (!way) return say(404, notices.nothingHere(), null)
    const done = await signIn.finish(jar, way, pending, new URL(c.req.url).searchParams)
    if ('location' in done) {
      // On record before the browser has it: what a person does is nobody's without it. Dies after: a sign-in that nobody used.
      if (done.person && !await desk.logon({ result: 'signed-in', ...done.person, issuer: name })) return say(503, notices.failed(), null)
      return go(done.location, done.cookies)
    }
    if (done.failed !== 'over') await desk.logon({ result: 'refused', token: null, issuer: name, reason: done.failed })   // what is over is anybody's answer, and ends nothing
    // An answer that is not of this browser's sign-in ends nothing: anybody can have a person open one.
    const cleared = done.failed === 'over' ? [] : jar.clear('signin')
    return say(done.failed === 'over' ? 400 : 403, notices.notSignedIn(done, pending?.to ?? '/requests'), null, cleared.map((line) => ['set-cookie', line]))
  }

  return new Hono()
    .get('/', () => go('/requests', [], 302))
    .get('/requests', (c) => signedIn(c, '/requests', async (session) => {
      const after = c.req.query('after')
      const { result } = await desk.list(door(session), after === undefined ? {} : { after })
      return result.ok ? page(200, 'Requests', listPage(result.value.requests, result.value.next ?? null, ports.now()), session.who) : no(result.refusal, session, null)
    }))
    .get('/requests/:id{arq_[0-9A-Za-z]+}', (c) => show(c, c.req.param('id')))
    .post('/requests/:id{arq_[0-9A-Za-z]+}/decision', (c) => decide(c, c.req.param('id')))
    .get('/audit/sessions/:id{ses_[0-9A-Za-z_-]+}', (c) => play(c, c.req.param('id')))
    .get('/signin', begin)
    .get('/signin/callback/:issuer', (c) => finish(c, c.req.param('issuer')))
    .post('/signout', async (c) => {
      if (!ours(c, origin)) return say(403, notices.forged(null), null)
      const jar = await cookies()
      const session = readSession(jar, c.req.header('cookie') ?? null, ports.now())
      if (session !== null && session !== 'old') await desk.logon({ result: 'signed-out', token: session.token })   // on record or not, whoever wants to be out is out
      return say(200, notices.signedOff(), null, [...jar.clear('session'), ...jar.clear('signin')].map((line) => ['set-cookie', line]))
    })
    .notFound(() => say(404, notices.nothingHere(), null))
    .onError((error) => {
      if (error instanceof Fault && error.code === 'issuer-unavailable') return say(503, notices.unavailable(), null)
      return say(statusOf(faultRefusal(error, ports.alarm)), notices.failed(), null)
    })
}
const running: ReadonlySet<string> = new Set(['approved', 'executing'])

/**
 * Whether the browser itself says that a page of ours sent this form. `Origin` must be there and ours; a browser that also sends `Sec-Fetch-Site` must
 * agree. No other site can set either (Fetch, forbidden request headers).
 */
function ours(c: Context, origin: string): boolean {
  const site = c.req.header('sec-fetch-site')
  return c.req.header('origin') === origin && (site === undefined || site === 'same-origin')
}

/** null: no form of ours. A name given twice is none: it has two readings. */
async function readForm(c: Context): Promise<URLSearchParams | null> {
  if (!/^application\/x-www-form-urlencoded\s*(;.*)?$/i.test(c.req.header('content-type') ?? '')) return null
  const declared = Number(c.req.header('content-length') ?? Number.NaN)
  if (!(declared <= maxFormBytes)) return null
  const text = await c.req.text()
  if (text.length > maxFormBytes) return null
  const form = new URLSearchParams(text)
  return new Set(form.keys()).size === form.size ? form : null
}

type Extra = readonly (readonly [name: string, value: string])[]
function page(status: number, title: string, body: Html, who: string | null, extra: Extra = []): Response {
  // The way out is a form too, so whoever is signed in gets the policy of pages with forms.
  const answer = new Response(frame({ title, who, body }), { status, headers: headers(who !== null) })
  for (const [name, value] of extra) answer.headers.append(name, value)
  return answer
}
const say = (status: number, notice: notices.Notice, who: string | null, extra: Extra = []): Response => page(status, notice.title, notice.body, who, extra)

function go(location: string, cookies: readonly string[] = [], status: 302 | 303 = 303): Response {
  const answer = new Response(null, { status, headers: { ...headers(false), location } })
  for (const line of cookies) answer.headers.append('set-cookie', line)
  return answer
}
