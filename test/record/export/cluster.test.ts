import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { ocsfOf } from '../../../functions/record/export/ocsf.ts'
import type { Told } from '../../../schema/told.ts'
import { toldOf } from './events.ts'

// OCSF 1.8.0, API Activity: strict where we put something.
const text = z.string().min(1)
const shape = z.looseObject({
  class_uid: z.literal(6003), class_name: z.literal('API Activity'), type_uid: z.int(), activity_id: z.literal([1, 2, 3, 4, 99]), actor: z.looseObject({}), src_endpoint: z.strictObject({ svc_name: z.literal('sluice') }),
  api: z.strictObject({ operation: text, version: z.literal('v1'), service: z.strictObject({ name: z.literal('kubernetes') }) }), resources: z.array(z.strictObject({ type: text, name: text.optional(), namespace: text.optional() })).length(1).optional(),
  http_request: z.strictObject({ http_method: text, url: z.strictObject({ path: text, query_string: text.optional() }) }).optional(), http_response: z.strictObject({ code: z.int() }).optional(),
}).refine((one) => !['database', 'table', 'query_info', 'process', 'device'].some((name) => Object.hasOwn(one, name)))
const of = (sql: string, access: object): Told => toldOf('intent', { connection: 'cluster', statements: [{ sql, params: [{}, null] }], accesses: [access], masks: {} })
const ran = of('POST /api/v1/namespaces/web/pods/front-1/exec?stdout=true&command=id', { action: 'create', resource: 'pods/exec', namespace: 'web', name: 'front-1', system: true })

describe('a request to a cluster is API Activity', () => {
  test.each([
    ['GET /api/v1/namespaces/web/pods', { action: 'list', resource: 'pods', namespace: 'web' }, 600302, 'pods.list'], ['PATCH /apis/apps/v1/namespaces/web/deployments/front', { action: 'patch', resource: 'apps/deployments', namespace: 'web', name: 'front' }, 600303, 'apps/deployments.patch'],
    ['DELETE /apis/acme.io/v1/widgets', { action: 'deletecollection', resource: 'acme.io/widgets' }, 600304, 'acme.io/widgets.deletecollection'],
  ] as const)('%s', (sql, access, type, operation) => {
    expect(shape.parse(ocsfOf(of(sql, access)))).toMatchObject({ type_uid: type, status: 'Unknown', api: { operation }, http_request: { http_method: sql.split(' ')[0] } })
  })
  test('a command in a container: which, and what the server answered', () => {
    expect(shape.parse(ocsfOf(ran))).toMatchObject({ type_uid: 600301, resources: [{ type: 'pods/exec', name: 'front-1', namespace: 'web' }], http_request: { url: { path: '/api/v1/namespaces/web/pods/front-1/exec', query_string: 'stdout=true&command=id' } } })
    expect(shape.parse(ocsfOf(toldOf('outcome', { connection: 'cluster', answered: { status: 200, audit: 'a-1' } }), ran))).toMatchObject({ type_uid: 600301, status: 'Success', http_response: { code: 200 }, unmapped: { audit: 'a-1' } })
  })
  test('erased, it is known by what it reached; of a database it never is', () => {
    const { statements: _line, ...gone } = ran
    expect(shape.parse(ocsfOf(gone))).toMatchObject({ resources: [{ type: 'pods/exec' }] })
    const { statements: _sql, ...relational } = toldOf('intent')
    for (const event of [relational, toldOf('intent'), toldOf('outcome')]) expect(ocsfOf(event, toldOf('intent'))).toMatchObject({ class_uid: 6005 })
  })
})
