import type { AccessRequest, BoundTarget, Status } from '../../schema/approval.ts'
import { commandWords } from '../../schema/command.ts'
import { escapeMarkup, name, quoteCode, quoteWords, type Quoted } from './quote.ts'

/**
 * An access request as chat and mail tell it. Receives the request and how much the policy lets out; gives words, every one of them safe to show. Never
 * in it: parameters, values, results, the digest, tokens. What is cut is said to be cut: the page has all of it, and deciding happens there.
 */
export interface Message {
  /** Of our own words, a connection's name and an id: fit for a mail's subject and a chat's notification. */
  readonly title: string
  readonly facts: readonly (readonly [label: string, value: string])[]
  readonly purpose: Quoted | null
  /** Only where every rule that asks says `notify: full`. */
  readonly statements: readonly Quoted[] | null
  /** Statements that are not among them. */
  readonly more: number
  /** What they are. */
  readonly kind: 'statement' | 'command'
  /** Who decided what and when, and what came of it; empty while it waits. */
  readonly story: readonly string[]
  readonly waits: boolean
  readonly id: string
  readonly url: string
}

const most = { listed: 12, statements: 3, verdicts: 10, counts: 20 }
/** Characters as HTML writes them; a Slack text holds 3000, a field 2000. */
const budget = { purpose: 2400, statement: 2400, list: 1500 }

const heads: Readonly<Record<Status, string>> = {
  pending: 'Approval wanted', approved: 'Approved', executing: 'Approved, being executed', succeeded: 'Approved and executed', failed: 'Approved, and failed',
  'outcome-unknown': 'Approved, and its outcome was lost', rejected: 'Rejected', expired: 'Expired, nobody decided', cancelled: 'Cancelled by whoever asked', stale: 'Stale, nothing ran',
}

export function messageOf(request: AccessRequest, { full, console }: { readonly full: boolean; readonly console: string }): Message {
  const { bound, id, status } = request
  const { statements } = bound.query
  const told = full ? statements.slice(0, most.statements) : []
  return {
    title: `${heads[status]}: ${bound.connection}`, facts: factsOf(request), purpose: bound.purpose === null ? null : quoteWords(bound.purpose, budget.purpose),
    statements: full ? told.map(({ sql }) => quoteCode(sql, budget.statement)) : null, more: full ? statements.length - told.length : 0, kind: bound.query.form === 'ssh' ? 'command' : 'statement',
    story: storyOf(request), waits: status === 'pending', id, url: `${console}/requests/${id}`,
  }
}

function factsOf({ bound, id, diff }: AccessRequest): Message['facts'] {
  const { statements, batch } = bound.query
  const parameters = statements.reduce((sum, { params }) => sum + params.length, 0)
  const clear = [...new Set(bound.shown.flatMap(({ mask, dataClass }) => (mask === null ? [dataClass] : [])))].sort()
  return [
    ['Who asks', listed([bound.subject, ...bound.actors].map(({ id }) => id), name, ', through ')],
    ['Connection', bound.connection],
    ['Would do', listed(bound.accesses.map(({ action, resource, target }) => bound.query.form === 'ssh' ? commandOf(resource) : `${action} ${resource}${target === undefined ? '' : placeOf(target)}`))],
    ...(bound.query.form === 'ssh' && diff !== undefined ? [['Runs', name(diff.split('\n')[0] ?? '')] as const] : []),
    ['Size', bound.query.form === 'kubernetes' ? 'one request to the API server' : bound.query.form === 'ssh' ? 'one command' : `${batch ? 'a transaction of ' : ''}${count(statements.length, 'statement')}, ${count(parameters, 'parameter')}`],
    ...(clear.length === 0 ? [] : [['Shows in clear', listed(clear)] as const]),
    ['Rule', listed(bound.demands.flatMap(({ rule }) => rule.split(', ')))],
    ['Needs', listed(bound.demands, ({ by, quorum }) => `${quorum} of ${by.slice(0, 8).map(name).join(', ')}${by.length > 8 ? ` and ${by.length - 8} more` : ''}`, '; ')],
    ['Expires', time(bound.expiresAt)],
    ['Request', id],
  ]
}

/** Arguments may hold what parameters hold: chat and mail are told how many there are. */
function commandOf(line: string): string {
  const [program = '?', ...rest] = commandWords(line) ?? []
  return `run ${program}${rest.length === 0 ? '' : ` with ${count(rest.length, 'argument')}`}`
}

/** `web/front`, and what its containers may do; `*`: of no one namespace, or all there are. */
const placeOf = ({ namespace, name: which, needs }: BoundTarget): string => ` ${namespace ?? '*'}/${which ?? '*'}${needs.length === 0 ? '' : ` (${needs.join(', ')})`}`

function storyOf({ status, verdicts, ending, execution, bound }: AccessRequest): readonly string[] {
  if (status === 'pending') return []
  const said = verdicts.slice(-most.verdicts).map(({ decision, subject, at }) => `${decision === 'approve' ? 'approved' : 'rejected'} by ${name(subject)} at ${time(at)}`)
  const ended = ending === null ? [] : [`${heads[status].toLowerCase()} at ${time(ending.at)}${ending.refusal === null ? '' : ` (${name(ending.refusal.reason)})`}`]
  const counts = ending === null || execution === null || ending.rowCounts.length === 0 || bound.query.form === 'ssh' ? [] : [`rows: ${counted(ending.rowCounts)}`]
  return [...said, ...ended, ...counts]
}

/** Each once, as many as fit, and how many there are beyond. Told apart before they are shortened: two that begin alike are two. */
function listed<T = string>(items: readonly T[], word: (item: T) => string = (item) => name(String(item)), between = ', '): string {
  const distinct = [...new Set(items)]
  const shown: string[] = []
  for (const item of distinct.slice(0, most.listed).map(word)) if (escapeMarkup([...shown, item].join(between)).length <= budget.list) shown.push(item)
  return shown.join(between) + (distinct.length > shown.length ? ` and ${distinct.length - shown.length} more` : '')
}
const counted = (counts: readonly number[]): string => counts.slice(0, most.counts).join(', ') + (counts.length > most.counts ? ` and ${counts.length - most.counts} more` : '')

const count = (n: number, word: string): string => `${n} ${word}${n === 1 ? '' : 's'}`
/** ISO 8601 → `2026-11-22 09:30:00 UTC`. */
const time = (iso: string): string => `${new Date(iso).toISOString().slice(0, 19).replace('T', ' ')} UTC`

/** What stands below words that are cut; null: they are whole. */
export const cutNote = ({ left }: Quoted): string | null => (left === 0 ? null : `${count(left, 'character')} more: open the page for all of it`)
export const purposeLabel = 'Purpose, in the words of whoever asks (proves nothing):'
export const statementLabel = ({ kind }: Pick<Message, 'kind'>, n: number, of: number): string => `${kind === 'command' ? 'Command' : 'Statement'}${of === 1 ? '' : ` ${n} of ${of}`}, written by whoever asks:`
export const moreNote = (more: number): string => `${count(more, 'statement')} more: open the page for all of it`
export const quoteNote = 'Characters that hide or reorder text are shown as \\u{…}; what could become a link is written apart.'
export const summaryNote = ({ kind }: Pick<Message, 'kind'>): string => kind === 'command' ? 'The page has the whole command, word by word, and where it runs.' : 'The page has the whole statement and its parameters.'
