import { expect, test } from 'vitest'
import { itemOf } from '../../functions/aws/event.ts'
import { imagesOf } from '../../functions/aws/stream.ts'
import type { Event } from '../../schema/event.ts'

const event: Event = { id: 'evt_01JD9Z7V8M0000000000000000', at: '2026-11-22T09:00:00.000Z', evaluation: 'eval_01JD9Z7V8M0000000000000000', session: null, who: null, connection: null, policy: null, kind: 'start', change: {} }
const record = (NewImage?: object) => ({ eventSource: 'aws:dynamodb', eventName: 'INSERT', dynamodb: { ...(NewImage ? { NewImage } : {}), SequenceNumber: '1' } })

test('a batch gives its events; days, removals and damage are left to the next look', () => {
  expect(imagesOf({ Records: [record(itemOf(event, JSON.stringify(event))), record({ pk: { S: 'days' }, sk: { S: '2026-11-22' } }), record(), record({ ...itemOf(event, '{'), event: { S: '{' } })] })).toEqual([event])
})
test.each([[{ source: 'schedule' }], [{}], [null], ['x'], [{ Records: [{ eventSource: 'aws:sqs', body: '' }] }]])('%j is no batch', (given) => {
  expect(imagesOf(given)).toBe(null)
})
