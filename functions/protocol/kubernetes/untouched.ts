import { isObject } from './precondition.ts'

/** Members of a Status of the API server's; none of them where it is something else. */
export function statusIn(body: Uint8Array | null): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(Buffer.from(body ?? []).toString('utf8'))
    return isObject(value) && value['kind'] === 'Status' ? value : {}
  } catch {
    return {}
  }
}

/**
 * An apply whose object is not of its type, a strategic merge patch that cannot be merged: the API server says so with a bare 500 where another refusal is a 4xx. It is the caller's mistake, found before
 * anything is stored, and never comes from elsewhere.
 */
const mistakes = /^(?:failed to create typed patch object|unknown patch type: |map: map\[[^]*does not contain declared merge key: |The order in patch list:\n|expected slice or array type, but got: |lists of lists are not supported)/
export const untyped = (status: number, body: Uint8Array | null): boolean => {
  const { message, reason } = statusIn(body)
  return status === 500 && reason === undefined && typeof message === 'string' && mistakes.test(message)
}

/**
 * Whether a write that was answered with a 5xx has done nothing. The API server says 503 before it begins, and 500 with the name of the step where admission failed, which comes before
 * storage. A proxy's, a timeout's and a store's errors say nothing of what became of it.
 */
export function untouched(status: number, body: Uint8Array | null): boolean {
  const { reason, message } = statusIn(body)
  if (status === 503) return reason === 'ServiceUnavailable'
  return untyped(status, body) || (status === 500 && reason === 'InternalError' && typeof message === 'string' && /^Internal error occurred: (?:failed calling webhook|admission plugin)/.test(message))
}

/**
 * What an API server, a kubelet and containerd with runc say of a command that never began: by the words they begin with, for further on they may quote the command. A stream that breaks behind an API server while
 * the command runs is an InternalError too, so whatever else is said tells nothing of what became of it.
 */
const unbegun = /^(?:Internal error occurred: )*(?:error dialing backend: dial tcp |error sending request: Post "[^" ]*": dial tcp |(?:unable to upgrade connection: )?(?:container not found \("|pod does not exist|Forbidden \(user=)|error executing command in container: failed to exec in container: (?:container is in CONTAINER_[A-Z]+ state|failed to start exec "[0-9a-f]+": OCI runtime exec failed: exec failed: (?:unable to start container process: |container_linux\.go:\d+: starting container process caused: )))/
/** Whether a command that was answered with this Status, or by a kubelet with these words, did not begin. */
export function unstarted(body: Uint8Array): boolean {
  const { message } = statusIn(body)
  return unbegun.test(typeof message === 'string' ? message : Buffer.from(body).toString('utf8'))
}
