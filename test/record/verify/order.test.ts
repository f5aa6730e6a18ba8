import { describe, expect, test } from 'vitest'
import { entryOf } from '../../../functions/record/log/entry.ts'
import { openOf } from '../../../schema/content.ts'
import type { Event, Id, IntentEvent, OutcomeEvent } from '../../../schema/event.ts'
import { correctionId, outcomeId } from '../../../schema/item.ts'
import { asked, createApproving, lead as lea, say } from '../../support/approvals.ts'
import { bot, eventsOf, lead } from '../log/sample.ts'
import { check, logOf } from './memory.ts'

/** The log is whole and signed in all of these: whoever wrote it has the key. What is wrong is what it says. */
const findings = async (events: readonly Event[]) => (await check((await logOf(events.map(entryOf))).log)).findings.map(({ index, reason }) => `${index}: ${reason}`)
const plain = eventsOf(8)
const kinds = (events: readonly Event[]) => events.map(({ kind }) => kind)
/** request, two approvals, intent, outcome: the story of one access request. */
const approved = (() => {
  const events = eventsOf(40)
  const start = events.findIndex(({ kind }) => kind === 'request')
  return events.slice(start, start + 5)
})()
type Change = Record<string, unknown>
const changed = <E extends Event>(event: E | undefined, change: Change): E => ({ ...event!, ...change }) as E
const rechanged = (event: Event | undefined, change: Change): Event => changed(event, { change: { ...(event as unknown as { change: Change }).change, ...change } })

