import { hash } from 'node:crypto'
import { canonicalJson } from '../../schema/bundle.ts'
import type { Caller } from '../../schema/caller.ts'
import type { Effects, Obligations, Target } from '../../schema/effects.ts'
import type { AccessRecord, Event, Id, IntentEvent, OutcomeEvent, RefusalEvent, RefusalRecord, Who } from '../../schema/event.ts'
import { maxEventBytes } from '../../schema/item.ts'
import type { Refusal } from '../../schema/refusal.ts'
import type { Param, Query } from '../../schema/request.ts'
import type { Decision } from '../permit.ts'
import type { Executed } from '../protocol/protocol.ts'
import { redactCommand, redactQuoted, redactTarget } from './argument.ts'
import { redactText, redactValue } from './redact.ts'

/** Events as the record keeps them, made from what the stages found. Pure: ids and times come in. */
export type Permitted = Extract<Decision, { kind: 'permit' }>
export type Common = Pick<Event, 'id' | 'at' | 'evaluation' | 'session' | 'who' | 'connection' | 'policy'>
type Statements = RefusalEvent['statements']

/** ISO 8601. What is recorded falls into few seconds, and writing one costs more than all else of a time. */
export function iso(at: number): string {
  const second = Math.floor(at / 1000)
  const start = second === lastSecond ? lastStart : new Date(second * 1000).toISOString().slice(0, -4)   // throws RangeError for what is no time
  lastSecond = second
  lastStart = start
  return `${start}${String(Math.floor(at - second * 1000)).padStart(3, '0')}Z`
}
let lastSecond = NaN
let lastStart = ''

export function whoOf(caller: Caller, rolesOf: (principal: Caller['subject']) => readonly string[]): Who {
  const { issuer, subject, actors } = caller
  const roles = actors.length === 0 ? rolesOf(subject) : [...new Set([subject, ...actors].flatMap((principal) => rolesOf(principal)))].toSorted()
  return { issuer, subject: subject.id, actors: actors.map(({ id }) => id), groups: subject.groups, roles }
}

export function intentOf(common: Common & Pick<IntentEvent, 'basis'>, query: Query, effects: Effects, decision: Permitted, diff: string | null, times: { readonly deadline: number; readonly settleBy: number }): IntentEvent {
  const { masks, revealed } = decision.permit.obligations
  return {
    ...common, kind: 'intent', statements: statementsOf(query), purpose: purposeOf(query), accesses: accessesOf(effects), rules: decision.rules,
    masks: masksOf(effects, masks),
    revealed, ...(diff === null ? {} : { diff }), deadline: iso(times.deadline), settleBy: iso(times.settleBy),
  }
}

/** Whatever is refused is recorded, so a refusal too long for one item is recorded with its statements cut, and says so. */
export function refusalOf(common: Common, query: Query | null, effects: Effects | null, refusal: Refusal): RefusalEvent {
  const event: RefusalEvent = {
    ...common, kind: 'refusal', statements: query ? statementsOf(query) : [], purpose: query && purposeOf(query),
    accesses: effects ? accessesOf(effects) : [], refusal: recordOf({ ...refusal, detail: quotedIn(query, refusal.detail), ...(refusal.inner === undefined ? {} : { inner: quotedIn(query, refusal.inner) }) }),
  }
  if (fits(event)) return event
  const statements = event.statements.slice(0, 50).map(({ sql, params }) => ({ sql: cut(sql, 800), params: params.length === 0 ? [] : [`[cut: ${params.length} parameters]`] }))
  return { ...event, statements, accesses: event.accesses.slice(0, 100).map(({ action, resource }) => ({ action, resource: cut(resource, 200) })) }
}

export function outcomeOf(common: Common, intent: Id<'evt'>, executed: Executed, durationMs: number, kept: Pick<OutcomeEvent, 'result' | 'said'> = {}): OutcomeEvent {
  const rows = executed.status === 'succeeded' ? executed.rows : null
  const no = rows?.answered && rows.answered.status >= 400 ? refusedByTarget(rows.answered.status) : null
  return {
    ...common, kind: 'outcome', intent, status: executed.status === 'stale' || no ? 'failed' : executed.status,
    rowCounts: rows?.rowCounts ?? [], truncated: rows?.truncated ?? false,
    refusal: no ?? (executed.status === 'succeeded' ? null : recordOf(executed.refusal)), durationMs: Math.max(0, durationMs), by: 'gate', ...(rows?.answered ? { answered: rows.answered } : {}), ...kept,
  }
}

/**
 * Whether the event fits into one item. JSON writes at most six bytes for a UTF-16 unit, so most need no second serialisation to know it.
 */
