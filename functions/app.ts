import { Hono, type Context } from 'hono'
import { TrieRouter } from 'hono/router/trie-router'
import type { AccessRequest } from '../schema/approval.ts'
import type { Refusal } from '../schema/refusal.ts'
import { endOf } from './allowance.ts'
import { type Frame, rowsBody, send, sendJson, sendProblem } from './answer.ts'
import { waitingOf } from './approve/view.ts'
import { readBody } from './body.ts'
import { createDiscovery } from './discover.ts'
import { createExec } from './exec.ts'
import { explained } from './explanation.ts'
import type { Reply } from './door.ts'
import { type Call, createGate, type Gate } from './gate.ts'
import { createHealth } from './health.ts'
import type { Document } from './log.ts'
import { createKubernetes } from './kubernetes.ts'
import { doorOf as door, keyOf, waitOf } from './knock.ts'
import { createOwn, Waiting } from './own.ts'
import type { createMcp } from './mcp.ts'
import type { Ports } from './ports.ts'
import { faultRefusal, isSlug } from './problem.ts'
import { inEither, inSql } from './question.ts'
import { createRequests, requestFilters } from './requests.ts'
import { readSearch } from './search.ts'
import { seldom } from './seldom.ts'
import type { RawTarget } from './target.ts'

/**
 * The HTTP API of CONTRACT.md section 2: one line a route. Every answer leaves through answer.ts, every refusal through problem.ts; what a
 * route may do is decided in gate.ts and own.ts, never here. `targetOf`: how the platform tells the raw target of a request; left out: it cannot, and nothing of a cluster's API is read. `loadMcp`: reads mcp.ts; null: the Model Context Protocol is not spoken here.
 */
