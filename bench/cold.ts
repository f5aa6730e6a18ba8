import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gunzipSync } from 'node:zlib'
import { itemOf } from '../functions/aws/event.ts'
import { bundle, type entries } from '../infra/bundle.ts'
import type { Event } from '../schema/event.ts'
import { startPlanetScale } from '../functions/local/planetscale.ts'
import { readTarget, usernameOf } from '../functions/local/planetscale/target.ts'
import { documents, startGate } from '../test/lambda/gate.ts'
import { urlEvent } from '../test/lambda/runtime.ts'
import { startServices } from '../test/lambda/services.ts'
import { standCluster } from '../test/local/cluster.ts'
import { mysqlServer, startServer, whyNot } from '../test/local/server.mysql.ts'
import { noSshd, sshd, startSshd } from '../test/support/sshd.ts'
import { errands } from './errand.ts'

/**
 * A cold start of each deployed function: what its bundle weighs, and the CPU (user and system) of a fresh process until it has answered its first event, beside a bare `node -e 0` of the same round.
 * `node bench/cold.ts [ROUNDS]` prints the table, lowest of the rounds; the rounds themselves lie in bench/results/cold.json. The servers around it are real or stubs, in this process, whose CPU does not count.
 */
const rounds = Number(process.argv[2] ?? 6)
const run = promisify(execFile)
const directory = mkdtempSync(join(tmpdir(), 'sluice-cold-'))
type Name = keyof typeof entries
interface First { readonly cpuMs: number; /** Of it, until the bundle was loaded: Lambda's init, which has a whole processor whatever memory the function has. */ readonly initMs: number; readonly rssMb: number; readonly answer: string }
interface Case { readonly what: string; readonly of: Name; readonly event: object | (() => object); readonly env: Readonly<Record<string, string>>; readonly preload: readonly string[]; readonly expect: RegExp; /** What comes out of a private network is packed. */ readonly packed?: true }

const services = await startServices(directory)
const mysql = mysqlServer === null ? null : await startServer("CREATE DATABASE d; CREATE TABLE d.people (id int PRIMARY KEY, email varchar(40)); INSERT INTO d.people VALUES (1, 'joe@example.com'); CREATE USER app@'127.0.0.1' IDENTIFIED BY 'p'; GRANT SELECT, TRIGGER ON d.* TO app@'127.0.0.1'")
if (mysql === null) console.log(`no first query of MySQL${whyNot}`)
const planetscale = mysql && await startPlanetScale()
const host = sshd === null ? null : await startSshd()
if (host === null) console.log(`no first command: ${noSshd}`)
const stand = await standCluster()
for (const [path, kind, more] of [
  ['/api/v1/namespaces/sluice/serviceaccounts', 'ServiceAccount', {}], ['/apis/rbac.authorization.k8s.io/v1/clusterroles', 'ClusterRole', { rules: [{ apiGroups: [''], resources: ['configmaps'], verbs: ['list'] }] }],
  ['/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', 'ClusterRoleBinding', { roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'reader' }, subjects: [{ kind: 'ServiceAccount', name: 'reader', namespace: 'sluice' }] }],
] as const) await stand.admin('POST', path, { apiVersion: kind === 'ServiceAccount' ? 'v1' : 'rbac.authorization.k8s.io/v1', kind, metadata: { name: 'reader', ...(kind === 'ServiceAccount' && { namespace: 'sluice' }) }, ...more })
const members = [{ group: 'readers' }]
const gate = await startGate(directory, {
  ...(planetscale && { planetscale: planetscale.url }),
  env: {
    SLUICE_SECRET_KUBE: stand.cluster.admin, ...(host && { SLUICE_SECRET_BASTION_SSH: host.certified }),
    ...(mysql && { SLUICE_SECRET_BILLS: `mysql://${encodeURIComponent(usernameOf(readTarget(mysql.urlOf('app', 'p', 'd'))))}:p@api.sluice.test/d` }),
  },
  documents: (issuer) => [
    ...documents(issuer), { version: 1, kind: 'connection', name: 'bills', engine: 'mysql', secret: 'bills', searchPath: ['d'], classify: { 'd.people.email': 'pii.email' }, mask: { 'pii.email': 'email' } },
    { version: 1, kind: 'role', name: 'payer', members, rules: [{ allow: ['select'], connection: 'bills', on: ['d.people'] }] },
    { version: 1, kind: 'connection', name: 'bastion', engine: 'ssh', secret: 'bastion-ssh', detect: ['email'] }, { version: 1, kind: 'connection', name: 'cluster', engine: 'kubernetes', secret: 'kube', serviceAccounts: { '*': 'sluice/reader' } },
    { version: 1, kind: 'role', name: 'runner', members, rules: [{ allow: ['exec'], connection: 'bastion', on: [['echo', 'c', 'joe@acme.dev']] }] },
    { version: 1, kind: 'role', name: 'lister', members, rules: [{ allow: ['list'], connection: 'cluster', on: ['configmaps'], namespaces: ['web'] }] },
  ],
})
const apart = errands({ 'shop-read': gate.place.secrets['shop-read'] ?? '', 'shop-plain': gate.place.secrets['shop-plain'] ?? '', ...(host && { 'bastion-ssh': host.certified }) })
const alone = { env: { PATH: process.env['PATH'] ?? '', ...apart.env }, preload: [], packed: true } as const
const told = (): Event => ({ id: services.stores.id('evt'), at: new Date().toISOString(), evaluation: services.stores.id('eval'), session: null, who: null, connection: null, policy: null, kind: 'start', change: { weakness: 'none' } })
const one = told()
await services.stores.ledger.append(one)