export function fits(event: IntentEvent | RefusalEvent): boolean {
  let units = 16_000 + (event.kind === 'intent' ? event.diff?.length ?? 0 : 0) + 200 * event.accesses.length + (event.kind === 'intent' ? 80 * event.rules.length + 200 * Object.keys(event.masks).length : 0)
  for (const { sql, params } of event.statements) {
    units += sql.length
    for (const param of params) units += typeof param === 'string' ? param.length + 4 : typeof param === 'object' && param !== null ? Infinity : 30
  }
  for (const { columns, resource } of event.accesses) units += resource.length + (columns?.length ?? 0) * 70
  return units * 6 < maxEventBytes || Buffer.byteLength(JSON.stringify(event)) <= maxEventBytes
}

function recordOf(refusal: Refusal): RefusalRecord {
  const { slug, reason, detail, next, inner, rule, action, resource, span, sqlstate } = refusal
  return {
    slug, reason, detail: cut(redactText(detail), 4000), next, ...(inner === undefined ? {} : { inner: cut(redactText(inner), 4000) }),
    ...(rule === undefined ? {} : { rule }), ...(action === undefined ? {} : { action }), ...(resource === undefined ? {} : { resource: cut(resource, 400) }),
    ...(span === undefined ? {} : { span }), ...(sqlstate === undefined ? {} : { sqlstate }),
  }
}

/** A target that is answered for in its own protocol said no: its words are in its answer, and are the caller's. */
const refusedByTarget = (status: number): RefusalRecord => ({ slug: 'target-error', reason: `status_${status}`, detail: `the target answered ${status}`, next: status >= 500 ? 'retry' : 'fix' })

export const statementsOf = (query: Query): Statements =>
  (query.told ?? query.statements).map(({ sql, params }) => ({ sql: query.form === 'ssh' ? redactCommand(sql) : query.form === 'kubernetes' ? redactTarget(sql) : redactText(sql), params: params.map((param) => whole(redactValue(param) as Param)) }))

/** Of a refusal, whose words quote what was asked. */
export const quotedIn = (query: Query | null, text: string): string => query?.form === 'ssh' ? redactText(redactQuoted(query.statements[0]?.sql ?? '', text)) : text

/** Bytes of JSON of one object that an event still holds; a larger one, such as a long manifest, by its SHA-256 as canonical JSON. */
const mostObjectBytes = 200 * 1024
function whole(param: Param): Param {
  if (typeof param !== 'object' || param === null) return param
  const bytes = Buffer.byteLength(JSON.stringify(param))
  return bytes <= mostObjectBytes ? param : { sha256: hash('sha256', canonicalJson(param), 'hex'), bytes }
}
const purposeOf = (query: Query): string | null => query.purpose === null ? null : redactText(query.purpose)

/** `schema.table.column` → its mask, for what comes out masked. `masks`: as in Obligations. */
export const masksOf = (effects: Effects, masks: Obligations['masks']): IntentEvent['masks'] =>
  Object.fromEntries(effects.shown.flatMap(({ resource, column }, i) => masks[i] ? [[`${resource}.${column}`, masks[i]]] : []))

/** What stands in clear for ever. Of a command the words that a rule names: a rule is no place for a secret, and may hold one all the same. */
export const openly = (action: string | undefined, resource: string): string => (action === 'exec' ? redactText(resource) : resource)

/** Effects as the record names what they reach: accesses alone, which stand in clear. */
export function toldOf(effects: Effects, clear: (resource: string) => string): Effects {
  const accesses = effects.accesses.map((access) => ({ ...access, resource: openly(access.action, clear(access.resource)) }))
  return accesses.every(({ resource }, i) => resource === effects.accesses[i]?.resource) ? effects : { ...effects, accesses }
}

export function accessesOf(effects: Effects): AccessRecord[] {
  const seen = new Map<string, AccessRecord>()
  for (const { action, resource, columns, via, part, system, target } of effects.accesses) {
    const access = { action, resource, ...(columns === null ? {} : { columns }), ...(via.length === 0 ? {} : { via }), ...(part ? { part } : {}), ...(system ? { system } : {}), ...placeOf(target) }
    seen.set(`${action} ${resource} ${columns?.join() ?? '*'} ${via.join(' ')} ${target ? `${target.namespace}/${target.name}` : ''}`, access)
  }
  return [...seen.values()]
}

const placeOf = (target: Target | undefined): Pick<AccessRecord, 'namespace' | 'name' | 'needs'> => target === undefined ? {} : {
  ...(target.namespace === null ? {} : { namespace: target.namespace }), ...(target.name === null ? {} : { name: target.name }), ...(target.needs.length === 0 ? {} : { needs: target.needs }),
}

/** At most `most` UTF-16 units, never half a character. */
const cut = (text: string, most: number): string => text.length <= most ? text : `${text.slice(0, most).toWellFormed()}… [cut: ${text.length} characters]`
