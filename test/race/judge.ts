import { expect } from 'vitest'
import { answersRepeat, isOpen, type AccessRequest } from '../../schema/approval.ts'
import type { Event, IntentEvent, OutcomeEvent } from '../../schema/event.ts'
import type { Race } from './world.ts'

/** Who may decide the requests of the races; the judge counts for itself. */
const leads = new Set(['user:lea@acme.dev', 'user:leo@acme.dev'])
const ends = { cancelled: 'cancellation', expired: 'expiry', stale: 'stale' } as const

/** What holds after any order and any loss, once the sweepers were there. Throws where it does not. */
export async function judge(at: Race): Promise<AccessRequest | undefined> {
  const all = [...at.memory.stored.values()]
  expect(all.length, 'one call, one request').toBeLessThanOrEqual(1)
  expect(at.target.runs.length, 'executions').toBeLessThanOrEqual(1)
  const [request] = all
  if (!request) {
    expect([at.target.runs, of(at, 'intent'), of(at, 'request')], 'nothing was asked').toEqual([[], [], []])
    return request
  }
  const events = at.world.events.filter((event) => event.request === request.id || event.kind === 'intent' || event.kind === 'outcome')
  expect(isOpen(request.status), `the end is no end: ${request.status}`).toBe(false)
  verdicts(request, events)
  story(request, events)
  execution(at, request, events)
  await answers(at, request)
  told(at, request)
  return request
}
const of = (at: Race, kind: Event['kind']) => at.world.events.filter((event) => event.kind === kind)
const count = (events: readonly Event[], kind: Event['kind']) => events.filter((event) => event.kind === kind).length

/** Each verdict has its event and each event its verdict; nobody's word counts who may not say it. */
function verdicts(request: AccessRequest, events: readonly Event[]): void {
  const said = request.verdicts.map(({ decision, subject, evaluation }) => `${decision === 'approve' ? 'approval' : 'rejection'} ${subject} ${evaluation}`)
  const recorded = events.flatMap((event) => (event.kind === 'approval' || event.kind === 'rejection' ? [`${event.kind} ${event.who?.subject} ${event.evaluation}`] : []))
  expect(recorded, 'verdicts and their events').toEqual(said)
  for (const { subject, at, signedInAt } of request.verdicts) {
    expect(leads.has(subject), `${subject} may not decide`).toBe(true)
    expect(at < request.bound.expiresAt && signedInAt <= at, 'decided in time').toBe(true)
  }
}

/** State and record: which events there are for which end, exactly. */
function story(request: AccessRequest, events: readonly Event[]): void {
  expect(count(events, 'request'), 'asked once').toBe(1)
  for (const [status, kind] of Object.entries(ends)) expect(count(events, kind as Event['kind']), `${kind} events of a ${request.status} request`).toBe(request.status === status ? 1 : 0)
  expect(request.verdicts.some(({ decision }) => decision === 'reject'), 'a rejection ends it').toBe(request.status === 'rejected')
  const intents = events.filter((event): event is IntentEvent => event.kind === 'intent')
  expect(intents.map(({ id, evaluation, at }) => ({ intent: id, evaluation, at })), 'the intent and the state it began').toEqual(request.execution ? [request.execution] : [])
  expect(count(events, 'outcome'), 'one outcome an intent').toBe(intents.length)
  // Where nothing ran and nothing changed, it failed for what was refused, and that is on record.
  if (request.status === 'failed' && !request.execution) expect(count(events, 'refusal'), 'a refusal on record').toBeGreaterThan(0)
  const executed: readonly string[] = ['succeeded', 'failed', 'outcome-unknown']
  if (request.execution) expect(executed, 'no way back from executing').toContain(request.status)
  else expect(['succeeded', 'outcome-unknown'], 'nothing began').not.toContain(request.status)
}

function execution(at: Race, request: AccessRequest, events: readonly Event[]): void {
  const { runs } = at.target
  if (runs.length > 0) expect(request.execution, 'an execution without an intent').not.toBeNull()
  for (const run of runs) expect(run.at, 'run on an object nobody approved').toBeLessThan(at.target.alteredAt())
  if (!request.execution) return
  const people = new Set(request.verdicts.filter(({ decision, subject }) => decision === 'approve' && leads.has(subject)).map(({ subject }) => subject))
  expect(people.size, 'quorum').toBeGreaterThanOrEqual(request.bound.demands[0]?.quorum ?? Infinity)
  expect(request.execution.at < request.bound.expiresAt, 'begun in time').toBe(true)
  expect(Date.parse(request.execution.at), 'begun by what held before').toBeLessThan(at.changedAt())
  const intent = events.findIndex((event) => event.kind === 'intent')
  expect(events.findLastIndex((event) => event.kind === 'approval'), 'decisions come before what they begin').toBeLessThan(intent)
  const told = events.find((event): event is OutcomeEvent => (event.kind === 'outcome' || event.kind === 'correction') && event.id === request.ending?.outcome)
  expect(told, `an end of ${request.status} whose event is not on record`).toBeDefined()
  expect(told?.status === 'unknown' ? 'outcome-unknown' : told?.status, 'the state and its event').toBe(request.status)
  if (request.status === 'succeeded') expect(runs.length, 'it says it ran').toBe(1)
  if (request.status === 'failed') expect(runs.length, 'it says nothing ran').toBe(0)
  if (request.status === 'outcome-unknown') expect(at.lost(), 'an outcome that nobody lost').toBe(true)
}

/** Rows for what succeeded, and for nothing else; where nothing was lost, always. */
async function answers(at: Race, request: AccessRequest): Promise<void> {
  const answer = await at.answer(request)
  // Whoever is told to ask anew must then be asking anew.
  if (!answer.ok && answer.refusal.next === 'request') expect(answersRepeat(request, at.world.clock.ms), 'told to ask anew, and answered by the old request').toBe(false)
  if (request.status !== 'succeeded') expect(answer.ok, `rows of a ${request.status} request`).toBe(false)
  else if (!at.lost()) expect(answer.ok, 'rows that nobody lost').toBe(true)
}

/** Who was told that their word is in was told the truth; nobody was shown rows of what is not over. */
function told(at: Race, request: AccessRequest): void {
  for (const { who, what, ok } of at.heard) {
    if (what === 'approve' || what === 'reject') { if (ok) expect(request.verdicts.map(({ subject, decision }) => `${subject} ${decision}`), `${who} was told so`).toContain(`${who} ${what}`) }
    else if (what === 'cancel') { if (ok) expect(request.status).toBe('cancelled') }
    else if (what === 'shown succeeded') { if (!at.lost()) expect(ok, 'succeeded, and no rows').toBe(true) }
    else if (what.startsWith('shown ')) expect(ok, `rows with ${what}`).toBe(false)
    else if (what.startsWith('arq_')) expect(what, 'the request a call was told of').toBe(request.id)
  }
}
