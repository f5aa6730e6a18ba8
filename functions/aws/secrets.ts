import { Fault, type Secrets } from '../ports.ts'
import { type Answer, createCall } from './call.ts'
import type { Place } from './dynamo.ts'

export interface Vault extends Place {
  /** `prefix/name` is where the secret `name` lies. */
  readonly prefix: string
  readonly now: () => number
}
const keepMs = 5 * 60_000
const passing = new Set(['ThrottlingException', 'InternalServiceError', 'LimitExceededException'])

/**
 * Secrets Manager. A value is kept in memory for at most five minutes, so a rotated one is in use by then everywhere; whoever needs it meanwhile waits for one call, not each for its
 * own. Throws Fault secret-missing for one that is not there, has no value, or may not be read by this function; store-unavailable where nobody answers.
 */
export function createVault({ prefix, ...place }: Vault): Secrets & { close(): void } {
  const call = createCall('secretsmanager', place, (answer) => passing.has(typeOf(answer)))
  const kept = new Map<string, { readonly at: number; readonly value: Promise<string> }>()

  async function read(name: string): Promise<string> {
    const answer = await call({
      method: 'POST', path: '/', headers: { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': 'secretsmanager.GetSecretValue' }, body: Buffer.from(JSON.stringify({ SecretId: `${prefix}/${name}` })),
    })
    const type = typeOf(answer)
    if (type === 'ResourceNotFoundException' || type === 'AccessDeniedException') throw new Fault('secret-missing', `no secret ${name}`)
    if (answer.status !== 200) throw new Fault('store-unavailable', `the secret store answered ${answer.status} ${type}`)
    const value = parse(answer)['SecretString']
    if (typeof value !== 'string' || value === '') throw new Fault('secret-missing', `the secret ${name} has no value`)
    return value
  }

  return {
    get(name) {
      const known = kept.get(name)
      const now = place.now()
      if (known && now - known.at < keepMs && now >= known.at) return known.value
      const value = read(name)
      kept.set(name, { at: now, value })
      value.catch(() => { if (kept.get(name)?.value === value) kept.delete(name) })     // a failure is nobody's answer but this one's
      return value
    },
    close: () => call.close(),
  }
}

function parse(answer: Answer): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(answer.body.toString())
    return typeof value === 'object' && value !== null ? value as Readonly<Record<string, unknown>> : {}
  } catch {
    return {}
  }
}
const typeOf = (answer: Answer): string => answer.status === 200 ? '' : String(parse(answer)['__type'] ?? '').replace(/^.*#/, '')
