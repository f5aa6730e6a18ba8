import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isPermit, makePermit } from '../../functions/decide/permit.ts'
import { createKubernetes } from '../../functions/protocol/kubernetes/kubernetes.ts'
import { createRemote } from '../../functions/protocol/remote.ts'
import { bundle } from '../../infra/bundle.ts'
import type { ConnectionDocument } from '../../schema/policy.ts'
import { widest } from '../contract/target.ts'
import { standCluster, type Stand } from '../local/cluster.ts'
import { mysqlServer, startServer, whyNot } from '../local/server.mysql.ts'
import { withPostgres, type TestPostgres } from '../support/postgres.ts'
import { noSshd, sshd, startSshd, type Sshd } from '../support/sshd.ts'
import { type Runtime, startRuntime } from './runtime.ts'
import { createSsh } from '../../functions/protocol/ssh/ssh.ts'
import { go } from '../protocol/ssh/rig.ts'

/** The bundle that is deployed, in a process of its own whose environment has its secrets and nothing else, and the gate's end of it here. */
const key = 'k'.repeat(44)
const directory = mkdtempSync(join(tmpdir(), 'sluice-private-'))
let [server, runtime] = [null, null] as unknown as [TestPostgres, Runtime]
let stand: Stand | null = null
let host: Sshd | null = null
let mysql: Awaited<ReturnType<typeof startServer>> | null = null
beforeAll(async () => {
  server = await withPostgres()
  const database = await server.createDatabase("CREATE TABLE people (id int PRIMARY KEY, email text); INSERT INTO people VALUES (1, 'joe@example.com'); CREATE ROLE app LOGIN PASSWORD 'p'; GRANT SELECT, INSERT ON people TO app")
  if (mysqlServer !== null) mysql = await startServer("CREATE DATABASE d; CREATE TABLE d.people (id int PRIMARY KEY, email varchar(40)); INSERT INTO d.people VALUES (1, 'joe@example.com'); CREATE USER app@'127.0.0.1' IDENTIFIED BY 'p'; GRANT SELECT, INSERT, TRIGGER ON d.* TO app@'127.0.0.1'")
  stand = await standCluster()
  if (sshd !== null) host = await startSshd()
  const { file } = await bundle('private', directory)
  const env = { SLUICE_SECRET_SLUICE_PRIVATE_KEY: key, SLUICE_SECRET_SLUICE_PRIVATE_SIGHT: 's'.repeat(44), SLUICE_SECRET_LEDGER: database.as('app', 'p'), SLUICE_SECRET_KUBE: stand.cluster.admin, ...(host && { SLUICE_SECRET_BASTION_SSH: host.certified }), ...(mysql && { SLUICE_SECRET_BILLS: mysql.urlOf('app', 'p', 'd') }) }
  runtime = await startRuntime(file, env)
}, 120_000)
afterAll(async () => {
  await runtime?.stop()
  await mysql?.stop()
  await stand?.cluster.close()
  await host?.stop()
  await server?.stop()
  rmSync(directory, { recursive: true, force: true })
}, 60_000)

const invoke = (event: unknown) => runtime.call(event)
const engine = createRemote({ secrets: { get: async () => key }, now: Date.now, isPermit, send: async (sealed) => JSON.stringify(await invoke(JSON.parse(sealed))) })
async function ask(connection: ConnectionDocument, sql: string) {
  const plan = await engine.classify(connection, { statements: [{ sql, params: [] }], batch: false, isolation: 'read committed', purpose: null, reveal: [], rowMode: 'object', maxRows: null })
  if (!plan.ok) return plan.refusal
  const permit = makePermit(plan.value.effects, { masks: plan.value.effects.shown.map(() => 'email'), revealed: [], detect: [], limits: widest })
  const executed = await engine.execute(permit, plan.value, { deadline: Date.now() + 5000, rowMode: 'object', maxRows: null })
  return executed.status === 'succeeded' ? engine.mask(permit, plan.value, executed.rows).results : executed
}

