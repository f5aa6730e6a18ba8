import type { Effects } from '../schema/effects.ts'
import type { ActionName, ConnectionDocument } from '../schema/policy.ts'
import { ok, refuse, type Result } from '../schema/refusal.ts'
import { decide } from './decide/decide.ts'
import { abilities } from './decide/explain.ts'
import type { Gate } from './gate.ts'
import type { Admitted, Door, Own } from './own.ts'
import type { Ports } from './ports.ts'
import { faultRefusal } from './problem.ts'
import { engineOf } from './protocol/engine.ts'
import type { Description } from './protocol/protocol.ts'
import { findConnection } from './resolve/connection.ts'
import { findLock } from './resolve/locks.ts'

type Relation = Description['relations'][number]
const writes = ['insert', 'update', 'delete', 'truncate'] as const

/** What a caller asks before the first statement: who am I, where may I go, what is there. Shows only what a rule of the caller's names. */
export function createDiscovery(ports: Ports, gate: Gate, own: Own) {
  const me = (door: Door) => own.admitted(door, async ({ policy, caller, session }, evaluation) => ok({
    subject: caller.subject, actors: caller.actors, issuer: caller.issuer, person: caller.person, roles: policy.rolesOf(caller.subject),
    expiresAt: new Date(caller.expiresAt).toISOString(), policy: policy.version, abilities: abilities(policy, caller), evaluation, session,
  }))

  const connections = (door: Door) => own.admitted(door, async ({ policy, locks, caller }) => {
    const known = [...policy.connections.values()].filter((connection) => findConnection(policy, caller, connection.name).ok)
    return ok({
      connections: known.map(({ name, engine }) => ({ name, engine, locked: findLock(locks, policy, caller, name, ports.now()) !== null })).sort((a, b) => (a.name < b.name ? -1 : 1)),
    })
  })

  const schema = (door: Door, name: string, purpose: string | null) => own.admitted(door, async (admitted) => {
    const { policy, locks, caller } = admitted
    const connection = findConnection(policy, caller, name)         // before the lock: a connection one may not know of has no lock to speak of either
    if (!connection.ok) return connection
    const lock = findLock(locks, policy, caller, name, ports.now())
    if (lock) return refuse(lock)
    const hint = hints[connection.value.engine]
    const description = await engineOf(ports, connection.value).describe(connection.value)
    const judge = judgeOf(admitted, connection.value, purpose, ports.now())
    return ok({ connection: name, relations: description.relations.flatMap((relation) => visible(relation, judge)), ...(hint === null ? {} : { hint }) })
  })

  /** RFC 9728: which issuers' tokens are taken here. Open to all: a client has no token yet. */
  async function metadata(): Promise<Result<Record<string, unknown>>> {
    try {
      const current = await gate.standing.current()
      const local = ports.self.localIssuer
      if (!current.ok && local === null) return current
      const issuers = [...(local === null ? [] : [local.issuer]), ...(current.ok ? current.value.policy.issuers.map(({ issuer }) => issuer) : [])]
      return ok({
        resource: ports.self.url, authorization_servers: [...new Set(issuers)], bearer_methods_supported: ['header'],
        resource_name: 'Sluice', resource_documentation: `${ports.self.url}/openapi.json`,
      })
    } catch (error) {
      return refuse(faultRefusal(error, ports.alarm))
    }
  }
  return { me, connections, schema, metadata }
}

/** Where what may be done is told, of what has no tables. */
const hints: Readonly<Record<ConnectionDocument['engine'], string | null>> = {
  postgres: null, mysql: null, kubernetes: 'a cluster has no tables: what you may do there stands in `abilities` of /v1/me, and what there is in its own discovery',
  ssh: 'a host has no tables: the commands you may run there stand in `abilities` of /v1/me, each a list of words of which `*` is any one plain argument',
}

type Judge = (action: ActionName, relation: Relation, columns: Relation['columns'] | null) => ReturnType<typeof decide>

/** Asks the same decide() that a statement would meet, so that what is shown here and what is permitted there cannot part. */
export function judgeOf({ policy, caller, session }: Pick<Admitted, 'policy' | 'caller' | 'session'>, connection: ConnectionDocument, purpose: string | null, time: number): Judge {
  return (action, relation, columns) => {
    const resource = `${relation.schema}.${relation.name}`
    const effects: Effects = {
      accesses: [{ action, resource, columns: columns?.map((column) => column.name) ?? null, system: false, via: [], statement: 0, span: null }],
      shown: (columns ?? []).flatMap((column, output) => column.class === null ? [] : [{ dataClass: column.class, resource, column: column.name, statement: 0, span: null, output }]),
      used: [], readOnly: action === 'select', fingerprint: '',
    }
    return decide(policy, { caller, connection: connection.name, effects, reveal: [], context: { purpose, session, time } })
  }
}

export function visible(relation: Relation, judge: Judge) {
  const whole = judge('select', relation, relation.columns)
  const readable = whole.kind === 'deny' ? relation.columns.filter((column) => judge('select', relation, [column]).kind !== 'deny') : relation.columns
  const reading = whole.kind === 'deny' && readable.length > 0 ? judge('select', relation, readable) : whole
  const actions: Record<string, 'permit' | 'ask'> = {}
  if (reading.kind !== 'deny') actions['select'] = reading.kind
  for (const action of writes) {
    const { kind } = judge(action, relation, null)
    if (kind !== 'deny') actions[action] = kind
  }
  if (Object.keys(actions).length === 0) return []
  const masks = masksOf(readable, reading)
  const shown = actions['insert'] || actions['update'] ? relation.columns : readable        // who may write a column has to know its name
  return [{
    schema: relation.schema, name: relation.name, kind: relation.kind, actions,
    columns: shown.map((column) => {
      const mask = masks.get(column.name)
      return { name: column.name, type: column.type, nullable: column.nullable, ...(column.class === null ? {} : { class: column.class }), ...(mask === undefined ? {} : { masked: mask }), ...(readable.includes(column) ? {} : { readable: false }) }
    }),
  }]
}

/** Obligations give one mask for each classified column, in their order; null is in clear. */
function masksOf(columns: Relation['columns'], decision: ReturnType<typeof decide>): ReadonlyMap<string, string> {
  if (decision.kind === 'deny') return new Map()
  const { masks } = decision.kind === 'permit' ? decision.permit.obligations : decision.obligations
  const classified = columns.filter((column) => column.class !== null)
  return new Map(classified.flatMap((column, i) => { const mask = masks[i] ?? null; return mask === null ? [] : [[column.name, mask] as const] }))
}
