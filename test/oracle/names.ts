import { firstUserOid, type Said, type Session } from '../support/oracle.ts'

/** Server objects of one statement by name, as the server spells them, unquoted: what an access's `resource` and `columns` are compared with. */
export interface Names {
  readonly relations: ReadonlyMap<number, { readonly name: string; readonly system: boolean; readonly columns: ReadonlyMap<number, string> }>
  readonly functions: ReadonlyMap<number, Routine>
  /** The user's functions that a default of a written relation calls: part of the write (CONTRACT.md section 3). */
  readonly defaults: ReadonlySet<number>
}
export interface Routine {
  readonly oid: number
  readonly name: string
  readonly schema: string
  /** Came with the server. */
  readonly builtin: boolean
  /** Why it is called: by itself, or behind an operator, a cast or a type's text form. */
  readonly behind: 'call' | 'operator' | 'cast'
}

/** Looks the oids of `said` up in the catalog of the same session, which sees what its transaction did. */
export async function nameOf(session: Session, said: Said): Promise<Names> {
  const relations = new Map<number, { name: string; system: boolean; columns: Map<number, string> }>()
  const wanted = [...said.relations.keys()]
  if (wanted.length > 0) {
    const { rows } = await session.run(`SELECT c.oid::text AS oid, n.nspname || '.' || c.relname AS name, a.attnum::text AS attnum, a.attname::text AS attname
      FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND NOT a.attisdropped
      WHERE c.oid IN (${wanted.join(',')})`)
    for (const { oid, name, attnum, attname } of rows) {
      const relation = relations.get(Number(oid)) ?? { name: name ?? '', system: Number(oid) < firstUserOid, columns: new Map<number, string>() }
      relations.set(Number(oid), relation)
      if (attnum != null && attname != null) relation.columns.set(Number(attnum), attname)
    }
  }
  return { relations, functions: await routines(session, said), defaults: await ofDefaults(session, said) }
}

async function ofDefaults(session: Session, said: Said): Promise<ReadonlySet<number>> {
  const written = [...said.relations].filter(([, { insert, update }]) => insert || update).map(([oid]) => oid)
  if (written.length === 0) return new Set()
  const { rows } = await session.run(`SELECT DISTINCT d.refobjid::text AS oid FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_attrdef a ON a.oid = d.objid
    WHERE d.classid = 'pg_catalog.pg_attrdef'::regclass AND d.refclassid = 'pg_catalog.pg_proc'::regclass AND a.adrelid IN (${written.join(',')})`)
  return new Set(rows.map(({ oid }) => Number(oid)))
}

async function routines(session: Session, said: Said): Promise<Map<number, Routine>> {
  const list = (oids: ReadonlySet<number>) => [0, ...oids].join(',')
  const { rows } = await session.run(`WITH reached AS (
      SELECT oid, 'call' AS behind FROM pg_catalog.pg_proc WHERE oid IN (${list(said.functions)})
      UNION ALL SELECT oprcode::oid, 'operator' FROM pg_catalog.pg_operator WHERE oid IN (${list(said.operators)})
      UNION ALL SELECT unnest(ARRAY[typinput, typoutput])::oid, 'cast' FROM pg_catalog.pg_type WHERE oid IN (${list(said.conversions)}))
    SELECT p.oid::text AS oid, n.nspname::text AS schema, p.proname::text AS name,
      CASE WHEN bool_or(r.behind = 'operator') OR EXISTS (SELECT FROM pg_catalog.pg_operator o WHERE o.oprcode = p.oid) THEN 'operator'
        WHEN bool_or(r.behind = 'cast') OR EXISTS (SELECT FROM pg_catalog.pg_cast c WHERE c.castfunc = p.oid) THEN 'cast' ELSE 'call' END AS behind
    FROM reached r JOIN pg_catalog.pg_proc p ON p.oid = r.oid JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace GROUP BY p.oid, n.nspname, p.proname`)
  return new Map(rows.map(({ oid, schema, name, behind }) => [Number(oid), {
    oid: Number(oid), schema: schema ?? '', name: name ?? '', builtin: Number(oid) < firstUserOid, behind: behind === 'operator' || behind === 'cast' ? behind : 'call',
  }]))
}
