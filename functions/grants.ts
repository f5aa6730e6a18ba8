import { nameOf } from '../schema/command.ts'
import { ok, refuse } from '../schema/refusal.ts'
import { compile } from './decide/compile.ts'
import type { Door, Own } from './own.ts'
import { Fault, type Ports } from './ports.ts'
import { engineOf } from './protocol/engine.ts'
import type { Ruled } from './protocol/protocol.ts'

/**
 * What a connection's roles should have on the target, and what they have. It tells names of tables, columns and roles to whoever may read the policy
 * (`[read] on: [policy]`), which names most of them; no data is read.
 */
export function createGrants(ports: Ports, own: Own) {
  return (door: Door, name: string) => own.permitted(door, [{ action: 'read', resource: 'policy' }], async () => {
    const pointer = await ports.policies.pointer()                     // the whole policy: the compiled one is made to answer for one caller
    if (pointer === null) throw new Fault('policy-corrupt', 'the pointer is gone while a policy is in force')
    const bundle = await ports.policies.load(pointer.version, pointer.chunks)
    const connection = compile(bundle).connections.get(name)
    if (!connection) return refuse({ slug: 'not-found', reason: 'no_connection', next: 'fix', detail: `the policy in force has no connection \`${name.replace(/[`\p{C}]/gu, '?')}\`` })
    // a list of words is a command, and a name none
    const rules = bundle.documents.flatMap(({ document }) => document.kind !== 'role' ? [] : document.rules.flatMap((rule): Ruled[] =>
      rule.allow && rule.on && [rule.connection].flat().some((one) => one === name || one === '*') ? [{
        actions: rule.allow, on: rule.on.filter((name) => (connection.engine === 'ssh') === (typeof name !== 'string')).map(nameOf), role: document.name, ...(rule.namespaces ? { namespaces: rule.namespaces } : {}), ...(rule.names ? { names: rule.names } : {}),
      }] : []))
    const engine = engineOf(ports, connection)
    if (!engine.grants) return refuse({ slug: 'not-found', reason: 'no_grants', next: 'none', detail: `the engine of \`${name}\` has no grants of its own` })
    return ok({ connection: name, ...await engine.grants(connection, rules) })
  })
}
