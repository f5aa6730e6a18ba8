import { describe, expect, test } from 'vitest'
import type { Bound, Verdict } from '../../schema/approval.ts'
import { viewOf, waitingOf } from '../../functions/approve/view.ts'
import { asked } from './asked.ts'

const about = { mine: false, mayDecide: true }
const access = (more: Partial<Bound['accesses'][number]>): Bound['accesses'][number] => ({ action: 'select', resource: 'public.t', columns: null, via: [], statement: 0, ...more })
const verdict = (subject: string, groups: readonly string[]): Verdict => ({ decision: 'approve', issuer: 'okta', subject, groups, signedInAt: '', at: 'then', reason: null, evaluation: 'eval_1' })

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
    expect(viewOf(request, '', about).classified).toEqual([{ column: 'public.t.email', class: 'pii.email', use: 'masked (email)' }, { column: 'public.t.ssn', class: 'pii.ssn', use: 'in clear' }, { column: 'public.t.ssn', class: 'pii.ssn', use: 'in a where clause' }])
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
