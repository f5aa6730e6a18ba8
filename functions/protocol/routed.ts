import type { ConnectionDocument } from '../../schema/policy.ts'
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
  return {
    async classify(connection, query, roles) {
      const maker = of(connection)
      const plan = await maker.classify(connection, query, roles)
      if (plan.ok) makers.set(plan.value.plan, maker)
      return plan
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
