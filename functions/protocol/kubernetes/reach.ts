import type { ConnectionDocument } from '../../../schema/policy.ts'
import { Fault, type Secrets } from '../../ports.ts'
import { CredentialError, type Credentials } from './credential.ts'
import { type Cluster, readKubeconfig } from './kubeconfig.ts'
import { wholeOf } from './bytes.ts'
import type { Call, Reply, Send } from './transport.ts'
import { TransportError } from './trouble.ts'

/** The way to a connection's cluster: where it is, and a call there as a service account. */
export interface Reach {
  /** Throws Fault secret-missing, with words that quote nothing of the secret. */
  cluster(connection: Pick<ConnectionDocument, 'name' | 'secret'>): Promise<Cluster>
  /** One request as the service account, which the cluster may refuse (401) once: then with a new token, for a refused one did nothing. Throws TransportError and CredentialError. */
  call(cluster: Cluster, account: string, call: Omit<Call, 'token'>): Promise<Reply>
  /** A JSON document, whole; null where its status is 404. `account` null: as the gate's own credential. Throws besides TransportError where the status is another or it is no object. */
  json(cluster: Cluster, account: string | null, target: string, how?: { readonly accept?: string; readonly deadline?: number; readonly maxBytes?: number }): Promise<Readonly<Record<string, unknown>> | null>
}
const mostKept = 200
const jsonMs = 10_000
const jsonBytes = 16 * 1024 * 1024

export function createReach({ secrets, now, send, credentials }: { readonly secrets: Secrets; readonly now: () => number; readonly send: Send; readonly credentials: Credentials }): Reach {
  const read = new Map<string, Cluster>()                                // by the secret's whole text: a rotated one is another cluster until read

  async function call(cluster: Cluster, account: string, one: Omit<Call, 'token'>): Promise<Reply> {
    const token = await credentials.token(cluster, account)
    const first = await send(cluster, { ...one, token })
    if (first.status !== 401) return first
    first.body.destroy()
    const second = await send(cluster, { ...one, token: await credentials.token(cluster, account, token) })
    if (second.status !== 401) return second
    second.body.destroy()
    throw new CredentialError(`the cluster does not accept the token it minted for \`${account}\``)
  }

  return {
    async cluster({ name, secret }) {
      if (secret === undefined) throw new Fault('secret-missing', `connection \`${name}\` names no secret`)
      const text = await secrets.get(secret)
      const known = read.get(text)
      if (known) return known
      const found = readKubeconfig(text)
      if (!found.ok) throw new Fault('secret-missing', `the kubeconfig of connection \`${name}\` is of no use: ${found.why}`)
      if (read.size >= mostKept) read.clear()
      read.set(text, found.cluster)
      return found.cluster
    },
    call,
    async json(cluster, account, target, { accept = 'application/json', deadline = now() + jsonMs, maxBytes = jsonBytes } = {}) {
      const one = { method: 'GET', target, accept, deadline, headersMs: jsonMs, signal: AbortSignal.timeout(jsonMs) }
      const reply = account === null ? await send(cluster, { ...one, token: null }) : await call(cluster, account, one)
      const body = await wholeOf(reply.body, jsonMs, maxBytes)
      if (reply.status === 404) return null
      if (reply.status !== 200) throw new StatusError(reply.status)
      return objectOf(body)
    },
  }
}

/** The cluster answered, and not with what was asked for. */
export class StatusError extends Error {
  readonly status: number
  constructor(status: number) {
    super(`the cluster answers with status ${status}`)
    this.name = 'StatusError'
    this.status = status
  }
}

function objectOf(body: Buffer | null): Readonly<Record<string, unknown>> {
  let value: unknown
  try {
    value = JSON.parse(body?.toString('utf8') ?? '')
  } catch {
    value = null
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new TransportError('broken', 'the cluster answers with something that is no object', true)
  return value as Readonly<Record<string, unknown>>
}
