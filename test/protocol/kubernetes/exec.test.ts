import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type WebSocket, WebSocketServer } from 'ws'
import { execTarget } from '../../../functions/protocol/kubernetes/exec.ts'
import { createMasker } from '../../../functions/protocol/kubernetes/mask.ts'
import { bodyOf, createRig, passing, planOf, type Rig } from './rig.ts'
import { startStub, status, type Stub } from './stub.ts'

let stub: Stub
let rig: Rig
let upgrades: { readonly url: string; readonly headers: IncomingMessage['headers'] }[]
beforeAll(async () => { stub = await startStub() })
afterAll(() => stub.close())
beforeEach(() => { stub.seen.length = 0; upgrades = []; rig = createRig(stub) })
afterEach(() => { rig.close() })

const target = '/api/v1/namespaces/web/pods/p/exec?command=sh&command=-c&command=echo%20hi'
const plan = (more = {}) => planOf({ method: 'POST', target, form: 'exec', attributes: { subresource: 'exec', verb: 'create' }, ...more })
const frame = (channel: number, data: string | Buffer) => Buffer.concat([Buffer.from([channel]), Buffer.from(data)])
const success = frame(3, '{"metadata":{},"status":"Success"}')
function serve(run: (socket: WebSocket) => void, protocols: readonly string[] = ['v5.channel.k8s.io', 'v4.channel.k8s.io']): void {
  const server = new WebSocketServer({ noServer: true, handleProtocols: (offered) => protocols.find((one) => offered.has(one)) ?? false })
  server.on('headers', (headers) => { headers.push('Audit-ID: cccc') })
  stub.upgrade = (request, socket, head) => {
    upgrades.push({ url: request.url ?? '', headers: request.headers })
    server.handleUpgrade(request, socket, head, (one) => { one.on('error', () => undefined); run(one) })
  }
}
const answerOf = async (more: Parameters<Rig['run']>[1] = {}) => {
  const { executed, masked } = await rig.run(plan(), more)
  return { executed, answer: masked ? JSON.parse(await bodyOf(masked)) as unknown : null }
}

