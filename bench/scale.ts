import { createServer, request as httpRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createApp } from '../functions/app.ts'
import { createIds } from '../functions/aws/ulid.ts'
import { mint, openPorts, startPlace } from '../test/support/local.ts'
import { eventKey, tables } from '../schema/item.ts'

/**
 * `node bench/scale.ts`: what a deployment needs, from what requests do. First every request's DynamoDB operations are taken down on their way to a real local server and turned into
 * capacity units by AWS's own rules (docs of on-demand capacity: a write unit is 1 KB, twice in a transaction; a read unit 4 KB, strongly consistent). Then 10 000 agents are played for ten
 * minutes of simulated time against the keys that schema/item.ts makes, and the busiest partition of each table is compared with what one partition takes. Prints what docs/scale.md holds.
 */
const partition = { writes: 1000, reads: 3000 }
interface Units { writes: number; reads: number; calls: number }
type ByTable = Map<string, Units>

const { place, stop } = await startPlace({
  schema: `
    CREATE TABLE public.orders (id int PRIMARY KEY, status text NOT NULL, note text); INSERT INTO public.orders SELECT n, 'paid', repeat('left at the door ', 6) FROM generate_series(1, 2000) AS n;
    CREATE ROLE w LOGIN PASSWORD 'x'; CREATE ROLE r LOGIN PASSWORD 'x'; CREATE ROLE p LOGIN PASSWORD 'x'; GRANT SELECT ON public.orders TO w, r, p; GRANT INSERT, UPDATE ON public.orders TO w;`,
  documents: [
    { version: 1, kind: 'connection', name: 'shop', engine: 'postgres', secrets: { write: 'shop-write', read: 'shop-read', plain: 'shop-plain' }, limits: { perHour: { statements: 100_000 } } },
    { version: 1, kind: 'role', name: 'reader', members: [{ group: 'readers' }], rules: [{ allow: ['select'], connection: 'shop', on: ['public.orders'] }, { allow: ['update'], connection: 'shop', on: ['public.orders'], approval: { by: ['leads'], quorum: 1, within: '30m' } }] },
  ],
})

