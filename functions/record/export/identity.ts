import type { Told } from '../../../schema/told.ts'
import { actorOf, chainOf, classes, framed, type Ocsf, userOf } from './frame.ts'

/**
 * 3005: a person's approval gives whoever asked the right to exactly one call. `user` is who asked, as far as the approval says it; OCSF demands one, so where it does not, it is `unknown`.
 */
export function privileges(event: Told): Ocsf {
  const { change, request } = event
  const requester = change?.['requester']
  return {
    ...framed(event, classes.access, { activity: 1, severity: 2, status: 1, ...(typeof change?.['status'] === 'string' ? { code: change['status'] } : {}), unmapped: { ...chainOf(event), change } }),
    actor: actorOf(event),
    user: typeof requester === 'string' ? userOf(requester) : { name: 'unknown', type_id: 0, type: 'Unknown' },
    privileges: [request === undefined ? 'one call' : `one call, as access request ${request} binds it`],
    ...(request === undefined ? {} : { resources: [{ type: 'access request', uid: request }] }),
  }
}

/** 3002: a person at the console. Who was refused may be nobody known. */
export function signIn(event: Told): Ocsf {
  const { change, who } = event
  const done = change?.['result'] === 'signed-in' || change?.['result'] === 'signed-out'
  return {
    ...framed(event, classes.authentication, { activity: change?.['result'] === 'signed-out' ? 2 : 1, severity: done ? 1 : 2, status: done ? 1 : 2, ...(typeof change?.['result'] === 'string' ? { code: change['result'] } : {}), unmapped: { change } }),
    user: who === null ? { name: 'unknown', type_id: 0, type: 'Unknown' } : userOf(who.subject, who.groups), service: { name: 'sluice-console' }, is_remote: true,
  }
}

/** 3002: callers whose token did not hold, which the gate counts and does not record one by one. */
export function authenticationFailures(event: Told): Ocsf {
  const from = event.change?.['from']
  const counts = event.change?.['counts']
  const times = typeof counts === 'object' && counts !== null ? Object.values(counts).reduce((sum: number, one: unknown) => sum + (typeof one === 'number' ? one : 0), 0) : 0
  const start = typeof from === 'string' ? Date.parse(from) : Number.NaN
  return {
    ...framed(event, classes.authentication, { activity: 1, severity: 2, status: 2, code: 'unauthenticated', unmapped: { change: event.change } }),
    // An aggregate of OCSF's begins with its time; both ends stand where the count does.
    ...(times > 0 && !Number.isNaN(start) ? { count: times, time: start, start_time: start, end_time: Date.parse(event.at) } : {}),
    user: { name: 'unknown', type_id: 0, type: 'Unknown' }, service: { name: 'sluice' }, is_remote: true,
  }
}
