import * as z from 'zod'

/**
 * The policy documents of CONTRACT.md section 3, as zod shapes. Strict: an unknown key is an error, because a misspelt `deny` must not be
 * silence. Generated from these: schema/policy.v1.schema.json, for editors.
 */
const name = z.string().regex(/^[a-z0-9][a-z0-9._-]{0,62}$/, 'a name is lower-case letters, digits, `.`, `_` and `-`, at most 63')
const oneOrMore = <T extends z.ZodType>(item: T) => z.union([item, z.array(item).min(1)])
const duration = z.string().regex(/^[1-9][0-9]{0,6}(ms|s|m|h)$/, 'a duration is a number and `ms`, `s`, `m` or `h`')
const principal = z.string().regex(/^(user|agent):\S{1,250}$/, 'a subject is `user:…` or `agent:…`')
// The prefix says what a subject is, so an agents' template cannot make a `user:`.
const template = (kind: 'user' | 'agent') =>
  z.string().regex(new RegExp(`^${kind}:[^{}\\s]*\\{[A-Za-z0-9_:/.-]+\\}[^{}\\s]*$`), `this subject template is \`${kind}:\` with one \`{claim}\` in it`)

/** Of SQL, of Kubernetes (its verbs: create, update and delete are both's), of SSH, and of Sluice itself. */
export const actionNames = ['select', 'insert', 'update', 'delete', 'truncate', 'create', 'alter', 'drop', 'grant', 'call', 'lock', 'get', 'list', 'watch', 'patch', 'deletecollection', 'exec', 'read', 'apply', 'set'] as const
export const actionGroups = { write: ['insert', 'update', 'delete'], ddl: ['create', 'alter', 'drop', 'truncate', 'grant'], '*': actionNames } as const
/** Verbs of Kubernetes that change something: what `write` means there. An `allow` covers `deletecollection` only by its own name. */
export const kubernetesWrites = ['create', 'update', 'patch', 'delete', 'deletecollection'] as const
export type ActionName = (typeof actionNames)[number]
const action = z.enum([...actionNames, 'write', 'ddl', '*'])

export const maskNames = ['redact', 'null', 'email', 'last4', 'hash', 'year', 'none'] as const
export type MaskName = (typeof maskNames)[number]
export const detectorNames = ['credit-card', 'us-ssn', 'email', 'iban', 'secret'] as const
export type DetectorName = (typeof detectorNames)[number]
const dataClass = z.string().regex(/^[a-z0-9]+([._-][a-z0-9]+)*$/, 'a data class is lower-case words joined by `.`, such as `pii.email`')
/** `schema.table.column`; of Kubernetes `resource:path` (`configmaps:data.password`, `acme.io/widgets:spec.keys[*].value`). */
const column = z.string().regex(/^(?:[^.]+\.[^.]+\.[^.]+|[a-z0-9.-]+(?:\/[a-z0-9.-]+)?:[^\s:]+)$/, 'a column is `schema.table.column`; a path of a Kubernetes kind is `resource:path`, such as `configmaps:data.password`')

/** What a pod template may do beyond running a container, wherever it sits in the object written. A rule that allows the write says which. */
export const capabilityNames = ['privileged', 'host-path', 'host-namespace', 'secret-mount', 'service-account'] as const
export type Capability = (typeof capabilityNames)[number]
const serviceAccount = z.string().regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\/[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/, 'a service account is `namespace/name`')

/** A portable user name, as `useradd` takes it. */
const login = z.string().regex(/^[a-z_][a-z0-9_-]{0,31}$/, 'a login is a lower-case user name, at most 32 characters')

const limits = z.strictObject({
  rows: z.int().min(1).max(100_000).optional(),
  bytes: z.int().min(1024).max(8 * 1024 * 1024).optional(),
  timeout: duration.optional(),
  affected: z.int().min(0).max(1_000_000).optional(),
  /** The planner's estimate of a statement, in its own units (`EXPLAIN`'s total cost), past which it does not run. PostgreSQL; of MySQL the rows it expects to look at. */
  cost: z.number().min(1).optional(),
  perHour: z.strictObject({ statements: z.int().min(1).optional(), rows: z.int().min(1).optional() }).optional(),
  pending: z.int().min(1).max(1000).optional(),
})

