import type { Bundle, ConnectionDocument, IssuerDocument, NotifyDocument, PolicyDocument, RoleDocument } from '../../../schema/policy.ts'
import { subjectsCollide } from '../../../schema/subject.ts'
import { acts } from '../roleset.ts'
import { glob } from '../pattern.ts'
import { checkNotify } from './notify.ts'
import { suggest, type Entry, type Finding, type Report } from './finding.ts'
import { checkCommands } from './command.ts'
import { checkHostLimits, checkRule, classesOf } from './rule.ts'
import { readShape } from './shape.ts'

/**
 * Documents as they came → a bundle and everything that is wrong with it. `bundle` is null when any finding is an error: what cannot be read
 * whole is not applied in part. Pure; what only the live target can say (whether a table exists) is the engine's `inspect`.
 */
export function checkDocuments(files: readonly { readonly path: string; readonly document: unknown }[]): { readonly bundle: Bundle | null; readonly findings: readonly Finding[] } {
  const findings: Finding[] = []
  const entries: Entry[] = []
  for (const { path, document } of files) {
    const shape = readShape(path, document)
    findings.push(...shape.findings)
    if (shape.document) entries.push({ path, document: shape.document })
  }
  // a document that cannot be read may be the one the others name: then what they name cannot be judged
  if (findings.length === 0) findings.push(...checkWhole(entries))
  entries.sort((a, b) => (a.path < b.path ? -1 : 1))
  return { bundle: findings.some((finding) => finding.level === 'error') ? null : { documents: entries }, findings }
}

function checkWhole(entries: readonly Entry[]): readonly Finding[] {
  const findings: Finding[] = []
  const reporter = (path: string): Report => (level, at, message, more) => findings.push({ level, path, at, message, ...more })
  const of = <T extends PolicyDocument>(is: (document: PolicyDocument) => document is T) => entries.flatMap(({ path, document }) => (is(document) ? [{ path, document, report: reporter(path) }] : []))
  const issuers = of((document): document is IssuerDocument => document.kind === 'issuer')
  const connections = of((document): document is ConnectionDocument => document.kind === 'connection')
  const roles = of((document): document is RoleDocument => document.kind === 'role')
  const notify = of((document): document is NotifyDocument => document.kind === 'notify')
  checkNames(entries, reporter)
  const known = new Map(connections.map(({ document }) => [document.name, document]))
  for (const { document, report } of connections) checkConnection(document, report)
  checkTransports(connections)
  const hosts = connections.filter(({ document }) => document.engine === 'ssh')
  for (const { document, report } of hosts) checkHost(document, roles.map((role) => role.document.name), report)
  checkCommands(roles, hosts.map(({ document }) => document.name))
  for (const { document, report } of roles) {
    document.rules.forEach((rule, n) => checkRule(rule, n, known, report))
    checkGroups(document, issuers.map((issuer) => issuer.document), report)
  }
  entries.filter(({ document }) => document.kind === 'audit').slice(1).forEach(({ path }) => reporter(path)('error', ['kind'], 'there is another `audit` document; one says how long the record is kept'))
  checkNotify(notify, roles, (group) => issuers.length === 0 || issuers.some(({ document }) => document.groups.accept.some((pattern) => glob(pattern, group))))
  issuers.forEach((one, i) => issuers.slice(0, i).forEach((other) => checkIssuers(one, other)))
  const applies = roles.some(({ document }) => document.rules.some((rule) => rule.allow && acts(rule.allow, 'apply', 'own') && [rule.connection].flat().includes('sluice') && rule.on?.some((name) => typeof name === 'string' && glob(name, 'policy'))))
  if (!applies && entries[0]) reporter(entries[0].path)('warning', [], 'no rule of this policy allows anyone to apply the next one (`allow: [apply]`, `connection: sluice`, `on: [policy]`)')
  return findings
}

function checkNames(entries: readonly Entry[], reporter: (path: string) => Report): void {
  const first = new Map<string, string>()
  for (const { path, document } of entries) {
    const key = `${document.kind} ${document.name}`
    const other = first.get(key)
    if (other !== undefined) reporter(path)('error', ['name'], `the ${document.kind} \`${document.name}\` is also in ${other}; a name is used once`)
    else first.set(key, path)
  }
}

function checkConnection(document: ConnectionDocument, report: Report): void {
  if (document.secret && document.secrets) report('error', ['secret'], 'both `secret` and `secrets`; keep `secrets`', { key: true })
  if (!document.secret && !document.secrets) report('error', ['name'], document.engine === 'kubernetes' ? 'the connection has no `secret`; write `secret: NAME`, a kubeconfig' : document.engine === 'ssh' ? 'the connection has no `secret`; write `secret: NAME`, where the host is and what opens it' : 'the connection has no `secrets`; write `secrets: { write: NAME, read: NAME, plain: NAME }`')
  checkEngine(document, report)
  if (document.secret && !document.secrets && isSql(document)) report('warning', ['secret'], 'one `secret` for everything: a read then runs with a credential that can write; write `secrets: { write, read, plain }`', { key: true })
  const classes = classesOf(document)
  for (const name of Object.keys(document.mask ?? {})) {
    if (name !== '*' && !classes.includes(name)) report('error', ['mask', name], `no column is of class \`${name}\`${suggest(name, classes)}`, { key: true })
  }
}

