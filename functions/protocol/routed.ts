import type { ConnectionDocument } from '../../schema/policy.ts'
import type { Result } from '../../schema/refusal.ts'
import { Fault } from '../ports.ts'
import type { Plan, Protocol } from './protocol.ts'

/**
 * One engine that is reached in two ways; which, the connection's own document says, and nothing else: not the secret, not the network. `apart`: for `transport: private`; null: this assembly has no way there, and what
 * wants it is Fault target-unavailable. A plan is run by whoever made it.
 */
export function routed(open: Protocol, apart: Protocol | null): Protocol {
  const makers = new WeakMap<object, Protocol>()
  const of = ({ name, transport }: ConnectionDocument): Protocol => {
    switch (transport) {
      case undefined: return open
      case 'private':
        if (apart === null) throw new Fault('target-unavailable', `connection \`${name}\` is private, and this deployment has no function in its network`)
        return apart
    }
  }
  const makerOf = ({ plan }: Plan): Protocol => {
    const maker = makers.get(plan)
    if (maker === undefined) throw new Error('invariant: this plan is not of this engine')
    return maker
  }
  function made(maker: Protocol, plan: Result<Plan>): Result<Plan> {
    if (!plan.ok) return plan
    makers.set(plan.value.plan, maker)
    const { preview } = plan.value
    return preview ? { ok: true, value: { ...plan.value, preview: async () => made(maker, await preview()) } } : plan
  }
  return {
    ...(open.read && { read: open.read }),                            // what was asked is read without the target
    async classify(connection, ...asked) {
      const maker = of(connection)
      return made(maker, await maker.classify(connection, ...asked))
    },
    execute: async (permit, plan, run) => makerOf(plan).execute(permit, plan, run),
    mask: (permit, plan, rows) => makerOf(plan).mask(permit, plan, rows),
    describe: async (connection) => of(connection).describe(connection),
    inspect: async (connection, names) => of(connection).inspect(connection, names),
    ping: async (connection) => { await of(connection).ping?.(connection) },
    estimate: async (connection, query) => await of(connection).estimate?.(connection, query) ?? query.statements.map(() => null),
    ...(open.grants && { grants: async (...[connection, rules]: Parameters<NonNullable<Protocol['grants']>>) => {
      const { grants } = of(connection)
      if (!grants) throw new TypeError('an engine without grants of its own')
      return grants(connection, rules)
    } }),
    close: async () => { await Promise.all([open.close(), apart?.close()]) },
  }
}
