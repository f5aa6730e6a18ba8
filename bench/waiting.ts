import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { join } from 'node:path'

/**
 * `node bench/waiting.ts`: what it costs when many wait for people. A stack as `npm start` runs it; COUNT requests (1 000) of fifty agents; then its
 * memory and CPU while nothing happens, the same with every caller held by `Prefer: wait`, and the time from a decision to the result beside a plain
 * query of the same run.
 */
const count = Number(process.env['COUNT'] ?? 1000)
const seconds = Number(process.env['SECONDS'] ?? 20)
const perAgent = 20
/** So that what is kept is told from what was not yet thrown away. */
const teller = `process.on('message', () => { gc(); process.send(process.memoryUsage().heapUsed) }); process.channel.unref()`
const child = spawn(process.execPath, ['--expose-gc', '--import', `data:text/javascript,${encodeURIComponent(teller)}`, join(import.meta.dirname, '../functions/local/start.ts'), '--ephemeral'], { env: { ...process.env, PORT: '0' }, stdio: ['ignore', 'pipe', 'inherit', 'ipc'] })
const url = await new Promise<string>((resolve) => {
  let output = ''
  child.stdout?.on('data', (chunk: Buffer) => {
    const ready = /ready on (\S+)/.exec(output += chunk.toString())?.[1]
    if (ready !== undefined) resolve(ready)
  })
})
const agent = new Agent({ keepAlive: true, maxSockets: 4000 })
const { hostname, port } = new URL(url)
interface Reply { readonly status: number; readonly body: { readonly access_token?: string; readonly request?: { readonly id: string; readonly digest: string; readonly status: string } } }
function call(method: string, path: string, token: string | null, body?: unknown, headers: Record<string, string> = {}): Promise<Reply> {
  const text = body === undefined ? '' : JSON.stringify(body)
  return new Promise((resolve, reject) => {
    const sent = request({ agent, hostname, port, method, path, headers: { ...(token === null ? {} : { authorization: `Bearer ${token}` }), ...(text === '' ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }), ...headers } }, (response) => {
      let answer = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => { answer += chunk })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: JSON.parse(answer) as Reply['body'] }))
    })
    sent.on('error', reject)
    sent.end(text)
  })
}
const token = async (subject: string, group: string): Promise<string> => (await call('POST', '/dev/token', null, { subject, groups: [group] })).body.access_token ?? ''
const shop = '/v1/connections/shop/query'
const refund = (n: number) => ({ sql: 'insert into public.refunds (order_id, amount, reason) values ($1, $2, $3)', params: [1 + n, '5.00', `bench ${n}`] })

/** CPU ms used so far by the stack's node process, and its resident memory in MB. */
function usage(): { readonly cpuMs: number; readonly rssMb: number } {
  const stat = readFileSync(`/proc/${child.pid}/stat`, 'utf8').replace(/^.*\) /, '').split(' ')
  const rss = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1]
  return { cpuMs: (Number(stat[11]) + Number(stat[12])) * 10, rssMb: Number(rss) / 1024 }
}
async function resting(): Promise<{ readonly cpuMsPerSecond: number; readonly rssMb: number; readonly heapMb: number }> {
  const heap = new Promise<number>((resolve) => { child.once('message', (bytes) => resolve(Number(bytes) / 1e6)) })
  child.send('how much')
  const heapMb = await heap
  const before = usage()
  await new Promise((resolve) => { setTimeout(resolve, seconds * 1000) })
  const after = usage()
  return { cpuMsPerSecond: (after.cpuMs - before.cpuMs) / seconds, rssMb: after.rssMb, heapMb }
}
const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN
async function timed(run: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await run()
  return performance.now() - start
}

const agents = await Promise.all(Array.from({ length: Math.ceil(count / perAgent) }, (_, n) => token(`agent:bot-${n}`, 'support-agents')))
const lead = await token('user:sofia@acme.dev', 'support-leads')
const plain = await (async () => {
  const times: number[] = []
  for (let n = 0; n < 60; n++) times.push(await timed(() => call('POST', shop, agents[0] ?? '', { sql: 'select id, status from public.orders where id = $1', params: [n] })))
  return median(times.slice(10))
})()
const empty = await resting()
const asked: { readonly agent: string; readonly id: string; readonly digest: string; readonly n: number }[] = []
const asking = await timed(async () => {
  for (let n = 0; n < count; n += agents.length) {
    await Promise.all(agents.slice(0, Math.min(agents.length, count - n)).map(async (one, i) => {
      const { status, body } = await call('POST', shop, one, refund(n + i))
      if (status !== 202 || !body.request) throw new Error(`expected 202, not ${status}: ${JSON.stringify(body)}`)
      asked.push({ agent: one, id: body.request.id, digest: body.request.digest, n: n + i })
    }))
  }
})
await new Promise((resolve) => { setTimeout(resolve, 15_000) })                  // every one of them announced
const full = await resting()
const held = asked.map(({ agent: one, n }) => call('POST', shop, one, refund(n), { prefer: 'wait=55' }))
await new Promise((resolve) => { setTimeout(resolve, 10_000) })
const holding = await resting()

const results: number[] = []
for (const { agent: one, id, digest } of asked.slice(0, 30)) {
  results.push(await timed(async () => {
    const said = await call('POST', `/v1/requests/${id}/decision`, lead, { decision: 'approve', digest })
    if (said.status !== 200) throw new Error(`expected 200, not ${said.status}: ${JSON.stringify(said.body)}`)
    while ((await call('GET', `/v1/requests/${id}`, one)).body.request?.status !== 'succeeded') await new Promise((resolve) => { setTimeout(resolve, 5) })
  }))
}
await Promise.all(held)
const line = (what: string, value: string) => console.log(`  ${what.padEnd(66)} ${value.padStart(12)}`)
console.log(`\n${count} requests that wait on one stack, Node ${process.version}`)
line('asking, ms a request', (asking / count).toFixed(1))
line('heap in use beside an empty stack, KB a request', ((full.heapMb - empty.heapMb) * 1000 / count).toFixed(1))
line('the same where every caller is held', ((holding.heapMb - empty.heapMb) * 1000 / count).toFixed(1))
line('resident memory, MB: empty · waiting · and every caller held', `${empty.rssMb.toFixed(0)} · ${full.rssMb.toFixed(0)} · ${holding.rssMb.toFixed(0)}`)
line(`cpu of the whole stack's process, ms a second: empty`, empty.cpuMsPerSecond.toFixed(1))
line(`${count} waiting`, full.cpuMsPerSecond.toFixed(1))
line(`${count} waiting, every caller held`, holding.cpuMsPerSecond.toFixed(1))
line('a plain query, ms', plain.toFixed(1))
line('decision to result, ms', median(results).toFixed(1))
line('decision to result ÷ a plain query', (median(results) / plain).toFixed(1))
child.kill('SIGINT')
await new Promise((resolve) => { child.on('close', resolve) })
process.exit(0)
