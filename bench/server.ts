import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { neon, neonConfig } from '@neondatabase/serverless'
import { Client } from '@planetscale/database'
import { Hono } from 'hono'
import { createApp } from '../functions/app.ts'
import { signedDynamo } from '../functions/aws/signed.ts'
import { isPermit } from '../functions/decide/permit.ts'
import { readTarget, usernameOf } from '../functions/local/planetscale/target.ts'
import type { Ports } from '../functions/ports.ts'
import { createMySql } from '../functions/protocol/mysql/mysql.ts'
import { post } from '../functions/protocol/post.ts'
import { openPorts, type Place } from '../test/support/local.ts'

/** One server under measurement: `node bench/server.ts <kind> <place>`. Says its port, then answers each message with its CPU use in µs so far. */
const [kind, placeText] = [process.argv[2] ?? '', process.argv[3] ?? '{}']
const place = JSON.parse(placeText) as Place

/** Reads a JSON body and answers JSON, as little as node:http can. */
const bare = (answer: (body: { sql: string; params?: unknown[] }) => Promise<unknown>): RequestListener => (request, response) => {
  let text = ''
  request.setEncoding('utf8')
  request.on('data', (chunk: string) => { text += chunk })
  request.on('end', () => {
    void answer(JSON.parse(text) as { sql: string; params?: unknown[] }).then((value) => {
      const body = JSON.stringify(value)
      response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) }).end(body)
    })
  })
}

/** What bench/mysql.ts adds: where PlanetScale's protocol is answered. */
type MySqlPlace = Place & { readonly planetscale: string }
function planetScale(place: Place, fetched: (to: string, init?: { readonly headers?: object; readonly body?: unknown }) => Promise<Response>): RequestListener {
  const url = new URL(place.secrets['shop-read'] ?? '')
  const { planetscale } = place as MySqlPlace
  const driver = new Client({ host: url.host, username: usernameOf(readTarget(url.href)), password: url.password, fetch: (to: string, init: object) => fetched(`${planetscale}${new URL(to).pathname}`, init) } as ConstructorParameters<typeof Client>[0])
  return bare(async ({ sql, params }) => (await driver.execute(sql, params ?? [])).rows)
}
function mysqlPorts(place: Place): Ports {
  const ports = openPorts(place)
  const endpoint = (url: string) => ({ http: (place as MySqlPlace).planetscale, username: usernameOf(readTarget(url)) })
  return { ...ports, engines: { ...ports.engines, mysql: createMySql({ secrets: ports.secrets, now: Date.now, alarm: ports.alarm, isPermit, endpoint }) }, ledger: { ...ports.ledger, append: async () => 'stored' } }
}

function listener(): RequestListener {
  switch (kind) {
    case 'bare': {
      // The same driver on the same transport (importing the engine set the driver's fetchFunction): one statement, no transaction, no checks.
      const sql = neon(place.secrets['shop-read'] ?? '', { disableWarningInBrowsers: true })
      const orders = { sluice: { url: `${place.neon}/sql`, maxBytes: 1 << 24, timeoutMs: 10_000, cut: false, bytes: 0 } }
      return bare(async ({ sql: text, params }) => sql.query(text, params ?? [], { fullResults: true, fetchOptions: { ...orders, sluice: { ...orders.sluice } } }))
    }
    case 'bare-installed': {
      // The driver exactly as it is installed: its own use of fetch. Only the address is ours.
      neonConfig.fetchFunction = undefined
      neonConfig.fetchEndpoint = () => `${place.neon}/sql`
      const sql = neon(place.secrets['shop-read'] ?? '', { disableWarningInBrowsers: true })
      return bare(async ({ sql: text, params }) => sql.query(text, params ?? [], { fullResults: true }))
    }
    // The same driver on the engine's own transport, and as it is installed, on fetch: one statement, no transaction, no checks.
    case 'mysql-bare': return planetScale(place, async (to, { headers = {}, body = '' } = {}) => { const answer = await post(to, headers as Record<string, string>, String(body), { maxBytes: 1 << 24, timeoutMs: 10_000 }); return { ok: answer.status === 200, status: answer.status, statusText: '', text: async () => answer.text } as Response })
    case 'mysql-bare-installed': return planetScale(place, async (to, init) => fetch(to, init as RequestInit))
    case 'mysql-gate-no-audit': return getRequestListener(createApp(mysqlPorts(place)).fetch)
    case 'gate': return getRequestListener(createApp(openPorts(place)).fetch)
    case 'gate-no-promise': {
      const { promise: _, ...ports } = openPorts(place)
      return getRequestListener(createApp(ports).fetch)
    }
    case 'gate-no-audit': return getRequestListener(createApp({ ...openPorts(place), ledger: { ...openPorts(place).ledger, append: async () => 'stored' } }).fetch)
    case 'put2': {
      const dynamo = signedDynamo({ region: 'local', endpoint: place.dynamo.url, credentials: place.dynamo.credentials, now: Date.now })
      let n = 0
      return bare(async () => {
        for (let i = 0; i < 2; i++) {
          await dynamo('PutItem', {
            TableName: 'sluice-state', ConditionExpression: 'attribute_not_exists(pk)',
            Item: { pk: { S: `bench#${process.pid}#${++n}` }, body: { S: 'x'.repeat(500) } },
          })
        }
        return { ok: true }
      })
    }
    case 'nothing': return bare(async () => ({ ok: true }))
    case 'echo': return getRequestListener(new Hono().post('/v1/connections/:connection/query', async (c) => c.json(await c.req.json())).fetch)
    default: throw new Error(`no server ${kind}`)
  }
}

const server = createServer(listener())
server.keepAliveTimeout = 60_000
server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }))
process.on('message', () => { const { user, system } = process.cpuUsage(); process.send?.({ cpu: user + system }) })
process.on('disconnect', () => process.exit(0))
