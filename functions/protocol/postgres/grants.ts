import type { ConnectionDocument } from '../../../schema/policy.ts'
import type { Description, Finding, Grants, Ruled } from '../protocol.ts'
import { compare, type Use } from './grants/compare.ts'
import { extrasQuestion, question, readHolds, type Holds } from './grants/holds.ts'
import { actionsOn, needsOf, type Need } from '../need.ts'
import { scriptOf, type Named } from './grants/script.ts'
import type { Sql } from './port.ts'

export interface GrantsOptions {
  readonly describe: (connection: ConnectionDocument) => Promise<Description>
  /** Asks with the credential of a secret's name; the first row. Throws what the driver throws. */
  readonly ask: (secret: string, sql: Sql) => Promise<readonly (string | null)[]>
  readonly read: (connection: ConnectionDocument, sql: string) => Promise<readonly Readonly<Record<string, string | null>>[]>
  /** The kind of what `ask` threw, in words without a name of a host or user; null: it is none of the target's. */
  readonly kindOf: (error: unknown) => string | null
  /** ms a statement may take, as the connection says. */
  readonly timeoutMs: (connection: ConnectionDocument) => number
}

/** The second wall of a connection: what its roles must have, as a script, and where those in force differ. Reads catalogs, changes nothing. */
export async function grants(connection: ConnectionDocument, rules: readonly Ruled[], options: GrantsOptions): Promise<Grants> {
  const description = await options.describe(connection)
  const needs = needsOf(description, rules)
  const findings: Finding[] = []
  const held = new Map<Use, Holds>()
  const uses = usesOf(connection)
  for (const [use, secret] of uses) {
    try {
      held.set(use, readHolds((await options.ask(secret, question))[0]))
    } catch (error) {
      const kind = options.kindOf(error)
      if (kind === null) throw error
      findings.push({ level: 'error', name: secret, message: `as the ${use} role, it cannot be checked: ${kind}` })
    }
  }
  for (const [use, holds] of held) findings.push(...compare(use, holds, needs, (resource) => actionsOn(resource, rules), connection.allowOwner === true))
  findings.push(...shared(connection, held, needs))
  const named = (use: Use): Named => ({ name: held.get(use)?.name ?? `sluice_${connection.name.replace(/[^a-z0-9]/g, '_')}_${use}`, exists: held.has(use) })
  const extras = await options.read(connection, extrasQuestion)
  const writable = new Set(needs.filter(({ writes }) => writes.includes('INSERT')).map(({ schema, name }) => `${schema}.${name}`))
  const own = (kind: string, keep: (resource: string) => boolean) => [...new Set(extras.filter((row) => row['kind'] === kind && keep(`${row['schema']}.${row['name']}`)).map((row) => row['sql'] ?? ''))]
  const [first] = [...held.values()]
  const apart = connection.secrets !== undefined
  const roles = apart ? { write: needs.some(({ writes }) => writes.length > 0) || held.has('write') ? named('write') : null, read: named('read'), plain: named('plain') } : fresh(connection)
  const script = scriptOf(connection.name, roles, needs, {
    database: first?.database ?? 'DATABASE', functions: own('function', (resource) => actionsOn(resource, rules).has('call')), sequences: own('sequence', (resource) => writable.has(resource)),
    dangerous: [...new Set([...held.values()].flatMap(({ dangerous }) => dangerous))].sort(), timeoutMs: options.timeoutMs(connection),
  })
  return { script, roles: [...held].map(([use, { name }]) => ({ use, name })), findings }
}

function usesOf({ secret, secrets }: ConnectionDocument): readonly (readonly [Use, string])[] {
  const all = [['write', secrets?.write ?? (secrets ? undefined : secret)], ['read', secrets?.read], ['plain', secrets?.plain]] as const
  return all.flatMap(([use, name]) => (name === undefined ? [] : [[use, name] as const]))
}
/** With one secret there is nothing to keep: three new roles, and the document to write. */
const fresh = ({ name }: ConnectionDocument) => {
  const role = (use: Use): Named => ({ name: `sluice_${name.replace(/[^a-z0-9]/g, '_')}_${use}`, exists: false })
  return { write: role('write'), read: role('read'), plain: role('plain') }
}

/** One role for two uses is one wall less. */
function shared({ name, secrets }: ConnectionDocument, held: ReadonlyMap<Use, Holds>, needs: readonly Need[]): readonly Finding[] {
  if (!secrets) return [{ level: 'warning', name, message: 'one `secret` serves reads and writes; make the roles of the script, and write `secrets: { write, read, plain }`' }]
  const classified = needs.some(({ columns, plain }) => plain.length < columns.length)
  const missing: Finding[] = secrets.plain === undefined && classified ? [{ level: 'warning', name, message: 'there is no `plain` secret: what needs no classified column runs as a role that can read them' }] : []
  const pairs = [['read', 'write'], ['plain', 'read'], ['plain', 'write']] as const
  const twice = pairs.filter(([a, b]) => held.has(a) && held.get(a)?.name === held.get(b)?.name)
  return [...missing, ...twice.map(([a, b]): Finding => ({ level: 'error', name: held.get(a)?.name ?? name, message: `it is both the ${a} and the ${b} role` }))]
}
