import type { ConnectionDocument } from '../../../schema/policy.ts'
import { actionsOn, needsOf, type Need } from '../need.ts'
import type { Description, Finding, Grants, Ruled } from '../protocol.ts'
import { quoted, type Flavour } from './pins.ts'
import { accountQuery, mayWrite, powersOf, readAccount, type Account } from './role.ts'

export interface GrantsOptions {
  readonly describe: (connection: ConnectionDocument) => Promise<Description>
  /** Routines of the target's own, as SQL knows them. */
  readonly routines: readonly { readonly schema: string; readonly name: string; readonly procedure: boolean }[]
  readonly ask: (secret: string, sql: string) => Promise<readonly (readonly (string | null)[])[]>
  readonly flavour: Flavour
  /** The kind of what `ask` threw, in words without a name of a host or user; null: it is none of the target's. */
  readonly kindOf: (error: unknown) => string | null
}
type Use = 'write' | 'read' | 'plain'

/** The second wall of a connection: what its accounts must have, as a script, and where those in force differ. Reads catalogs, changes nothing. */
export async function grants(connection: ConnectionDocument, rules: readonly Ruled[], options: GrantsOptions): Promise<Grants> {
  if (options.flavour === 'vitess') return planetScale(connection)
  const needs = needsOf(await options.describe(connection), rules)
  const findings: Finding[] = []
  const held = new Map<Use, Account>()
  for (const [use, secret] of usesOf(connection)) {
    try {
      held.set(use, readAccount(await options.ask(secret, accountQuery)))
    } catch (error) {
      const kind = options.kindOf(error)
      if (kind === null) throw error
      findings.push({ level: 'error', name: secret, message: `as the ${use} account, it cannot be checked: ${kind}` })
    }
  }
  for (const [use, account] of held) findings.push(...differences(connection, use, account, needs))
  findings.push(...shared(connection, held, needs))
  const name = (use: Use): string => held.get(use)?.name ?? `sluice_${connection.name.replace(/[^a-z0-9]/g, '_')}_${use}@%`
  const called = options.routines.filter((one) => actionsOn(`${one.schema}.${one.name}`, rules).has('call'))
  return { script: scriptOf(connection, name, held, needs, called), roles: [...held].map(([use, account]) => ({ use, name: account.name })), findings }
}

/** PlanetScale gives out passwords that read, write or both, for a whole database. */
function planetScale({ name, secrets }: ConnectionDocument): Grants {
  return {
    script: [
      `-- PlanetScale has no grants by table or column: connection ${name} has no column wall there, and the analysis alone keeps classified columns.`,
      '-- What it offers: make one password with the role "reader" for `secrets.read`, and one with "readwriter" for `secrets.write`. None with "admin".',
      '-- `secrets.plain` would be another reader: leave it out.', '',
    ].join('\n'),
    roles: [],
    findings: secrets ? [] : [{ level: 'warning', name, message: 'one `secret` serves reads and writes; make a password of role `reader` and one of `readwriter`, and write `secrets: { write, read }`' }],
  }
}

