import { parse } from 'yaml'
import { kubeconfig } from '../../../functions/local/kubeconfig.ts'
import { kubectl, type Ran } from '../kubectl.ts'
import { operator } from '../stand.ts'

/** What docs/kubernetes.md has an operator make for the gate, and what it ends as: kubeconfigs of the account that mints, and of the one that calls go by. */
export interface Behind { readonly minter: string; readonly operator: string }

/** The gate's own account: it may make tokens of these accounts, and nothing else. */
const minterOf = (accounts: readonly string[]) => [
  { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'minter', namespace: 'sluice' } },
  { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role', metadata: { name: 'minter', namespace: 'sluice' }, rules: [{ apiGroups: [''], resources: ['serviceaccounts/token'], resourceNames: [...accounts], verbs: ['create'] }] },
  { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'RoleBinding', metadata: { name: 'minter', namespace: 'sluice' }, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'minter' }, subjects: [{ kind: 'ServiceAccount', name: 'minter', namespace: 'sluice' }] },
]
interface Config { readonly clusters: readonly { readonly cluster: { readonly server: string; readonly 'certificate-authority-data': string } }[] }

/** Installs both accounts on the cluster of that kubeconfig, by kubectl alone. Throws what kubectl said. */
export async function installBehind(binary: string, config: string, cache: string): Promise<Behind> {
  const of = await install(binary, config, cache, [...operator, ...minterOf(['operator'])])
  return { minter: await of('minter'), operator: await of('operator') }
}
/** A minter's kubeconfig for accounts `sluice/NAME` that may do everything, so that policy alone decides. The minter keeps its right over `operator`. */
export async function mintFor(binary: string, config: string, cache: string, accounts: readonly string[]): Promise<string> {
  const made = accounts.flatMap((name) => [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace: 'sluice' } },
    { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRoleBinding', metadata: { name: `sluice-${name}` }, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'operator' }, subjects: [{ kind: 'ServiceAccount', name, namespace: 'sluice' }] },
  ])
  return (await install(binary, config, cache, [...made, ...minterOf(['operator', ...accounts])]))('minter')
}

async function install(binary: string, config: string, cache: string, items: readonly object[]): Promise<(name: string) => Promise<string>> {
  const ask = async (args: readonly string[], stdin = ''): Promise<string> => {
    const ran: Ran = await kubectl(binary, config, cache, args, { stdin })
    if (ran.code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${ran.err}`)
    return ran.out
  }
  await ask(['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'sluice' } }))
  await ask(['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items }))
  const { clusters: [one] } = parse(await ask(['config', 'view', '--raw', '--flatten', '--minify'])) as Config
  if (!one) throw new Error(`no cluster in ${config}`)
  const authority = Buffer.from(one.cluster['certificate-authority-data'], 'base64').toString()
  return async (name) => {
    const wanted = JSON.stringify({ apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: 3600 } })
    const { status } = JSON.parse(await ask(['create', '--raw', `/api/v1/namespaces/sluice/serviceaccounts/${name}/token`, '-f', '-'], wanted)) as { status: { token: string } }
    return kubeconfig(authority, [{ name: 'behind', server: one.cluster.server, user: { token: status.token } }])
  }
}
