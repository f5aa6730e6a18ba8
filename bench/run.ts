import { fork } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { mint, type Place } from '../test/support/local.ts'
import { cpuPerRequest, message, startServer, type Shot } from './load.ts'

/**
 * `npm run bench`: CPU per request of the gate's own process against the least that could do the same work, both in this run, at 16 connections.
 * The lowest of the interleaved rounds counts; the raw rounds are kept in bench/results/. Driver on both sides: @neondatabase/serverless over HTTP,
 * with the engine's own fetchFunction on node:http.
 */
const rounds = Number(process.env['ROUNDS'] ?? 6)
const count = Number(process.env['COUNT'] ?? 1500)
const placeChild = fork(join(import.meta.dirname, 'place.ts'))
const place = await message<Place>(placeChild)
const token = await mint(place, 'agent:bench', ['readers'])
const text = JSON.stringify(place)

const authorized = { authorization: `Bearer ${token}` }
const columns = 'id, customer_id, status, total, placed_at'
const repeated = (n: number) => JSON.stringify({ sql: `select ${columns} from public.orders where id = $1`, params: [1 + (n % 20000)] })
const literal = (n: number) => JSON.stringify({ sql: `select ${columns} from public.orders where id = ${1 + (n * 7919) % 19999} and customer_id >= ${-n}` })
const masked = (n: number) => JSON.stringify({ sql: 'select id, name, email from public.customers where id = $1', params: [1 + (n % 1000)] })
const shots: Readonly<Record<string, readonly [server: string, shot: Shot]>> = {
  'bare, repeated': ['bare', { headers: {}, body: repeated, status: 200 }],
  'bare, literal': ['bare', { headers: {}, body: literal, status: 200 }],
  'no audit, repeated': ['gate-no-audit', { headers: authorized, body: repeated, status: 200 }],
  'no audit, literal': ['gate-no-audit', { headers: authorized, body: literal, status: 200 }],
  'no audit, masked column': ['gate-no-audit', { headers: authorized, body: masked, status: 200 }],
  'whole, repeated': ['gate', { headers: authorized, body: repeated, status: 200 }],
  'nothing': ['nothing', { headers: {}, body: repeated, status: 200 }],
  'two raw PutItem': ['put2', { headers: {}, body: repeated, status: 200 }],
  'garbage token': ['gate', { headers: { authorization: 'Bearer garbage.garbage.garbage' }, body: repeated, status: 401 }],
  'Hono echo': ['echo', { headers: {}, body: repeated, status: 200 }],
}
const kinds = [...new Set(Object.values(shots).map(([kind]) => kind))]
const servers = new Map(await Promise.all(kinds.map(async (kind) => [kind, await startServer(kind, text)] as const)))

const raw: Record<string, number[]> = {}
for (let round = 0; round <= rounds; round++) {
  process.stderr.write(round === 0 ? 'warming up\n' : `round ${round} of ${rounds}\n`)
  for (const [name, [kind, shot]] of Object.entries(shots)) {
    const server = servers.get(kind)
    if (server === undefined) throw new Error(kind)
    const cpu = await cpuPerRequest(server, shot, count)
    if (round > 0) (raw[name] ??= []).push(cpu)
  }
}
const lowest = (name: string): number => Math.min(...(raw[name] ?? [Number.NaN]))
const rows: readonly (readonly [what: string, value: number, bound: number | null])[] = [
  ['enforcement, repeated ÷ bare', lowest('no audit, repeated') / lowest('bare, repeated'), 1.5],
  ['enforcement, literal ÷ bare', lowest('no audit, literal') / lowest('bare, literal'), 2.5],
  ['audit: its two writes ÷ two raw PutItem', (lowest('whole, repeated') - lowest('no audit, repeated')) / (lowest('two raw PutItem') - lowest('nothing')), 1.5],
  ['whole request ÷ bare', lowest('whole, repeated') / lowest('bare, repeated'), null],
  ['garbage token ÷ Hono echo', lowest('garbage token') / lowest('Hono echo'), 1.2],
]
console.log(`\nCPU µs a request, lowest of ${rounds} rounds of ${count}, 16 connections, Node ${process.version}`)
for (const name of Object.keys(shots)) console.log(`  ${name.padEnd(28)} ${lowest(name).toFixed(0).padStart(7)}`)
console.log('\nratio'.padEnd(47) + 'measured   bound')
for (const [what, value, bound] of rows) console.log(`  ${what.padEnd(44)} ${value.toFixed(2).padStart(8)} ${bound === null ? '       ' : `  ≤ ${bound}${value <= bound ? '' : '  over'}`}`)

const results = join(import.meta.dirname, 'results')
mkdirSync(results, { recursive: true })
writeFileSync(join(results, 'bench.json'), JSON.stringify({ node: process.version, rounds, count, raw }, null, 1))
for (const { child } of servers.values()) child.disconnect()
placeChild.kill()
process.exit(0)
