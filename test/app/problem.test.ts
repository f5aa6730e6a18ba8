import { expect, test } from 'vitest'
import { slugs } from '../../schema/refusal.ts'
import { pageHeaders } from '../../functions/console/page.ts'
import { problemIndex, problemPage } from '../../functions/console/problem.ts'
import { Fault } from '../../functions/ports.ts'
import { faultRefusal, kinds, problemOf, statusOf } from '../../functions/problem.ts'

/** CONTRACT.md section 2, the table of refusals. */
const table: Readonly<Record<number, readonly string[]>> = {
  400: ['invalid-request', 'statement-unparsable'], 401: ['unauthenticated'], 403: ['denied', 'statement-unsupported', 'approval-rejected'], 404: ['not-found'],
  409: ['policy-moved', 'request-settled', 'approval-stale', 'idempotency-in-flight'], 410: ['approval-expired'], 413: ['too-large'], 422: ['target-error', 'idempotency-mismatch'], 429: ['rate-limited'],
  500: ['internal'], 502: ['outcome-unknown'], 503: ['audit-unavailable', 'policy-unavailable', 'target-unavailable'], 504: ['timeout'],
}
test('every slug has the status of the contract', () => {
  expect(Object.fromEntries(slugs.map((slug) => [slug, kinds[slug].status]))).toEqual(Object.fromEntries(Object.entries(table).flatMap(([status, names]) => names.map((slug) => [slug, Number(status)]))))
})

test('a problem never holds what is inside', () => {
  const refusal = { slug: 'denied', reason: 'no_rule', detail: 'no', next: 'none', inner: 'salary of jane', secret: 'x', stack: 'y' } as const
  expect(Object.keys(problemOf(refusal, 'eval_1')).sort()).toEqual(['detail', 'evaluation', 'next', 'reason', 'status', 'title', 'type'])
})

test('only an unknown method is a 405', () => {
  const refusal = (slug: 'invalid-request' | 'denied') => ({ slug, reason: 'method_not_allowed', detail: '', next: 'fix' }) as const
  expect([statusOf(refusal('invalid-request')), statusOf(refusal('denied'))]).toEqual([405, 403])
})

const secret = 'password=hunter2 value 078-05-1120'
test.each([
  ['a store that does not answer', new Fault('store-unavailable', secret), 'audit-unavailable', 'retry'],
  ['a target that does not answer', new Fault('target-unavailable', secret), 'target-unavailable', 'retry'],
  ['an issuer that does not answer', new Fault('issuer-unavailable', secret), 'policy-unavailable', 'retry'],
  ['a missing secret', new Fault('secret-missing', secret), 'target-unavailable', 'none'],
  ['a corrupt policy', new Fault('policy-corrupt', secret), 'policy-unavailable', 'none'],
  ['an error of our own', new Fault('internal', secret), 'internal', 'none'],
  ['any other error', new Error(secret), 'internal', 'none'], ['a string', secret, 'internal', 'none'], ['nothing', undefined, 'internal', 'none'],
])('%s is told without its words', (_name, error, slug, next) => {
  const refusal = faultRefusal(error, () => {})
  expect(refusal).toMatchObject({ slug, next })
  expect(JSON.stringify(problemOf(refusal, null))).not.toMatch(/hunter2|078-05/)
})

test('the alarm about a foreign error holds where it came from and not what it said', () => {
  const alarms: unknown[] = []
  class DatabaseError extends Error {}
  const error = new DatabaseError(`invalid input syntax: "${secret}"`, { cause: new Error(secret) })
  faultRefusal(error, (...alarm) => { alarms.push(alarm) })
  expect(JSON.stringify(alarms)).toMatch(/problem\.test\.ts/)
  expect(JSON.stringify(alarms)).not.toMatch(/hunter2|078-05/)
})

test('an error that is its own cause ends', () => {
  const error = new Error('round')
  error.cause = error
  expect(faultRefusal(error, () => {}).slug).toBe('internal')
})

test.each(slugs)('the page of %s says what happened and what to do, and runs nothing', (slug) => {
  const page = problemPage(slug)
  expect(page).toContain(kinds[slug].title)
  expect(page).toMatch(/What to do[^]*<li>/)
  expect(page).toContain('name="viewport"')
  expect(page.split('</style>')[1]).not.toContain('`')            // what is sent as it is stands as code
  expect(page).not.toMatch(/<script|javascript:|onclick|undefined|\[object/i)
  expect(problemIndex()).toContain(`/problems/${slug}`)
})

test('a page may load nothing and run nothing but its own style', () => {
  expect(pageHeaders['content-security-policy']).toMatch(/^default-src 'none'; style-src 'sha256-[A-Za-z0-9+/=]{44}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'$/)
})

test('one title and page for every limit: nobody who has too many requests waiting reads that an hour is used up', () => {
  expect(kinds['rate-limited'].title).toBe('Too much, for now')
  for (const words of ['rows in an hour', 'requests that wait for people', 'requests to people in an hour', 'messages on a socket']) expect(problemPage('rate-limited')).toContain(words)
})
