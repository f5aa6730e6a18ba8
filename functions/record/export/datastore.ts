import type { Told } from '../../../schema/told.ts'
import { actorOf, authorizationsOf, chainOf, classes, framed, type Ocsf, without } from './frame.ts'

const activities: Readonly<Record<string, 2 | 4 | 6 | 7>> = { select: 4, insert: 6, update: 2, delete: 7, truncate: 7 }
type Activity = { readonly activity: 0 | 2 | 4 | 5 | 6 | 7 | 99; readonly name?: string }

/**
 * 6005: a statement about to run, what became of it, or its refusal. An outcome says nothing of what it did but through its intent. The gate connects to the datastore,
 * so it is the source; the caller's own address is not in the record.
 */
export function statementActivity(event: Told, intent: Told | null): Ocsf {
  const asked = event.kind === 'intent' || event.kind === 'refusal' ? event : intent
  const { status, code, detail, severity } = endOf(event)
  const rules = event.kind === 'refusal' ? [event.refusal?.rule ?? []].flat() : asked?.rules ?? []
  const tables = [...new Set((asked?.accesses ?? []).map(({ resource }) => resource))]
  return {
    ...framed(event, classes.datastore, {
      ...activityOf(asked), severity, status, code, detail,
      unmapped: {
        ...chainOf(event), purpose: asked?.purpose, accesses: asked?.accesses, masks: nonEmpty(asked?.masks), revealed: asked?.revealed, parameters: paramsOf(asked), statements: asked?.statements && asked.statements.length > 1 ? asked.statements.map(({ sql }) => sql) : undefined,
        intent: event.intent, outcome: event.kind === 'outcome' || event.kind === 'correction' ? event.status : undefined, rowCounts: event.rowCounts, truncated: event.truncated, durationMs: event.durationMs, by: event.by, deadline: event.deadline, inner: event.refusal?.inner,
      },
    }),
    actor: actorOf(event, event.kind === 'outcome' || event.kind === 'correction' ? undefined : authorizationsOf(event, event.kind === 'refusal' ? 'denied' : 'allowed', rules)),
    src_endpoint: { svc_name: 'sluice' },
    // SQL engines: of a cluster and of a host see cluster.ts and process.ts.
    database: { name: event.connection ?? 'unknown', type_id: 1, type: 'Relational' }, ...(tables.length === 1 ? { table: { name: tables[0] }, type_id: 3, type: 'Table' } : { type_id: 1, type: 'Database' }),
    ...(asked?.statements && asked.statements.length > 0 ? { query_info: { uid: asked.id, query_string: asked.statements.map(({ sql }) => sql).join(';\n') } } : {}),
  }
}

/** One kind of change names the activity, several are a Write; reads beside it do not count. What no activity of OCSF's names keeps its own. */
function activityOf(asked: Told | null): Activity {
  const actions = [...new Set((asked?.accesses ?? []).map(({ action }) => action))]
  if (actions.length === 0) return { activity: 0 }
  const changing = actions.filter((action) => action !== 'select' && action !== 'call')
  if (changing.length === 0) return actions.includes('select') ? { activity: 4 } : { activity: 99, name: 'Call' }
  const other = changing.find((action) => !Object.hasOwn(activities, action))
  if (other !== undefined) return { activity: 99, name: changing.length === 1 ? capital(other) : 'Change' }
  const kinds = [...new Set(changing.map((action) => activities[action] ?? 5))]
  return { activity: kinds.length === 1 ? kinds[0] ?? 5 : 5 }
}

function endOf({ kind, status, refusal }: Told): { readonly status: 0 | 1 | 2; readonly severity: 1 | 2 | 3 | 4; readonly code?: string | undefined; readonly detail?: string | undefined } {
  const why = refusal ? { code: refusal.sqlstate ?? refusal.slug, detail: refusal.detail } : {}
  if (kind === 'intent') return { status: 0, severity: 1 }                 // its outcome says
  if (kind === 'refusal') return { status: 2, severity: refusal?.slug === 'denied' ? 3 : 2, ...why }
  switch (status) {
    case 'succeeded': return { status: 1, severity: 1 }
    case 'failed': return { status: 2, severity: 2, ...why }
    case undefined: default: return { status: 0, severity: 4, ...why }      // may have happened or not: somebody must look
  }
}

const paramsOf = (asked: Told | null): unknown => asked?.statements?.some(({ params }) => params && params.length > 0) ? asked.statements.map(({ params }) => params ?? []) : undefined
const nonEmpty = (members: Told['masks']): Ocsf | undefined => members === undefined || Object.keys(members).length === 0 ? undefined : without(members)
const capital = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1)