describe('a command in a pod', () => {
  test('gives both outputs and its exit code, over the token of the service account', async () => {
    serve((socket) => { socket.send(frame(1, 'out ')); socket.send(frame(2, 'err')); socket.send(frame(1, 'more')); socket.send(success); socket.close(1000) })
    const { executed, answer } = await answerOf()
    expect(answer).toEqual({ stdout: 'out more', stderr: 'err', exitCode: 0, truncated: false })
    expect(executed).toMatchObject({ status: 'succeeded', rows: { answered: { status: 200, audit: 'cccc' } } })
    expect(upgrades).toMatchObject([{ url: '/api/v1/namespaces/web/pods/p/exec?command=sh&command=-c&command=echo%20hi&stdin=false&stdout=true&stderr=true&tty=false', headers: { authorization: 'Bearer token-1', 'sec-websocket-protocol': 'v5.channel.k8s.io,v4.channel.k8s.io' } }])
  })
  test('in an older cluster, by the older protocol', async () => {
    serve((socket) => { socket.send(success); socket.close() }, ['v4.channel.k8s.io'])
    expect((await answerOf()).answer).toMatchObject({ exitCode: 0 })
  })
  test('fails with its own code', async () => {
    serve((socket) => { socket.send(frame(3, JSON.stringify({ status: 'Failure', reason: 'NonZeroExitCode', details: { causes: [{ reason: 'ExitCode', message: '42' }] } }))); socket.close() })
    expect((await answerOf()).answer).toMatchObject({ exitCode: 42 })
  })
  const failing = (message: string, code = 500) => frame(3, JSON.stringify({ metadata: {}, status: 'Failure', reason: 'InternalError', message, code }))
  test.each([
    'Internal error occurred: Internal error occurred: error executing command in container: failed to exec in container: failed to start exec "f4883d7d8fad": OCI runtime exec failed: exec failed: unable to start container process: exec: "purge": executable file not found in $PATH: unknown',
    'Internal error occurred: unable to upgrade connection: container not found ("c")',
    'Internal error occurred: error executing command in container: failed to exec in container: container is in CONTAINER_EXITED state',
    'error dialing backend: dial tcp 10.0.0.1:10250: connect: connection refused',
  ])('that never began is the cluster\'s answer: %s', async (message) => {
    serve((socket) => { socket.send(failing(message)); socket.close() })
    const { executed, answer } = await answerOf()
    expect(executed).toMatchObject({ status: 'succeeded', rows: { answered: { status: 500 } } })
    expect(answer).toMatchObject({ kind: 'Status', reason: 'InternalError', message })
  })
  // An API server tells of a stream that broke behind it while the command ran in the same form, and whoever is told that it failed sends it again.
  test.each<[string, readonly Buffer[]]>([
    ['the container runtime goes away', [failing('Internal error occurred: error executing command in container: rpc error: code = Unavailable desc = transport is closing')]],
    ['the runtime does not answer in time', [failing('Internal error occurred: error executing command in container: failed to exec in container: failed to start exec "f488": context deadline exceeded')]],
    ['it had written something before', [frame(1, 'purged 400 of 900 accounts\n'), failing('Internal error occurred: unable to upgrade connection: container not found ("c")')]],
    ['its own words are quoted', [failing('Internal error occurred: lost while running: container not found ("c")')]],
    ['it ended with a code that is none', [frame(3, JSON.stringify({ status: 'Failure', reason: 'NonZeroExitCode', message: 'command terminated', details: { causes: [{ reason: 'ExitCode', message: 'x' }] } }))]],
    ['the failure is one of the caller\'s', [failing('the server could not go on', 400)]],
  ])('whose failure does not say that it never began may have run: %s', async (_, frames) => {
    serve((socket) => { for (const one of frames) socket.send(one); socket.close() })
    expect((await answerOf()).executed).toMatchObject({ status: 'unknown', refusal: { slug: 'outcome-unknown', next: 'none', inner: expect.stringContaining('names no end') as string } })
  })
  test('writes more than may be: cut there, and still heard to its end', async () => {
    serve((socket) => { for (let i = 0; i < 40; i++) socket.send(frame(1, 'x'.repeat(30_000))); socket.send(frame(2, 'late')); socket.send(success); socket.close() })
    const { answer } = await answerOf({ limits: { bytes: 100_000 } })
    expect(answer).toMatchObject({ exitCode: 0, truncated: true, stderr: '' })
    expect((answer as { stdout: string }).stdout).toHaveLength(100_000)
  })
  test('cut at its limit, a line that is not whole is withheld: half a number is no number to a detector', async () => {
    serve((socket) => { socket.send(frame(2, 'whole\n')); socket.send(frame(1, `first\n${'x'.repeat(80)} 4111 1111 1111 1111\n`)); socket.send(success); socket.close() })
    rig.masker = createMasker
    const { answer } = await answerOf({ limits: { bytes: 108 }, detect: ['credit-card'] })
    expect(answer).toEqual({ stdout: 'first\n[withheld: the line is cut]\n', stderr: 'whole\n', exitCode: 0, truncated: true })
  })
  test('each output is masked by itself, and what cannot be is withheld', async () => {
    serve((socket) => { socket.send(frame(1, 'CANARY')); socket.send(success); socket.close() })
    rig.masker = () => ({ ...passing(), write: () => { throw new Error('no') } })
    const { answer } = await answerOf()
    expect(answer).toMatchObject({ stdout: null, exitCode: 0 })
    expect(JSON.stringify(answer)).not.toContain('CANARY')
  })
  test('takes nothing in and paints no terminal, whatever was asked for', () => {
    expect(execTarget('/p/exec?command=a&stdin=true&tty=true&container=c&x=y&stdout=false')).toBe('/p/exec?command=a&container=c&stdin=false&stdout=true&stderr=true&tty=false')
  })
})