export function createApp(ports: Ports, gate: Gate = createGate(ports), targetOf: RawTarget = () => null, loadMcp: Loaded | null = null) {
  const own = createOwn(ports, gate)
  const requests = createRequests(ports, gate, own)
  const health = createHealth(ports, gate)
  const discovery = createDiscovery(ports, gate, own)
  const open = { url: ports.self.url, evaluation: null, session: null }
  const office = seldom(async () => (await import('./office.ts')).createOffice(ports, gate, own, requests.rejectFromChat))
  const pages = seldom(async () => ({ ...await import('./console/problem.ts'), ...await import('./console/page.ts') }))
  const openapi = async () => JSON.stringify({ ...(await import('../schema/openapi.json', { with: { type: 'json' } })).default, servers: [{ url: ports.self.url }] })   // large, and seldom asked for
  const { exec, question: ofCommand } = createExec(ports, gate)
  const kubernetes = createKubernetes(ports, gate, targetOf)
  const mcp = loadMcp && seldom(async () => (await loadMcp()).createMcp(ports, gate, { discovery, requests, waits: gate.waits, command: ofCommand }))

  const no = (c: Context, refusal: Refusal, extra?: Readonly<Record<string, string>>) => sendProblem(c, open, refusal, extra)

  /** What the gate promises of the event that this call has put on record. */
  const promised = (evaluation: Reply<unknown>['evaluation']): Record<string, string> => {
    const promise = ports.promise?.(evaluation) ?? null
    return promise === null ? {} : { 'sluice-promise': promise }
  }
  const sendWaiting = (c: Context, frame: Frame, request: AccessRequest, promise: Record<string, string>) =>
    sendJson(c, frame, 202, { request: waitingOf(request, ports.self.console), evaluation: frame.evaluation }, { location: `/v1/requests/${request.id}`, 'retry-after': String(retrySeconds), ...promise })

  /** One route's frame: its query string read, its reply turned into an answer. */
  async function route<Name extends string, T>(c: Context, names: readonly Name[], run: (search: Readonly<Partial<Record<Name, string>>>) => Promise<Reply<T>>) {
    const search = readSearch(c.req.url, names)
    if (!search.ok) return no(c, search.refusal)
    const { evaluation, session, result } = await run(search.value)
    const frame: Frame = { url: ports.self.url, evaluation, session }
    const promise = promised(evaluation)
    if (!result.ok) return sendProblem(c, frame, result.refusal, promise)
    if (!(result.value instanceof Waiting)) return sendJson(c, frame, 200, result.value, promise)
    const { asked } = result.value
    return 'waiting' in asked ? sendWaiting(c, frame, asked.waiting, promise) : sendJson(c, frame, asked.stored.status, JSON.parse(asked.stored.body), promise)
  }

  /** A route whose answer is no JSON. */
  async function plain<Name extends string = never>(c: Context, run: (search: Readonly<Partial<Record<Name, string>>>) => Promise<Reply<Document>>, names: readonly Name[] = []) {
    const search = readSearch(c.req.url, names)
    if (!search.ok) return no(c, search.refusal)
    const { evaluation, session, result } = await run(search.value)
    const promise = promised(evaluation)
    return result.ok ? send(c, 200, result.value.type, result.value.body, promise) : sendProblem(c, { url: ports.self.url, evaluation, session }, result.refusal, promise)
  }

  async function query(c: Context) {
    const search = readSearch(c.req.url, [])
    if (!search.ok) return no(c, search.refusal)
    const key = keyOf(c)
    if (!key.ok) return no(c, key.refusal)
    const { evaluation, session, result } = await gate.query({ ...callOf(c, ports.now()), idempotencyKey: key.value })
    const frame: Frame = { url: ports.self.url, evaluation, session }
    const promise = promised(evaluation)
    if (!result.ok) return sendProblem(c, frame, result.refusal, promise)
    const answer = result.value
    if ('waiting' in answer) return sendWaiting(c, frame, answer.waiting, promise)
    const headers = { ...promise, ...(session === null ? {} : { 'sluice-session': session }) }
    if ('stored' in answer) {
      const type = answer.stored.status < 400 ? 'application/json' : 'application/problem+json'
      return send(c, answer.stored.status, type, answer.stored.body, headers)
    }
    const body = rowsBody(answer.masked, answer.batch, { evaluation, session, event: answer.outcome })
    // Before the answer, so that a repeat that comes after it finds it. The effect is recorded already: a store that fails here costs the repeat, not this answer.
    await answer.keep(200, body).catch((error: unknown) => faultRefusal(error, ports.alarm))
    return send(c, 200, 'application/json', body, headers)
  }

  // Named, because the router that Hono would try first cannot hold some of these paths: it finds that out at a process's first call, and then takes this one.
  const app = new Hono({ router: new TrieRouter() })
    .get('/healthz', (c) => sendJson(c, open, 200, { alive: true }))
    .get('/readyz', async (c) => {
      const ready = await health.ready()
      return sendJson(c, open, ready ? 200 : 503, { ready })
    })
    .get('/.well-known/oauth-protected-resource', async (c) => {
      const metadata = await discovery.metadata()
      return metadata.ok ? sendJson(c, open, 200, metadata.value) : no(c, metadata.refusal)
    })
    .get('/openapi.json', async (c) => send(c, 200, 'application/json', await openapi()))
    .get('/problems', async (c) => {
      const { problemIndex, pageHeaders } = await pages()
      return send(c, 200, 'text/html; charset=utf-8', problemIndex(), pageHeaders)
    })
    .get('/problems/:slug', async (c) => {
      const slug = c.req.param('slug')
      if (!isSlug(slug)) return no(c, noRoute)
      const { problemPage, pageHeaders } = await pages()
      return send(c, 200, 'text/html; charset=utf-8', problemPage(slug), pageHeaders)
    })
    // The page is the console's, on its own origin; a link that names the gate leads there.
    .get('/requests/:id{arq_[0-9A-Za-z]+}', (c) => ports.self.console === ports.self.url ? no(c, noRoute)
      : send(c, 302, 'text/plain; charset=utf-8', '', { location: `${ports.self.console}/requests/${c.req.param('id')}` }))
    .get('/v1/me', (c) => route(c, [], () => discovery.me(door(c))))
    .get('/v1/connections', (c) => route(c, [], () => discovery.connections(door(c))))
    .get('/v1/connections/:connection/schema', (c) => route(c, ['purpose'], ({ purpose }) => discovery.schema(door(c), name(c), purpose ?? null)))
    .get('/v1/connections/:connection/grants', (c) => route(c, [], async () => (await office()).grants(door(c), name(c))))
    .post('/v1/connections/:connection/query', query)
    .post('/v1/connections/:connection/explain', (c) => route(c, [], async () => explained(await gate.explain({ ...callOf(c, ports.now()), question: inEither(ofCommand, () => readBody(c.req.raw)) }))))
    .post('/v1/connections/:connection/exec', (c) => route(c, [], () => exec(callOf(c, ports.now()), keyOf(c), () => readBody(c.req.raw))))
    .all('/v1/kubernetes/*', kubernetes)
    .get('/v1/requests', (c) => route(c, requestFilters, (search) => requests.list(door(c), search)))
    .get('/v1/requests/:id', (c) => route(c, [], () => requests.show(door(c), c.req.param('id'))))
    .delete('/v1/requests/:id', (c) => route(c, [], () => requests.cancel(door(c), c.req.param('id'))))
    .post('/v1/requests/:id/decision', (c) => route(c, [], () => requests.decide(door(c), c.req.param('id'), () => readBody(c.req.raw))))
    .get('/v1/audit/events', async (c) => {
      const { audit } = await office()
      return route(c, audit.filters, (search) => audit.list(door(c), search))
    })
    .get('/v1/audit/events/:id', (c) => route(c, [], async () => (await office()).audit.show(door(c), c.req.param('id'))))
    .get('/v1/audit/sessions/:id', async (c) => {
      const { replay } = await office()
      return route(c, replay.filters, (search) => replay.session(door(c), c.req.param('id'), search))
    })
    .delete('/v1/audit/sessions/:id/content', async (c) => {
      const { erasure } = await office()
      return route(c, erasure.sessionFilters, (search) => erasure.session(door(c), c.req.param('id'), search))
    })
    .delete('/v1/audit/content', async (c) => {
      const { erasure } = await office()
      return route(c, erasure.filters, (search) => erasure.subject(door(c), search))
    })
    .get('/v1/audit/events/:id/receipt', (c) => plain(c, async () => (await office()).log.receipt(door(c), c.req.param('id'))))
    .get('/v1/audit/log/checkpoint', (c) => plain(c, async () => (await office()).log.checkpoint(door(c))))
    .get('/v1/audit/log/vkey', (c) => plain(c, async () => (await office()).log.vkey(door(c))))
    .get('/v1/audit/log/keys', (c) => plain(c, async () => (await office()).log.keys(door(c))))
    .get('/v1/audit/log/:content{content/.+}', (c) => plain(c, async ({ from }) => (await office()).log.content(door(c), c.req.param('content'), from), ['from']))
    .get('/v1/audit/log/:tile{tile/.+}', (c) => plain(c, async () => (await office()).log.tile(door(c), c.req.param('tile'))))
    .post('/v1/slack', async (c) => {
      const done = await (await office()).pressed(c.req.raw)
      return done.ok ? send(c, 200, 'text/plain; charset=utf-8', '') : no(c, done.refusal)
    })
    .get('/v1/policy', (c) => route(c, [], async () => (await office()).administration.show(door(c))))
    .put('/v1/policy', (c) => route(c, [], async () => (await office()).administration.put(door(c), () => readBody(c.req.raw))))
    .post('/v1/policy/plan', (c) => route(c, [], async () => (await office()).administration.plan(door(c), () => readBody(c.req.raw))))
    .get('/v1/locks', (c) => route(c, [], async () => (await office()).locking.all(door(c))))
    .get('/v1/locks/:target{.+}', (c) => route(c, [], async () => (await office()).locking.one(door(c), c.req.param('target'))))
    .put('/v1/locks/:target{.+}', (c) => route(c, [], async () => (await office()).locking.put(door(c), c.req.param('target'), () => readBody(c.req.raw))))
    .delete('/v1/locks/:target{.+}', (c) => route(c, [], async () => (await office()).locking.lift(door(c), c.req.param('target'))))

  if (mcp) app.post('/mcp', async (c) => (await mcp())(c.req.raw, endOf(c.env, ports.now())))
  for (const [path, allow] of mcp ? [...methods, ['/mcp', 'POST'] as const] : methods) app.all(path, (c) => no(c, methodNotAllowed(c.req.method, allow), { allow }))
  app.notFound((c) => no(c, noRoute))
  app.onError((error, c) => no(c, faultRefusal(error, ports.alarm)))
  return app
}