function usesOf({ secret, secrets }: ConnectionDocument): readonly (readonly [Use, string])[] {
  const all = [['write', secrets?.write ?? (secrets ? undefined : secret)], ['read', secrets?.read], ['plain', secrets?.plain]] as const
  return all.flatMap(([use, name]) => (name === undefined ? [] : [[use, name] as const]))
}
function differences(connection: ConnectionDocument, use: Use, account: Account, needs: readonly Need[]): readonly Finding[] {
  const findings: Finding[] = []
  const powers = powersOf(account)
  if (powers.length > 0) findings.push({ level: connection.allowOwner === true ? 'warning' : 'error', name: account.name, message: `the ${use} account holds ${powers.join(', ')}: with it no analysis holds` })
  if (use !== 'write' && mayWrite(account)) findings.push({ level: 'error', name: account.name, message: `the ${use} account may write` })
  if (use === 'plain') {
    const wide = account.rights.filter(({ right }) => right === 'SELECT')
    for (const { schema, name, plain, columns } of needs) {
      const whole = wide.some(({ level, on }) => level === 'server' || level === 'schema' && on === schema || level === 'table' && on === `${schema}.${name}`)
      if (whole && plain.length < columns.length) findings.push({ level: 'error', name: account.name, message: `the plain account may read classified columns of \`${schema}.${name}\`` })
    }
  }
  return findings
}
/** One account for two uses is one wall less. */
function shared({ name, secrets }: ConnectionDocument, held: ReadonlyMap<Use, Account>, needs: readonly Need[]): readonly Finding[] {
  if (!secrets) return [{ level: 'warning', name, message: 'one `secret` serves reads and writes; make the accounts of the script, and write `secrets: { write, read, plain }`' }]
  const missing: Finding[] = secrets.plain === undefined && needs.some(({ columns, plain }) => plain.length < columns.length)
    ? [{ level: 'warning', name, message: 'there is no `plain` secret: what needs no classified column runs as an account that can read them' }] : []
  const twice = ([['read', 'write'], ['plain', 'read'], ['plain', 'write']] as const).filter(([a, b]) => held.has(a) && held.get(a)?.name === held.get(b)?.name)
  return [...missing, ...twice.map(([a, b]): Finding => ({ level: 'error', name: held.get(a)?.name ?? name, message: `it is both the ${a} and the ${b} account` }))]
}

/** Everything is revoked first, so what was granted once too often goes. The write account is shown triggers by TRIGGER, and views' texts by SHOW VIEW: the catalog is read as it. Whatever calls a routine runs as it too, and nobody else may: a routine reads with its definer's rights. */
function scriptOf(connection: ConnectionDocument, name: (use: Use) => string, held: ReadonlyMap<Use, Account>, needs: readonly Need[], called: GrantsOptions['routines']): string {
  const uses: readonly Use[] = connection.secrets && connection.secrets.plain === undefined ? ['write', 'read'] : ['write', 'read', 'plain']
  const account = (use: Use): string => { const text = name(use); const at = text.lastIndexOf('@'); return `${quoted(text.slice(0, at))}@${quoted(text.slice(at + 1))}` }
  const table = ({ schema, name: own }: Need) => `${quoted(schema)}.${quoted(own)}`
  return [
    `-- The least that connection ${connection.name} needs, by the policy in force. Run it as an account that may grant. It takes from these accounts what they have: read it first, and run it again after the`,
    '-- policy or the tables change.',
    ...uses.filter((use) => !held.has(use)).map((use) => `CREATE USER ${account(use)} IDENTIFIED BY RANDOM PASSWORD;   -- on MariaDB: IDENTIFIED BY '…'`),
    ...uses.map((use) => `REVOKE ALL PRIVILEGES, GRANT OPTION FROM ${account(use)};`),
    ...needs.map((need) => `GRANT ${['SELECT', 'SHOW VIEW', 'TRIGGER', ...need.writes.filter((right) => right !== 'TRUNCATE')].join(', ')} ON ${table(need)} TO ${account('write')};`),
    ...needs.map((need) => `GRANT SELECT, SHOW VIEW ON ${table(need)} TO ${account('read')};`),
    ...(uses.includes('plain') ? needs.filter(({ plain }) => plain.length > 0).map((need) => `GRANT SELECT${need.plain.length < need.columns.length ? ` (${need.plain.map(quoted).join(', ')})` : ''} ON ${table(need)} TO ${account('plain')};`) : []),
    ...called.map((one) => `GRANT EXECUTE ON ${one.procedure ? 'PROCEDURE' : 'FUNCTION'} ${quoted(one.schema)}.${quoted(one.name)} TO ${account('write')};`), '',
  ].join('\n')
}
