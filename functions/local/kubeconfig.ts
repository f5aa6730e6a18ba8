import { stringify } from 'yaml'

/** Who a kubeconfig says one is: a token, a command that gives one, or nobody: then `kubectl --token=…` says. */
export type KubeUser = { readonly token: string } | { readonly exec: { readonly command: string; readonly args: readonly string[]; readonly env: Readonly<Record<string, string>> } } | null
export interface KubeContext { readonly name: string; /** With the path prefix, if there is one. */ readonly server: string; readonly user: KubeUser }

/**
 * A kubeconfig of these contexts, the first of them current. `certificate`: PEM of the authority they are trusted by, and no other is. A command is asked in
 * `client.authentication.k8s.io/v1beta1`, which kubectl 1.20 (Debian 12's) has and every later one still does.
 */
export function kubeconfig(certificate: string, contexts: readonly KubeContext[]): string {
  return stringify({
    apiVersion: 'v1', kind: 'Config', 'current-context': contexts[0]?.name ?? '',
    clusters: contexts.map(({ name, server }) => ({ name, cluster: { server, 'certificate-authority-data': Buffer.from(certificate).toString('base64') } })),
    contexts: contexts.map(({ name }) => ({ name, context: { cluster: name, user: name } })),
    users: contexts.map(({ name, user }) => ({ name, user: userOf(user) })),
  }, { lineWidth: 0, aliasDuplicateObjects: false })
}
function userOf(user: KubeUser) {
  if (user === null) return {}
  if ('token' in user) return user
  const { command, args, env } = user.exec
  return { exec: { apiVersion: 'client.authentication.k8s.io/v1beta1', interactiveMode: 'Never', command, args, env: Object.entries(env).map(([name, value]) => ({ name, value })) } }
}
