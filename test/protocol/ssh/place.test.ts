import { expect, test } from 'vitest'
import { isPermit, makePermit } from '../../../functions/decide/permit.ts'
import { Fault } from '../../../functions/ports.ts'
import type { Plan } from '../../../functions/protocol/protocol.ts'
import { createSsh } from '../../../functions/protocol/ssh/ssh.ts'
import type { ConnectionDocument } from '../../../schema/policy.ts'
import { secretOf } from '../../support/host.ts'

const connection: ConnectionDocument = { version: 1, kind: 'connection', name: 'bastion', engine: 'ssh', secret: 'bastion-ssh' }
const [here, elsewhere] = [secretOf('ssh://gate@127.0.0.1:1'), secretOf('ssh://gate@127.0.0.1:2')]

/** An engine whose secret is what `now` says; null: no store answers. */
function engineWith(start: string | null) {
  const secret = { now: start }
  const engine = createSsh({ secrets: { async get() { if (secret.now === null) throw new Fault('store-unavailable', 'no answer'); return secret.now } }, now: Date.now, isPermit, alarm: () => {} })
  async function planned(): Promise<Plan> {
    const first = await engine.classify(connection, { statements: [{ sql: 'uptime', params: [] }], batch: false, isolation: 'read committed', purpose: null, reveal: [], rowMode: 'object', maxRows: null, form: 'ssh' })
    if (!first.ok || !first.value.preview) throw new Error('no plan')
    const seen = await first.value.preview()
    if (!seen.ok) throw new Error(seen.refusal.detail)
    return seen.value
  }
  const run = (plan: Plan) => engine.execute(makePermit(plan.effects, { masks: [], revealed: [], detect: [], limits: { rows: 1, bytes: 1024, timeoutMs: 1000, affected: 0, statementsPerHour: null, rowsPerHour: null } }), plan, { deadline: Date.now() + 5000, rowMode: 'object', maxRows: null })
  return { secret, planned, run }
}

test('a store of secrets that does not answer for a moment changes nothing of what was agreed to', async () => {
  const { secret, planned } = engineWith(here)
  const { effects, diff } = await planned()
  secret.now = null
  expect(await planned()).toMatchObject({ effects, diff })
})
test('where it never answered, nothing is decided on a host that nobody knows', async () => {
  const { secret, planned } = engineWith(null)
  await expect(planned()).rejects.toMatchObject({ code: 'store-unavailable' })
  secret.now = '{}'
  await expect(planned()).rejects.toMatchObject({ code: 'secret-missing' })
})
test('another host in the secret is another deed, and nothing runs there that was decided for the first', async () => {
  const { secret, planned, run } = engineWith(here)
  const first = await planned()
  secret.now = elsewhere
  expect(await run(first)).toMatchObject({ status: 'stale', refusal: { slug: 'approval-stale', reason: 'objects_changed' } })
  const second = await planned()
  expect(second.effects.fingerprint).not.toBe(first.effects.fingerprint)
  expect(second.diff).toBe('as gate\non 127.0.0.1, port 2')
  expect(await run(second)).toMatchObject({ status: 'failed', refusal: { reason: 'target_unreachable' } })
})
