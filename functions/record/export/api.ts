import type { Told } from '../../../schema/told.ts'
import { actorOf, authorizationsOf, chainOf, classes, framed, type Ocsf } from './frame.ts'

interface Call {
  readonly activity: 1 | 2 | 3 | 4 | 99
  readonly name?: string
  readonly operation: string
  readonly resource: { readonly type: string; readonly name?: string; readonly uid?: string } | null
}

/** 6003: what was asked of the gate itself: its policy, its locks, its record, an access request. The caller's address is not in the record, and is said not to be. */
export function apiCall(event: Told, { activity, name, operation, resource }: Call): Ocsf {
  const { refusal, change } = event
  const phase = change?.['phase']
  const failed = refusal != null || phase === 'moved' || phase === 'refused'
  return {
    ...framed(event, classes.api, {
      activity, ...(name === undefined ? {} : { name }), severity: refusal?.slug === 'denied' ? 3 : event.kind === 'policy' || event.kind === 'lock' ? 2 : 1,
      status: failed ? 2 : phase === 'intended' || phase === 'unknown' ? 0 : 1, ...(refusal ? { code: refusal.slug, detail: refusal.detail } : typeof phase === 'string' ? { code: phase } : {}),
      unmapped: { ...chainOf(event), change, purpose: event.purpose, accesses: event.accesses, inner: refusal?.inner },
    }),
    actor: actorOf(event, refusal?.slug === 'denied' ? authorizationsOf(event, 'denied', refusal.rule === undefined ? [] : [refusal.rule]) : undefined),
    api: { operation, service: { name: 'sluice' }, version: 'v1' },
    src_endpoint: event.who === null ? { svc_name: 'sluice' } : { name: 'not recorded' },
    ...(resource === null ? {} : { resources: [resource] }),
  }
}
