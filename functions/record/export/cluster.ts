import type { Told } from '../../../schema/told.ts'
import { actorOf, authorizationsOf, chainOf, classes, framed, type Ocsf, without } from './frame.ts'

const line = /^(GET|HEAD|POST|PUT|PATCH|DELETE) (\/[^?]*)(?:\?(.*))?$/s
/** Verb → activity; any other keeps its own name. */
const activities: Readonly<Record<string, 1 | 2 | 3 | 4>> = { get: 2, list: 2, watch: 2, create: 1, update: 3, patch: 3, delete: 4, deletecollection: 4 }

const askedOf = (event: Told, intent: Told | null): Told | null => (event.kind === 'intent' || event.kind === 'refusal' ? event : intent)
/** A request to a cluster's API server: by its line, or where that is erased by what it reached. A relation of SQL is `schema.name`; a resource there has no dot but in its group. */
export function isRequest(event: Told, intent: Told | null): boolean {
  const { connection, statements, accesses = [] } = askedOf(event, intent) ?? {}
  if (connection === undefined || connection === 'sluice') return false
  const [first] = statements ?? []
  return first === undefined ? accesses.length > 0 && accesses.every(({ resource }) => resource.includes('/') || !resource.includes('.')) : line.test(first.sql)
}

/** 6003, API Activity: a request to a cluster's API server, a command in a container among them, about to be made; what became of it; or its refusal. */
export function requestActivity(event: Told, intent: Told | null): Ocsf {
  const asked = askedOf(event, intent)
  const { action, resource, namespace, name } = asked?.accesses?.[0] ?? {}
  const rules = event.kind === 'refusal' ? [event.refusal?.rule ?? []].flat() : asked?.rules ?? []
  const [, method, path, search] = line.exec(asked?.statements?.[0]?.sql ?? '') ?? []
  const activity = action === undefined ? 99 : Object.hasOwn(activities, action) ? activities[action] ?? 99 : 99
  const { status, severity } = endOf(event)
  return {
    ...framed(event, classes.api, {
      activity, ...(activity === 99 ? { name: action ?? 'Unknown' } : {}), status, severity, code: event.refusal?.slug, detail: event.refusal?.detail,
      unmapped: {
        ...chainOf(event), purpose: asked?.purpose, accesses: asked?.accesses, masks: asked?.masks && Object.keys(asked.masks).length > 0 ? asked.masks : undefined, revealed: asked?.revealed, intent: event.intent,
        outcome: event.kind === 'outcome' || event.kind === 'correction' ? event.status : undefined, audit: event.answered?.audit, truncated: event.truncated, durationMs: event.durationMs, by: event.by, deadline: event.deadline, inner: event.refusal?.inner,
      },
    }),
    actor: actorOf(event, event.kind === 'outcome' || event.kind === 'correction' ? undefined : authorizationsOf(event, event.kind === 'refusal' ? 'denied' : 'allowed', rules)),
    api: { operation: action === undefined ? 'unknown' : `${resource ?? ''}.${action}`, service: { name: 'kubernetes' }, version: 'v1' }, src_endpoint: { svc_name: 'sluice' },
    ...(resource === undefined ? {} : { resources: [without({ type: resource, name: name ?? event.connection ?? undefined, namespace })] }),
    ...(method === undefined || path === undefined ? {} : { http_request: { http_method: method, url: without({ path, query_string: search }) } }),
    ...(event.answered ? { http_response: { code: event.answered.status } } : {}),
  }
}

function endOf({ kind, status, refusal }: Told): { readonly status: 0 | 1 | 2; readonly severity: 1 | 2 | 3 | 4 } {
  if (kind === 'intent') return { status: 0, severity: 1 }                 // its outcome says
  if (kind === 'refusal') return { status: 2, severity: refusal?.slug === 'denied' ? 3 : 2 }
  switch (status) {
    case 'succeeded': return { status: 1, severity: 1 }
    case 'failed': return { status: 2, severity: 2 }
    case undefined: default: return { status: 0, severity: 4 }              // may have happened or not: somebody must look
  }
}
