import type { Fields } from './object.ts'

/** An answer that is a Status of failure. Thrown inside the demo's API server only, and answered in one place. */
export class Failure extends Error {
  readonly code: number
  readonly status: Fields
  constructor(code: number, reason: string, message: string, details: Fields = {}) {
    super(message)
    this.code = code
    this.status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, ...(reason ? { reason } : {}), ...(Object.keys(details).length ? { details } : {}), code }
  }
}
interface Which { readonly group: string; readonly plural: string }
const qualified = ({ group, plural }: Which) => group === '' ? plural : `${plural}.${group}`
const details = ({ group, plural }: Which, name: string): Fields => ({ name, ...(group ? { group } : {}), kind: plural })

export const notFound = (which: Which, name: string) => new Failure(404, 'NotFound', `${qualified(which)} "${name}" not found`, details(which, name))
export const noSuchPath = () => new Failure(404, 'NotFound', 'the server could not find the requested resource')
export const alreadyExists = (which: Which, name: string) => new Failure(409, 'AlreadyExists', `${qualified(which)} "${name}" already exists`, details(which, name))
export const conflict = (which: Which, name: string, why: string) => new Failure(409, 'Conflict', `Operation cannot be fulfilled on ${qualified(which)} "${name}": ${why}`, details(which, name))
export const badRequest = (message: string) => new Failure(400, 'BadRequest', message)
export const notAllowed = () => new Failure(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource')
export const expired = (message: string) => new Failure(410, 'Expired', message)
/** `causes`: field → what is wrong with it. */
export function invalid({ group, kind }: { readonly group: string; readonly kind: string }, name: string, causes: readonly (readonly [field: string, message: string, reason?: string])[]): Failure {
  const [first] = causes
  const all = causes.map(([field, message]) => `${field}: ${message}`)
  return new Failure(422, 'Invalid', `${kind}${group ? `.${group}` : ''} "${name}" is invalid: ${all.length === 1 && first ? all[0] : `[${all.join(', ')}]`}`,
    { name, ...(group ? { group } : {}), kind, causes: causes.map(([field, message, reason = 'FieldValueInvalid']) => ({ reason, message, field })) })
}
export function forbidden(user: string, verb: string, which: Which & { readonly subresource: string; readonly name: string; readonly namespace: string }): Failure {
  const { group, plural, subresource, name, namespace } = which
  const what = `${plural}${subresource && `/${subresource}`}`
  const where = namespace ? ` in the namespace "${namespace}"` : ' at the cluster scope'
  return new Failure(403, 'Forbidden', `${qualified(which)}${name ? ` "${name}"` : ''} is forbidden: User "${user}" cannot ${verb} resource "${what}" in API group "${group}"${where}`, details(which, name))
}
