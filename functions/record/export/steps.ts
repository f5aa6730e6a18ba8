import type { Event } from '../../../schema/event.ts'
import type { Step, Told, ToldRequest } from '../../../schema/told.ts'
import { wholeness } from './whole.ts'

type Words = readonly [title: string, tone: Step['tone']]
const titles: Readonly<Record<Exclude<Event['kind'], 'outcome' | 'correction'>, Words>> = {
  intent: ['permitted, and about to run', 'good'], refusal: ['refused', 'bad'], explain: ['asked what would be decided; nothing ran', ''], repeat: ['given an earlier answer again', ''], stream: ['an answer that went on ended', ''], output: ['a command wrote', ''],
  request: ['waits for people', ''], approval: ['a person approved', 'good'], rejection: ['a person rejected', 'bad'], cancellation: ['taken back', ''], expiry: ['nobody decided in time', 'bad'], stale: ['what it would do had changed; it did not run', 'bad'],
  policy: ['a policy was put in force', ''], lock: ['a lock was set or lifted', ''], 'audit-read': ['the record was read', ''], start: ['a gate started', ''], unauthenticated: ['callers without a token that holds', 'bad'], heartbeat: ['nothing happened', ''],
  writer: ['a process of the gate began to write', ''], void: ['an event was not stored, and never will be', ''], 'log-key': ['the log gets another key', ''], 'sign-in': ['a person signed in or out', ''],
  erasure: ['content was erased: its keys were destroyed', ''], prune: ['the oldest entries of the log were removed', ''],
}
const ended: Readonly<Record<string, Words>> = { succeeded: ['done', 'good'], failed: ['failed; nothing of it is there', 'bad'], unknown: ['the answer was lost: it may have happened or not', 'bad'] }

/**
 * A session in the order things happened: its events, oldest first, whatever order they come in, and of its access requests the words of people that lie in no event given. What an event
 * tells of another comes after it, also where two clocks disagree.
 */
export function stepsOf(events: readonly Told[], requests: readonly ToldRequest[] = []): readonly Step[] {
  const intents = new Map(events.map((event) => [event.id, event.at]))
  const spoken = new Set(events.filter(({ kind }) => kind === 'approval' || kind === 'rejection').map((event) => `${event.request} ${event.who?.subject} ${event.kind}`))
  const words = requests.flatMap((request) => request.verdicts.map((verdict) => wordOf(request, verdict)).filter((step) => !spoken.has(`${step.request} ${step.who} ${step.kind}`)))
  const timeOf = (event: Told) => { const at = event.intent === undefined ? undefined : intents.get(event.intent); return at !== undefined && at > event.at ? at : event.at }
  const lacks = wholeness(events)
  const placed = [...events.map((event) => ({ step: lacking(stepOf(event), lacks(event)), at: timeOf(event) })), ...words.map((step) => ({ step, at: step.at }))]
  placed.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : a.step.id < b.step.id ? -1 : a.step.id > b.step.id ? 1 : 0))
  return placed.map(({ step, at }, i) => ({ ...step, sinceMs: i === 0 ? null : Math.max(0, Date.parse(at) - Date.parse(placed[i - 1]?.at ?? at)) }))
}

/** Beside what an outcome says of its command: that these steps have not all of it. */
const lacking = (step: Step, words: string | null): Step => words === null || step.outcome === null ? step : { ...step, outcome: { ...step.outcome, said: { ...step.outcome.said, output: words } } }

function stepOf(event: Told): Step {
  const { id, at, kind, connection, change = null } = event
  const who = event.who === null ? null : [event.who.subject, ...event.who.actors].join(' by ')
  const [title, tone] = wordsOf(event)
  const asked = kind === 'request' || kind === 'explain' ? change : null
  const person = kind === 'approval' || kind === 'rejection'
  return {
    id, at, sinceMs: null, kind, title, tone, who, connection, request: event.request ?? null, purpose: event.purpose ?? text(asked?.['purpose']),
    statements: event.statements ? event.statements.map(({ sql, params }) => ({ sql, params: params ?? [] })) : asked && Array.isArray(asked['statements']) ? asked['statements'].map((sql, at) => ({ sql: text(sql) ?? '', params: paramsIn(asked, at) })) : null,
    diff: event.diff ?? text(asked?.['diff']), wrote: wroteOf(event),
    decision: decisionOf(event), accesses: (event.accesses ?? accessesIn(asked)).map(({ action, resource, columns, namespace, name, needs }) => `${action} ${resource}${columns && columns.length > 0 ? ` (${columns.join(', ')})` : ''}${namespace === undefined && name === undefined ? '' : ` ${namespace ?? '*'}/${name ?? '*'}`}${needs && needs.length > 0 ? ` (${needs.join(', ')})` : ''}`),
    masks: Object.entries(event.masks ?? object(asked?.['masks'])).map(([column, mask]) => ({ column, mask: text(mask) ?? '' })), revealed: event.revealed ?? strings(asked?.['revealed']), demands: demandsIn(asked),
    word: person ? { decision: kind === 'approval' ? 'approve' : 'reject', reason: text(change?.['reason']), signedInAt: text(change?.['signedInAt']) } : null,
    outcome: kind === 'outcome' || kind === 'correction' ? outcomeOf(event) : null, change: asked || person || kind === 'output' ? null : change, gone: event.content?.state ?? null,
  }
}

