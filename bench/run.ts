import { execFileSync, fork } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { mint, type Place } from '../test/support/local.ts'
import { cpuPerRequest, message, startServer, type Shot } from './load.ts'

/**
 * `npm run bench`: CPU per request of the gate's own process against the least that could do the same work, both in this run, at 16 connections.
 * The lowest of the interleaved rounds counts, after rounds that warm up; the raw rounds are kept in bench/results/. The same query through the same
 * driver, @neondatabase/serverless over HTTP, on two transports: the driver as installed, on `fetch` (what CONTRACT.md section 8 names), and the driver
 * on the engine's own fetchFunction on node:http, which the gate uses and which is the harder measure. The record is told in two ways: what a whole request costs beyond one that records nothing, ÷ raw PutItems of 500 bytes that mean
 * nothing, in a process that does nothing else, which is the harder measure; and its two writes by themselves ÷ raw PutItems of the same events in clear, side by side (bench/record.ts). Then what needs no server: decisions, masking, cold start, the log.
 * ROUNDS and COUNT (requests a round) make it longer or shorter.
 */
const rounds = Number(process.env['ROUNDS'] ?? 6)
const count = Number(process.env['COUNT'] ?? 600)
/** Until the optimiser has settled on both sides: the driver's fetch takes the longest. */
const warmUps = 5
const part = <T>(file: string): T => {
  process.stderr.write(`${file}\n`)
  return JSON.parse(execFileSync(process.execPath, [join(import.meta.dirname, file), '--json'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })) as T
}
const placeChild = fork(join(import.meta.dirname, 'place.ts'))
const place = await message<Place>(placeChild)
const token = await mint(place, 'agent:bench', ['readers'])
const text = JSON.stringify(place)

const authorized = { authorization: `Bearer ${token}` }
const columns = 'id, customer_id, status, total, placed_at'
const repeated = (n: number) => JSON.stringify({ sql: `select ${columns} from public.orders where id = $1`, params: [1 + (n % 20000)] })
const literal = (n: number) => JSON.stringify({ sql: `select ${columns} from public.orders where id = ${1 + (n * 7919) % 19999} and customer_id >= ${-n}` })
const masked = (n: number) => JSON.stringify({ sql: 'select id, name, email from public.customers where id = $1', params: [1 + (n % 1000)] })
const drivers = { installed: 'neon on fetch', lean: 'neon on node:http' }
const shots: Readonly<Record<string, readonly [server: string, shot: Shot]>> = {
  [`bare ${drivers.installed}, repeated`]: ['bare-installed', { headers: {}, body: repeated, status: 200 }],
  [`bare ${drivers.lean}, repeated`]: ['bare', { headers: {}, body: repeated, status: 200 }],
  [`bare ${drivers.installed}, literal`]: ['bare-installed', { headers: {}, body: literal, status: 200 }],
  [`bare ${drivers.lean}, literal`]: ['bare', { headers: {}, body: literal, status: 200 }],
  [`bare ${drivers.installed}, masked column`]: ['bare-installed', { headers: {}, body: masked, status: 200 }],
  [`bare ${drivers.lean}, masked column`]: ['bare', { headers: {}, body: masked, status: 200 }],
  'no audit, repeated': ['gate-no-audit', { headers: authorized, body: repeated, status: 200 }],
  'no audit, literal': ['gate-no-audit', { headers: authorized, body: literal, status: 200 }],
  'no audit, masked column': ['gate-no-audit', { headers: authorized, body: masked, status: 200 }],
  'whole, repeated': ['gate', { headers: authorized, body: repeated, status: 200 }],
  'whole but the promise, repeated': ['gate-no-promise', { headers: authorized, body: repeated, status: 200 }],
  'nothing': ['nothing', { headers: {}, body: repeated, status: 200 }],
  'two raw PutItem': ['put2', { headers: {}, body: repeated, status: 200 }],
  'garbage token': ['gate', { headers: { authorization: 'Bearer garbage.garbage.garbage' }, body: repeated, status: 401 }],
  'Hono echo': ['echo', { headers: {}, body: repeated, status: 200 }],
}
const kinds = [...new Set(Object.values(shots).map(([kind]) => kind))]
const servers = new Map(await Promise.all(kinds.map(async (kind) => [kind, await startServer(kind, text)] as const)))

const raw: Record<string, number[]> = {}
for (let round = 1 - warmUps; round <= rounds; round++) {
  process.stderr.write(round < 1 ? 'warming up\n' : `round ${round} of ${rounds}\n`)
  for (const [name, [kind, shot]] of Object.entries(shots)) {
    const server = servers.get(kind)
    if (server === undefined) throw new Error(kind)
    const cpu = await cpuPerRequest(server, shot, count)
    if (round >= 1) (raw[name] ??= []).push(cpu)
  }
}
for (const { child } of servers.values()) child.disconnect()
placeChild.kill()