describe('intents and outcomes', () => {
  test('stories as the gate tells them are in order', async () => {
    expect(kinds(approved)).toEqual(['request', 'approval', 'approval', 'intent', 'outcome'])
    const report = await check((await logOf(eventsOf(700).map(entryOf), [100, 300, 700])).log)
    expect(report).toMatchObject({ ok: true, findings: [], size: 700, counts: { entries: 700, unjudged: 0 } })
  })
  test('an outcome before its intent, without one, or naming none', async () => {
    const [intent, outcome, ...rest] = plain as [Event, OutcomeEvent, ...Event[]]
    expect(await findings([outcome, intent, ...rest])).toEqual([`0: the intent of this outcome, ${intent.id}, is not before it`])
    expect(await findings([outcome, ...rest])).toEqual([`0: the intent of this outcome, ${intent.id}, is not before it`])
    expect(await findings([intent, changed(outcome, { intent: 'evt_x' })])).toEqual(['1: this outcome names no intent'])
    expect(await findings([intent, changed(outcome, { intent: outcome.id })])).toEqual(['1: this outcome names no intent'])
  })
  test('an outcome of what is no intent', async () => {
    const refusal = eventsOf(40).find(({ kind }) => kind === 'refusal')!
    expect(await findings([refusal, changed(plain[1], { id: outcomeId(refusal.id), intent: refusal.id })])).toEqual([`1: the intent of this outcome, ${refusal.id}, is not before it`])
  })
  test('a second outcome of one intent, by the same id or by another', async () => {
    const [intent, outcome] = plain as [Event, OutcomeEvent]
    expect(await findings([intent, outcome, { ...outcome, status: 'failed' }])).toEqual(['2: its event id is in the log already'])
    expect(await findings([intent, outcome, { ...outcome, id: plain[2]!.id }])).toEqual(['2: this outcome has not the id of its intent\'s outcome, so there could be a second one'])
  })
  test('an event twice, and two intents of one id', async () => {
    expect(await findings([plain[0]!, plain[0]!])).toEqual(['1: its event id is in the log already'])
  })
  test('a correction follows an outcome that nobody knew, within a day, and each the one before it', async () => {
    const [intent, told] = plain as [Event, OutcomeEvent]
    const outcome: OutcomeEvent = { ...told, status: 'unknown', by: 'sweeper' }
    const correction = (n: number, change: Change = {}): Event => changed({ ...told, kind: 'correction', id: correctionId(intent.id, n) } as Event, change)
    expect(await findings([intent, outcome, correction(1)])).toEqual([])
    expect(await findings([intent, outcome, correction(1), correction(2)])).toEqual([])
    expect(await findings([intent, correction(1), outcome])).toEqual(['1: there is no outcome before this correction'])
    for (const status of ['succeeded', 'failed']) expect(await findings([intent, { ...outcome, status } as Event, correction(1)])).toEqual(['2: it corrects an outcome that was known'])
    expect(await findings([intent, outcome, correction(2)])).toEqual(['2: the correction that its id counts on is not before it'])
    expect(await findings([intent, outcome, correction(1, { status: 'fine' })])).toEqual(['2: its status is none this verifier knows'])
    const later = (hours: number) => ({ at: new Date(Date.parse(outcome.at) + hours * 3_600_000).toISOString() })
    expect(await findings([intent, outcome, correction(1, later(24.4))])).toEqual([])
    expect(await findings([intent, outcome, correction(1, later(24.6))])).toEqual(['2: it corrects an outcome that was told more than a day before'])
  })
  test('what became of an intent is told of the same call: its caller, session, evaluation and connection', async () => {
    const [intent, outcome] = plain as [Event, OutcomeEvent]
    for (const change of [{ evaluation: 'eval_1' }, { session: null }, { connection: 'billing' }, { who: null }, { who: { ...intent.who, subject: 'agent:other' } }, { who: { ...intent.who, roles: ['other'] } }]) {
      expect(await findings([intent, changed(outcome, change)]), JSON.stringify(change)).toEqual(['1: this outcome is of another caller, session, evaluation or connection than its intent'])
      const correction = changed({ ...outcome, kind: 'correction', id: correctionId(intent.id, 1) } as Event, change)
      expect(await findings([intent, { ...outcome, status: 'unknown' }, correction]), JSON.stringify(change)).toEqual(['2: this correction is of another caller, session, evaluation or connection than its intent'])
    }
    const [, , , run, done] = approved                                        // skimmed is only what became of it
    expect(await findings([...approved.slice(0, 3), run!, changed(done, { evaluation: 'eval_1' })])).toEqual(['4: this outcome is of another caller, session, evaluation or connection than its intent'])
    const many = eventsOf(3000)                                               // the table of ids grew in between
    const last = many.findLastIndex(({ kind }) => kind === 'outcome')
    expect(await findings(many.slice(0, last + 1))).toEqual([])
    const early = many.findIndex(({ kind }) => kind === 'outcome')
    expect(await findings([...many.slice(0, early), ...many.slice(early + 1, last), changed(many[early], { session: null })])).toEqual([`${last - 1}: this outcome is of another caller, session, evaluation or connection than its intent`])
  })
  test('an intent without an outcome long after its time is counted apart from those of the last hour', async () => {
    const counts = async (minutes: number) => (await check((await logOf([plain[0]!, ...eventsOf(2, Date.parse(plain[0]!.at) + minutes * 60_000)].map(entryOf))).log)).counts
    expect(await counts(85)).toMatchObject({ unsettled: 1, overdue: 0 })
    expect(await counts(110)).toMatchObject({ unsettled: 1, overdue: 1 })
    expect((await check((await logOf([...plain.slice(0, 2), ...eventsOf(2, Date.parse(plain[0]!.at) + 9 * 3_600_000)].map(entryOf))).log)).counts).toMatchObject({ unsettled: 0, overdue: 0 })
  })
  test('an intent that can have no outcome, a status nobody knows, a kind nobody knows', async () => {
    const [intent, outcome] = plain as [Event, OutcomeEvent]
    expect(await findings([changed(intent, { id: outcomeId(intent.id) })])).toEqual(['0: an intent\'s id ends in 0'])
    expect(await findings([intent, changed(outcome, { status: 'fine' })])).toEqual(['1: its status is none this verifier knows'])
    expect(await findings([changed(intent, { kind: 'toString' })])).toEqual(['0: its kind is none this verifier knows'])
  })
  test('an execution that no decision covers', async () => {
    const [intent] = plain as [Event]
    for (const change of [{ policy: null }, { policy: '' }, { rules: [] }, { rules: [''] }, { rules: 'x' }, { who: null }]) expect(await findings([changed(intent, change)]), JSON.stringify(change)).toEqual(['0: no decision covers it: it names no policy, no rule of one, or nobody whom it permits'])
  })
  test('an execution that accesses nothing wants no rule, and everything else', async () => {
    const [intent, outcome] = plain as [Event, OutcomeEvent]
    expect(await findings([changed(intent, { rules: [], accesses: [] }), outcome])).toEqual([])
    for (const change of [{ rules: 'x', accesses: [] }, { rules: [''], accesses: [] }, { policy: null, rules: [], accesses: [] }, { who: null, rules: [], accesses: [] }, { rules: [], accesses: 'x' }]) expect(await findings([changed(intent, change)]), JSON.stringify(change)).toHaveLength(1)
  })
  test('what has no outcome yet is counted, not blamed', async () => {
    expect((await check((await logOf([entryOf(plain[0]!)])).log))).toMatchObject({ ok: true, counts: { unsettled: 1 } })
  })
  test('large events are judged by what is told beside their digest', async () => {
    const [intent, outcome] = plain as [Event, OutcomeEvent]
    const large = changed(intent, { rules: ['x'.repeat(70_000)] })
    expect(await findings([large, outcome])).toEqual([])
    expect(await findings([outcome, large])).toEqual([`0: the intent of this outcome, ${intent.id}, is not before it`])
    const [request, first, second, run, done] = approved
    const long = 'x'.repeat(70_000)
    const story = [rechanged(request, { rules: [long] }), first!, second!, changed(run, { rules: [long] }), done!]
    expect(await findings(story)).toEqual([])
    expect(await findings(story.toSpliced(1, 1))).toEqual(['2: 1 of the 2 approvals that rule "support-agents.rules[1]" demands are before it'])
    expect((await check((await logOf(story.map(entryOf))).log)).counts).toMatchObject({ digests: 2, unjudged: 0 })
  })
})

