import { gzipSync } from 'node:zlib'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { bodyOf, createRig, passing, planOf, type Rig, streamOf } from './rig.ts'
import { json, startStub, status, type Stub } from './stub.ts'

let stub: Stub
let rig: Rig
beforeAll(async () => { stub = await startStub() })
afterAll(() => stub.close())
beforeEach(() => { stub.seen.length = 0; stub.handler = (_, response) => { json(response, 200, { kind: 'Pod' }) }; rig = createRig(stub) })
afterEach(() => { rig.close() })
const write = { method: 'PUT', body: '{"kind":"Pod"}', contentType: 'application/json' } as const
const calls = () => stub.seen.filter(({ url }) => !url.endsWith('/token'))

describe('an answer', () => {
  test('is the plan\'s request, sent once, and comes with its status, type and Audit-ID', async () => {
    const { executed, masked } = await rig.run(planOf({ ...write, target: '/api/v1/namespaces/web/pods/p?fieldManager=kubectl' }))
    expect(executed).toMatchObject({ status: 'succeeded', rows: { answered: { status: 200, audit: 'aaaa-bbbb' } } })
    expect(masked?.answer).toMatchObject({ status: 200, audit: 'aaaa-bbbb', headers: { 'content-type': 'application/json' } })
    expect(await bodyOf(masked)).toBe('{"kind":"Pod"}')
    expect(calls()).toMatchObject([{ method: 'PUT', url: '/api/v1/namespaces/web/pods/p?fieldManager=kubectl', body: write.body }])
  })
  test.each([404, 403, 409, 410, 422, 429])('of %i is the cluster\'s own, for reads and writes', async (code) => {
    stub.handler = (_, response) => { json(response, code, status(code, 'Reason', 'words')) }
    for (const plan of [planOf(), planOf(write)]) {
      const { executed, masked } = await rig.run(plan)
      expect(executed).toMatchObject({ status: 'succeeded', rows: { answered: { status: code } } })
      expect(JSON.parse(await bodyOf(masked))).toMatchObject({ code, message: 'words' })
    }
  })
  test('to HEAD has no body', async () => {
    expect(await bodyOf((await rig.run(planOf({ method: 'HEAD' }))).masked)).toBe('')
  })
  test('over the limit: a read is refused, a write was done and says so', async () => {
    stub.handler = ({ method }, response) => { json(response, 200, { kind: 'Pod', data: 'x'.repeat(method === 'GET' ? 70_000 : 17 * 1024 * 1024) }) }
    expect((await rig.run(planOf())).executed).toMatchObject({ status: 'failed', refusal: { slug: 'too-large' } })
    const { executed, masked } = await rig.run(planOf(write))
    expect(executed.status).toBe('succeeded')
    expect(JSON.parse(await bodyOf(masked))).toMatchObject({ kind: 'Status', status: 'Success' })
  })
  test('a redirect is followed nowhere', async () => {
    stub.handler = (_, response) => { response.writeHead(302, { location: 'https://169.254.169.254/' }); response.end() }
    expect((await rig.run(planOf(write))).executed).toMatchObject({ status: 'failed', refusal: { slug: 'target-unavailable', reason: 'answer_invalid' } })
  })
})

