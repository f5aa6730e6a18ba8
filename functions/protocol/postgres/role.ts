import type { ConnectionDocument } from '../../../schema/policy.ts'
import { refuse, ok, type Refusal, type Result } from '../../../schema/refusal.ts'
import type { Sql } from './port.ts'

/** What a target role is, as far as it matters for what must hold even if we err. `owned`: relations it may treat as its owner's. */
interface Role { readonly powers: readonly string[]; readonly owned: ReadonlySet<number>; readonly writes: boolean; readonly asked: number }

/** A membership counts as the role itself: SET ROLE is one statement away. Everything is qualified, nothing pinned is needed. */
const question: Sql = {
  values: [],
  text: `WITH me AS (SELECT r.* FROM pg_catalog.pg_roles r WHERE pg_catalog.pg_has_role(current_user, r.oid, 'MEMBER')),
  mine AS (SELECT c.oid, c.relkind FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
    WHERE c.relkind OPERATOR(pg_catalog.=) ANY ('{r,p,v,m,f}'::pg_catalog."char"[]) AND NOT n.nspname OPERATOR(pg_catalog.=) ANY ('{pg_catalog,information_schema,pg_toast}'::pg_catalog.name[])
      AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')),
  owned AS (SELECT c.oid FROM pg_catalog.pg_class c WHERE c.relowner OPERATOR(pg_catalog.=) ANY (SELECT oid FROM me) AND c.relkind OPERATOR(pg_catalog.=) ANY ('{r,p,v,m,f}'::pg_catalog."char"[]))
SELECT (SELECT pg_catalog.json_agg(DISTINCT p) FROM me, LATERAL (VALUES (CASE WHEN rolsuper THEN 'superuser' END), (CASE WHEN rolbypassrls THEN 'bypassrls' END),
    (CASE WHEN rolcreaterole THEN 'createrole' END), (CASE WHEN rolreplication THEN 'replication' END),
    (CASE WHEN rolname OPERATOR(pg_catalog.=) ANY ('{pg_execute_server_program,pg_read_server_files,pg_write_server_files,pg_write_all_data}'::pg_catalog.name[]) THEN rolname::pg_catalog.text END)) powers(p) WHERE p IS NOT NULL),
  (SELECT pg_catalog.json_agg(oid::pg_catalog.int8) FROM owned),
  EXISTS (SELECT FROM mine WHERE relkind OPERATOR(pg_catalog.<>) 'v' AND (pg_catalog.has_table_privilege(oid, 'INSERT,UPDATE,DELETE,TRUNCATE') OR pg_catalog.has_any_column_privilege(oid, 'INSERT,UPDATE')))`,
}
const keptMs = 5 * 60_000

export type Ask = (secret: string, sql: Sql) => Promise<readonly (string | null)[]>
/**
 * The second wall is only one if the role is none of those that walk around it: superuser, owner of what is reached (an owner may grant itself
 * anything and passes row security), CREATEROLE and their like. Asked once per secret and five minutes, refused unless `allowOwner` says that
 * it is meant; then, and for a read role that could write, an alarm, once per secret and process.
 */
export function createRoleCheck({ ask, now, alarm }: { readonly ask: Ask; readonly now: () => number; readonly alarm: (what: string, detail: Readonly<Record<string, unknown>>) => void }) {
  const known = new Map<string, Role>()
  const told = new Set<string>()

  async function roleOf(key: string, secret: string): Promise<Role> {
    const kept = known.get(key)
    if (kept && now() - kept.asked < keptMs) return kept
    const [powers, owned, writes] = await ask(secret, question)
    const role = { powers: JSON.parse(powers ?? '[]') as string[], owned: new Set(JSON.parse(owned ?? '[]') as number[]), writes: writes === 't', asked: now() }
    known.set(key, role)
    return role
  }
  function tell(what: string, connection: string, secret: string, detail: Readonly<Record<string, unknown>>): void {
    const key = `${what} ${connection} ${secret}`
    if (told.has(key)) return
    told.add(key)
    alarm(what, { connection, secret, ...detail })
  }

  /** `relations`: oids the plan reaches. Throws what `ask` throws. */
  return async function check(connection: ConnectionDocument, secret: string, relations: readonly number[]): Promise<Result<null>> {
    const role = await roleOf(`${connection.name} ${secret}`, secret)
    const owns = relations.some((oid) => role.owned.has(oid))
    const powers = [...role.powers, ...(owns ? ['owner'] : [])]
    if (powers.length > 0 && connection.allowOwner !== true) {
      tell('owner_or_superuser', connection.name, secret, { powers })
      return refuse(ownerRefusal(connection.name, powers))
    }
    if (powers.length > 0) tell('owner_allowed', connection.name, secret, { powers })
    if (role.writes && (secret === connection.secrets?.read || secret === connection.secrets?.plain)) tell('read_role_can_write', connection.name, secret, {})
    return ok(null)
  }
}
const ownerRefusal = (name: string, powers: readonly string[]): Refusal => ({
  slug: 'target-error', reason: 'owner_or_superuser', next: 'none', inner: `the role has: ${powers.join(', ')}`,
  detail: `the role of connection \`${name}\` may do everything to what this statement reaches; its operator must name a lesser one, or say \`allowOwner: true\``,
})
