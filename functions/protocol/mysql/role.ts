import type { ConnectionDocument } from '../../../schema/policy.ts'
import { ok, refuse, type Refusal, type Result } from '../../../schema/refusal.ts'
import type { Flavour } from './pins.ts'

/** The account behind a secret and what it holds: rows of `accountQuery`. */
export interface Account { readonly name: string; readonly rights: readonly { readonly level: 'server' | 'schema' | 'table' | 'column' | 'role'; readonly on: string; readonly right: string; readonly grantable: boolean }[] }
type Ask = (secret: string, sql: string) => Promise<readonly (readonly (string | null)[])[]>

/** Its own rights: information_schema shows an account no one else's, unless it may read all, so the name is compared. What comes by a role that is active at login is among them on MySQL 8. */
const own = (table: string, on: string) => `SELECT '${table}', ${on}, PRIVILEGE_TYPE, IS_GRANTABLE, CURRENT_USER() FROM information_schema.${table}_PRIVILEGES WHERE GRANTEE = CONCAT('''', REPLACE(CURRENT_USER(), '@', '''@'''), '''')`
/** On MariaDB the rights of a role are shown to nobody who only has them: that there is one is told, and is a power of its own. What PUBLIC has (10.11) no table tells. */
const roles = "SELECT 'ROLE', ROLE_NAME, 'A ROLE', 'NO', CURRENT_USER() FROM information_schema.ENABLED_ROLES WHERE ROLE_NAME IS NOT NULL AND VERSION() LIKE '%MariaDB%'"
export const accountQuery = [own('USER', '\'\''), own('SCHEMA', 'TABLE_SCHEMA'), own('TABLE', 'CONCAT(TABLE_SCHEMA, \'.\', TABLE_NAME)'), own('COLUMN', 'CONCAT(TABLE_SCHEMA, \'.\', TABLE_NAME)'), roles].join(' UNION ALL ')
export function readAccount(rows: readonly (readonly (string | null)[])[]): Account {
  const levels = { USER: 'server', SCHEMA: 'schema', TABLE: 'table', COLUMN: 'column', ROLE: 'role' } as const
  return {
    name: rows[0]?.[4] ?? '',
    rights: rows.filter(([, , right]) => right !== 'USAGE').map(([table, on, right, grantable]) => ({ level: levels[table as keyof typeof levels] ?? 'server', on: on ?? '', right: (right ?? '').toUpperCase(), grantable: grantable === 'YES' })),
  }
}

/** Rights with which no analysis of a statement holds: over accounts, files, the server, and what tables are. */
const dangerous: ReadonlySet<string> = new Set(['SUPER', 'FILE', 'CREATE USER', 'GRANT OPTION', 'RELOAD', 'SHUTDOWN', 'SYSTEM_USER', 'SYSTEM_VARIABLES_ADMIN', 'SET_USER_ID', 'SET_ANY_DEFINER', 'SET USER', 'ROLE_ADMIN', 'BINLOG ADMIN',
  'BINLOG_ADMIN', 'CONNECTION_ADMIN', 'CONNECTION ADMIN', 'CREATE TABLESPACE', 'PERSIST_RO_VARIABLES_ADMIN', 'AUDIT_ADMIN', 'FEDERATED ADMIN', 'DROP', 'ALTER', 'CREATE VIEW', 'CREATE ROUTINE', 'ALTER ROUTINE', 'EVENT', 'CREATE ROLE', 'DROP ROLE', 'A ROLE'])
const writes: ReadonlySet<string> = new Set(['INSERT', 'UPDATE', 'DELETE', 'CREATE', 'TRIGGER'])
export const powersOf = ({ rights }: Account): readonly string[] => [...new Set(rights.filter(({ right, grantable }) => dangerous.has(right) || grantable).map(({ right, grantable }) => (dangerous.has(right) ? right : grantable ? 'GRANT OPTION' : right)))].sort()
export const mayWrite = ({ rights }: Account): boolean => rights.some(({ right }) => writes.has(right))

/** An account that may do everything is refused unless the connection says so; one that reads and may write is told of. Looked at once a minute for each secret. PlanetScale's accounts are its own, behind a proxy that enforces their kind. */
export function createAccountCheck({ ask, now, alarm }: { readonly ask: Ask; readonly now: () => number; readonly alarm: (what: string, detail: Readonly<Record<string, unknown>>) => void }) {
  const checked = new Map<string, { readonly account: Account; readonly at: number }>()
  const told = new Set<string>()
  return async function check(connection: ConnectionDocument, secret: string, flavour: Flavour): Promise<Result<null>> {
    if (flavour === 'vitess') return ok(null)
    const held = checked.get(secret)
    const account = held && now() - held.at < maxAgeMs ? held.account : readAccount(await ask(secret, accountQuery))
    if (held?.account !== account) {
      if (checked.size >= 200) checked.clear()
      checked.set(secret, { account, at: now() })
    }
    const powers = powersOf(account)
    if (powers.length > 0 && connection.allowOwner !== true) return refuse(refusal(connection.name, powers))
    const tell = (what: string) => {
      if (told.has(`${what} ${secret}`)) return
      told.add(`${what} ${secret}`)
      alarm(what, { connection: connection.name, secret, powers })
    }
    if (powers.length > 0) tell('owner_allowed')
    if (mayWrite(account) && (secret === connection.secrets?.read || secret === connection.secrets?.plain)) tell('read_role_can_write')
    return ok(null)
  }
}
const maxAgeMs = 60_000
const refusal = (name: string, powers: readonly string[]): Refusal => ({
  slug: 'target-error', reason: 'owner_or_superuser', next: 'none', inner: `the account has: ${powers.join(', ')}`,
  detail: `the account of connection \`${name}\` may change what this statement reaches, or the server; its operator must name a lesser one, or say \`allowOwner: true\``,
})
