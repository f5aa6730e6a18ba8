import { stringify } from 'yaml'

/** Who a kubeconfig says one is: a token, or a command that gives one. */
export type KubeUser = { readonly token: string } | { readonly exec: { readonly command: string; readonly args: readonly string[]; readonly env: Readonly<Record<string, string>> } }

/** A kubeconfig of one cluster. `certificate`: PEM of the authority it is trusted by, and by no other. */
export function kubeconfig({ name, server, certificate, user }: { readonly name: string; readonly server: string; readonly certificate: string; readonly user: KubeUser }): string {
  return stringify({
    apiVersion: 'v1', kind: 'Config', 'current-context': name,
    clusters: [{ name, cluster: { server, 'certificate-authority-data': Buffer.from(certificate).toString('base64') } }],
    contexts: [{ name, context: { cluster: name, user: name } }],
    users: [{ name, user: 'token' in user ? user : { exec: {
      apiVersion: 'client.authentication.k8s.io/v1', interactiveMode: 'Never', command: user.exec.command, args: user.exec.args, env: Object.entries(user.exec.env).map(([key, value]) => ({ name: key, value })),
    } } }],
  }, { lineWidth: 0 })
}