const seen: { target: string; asked: string; answered: string }[] = []
const proxy = createServer((incoming, outgoing) => {
  const parts: Buffer[] = []
  incoming.on('data', (part: Buffer) => { parts.push(part) })
  incoming.on('end', () => {
    const { hostname, port } = new URL(place.dynamo.url)
    const asked = Buffer.concat(parts)
    const onward = httpRequest({ hostname, port, method: 'POST', path: '/', headers: incoming.headers }, (answer) => {
      const back: Buffer[] = []
      answer.on('data', (part: Buffer) => { back.push(part) })
      answer.on('end', () => {
        seen.push({ target: String(incoming.headers['x-amz-target']).split('.')[1] ?? '', asked: asked.toString(), answered: Buffer.concat(back).toString() })
        outgoing.writeHead(answer.statusCode ?? 500, answer.headers).end(Buffer.concat(back))
      })
    })
    onward.end(asked)
  })
})
await new Promise<void>((resolve) => { proxy.listen(0, '127.0.0.1', resolve) })
const ports = openPorts({ ...place, dynamo: { ...place.dynamo, url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}` } })
const app = createApp(ports)
const token = await mint(place, 'agent:bot', ['readers'])
let session: string | null = null

async function send(body: object, options: { readonly keepSession?: boolean } = {}): Promise<number> {
  const response = await app.request('http://127.0.0.1:8787/v1/connections/shop/query', { method: 'POST', body: JSON.stringify(body), headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...(options.keepSession && session ? { 'sluice-session': session } : {}) } })
  session = response.headers.get('sluice-session') ?? session
  await response.text()
  return response.status
}

/** Of one request, the average of `count`. */
async function unitsOf(name: string, count: number, run: () => Promise<number>, status: number): Promise<ByTable> {
  await run()
  seen.length = 0
  for (let i = 0; i < count; i++) {
    const got = await run()
    if (got !== status) throw new Error(`${name} answered ${got}`)
  }
  const total: ByTable = new Map()
  for (const call of seen) for (const [table, units] of cost(call)) {
    const sum = total.get(table) ?? { writes: 0, reads: 0, calls: 0 }
    total.set(table, { writes: sum.writes + units.writes / count, reads: sum.reads + units.reads / count, calls: sum.calls + units.calls / count })
  }
  return total
}

function cost({ target, asked, answered }: (typeof seen)[number]): [string, Units][] {
  const input = JSON.parse(asked) as { TableName?: string; Item?: object; TransactItems?: Record<string, { TableName: string; Item?: object }>[]; ConsistentRead?: boolean; RequestItems?: Record<string, object> }
  const output = JSON.parse(answered || '{}') as { Item?: object; Items?: object[] }
  const kilobytes = (value: unknown, unit: number) => Math.max(1, Math.ceil(sizeOf(value) / 1024 / unit))
  if (target === 'TransactWriteItems') return (input.TransactItems ?? []).flatMap((action) => Object.values(action).map((one): [string, Units] => [one.TableName, { writes: 2 * kilobytes(one.Item ?? one, 1), reads: 0, calls: 1 }]))
  const table = input.TableName ?? Object.keys(input.RequestItems ?? {})[0] ?? '?'
  if (target === 'PutItem') return [[table, { writes: kilobytes(input.Item, 1), reads: 0, calls: 1 }]]
  if (target === 'UpdateItem' || target === 'DeleteItem') return [[table, { writes: 1, reads: 0, calls: 1 }]]
  return [[table, { writes: 0, reads: kilobytes(output.Item ?? output.Items ?? {}, 4), calls: 1 }]]
}
/** DynamoDB counts names and values of attributes, in bytes of UTF-8. */
function sizeOf(item: unknown): number {
  if (typeof item !== 'object' || item === null) return 0
  return Object.entries(item).reduce((sum, [name, value]) => sum + (/^(S|N|BOOL|NULL)$/.test(name) ? Buffer.byteLength(String(value)) : name.length + sizeOf(value)), 0)
}

const kinds = {
  'read, 1 row, session kept': await unitsOf('read', 50, () => send({ sql: 'select id, status from orders where id = 7' }, { keepSession: true }), 200),
  'read, 1 row, session of its own': await unitsOf('new session', 200, () => send({ sql: 'select id, status from orders where id = 7' }), 200),
  'read, 200 rows': await unitsOf('rows', 20, () => send({ sql: 'select id, status, note from orders order by id limit 200' }, { keepSession: true }), 200),
  refusal: await unitsOf('refusal', 50, () => send({ sql: 'select 1 from secrets' }, { keepSession: true }), 403),
}
let n = 0
const asking = await unitsOf('ask', 10, () => send({ sql: `update orders set status = 'x' where id = ${++n}` }, { keepSession: true }), 202)

const sum = (units: ByTable) => [...units.values()].reduce((all, one) => ({ writes: all.writes + one.writes, reads: all.reads + one.reads, calls: all.calls + one.calls }), { writes: 0, reads: 0, calls: 0 })
const told = (units: ByTable) => [...units].filter(([, { calls }]) => calls > 0.005).map(([table, { writes, reads }]) => `${table.replace('sluice-', '')} ${writes ? `${writes.toFixed(2)} w` : ''}${reads ? ` ${reads.toFixed(2)} r` : ''}`.trim()).join(', ')
/** US dollars, on demand, as AWS lists them for its largest region; your own go into PRICES='{"writes":…}'. Per million units; of Lambda per GB-second (arm64) and million calls. */
const prices = { writes: 0.625, reads: 0.125, gigabyteSeconds: 0.0000133334, calls: 0.2, ...JSON.parse(process.env['PRICES'] ?? '{}') as object }
const inFunctionMs = 40
const dollars = ({ writes, reads }: Units) => writes * prices.writes + reads * prices.reads + inFunctionMs / 1000 * prices.gigabyteSeconds * 1e6 + prices.calls
console.log('| a request | DynamoDB calls | write units | read units | where | US$ a million |\n|---|---|---|---|---|---|')
for (const [name, units] of Object.entries({ ...kinds, 'a request for approval': asking })) {
  const { writes, reads, calls } = sum(units)
  console.log(`| ${name} | ${calls.toFixed(2)} | ${writes.toFixed(2)} | ${reads.toFixed(2)} | ${told(units)} | ${dollars(sum(units)).toFixed(2)} |`)
}

// ---- 10 000 agents ---------------------------------------------------------------------------------------------------

/** Requests a second of each agent, the share of each kind, and how long a request is in a function. */
const agents = 10_000
const perAgent = 0.1
const shares = { 'read, 1 row, session kept': 0.8, 'read, 200 rows': 0.1, refusal: 0.08, ask: 0.02 } as const
const seconds = 600
const decideAfterSeconds = 120                                     // how long people take
const sequencedPerSecond = Number(process.env['SEQUENCED'] ?? 20_000)   // entries: bench/log.ts, one process

let random = 42
const chance = () => { random = (random * 1_103_515_245 + 12_345) % 2_147_483_648; return random / 2_147_483_648 }
const clock = { ms: Date.parse('2026-11-22T09:00:00Z') }
const id = createIds(() => clock.ms)
const peak = new Map<string, number>()
const busiest = (key: string, units: number) => { if (units > (peak.get(key) ?? 0)) peak.set(key, units) }
let [waiting, mostWaiting, unsequenced, mostUnsequenced, environments] = [0, 0, 0, 0, 0]
const decisions: number[] = Array.from({ length: seconds + decideAfterSeconds + 1 }, () => 0)
for (let second = 0; second < seconds; second++) {
  clock.ms += 1000
  const writes = new Map<string, number>()
  const add = (key: string, units: number) => writes.set(key, (writes.get(key) ?? 0) + units)
  let requests = 0
  for (let agent = 0; agent < agents; agent++) {
    if (chance() > perAgent) continue
    requests++
    let at = chance()
    const kind = (Object.keys(shares) as (keyof typeof shares)[]).find((name) => (at -= shares[name]) < 0) ?? 'refusal'
    const units = kind === 'ask' ? asking : kinds[kind]
    for (const [table, { writes: each, calls }] of units) {
      if (table === tables.audit.name) add(`${table} ${eventKey(id('evt')).pk}`, each)
      else if (table === tables.state.name) add(`${table} meter of agent ${agent}`, each)
      else if (table === tables.requests.name) add(`${table} request ${agent} ${second}`, each / Math.max(1, calls))
      else if (table === tables.keys.name) add(`${table} of the day`, each)
    }
    if (kind === 'ask') {
      waiting++
      const when = second + Math.floor(decideAfterSeconds * (0.5 + chance()))
      decisions[when] = (decisions[when] ?? 0) + 1
    }
    unsequenced += kind === 'refusal' || kind === 'ask' ? 1 : 2
  }
  waiting -= decisions[second] ?? 0
  unsequenced = Math.max(0, unsequenced - sequencedPerSecond)
  mostWaiting = Math.max(mostWaiting, waiting)
  mostUnsequenced = Math.max(mostUnsequenced, unsequenced)
  const concurrency = Math.ceil(requests * inFunctionMs / 1000)
  environments = Math.max(environments, concurrency)
  for (const [key, units] of writes) busiest(key.replace(/ (meter of agent|request) .*/, ' $1'), units)
  busiest('sluice-policy pointer, reads', environments / 2)
}
console.log(`\n${agents} agents, ${perAgent} requests a second each (${Object.entries(shares).map(([kind, share]) => `${share * 100}% ${kind}`).join(', ')}), ${seconds} s:\n`)
console.log('| | peak | of what one partition takes |\n|---|---|---|')
const audit = Math.max(...[...peak].filter(([key]) => key.startsWith(tables.audit.name)).map(([, units]) => units))
const rows: [string, number, number][] = [
  [`busiest of the record's 16 partitions, write units a second`, audit, partition.writes],
  ...[...peak].filter(([key]) => !key.startsWith(tables.audit.name)).map(([key, units]): [string, number, number] => [key.includes('reads') ? `${key} a second, one each 2 s of ${environments} processes` : `${key}, write units a second`, units, key.includes('reads') ? partition.reads : partition.writes]),
]
for (const [name, units, most] of rows) console.log(`| ${name} | ${units.toFixed(1)} | ${(units / most * 100).toFixed(1)} % |`)
console.log(`| processes at once (requests in flight) | ${environments} | |\n| requests waiting for people | ${mostWaiting} | |\n| events not in the log yet, at ${sequencedPerSecond} entries a second | ${mostUnsequenced} | |`)
const over = rows.filter(([, units, most]) => units > most)
if (over.length > 0 || waiting > mostWaiting) { console.error(`over: ${over.map(([name]) => name).join(', ')}`); process.exitCode = 1 }
ports.close()
proxy.close()
await stop()
process.exit()
