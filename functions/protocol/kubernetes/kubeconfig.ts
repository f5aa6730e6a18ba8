import { createHash, createPrivateKey, X509Certificate } from 'node:crypto'
import { parse } from 'yaml'
import * as z from 'zod'

/** A cluster as a secret names it: where, whose certificates to believe, and the credential that may mint tokens there. */
export interface Cluster {
  readonly host: string
  readonly port: number
  /** What stands before every path, without a slash at the end; mostly empty. */
  readonly prefix: string
  /** The name its certificate must carry, where that is not `host`. */
  readonly serverName: string | null
  /** PEM: the only authorities believed. */
  readonly ca: string
  readonly credential: { readonly token: string } | { readonly cert: string; readonly key: string }
  /** SHA-256 (hex) of where it is and whose word it rests on: what caches of this cluster go by. */
  readonly identity: string
}
export type Read = { readonly ok: true; readonly cluster: Cluster } | { readonly ok: false; readonly why: string }
const maxBytes = 256 * 1024

/**
 * The value of a connection's secret: a kubeconfig in YAML or JSON, everything in it. Whatever would run a program, read a file, believe any certificate or take
 * another way is refused with words that quote no value: the words go into findings and logs.
 */
export function readKubeconfig(text: string): Read {
  if (Buffer.byteLength(text) > maxBytes) return no(`it is over ${maxBytes / 1024} KB`)
  let value: unknown
  try {
    value = parse(text, { maxAliasCount: 0, uniqueKeys: true, schema: 'core', logLevel: 'silent' })
  } catch {
    return no('it is neither YAML nor JSON, or repeats a key, or uses aliases')         // the parser's words would quote it
  }
  const config = shape.safeParse(value)
  if (!config.success) return no(wordsOf(config.error))
  const { contexts, clusters, users, 'current-context': current } = config.data
  const context = current ? contexts.filter(({ name }) => name === current) : contexts
  if (context.length !== 1 || !context[0]) return no(current ? 'its current-context names none or several of its contexts' : 'it has several contexts, or none, and no current-context')
  const cluster = clusters.filter(({ name }) => name === context[0]?.context.cluster)
  const user = users.filter(({ name }) => name === context[0]?.context.user)
  if (cluster.length !== 1 || !cluster[0]) return no('its context names none or several of its clusters')
  if (user.length !== 1 || !user[0]) return no('its context names none or several of its users')
  const [where, who] = [clusterShape.safeParse(cluster[0].cluster), userShape.safeParse(user[0].user)]
  if (!where.success) return no(wordsOf(where.error))
  return who.success ? build(where.data, who.data) : no(wordsOf(who.error))
}

const no = (why: string): Read => ({ ok: false, why })
const never = (why: string) => z.never({ error: why }).optional()
const text = z.string().min(1)
const loose = z.unknown()
const clusterShape = z.strictObject({
  server: text, 'certificate-authority-data': z.string({ error: '`certificate-authority-data` is missing: the cluster\'s own authority must be in it, no other is believed' }).min(1), 'tls-server-name': text.optional(),
  'insecure-skip-tls-verify': z.literal(false, { error: '`insecure-skip-tls-verify` would believe anybody: put the authority into `certificate-authority-data`' }).optional(),
  'certificate-authority': never('`certificate-authority` names a file: put its content into `certificate-authority-data` (`kubectl config view --raw --flatten`)'),
  'proxy-url': never('`proxy-url` is not supported'), 'disable-compression': z.boolean().optional(), extensions: loose.optional(),
})
const file = (member: string) => never(`\`${member}\` names a file: put its content into \`${member === 'tokenFile' ? 'token' : `${member}-data`}\` (\`kubectl config view --raw --flatten\`)`)
const userShape = z.strictObject({
  token: text.optional(), 'client-certificate-data': text.optional(), 'client-key-data': text.optional(),
  exec: never('`exec` would run a program: use a token or a client certificate (for a cloud\'s cluster, a token of a service account of its own)'), 'auth-provider': never('`auth-provider` is a plugin: use a token or a client certificate'),
  tokenFile: file('tokenFile'), 'client-certificate': file('client-certificate'), 'client-key': file('client-key'),
  username: never('`username` is not supported: use a token or a client certificate'), password: never('`password` is not supported: use a token or a client certificate'),
  as: never('`as` impersonates'), 'as-uid': never('`as-uid` impersonates'), 'as-groups': never('`as-groups` impersonates'), 'as-user-extra': never('`as-user-extra` impersonates'), extensions: loose.optional(),
})
const shape = z.strictObject({
  apiVersion: z.literal('v1').optional(), kind: z.literal('Config').optional(), preferences: loose.optional(), extensions: loose.optional(),
  'current-context': z.string().nullish(),
  contexts: z.array(z.strictObject({ name: text, context: z.strictObject({ cluster: text, user: text, namespace: z.string().optional(), extensions: loose.optional() }) })),
  // Those the context does not use may be anything: only what is used is read.
  clusters: z.array(z.strictObject({ name: text, cluster: loose })), users: z.array(z.strictObject({ name: text, user: loose })),
}, { error: 'it is not a kubeconfig' })