describe('the function in a private network, as it is bundled', () => {
  const of = (engineName: 'postgres' | 'mysql', secret: string, schema: string): ConnectionDocument => ({ version: 1, kind: 'connection', name: secret, engine: engineName, transport: 'private', secret, searchPath: [schema], classify: { [`${schema}.people.email`]: 'pii.email' } })
  test('reads and writes PostgreSQL', async () => {
    expect(await ask(of('postgres', 'ledger', 'public'), 'SELECT id, email FROM people')).toMatchObject([{ rows: [{ id: 1, email: 'j***@example.com' }] }])
    expect(await ask(of('postgres', 'ledger', 'public'), 'INSERT INTO people (id) VALUES (2) RETURNING id')).toMatchObject([{ rows: [{ id: 2 }] }])
  })
  test.skipIf(mysqlServer === null)(`reads and writes MySQL${whyNot}`, async () => {
    expect(await ask(of('mysql', 'bills', 'd'), 'SELECT id, email FROM people')).toMatchObject([{ rows: [{ id: 1, email: 'j***@example.com' }] }])
    expect(await ask({ ...of('mysql', 'bills', 'd'), classify: {} }, "INSERT INTO people (id, email) VALUES (2, 'x')")).toMatchObject([{ rowCount: 1 }])
  })
  test('reads a cluster, and looks before it writes', async () => {
    const nothing = { get: async () => { throw new Error('the gate has no credential of a private target') } }
    const here = createKubernetes({ secrets: nothing, now: Date.now, alarm: () => {}, isPermit })
    const remote = createRemote({ secrets: { get: async () => key }, now: Date.now, isPermit, here, send: async (sealed) => JSON.stringify(await invoke(JSON.parse(sealed))) })
    const cluster: ConnectionDocument = { version: 1, kind: 'connection', name: 'cluster', engine: 'kubernetes', transport: 'private', secret: 'kube', serviceAccounts: { '*': 'sluice/minter' } }
    const asked = async (method: string, target: string, body: object | null = null) => {
      const query = await here.read?.(method, target, { accept: 'application/json', ...(body && { 'content-type': 'application/json' }) }, body && Buffer.from(JSON.stringify(body)))
      const first = query?.ok ? await remote.classify(cluster, query.value, ['r']) : null
      const plan = first?.ok ? await first.value.preview?.() ?? first : first
      if (!plan?.ok) throw new Error('refused')
      const permit = makePermit(plan.value.effects, { masks: plan.value.effects.shown.map(() => 'redact'), revealed: [], detect: [], limits: widest })
      const executed = await remote.execute(permit, plan.value, { deadline: Date.now() + 5000, rowMode: 'object', maxRows: null })
      if (executed.status !== 'succeeded') return executed
      const { answer } = remote.mask(permit, plan.value, executed.rows)
      return { status: answer?.status, body: JSON.parse(Buffer.from(answer?.body as Uint8Array).toString()) as unknown }
    }
    expect(await asked('GET', '/version')).toMatchObject({ status: 200, body: { major: '1' } })
    // By the account's own rights, which that one has not: the cluster says so, and says it there.
    expect(await asked('GET', '/api/v1/namespaces/web/secrets')).toMatchObject({ status: 403, body: { kind: 'Status', reason: 'Forbidden' } })
    expect(await asked('POST', '/api/v1/namespaces/web/configmaps', { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' } })).toMatchObject({ status: 403 })
  })
  test.skipIf(sshd === null)(`runs a command on a host under its own certificate${sshd === null ? ` (${noSshd})` : ''}`, async () => {
    const nothing = { get: async () => { throw new Error('the gate has no credential of a private target') } }
    const here = createSsh({ secrets: nothing, now: Date.now, alarm: () => {}, isPermit })
    const remote = createRemote({ secrets: { get: async () => key }, now: Date.now, isPermit, here, send: async (sealed) => JSON.stringify(await invoke(JSON.parse(sealed))) })
    const bastion: ConnectionDocument = { version: 1, kind: 'connection', name: 'bastion', engine: 'ssh', transport: 'private', secret: 'bastion-ssh' }
    expect((await go(remote, ['sh', '-c', 'echo mail joe@acme.dev; exit 3'], { on: bastion })).said).toEqual({ stdout: 'mail [redacted: email]\n', stderr: '', exitCode: 3, truncated: false })
    expect(host?.log()).toContain('forced-command (key-option)')
    await remote.ping?.(bastion)
  })
  test('takes nothing from who is not the gate', async () => {
    for (const event of [{}, null, 'x', { text: '{}', mac: '' }, { version: '2.0', rawPath: '/v1/me' }]) expect(typeof await invoke(event)).toBe('string')
    const other = createRemote({ secrets: { get: async () => 'guess' }, now: Date.now, isPermit, send: async (sealed) => JSON.stringify(await invoke(JSON.parse(sealed))) })
    await expect(other.ping?.(of('postgres', 'ledger', 'public'))).rejects.toMatchObject({ code: 'internal' })
  })
})