describe('what a command writes is heard whole', () => {
  const hearing = (more: { slow?: boolean; fails?: () => boolean } = {}) => {
    const heard = { stdout: '', stderr: '' }
    const listen = async (stream: 'stdout' | 'stderr', bytes: Uint8Array) => {
      if (more.slow) await new Promise((resolve) => { setTimeout(resolve, 1) })
      if (more.fails?.()) throw new Error('no store')
      heard[stream] += Buffer.from(bytes).toString('latin1')
    }
    return { heard, listen }
  }
  test('though its answer is cut, and the record is slow', async () => {
    serve((socket) => { for (let i = 0; i < 60; i++) { socket.send(frame(1, `${i}${'x'.repeat(30_000)}\n`)); socket.send(frame(2, `e${i}\n`)) } socket.send(success); socket.close() })
    const { heard, listen } = hearing({ slow: true })
    const { answer } = await answerOf({ limits: { bytes: 1000 }, run: { heard: listen } })
    expect(answer).toMatchObject({ exitCode: 0, truncated: true })
    expect([heard.stdout, heard.stderr]).toEqual([Array.from({ length: 60 }, (_, i) => `${i}${'x'.repeat(30_000)}\n`).join(''), Array.from({ length: 60 }, (_, i) => `e${i}\n`).join('')])
  })
  test('masked, also where a value comes in two pieces and the last line has no end', async () => {
    serve((socket) => { socket.send(frame(1, 'to ada@exa')); socket.send(frame(1, 'mple.com\nlast ada@')); socket.send(frame(2, 'eva@example.com')); socket.send(frame(1, 'example.com')); socket.send(success); socket.close() })
    const { heard, listen } = hearing()
    await answerOf({ run: { heard: listen }, detect: ['email'] })
    expect(heard).toEqual({ stdout: 'to [redacted: email]\nlast [redacted: email]', stderr: '[redacted: email]' })
  })
  test('up to 16 MB; there it is let go of, and its answer says so', async () => {
    let closed = false
    serve((socket) => { socket.on('close', () => { closed = true }); for (let i = 0; i < 20; i++) socket.send(frame(1, Buffer.alloc(1_000_000, 'y'))) })
    const { heard, listen } = hearing()
    const { executed, answer } = await answerOf({ run: { heard: listen } })
    expect(answer).toMatchObject({ exitCode: null, ended: expect.stringContaining('16 MB') as string, truncated: true })
    expect([heard.stdout.length, executed.status === 'succeeded' && executed.rows.truncated]).toEqual([16 * 1024 * 1024, true])
    await expect.poll(() => closed).toBe(true)
  })
  test.each<[string, (socket: WebSocket, cut: AbortController) => void, object]>([
    ['the connection drops', (socket) => { socket.terminate() }, { reason: 'answer_lost' }],
    ['it never ends', () => undefined, { reason: 'answer_lost' }],
    ['it is cut off', (_, cut) => { cut.abort(new Error('locked')) }, { reason: 'cut', inner: 'cut: locked', detail: expect.stringContaining('(locked)') as string }],
  ])('as far as it came where %s', async (_, happens, refusal) => {
    const cut = new AbortController()
    const { heard, listen } = hearing()
    const running = new Promise<WebSocket>((resolve) => { serve((socket) => { socket.send(frame(1, 'half a li')); resolve(socket) }) })
    const ended = answerOf({ limits: { timeoutMs: 3000 }, run: { heard: listen, cut: cut.signal } })
    const socket = await running
    await expect.poll(() => heard.stdout).toBe('half a li')
    happens(socket, cut)
    expect((await ended).executed).toMatchObject({ status: 'unknown', refusal })
    expect(heard.stdout).toBe('half a li')
  })
  test('or not at all: what cannot be recorded ends it, and it may have run', async () => {
    let closed = false
    serve((socket) => { socket.on('close', () => { closed = true }); socket.send(frame(1, 'one\n')); setTimeout(() => { socket.send(frame(1, 'two\n')) }, 5) })
    const { listen } = hearing({ fails: () => true })
    expect((await answerOf({ run: { heard: listen } })).executed).toMatchObject({ status: 'unknown', refusal: { inner: expect.stringContaining('recorded') as string } })
    await expect.poll(() => closed).toBe(true)
  })
  test('and where only its last piece cannot be recorded, it is not told as done', async () => {
    serve((socket) => { socket.send(frame(1, 'one')); socket.send(success); socket.close() })
    const { listen } = hearing({ fails: () => true })
    expect((await answerOf({ run: { heard: listen }, detect: ['email'] })).executed).toMatchObject({ status: 'unknown' })
  })
})