function wordsOf(event: Told): Words {
  if (event.kind === 'outcome') return ended[event.status ?? ''] ?? ['ended in a way this version does not know', 'bad']
  if (event.kind === 'correction') { const [title, tone] = ended[event.status ?? ''] ?? ['', 'bad']; return [`a later truth about it: ${title}`, tone] }
  const known: Readonly<Record<string, Words>> = titles
  return (Object.hasOwn(known, event.kind) ? known[event.kind] : undefined) ?? ['an event this version does not know', '']
}

function decisionOf(event: Told): Step['decision'] {
  const { policy, refusal } = event
  if (event.kind === 'intent') return { kind: 'permit', rules: event.rules ?? [], reason: null, detail: null, policy }
  if (event.kind === 'refusal' && refusal) return { kind: 'deny', rules: refusal.rule === undefined ? [] : [refusal.rule], reason: `${refusal.slug} (${refusal.reason})`, detail: refusal.detail ?? null, policy }
  if (event.kind === 'request') return { kind: 'ask', rules: Array.isArray(event.change?.['rules']) ? strings(event.change['rules']) : demandsIn(event.change ?? null).map(({ rule }) => rule), reason: null, detail: null, policy }
  const said = event.kind === 'explain' ? event.change?.['decision'] : undefined
  if (said !== 'permit' && said !== 'ask' && said !== 'deny') return null
  return { kind: said, rules: strings(event.change?.['rules']), reason: text(event.change?.['reason']), detail: null, policy }
}

const outcomeOf = ({ status, rowCounts, truncated, durationMs, by, refusal, result, answered, said }: Told): Step['outcome'] => ({
  status: status ?? 'unknown', rows: rowCounts ?? [], truncated: truncated ?? false, durationMs: durationMs ?? null, by: by ?? null,
  reason: refusal ? `${refusal.slug} (${refusal.reason})` : null, detail: refusal?.detail ?? null, result: result ? { bytes: result.bytes, text: result.text } : null,
  answered: answered ? { status: answered.status, audit: answered.audit } : null, said: said ? Object.fromEntries(Object.entries(said).filter(([, value]) => value !== undefined && value !== false && typeof value !== 'object').filter(([name]) => name !== 'stdout' && name !== 'stderr')) : null,
})

/** Of a part, and of an outcome whose command wrote little. */
function wroteOf({ kind, change, said }: Told): Step['wrote'] {
  if (kind === 'output') return [{ stream: text(change?.['stream']) ?? '', text: text(change?.['text']) ?? text(change?.['base64']) ?? '', base64: change?.['text'] === undefined && change?.['base64'] !== undefined }]
  return ['stdout', 'stderr'].flatMap((stream) => { const wrote = text(said?.[stream]); return wrote === null || wrote === '' ? [] : [{ stream, text: wrote, base64: false }] })
}

function wordOf(request: ToldRequest, { decision, subject, at, reason, signedInAt }: ToldRequest['verdicts'][number]): Step {
  const kind = decision === 'approve' ? 'approval' : 'rejection'
  const [title, tone] = titles[kind]
  return {
    id: request.id, at, sinceMs: null, kind, title, tone, who: subject, connection: null, request: request.id, purpose: null, statements: null, diff: null, wrote: [], decision: null, accesses: [], masks: [], revealed: [], demands: [],
    word: { decision, reason, signedInAt: signedInAt === '' ? null : signedInAt }, outcome: null, change: null, gone: null,
  }
}

const text = (value: unknown): string | null => typeof value === 'string' ? value : null
const strings = (value: unknown): readonly string[] => Array.isArray(value) ? value.filter((one) => typeof one === 'string') : []
const object = (value: unknown): Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value)) : {}
const objects = (value: unknown): readonly Readonly<Record<string, unknown>>[] => Array.isArray(value) ? value.map(object) : []
/** What is on record beside each of an access request's statements, where it is. */
const paramsIn = (change: Step['change'], at: number): readonly unknown[] => { const all = change?.['params']; return Array.isArray(all) && Array.isArray(all[at]) ? all[at] : [] }
const demandsIn = (change: Step['change']): Step['demands'] => objects(change?.['demands']).map(({ by, quorum, rule }) => ({ by: strings(by), quorum: typeof quorum === 'number' ? quorum : 1, rule: text(rule) ?? '' }))
const accessesIn = (change: Step['change']): NonNullable<Told['accesses']> => objects(change?.['accesses']).map(({ action, resource, columns, namespace, name, needs }) => ({
  action: text(action) ?? '', resource: text(resource) ?? '', ...(Array.isArray(columns) ? { columns: strings(columns) } : {}), ...(typeof namespace === 'string' ? { namespace } : {}), ...(typeof name === 'string' ? { name } : {}), ...(Array.isArray(needs) ? { needs: strings(needs) } : {}),
}))
