import { afterAll, beforeAll, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { startStack, type Stack } from '../../functions/local/stack.ts'

/** The whole stack, as `npm start` serves it: PostgreSQL, the state machine and the socket, with the demo's policy. */
let stack: Stack
const sockets: WebSocket[] = []
beforeAll(async () => {
  stack = await startStack({ state: null, port: 0, policy: null, issuer: null, unsafeLocalIdentity: false, env: {}, progress: { say() {}, warn() {}, step: (_what, work) => work() }, signal: new AbortController().signal })
})
afterAll(async () => {
  await stack?.stop()
  for (const socket of sockets) expect(socket.readyState).toBe(WebSocket.CLOSED)
})
interface Frame { readonly id?: string | null; readonly request?: string; readonly status: number; readonly body: { readonly request?: { readonly id: `arq_${string}`; readonly digest: string; readonly status: string }; readonly result?: { readonly rowCount: number }; readonly rows?: readonly object[]; readonly reason?: string } }

async function token(subject: string, group: string, ttl = '15m'): Promise<string> {
  const answer = await fetch(`${stack.url}/dev/token`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ subject, groups: [group], ttl }) })
  return (await answer.json() as { access_token: string }).access_token
}
async function open(bearer: string, headers: Record<string, string> = {}) {
  const socket = new WebSocket(`${stack.url.replace('http:', 'ws:')}/v1/socket`, ['sluice.v1', `bearer.${bearer}`], { headers })
  sockets.push(socket)
  const seen: Frame[] = []
  let wake = () => {}
  socket.on('message', (data: Buffer) => { seen.push(JSON.parse(data.toString('utf8')) as Frame); wake() })
  const closed = new Promise<number>((done) => { socket.on('close', done) })
  await new Promise((done, fail) => { socket.on('open', done).on('error', fail) })
  const hear = async (wanted: (frame: Frame) => boolean): Promise<Frame> => {
    for (;;) {
      const found = seen.find(wanted)
      if (found) return found
      await new Promise<void>((next) => { wake = next })
    }
  }
  return { socket, seen, closed, hear, call: (frame: { id: string }) => { socket.send(JSON.stringify(frame)); return hear(({ id }) => id === frame.id) } }
}
const http = async (method: string, path: string, bearer: string, body: unknown) =>
  (await fetch(stack.url + path, { method, headers: { authorization: `Bearer ${bearer}`, 'content-type': 'application/json' }, body: JSON.stringify(body) })).status

test('a refund asked for on the socket, approved over HTTP, is executed by the state machine and its outcome pushed', async () => {
  const agent = await open(await token('agent:support-bot', 'support-agents'))
  expect((await agent.call({ id: 'r', action: 'query', connection: 'shop', body: { sql: 'select id from public.orders order by id limit 1' } } as { id: string })).body.rows).toHaveLength(1)
  const waiting = await agent.call({ id: 'w', action: 'query', connection: 'shop', body: { sql: 'insert into public.refunds (order_id, amount, reason) values ($1, $2, $3)', params: [1, '5.00', 'late'] } } as { id: string })
  expect(waiting.status).toBe(202)
  const { id, digest } = waiting.body.request ?? { id: '', digest: '' }
  expect(await http('POST', `/v1/requests/${id}/decision`, await token('user:sofia@acme.dev', 'support-leads'), { decision: 'approve', digest })).toBe(200)
  expect(await agent.hear(({ request }) => request === id)).toMatchObject({ status: 200, body: { request: { status: 'succeeded' }, result: { rowCount: 1 } } })
})

test('a lock closes an idle socket of that subject, by itself', async () => {
  const [locked, other] = [await open(await token('agent:analyst', 'analysts')), await open(await token('agent:support-bot', 'support-agents'))]
  expect(await http('PUT', '/v1/locks/subject:agent:analyst', await token('user:pia@acme.dev', 'platform'), { reason: 'test' })).toBe(200)
  await locked.closed
  expect(locked.seen).toMatchObject([{ id: null, status: 403, body: { reason: 'locked' } }])
  expect((await other.call({ id: '1', action: 'ping' } as { id: string })).status).toBe(200)
})

test('a token that ends closes an idle socket, on time', async () => {
  const short = await open(await token('agent:support-bot', 'support-agents', '1s'))
  await short.closed
  expect(short.seen).toMatchObject([{ id: null, status: 401 }])
})

test('a page of another origin opens nothing; one of the console\'s may', async () => {
  const bearer = await token('agent:support-bot', 'support-agents')
  await expect(open(bearer, { origin: 'https://evil.example' })).rejects.toThrow('403')
  expect((await open(bearer, { origin: stack.console })).socket.protocol).toBe('sluice.v1')
})
