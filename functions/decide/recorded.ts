import * as z from 'zod'
import { commandWords } from '../../schema/command.ts'
import type { Access } from '../../schema/effects.ts'
import { actionNames, capabilityNames } from '../../schema/policy.ts'
import { told, toldRequest, type Told } from '../../schema/told.ts'

/** A decision as far as an event tells of it. */
export interface Recorded {
  readonly was: 'permit' | 'ask' | 'deny'
  readonly who: NonNullable<Told['who']>
  readonly connection: string
  readonly purpose: string | null
  readonly accesses: readonly Access[]
  readonly masked: readonly { readonly resource: string; readonly column: string; readonly mask: string }[]
  /** null: not in this event. */
  readonly demands: readonly { readonly by: readonly string[]; readonly quorum: number }[] | null
  /** Of a command: as whom it was decided to run. null: not in this event. */
  readonly login: string | null
  /** It was refused for more than its accesses. */
  readonly unseen: boolean
  /** Why nothing can be told from it. */
  readonly missing: string | null
}

/** Refusals that the policy decided, as opposed to the grammar, a lock, a quota or the target. `true`: for what came out or was used, not for an access. */
const decided: Readonly<Record<string, boolean>> = {
  denied_by_rule: false, no_rule: false, column_not_covered: false, condition_not_met: false, approval_required: false, classified_use: false, mask_written_back: true, unclassified_result: true,
}

/** null: no decision, or none of the policy's. */
export function recorded(event: Told): Recorded | null {
  const { who, connection } = event
  if (who === null || connection === null) return null
  const content: z.infer<typeof asked> = event.kind === 'request' ? asked.safeParse(event.change).data ?? {} : { ...event, demands: undefined }
  const was = verdictOf(event)
  if (was === null) return null
  const reached = content.accesses === undefined ? null : accessesOf(content.accesses)
  const line = reached?.some(({ action }) => action === 'exec') ? lineIn(event) : null
  // What stands in clear of a command are the words that a rule named then; another policy is asked about its line.
  const accesses = line === null ? reached : reached?.map((access) => ({ ...access, resource: line })) ?? null
  const cut = event.statements?.some(({ sql, params }) => sql.includes('… [cut: ') || params?.some((param) => typeof param === 'string' && param.startsWith('[cut: '))) ?? false
  const hidden = reached?.some(({ action }) => action === 'exec') === true && (line === null || line.includes('[redacted: ') || commandWords(line) === null)
  const unread = accesses?.some(({ action, columns }) => action === 'select' && columns === null) ?? false
  return {
    was, who, connection, purpose: content.purpose ?? null, accesses: accesses ?? [],
    masked: Object.entries(content.masks ?? {}).map(([name, mask]) => ({ ...split(name, accesses ?? []), mask })), demands: event.kind === 'request' ? content.demands ?? null : null, login: line === null ? null : loginIn(event),
    unseen: event.kind === 'refusal' && Object.hasOwn(decided, event.refusal?.reason ?? '') && decided[event.refusal?.reason ?? ''] === true,
    missing: accesses === null || accesses.length === 0 ? 'the record does not hold what it would have reached' : cut ? 'the record holds only its beginning' : hidden ? 'the record does not hold its command, or not all of it' : unread ? 'the record does not hold which columns it read' : null,
  }
}

/** The one statement of a command: an event's own, or a request's. */
function lineIn({ statements, change }: Told): string | null {
  const [first] = statements?.map(({ sql }) => sql) ?? (Array.isArray(change?.['statements']) ? change['statements'] as readonly unknown[] : [])
  return typeof first === 'string' ? first : null
}

/** What a host's plan says of itself, in its first line. */
function loginIn({ diff, change }: Told): string | null {
  const where = diff ?? change?.['diff']
  return typeof where === 'string' ? /^as ([^\s]+)\n/.exec(where)?.[1] ?? null : null
}

/** What a request's event holds, under `change`. */
const asked = z.looseObject({
  accesses: told.shape.accesses, masks: told.shape.masks, purpose: told.shape.purpose, demands: toldRequest.shape.demands.optional(),
})

function verdictOf({ kind, request, refusal }: Told): Recorded['was'] | null {
  if (kind === 'intent') return request === undefined ? 'permit' : 'ask'
  if (kind === 'request') return 'ask'
  if (kind !== 'refusal' || refusal == null || refusal.slug !== 'denied' || !Object.hasOwn(decided, refusal.reason)) return null
  return refusal.reason === 'approval_required' ? 'ask' : 'deny'
}

/** `schema.table.column`: a column's name may hold dots, so the table is one that was reached. */
function split(name: string, accesses: readonly Access[]): { readonly resource: string; readonly column: string } {
  const resource = accesses.find((access) => name.startsWith(`${access.resource}.`))?.resource ?? name.slice(0, name.lastIndexOf('.'))
  return { resource, column: name.slice(resource.length + 1) }
}

/** Accesses as the record tells them, with their place as if all were of a cluster; null where one is of an action, or needs something, this version does not know. */
function accessesOf(list: NonNullable<Told['accesses']>): readonly Access[] | null {
  const found: Access[] = []
  for (const { action: named, resource, columns = null, via = [], part, system = false, namespace = null, name = null, needs = [] } of list) {
    const action = actionNames.find((name) => name === named)
    if (action === undefined || needs.some((need) => !(capabilityNames as readonly string[]).includes(need))) return null
    found.push({ action, resource, columns, system, via, ...(part ? { part: true as const } : {}), statement: 0, span: null, target: { namespace, name, needs: capabilityNames.filter((one) => needs.includes(one)) } })
  }
  return found
}
