import { setTimeout as sleep } from 'node:timers/promises'

/**
 * One agent's errand, scripted: what may I do; a refusal; a write that a person must approve; its result. Played over HTTP by polling, over HTTP by holding
 * the call, and over MCP, against a gate that is running. Counts what the model would write and read; headers, tokens and the protocol's own messages are
 * the client's, not the model's. A token is four bytes.
 */
export interface Place {
  readonly url: string
  token(subject: string, groups: readonly string[]): Promise<string>
  /** How long the person takes, and how long the agent's sleeps really are for each second they say. */
  readonly personMs: number
  readonly secondMs: number
}
export interface Tally {
  readonly way: string
  /** What an agent has to read before its first call: the tools, or the API's description. */
  readonly learn: number
  readonly steps: readonly { readonly step: string; readonly calls: number; readonly written: number; readonly read: number }[]
  /** The structured copies of the results, which some clients show the model as well or instead. */
  readonly structured: number
  /** Rows of the result came, and exactly one execution. */
  readonly done: boolean
}
const tokens = (...texts: readonly string[]): number => texts.reduce((sum, text) => sum + Math.ceil(Buffer.byteLength(text) / 4), 0)
const connection = 'shop'
const forbidden = { sql: 'select amount from payroll.salaries' }
const refund = (purpose: string) => ({ sql: 'insert into public.refunds (order_id, amount, reason) values ($1, $2, $3)', params: [17, '12.50', 'late parcel'], purpose })

/** Sums up what one step costs. */
function createCounter() {
  const steps = new Map<string, { calls: number; written: number; read: number }>()
  return {
    count(step: string, written: string, read: string): void {
      const one = steps.get(step) ?? { calls: 0, written: 0, read: 0 }
      steps.set(step, { calls: one.calls + 1, written: one.written + tokens(written), read: one.read + tokens(read) })
    },
    steps: () => [...steps].map(([step, counts]) => ({ step, ...counts })),
  }
}
const steps = { plan: 'what may I do', refused: 'a refusal', asks: 'a write that asks', waits: 'waiting, with the result' } as const

