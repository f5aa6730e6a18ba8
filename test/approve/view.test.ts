import { describe, expect, test } from 'vitest'
import type { AccessRequest, Bound, Verdict } from '../../schema/approval.ts'
import { oneRequest, requests } from '../../schema/answer.ts'
import type { Refusal } from '../../schema/refusal.ts'
import { summaryOf, viewOf, waitingOf } from '../../functions/approve/view.ts'
import { asked } from './asked.ts'
import { whole, wordsOf } from './whole.ts'

const about = { mine: false, mayDecide: true }
const access = (more: Partial<Bound['accesses'][number]>): Bound['accesses'][number] => ({ action: 'select', resource: 'public.t', columns: null, via: [], statement: 0, ...more })
const verdict = (subject: string, groups: readonly string[]): Verdict => ({ decision: 'approve', issuer: 'okta', trust: 't', subject, groups, signedInAt: '', at: 'then', reason: null, evaluation: 'eval_1' })

describe('what an approver sees', () => {
  test.each<[string, readonly Bound['accesses'][number][], number]>([
    ['one name with a comma, and two names', [access({ columns: ['a,b'] }), access({ columns: ['a', 'b'] })], 2],
    ['a table with a space, and a column with it', [access({ resource: 'public.t x' }), access({ columns: ['x *'] })], 2],
    ['no column, every column, a column called *', [access({ columns: [] }), access({ columns: null }), access({ columns: ['*'] })], 3],
    ['one access of two statements', [access({}), access({ statement: 1 })], 1],
    ['two actions', [access({}), access({ action: 'delete' })], 2],
  ])('each access once, and none hidden by another: %s', (_, accesses, seen) => {
    expect(viewOf(asked({ accesses }), 'https://c', about).accesses).toHaveLength(seen)
  })

  test('each classified column, in clear, masked, or how it is used', () => {
    const request = asked({
      shown: [{ statement: 0, output: 0, resource: 'public.t', column: 'email', dataClass: 'pii.email', mask: 'email' }, { statement: 0, output: 1, resource: 'public.t', column: 'ssn', dataClass: 'pii.ssn', mask: null }],
      used: [{ statement: 0, resource: 'public.t', column: 'ssn', dataClass: 'pii.ssn', how: 'in a where clause' }],
    })
    const at = { resource: 'public.t', statement: 0 }
    expect(viewOf(request, '', about).classified).toEqual([
      { ...at, column: 'public.t.email', class: 'pii.email', use: 'masked (email)', output: 0 }, { ...at, column: 'public.t.ssn', class: 'pii.ssn', use: 'in clear', output: 1 }, { ...at, column: 'public.t.ssn', class: 'pii.ssn', use: 'in a where clause', output: null },
    ])
  })

  test('what each demand still lacks, everybody who is asked once and sorted, and the largest quorum', () => {
    const demands = [{ by: ['support-leads', 'user:z'], quorum: 2, withinMs: 1, rule: 'r.rules[0]' }, { by: ['security', 'support-leads'], quorum: 1, withinMs: 1, rule: 'r.rules[1]' }]
    const seen = viewOf(asked({ demands }, { verdicts: [verdict('user:lea@acme.dev', ['support-leads'])] }), 'https://c', about)
    expect([seen.approvers, seen.quorum, seen.demands.map(({ missing }) => missing)]).toEqual([['security', 'support-leads', 'user:z'], 2, [1, 0]])
  })

  test('the whole statement and its parameters, and nothing that the store alone is to know', () => {
    const request = asked({}, { verdicts: [verdict('user:lea@acme.dev', ['support-leads'])], notices: [{ to: 'slack C1', at: 'then', sent: true, attempts: 1, place: { channel: 'C1', message: '1.2' } }] })
    const seen = viewOf(request, 'https://c', about)
    expect(seen.statements).toEqual(request.bound.query.statements)
    expect(seen.decisions).toEqual([{ subject: 'user:lea@acme.dev', decision: 'approve', at: 'then', reason: null }])
    expect(Object.keys(seen)).not.toEqual(expect.arrayContaining(['callKey', 'revision', 'execution', 'bound', 'verdicts']))
    expect(JSON.stringify(seen)).not.toContain('"place"')
  })

  test('every value the digest binds', () => {
    const seen = JSON.stringify(viewOf(whole, 'https://c', about)) + '77 s 37 min transaction'
    for (const word of wordsOf()) expect(seen).toContain(word)
    expect(viewOf(whole, '', about)).toMatchObject({ limits: { timeoutMs: 77_000 }, demands: [{ withinMs: 2_220_000 }], batch: true })
  })

  test('the views an access goes through, told from the same access without them, and which statements make it', () => {
    const accesses = [access({ via: ['public.v'] }), access({}), access({ via: ['public.v'], statement: 2 }), access({ via: ['public.w', 'public.v'] })]
    expect(viewOf(asked({ accesses }), '', about).accesses.map(({ via, statements }) => ({ via, statements }))).toEqual([{ via: ['public.v'], statements: [0, 2] }, { via: [], statements: [0] }, { via: ['public.w', 'public.v'], statements: [0] }])
  })

  test('an estimate only where one is given', () => {
    expect(viewOf(asked(), '', about)).not.toHaveProperty('estimate')
    expect(viewOf(asked(), '', { ...about, estimate: [null] }).estimate).toEqual([null])
  })
})