const query = (sql: string) => ({ headers: { 'content-type': 'application/json', authorization: `Bearer ${gate.token}` }, body: JSON.stringify({ sql }) })
const around = { env: { PATH: process.env['PATH'] ?? '', ...gate.env }, preload: gate.preload }
const inside = { env: services.env, preload: [] }
const connect = { requestContext: { routeKey: '$connect', eventType: 'CONNECT', connectionId: 'abc=', requestId: 'r', domainName: 'socket.gate.sluice.test', stage: '$default', connectedAt: Date.now() }, headers: {}, isBase64Encoded: false }
const cases: readonly Case[] = [
  { what: 'http: a challenge', of: 'http', event: urlEvent('GET', '/v1/me') as object, ...around, expect: /^401 / },
  { what: 'http: a query, masked', of: 'http', event: urlEvent('POST', '/v1/connections/shop/query', query('select id, email from customers order by id limit 1')) as object, ...around, expect: /c\*\*\*@example\.com/ },
  ...(mysql ? [{ what: 'http: a query of MySQL, masked', of: 'http', event: urlEvent('POST', '/v1/connections/bills/query', query('select id, email from people order by id limit 1')) as object, ...around, expect: /j\*\*\*@example\.com/ } as const] : []),
  { what: 'http: a list of a cluster', of: 'http', event: urlEvent('GET', '/v1/kubernetes/cluster/api/v1/namespaces/web/configmaps', { headers: { authorization: `Bearer ${gate.token}`, accept: 'application/json' } }) as object, ...around, expect: /ConfigMapList/ },
  { what: 'hold: a tool of MCP, masked', of: 'hold', event: urlEvent('POST', '/mcp', { headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', authorization: `Bearer ${gate.token}` }, body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'run', arguments: { connection: 'shop', sql: 'select id, email from customers order by id limit 1' } } }) }) as object, ...around, expect: /c\*\*\*@example\.com/ },
  ...(host ? [{ what: 'stream: a command', of: 'lasting', event: urlEvent('POST', '/v1/connections/bastion/exec', { headers: { 'content-type': 'application/json', authorization: `Bearer ${gate.token}` }, body: JSON.stringify({ command: ['echo', 'c', 'joe@acme.dev'] }) }) as object, ...around, expect: /redacted: email/ } as const] : []),
  { what: 'private: a read, masked', of: 'private', event: await apart.read(), ...alone, expect: /c\*\*\*@example\.com/ },
  ...(host ? [{ what: 'private: a command', of: 'private', event: await apart.command(), ...alone, expect: /"exitCode":0|succeeded/ } as const] : []),
  { what: 'websocket: a challenge', of: 'websocket', event: connect, ...inside, expect: /401/ },
  { what: 'approval: a step', of: 'approval', event: { step: 'announce', request: 'arq_01JD9Z7V8M0000000000000001' }, ...inside, expect: /^/ },
  { what: 'people: a page', of: 'people', event: { ...(urlEvent('GET', '/requests', { headers: { host: 'console.gate.sluice.test' } }) as object), cookies: [] }, ...inside, expect: /doctype html/ },
  { what: 'sequencer: a batch', of: 'sequencer', event: { Records: [{ eventSource: 'aws:dynamodb', eventName: 'INSERT', dynamodb: { NewImage: itemOf(one, JSON.stringify(one)) } }] }, ...inside, expect: /^/ },
  { what: 'sweeper: a round', of: 'sweeper', event: { source: 'schedule' }, ...inside, expect: /^/ },
]

async function bare(): Promise<First> {
  const { stdout } = await run(process.execPath, ['-e', 'const { user, system } = process.cpuUsage(); process.stdout.write(JSON.stringify({ cpuMs: (user + system) / 1000, initMs: 0, rssMb: process.memoryUsage.rss() / 1024 ** 2, answer: "" }))'])
  return JSON.parse(stdout) as First
}
async function first({ what, event, env, preload, expect, packed }: Case, file: string): Promise<First> {
  const { stdout } = await run(process.execPath, [...preload, join(import.meta.dirname, 'first.mjs'), file, JSON.stringify(typeof event === 'function' ? event() : event)], { env })
  const given = JSON.parse(stdout) as First
  const answer = packed ? gunzipSync(Buffer.from(JSON.parse(given.answer) as string, 'base64')).toString() : given.answer
  if (!expect.test(answer)) throw new Error(`${what} answered ${answer}`)
  return given
}

try {
  const sizes = new Map<Name, Awaited<ReturnType<typeof bundle>>>()
  for (const name of new Set(cases.map(({ of }) => of))) sizes.set(name, await bundle(name, directory))
  const raw: Record<string, First[]> = { bare: [] }
  for (let round = 0; round < rounds; round++) {
    raw['bare']?.push(await bare())
    for (const one of cases) (raw[one.what] ??= []).push(await first(one, sizes.get(one.of)?.file ?? ''))
  }
  const lowest = (what: string, of: 'cpuMs' | 'initMs' | 'rssMb') => Math.min(...(raw[what] ?? []).map((told) => told[of]))
  const floor = lowest('bare', 'cpuMs')
  console.log('| function: first event | KB min | KB gz | KB gz at first use | KB gz together: target | CPU ms to its answer | of it at init | beyond bare node | ÷ bare node | RSS MB |\n|---|---|---|---|---|---|---|---|---|---|')
  const row = (...cells: readonly string[]) => console.log(`| ${cells.join(' | ')} |`)
  const kb = (bytes: number | undefined) => ((bytes ?? 0) / 1024).toFixed(0)
  /** All of it, grammar and drivers too, beside what the bundle was to weigh. */
  const judged = (bytes: number, most: number) => `${kb(bytes)}: ${most}${bytes > most * 1024 ? ', missed' : ''}`
  row('`node -e 0`', '', '', '', '', floor.toFixed(0), '', '', '1.0', lowest('bare', 'rssMb').toFixed(0))
  for (const { what, of } of cases) {
    const [size, cpu] = [sizes.get(of), lowest(what, 'cpuMs')]
    row(what, kb(size?.bytes), kb(size?.gzipBytes), kb(size?.later.gzipBytes), judged((size?.gzipBytes ?? 0) + (size?.later.gzipBytes ?? 0), of === 'http' || of === 'hold' ? 1024 : 350), cpu.toFixed(0), lowest(what, 'initMs').toFixed(0), `${(cpu - floor).toFixed(0)}${cpu - floor > 150 ? ', missed' : ''}`, (cpu / floor).toFixed(1), lowest(what, 'rssMb').toFixed(0))
  }
  mkdirSync(join(import.meta.dirname, 'results'), { recursive: true })
  writeFileSync(join(import.meta.dirname, 'results/cold.json'), `${JSON.stringify(raw, null, 1)}\n`)
} finally {
  await Promise.all([services.stop(), gate.stop(), planetscale?.close(), mysql?.stop(), host?.stop(), stand.cluster.close()])
  rmSync(directory, { recursive: true, force: true })
}
process.exit(0)