describe('what goes wrong', () => {
  const refuse = (code: number, body: object, socket: Duplex) => { const text = JSON.stringify(body); socket.end(`HTTP/1.1 ${code} No\r\ncontent-type: application/json\r\ncontent-length: ${text.length}\r\naudit-id: dddd\r\n\r\n${text}`) }
  test('refused before it begins: the cluster\'s answer', async () => {
    stub.upgrade = (_, socket) => { refuse(403, status(403, 'Forbidden', 'no exec'), socket) }
    const { executed, answer } = await answerOf()
    expect(executed).toMatchObject({ status: 'succeeded', rows: { answered: { status: 403, audit: 'dddd' } } })
    expect(answer).toMatchObject({ reason: 'Forbidden' })
  })
  test.each([502, 503, 504, 500])('a %i of something on the way: the command may have been passed on', async (code) => {
    stub.upgrade = (_, socket) => { refuse(code, { error: 'upstream' }, socket) }
    expect((await answerOf()).executed).toMatchObject({ status: 'unknown', refusal: { slug: 'outcome-unknown', next: 'none' } })
  })
  test.each<[number, object]>([
    [500, status(500, 'InternalError', 'Internal error occurred: failed calling webhook "x": refused')], [503, status(503, 'ServiceUnavailable', 'not yet')], [500, status(500, 'InternalError', 'error dialing backend: dial tcp 10.0.0.1:10250: i/o timeout')],
  ])('a %i that says that nothing began is the cluster\'s answer', async (code, body) => {
    stub.upgrade = (_, socket) => { refuse(code, body, socket) }
    expect((await answerOf()).executed).toMatchObject({ status: 'succeeded', rows: { answered: { status: code } } })
  })
  test('a redirect is not followed', async () => {
    stub.upgrade = (_, socket) => { refuse(302, {}, socket) }
    expect((await answerOf()).executed).toMatchObject({ status: 'failed', refusal: { slug: 'target-unavailable', reason: 'answer_invalid' } })
  })
  test('401: with a new token once, then not again', async () => {
    let tries = 0
    stub.upgrade = (_, socket) => { tries++; refuse(401, status(401, 'Unauthorized'), socket) }
    expect((await answerOf()).executed).toMatchObject({ status: 'failed', refusal: { slug: 'target-unavailable', reason: 'target_refused_login' } })
    expect(tries).toBe(2)
  })
  test('the connection drops before the end: it may have run', async () => {
    serve((socket) => { socket.send(frame(1, 'half')); setTimeout(() => { socket.terminate() }, 10) })
    expect((await answerOf()).executed).toMatchObject({ status: 'unknown', refusal: { slug: 'outcome-unknown' } })
  })
  test('it closes politely without having said how it ended: likewise', async () => {
    serve((socket) => { socket.send(frame(3, 'not json')); socket.close(1000) })
    expect((await answerOf()).executed.status).toBe('unknown')
  })
  test('it never ends: the time does, and it may still run', async () => {
    serve(() => undefined)
    expect((await answerOf({ limits: { timeoutMs: 1000 } })).executed.status).toBe('unknown')
    await expect.poll(() => stub.connections()).toBeLessThan(2)
  })
  test('it is cut off: likewise', async () => {
    const cut = new AbortController()
    serve(() => { cut.abort() })
    expect((await answerOf({ run: { cut: cut.signal } })).executed.status).toBe('unknown')
  })
  test('a frame past all measure is no way to fill memory', async () => {
    serve((socket) => { socket.send(frame(1, Buffer.alloc(4 * 1024 * 1024))) })
    expect((await answerOf()).executed.status).toBe('unknown')
  })
  test('a server that is no WebSocket, and one of another authority', async () => {
    stub.upgrade = (_, socket) => { socket.end('HTTP/1.1 101 Switching\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: wrong\r\n\r\n') }
    expect((await answerOf()).executed.status).toBe('unknown')
  })
  test('nothing begins after the deadline', async () => {
    serve(() => undefined)
    expect((await answerOf({ run: { deadline: rig.now } })).executed).toMatchObject({ status: 'failed', refusal: { reason: 'deadline_passed' } })
    expect(upgrades).toEqual([])
  })
})
