import { isPermit, makePermit } from '../functions/decide/permit.ts'
import { commandLine } from '../schema/command.ts'
import type { ConnectionDocument } from '../schema/policy.ts'
import type { Query } from '../schema/request.ts'
import type { Errand } from '../functions/protocol/carry.ts'
import { createCarrier, createInside } from '../functions/protocol/inside.ts'
import { createDirect } from '../functions/protocol/postgres/direct.ts'
import { createPostgres } from '../functions/protocol/postgres/postgres.ts'
import type { Protocol } from '../functions/protocol/protocol.ts'
import { createRemote } from '../functions/protocol/remote.ts'
import { seal } from '../functions/protocol/seal.ts'
import { createSsh } from '../functions/protocol/ssh/ssh.ts'

const key = 'k'.repeat(44)
const limits = { rows: 100, bytes: 65_536, timeoutMs: 10_000, affected: 0, statementsPerHour: null, rowsPerHour: null } as const
const asked = (sql: string, more: Pick<Query, 'form'> = {}): Query => ({ statements: [{ sql, params: [] }], batch: false, isolation: 'read committed', purpose: null, reveal: [], rowMode: 'object', maxRows: null, ...more })
const ledger: ConnectionDocument = { version: 1, kind: 'connection', name: 'ledger', engine: 'postgres', transport: 'private', secrets: { read: 'shop-read', plain: 'shop-plain' }, searchPath: ['public'], classify: { 'public.customers.email': 'pii.email' } }
const bastion: ConnectionDocument = { version: 1, kind: 'connection', name: 'bastion', engine: 'ssh', transport: 'private', secret: 'bastion-ssh' }

/**
 * What the private function is first asked: errands as a gate seals them, each good once and for seconds, so each is made when it is wanted. `given`: the secrets of its targets, by name. `env`: what the function has of them.
 */
export function errands(given: Readonly<Record<string, string>>) {
  const secrets = { get: async (name: string) => name.startsWith('sluice-') ? key : given[name] ?? '' }
  const parts = { secrets, now: Date.now, alarm: () => {} }
  const carrier = createCarrier()
  const inside = createInside({ ...parts, carry: carrier.carry, engines: { postgres: createPostgres({ ...parts, isPermit: carrier.isPermit, transport: createDirect(() => {}) }), ssh: createSsh({ ...parts, isPermit: carrier.isPermit }) } })

  /** Decided as for somebody to whom all is permitted, and caught on its way. */
  async function caught(connection: ConnectionDocument, query: Query, here?: Protocol): Promise<() => object> {
    let sent = ''
    const engine = createRemote({ secrets, now: Date.now, isPermit, ...(here && { here }), send: async (sealed) => { sent = sealed; return JSON.stringify(await inside(JSON.parse(sealed))) } })
    const plan = await engine.classify(connection, query)
    if (!plan.ok) throw new Error(plan.refusal.detail)
    const permit = makePermit(plan.value.effects, { masks: plan.value.effects.shown.map(() => 'email' as const), revealed: [], detect: ['email'], limits })
    const done = await engine.execute(permit, plan.value, { deadline: Date.now() + 5000, rowMode: 'object', maxRows: null })
    if (done.status !== 'succeeded') throw new Error(done.refusal.inner ?? done.refusal.detail)
    const { errand } = JSON.parse((JSON.parse(sent) as { text: string }).text) as { errand: Errand & { op: 'execute' } }
    return () => JSON.parse(seal(key, { ...errand, run: { ...errand.run, deadline: Date.now() + 10_000 } }, Date.now())) as object
  }
  return {
    read: () => caught(ledger, asked('select id, email from customers order by id limit 1')),
    command: () => caught(bastion, asked(commandLine(['echo', 'c', 'joe@acme.dev']), { form: 'ssh' }), createSsh({ ...parts, isPermit })),
    env: Object.fromEntries(Object.entries({ ...given, 'sluice-private-key': key, 'sluice-private-sight': key, 'sluice-mask-key': key }).map(([name, value]) => [`SLUICE_SECRET_${name.toUpperCase().replaceAll('-', '_')}`, value])),
  }
}
