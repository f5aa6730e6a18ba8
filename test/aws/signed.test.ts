import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { placeOf } from '../../functions/aws/dynamo.ts'
import { createSigner } from '../../functions/aws/signature.ts'
import { signedDynamo } from '../../functions/aws/signed.ts'
import { startDynamo } from '../../functions/local/dynamodb.ts'
import { credentials } from '../contract/rig.ts'

const at = Date.parse('2026-11-22T23:59:59.999Z')

function headersOf(flat: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = {}
  for (let i = 0; i < flat.length; i += 2) headers[flat[i] ?? ''] = flat[i + 1] ?? ''
  return headers
}

describe('the signature', () => {
  test.each([
    ['with a session token', credentials], ['without one', { ...credentials, sessionToken: undefined }],
  ])('is the one the SDK makes for the same request, %s', async (_, its) => {
    const body = JSON.stringify({ TableName: 'x', Item: { pk: { S: '€😀\u0000' } } })
    const place = { region: 'eu-central-1', endpoint: 'https://dynamodb.eu-central-1.amazonaws.com', credentials: its }
    const sign = createSigner(place)
    for (const time of [at, at + 1, at - 86_400_000]) {
      const ours = headersOf(sign('DynamoDB_20120810.PutItem', body, time))
      const { accessKeyId, secretAccessKey, sessionToken } = its
      const client = new DynamoDBClient({ region: place.region, credentials: { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) } })
      const signer = await client.config.signer({ name: 'sigv4', signingName: 'dynamodb', signingRegion: place.region, properties: {} })
      const theirs = await signer.sign({
        method: 'POST', protocol: 'https:', hostname: 'dynamodb.eu-central-1.amazonaws.com', path: '/', query: {}, body,
        headers: { host: 'dynamodb.eu-central-1.amazonaws.com', 'x-amz-target': 'DynamoDB_20120810.PutItem' },
      }, { signingDate: new Date(time), unsignableHeaders: new Set(['x-amz-content-sha256']) })
      expect(ours['x-amz-date']).toBe(theirs.headers['x-amz-date'])
      expect(ours['authorization']).toBe(theirs.headers['authorization'])
    }
  })

  test('another body, target, date or key is refused by a server that knows the secret', async () => {
    let clock = Date.now()
    const server = await startDynamo({ directory: null, credentials, now: () => clock })
    const place = { region: 'eu-west-1', endpoint: server.url, credentials }
    const sign = createSigner(place)
    const body = '{"Limit":1}'
    const headers = headersOf(sign('DynamoDB_20120810.ListTables', body, clock))
    const post = async (more: Record<string, string>, text = body) => {
      const { host: _, 'content-length': __, ...rest } = { ...headers, ...more }
      const response = await fetch(server.url, { method: 'POST', headers: rest, body: text })
      return [response.status, ((await response.json()) as { __type?: string }).__type?.split('#')[1]]
    }
    expect(await post({})).toEqual([200, undefined])
    expect(await post({}, '{"Limit":2}')).toEqual([400, 'InvalidSignatureException'])
    expect(await post({ 'x-amz-target': 'DynamoDB_20120810.DescribeTable' })).toEqual([400, 'InvalidSignatureException'])
    expect(await post({ 'x-amz-security-token': 'other' })).toEqual([400, 'UnrecognizedClientException'])
    expect(await post({ authorization: (headers['authorization'] ?? '').replace(/SignedHeaders=[^,]+/, 'SignedHeaders=host;x-amz-date') })).toEqual([400, 'InvalidSignatureException'])
    expect(await post({ authorization: '' })).toEqual([400, 'IncompleteSignatureException'])
    clock += 6 * 60_000
    expect(await post({})).toEqual([400, 'InvalidSignatureException'])
    await server.close()
  })
})

