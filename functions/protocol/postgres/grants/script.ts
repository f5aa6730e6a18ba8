import { maxLockWaitMs, quote } from '../pins.ts'
import type { Need } from '../../need.ts'

/** The names of the three roles; null: the connection has none for that use. `exists`: it is in force and need not be made. */
export interface Roles { readonly write: Named | null; readonly read: Named; readonly plain: Named | null }
export interface Named { readonly name: string; readonly exists: boolean }
export interface Extras {
  readonly database: string
  /** `schema.function(types)` as SQL, of functions some rule lets be called. */
  readonly functions: readonly string[]
  /** Sequences behind defaults of tables that may be inserted into, as SQL. */
  readonly sequences: readonly string[]
  /** Built-in functions that everybody may run now and an agent's target should not offer, as SQL. */
  readonly dangerous: readonly string[]
  readonly timeoutMs: number
}

const literal = (text: string) => `'${text.replaceAll('\'', '\'\'')}'`
const relation = ({ schema, name }: Need) => `${quote(schema)}.${quote(name)}`
/** A name from the catalog is the target's choice: in a comment it must not end the line. */
const comment = (text: string) => `-- ${text.replace(/\p{C}/gu, '?')}`

/** One transaction that leaves the roles with exactly what is needed: everything is revoked first, so what was granted once too often goes. */
export function scriptOf(connection: string, roles: Roles, needs: readonly Need[], extras: Extras): string {
  const all = [roles.write, roles.read, roles.plain].filter((role) => role !== null)
  const names = all.map(({ name }) => quote(name)).join(', ')
  const schemas = [...new Set(needs.map(({ schema }) => schema))].sort()
  return [
    comment(`The least that connection ${connection} needs on ${extras.database}, by the policy in force. Run it as the tables' owner or a superuser.`),
    comment('It revokes what these roles, and everybody (PUBLIC), have on the schemas named here, and grants what is needed: read it first, and run it again after the policy or the tables change.'),
    'BEGIN;',
    ...all.filter(({ exists }) => !exists).map(({ name }) => `CREATE ROLE ${quote(name)} LOGIN NOINHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;   -- give it a password: \\password`),
    `REVOKE TEMPORARY, CREATE ON DATABASE ${quote(extras.database)} FROM PUBLIC, ${names};`,
    `GRANT CONNECT ON DATABASE ${quote(extras.database)} TO ${names};`,
    ...schemas.flatMap((schema) => [
      `REVOKE CREATE ON SCHEMA ${quote(schema)} FROM PUBLIC, ${names};`,
      `REVOKE ALL ON ALL TABLES IN SCHEMA ${quote(schema)} FROM PUBLIC, ${names};`,
      `GRANT USAGE ON SCHEMA ${quote(schema)} TO ${names};`,
    ]),
    ...(roles.write === null ? [] : written(roles.write.name, needs, extras)),
    ...needs.map((need) => `GRANT SELECT ON ${relation(need)} TO ${quote(roles.read.name)};`),
    ...(roles.plain === null ? [] : plain(roles.plain.name, needs)),
    ...extras.functions.map((signature) => `GRANT EXECUTE ON FUNCTION ${signature} TO ${names};`),
    ...all.map(({ name }) => `ALTER ROLE ${quote(name)} SET statement_timeout = ${literal(`${extras.timeoutMs + 5000}ms`)};`),
    // A read takes its locks before its settings are pinned (frame.ts): this alone bounds how long the target waits for them.
    ...all.map(({ name }) => `ALTER ROLE ${quote(name)} SET lock_timeout = ${literal(`${maxLockWaitMs}ms`)};`),
    ...[roles.read, roles.plain].filter((role) => role !== null).map(({ name }) => `ALTER ROLE ${quote(name)} SET default_transaction_read_only = on;`),
    'COMMIT;',
    comment('Only a superuser may do these: bound what one statement may spill to disk, and take from everybody what runs SQL hidden in strings, reaches files or touches other sessions.'),
    ...all.map(({ name }) => `ALTER ROLE ${quote(name)} SET temp_file_limit = '1GB';`),
    ...extras.dangerous.map((signature) => `REVOKE EXECUTE ON FUNCTION ${signature} FROM PUBLIC;`),
    '',
  ].join('\n')
}
function written(role: string, needs: readonly Need[], { sequences }: Extras): readonly string[] {
  return [
    ...needs.map((need) => `GRANT ${['SELECT', ...need.writes].join(', ')} ON ${relation(need)} TO ${quote(role)};`),
    ...sequences.map((sequence) => `GRANT USAGE ON SEQUENCE ${sequence} TO ${quote(role)};`),
  ]
}
/** By column where a class is in the table, so that a column which comes later is not in it. */
function plain(role: string, needs: readonly Need[]): readonly string[] {
  return needs.filter((need) => need.plain.length > 0).map((need) =>
    `GRANT SELECT${need.plain.length < need.columns.length ? ` (${need.plain.map(quote).join(', ')})` : ''} ON ${relation(need)} TO ${quote(role)};`)
}