describe('what is lost', () => {
  test.each([
    ['before the answer', (_: unknown, __: unknown, socket: { destroy(): void }) => { socket.destroy() }],
    ['in words that are no HTTP', (_: unknown, __: unknown, socket: { end(text: string): void }) => { socket.end('garbage\r\n\r\n') }],
  ] as const)('%s: a write may have happened and is sent once, a read failed', async (_, handler) => {
    stub.handler = handler as Stub['handler']
    expect((await rig.run(planOf(write))).executed).toMatchObject({ status: 'unknown', refusal: { slug: 'outcome-unknown' } })
    expect(calls()).toHaveLength(1)
    expect((await rig.run(planOf())).executed).toMatchObject({ status: 'failed', refusal: { slug: 'target-unavailable' } })
  })
  test('no answer in time: a write may have happened, a read ran out of time', async () => {
    stub.handler = () => undefined
    expect((await rig.run(planOf(write), { limits: { timeoutMs: 1000 } })).executed.status).toBe('unknown')
    expect((await rig.run(planOf(), { limits: { timeoutMs: 1000 } })).executed).toMatchObject({ status: 'failed', refusal: { slug: 'timeout' } })
  })
  test('a dry run never happened', async () => {
    stub.handler = (_, __, socket) => { socket.destroy() }
    expect((await rig.run(planOf({ ...write, dryRun: true }))).executed.status).toBe('failed')
  })
  test('an answer that trickles on for ever ends at the whole time, not at each silence', async () => {
    stub.handler = (_, response) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      const timer = setInterval(() => { response.write(' ') }, 20)
      response.once('close', () => { clearInterval(timer) })
    }
    expect((await rig.run(planOf(), { limits: { timeoutMs: 200 }, run: { deadline: rig.now + 1 } })).executed).toMatchObject({ status: 'failed', refusal: { slug: 'timeout' } })
  })
  test('the body of a write that was answered 200: it was done', async () => {
    stub.handler = (_, response) => { response.writeHead(200, { 'content-type': 'application/json', 'content-length': '500' }); response.write('{"kind"', () => { response.destroy() }) }
    const { executed, masked } = await rig.run(planOf(write))
    expect(executed).toMatchObject({ status: 'succeeded', rows: { answered: { status: 200 } } })
    expect(JSON.parse(await bodyOf(masked))).toMatchObject({ kind: 'Status', status: 'Success' })
    expect((await rig.run(planOf())).executed).toMatchObject({ status: 'failed', refusal: { reason: 'connection_lost' } })
  })
  test.each([
    [500, status(500, 'InternalError', 'Internal error occurred: failed calling webhook "x": timeout'), 'succeeded'], [503, status(503, 'ServiceUnavailable'), 'succeeded'], [503, { error: 'a proxy' }, 'unknown'],
    [500, { kind: 'Status', status: 'Failure', message: 'failed to create typed patch object: .data.z: expected string', code: 500 }, 'succeeded'],
    ...['expected slice or array type, but got: struct', 'The order in patch list:\n[map[name:y]]\n doesn\'t match', 'map: map[image:z] does not contain declared merge key: name', 'unknown patch type: x in map: map[$patch:x]'].map((message) => [500, { kind: 'Status', status: 'Failure', message, code: 500 }, 'succeeded'] as const),
    [500, { kind: 'Status', status: 'Failure', message: 'etcdserver: request timed out', code: 500 }, 'unknown'],
    [500, status(500, 'InternalError', 'Internal error occurred: etcdserver: request timed out'), 'unknown'], [502, {}, 'unknown'], [504, status(504, 'Timeout'), 'unknown'],
  ] as const)('a write answered with %i %j: %s', async (code, body, expected) => {
    stub.handler = (_, response) => { json(response, code, body) }
    expect((await rig.run(planOf(write))).executed.status).toBe(expected)
    expect((await rig.run(planOf())).executed.status).toBe('succeeded')             // of a read it is just an answer
  })
  test('nothing begins after the deadline', async () => {
    expect((await rig.run(planOf(write), { run: { deadline: rig.now } })).executed).toMatchObject({ status: 'failed', refusal: { reason: 'deadline_passed' } })
    expect(calls()).toEqual([])
  })
})

