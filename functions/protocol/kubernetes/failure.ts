import { slicesOf, stringAt, Unmaskable } from './scan.ts'

/** What the API server says when it refuses, without words of its own: they may quote a value that was sent, or that is there. */
const sayings: Readonly<Record<string, string>> = {
  NotFound: 'not found', AlreadyExists: 'already exists', Conflict: 'the object has been modified; please apply your changes to the latest version and try again', Forbidden: 'is forbidden', Gone: 'is gone', Expired: 'the provided resource version is too old',
  Invalid: 'is invalid', Timeout: 'the request timed out', ServerTimeout: 'the server timed out', TooManyRequests: 'too many requests; try again later', BadRequest: 'the request is not understood', MethodNotAllowed: 'does not support this method',
  NotAcceptable: 'cannot be given in the form asked for', UnsupportedMediaType: 'does not take a body of this form', InternalError: 'an internal error occurred', ServiceUnavailable: 'the service is unavailable', Unauthorized: 'not authorized', RequestEntityTooLarge: 'the request is too large', Unknown: 'is refused, in words of the cluster\'s that may quote a value and are left out',
}
const word = (value: unknown, pattern: RegExp): string | null => (typeof value === 'string' && value.length <= 253 && pattern.test(value) ? value : null)

/** A failed Status about an object that holds a class, rebuilt from what says which object and which field; messages are left out. The kind's own code and reason stay. */
export function rebuiltFailure(text: string): string {
  const status: unknown = JSON.parse(text)
  if (typeof status !== 'object' || status === null) throw new Unmaskable('no status')
  const { reason: given, code: number, details: about, metadata: _metadata } = status as Record<string, unknown>
  const reason = word(given, /^[A-Za-z]+$/) ?? 'Unknown'
  const code = typeof number === 'number' && number >= 400 && number < 600 ? number : 500
  const details = typeof about === 'object' && about !== null ? about as Record<string, unknown> : {}
  const [name, group, kind, uid] = [word(details.name, /^[A-Za-z0-9._:-]+$/), word(details.group, /^[a-z0-9.-]*$/), word(details.kind, /^[A-Za-z0-9./-]+$/), word(details.uid, /^[A-Za-z0-9-]+$/)]
  const causes = (Array.isArray(details.causes) ? details.causes : []).slice(0, 100).flatMap((cause: unknown) => {
    const { reason, field } = (typeof cause === 'object' && cause !== null ? cause : {}) as Record<string, unknown>
    return [{ reason: word(reason, /^[A-Za-z]+$/) ?? 'FieldValueInvalid', ...(typeof field === 'string' ? { field: field.replace(/\[[^\]]*["=][^\]]*\]?/g, '[…]').slice(0, 253) } : {}) }]
  })
  const which = kind === null ? '' : `${kind}${group ? `.${group}` : ''}${name === null ? '' : ` "${name}"`} `
  const fields = causes.flatMap(({ field }) => field ?? [])
  const message = `${which}${sayings[reason] ?? `refused: ${reason}`}${fields.length > 0 ? `: ${[...new Set(fields)].join(', ')}` : ''}`
  const retry = typeof details.retryAfterSeconds === 'number' ? { retryAfterSeconds: details.retryAfterSeconds } : {}
  return JSON.stringify({
    kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason,
    details: { ...(name === null ? {} : { name }), ...(group ? { group } : {}), ...(kind === null ? {} : { kind }), ...(uid === null ? {} : { uid }), ...(causes.length > 0 ? { causes } : {}), ...retry }, code,
  })
}

/** A text member of the object that the text is; null: it has none of this name. */
export function textMember(text: string, key: string): string | null {
  const slice = slicesOf(text).find((one) => one.key === key)
  return slice !== undefined && text[slice.start] === '"' ? stringAt(text, slice.start, slice.end) : null
}
