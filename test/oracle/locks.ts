import type { Effects } from '../../schema/effects.ts'
import { askLocks, type Session } from '../support/oracle.ts'

/**
 * The second oracle: relations a statement really locks and no access names, as `schema.name mode`. What the engine does by itself for a
 * write belongs to it (foreign keys both ways, sequences of the table's defaults), and a called user function was vouched for whole by its rule,
 * so such a statement is not compared. Runs the statement, in a transaction that is rolled back.
 */
export async function unsaidLocks(session: Session, statement: string, effects: Effects): Promise<string[]> {
  if (effects.accesses.some(({ action, system }) => action === 'call' && !system)) return []
  const locks = await askLocks(session, statement)
  if (locks.size === 0) return []
  const { rows } = await session.run(`SELECT c.oid::text AS oid, n.nspname || '.' || c.relname AS name,
      ARRAY(SELECT confrelid::regclass::oid FROM pg_constraint WHERE conrelid = c.oid AND contype = 'f' UNION SELECT conrelid FROM pg_constraint WHERE confrelid = c.oid AND contype = 'f'
        UNION SELECT d.objid FROM pg_depend d JOIN pg_class s ON s.oid = d.objid WHERE d.refobjid = c.oid AND s.relkind = 'S' AND d.deptype IN ('a', 'i'))::text AS own
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind NOT IN ('i', 'I', 't') AND c.oid >= 16384`)
  const named = new Map(rows.map(({ oid, name, own }) => [Number(oid), { name: name ?? '', own: (own ?? '{}').slice(1, -1).split(',').filter((one) => one !== '').map(Number) }]))
  const said = new Set(effects.accesses.map(({ resource }) => resource))
  const written = new Set(effects.accesses.filter(({ action }) => action === 'insert' || action === 'update' || action === 'delete').map(({ resource }) => resource))
  const implied = closure([...named].filter(([, { name }]) => written.has(name)).map(([oid]) => oid), (oid) => named.get(oid)?.own ?? [])
  return [...locks].filter(([oid]) => !said.has(named.get(oid)?.name ?? '') && !implied.has(oid)).map(([oid, modes]) => `${named.get(oid)?.name ?? oid} ${modes.join(' ')}`)
}

/** A delete cascades: what refers to what refers to it is reached too. */
function closure(from: readonly number[], next: (oid: number) => readonly number[]): ReadonlySet<number> {
  const seen = new Set(from)
  for (const oid of seen) for (const other of next(oid)) seen.add(other)
  return seen
}
