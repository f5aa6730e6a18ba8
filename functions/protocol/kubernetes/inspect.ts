import type { ConnectionDocument } from '../../../schema/policy.ts'
import { Fault } from '../../ports.ts'
import type { Finding, PolicyName } from '../protocol.ts'
import { CredentialError, type Credentials } from './credential.ts'
import type { Discovery, Served } from './discovery.ts'
import type { Reach } from './reach.ts'
import { covers, nameOf } from './resource.ts'
import { faultOf } from './outcome.ts'

/**
 * A policy's names on the live cluster, by what it serves: a name that names nothing protects nothing, which is an error where it was to protect. What lies at a path inside an object no
 * discovery tells, so of `resource:path` the resource alone is looked for. And each service account: whether the gate can act as it. Throws Fault target-unavailable or secret-missing.
 */
export async function inspect(connection: ConnectionDocument, names: readonly PolicyName[], { reach, discovery, credentials }: { readonly reach: Reach; readonly discovery: Discovery; readonly credentials: Credentials }): Promise<readonly Finding[]> {
  try {
    const cluster = await reach.cluster(connection)
    const served = await discovery.resources(cluster)
    const accounts = [...new Set(Object.values(connection.serviceAccounts ?? {}))].sort()
    const acting = await Promise.all(accounts.map((account): Promise<Finding[]> => credentials.token(cluster, account).then(() => [], (error: unknown) => {
      if (error instanceof CredentialError) return [{ level: 'error', name: account, message: error.message }]
      throw error
    })))
    const none: Finding[] = accounts.length > 0 ? [] : [{ level: 'error', name: connection.name, message: 'names no `serviceAccounts`, so nobody reaches the cluster' }]
    return [...none, ...acting.flat(), ...names.flatMap((name) => findingsOf(served, name))]
  } catch (error) {
    throw faultOf(error)
  }
}

function findingsOf(served: readonly Served[], { from, name, optional }: PolicyName): Finding[] {
  const missing = (level: Finding['level'], message: string): Finding[] => (optional ? [] : [{ level, name, message }])
  const there = (pattern: string) => served.some((one) => covers(pattern, nameOf(one)))
  switch (from) {
    case 'classify': {
      const resource = name.split(':', 1)[0] ?? name
      return there(resource) ? [] : missing('error', `the cluster serves no \`${resource}\``)
    }
    case 'deny': return name.startsWith('/') || there(name) ? [] : missing('error', 'names nothing the cluster serves, so it denies nothing')
    case 'on': return name.startsWith('/') || there(name) ? [] : missing('warning', 'names nothing the cluster serves')
    case 'columns': return missing('error', 'objects of a cluster have no columns')
  }
}

/** Throws Fault where the cluster does not let the gate itself ask for its version. */
export async function ping(connection: ConnectionDocument, reach: Reach): Promise<void> {
  try {
    if (await reach.json(await reach.cluster(connection), null, '/version') === null) throw new Fault('target-unavailable', 'what answers there is no API server')
  } catch (error) {
    throw faultOf(error)
  }
}