interface Answer { readonly status: number; readonly text: string; readonly json: Readonly<Record<string, unknown>>; readonly retryAfter: number }
async function send(url: string, method: string, path: string, token: string, body?: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
  const answer = await fetch(url + path, {
    method, headers: { authorization: `Bearer ${token}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers }, ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await answer.text()
  return { status: answer.status, text, json: JSON.parse(text) as Answer['json'], retryAfter: Number(answer.headers.get('retry-after') ?? 5) }
}
const requestOf = ({ json }: Answer) => json['request'] as { readonly id: string; readonly status: string; readonly digest: string }

/** The person: reads the request, thinks, approves. */
async function approve({ url, token, personMs }: Place, id: string): Promise<void> {
  await sleep(personMs)
  const person = await token('user:omar@acme.dev', ['support-leads'])
  const { digest } = requestOf(await send(url, 'GET', `/v1/requests/${id}`, person))
  const { status, text } = await send(url, 'POST', `/v1/requests/${id}/decision`, person, { decision: 'approve', digest })
  if (status !== 200) throw new Error(`the approval was answered ${status}: ${text}`)
}

export async function overHttp(place: Place, hold: boolean): Promise<Tally> {
  const { url, secondMs } = place
  const { count, steps: counted } = createCounter()
  const token = await place.token('agent:support-bot', ['support-agents'])
  const call = async (step: string, method: string, path: string, body?: unknown, headers: Readonly<Record<string, string>> = {}) => {
    const answer = await send(url, method, path, token, body, headers)
    count(step, `${method} ${path} ${body === undefined ? '' : JSON.stringify(body)}${headers['prefer'] === undefined ? '' : ` Prefer: ${headers['prefer']}`}`, `${answer.status} ${answer.text}`)
    return answer
  }
  await call(steps.plan, 'GET', '/v1/me')
  await call(steps.plan, 'GET', `/v1/connections/${connection}/schema`)
  const no = await call(steps.refused, 'POST', `/v1/connections/${connection}/query`, forbidden)
  const body = refund(hold ? 'ticket 4711, by holding' : 'ticket 4711, by polling')
  const first = await call(steps.asks, 'POST', `/v1/connections/${connection}/query`, body)
  const person = approve(place, requestOf(first).id)
  let last = first
  while (last.status === 202 || ['pending', 'approved', 'executing'].includes(requestOf(last)?.status ?? '')) {
    if (hold) last = await call(steps.waits, 'POST', `/v1/connections/${connection}/query`, body, { prefer: 'wait=55' })
    else {
      await sleep(last.retryAfter * secondMs)
      last = await call(steps.waits, 'GET', `/v1/requests/${requestOf(first).id}`)
    }
  }
  await person
  const rows = last.json['result'] ?? last.json
  const { text } = await send(url, 'GET', '/openapi.json', token)
  return { way: hold ? 'HTTP, Prefer: wait' : 'HTTP, polling', learn: tokens(text), structured: 0, steps: counted(), done: no.status === 403 && (rows as { rowCount?: number }).rowCount === 1 }
}

export async function overMcp(place: Place): Promise<Tally> {
  const { url } = place
  const { count, steps: counted } = createCounter()
  const token = await place.token('agent:support-bot', ['support-agents'])
  let id = 0
  const message = async (method: string, params: Readonly<Record<string, unknown>>) => {
    const _meta = { 'io.modelcontextprotocol/protocolVersion': '2026-07-28', 'io.modelcontextprotocol/clientInfo': { name: 'errand', version: '1' }, 'io.modelcontextprotocol/clientCapabilities': {} }
    const name = params['name']
    const { json, text, status } = await send(url, 'POST', '/mcp', token, { jsonrpc: '2.0', id: ++id, method, params: { ...params, _meta } }, {
      accept: 'application/json, text/event-stream', 'mcp-protocol-version': '2026-07-28', 'mcp-method': method, ...(typeof name === 'string' ? { 'mcp-name': name } : {}),
    })
    if (status !== 200) throw new Error(`${method} was answered ${status}: ${text}`)
    return json['result'] as { readonly tools?: unknown; readonly instructions?: string; readonly isError?: boolean; readonly content: readonly { readonly text: string }[]; readonly structuredContent: Readonly<Record<string, unknown>> }
  }
  let structured = 0
  const call = async (step: string, name: string, args: Readonly<Record<string, unknown>>) => {
    const result = await message('tools/call', { name, arguments: args })
    count(step, JSON.stringify({ name, arguments: args }), result.content.map(({ text }) => text).join('\n'))
    structured += tokens(JSON.stringify(result.structuredContent))
    return result
  }
  const { instructions = '' } = await message('server/discover', {})
  const learn = tokens(JSON.stringify((await message('tools/list', {})).tools), instructions)
  await call(steps.plan, 'access', {})
  const no = await call(steps.refused, 'run', { connection, ...forbidden })
  const asked = await call(steps.asks, 'run', { connection, ...refund('ticket 4711, over mcp') })
  const request = String(asked.structuredContent['request'])
  const person = approve(place, request)
  let last = asked
  while (['pending', 'approved', 'executing'].includes(String(last.structuredContent['status']))) last = await call(steps.waits, 'follow', { request })
  await person
  return { way: 'MCP', learn, structured, steps: counted(), done: no.isError === true && last.isError !== true && (last.structuredContent['data'] as { rowCount?: number }).rowCount === 1 }
}

/** One line a step, one pair of columns a way. */
export function table(tallies: readonly Tally[]): string {
  const rows = [['', ...tallies.map(({ way }) => way)], ['to learn it, once', ...tallies.map(({ learn }) => `${learn}`)]]
  for (const step of Object.values(steps)) {
    const cells = tallies.map((tally) => tally.steps.find((one) => one.step === step))
    if (cells.some(Boolean)) rows.push([step, ...cells.map((one) => one === undefined ? '–' : `${one.calls} × ${Math.round((one.written + one.read) / one.calls)}`)])
  }
  const sums = tallies.map(({ steps: all }) => all.reduce((sum, one) => ({ calls: sum.calls + one.calls, tokens: sum.tokens + one.written + one.read }), { calls: 0, tokens: 0 }))
  rows.push(['together', ...sums.map((sum) => `${sum.calls} calls, ${sum.tokens}`)])
  if (tallies.some(({ structured }) => structured > 0)) rows.push(['structured copies besides', ...tallies.map(({ structured }) => structured === 0 ? '–' : `${structured}`)])
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? []
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ').trimEnd()).join('\n')
}
