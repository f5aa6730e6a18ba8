import { expect, test } from 'vitest'
import { slugs, type Refusal } from '../../schema/refusal.ts'
import { kinds } from '../../functions/problem.ts'
import { statusBody } from '../../functions/status.ts'

/** What client-go does with each reason it is told (apimachinery, api/errors): none of them may stand over another code. */
const codes: Readonly<Record<string, readonly number[]>> = {
  BadRequest: [400], Unauthorized: [401], Forbidden: [403], NotFound: [404], MethodNotAllowed: [405], Conflict: [409], Gone: [410], RequestEntityTooLarge: [413], Invalid: [422], TooManyRequests: [429],
  InternalError: [500, 502], ServiceUnavailable: [503], Timeout: [504],
}
const refusal = (change: Partial<Refusal> = {}): Refusal => ({ slug: 'denied', reason: 'no_rule', detail: 'no rule lets you', next: 'none', inner: 'SECRET INNER', ...change })

test.each(slugs)('%s is a Status whose reason and code say the same', (slug) => {
  const status = statusBody(refusal({ slug }), 'eval_1')
  expect(status).toMatchObject({ kind: 'Status', apiVersion: 'v1', status: 'Failure', code: kinds[slug].status, message: 'no rule lets you (eval_1)' })
  expect(codes[status.reason]).toContain(status.code)
  expect(JSON.stringify(status)).not.toContain('SECRET INNER')
})

test('a method that does nothing is 405; what helps, the rule, the verb and when to come back are told', () => {
  expect(statusBody(refusal({ slug: 'invalid-request', reason: 'method_not_allowed' }), null)).toMatchObject({ code: 405, reason: 'MethodNotAllowed', message: 'no rule lets you' })
  const status = statusBody(refusal({ rule: 'a.rules[1]', action: 'patch', resource: 'apps/deployments/scale', retryAfterSeconds: 1.2, next: 'retry' }), 'eval_1', [{ reason: 'More', message: 'm' }])
  expect(status.details).toEqual({
    group: 'apps', kind: 'deployments/scale', retryAfterSeconds: 2,
    causes: [{ reason: 'Refusal', message: 'denied: no_rule' }, { reason: 'Rule', message: 'a.rules[1]' }, { reason: 'Verb', message: 'patch' }, { reason: 'Next', message: 'retry' }, { reason: 'Evaluation', message: 'eval_1' }, { reason: 'More', message: 'm' }],
  })
})

test.each([['pods/log', undefined, 'pods/log'], ['pods', undefined, 'pods'], ['acme.io/widgets', 'acme.io', 'widgets'], ['batch/jobs', 'batch', 'jobs'], ['/version', undefined, undefined]] as const)('%s is of group %s and kind %s', (resource, group, kind) => {
  const { details } = statusBody(refusal({ resource }), null)
  expect([details.group, details.kind]).toEqual([group, kind])
})
