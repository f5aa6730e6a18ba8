import type { Told } from '../../../schema/told.ts'

/** An OCSF object: plain JSON. test/record/export/ocsf.test.ts holds each class to a strict shape of its own. */
export type Ocsf = Readonly<Record<string, unknown>>

export const classes = {
  datastore: { class_uid: 6005, class_name: 'Datastore Activity', category_uid: 6, category_name: 'Application Activity', activities: { 0: 'Unknown', 2: 'Update', 4: 'Query', 5: 'Write', 6: 'Create', 7: 'Delete', 99: 'Other' } },
  process: { class_uid: 1007, class_name: 'Process Activity', category_uid: 1, category_name: 'System Activity', activities: { 1: 'Launch', 2: 'Terminate' } },
  api: { class_uid: 6003, class_name: 'API Activity', category_uid: 6, category_name: 'Application Activity', activities: { 1: 'Create', 2: 'Read', 3: 'Update', 4: 'Delete', 99: 'Other' } },
  access: { class_uid: 3005, class_name: 'User Access Management', category_uid: 3, category_name: 'Identity & Access Management', activities: { 1: 'Assign Privileges' } },
  authentication: { class_uid: 3002, class_name: 'Authentication', category_uid: 3, category_name: 'Identity & Access Management', activities: { 1: 'Logon', 2: 'Logoff' } },
} as const
type Class = (typeof classes)[keyof typeof classes]

const severities = { 1: 'Informational', 2: 'Low', 3: 'Medium', 4: 'High' } as const
const states = { 0: 'Unknown', 1: 'Success', 2: 'Failure' } as const
export interface Frame<C extends Class> {
  readonly activity: keyof C['activities'] & number
  /** The source's own word where the activity is 99, which OCSF demands. */
  readonly name?: string
  readonly severity: keyof typeof severities
  readonly status: keyof typeof states
  readonly code?: string | undefined
  readonly detail?: string | undefined
  readonly unmapped?: Ocsf
}

/** What every class has. Time is epoch ms; `metadata.uid` is the event's id, by which whoever gets it twice knows; `correlation_uid` is the evaluation, which joins an intent and its outcome. */
export function framed<C extends Class>(event: Told, of: C, { activity, name, severity, status, code, detail, unmapped }: Frame<C>): Ocsf {
  const { activities, ...named } = of
  const captions: Readonly<Record<number, string>> = activities
  return {
    ...named, activity_id: activity, activity_name: activity === 99 ? name ?? event.kind : captions[activity] ?? 'Unknown', type_uid: of.class_uid * 100 + activity, type_name: `${of.class_name}: ${captions[activity] ?? 'Unknown'}`,
    time: Date.parse(event.at), severity_id: severity, severity: severities[severity], status_id: status, status: states[status], ...(code === undefined ? {} : { status_code: code }), ...(detail === undefined ? {} : { status_detail: detail }),
    metadata: {
      version: '1.8.0', product: { name: 'Sluice', vendor_name: 'Sluice' }, log_name: 'audit', uid: event.id, event_code: event.kind, correlation_uid: event.evaluation, original_time: event.at,
    },
    unmapped: without({ session: event.session, request: event.request, policy: event.policy, connection: event.connection, ...unmapped }),
  }
}

/** Leaves out what is absent, so that nothing stands there as if it had been said. */
export const without = (members: Ocsf): Ocsf => Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined && value !== null))

/** A person is a User, an agent a Service. */
export const userOf = (id: string, groups: readonly string[] = []): Ocsf => ({
  uid: id, name: id.slice(id.indexOf(':') + 1) || id, ...(id.startsWith('user:') ? { type_id: 1, type: 'User' } : id.startsWith('agent:') ? { type_id: 4, type: 'Service' } : { type_id: 0, type: 'Unknown' }),
  ...(groups.length === 0 ? {} : { groups: groups.map((name) => ({ name })) }),
})

/** Who acts. `user` is the token's subject; who acts for them (RFC 8693 `act`) has no place in OCSF's actor and stands in `unmapped.actors`. Without a caller it is the gate itself. */
export function actorOf(event: Told, authorizations?: readonly Ocsf[]): Ocsf {
  const decided = authorizations === undefined || authorizations.length === 0 ? {} : { authorizations }
  if (event.who === null) return { app_name: 'Sluice', ...decided }
  const { subject, groups, issuer } = event.who
  return { user: userOf(subject, groups), idp: { name: issuer }, ...(event.session === null ? {} : { session: { uid: event.session, issuer } }), ...decided }
}
/** Roles and the `act` chain, for `unmapped`. */
export const chainOf = ({ who }: Told): Ocsf => who === null ? {} : { ...(who.actors.length === 0 ? {} : { actors: who.actors }), ...(who.roles.length === 0 ? {} : { roles: who.roles }) }

/** The decision, with each rule that made it and the policy's version. */
export const authorizationsOf = ({ policy }: Told, decision: string, rules: readonly string[]): readonly Ocsf[] =>
  (rules.length === 0 ? [undefined] : rules).map((rule) => without({ decision, policy: rule === undefined && policy === null ? undefined : without({ name: rule, uid: rule === undefined ? policy : undefined, version: policy }) }))