export const issuerDocument = z.strictObject({
  version: z.literal(1), kind: z.literal('issuer'), name,
  issuer: z.url(), audience: oneOrMore(z.string().min(1)),
  groups: z.strictObject({ claim: z.string().min(1), accept: z.array(z.string().min(1)).min(1) }),
  people: z.strictObject({
    clients: z.array(z.string().min(1)).min(1), subject: template('user'),
    /** Which claim says when the person signed in. `iat` also counts a renewed token as a sign-in: only for issuers that put no `auth_time` into access tokens and renew none. */
    signIn: z.enum(['auth_time', 'iat']).optional(),
  }).optional(),
  agents: z.strictObject({ subject: template('agent') }),
  /** Which `typ` headers its access tokens may have; without it `at+jwt` and `JWT`. Okta and Cognito send none: `absent`. */
  typ: z.array(z.enum(['at+jwt', 'JWT', 'absent'])).min(1).optional(),
})

export const connectionDocument = z.strictObject({
  version: z.literal(1), kind: z.literal('connection'), name: name.refine((n) => n !== 'sluice', '`sluice` is the gate itself'),
  engine: z.enum(['postgres', 'mysql', 'kubernetes', 'ssh']),
  secret: z.string().min(1).optional(),
  secrets: z.strictObject({ write: z.string().min(1).optional(), read: z.string().min(1), plain: z.string().min(1).optional() }).optional(),
  /**
   * How the target is reached. Left out: over the internet, by the serverless drivers of Neon and PlanetScale. `private`: by the server's own protocol over TLS, from inside a network that only it is in
   * (docs/deploy.md); a secret is then a URL, or JSON of `url` and `ca`.
   */
  transport: z.literal('private').optional(),
  searchPath: z.array(z.string().min(1)).min(1).optional(),
  allowOwner: z.boolean().optional(),
  classify: z.record(column, z.union([dataClass, z.literal('none'), z.strictObject({ class: z.union([dataClass, z.literal('none')]), optional: z.literal(true) })])).optional(),
  mask: z.record(z.union([dataClass, z.literal('*')]), z.enum(maskNames).exclude(['none'])).optional(),
  detect: z.array(z.enum(detectorNames)).optional(),
  /** What the audit keeps of an answer, as it was masked: the first 32 KB (`results`, and without this), or `none`. */
  record: z.enum(['results', 'none']).optional(),
  limits: limits.optional(),
  /**
   * Kubernetes: role → the service account whose short-lived token its calls carry, `*` for any other role; of several roles held, the first in order of name. A role without one,
   * and without `*`, reaches no cluster. `secret` names a kubeconfig whose credential may mint tokens for these and need not be able to do anything else.
   */
  serviceAccounts: z.record(z.union([name, z.literal('*')]), serviceAccount).optional(),
  /**
   * SSH: role → the login on the host that its commands run as, `*` for any other role; of several roles held, the first in order of name. Left out: the one that the secret's `url` names, for
   * everybody whose rules speak of the connection.
   */
  logins: z.record(z.union([name, z.literal('*')]), login).optional(),
})

const approval = z.strictObject({
  by: z.array(z.string().min(1)).min(1), quorum: z.int().min(1).max(10).default(1), within: duration.default('30m'),
  /** What chat and mail carry: `summary` (without it) tells who asks what of which tables; `full` also the statement's text. Never parameters. */
  notify: z.enum(['summary', 'full']).optional(),
})
/** Words of a command that a rule names. */
export const maxPatternWords = 64
const rule = z.strictObject({
  allow: z.array(action).min(1).optional(), deny: z.array(action).min(1).optional(), ask: z.array(action).min(1).optional(),
  reveal: z.array(z.union([dataClass, z.string().regex(/^([a-z0-9._-]+\.)?\*$/)])).min(1).optional(),
  connection: oneOrMore(z.union([name, z.literal('*')])),
  /** Names; of SSH commands, each a list of words of which `*` is any one plain argument and `\*` a star. */
  on: z.array(z.union([z.string().min(1), z.array(z.string()).min(1).max(maxPatternWords)])).min(1).optional(),
  columns: z.array(z.string().min(1)).min(1).optional(),
  through: z.literal(true).optional(),
  /** Kubernetes: globs over the namespace and the object's name. Left out: any, and what is in no namespace or has no name. */
  namespaces: z.array(z.string().min(1)).min(1).optional(), names: z.array(z.string().min(1)).min(1).optional(), permit: z.array(z.enum(capabilityNames)).min(1).optional(),
  when: z.string().min(1).max(4096).optional(),
  approval: approval.optional(), limits: limits.optional(), optional: z.literal(true).optional(),
})
export const roleDocument = z.strictObject({
  version: z.literal(1), kind: z.literal('role'), name,
  members: z.array(z.union([
    z.strictObject({ group: z.string().min(1) }),
    z.strictObject({ subject: principal, owner: principal.optional() }),
    z.strictObject({ everyone: z.literal(true) }),
  ])),
  rules: z.array(rule),
})