describe('access requests', () => {
  const [request, first, second, intent, outcome] = approved
  const lacking = (n: number, at: number) => `${at}: ${n} of the 2 approvals that rule "support-agents.rules[1]" demands are before it`
  test('an execution that was not asked, or asked after', async () => {
    expect(await findings([intent!, outcome!])).toEqual(['0: no access request is before it'])
    expect(await findings([intent!, outcome!, request!, first!, second!])).toContain('0: no access request is before it')
  })
  test('fewer approvals than demanded, the same person twice, however spelt, or another group', async () => {
    expect(await findings([request!, first!, intent!, outcome!])).toEqual([lacking(1, 2)])
    expect(await findings([request!, first!, changed(first, { id: second!.id }), intent!])).toEqual([lacking(1, 3)])
    expect(await findings([request!, first!, changed(first, { id: second!.id, who: { ...lead('ANN'), subject: 'user:ＡＮＮ@acme.dev' } }), intent!])).toEqual([lacking(1, 3)])
    expect(await findings([request!, first!, changed(second, { who: { ...lead('eve'), groups: ['analysts'] } }), intent!])).toEqual([lacking(1, 3)])
    expect(await findings([request!, first!, intent!, second!])).toEqual([lacking(1, 2)])
  })
  test('an approval whose clock was behind stands before its request, and counts; what it says is judged all the same', async () => {
    expect(await findings([first!, request!, second!, intent!])).toEqual([])
    expect(await findings([rechanged(first, { digest: 'x' }), request!, second!, intent!])).toEqual(['1: this approval is of another digest than was asked', lacking(1, 3)])
  })
  test('a demand that names a person is met by that person, not by a group of the same name', async () => {
    const named = rechanged(request, { demands: [{ by: ['user:ann@acme.dev'], quorum: 1, rule: 'r' }] })
    expect(await findings([named, first!, intent!])).toEqual([])
    expect(await findings([named, changed(second, { who: { ...lead('eve'), groups: ['user:ann@acme.dev'] } }), intent!])).toEqual(['2: 0 of the 1 approvals that rule "r" demands are before it'])
  })
  test('an approval by the owner of the agent that asks, as the request or the approval itself says, however spelt', async () => {
    const by = (subject: string, change: Change = {}) => findings([request!, first!, rechanged(changed(second, { who: { ...lead('x'), subject } }), change), intent!])
    expect(await by('user:owen@acme.dev')).toEqual(['2: this approval is by the owner of whoever asks', lacking(1, 3)])
    expect(await by('user:OWEN@acme.dev')).toEqual(['2: this approval is by the owner of whoever asks', lacking(1, 3)])
    expect(await by('user:new@acme.dev', { owners: ['user:new@acme.dev'] })).toEqual(['2: this approval is by the owner of whoever asks', lacking(1, 3)])
    expect(await by('user:sofia@acme.dev')).toEqual([])
  })
  test('what it does is what was asked: accesses, masks, classes in clear', async () => {
    const wrong = ['3: what it does is not what was asked: other accesses, masks, or classes in clear']
    for (const change of [{ accesses: [{ action: 'delete', resource: 'public.orders' }] }, { masks: {} }, { revealed: ['pii.email'] }]) expect(await findings([request!, first!, second!, changed(intent, change)]), JSON.stringify(change)).toEqual(wrong)
  })
  test('each demand has its own quorum', async () => {
    const two = rechanged(request, { demands: [{ by: ['support-leads'], quorum: 2, rule: 'r' }, { by: ['platform'], quorum: 1, rule: 'p' }] })
    expect(await findings([two, first!, second!, intent!])).toEqual(['3: 0 of the 1 approvals that rule "p" demands are before it'])
  })
  test('approvals by the asker, by an agent, through an agent, on another digest, by an old sign-in, too late', async () => {
    const by = async (change: Change) => (await findings([request!, first!, changed(second, change), intent!])).map((finding) => finding.replace(/^(\d+): /, '$1 '))
    expect(await by({ who: { ...lead('x'), subject: 'agent:support-bot' } })).toEqual(['2 this approval is not by a person', '2 this approval is by a party to the request', lacking(1, 3).replace(':', '')])
    expect(await by({ who: { ...lead('sofia'), actors: ['agent:x'] } })).toContain('2 this approval is not by a person')
    expect(await by({ change: { ...(second as unknown as { change: Change }).change, digest: '0'.repeat(64) } })).toContain('2 this approval is of another digest than was asked')
    expect(await by({ change: { ...(second as unknown as { change: Change }).change, signedInAt: '2026-11-22T08:00:00.000Z' } })).toContain('2 this approval is by somebody who had not signed in shortly before')
    expect(await by({ change: { ...(second as unknown as { change: Change }).change, signedInAt: null } })).toContain('2 this approval is by somebody who had not signed in shortly before')
    expect(await by({ change: { ...(second as unknown as { change: Change }).change, signedInAt: '2030-01-01T00:00:00.000Z' } })).toContain('2 this approval is by somebody who had not signed in shortly before')
    expect(await by({ at: '2026-11-22T11:00:00.000Z' })).toContain('2 this approval came when the request had expired')
  })
  test.each(['rejection', 'cancellation', 'expiry', 'stale'] as const)('an execution after a %s', async (kind) => {
    const end = changed(first, { kind, id: eventsOf(60).at(-1)!.id })
    expect(await findings([request!, first!, second!, end, intent!, outcome!])).toEqual([expect.stringMatching(/^4: the access request it belongs to (was rejected|was cancelled|expired|was stale)$/)])
  })
  test('executed twice, asked twice, for somebody else, elsewhere, after its time', async () => {
    expect(await findings([...approved, changed(intent, { id: plain[0]!.id })])).toEqual(['5: the access request it belongs to was executed already'])
    expect(await findings([request!, changed(request, { id: plain[0]!.id })])).toEqual(['1: its access request was asked before'])
    const runs = (change: Change) => findings([request!, first!, second!, changed(intent, change)])
    expect(await runs({ who: { ...request!.who, subject: 'agent:other' } })).toEqual(['3: it runs for somebody else, or elsewhere, than was asked'])
    expect(await runs({ connection: 'billing' })).toEqual(['3: it runs for somebody else, or elsewhere, than was asked'])
    expect(await runs({ at: '2026-11-22T12:00:00.000Z', id: eventsOf(1, Date.parse('2026-11-22T12:00:00.000Z'))[0]!.id })).toEqual(['3: it began when the request had expired'])
  })
  test('approvals by people of another issuer than who asked are counted: which issuers may, the policy says', async () => {
    const foreign = async (issuer: string) => (await check((await logOf([request!, first!, changed(second, { who: { ...lead('sofia'), issuer } }), intent!].map(entryOf))).log))
    expect(await foreign('local')).toMatchObject({ ok: true, counts: { foreign: 0 } })
    expect(await foreign('https://elsewhere.example')).toMatchObject({ ok: true, counts: { foreign: 1, approvals: 2 } })
  })
  test('a request that demands nothing, and steps of requests nobody asked', async () => {
    expect(await findings([rechanged(request, { demands: [] }), intent!])).toEqual(['0: this request says not what it demands, of whom, and until when', '1: the access request it belongs to says not what it demands'])
    expect(await findings([rechanged(request, { demands: [{ by: ['support-leads'], quorum: 0, rule: 'r' }] }), intent!])).toEqual(['1: 0 of the Infinity approvals that rule "r" demands are before it'])
    expect(await findings([first!])).toEqual(['undefined: there is no request to this approval'])
    expect(await findings([changed(first, { request: 'arq_1' as Id<'arq'> })])).toEqual(['0: this approval names no access request'])
  })
})

