import type { Event } from '../../../schema/event.ts'
import type { Told } from '../../../schema/told.ts'
import { authenticationFailures, privileges, signIn } from './identity.ts'
import { apiCall } from './api.ts'
import { isRequest, requestActivity } from './cluster.ts'
import { isCommand, processActivity } from './process.ts'
import { statementActivity } from './datastore.ts'
import type { Ocsf } from './frame.ts'

/**
 * One event as an OCSF 1.8.0 object (schema.ocsf.io). `intent`: the intent that an outcome or a correction belongs to, where it is at hand; without it what was done is
 * `Unknown` rather than guessed. What has no place in the class stands in `unmapped`; what is absent or erased stays absent.
 */
export function ocsfOf(event: Told, intent: Told | null = null): Ocsf {
  const known: Readonly<Record<string, Mapper>> = mappers
  return (Object.hasOwn(known, event.kind) ? known[event.kind] ?? unknown : unknown)(event, intent)
}
type Mapper = (event: Told, intent: Told | null) => Ocsf

const unknown: Mapper = (event) => apiCall(event, { activity: 99, name: event.kind, operation: event.kind, resource: null })
const step = (name: string): Mapper => (event) => apiCall(event, { activity: 99, name, operation: `request.${event.kind}`, resource: event.request === undefined ? null : { type: 'access request', uid: event.request } })

/** What was asked of a target, by its kind. */
function run(event: Told, intent: Told | null): Ocsf {
  if (isCommand(event, intent)) return processActivity(event, intent)
  return isRequest(event, intent) ? requestActivity(event, intent) : statementActivity(event, intent)
}

/** Every kind there is: one that is added has no type until it is mapped here. */
const mappers: Readonly<Record<Event['kind'], Mapper>> = {
  intent: run, outcome: run, correction: run,
  // What is refused on the gate's own resources never was to reach a datastore.
  refusal: (event) => event.connection === 'sluice' ? apiCall(event, { activity: 99, name: 'Refuse', operation: operationOf(event), resource: { type: 'gate resource', name: event.accesses?.[0]?.resource ?? 'sluice' } }) : run(event, null),
  explain: (event) => apiCall(event, { activity: 2, operation: 'explain', resource: event.connection === null ? null : { type: 'connection', name: event.connection } }),
  repeat: (event) => apiCall(event, { activity: 2, operation: 'repeat', resource: event.connection === null ? null : { type: 'connection', name: event.connection } }),
  stream: (event) => apiCall(event, { activity: 99, name: 'End', operation: 'stream.end', resource: event.connection === null ? null : { type: 'connection', name: event.connection } }),
  output: (event) => apiCall({ ...event, change: Object.fromEntries(Object.entries(event.change ?? {}).filter(([name]) => name !== 'text' && name !== 'base64')) }, { activity: 99, name: 'Write', operation: 'command.output', resource: event.connection === null ? null : { type: 'connection', name: event.connection } }),
  policy: (event) => apiCall(event, { activity: 3, operation: 'policy.apply', resource: { type: 'policy', name: 'policy', ...(typeof event.change?.['to'] === 'string' ? { uid: event.change['to'] } : {}) } }),
  lock: (event) => apiCall(event, lockCall(event)),
  'audit-read': (event) => apiCall(event, { activity: 2, operation: event.change?.['export'] === undefined ? 'audit.read' : 'audit.export', resource: { type: 'audit', name: 'audit' } }),
  start: (event) => apiCall(event, { activity: 99, name: 'Start', operation: 'gate.start', resource: null }),
  heartbeat: (event) => apiCall(event, { activity: 99, name: 'Heartbeat', operation: 'log.heartbeat', resource: { type: 'audit', name: 'audit' } }),
  writer: (event) => apiCall(event, { activity: 99, name: 'Writer', operation: 'log.writer', resource: { type: 'audit', name: 'audit' } }),
  void: (event) => apiCall(event, { activity: 99, name: 'Void', operation: 'log.void', resource: { type: 'audit', name: 'audit' } }),
  'log-key': (event) => apiCall(event, { activity: 3, operation: 'log.key', resource: { type: 'audit', name: 'audit' } }),
  erasure: (event) => apiCall(event, { activity: 4, operation: 'audit.erase', resource: { type: 'audit', name: 'audit' } }),
  prune: (event) => apiCall(event, { activity: 4, operation: 'log.prune', resource: { type: 'audit', name: 'audit' } }),
  unauthenticated: authenticationFailures, 'sign-in': signIn,
  request: (event) => apiCall(event, { activity: 1, operation: 'request.create', resource: event.request === undefined ? null : { type: 'access request', uid: event.request } }),
  approval: privileges, rejection: step('Reject'), cancellation: step('Cancel'), expiry: step('Expire'), stale: step('Invalidate'),
}

const operationOf = ({ accesses }: Told): string => accesses?.[0] ? `${accesses[0].resource}.${accesses[0].action}` : 'sluice'

function lockCall({ change }: Told): Parameters<typeof apiCall>[1] {
  const lifted = change?.['lifted']
  if (typeof lifted === 'string') return { activity: 4, operation: 'lock.lift', resource: { type: 'lock', name: lifted } }
  const set = change?.['set']
  const target = typeof set === 'object' && set !== null && 'target' in set && typeof set.target === 'string' ? set.target : null
  return { activity: 1, operation: 'lock.set', resource: target === null ? null : { type: 'lock', name: target } }
}