/** One plain address: no display name, no list, nothing that could end a header line. */
export const mailAddress = z.string().max(254).regex(/^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)+$/, 'a mail address is like `leads@acme.dev`')
const slackChannel = z.string().regex(/^[CDG][A-Z0-9]{6,20}$/, 'a Slack channel is given by its id, such as `C0123456789`')
const slackUser = z.string().regex(/^[UW][A-Z0-9]{6,20}$/, 'a Slack user is given by their id, such as `U0123456789`')

/**
 * Where the people of an approver group, or one `user:` approver, are told. `people` says which Slack users are which persons, so that they may reject from
 * there; it vouches that they are of this group. Without a document, a `user:` approver whose name is a mail address is told by mail.
 */
export const notifyDocument = z.strictObject({
  version: z.literal(1), kind: z.literal('notify'), name,
  group: z.string().min(1).optional(), subject: z.string().regex(/^user:\S{1,250}$/, 'who is told is a person, `user:…`; agents decide nothing').optional(),
  slack: slackChannel.optional(), mail: z.array(mailAddress).min(1).max(50).optional(),
  people: z.record(slackUser, z.string().regex(/^user:\S{1,250}$/, 'a Slack user is a person, `user:…`')).optional(),
})

const age = z.string().regex(/^[1-9][0-9]{0,3}[dy]$/, 'an age is a number and `d` or `y`; a year has 366 days')
/** How long the record is kept, of the whole gate: at most one such document. Content older than `content` is erased; entries of the log older than `entries` are removed, their hashes stay. Without an age it is kept. */
export const auditDocument = z.strictObject({
  version: z.literal(1), kind: z.literal('audit'), name,
  retention: z.strictObject({ content: age.optional(), entries: age.optional() }),
})

export const policyDocument = z.discriminatedUnion('kind', [issuerDocument, connectionDocument, roleDocument, notifyDocument, auditDocument])
/** A document as a store gives it: looked at once a version, mostly by a process that has just begun, for which compiling a reader of each shape would cost twice what the reading does. */
export const readDocument = (value: unknown) => policyDocument.safeParse(value, { jitless: true })
export type IssuerDocument = z.infer<typeof issuerDocument>
/** Connection → `schema.table` → its columns. Taken from the live target by `policy apply`, never written by hand. */
export type Known = Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>
/** `known`: what the bundle knows of this connection, put here when the bundle is compiled; no file may say it. */
export type ConnectionDocument = z.infer<typeof connectionDocument> & { readonly known?: Known[string] }
export type RoleDocument = z.infer<typeof roleDocument>
export type NotifyDocument = z.infer<typeof notifyDocument>
export type RuleDocument = RoleDocument['rules'][number]
export type PolicyDocument = z.infer<typeof policyDocument>
export type LimitsDocument = z.infer<typeof limits>
export type ApprovalDocument = z.infer<typeof approval>

/** A whole policy: every document with the file it came from, sorted by path. Its version is the SHA-256 of its canonical JSON. */
export interface Bundle {
  readonly documents: readonly { readonly path: string; readonly document: PolicyDocument }[]
  /**
   * For each table that holds a class, the columns it had when it first did: any other one came later, and is refused until `classify` names it. A connection
   * that is not in it was applied without a look at its target, and new columns of it are not noticed.
   */
  readonly known?: Known
  /**
   * From when on what the policy keeps no longer is destroyed, ISO 8601: a day after the policy that first kept it less long was applied. Put here by `policy apply`, never written by hand; left out: a day after the
   * policy was applied.
   */
  readonly destroys?: Destroys
}
export interface Destroys { readonly content?: string; readonly entries?: string }
