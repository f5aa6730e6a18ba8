import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { commandLine } from '../../../schema/command.ts'
import type { ConnectionDocument } from '../../../schema/policy.ts'
import { isPermit, makePermit } from '../../../functions/decide/permit.ts'
import type { Executed } from '../../../functions/protocol/protocol.ts'
import { createSsh } from '../../../functions/protocol/ssh/ssh.ts'
import { noSshd, sshd, startSshd, type Sshd } from '../../support/sshd.ts'

const connection: ConnectionDocument = { version: 1, kind: 'connection', name: 'bastion', engine: 'ssh', secret: 'bastion-ssh' }
let server: Sshd
beforeAll(async () => { if (sshd !== null) server = await startSshd() })
afterAll(async () => { await server?.stop() })

async function run(secret: string, words: readonly string[], timeoutMs = 10_000): Promise<{ readonly executed: Executed; readonly said: unknown }> {
  const engine = createSsh({ secrets: { get: async () => secret }, now: Date.now, isPermit, alarm: () => {} })
  const plan = await engine.classify(connection, { statements: [{ sql: commandLine(words), params: [] }], batch: false, isolation: 'read committed', purpose: null, reveal: [], rowMode: 'object', maxRows: null, form: 'ssh' })
  if (!plan.ok) throw new Error(plan.refusal.detail)
  const permit = makePermit(plan.value.effects, { masks: [], revealed: [], detect: ['secret', 'email'], limits: { rows: 1, bytes: 65_536, timeoutMs, affected: 0, statementsPerHour: null, rowsPerHour: null } })
  const executed = await engine.execute(permit, plan.value, { deadline: Date.now() + 5000, rowMode: 'object', maxRows: null })
  const body = executed.status === 'succeeded' ? engine.mask(permit, plan.value, executed.rows).answer?.body : undefined
  return { executed, said: body instanceof Uint8Array ? JSON.parse(Buffer.from(body).toString('utf8')) : null }
}

describe.skipIf(sshd === null)(`on OpenSSH's own server${sshd === null ? ` (${noSshd})` : ''}`, () => {
  test.each(['certified', 'keyed'] as const)('%s: the words arrive as they are, and what they write comes back', async (how) => {
    const words = ['printf', '%s|', 'it\'s', 'a  b', '$HOME', '*', '~', '`id`', '$(id)', '; id', '', 'łódź', '#', '!x', '-n', '&', '(', '"', '{a,b}', '=ls']
    expect((await run(server[how], words)).said).toEqual({ stdout: `${words.slice(2).join('|')}|`, stderr: '', exitCode: 0, truncated: false })
  })
  test('the login is on the host\'s own record by the id that is on ours', async () => {
    const { executed } = await run(server.certified, ['true'])
    const id = executed.status === 'succeeded' ? executed.rows.answered?.audit : null
    expect(id).toMatch(/^sluice-/)
    expect(server.log()).toContain(`ID ${id}`)
  })
})