/** How mcp.ts is read, by whoever has it. */
type Loaded = () => Promise<{ readonly createMcp: typeof createMcp }>

const methods: readonly (readonly [path: string, allow: string])[] = [
  ...['/healthz', '/readyz', '/.well-known/oauth-protected-resource', '/openapi.json', '/problems', '/problems/:slug', '/v1/me', '/v1/connections',
    '/v1/connections/:connection/schema', '/v1/connections/:connection/grants', '/v1/audit/events', '/v1/audit/events/:id', '/v1/audit/sessions/:id', '/v1/audit/events/:id/receipt', '/v1/audit/log/checkpoint', '/v1/audit/log/vkey', '/v1/audit/log/keys', '/v1/audit/log/:tile{tile/.+}', '/v1/locks', '/v1/requests'].map((path) => [path, 'GET, HEAD'] as const),
  ['/v1/audit/sessions/:id/content', 'DELETE'], ['/v1/audit/content', 'DELETE'], ['/v1/connections/:connection/query', 'POST'], ['/v1/connections/:connection/explain', 'POST'], ['/v1/connections/:connection/exec', 'POST'], ['/v1/policy', 'GET, HEAD, PUT'], ['/v1/slack', 'POST'],
  ['/v1/requests/:id', 'GET, HEAD, DELETE'], ['/v1/requests/:id/decision', 'POST'], ['/v1/policy/plan', 'POST'], ['/v1/locks/:target{.+}', 'GET, HEAD, PUT, DELETE'],
]
const methodNotAllowed = (method: string, allow: string): Refusal =>
  ({ slug: 'invalid-request', reason: 'method_not_allowed', next: 'fix', detail: `method \`${method.slice(0, 16)}\` does nothing here; this path takes ${allow}` })
const noRoute: Refusal = { slug: 'not-found', reason: 'no_route', next: 'fix', detail: 'there is no such path; /openapi.json lists those there are' }

const callOf = (c: Context, now: number): Call => ({ ...door(c), ...endOf(c.env, now), connection: name(c), idempotencyKey: null, waitMs: waitOf(c), question: inSql(() => readBody(c.req.raw)) })

/** No connection has a longer name, and a record must not carry a path of kilobytes. */
const name = (c: Context): string => (c.req.param('connection') ?? '').slice(0, 64)

/** When to look again at a request that waits for people. */
const retrySeconds = 5