const decisions = part<readonly { readonly name: string; readonly kind: string; readonly few: number; readonly many: number }[]>('decide.ts')
const masking = part<{ readonly megabytes: number; readonly micros: Readonly<Record<string, readonly number[]>> }>('mask.ts')
const start = part<{ readonly beyondMs: number; readonly bytes: number; readonly gzipBytes: number }>('start.ts')
const record = part<{ readonly lowest: Readonly<Record<string, number>>; readonly raw: Readonly<Record<string, readonly number[]>> }>('record.ts')
const log = part<{ readonly entries: number; readonly append: number; readonly verify: number; readonly receiptBytes: number }>('log.ts')
const mysql = part<{ readonly raw: object; readonly ratios: readonly (readonly [what: string, value: number])[] } | null>('mysql.ts')   // null: no server of it here
const ssh = part<{ readonly raw: object; readonly ratios: readonly (readonly [what: string, value: number])[] } | null>('ssh.ts')           // the same
const steepest = decisions.reduce((worst, one) => (one.many / one.few > worst.many / worst.few ? one : worst))

const lowest = (name: string): number => Math.min(...(raw[name] ?? [Number.NaN]))
const over = (name: string, base: string): number => lowest(name) / lowest(base)
const beyond = (name: string): number => (lowest(name) - lowest('no audit, repeated')) / (lowest('two raw PutItem') - lowest('nothing'))
const alone = (name: string): number => (record.lowest[name] ?? Number.NaN) / (record.lowest['two raw PutItem of the events in clear'] ?? Number.NaN)
const rows: readonly (readonly [what: string, value: number, bound: number | null])[] = [
  ...Object.values(drivers).flatMap((driver) => [
    [`enforcement, repeated ÷ bare ${driver}`, over('no audit, repeated', `bare ${driver}, repeated`), 1.35],
    [`enforcement, literal ÷ bare ${driver}`, over('no audit, literal', `bare ${driver}, literal`), 2],
    [`enforcement, masked column ÷ bare ${driver}`, over('no audit, masked column', `bare ${driver}, masked column`), null],
  ] as const),
  ['audit: its two writes ÷ two raw PutItem', beyond('whole but the promise, repeated'), 1.3],
  ['audit: its two writes and the promise ÷ two raw PutItem', beyond('whole, repeated'), null],
  ['audit alone: two writes ÷ raw PutItem of the events in clear', alone('the record'), 1.3],
  ['audit alone: with the promise', alone('the record and its promise'), null],
  ...Object.values(drivers).map((driver) => [`whole request ÷ bare ${driver}`, over('whole, repeated', `bare ${driver}, repeated`), null] as const),
  ['garbage token ÷ Hono echo', over('garbage token', 'Hono echo'), 1.2],
  ...(mysql?.ratios ?? []).map(([what, value]) => [`MySQL: ${what}`, value, null] as const),
  ...(ssh?.ratios ?? []).map(([what, value]) => [`SSH: ${what}`, value, null] as const),
  ['log: append ÷ SHA-256 of the same bytes', 1 / log.append, 3.33],
  ['log: verify ÷ sha256sum of the same files', log.verify, 3],
  [`decision, 10 000 rules ÷ 10 (${steepest.name}, ${steepest.kind})`, steepest.many / steepest.few, 1.3],
]
const line = (what: string, value: string, rest = '') => console.log(`  ${what.padEnd(60)} ${value.padStart(9)}${rest}`)
console.log(`\nCPU µs a request, lowest of ${rounds} rounds of ${count}, 16 connections, Node ${process.version}, @neondatabase/serverless over HTTP; the gate's on node:http`)
for (const name of Object.keys(shots)) line(name, lowest(name).toFixed(0))
console.log('\nratio'.padEnd(63) + 'measured   bound')
for (const [what, value, bound] of rows) line(what, value.toFixed(2), bound === null ? '' : `   ≤ ${bound}${value <= bound ? '' : '  over'}`)
console.log('\nbeside')
for (const [name, micros] of Object.entries(masking.micros)) line(`masking, MB/s of cpu: ${name}`, (masking.megabytes / (Math.min(...micros) / 1e6)).toFixed(0))
line('receipt in a log of a million entries, bytes', String(log.receiptBytes))
line('cold start of `http`, CPU ms beyond `node -e 0`', start.beyondMs.toFixed(0))
line('bundle of `http`, KB min', (start.bytes / 1024).toFixed(0), `   ${(start.gzipBytes / 1024).toFixed(0)} gz`)

const results = join(import.meta.dirname, 'results')
mkdirSync(results, { recursive: true })
writeFileSync(join(results, 'bench.json'), JSON.stringify({ node: process.version, rounds, count, raw, mysql: mysql?.raw ?? null, ssh: ssh?.raw ?? null, decisions, masking, start, record, log }, null, 1))
process.exit(0)