describe('erasures', () => {
  const erasure = (change: Change, more: Change = {}) => findings([changed(plain[0], { kind: 'erasure', who: null, session: null, connection: null, policy: null, change, ...more })])
  const nobody = ['0: this erasure is nobody\'s, and no retention asked for it']
  test('are somebody\'s, or of a day that is older than the retention they name', async () => {
    expect(await erasure({ session: 'ses_1', keys: ['2026-11-22.A.0'] }, { who: bot })).toEqual([])
    expect(await erasure({ retention: '90d', day: '2026-08-01', sheets: ['2026-08-01.A', '2026-08-01.B'] })).toEqual([])
  })
  test('by nobody, of any key, of another day\'s sheets or of a day too young are told', async () => {
    const told = { retention: '90d', day: '2026-08-01', sheets: ['2026-08-01.A'] }
    for (const change of [{ keys: ['2026-08-01.A.0'] }, {}, { ...told, keys: ['2026-08-01.A.0'] }, { ...told, sheets: ['2026-08-02.A'] }, { ...told, sheets: [1] }, { ...told, day: '2026-08-24' }, { ...told, day: '2026-08-24', sheets: ['2026-08-24.A'] }, { ...told, retention: 'x' }, { ...told, retention: undefined }, { ...told, day: 'x', sheets: ['x.A'] }]) {
      expect(await erasure(JSON.parse(JSON.stringify(change)) as Change), JSON.stringify(change)).toEqual(nobody)
    }
    expect(await erasure(told, { who: { ...bot, subject: '' } })).toEqual(nobody)
  })
})