describe('a stream', () => {
  const watch = () => planOf({ form: 'watch', target: '/api/v1/pods?watch=true', attributes: { verb: 'watch', name: null } })
  test('comes as it is written, and the record hears how much and how it ended', async () => {
    let finish: () => void = () => undefined
    stub.handler = (_, response) => { response.writeHead(200, { 'content-type': 'application/json' }); response.write('{"a":1}\n'); finish = () => response.end('{"b":2}\n') }
    const { executed, masked } = await rig.run(watch())
    const reader = streamOf(masked).getReader()
    expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe('{"a":1}\n')
    finish()
    expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe('{"b":2}\n')
    expect((await reader.read()).done).toBe(true)
    expect(executed.status === 'succeeded' ? await executed.rows.ended : null).toEqual({ bytes: 16, items: 2, how: 'complete', detected: {} })
  })
  test('of a watch holds to the rows of an hour, for it begins with all there is; without such a budget it goes on', async () => {
    stub.handler = (_, response) => { response.writeHead(200); response.write('{"a":1}\n{"a":2}\n', () => { setTimeout(() => { response.end('{"a":3}\n') }, 20) }) }
    const held = await rig.run(watch(), { run: { maxRows: 2 }, limits: { rowsPerHour: 10 } })
    expect(await bodyOf(held.masked)).toBe('{"a":1}\n{"a":2}\n')
    const { rows } = held.executed.status === 'succeeded' ? held.executed : { rows: null }
    expect([(await rows?.ended)?.how, await rows?.counted]).toEqual(['cut: over 2 objects, which are what is left of the hour, or the most of one call', 3])
    const free = await rig.run(watch(), { run: { maxRows: 2 } })
    expect([await bodyOf(free.masked), free.executed.status === 'succeeded' && 'counted' in free.executed.rows]).toEqual(['{"a":1}\n{"a":2}\n{"a":3}\n', false])
  })
  test('that is cut ends at once, whole, and lets the cluster go', async () => {
    stub.handler = (_, response) => { response.writeHead(200); response.write('{"a":1}\n') }
    const cut = new AbortController()
    const { executed, masked } = await rig.run(watch(), { run: { cut: cut.signal } })
    const reader = streamOf(masked).getReader()
    await reader.read()
    const next = reader.read()
    cut.abort(new Error('locked'))
    expect((await next).done).toBe(true)
    expect(executed.status === 'succeeded' ? (await executed.rows.ended)?.how : null).toBe('cut: locked')
    await expect.poll(() => stub.connections()).toBe(1)                           // the one kept for the next call
  })
  test.each([['plain', false], ['packed', true]])('that is cut, or drops, before anybody read of it harms nobody else (%s)', async (_, packed) => {
    stub.handler = (_one, response, socket) => { response.writeHead(200, packed ? { 'content-encoding': 'gzip' } : {}); response.write(packed ? gzipSync('one\n') : 'one\n', () => { if (stub.seen.at(-1)?.url.includes('drops')) setTimeout(() => { socket.destroy() }, 10) }) }
    const cut = new AbortController()
    const { executed, masked } = await rig.run(watch(), { run: { cut: cut.signal } })
    cut.abort(new Error('locked'))
    const dropped = await rig.run({ ...watch(), target: '/api/v1/pods?drops' })
    await new Promise((resolve) => { setTimeout(resolve, 60) })                    // an error nobody listens to would end the process here
    await bodyOf(masked)
    expect(executed.status === 'succeeded' ? (await executed.rows.ended)?.how : null).toBe('cut: locked')
    await expect(bodyOf(dropped.masked)).rejects.toThrow('broke off')
  })
  test('a list that is cut or drops is an error in the middle, never a shorter list', async () => {
    const list = () => planOf({ form: 'list', target: '/api/v1/pods', attributes: { verb: 'list', name: null } })
    stub.handler = (_, response, socket) => { response.writeHead(200); response.write('{"items":[', () => { setTimeout(() => { socket.destroy() }, 20) }) }
    const dropped = await rig.run(list())
    await expect(bodyOf(dropped.masked)).rejects.toThrow('broke off')
    expect(dropped.executed.status === 'succeeded' ? (await dropped.executed.rows.ended)?.how : null).toBe('target broke off')
    stub.handler = (_, response) => { response.writeHead(200); response.write('{"items":[') }
    const cut = new AbortController()
    const { masked } = await rig.run(list(), { run: { cut: cut.signal } })
    const reader = streamOf(masked).getReader()
    await reader.read()
    const next = reader.read()
    cut.abort()
    await expect(next).rejects.toThrow('broke off')
  })
  test('whose caller goes lets the cluster go', async () => {
    stub.handler = (_, response) => { response.writeHead(200); response.write('x\n') }
    const { executed, masked } = await rig.run(watch())
    await streamOf(masked).cancel()
    expect(executed.status === 'succeeded' ? (await executed.rows.ended)?.how : null).toBe('caller gone')
    await expect.poll(() => stub.connections()).toBe(1)
  })
  test('is read no faster than its reader reads', async () => {
    let written = 0
    stub.handler = (_, response) => {
      response.writeHead(200)
      const more = () => { while (written < 64 * 1024 * 1024 && response.write('x'.repeat(65_535) + '\n')) written += 65_536; if (written < 64 * 1024 * 1024) { written += 65_536; response.once('drain', more) } else response.end() }
      more()
    }
    const { masked } = await rig.run(watch())
    const reader = streamOf(masked).getReader()
    await reader.read()
    await new Promise((resolve) => { setTimeout(resolve, 200) })
    expect(written).toBeLessThan(32 * 1024 * 1024)
    await reader.cancel()
  })
  test('refused by the cluster is an answer and no stream', async () => {
    stub.handler = (_, response) => { json(response, 410, status(410, 'Expired')) }
    const { executed, masked } = await rig.run(watch())
    expect(executed.status === 'succeeded' ? executed.rows.ended : null).toBeUndefined()
    expect(masked?.answer?.body).toBeInstanceOf(Uint8Array)
  })
})

describe('what cannot be masked', () => {
  const broken = () => ({ ...passing(), write: () => { throw new Error('CANARY') } })
  test('is withheld: a read fails, a write was done, an error keeps its status', async () => {
    rig.masker = broken
    stub.handler = (_, response) => { json(response, 200, { data: 'CANARY' }) }
    const [read, wrote] = [(await rig.run(planOf())).masked, (await rig.run(planOf(write))).masked]
    expect([read?.answer?.status, wrote?.answer?.status]).toEqual([500, 200])
    stub.handler = (_, response) => { json(response, 404, status(404, 'NotFound', 'CANARY')) }
    const refused = (await rig.run(planOf())).masked
    expect(refused?.answer?.status).toBe(404)
    for (const one of [read, wrote, refused]) expect(await bodyOf(one)).not.toContain('CANARY')
    expect(JSON.stringify(rig.alarms)).not.toContain('CANARY')
    expect(rig.alarms).toHaveLength(3)
  })
  test('ends a stream in the middle, and what came before it was masked', async () => {
    let chunks = 0
    let more = () => {}                                                           // not before the first has come, or both would come as one
    rig.masker = () => ({ ...passing(), write: (chunk) => { if (++chunks > 1) throw new Error('CANARY'); more(); return chunk } })
    stub.handler = (_, response) => { response.writeHead(200); response.write('ok\n'); more = () => { response.write('CANARY') } }
    const { executed, masked } = await rig.run(planOf({ form: 'watch', attributes: { verb: 'watch' } }))
    await expect(bodyOf(masked)).rejects.toThrow('broke off')
    expect(executed.status === 'succeeded' ? await executed.rows.ended : null).toMatchObject({ how: 'withheld', bytes: 3 })
  })
})