/** The first thing wrong, by its place; a value is never in it, for zod names keys and kinds only. */
function wordsOf({ issues }: z.ZodError): string {
  const [issue] = issues
  if (!issue) return 'it is not a kubeconfig'
  if (issue.code === 'unrecognized_keys') return `it has a member that is not known here: ${issue.keys.slice(0, 3).map((key) => `\`${key.slice(0, 40).replace(/[^\w.-]/g, '?')}\``).join(', ')}`
  const named = issue.message.startsWith('`') || issue.message.startsWith('it is')
  return named ? issue.message : `\`${issue.path.map(String).join('.')}\` is missing or not of its kind`
}

function build(cluster: z.infer<typeof clusterShape>, user: z.infer<typeof userShape>): Read {
  const url = URL.parse(cluster.server)
  if (url?.protocol !== 'https:') return no('its `server` is not https')
  if (url.username || url.password || url.search || url.hash) return no('its `server` carries a user, a query or a fragment')
  const ca = certificates(cluster['certificate-authority-data'])
  if (ca === null) return no('its `certificate-authority-data` is not a certificate in PEM, base64')
  const credential = credentialOf(user)
  if (typeof credential === 'string') return no(credential)
  const [host, port, prefix, serverName] = [url.hostname.replace(/^\[|\]$/g, ''), url.port === '' ? 443 : Number(url.port), url.pathname.replace(/\/+$/, ''), cluster['tls-server-name'] ?? null]
  if (serverName !== null && !/^[A-Za-z0-9.-]{1,253}$/.test(serverName)) return no('its `tls-server-name` is not a name')
  const identity = createHash('sha256').update(JSON.stringify([host, port, prefix, serverName, ca])).digest('hex')
  return { ok: true, cluster: { host, port, prefix, serverName, ca, credential, identity } }
}

function credentialOf({ token, 'client-certificate-data': certificate, 'client-key-data': privateKey }: z.infer<typeof userShape>): Cluster['credential'] | string {
  if (token !== undefined && (certificate ?? privateKey) !== undefined) return 'its user has both a token and a client certificate: leave one'
  if (token !== undefined) return isToken(token) ? { token } : 'its `token` holds characters that no token has'
  if (certificate === undefined || privateKey === undefined) return 'its user has neither a `token` nor `client-certificate-data` with `client-key-data`'
  const cert = certificates(certificate)
  const key = decoded(privateKey)
  try {
    if (cert !== null && key !== null && new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))) return { cert, key }
  } catch {
    return 'its `client-key-data` is not a private key in PEM, base64'
  }
  return 'its `client-certificate-data` is not a certificate in PEM, base64, or not of this key'
}

/** What may stand behind `Bearer`, and can end no header line (RFC 6750, 2.1). */
export const isToken = (token: string): boolean => /^[A-Za-z0-9._~+/-]{1,16384}=*$/.test(token)

const decoded = (data: string): string | null => {
  const clean = data.replace(/\s/g, '')
  return /^[A-Za-z0-9+/]+={0,2}$/.test(clean) ? Buffer.from(clean, 'base64').toString('utf8') : null
}
function certificates(data: string): string | null {
  const pem = decoded(data)
  const each = pem?.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g)
  if (!each) return null
  try {
    for (const one of each) void new X509Certificate(one)
  } catch {
    return null
  }
  return each.join('\n')
}