test('what the gate itself records of a call that people approved is in order, and without the approval it is not', async () => {
  const { world, as, approver } = createApproving()
  const agent = await as({ subject: 'agent:support-bot', groups: ['support-agents'] })
  const waiting = await asked(agent)
  const person = await as(lea)
  expect((await say(person, 'approve', waiting)).status).toBe(200)
  expect(await approver.proceed(waiting.id)).toBe('succeeded')
  await agent.call('POST', '/v1/connections/shop/query', { sql: 'select id from public.orders' })
  expect(kinds(world.events)).toEqual(expect.arrayContaining(['request', 'approval', 'intent', 'outcome']))
  const [request, intent] = ['request', 'intent'].map((kind) => world.events.find((event) => event.kind === kind))
  expect((request as unknown as { change: Change }).change['params']).toEqual((intent as IntentEvent).statements.map(({ params }) => params))
  expect(openOf(request!)).not.toHaveProperty('change.params')       // as much content as the statements are
  expect(await findings(world.events)).toEqual([])
  expect(await findings(world.events.filter(({ kind }) => kind !== 'approval'))).toEqual([expect.stringContaining('0 of the 1 approvals')])
  expect(await findings(world.events.filter(({ kind }) => kind !== 'request'))).toContainEqual(expect.stringContaining('no access request is before it'))
})
