import { neon, neonConfig, NeonDbError } from '@neondatabase/serverless'
import { request } from 'node:http'
import { afterAll, beforeAll, describe } from 'vitest'
import { WebSocket } from 'ws'
import { majors, withPostgres, type TestDatabase, type TestPostgres } from '../support/postgres.ts'

neonConfig.useSecureWebSocket = false
neonConfig.pipelineConnect = false
neonConfig.webSocketConstructor = WebSocket

/** What is there to be asked for, in each database. */
const people = `
  CREATE TABLE people (id int PRIMARY KEY, name text NOT NULL, born date, tags text[], data jsonb, big bigint, CHECK (id > 0));
  INSERT INTO people VALUES (1, 'Zoë 🐕', '1990-02-03', '{a,NULL,"b c"}', '{"a": [1, null]}', 9007199254740993), (2, 'Tom', NULL, NULL, NULL, NULL);
  CREATE VIEW names AS SELECT name AS called FROM people`
/** By this endpoint the driver goes from now on: its configuration is the process's. */
export function through(neonUrl: string): void {
  neonConfig.fetchEndpoint = () => `${neonUrl}/sql`
  neonConfig.wsProxy = (host, port) => `${new URL(neonUrl).host}/v2?address=${host}:${port}`
}
export const driver = (url: string) => neon(url, { fullResults: true })
export const failure = async (work: Promise<unknown>): Promise<NeonDbError> => {
  const error: unknown = await work.then(() => null, (error: unknown) => error)
  if (!(error instanceof NeonDbError)) throw new Error('it did not fail as the driver fails')
  return error
}

interface Answer { readonly status: number; readonly text: string; readonly body: { message?: string; rows?: unknown[]; results?: unknown[] } }
/** Asks without the driver. */
export function send(neonUrl: string, connection: string, body: unknown, headers: Record<string, string> = {}) {
  const call = request(`${neonUrl}/sql`, { method: 'POST', agent: false, headers: { 'neon-connection-string': connection, 'neon-raw-text-output': 'true', ...headers } })
  call.on('error', () => {})
  call.end(typeof body === 'string' ? body : JSON.stringify(body))
  return call
}
export function post(neonUrl: string, connection: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  return new Promise((done, fail) => {
    send(neonUrl, connection, body, headers).on('error', fail).on('response', (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (part: string) => { text += part }).on('end', () => done({ status: response.statusCode ?? 0, text, body: JSON.parse(text) as Answer['body'] }))
    })
  })
}
/** The status of a handshake; 101 where a socket was opened, 0 where nothing answered. */
export function upgrade(url: string, headers: Record<string, string> = {}): Promise<number> {
  return new Promise((done) => {
    const web = new WebSocket(url, { headers })
    web.on('open', () => {
      web.close()
      done(101)
    }).on('unexpected-response', (_request, response) => {
      response.resume()
      done(response.statusCode ?? 0)
    }).on('error', () => done(0))
  })
}

/** These tests before a server of each version. What `at` has is there once they run; the driver goes by that server's endpoint. */
export function beforeEachMajor(tests: (at: { readonly server: TestPostgres; readonly database: TestDatabase }) => void): void {
  describe.each(majors)('the neon endpoint before postgresql %i', (major) => {
    const at = {} as { server: TestPostgres; database: TestDatabase }
    beforeAll(async () => {
      at.server = await withPostgres({ major })
      through(at.server.neonUrl)
      at.database = await at.server.createDatabase(people)
    })
    afterAll(() => at.server?.stop())
    tests(at)
  })
}
