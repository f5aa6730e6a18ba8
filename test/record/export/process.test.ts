import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { ocsfOf } from '../../../functions/record/export/ocsf.ts'
import type { Told } from '../../../schema/told.ts'
import { toldOf } from './events.ts'

// OCSF 1.8.0, Process Activity: strict where we put something.
const text = z.string().min(1)
const shape = z.looseObject({
  class_uid: z.literal(1007), class_name: z.literal('Process Activity'), category_uid: z.literal(1), category_name: z.literal('System Activity'), activity_id: z.literal([1, 2]), activity_name: z.enum(['Launch', 'Terminate']), type_uid: z.literal([100_701, 100_702]),
  device: z.strictObject({ name: text, type_id: z.literal(1), type: z.literal('Server') }), process: z.strictObject({ uid: text, cmd_line: text.optional(), name: text.optional(), user: z.strictObject({ name: text, type_id: z.literal(0), type: z.literal('Unknown') }).optional() }), exit_code: z.int().optional(),
  actor: z.looseObject({}),
}).refine((one) => !['database', 'table', 'query_info', 'api', 'src_endpoint', 'resources'].some((name) => Object.hasOwn(one, name)))
const accesses = [{ action: 'exec', resource: 'systemctl status *' }]
const ran = (more: object = {}): Told => toldOf('intent', { connection: 'bastion', statements: [{ sql: '/usr/bin/systemctl status cron', params: [] }], accesses, masks: {}, diff: 'as deploy\non bastion.internal, port 22', ...more })
const ended = (more: object = {}): Told => toldOf('outcome', { connection: 'bastion', said: { stdout: 'up\n', stderr: '', exitCode: 0 }, answered: { status: 200, audit: 'sluice-1' }, ...more })

describe('a command on a host is Process Activity', () => {
  test('about to run: a launch, by its rules, as whom', () => {
    const object = shape.parse(ocsfOf(ran()))
    expect(object).toMatchObject({ type_uid: 100_701, status: 'Unknown', device: { name: 'bastion' }, process: { uid: ran().id, cmd_line: '/usr/bin/systemctl status cron', name: 'systemctl', user: { name: 'deploy' } }, actor: { user: { uid: 'agent:support-bot' }, authorizations: [{ decision: 'allowed' }] } })
  })
  test.each([
    ['its end, and how', { said: { stdout: '', stderr: '', exitCode: 3 } }, 100_702, 'Failure', 3, 1], ['an end without an error', {}, 100_702, 'Success', 0, 1], ['let go of', { said: { exitCode: null, ended: 'it wrote too much' } }, 100_702, 'Unknown', undefined, 1],
    ['it never began', { status: 'failed', said: undefined, refusal: { slug: 'target-unavailable', reason: 'x', detail: 'no' } }, 100_701, 'Failure', undefined, 2], ['nobody knows', { status: 'unknown', said: undefined, refusal: { slug: 'outcome-unknown', reason: 'x', detail: 'lost' } }, 100_701, 'Unknown', undefined, 4],
  ] as const)('%s', (_, more, type, status, code, severity) => {
    const event = ended(more)
    expect(shape.parse(ocsfOf(event, ran()))).toMatchObject({ type_uid: type, status, severity_id: severity, process: { uid: event.intent, cmd_line: '/usr/bin/systemctl status cron' }, unmapped: expect.not.objectContaining({ said: expect.objectContaining({ stdout: expect.anything() as unknown }) as unknown }) as unknown, ...(code === undefined ? {} : { exit_code: code }) })
  })
  test('refused: a launch that was denied, by which rule', () => {
    expect(shape.parse(ocsfOf(toldOf('refusal', { connection: 'bastion', accesses, statements: [{ sql: 'systemctl stop cron', params: [] }], refusal: { slug: 'denied', reason: 'denied_by_rule', rule: 'ops.rules[2]', detail: 'no' } })))).toMatchObject({ type_uid: 100_701, status: 'Failure', severity: 'Medium', actor: { authorizations: [{ decision: 'denied', policy: { name: 'ops.rules[2]' } }] } })
  })
  test('what it wrote is no part of it', () => {
    expect(JSON.stringify([ocsfOf(toldOf('output')), ocsfOf(ended(), ran())])).not.toMatch(/hello|up\\n/)
  })
  test('erased, it tells what stands in clear and no more', () => {
    const { statements: _line, diff: _runs, ...gone } = ran()
    expect(shape.parse(ocsfOf(gone)).process).toEqual({ uid: gone.id, name: 'systemctl' })
    expect(shape.parse(ocsfOf({ ...gone, accesses: [{ action: 'exec', resource: '* *' }] })).process).toEqual({ uid: gone.id })
  })
})
