import { fork } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startPlanetScale } from '../functions/local/planetscale.ts'
import { mysqlServer, startServer as startMySql, whyNot } from '../test/local/server.mysql.ts'
import { mint, startPlace, type Place } from '../test/support/local.ts'
import { cpuPerRequest, message, startServer, type Shot } from './load.ts'

/**
 * The rows of bench/run.ts for MySQL: CPU per request of the gate's own process ÷ a bare node:http handler that runs the same query through the same driver, @planetscale/database, as installed on `fetch` and on the engine's own
 * transport. Everything on but the audit's writes. `node bench/mysql.ts` prints the table; raw rounds with `--json`. ROUNDS and COUNT as there.
 */
const rounds = Number(process.env['ROUNDS'] ?? 6)
const count = Number(process.env['COUNT'] ?? 400)
const warmUps = 3
/** Fewer than for PostgreSQL: a call is seven exchanges in a session of its own, and past what the machine carries they wait for their deadlines. */
const connections = Number(process.env['CONNECTIONS'] ?? 4)

/** The servers behind what is measured, in a process of their own so that their CPU counts for nobody. */
async function serve(): Promise<void> {
  const { place } = await startPlace({
    schema: "CREATE ROLE w LOGIN PASSWORD 'x'; CREATE ROLE r LOGIN PASSWORD 'x'; CREATE ROLE p LOGIN PASSWORD 'x';",
    documents: [
      {
        version: 1, kind: 'connection', name: 'shop', engine: 'mysql', secrets: { write: 'shop-write', read: 'shop-read', plain: 'shop-plain' }, searchPath: ['shop'], classify: { 'shop.customers.email': 'pii.email' },
        mask: { 'pii.email': 'email' }, detect: ['credit-card', 'us-ssn', 'email', 'iban', 'secret'], limits: { timeout: '30s' },
      },
      { version: 1, kind: 'role', name: 'reader', members: [{ group: 'readers' }], rules: [{ allow: ['select'], connection: 'shop', on: ['shop.orders', 'shop.customers'] }] },
    ],
  })
  const accounts = ['w', 'r', 'p'].map((name) => `CREATE USER ${name}@'127.0.0.1' IDENTIFIED BY 'x'; GRANT SELECT ON shop.orders TO ${name}@'127.0.0.1'; GRANT SELECT ${name === 'p' ? '(id, name) ' : ''}ON shop.customers TO ${name}@'127.0.0.1';`)
  const db = await startMySql(`CREATE DATABASE shop; USE shop;
    CREATE TABLE orders (id int PRIMARY KEY, customer_id int NOT NULL, status varchar(20) NOT NULL, total decimal(10,2) NOT NULL, placed_at datetime NOT NULL, note text);
    INSERT INTO orders WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 900) SELECT i, i % 97, 'paid', i * 1.25, '2026-01-01' + INTERVAL i MINUTE, 'left at the door' FROM n;
    CREATE TABLE customers (id int PRIMARY KEY, name varchar(40), email varchar(80));
    INSERT INTO customers WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 900) SELECT i, CONCAT('customer ', i), CONCAT('customer', i, '@example.com') FROM n; ${accounts.join(' ')}`, { 'innodb-flush-log-at-trx-commit': '0' })
  const endpoint = await startPlanetScale({ sessions: { size: 48 } })
  const secrets = { ...place.secrets, 'shop-write': db.urlOf('w', 'x', 'shop'), 'shop-read': db.urlOf('r', 'x', 'shop'), 'shop-plain': db.urlOf('p', 'x', 'shop') }
  process.send?.({ ...place, secrets, planetscale: endpoint.url })
  process.on('disconnect', () => { void db.stop().finally(() => process.exit(0)) })
}
if (process.argv.includes('--serve')) await serve()
else if (mysqlServer === null) console.log(process.argv.includes('--json') ? 'null' : `MySQL${whyNot}`)
else await measure()

async function measure(): Promise<void> {
  const placeChild = fork(join(import.meta.dirname, 'mysql.ts'), ['--serve'])
  const place = await message<Place>(placeChild)
  const authorized = { authorization: `Bearer ${await mint(place, 'agent:bench', ['readers'])}` }
  const columns = 'id, customer_id, status, total, placed_at'
  const repeated = (n: number) => JSON.stringify({ sql: `select ${columns} from orders where id = ?`, params: [1 + (n % 900)] })
  const literal = (n: number) => JSON.stringify({ sql: `select ${columns} from orders where id = ${1 + (n * 79) % 899} and customer_id >= ${-n}` })
  const masked = (n: number) => JSON.stringify({ sql: 'select id, name, email from customers where id = ?', params: [1 + (n % 900)] })
  const bodies = { repeated, literal, 'masked column': masked }
  const sides = { 'bare on fetch': ['mysql-bare-installed', {}], 'bare on node:http': ['mysql-bare', {}], 'no audit': ['mysql-gate-no-audit', authorized] } as const
  const servers = new Map(await Promise.all(Object.values(sides).map(async ([kind]) => [kind, await startServer(kind, JSON.stringify(place))] as const)))
  for (const [side, [kind, headers]] of Object.entries(sides)) { const server = servers.get(kind); if (server === undefined) throw new Error(side); await cpuPerRequest(server, { headers, body: repeated, status: 200 }, 4, 1) }   // the catalog is read once
  const raw: Record<string, number[]> = {}
  for (let round = 1 - warmUps; round <= rounds; round++) {
    for (const [side, [kind, headers]] of Object.entries(sides)) for (const [what, body] of Object.entries(bodies)) {
      const server = servers.get(kind)
      if (server === undefined) throw new Error(kind)
      const shot: Shot = { headers, body, status: 200 }
      const cpu = await cpuPerRequest(server, shot, count, connections)
      if (round >= 1) (raw[`${side}, ${what}`] ??= []).push(cpu)
    }
  }
  for (const { child } of servers.values()) child.disconnect()
  placeChild.disconnect()
  const lowest = (name: string): number => Math.min(...(raw[name] ?? [Number.NaN]))
  const ratios = Object.keys(bodies).flatMap((what) => ['bare on fetch', 'bare on node:http'].map((side) => [`enforcement, ${what} ÷ ${side}`, lowest(`no audit, ${what}`) / lowest(`${side}, ${what}`)] as const))
  if (process.argv.includes('--json')) return console.log(JSON.stringify({ raw, ratios }))
  const line = (what: string, value: string) => console.log(`  ${what.padEnd(58)} ${value.padStart(9)}`)
  console.log(`\nCPU µs a request, lowest of ${rounds} rounds of ${count}, ${connections} connections, Node ${process.version}, @planetscale/database; the gate's on node:http`)
  for (const name of Object.keys(raw)) line(name, lowest(name).toFixed(0))
  for (const [what, value] of ratios) line(what, value.toFixed(2))
  mkdirSync(join(import.meta.dirname, 'results'), { recursive: true })
  writeFileSync(join(import.meta.dirname, 'results/mysql.json'), JSON.stringify({ node: process.version, rounds, count, raw }, null, 1))
}
