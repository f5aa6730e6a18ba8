/**
 * The target of a request (RFC 9112, 3.2) as it came, in nothing normalised: decided on one reading of a path and forwarded in another is a way around every rule. `env` is what the platform
 * hands beside a request. null: there is none that has one reading.
 */
export type RawTarget = (env: unknown) => string | null

/** node:http hands on the request line's bytes. */
export const ofNode: RawTarget = (env) => textOf(memberOf(memberOf(env, 'incoming'), 'url'))

/**
 * A Lambda function URL takes the target apart and does not say whether it decodes the path. So only a path without anything to decode is one: every character stands for itself, decoded
 * or not, and what had an escape, a space or a mark of the query in it is refused. The query is handed on as it came.
 */
export const ofFunctionUrl: RawTarget = (env) => {
  const event = memberOf(env, 'event')
  const [path, query] = [textOf(memberOf(event, 'rawPath')), textOf(memberOf(event, 'rawQueryString'))]
  if (path === null || !/^[A-Za-z0-9\-._~!$&'()*+,=:@/]+$/.test(path)) return null
  return query === null || query === '' ? path : `${path}?${query}`
}

const memberOf = (value: unknown, name: string): unknown => (typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined)
const textOf = (value: unknown): string | null => (typeof value === 'string' ? value : null)
