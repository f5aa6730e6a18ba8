import { readFile, rename, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Bundle } from '../../schema/policy.ts'
import { readKubeconfig } from '../protocol/kubernetes/kubeconfig.ts'
import { startCluster } from './cluster.ts'
import { kubeconfig, type KubeContext, type KubeUser } from './kubeconfig.ts'
import type { Authority } from './tls.ts'

const root = resolve(import.meta.dirname, '../..')
/** The gate's own account in the demo cluster: it mints tokens of those that policy names, and may do nothing else. */
const minter = 'sluice/minter'

export interface Target {
  /** Secret name → kubeconfig. */
  readonly secrets: Readonly<Record<string, string>>
  close(): Promise<void>
}

/** What stands behind the connections to clusters: the cluster of `file` for the only one there is, else for the demo's policy the demo cluster. Throws one line. */
export async function startTargetCluster({ bundle, file, demo, authority, now }: { bundle: Bundle; file: string | null; demo: boolean; authority: Authority; now: () => number }): Promise<Target> {
  const found = clustersOf(bundle)
  const nothing = { secrets: {}, close: async () => {} }
  if (file !== null) return { ...nothing, secrets: { [secretFor(found)]: await readGiven(file) } }
  const [only] = found
  if (!demo || only === undefined) return nothing
  const cluster = await startCluster({ authority, now })
  return { secrets: { [only.secret]: cluster.account(minter) }, close: cluster.close }
}
function clustersOf(bundle: Bundle): readonly { readonly name: string; readonly secret: string }[] {
  return bundle.documents.flatMap(({ document }) => document.kind === 'connection' && document.engine === 'kubernetes' ? [{ name: document.name, secret: document.secret ?? document.secrets?.read ?? '' }] : [])
}
function secretFor(found: readonly { readonly name: string; readonly secret: string }[]): string {
  const [only, ...more] = found
  if (!only) throw new Error('--kubeconfig: the policy has no connection to a cluster')
  if (more.length > 0) throw new Error(`--kubeconfig: the policy has several connections to clusters (${found.map(({ name }) => name).join(', ')}); put their kubeconfigs into .sluice/secrets.json`)
  return only.secret
}
async function readGiven(file: string): Promise<string> {
  const content = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => { throw new Error(`--kubeconfig: \`${file}\` cannot be read (${error.code ?? 'unknown'})`) })
  const read = readKubeconfig(content)
  if (!read.ok) throw new Error(`--kubeconfig: \`${file}\`: ${read.why}`)
  return content
}

export interface Callers {
  readonly directory: string
  readonly bundle: Bundle
  readonly authority: Authority
  /** Of the gate: over TLS, because kubectl sends no token over anything else; and the plain one, whose identity provider makes tokens. */
  readonly secure: string
  readonly plain: string
  /** Whether that provider is there. */
  readonly local: boolean
}
/**
 * Writes `kubeconfig` (0600): every connection to a cluster as two callers who make their own tokens, or nobody where a real issuer makes them. Gives its path, or
 * null where there is no such connection.
 */
export async function writeKubeconfig({ directory, bundle, authority, secure, plain, local }: Callers): Promise<string | null> {
  const as = (subject: string, group: string): KubeUser => local
    ? { exec: { command: process.execPath, args: [join(root, 'bin/sluice.js'), 'token', '--exec-credential', '--subject', subject, '--group', group], env: { SLUICE_URL: plain } } } : null
  const contexts = clustersOf(bundle).flatMap(({ name }): KubeContext[] => {
    const server = `${secure}/v1/kubernetes/${name}`
    return [{ name, server, user: as('agent:support-bot', 'support-agents') }, ...(local ? [{ name: `${name}-platform`, server, user: as('user:piotr@acme.dev', 'platform') }] : [])]
  })
  if (contexts.length === 0) return null
  const file = join(directory, 'kubeconfig')
  await writeFile(`${file}.new`, kubeconfig(authority.certificate, contexts), { mode: 0o600 })
  await rename(`${file}.new`, file)
  return file
}