test('who waits is told where to look, by when and for whom, and not what the agent knows already', () => {
  const waiting = waitingOf(asked(), 'https://console.acme.dev')
  expect(waiting).toMatchObject({ status: 'pending', approvers: ['support-leads'], quorum: 1, url: `https://console.acme.dev/requests/${asked().id}` })
  expect(waiting).not.toHaveProperty('statements')
})

test('who asked does not learn from it what views, rules and the issuer\'s document say, nor which claims conditions read', () => {
  const seen = viewOf(whole, '', { mine: true, mayDecide: false })
  for (const secret of ['view-t', 'view-u', 'content-ii', 'fingerprint-jj', 'trust-b', 'claim-h', 'claimed-i']) expect(JSON.stringify(seen)).not.toContain(secret)
  expect(seen).toMatchObject({ trust: null, claims: null, ruleContents: null, fingerprint: null, limits: { rows: 424_203 } })
})

describe('how it ended', () => {
  const refusal: Refusal = { slug: 'target-error', reason: 'target_refused', detail: 'a value is not there', next: 'fix', sqlstate: '23503', span: { start: 3, end: 9 }, statement: 1 }
  const ended = (status: AccessRequest['status'], told: Refusal | null, rowCounts: readonly number[] = []) =>
    viewOf(asked({}, { status, ending: { at: '2026-11-22T09:10:00.000Z', refusal: told, rowCounts, outcome: null } }), '', { mine: true, mayDecide: false })

  test('in the members of the refusal the call itself gets, and until when it gets it', () => {
    expect(ended('failed', refusal).ending).toEqual({ at: '2026-11-22T09:10:00.000Z', ...refusal, rowCounts: [], outcome: null, answersUntil: '2026-11-22T09:25:00.000Z' })
  })
  test.each<[AccessRequest['status'], Refusal['next'], boolean]>([
    ['failed', 'request', false], ['failed', 'retry', false], ['failed', 'fix', true], ['failed', 'none', true], ['expired', 'retry', true], ['stale', 'request', false], ['outcome-unknown', 'none', true],
  ])('%s with `%s`: the time in which the same call is answered by it is told only where it is (%s)', (status, next, answers) => {
    const { ending } = ended(status, { ...refusal, next })
    expect([ending?.next, ending?.answersUntil]).toEqual([next, answers ? '2026-11-22T09:25:00.000Z' : null])
  })
  test('done: until when the rows are kept, for whoever asked alone', () => {
    expect(ended('succeeded', null, [1]).resultUntil).toBe('2026-11-23T09:10:00.000Z')
    expect(ended('failed', refusal).resultUntil).toBeNull()
    expect(viewOf(asked({}, { status: 'succeeded', ending: { at: '2026-11-22T09:10:00.000Z', refusal: null, rowCounts: [1], outcome: null } }), '', about).resultUntil).toBeNull()
  })
})

describe('in a list', () => {
  const summary = (bound: Partial<Bound>) => summaryOf(viewOf(asked(bound), 'https://c', about))
  const saying = (statements: readonly { readonly sql: string; readonly params: readonly string[] }[]): Partial<Bound> => ({ query: { ...asked().bound.query, batch: true, statements } })

  test('a long statement is cut with a mark, how much is missing is said, and parameters are a number', () => {
    expect(summary(saying([{ sql: 'x'.repeat(500), params: ['secret', 'b'] }])).statements).toEqual([{ sql: 'x'.repeat(500), missing: 0, params: 2 }])
    expect(summary(saying([{ sql: 'x'.repeat(60_000), params: [] }])).statements).toEqual([{ sql: `${'x'.repeat(500)} [… 59500 more characters]`, missing: 59_500, params: 0 }])
  })
  test('no character is cut in half', () => {
    const [one] = summary(saying([{ sql: `${'x'.repeat(499)}😀y`, params: [] }])).statements
    expect([one?.sql.isWellFormed(), one?.missing]).toEqual([true, 3])
  })
  test('many statements and accesses are a few and their number, what changes something first', () => {
    const accesses = [...Array(30).keys()].map((n) => access({ resource: `public.t${n}` }))
    const seen = summary({ ...saying(Array.from({ length: 50 }, () => ({ sql: 'x'.repeat(60_000), params: ['p'.repeat(1000)] }))), accesses: [...accesses, access({ action: 'delete', resource: 'public.last' })] })
    expect([seen.statements.length, seen.moreStatements, seen.accesses[0], seen.moreAccesses]).toEqual([5, 45, { action: 'delete', resource: 'public.last' }, 21])
    expect(JSON.stringify(seen).length).toBeLessThan(8000)
  })
})

test('the shapes of /openapi.json name every member of a request and of its summary, and hold', () => {
  const ending = { at: '2026-11-22T09:10:00.000Z', refusal: null, rowCounts: [1], outcome: null }
  const view = viewOf({ ...whole, status: 'succeeded', ending, policy: 'p' }, 'https://c', { ...about, estimate: [null] })
  const [one, listed] = [oneRequest.parse({ request: view }), requests.parse({ requests: [summaryOf(view)] })]
  expect([one.request, listed.requests]).toEqual([view, [summaryOf(view)]])                        // a shape drops what it does not name
})