/** A role that is not there gives its login to nobody, and those it is meant for get the one of `*`. */
function checkHost({ logins, limits = {} }: ConnectionDocument, roles: readonly string[], report: Report): void {
  checkHostLimits(limits, (key, message) => report('warning', ['limits', key], message, { key: true }))
  if (logins === undefined) return
  if (Object.keys(logins).length === 0) report('error', ['logins'], 'nobody has a login; write `logins: { ROLE: LOGIN }`, or leave `logins` out for the one that the secret\'s `url` names', { key: true })
  for (const [role, login] of Object.entries(logins)) {
    if (role !== '*' && !roles.includes(role)) report('warning', ['logins', role], `there is no role \`${role}\`${suggest(role, roles)}`, { key: true })
    if (login === 'root') report('warning', ['logins', role], 'commands run as root: give it a login of its own, and let `sudo` have the commands that need more')
  }
}

/** The secret of a private target is of another form, and another function may read it: one name cannot be both. */
function checkTransports(connections: readonly { readonly document: ConnectionDocument; readonly report: Report }[]): void {
  const secretsOf = ({ secret, secrets }: ConnectionDocument) => [secret, secrets?.write, secrets?.read, secrets?.plain].filter((name) => name !== undefined)
  const open = new Map(connections.filter(({ document }) => document.transport === undefined).flatMap(({ document }) => secretsOf(document).map((name) => [name, document.name] as const)))
  for (const { document, report } of connections) {
    if (document.transport === undefined) continue
    for (const name of new Set(secretsOf(document))) if (open.has(name)) report('error', ['transport'], `the secret \`${name}\` is also of connection \`${open.get(name)}\`, which is not private; a private target has a secret of its own`, { key: true })
  }
}

/** What only one kind of engine knows: said of another it would protect nothing, silently. */
function checkEngine(document: ConnectionDocument, report: Report): void {
  const cluster = document.engine === 'kubernetes'
  for (const key of foreign[document.engine]) if (document[key] !== undefined) report('error', [key], `\`${key}\` means nothing to engine \`${document.engine}\``, { key: true })
  if (cluster && Object.keys(document.serviceAccounts ?? {}).length === 0) report('error', ['name'], 'the connection has no `serviceAccounts`; write `serviceAccounts: { ROLE: namespace/name }`, the account whose rights a role has in the cluster')
  for (const name of document.engine === 'ssh' ? [] : Object.keys(document.classify ?? {})) {
    const path = name.includes(':')
    if (path !== cluster) report('error', ['classify', name], cluster ? `\`${name}\` is no path of a kind; write \`resource:path\`, such as \`configmaps:data.password\`` : `\`${name}\` is no column; write \`schema.table.column\``, { key: true })
  }
}

const foreign = {
  postgres: ['serviceAccounts', 'logins'], mysql: ['serviceAccounts', 'logins'], kubernetes: ['secrets', 'searchPath', 'allowOwner', 'logins'],
  // What a command writes has no columns: no class and no mask of one, and no row of it is counted. `detect` goes over it.
  ssh: ['secrets', 'searchPath', 'allowOwner', 'serviceAccounts', 'classify', 'mask'],
} as const satisfies Record<ConnectionDocument['engine'], readonly (keyof ConnectionDocument)[]>
const isSql = ({ engine }: ConnectionDocument): boolean => engine === 'postgres' || engine === 'mysql'

/** A group no issuer lets through makes a rule that nobody has, or an approval that nobody can give. */
function checkGroups(role: RoleDocument, issuers: readonly IssuerDocument[], report: Report): void {
  if (role.members.length === 0) report('warning', ['members'], 'nobody has this role: `members` is empty')
  if (issuers.length === 0) return                                        // a local run, whose own issuer accepts any group
  const accepted = issuers.flatMap((issuer) => issuer.groups.accept)
  const check = (group: string, at: readonly (string | number)[], then: string) => {
    if (!accepted.some((pattern) => glob(pattern, group))) report('warning', at, `no issuer accepts the group \`${group}\`, so ${then}${suggest(group, accepted)}`)
  }
  role.members.forEach((member, i) => { if ('group' in member) check(member.group, ['members', i, 'group'], 'nobody has the role by it') })
  role.rules.forEach((rule, n) => rule.approval?.by.forEach((by, i) => { if (!by.startsWith('user:')) check(by, ['rules', n, 'approval', 'by', i], 'nobody could approve by it') }))
}

type Issuer = { readonly document: IssuerDocument; readonly report: Report }
function checkIssuers(one: Issuer, other: Issuer): void {
  if (one.document.issuer === other.document.issuer) one.report('error', ['issuer'], `the issuer \`${other.document.name}\` has the same address; one document says all about it`)
  else if (subjectsCollide(one.document, other.document)) {
    one.report('error', ['agents', 'subject'], `a token of this issuer could name a subject of \`${other.document.name}\`; put the issuer into the template, such as \`agent:${one.document.name}/{sub}\``)
  }
}
