import { Fault, type Ports } from './ports.ts'
import { engineOf } from './protocol/engine.ts'
import type { Finding } from './protocol/protocol.ts'
import type { ConnectionDocument, Known } from '../schema/policy.ts'

/**
 * A policy says nothing of columns that hold nothing, so a column that comes later would be one of those: shown to whoever may read its table. What
 * is applied therefore carries which columns each table with a class had when it first held one; any other is refused until `classify` names it. An apply
 * takes over what the policy in force knows, so that applying something else does not wave a new column through.
 */
export async function lookAt(ports: Pick<Ports, 'engines'>, connection: ConnectionDocument, before: Known[string] | undefined): Promise<{ readonly known: Known[string]; readonly findings: readonly Finding[] }> {
  const { relations } = await engineOf(ports, connection).describe(connection)
  const holding = relations.filter(({ kind, columns }) => kind !== 'view' && kind !== 'materialized view' && columns.some((column) => column.class !== null))
  const findings: Finding[] = []
  const known = holding.map(({ schema, name, columns }): [string, readonly string[]] => {
    const table = `${schema}.${name}`
    const live = columns.map((column) => column.name)
    const earlier = before && Object.hasOwn(before, table) ? before[table] : undefined
    for (const column of live) {
      if (!earlier || earlier.includes(column) || Object.hasOwn(connection.classify ?? {}, `${table}.${column}`)) continue
      findings.push({ level: 'warning', name: `${table}.${column}`, message: 'came after the table was classified and is refused: give it a class in `classify`, or `none`' })
    }
    return [table, live.filter((column) => earlier?.includes(column) ?? true)]
  })
  return { known: Object.fromEntries(known), findings }
}

/** Of a first policy: a connection whose target does not answer is left out, and `skipped` names it. */
export async function lookAtAll(ports: Pick<Ports, 'engines'>, connections: Iterable<ConnectionDocument>): Promise<{ readonly known: Known; readonly skipped: readonly string[] }> {
  const known: Record<string, Known[string]> = {}
  const skipped: string[] = []
  for (const connection of connections) {
    try {
      known[connection.name] = (await lookAt(ports, connection, undefined)).known
    } catch (error) {
      if (!(error instanceof Fault)) throw error
      skipped.push(connection.name)
    }
  }
  return { known, skipped }
}
