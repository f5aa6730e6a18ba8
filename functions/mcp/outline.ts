import type { createDiscovery } from '../discover.ts'
import { nameOf } from '../../schema/command.ts'
import { ok, type Result } from '../../schema/refusal.ts'
import type { Door } from '../own.ts'

type Discovery = ReturnType<typeof createDiscovery>
type Answered<T extends keyof Discovery> = Extract<Awaited<ReturnType<Discovery[T]>>, { result: unknown }>['result']
type Value<R> = R extends { readonly ok: true; readonly value: infer V } ? V : never
type Relation = Value<Answered<'schema'>>['relations'][number]

/** Bytes of tables one answer gives; past it, how many are left out and how to narrow. 16 KB are about 4 000 tokens. */
const maxBytes = 16 * 1024

/**
 * What the caller may do, small enough to plan from: one line a table. Of several connections only their names, until one is asked for. Everything comes
 * from the same discovery that HTTP serves.
 */
export async function outline(discovery: Discovery, door: Door, { connection, match }: { readonly connection?: string | undefined; readonly match?: string | undefined }): Promise<Result<Record<string, unknown>>> {
  const me = (await discovery.me(door)).result
  if (!me.ok) return me
  const known = (await discovery.connections(door)).result
  if (!known.ok) return known
  const { subject, actors, roles, expiresAt, abilities } = me.value
  const open = known.value.connections.filter(({ locked }) => !locked)
  const chosen = connection ?? (open.length === 1 ? open[0]?.name : undefined)
  const about = {
    you: subject.id, ...(actors.length === 0 ? {} : { actors: actors.map(({ id }) => id) }), roles, tokenExpiresAt: expiresAt,
    connections: known.value.connections.map(({ name, engine, locked }) => ({ name, engine, ...(locked ? { locked } : {}), ...limitsOf(abilities.find((one) => one.connection === name)?.limits) })),
  }
  if (chosen === undefined) return ok(about)
  const chosenAbilities = abilities.find((one) => one.connection === chosen)
  if (chosenAbilities?.engine === 'kubernetes' || chosenAbilities?.engine === 'ssh') return ok({ ...about, connection: chosen, ...clusterOf(chosenAbilities.principals, match?.toLowerCase() ?? '') })
  const schema = (await discovery.schema(door, chosen, null)).result
  if (!schema.ok) return schema
  return ok({ ...about, connection: chosen, ...tablesOf(schema.value.relations, match?.toLowerCase() ?? '') })
}

/** A budget of the hour that has no bound is not worth a token. */
const limitsOf = (limits: { readonly rows: number; readonly affected: number; readonly statementsPerHour: number | null; readonly rowsPerHour: number | null } | undefined) => limits === undefined ? {} : {
  rows: limits.rows, affected: limits.affected, ...(limits.statementsPerHour === null ? {} : { statementsPerHour: limits.statementsPerHour }), ...(limits.rowsPerHour === null ? {} : { rowsPerHour: limits.rowsPerHour }),
}

type Principal = Value<Answered<'me'>>['abilities'][number]['principals'][number]
/** A cluster's objects, and a host, are not told here: what the caller's own rules say of them is. One line a rule; of several principals each must be permitted. */
function clusterOf(principals: readonly Principal[], match: string): Record<string, unknown> {
  return { rules: principals.map(({ id, may, reveals, asks, never }) => ({
    for: id, may: linesOf(may, match), ...(asks.length === 0 ? {} : { mustAlsoAsk: linesOf(asks, match) }), ...(never.length === 0 ? {} : { never: linesOf(never, match) }), ...(reveals.length === 0 ? {} : { inClear: linesOf(reveals, match) }),
  })) }
}
/** `get, list of pods, pods/log in web; only when …; after approval by support-leads`; `exec of df -h, systemctl status *` */
const linesOf = (rules: Principal['may'], match: string): readonly string[] => rules.map(({ actions, on, namespaces, names, permit, when, approval }) => [
  `${actions.join(', ')}${on ? ` of ${on.map(nameOf).join(', ')}` : ''}${namespaces ? ` in ${namespaces.join(', ')}` : ''}${names ? `, only ${names.join(', ')}` : ''}`,
  ...(permit ? [`pods may ${permit.join(', ')}`] : []), ...(when ? [`only when ${when}`] : []), ...(approval ? [`after approval by ${approval.by.join(' or ')}`] : []),
].join('; ')).filter((line) => line.toLowerCase().includes(match))

function tablesOf(relations: readonly Relation[], match: string): Record<string, unknown> {
  const tables: string[] = []
  let bytes = 0
  const found = relations.filter(({ schema, name }) => `${schema}.${name}`.toLowerCase().includes(match))
  for (const relation of found) {
    const line = lineOf(relation)
    bytes += Buffer.byteLength(line)
    if (bytes > maxBytes && tables.length > 0) break
    tables.push(line)
  }
  return { tables, ...(tables.length < found.length ? { notShown: found.length - tables.length, narrow: 'give `match`' } : {}) }
}

/** `public.refunds: select, insert after approval (id bigint, email text masked as email, note text write only)` */
function lineOf({ schema, name, actions, columns }: Relation): string {
  const may = Object.entries(actions).map(([action, how]) => how === 'ask' ? `${action} after approval` : action)
  const described = columns.map((column) => [
    column.name, column.type, ...('class' in column ? [column.class] : []), ...('masked' in column ? [`masked as ${column.masked}`] : []), ...('readable' in column ? ['write only'] : []),
  ].join(' '))
  return `${schema}.${name}: ${may.join(', ')} (${described.join(', ')})`
}
