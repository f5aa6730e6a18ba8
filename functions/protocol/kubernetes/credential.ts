import type { ConnectionDocument } from '../../../schema/policy.ts'
import { type Cluster, isToken } from './kubeconfig.ts'
import { wholeOf } from './bytes.ts'
import type { Send } from './transport.ts'
import { TransportError } from './trouble.ts'

/** What the cluster sees of a caller: never the caller's token, never the gate's own credential. */
export interface Credentials {
  /**
   * A token of the service account (`namespace/name`), good for at least two minutes more. `stale`: one the cluster no longer takes, which is not given again. Throws CredentialError, or
   * TransportError where the cluster does not answer.
   */
  token(cluster: Cluster, account: string, stale?: string): Promise<string>
}
/** The cluster refuses the gate's own credential what it is for. The message is for the operator; no token is in it. */
export class CredentialError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'CredentialError'
  }
}

const lifetimeS = 600
const aheadMs = 120_000
const mintMs = 10_000
const maxAnswerBytes = 64 * 1024
const mostKept = 1000

interface Kept { readonly token: string; readonly until: number }

/** TokenRequest: tokens minted for minutes, one a cluster and service account, asked for once however many wait for it. They live in this process's memory and nowhere else. */
export function createCredentials({ send, now }: { readonly send: Send; readonly now: () => number }): Credentials {
  const kept = new Map<string, Kept>()
  const minting = new Map<string, Promise<Kept>>()

  async function mint(cluster: Cluster, account: string): Promise<Kept> {
    const [namespace = '', name = ''] = account.split('/')
    const asked = now()
    const reply = await unsent(send(cluster, {
      method: 'POST', target: `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`, accept: 'application/json', contentType: 'application/json', token: null,
      body: JSON.stringify({ apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: lifetimeS } }), deadline: asked + mintMs, headersMs: mintMs, signal: AbortSignal.timeout(mintMs),
    }))
    const body = await unsent(wholeOf(reply.body, mintMs, maxAnswerBytes))
    if (reply.status === 401) throw new CredentialError('the cluster does not accept the credential of the connection\'s secret')
    if (reply.status === 403) throw new CredentialError(`the credential of the connection's secret may not create \`serviceaccounts/token\` for \`${account}\``)
    if (reply.status === 404) throw new CredentialError(`the cluster has no service account \`${account}\``)
    if (reply.status === 429 || reply.status >= 500) throw new TransportError('lost', `the cluster minted no token (status ${reply.status})`, false)
    const { token, seconds } = grantOf(reply.status, body)
    // By our clock from when we asked, and never past what was asked for: neither the cluster's clock nor its generosity keeps a token alive here.
    return { token, until: asked + Math.min(seconds, lifetimeS) * 1000 - aheadMs }
  }

  return {
    async token(cluster, account, stale) {
      const key = `${cluster.identity} ${account}`
      const held = kept.get(key)
      if (held && held.token !== stale && now() < held.until) return held.token
      if (held) kept.delete(key)
      const under = minting.get(key)
      const promise = under ?? mint(cluster, account).finally(() => { minting.delete(key) })
      if (!under) minting.set(key, promise)
      const made = await promise
      if (kept.size >= mostKept) kept.delete(kept.keys().next().value ?? '')
      kept.set(key, made)
      return made.token
    },
  }
}

/** A token that was minted and lost is no effect of the call it was for: that was never sent. */
const unsent = async <T>(promise: Promise<T>): Promise<T> => promise.catch((error: unknown) => {
  throw error instanceof TransportError ? new TransportError(error.kind === 'cut' ? 'timeout' : error.kind, error.message, false) : error
})

/** `seconds`: its life by the cluster's own two clocks, so that a skew between the cluster's and ours counts for nothing. */
function grantOf(status: number, body: Buffer | null): { token: string; seconds: number } {
  try {
    const { status: answer, spec } = JSON.parse(body?.toString('utf8') ?? '') as { status?: { token?: unknown }; spec?: { expirationSeconds?: unknown } }
    const seconds = spec?.expirationSeconds
    if (status === 201 && typeof answer?.token === 'string' && isToken(answer.token) && typeof seconds === 'number' && seconds > 0) return { token: answer.token, seconds }
  } catch {
    // Falls through: the parser's words would quote the answer, and a token may be in it.
  }
  throw new CredentialError('the cluster answered a TokenRequest with something else')
}

/** The service account by which this caller's calls go: of the first role held, in order of name, that has one, else `*`'s. null: none. */
export function accountOf({ serviceAccounts }: Pick<ConnectionDocument, 'serviceAccounts'>, roles: readonly string[]): string | null {
  if (!serviceAccounts || roles.length === 0) return null
  const role = [...roles].sort().find((one) => one !== '*' && Object.hasOwn(serviceAccounts, one)) ?? '*'
  return Object.hasOwn(serviceAccounts, role) ? (serviceAccounts[role] ?? null) : null
}