describe('the transport', () => {
  let answer: (request: IncomingMessage, response: ServerResponse, n: number) => void
  let count = 0
  let sockets = new Set<unknown>()
  let url = ''
  let stop: () => Promise<void>
  beforeEach(async () => {
    count = 0
    sockets = new Set()
    const server = createServer((request, response) => {
      request.resume()
      request.on('end', () => { sockets.add(request.socket); count++; answer(request, response, count) })
    })
    await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    stop = () => new Promise((resolve) => { server.close(() => resolve()); server.closeAllConnections() })
  })
  afterEach(() => stop())
  const open = (more: object = {}) => signedDynamo({ region: 'eu-west-1', endpoint: url, credentials, now: Date.now, random: () => 0, attemptMs: 20_000, ...more })
  const say = (response: ServerResponse, status: number, body: object | string, headers = {}) =>
    response.writeHead(status, headers).end(typeof body === 'string' ? body : JSON.stringify(body))
  const error = (type: string) => ({ __type: `com.amazonaws.dynamodb.v20120810#${type}`, message: 'm' })

  test.each([
    ['throttling', 400, error('ProvisionedThroughputExceededException')], ['another transaction', 400, error('TransactionConflictException')],
    ['a 500', 500, error('InternalServerError')], ['a proxy\'s page', 502, '<html>'], ['a 200 that is not json', 200, '<html>'], ['a 200 cut short', 200, '{"Item":{"pk"'],
  ])('tries again after %s', async (_, status, body) => {
    answer = (_request, response, n) => n < 3 ? say(response, status, body) : say(response, 200, { Item: { pk: { S: 'x' } } })
    expect(await open({ totalMs: 60_000 })('GetItem', {})).toEqual({ Item: { pk: { S: 'x' } } })
    expect(count).toBe(3)
  })

  test('a failed condition, a malformed request and a denied one are answers: said once, never sent again', async () => {
    for (const [type, code] of [['ConditionalCheckFailedException', 'store-unavailable'], ['ValidationException', 'internal'], ['AccessDeniedException', 'store-unavailable']] as const) {
      count = 0
      answer = (_request, response) => say(response, 400, { ...error(type), Item: { pk: { S: 'old' } } })
      await expect(open()('PutItem', {})).rejects.toMatchObject({ type, code, item: { pk: { S: 'old' } } })
      expect(count).toBe(1)
    }
  })

  test('gives up after its attempts, and says what the last one was', async () => {
    answer = (_request, response) => say(response, 500, error('InternalServerError'))
    await expect(open({ attempts: 3, totalMs: 60_000 })('GetItem', {})).rejects.toMatchObject({ type: 'InternalServerError', code: 'store-unavailable' })
    expect(count).toBe(3)
  })

  test('an answer that does not come is a timeout, and the next attempt goes by another connection', async () => {
    answer = (_request, response, n) => { if (n > 1) say(response, 200, {}) }
    expect(await open({ attemptMs: 1000, totalMs: 60_000 })('PutItem', {})).toEqual({})
    expect(sockets.size).toBe(2)
  })

  test('connections are kept, and left alone after a freeze', async () => {
    let clock = Date.now()
    answer = (_request, response) => say(response, 200, {})
    const dynamo = open({ now: () => clock })
    await dynamo('GetItem', {})
    await dynamo('GetItem', {})
    expect(sockets.size).toBe(1)
    clock += 30_000
    await dynamo('GetItem', {})
    expect(sockets.size).toBe(2)
    dynamo.close()
  })

  test('a call that slept through its time gives up instead of sending again', async () => {
    let clock = Date.now()
    answer = (_request, response) => { clock += 60_000; say(response, 500, error('InternalServerError')) }
    await expect(open({ now: () => clock })('PutItem', {})).rejects.toMatchObject({ code: 'store-unavailable' })
    expect(count).toBe(1)
  })

  test('a clock that is off is corrected from the answer, once, and kept', async () => {
    const offset = 3_600_000
    const dates: string[] = []
    answer = (request, response) => {
      const date = String(request.headers['x-amz-date'])
      dates.push(date)
      const theirs = new Date(Date.now() + offset)
      const near = Math.abs(Date.parse(date.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z')) - theirs.getTime()) < 300_000
      if (near) say(response, 200, {}, { date: theirs.toUTCString() })
      else say(response, 400, { __type: 'com.amazon.coral.service#InvalidSignatureException', message: 'Signature expired' }, { date: theirs.toUTCString() })
    }
    const dynamo = open()
    await dynamo('GetItem', {})
    await dynamo('GetItem', {})
    expect(dates).toHaveLength(3)
    dynamo.close()
  })

  test('a wrong secret is not mistaken for a wrong clock', async () => {
    answer = (_request, response) => say(response, 400, { __type: 'x#InvalidSignatureException', message: 'does not match' }, { date: new Date().toUTCString() })
    await expect(open()('GetItem', {})).rejects.toMatchObject({ type: 'InvalidSignatureException' })
    expect(count).toBe(1)
  })

  test('nobody listening is store-unavailable', async () => {
    await stop()
    await expect(open()('GetItem', {})).rejects.toMatchObject({ type: 'Network', code: 'store-unavailable' })
    stop = async () => undefined
  })
})

test('the place is read from the environment as the AWS tools do, and a missing part is said', () => {
  const env = { AWS_REGION: 'eu-west-1', AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b' }
  expect(placeOf(env)).toEqual({ region: 'eu-west-1', endpoint: 'https://dynamodb.eu-west-1.amazonaws.com', tables: null, credentials: { accessKeyId: 'a', secretAccessKey: 'b', sessionToken: undefined } })
  expect(placeOf({ ...env, AWS_ENDPOINT_URL: 'http://x', AWS_ENDPOINT_URL_DYNAMODB: 'http://127.0.0.1:1' }).endpoint).toBe('http://127.0.0.1:1')
  expect(placeOf({ ...env, SLUICE_TABLES: 'sluice-dev' }).tables).toBe('sluice-dev')
  expect(() => placeOf({ ...env, AWS_SECRET_ACCESS_KEY: '' })).toThrow(/AWS_SECRET_ACCESS_KEY/)
})
