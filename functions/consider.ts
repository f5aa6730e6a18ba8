import type { Effects } from '../schema/effects.ts'
import { ok } from '../schema/refusal.ts'
import type { Query } from '../schema/request.ts'
import { type Asked, decide, foreclosed, giversOf } from './decide/decide.ts'
import { judgeOf, visible } from './discover.ts'
import type { Admitted } from './door.ts'
import type { Ports } from './ports.ts'
import type { Plan } from './protocol/protocol.ts'
import { engineOf } from './protocol/engine.ts'
import type { Story } from './record/story.ts'
import { findConnection } from './resolve/connection.ts'
import { findLock } from './resolve/locks.ts'

/**
 * resolve → classify → decide: all that explain does, the first half of query, and what is done again before an approved call runs and while a stream does. Changes nothing. Refuses what a
 * lock stops, connections one may not know of or that speak another language, and what the engine cannot vouch for; what the policy says is the decision it gives.
 */
export function createConsider(ports: Pick<Ports, 'now' | 'engines'>) {
  return async function consider(name: string, query: Query, { policy, locks, caller, session }: Admitted, story: Pick<Story, 'refuse' | 'decided'>, approved?: (effects: Effects) => Asked['approved']) {
    const lock = findLock(locks, policy, caller, name, ports.now())
    if (lock) return story.refuse(lock)
    const connection = findConnection(policy, caller, name, query.form ?? 'sql')
    if (!connection.ok) return story.refuse(connection.refusal)
    const engine = engineOf(ports, connection.value)
    const context = { purpose: query.purpose, session, time: ports.now() }
    // A command runs as the user of a role whose rule gives it, not of any that its caller holds beside.
    const roles = query.form === 'ssh' ? giversOf(policy, { caller, connection: name, context }, query.statements[0]?.sql ?? '') : policy.rolesOf(caller.actors[0] ?? caller.subject)
    let plan = await engine.classify(connection.value, query, roles)
    if (plan.ok && plan.value.wants === 'seen') {                   // it asks what is there: answered with what `/schema` shows this caller, and nothing else
      const judge = judgeOf({ policy, caller, session }, connection.value, query.purpose, ports.now())
      const { relations } = await engine.describe(connection.value)
      const seen = relations.flatMap((relation) => visible(relation, judge)).map(({ schema, name: table, columns }) => ({ schema, name: table, columns: columns.map((column) => column.name) }))
      plan = await engine.classify(connection.value, { ...query, seen }, roles)
    }
    if (!plan.ok) return story.refuse(plan.refusal)
    const asked = (effects: Effects): Asked => ({ caller, connection: name, effects, reveal: query.reveal, context })
    const { preview } = plan.value
    // Before the target is asked what a write would make of an object: whom no object could let do it learns nothing of it, not even how long that takes.
    const never = preview ? foreclosed(policy, asked(plan.value.effects)) : null
    const seen = preview && !never ? await preview() : plan
    if (!seen.ok) return story.refuse(seen.refusal)
    const { effects, diff = null } = seen.value
    const decision = never ?? decide(policy, { ...asked(effects), approved: approved?.(effects) })
    story.decided(effects, decision, diff)
    // A look before the write found that the target would refuse it: of an object one may not read, that is told after people agreed. Else tests, conflicts and names that are taken tell what is in it, and ask nobody.
    const hidden = decision.kind === 'ask' && !plan.value.fails && seen.value.fails && !mayRead(policy, asked(effects))
    return ok({ connection: connection.value, engine, plan: hidden ? without(seen.value) : seen.value, decision })
  }
}

/** Whether this caller could simply get the object that the effects are about, now and unasked. Of what has none nothing is hidden. */
function mayRead(policy: Parameters<typeof decide>[0], asked: Asked): boolean {
  const [first] = asked.effects.accesses
  if (first?.target === undefined) return true
  const { namespace, name, clusterScoped } = first.target
  const get = { ...first, action: 'get', target: { namespace, name, needs: [], ...(clusterScoped ? { clusterScoped } : {}) } } as const
  return decide(policy, { ...asked, effects: { accesses: [get], shown: [], used: [], readOnly: true, fingerprint: '' } }).kind === 'permit'
}
const without = ({ fails: _fails, ...plan }: Plan): Plan => plan
export type Consider = ReturnType<typeof createConsider>
export type Considered = Extract<Awaited<ReturnType<Consider>>, { ok: true }>['value']
