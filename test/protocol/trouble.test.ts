import { expect, test } from 'vitest'
import { TransportError } from '../../functions/protocol/post.ts'
import { transportRefusal, unavailable } from '../../functions/protocol/trouble.ts'

test.each([
  ['unreachable', { slug: 'target-unavailable', reason: 'target_unreachable', next: 'retry', retryAfterSeconds: 2 }], ['timeout', { slug: 'timeout', reason: 'target_timeout', next: 'fix' }],
  ['too-large', { slug: 'too-large', reason: 'answer_too_large', next: 'fix' }], ['cut', { slug: 'timeout', reason: 'cut', next: 'retry' }],
] as const)('a way that failed is told by what helps, and its own words stay inside: %s', (kind, refusal) => {
  const told = transportRefusal(new TransportError(kind, 'host db.internal'))
  expect(told).toMatchObject({ ...refusal, inner: expect.stringContaining('host db.internal') })
  if (kind !== 'cut') expect(told.detail).not.toContain('db.internal')
})
test('what is not to be had now may be tried again', () => {
  expect(unavailable('secret_missing', 'the gate has no credential for this', 'Fault')).toEqual({ slug: 'target-unavailable', reason: 'secret_missing', detail: 'the gate has no credential for this', next: 'retry', retryAfterSeconds: 2, inner: 'Fault' })
})
