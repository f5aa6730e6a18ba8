import type { ConnectionDocument } from '../../../schema/policy.ts'
import type { Finding, Grants, Ruled } from '../protocol.ts'
import { CredentialError } from './credential.ts'
import type { Discovery } from './discovery.ts'
import type { Cluster } from './kubeconfig.ts'
import { faultOf } from './outcome.ts'
import { isObject } from './precondition.ts'
import { manifest, needsOf, type Need } from './rbac.ts'
import type { Reach } from './reach.ts'
import { partsOf } from './resource.ts'
import { wholeOf } from './bytes.ts'
import type { Send } from './transport.ts'
import { TransportError } from './trouble.ts'

interface Parts { readonly reach: Reach; readonly discovery: Discovery; readonly send: Send; readonly now: () => number }
const askMs = 10_000
const answerBytes = 4 * 1024 * 1024

/** The RBAC that serves the rules, as a manifest, and where what each service account has differs. Asks the cluster only what anybody may ask about themselves. */
export async function grants(connection: ConnectionDocument, rules: readonly Ruled[], parts: Parts): Promise<Grants> {
  try {
    const cluster = await parts.reach.cluster(connection)
    const served = await parts.discovery.resources(cluster)
    const needs = new Map(accountsOf(connection, rules).map(([account, its]) => [account, needsOf(its, served)]))
    const findings = await Promise.all([...needs].map(([account, its]) => compared(account, its, cluster, parts)))
    return {
      script: manifest(connection.name, needs, await selfOf(cluster, parts)), findings: findings.flat(),
      roles: [...needs].map(([name, its]) => ({ use: its.every(({ verb }) => verb === 'get' || verb === 'list' || verb === 'watch') ? 'read' : 'write', name })),
    }
  } catch (error) {
    throw faultOf(error)
  }
}

/** Each service account with the rules of the roles that go by it; `*` serves every role that has none of its own. */
function accountsOf({ serviceAccounts = {} }: ConnectionDocument, rules: readonly Ruled[]): [string, Ruled[]][] {
  const found = new Map<string, Ruled[]>(Object.values(serviceAccounts).map((account) => [account, []]))
  for (const rule of rules) {
    const account = rule.role !== undefined && Object.hasOwn(serviceAccounts, rule.role) ? serviceAccounts[rule.role] : serviceAccounts['*']
    if (account !== undefined) found.get(account)?.push(rule)
  }
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1))
}

async function compared(account: string, needs: readonly Need[], cluster: Cluster, { reach, now }: Parts): Promise<Finding[]> {
  const findings: Finding[] = []
  try {
    for (const namespace of [...new Set(needs.map((need) => need.namespace))].slice(0, 20)) {
      const reply = await reach.call(cluster, account, review('/apis/authorization.k8s.io/v1/selfsubjectrulesreviews', { apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectRulesReview', spec: { namespace: namespace ?? 'default' } }, now()))
      const answer = statusOf(await wholeOf(reply.body, askMs, answerBytes))
      if (reply.status !== 201 || answer === null) throw new TransportError('broken', 'no rules', false)
      findings.push(...differences(account, namespace, needs.filter((need) => need.namespace === namespace || need.namespace === null), held(answer), answer['incomplete'] === true))
    }
  } catch (error) {
    if (!(error instanceof CredentialError || error instanceof TransportError)) throw error
    findings.push({ level: 'warning', name: account, message: `what it has could not be asked: ${error.message}` })
  }
  return findings
}

interface Held { readonly verbs: readonly string[]; readonly groups: readonly string[]; readonly resources: readonly string[]; readonly names: readonly string[] }
const texts = (value: unknown): string[] => (Array.isArray(value) ? value.filter((one) => typeof one === 'string') : [])
const held = (answer: Readonly<Record<string, unknown>>): Held[] =>
  (Array.isArray(answer['resourceRules']) ? answer['resourceRules'].filter(isObject) : []).map((rule) => ({ verbs: texts(rule['verbs']), groups: texts(rule['apiGroups']), resources: texts(rule['resources']), names: texts(rule['resourceNames']) }))

/** What everybody authenticated has, and the gate does not count. */
const everyones = /^(?:authorization|authentication)\.k8s\.io\/self/

export function differences(account: string, namespace: string | null, needs: readonly Need[], has: readonly Held[], incomplete: boolean): Finding[] {
  const where = namespace === null ? '' : ` in \`${namespace}\``
  const grants = (rule: Held, need: Need): boolean => {
    const { group, resource } = partsOf(need.resource)
    const named = rule.names.length === 0 || (need.names !== null && need.names.every((name) => rule.names.includes(name)))
    return named && (rule.verbs.includes('*') || rule.verbs.includes(need.verb)) && (rule.groups.includes('*') || rule.groups.includes(group)) && rule.resources.some((one) => one === '*' || one === resource || one === `*/${resource.split('/')[1] ?? ''}`)
  }
  const lacks = incomplete ? [] : needs.filter((need) => !has.some((rule) => grants(rule, need)))
  const missing = [...Map.groupBy(lacks, ({ resource }) => resource)].map(([resource, some]): Finding =>
    ({ level: 'warning', name: account, message: `may not ${some.map(({ verb }) => verb).sort().join(', ')} \`${resource}\`${where}, so the cluster refuses what rules allow` }))
  const excess = has.flatMap((rule): Finding[] => {
    if (rule.verbs.includes('*') && rule.resources.includes('*')) return [{ level: 'error', name: account, message: `may do everything to everything${where}: nothing stands behind the gate's own rules` }]
    const more = rule.groups.flatMap((group) => rule.resources.map((resource) => (group === '' ? resource : `${group}/${resource}`))).filter((name) => !everyones.test(name))
      .map((name) => [name, rule.verbs.filter((verb) => !needs.some((need) => need.verb === verb && need.resource === name))] as const).filter(([, verbs]) => verbs.length > 0)
    return more.map(([name, verbs]) => ({ level: 'warning', name: account, message: `may ${[...verbs].sort().join(', ')} \`${name}\`${where}, which no rule allows` }))
  })
  return [...missing, ...excess]
}

const review = (target: string, body: object, at: number) => ({ method: 'POST', target, accept: 'application/json', contentType: 'application/json', body: JSON.stringify(body), deadline: at + askMs, headersMs: askMs, signal: AbortSignal.timeout(askMs) })

/** Who the secret's credential is: a review that the cluster keeps nothing of. null: it does not say (before 1.28, or it may not ask). */
async function selfOf(cluster: Cluster, { send, now }: Parts): Promise<string | null> {
  const reply = await send(cluster, { ...review('/apis/authentication.k8s.io/v1/selfsubjectreviews', { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' }, now()), token: null })
  const answer = statusOf(await wholeOf(reply.body, askMs, answerBytes))
  const user = reply.status === 201 && isObject(answer?.['userInfo']) ? answer['userInfo']['username'] : null
  return typeof user === 'string' && /^[\x21-\x7e]{1,256}$/.test(user) ? user : null
}
function statusOf(bytes: Buffer | null): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(bytes?.toString('utf8') ?? '')
    return isObject(value) && isObject(value['status']) ? value['status'] : null
  } catch {
    return null
  }
}
