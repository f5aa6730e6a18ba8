import { createServer, request } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { createPush, signature } from '../../functions/aws/push.ts'
import { newCredentials } from '../../functions/local/ports.ts'
import { type Gateway, startGateway } from '../../functions/local/websocket.ts'
import { createFraming } from '../../functions/local/websocket/framing.ts'

type Event = { readonly requestContext: { readonly eventType: string; readonly connectionId: string; readonly routeKey: string; readonly messageId?: string; readonly disconnectStatusCode?: number }; readonly body?: string; readonly headers?: Record<string, string>; readonly multiValueHeaders?: Record<string, string[]>; readonly queryStringParameters?: Record<string, string> }
const closers: (() => Promise<unknown> | void)[] = []
afterEach(async () => { for (const close of closers.splice(0).reverse()) await close() })

async function stand(options: { readonly idleMs?: number; readonly longestMs?: number; readonly answer?: (event: Event) => Promise<{ statusCode: number; headers?: Record<string, string> }>; readonly endOf?: () => number } = {}) {
  const credentials = newCredentials()
  const events: Event[] = []
  const wakers = new Set<() => void>()
  let gateway: Gateway | null = null
  const ended: string[] = []
  gateway = await startGateway({ ...options, credentials, now: Date.now, endOf: async () => options.endOf?.() ?? null, end: async (id) => { ended.push(id); await push.close(id) } })
  const push = createPush({ region: 'local', endpoint: gateway.url, credentials, now: Date.now })
  gateway.serve(async (event) => {
    events.push(event as Event)
    for (const wake of wakers) wake()
    return await (options.answer?.(event as Event) ?? { statusCode: 200 })
  })
  const server = createServer((_, response) => response.end())
  server.on('upgrade', gateway.upgrade)
  await new Promise<void>((done) => { server.listen(0, '127.0.0.1', done) })
  const { port } = server.address() as AddressInfo
  closers.push(async () => { await gateway.close(); push.end(); server.close(); server.closeAllConnections() })
  const heard = async (wanted: (event: Event) => boolean): Promise<Event> => {
    for (;;) {
      const found = events.find(wanted)
      if (found) return found
      await new Promise<void>((wake) => { wakers.add(wake) })
    }
  }
  const open = async (headers: Record<string, string> = {}) => {
    const web = new WebSocket(`ws://127.0.0.1:${port}/v1/socket`, { headers })
    closers.push(() => web.terminate())
    const closed = new Promise<number>((done) => { web.on('close', done) })
    await new Promise((done, fail) => { web.on('open', done).on('error', fail) })
    return { web, closed, id: events.findLast(({ requestContext }) => requestContext.eventType === 'CONNECT')?.requestContext.connectionId ?? '' }
  }
  return { gateway, credentials, push, events, heard, open, port, ended }
}
const of = (type: string) => (event: Event) => event.requestContext.eventType === type

describe('what API Gateway imposes', () => {
  test('each of handshake, message and end is one event; every action goes to $default', async () => {
    const { open, heard, events } = await stand()
    const { web, id } = await open({ 'X-Twice': 'a', Authorization: 'Bearer x' })
    web.send('{"action":"$connect"}')
    web.send('no json')
    await heard(({ body }) => body === 'no json')
    web.close(4000)
    const gone = await heard(of('DISCONNECT'))
    expect(events.map(({ requestContext: { routeKey, connectionId } }) => [routeKey, connectionId])).toEqual([['$connect', id], ['$default', id], ['$default', id], ['$disconnect', id]])
    expect(events[0]?.multiValueHeaders?.['X-Twice'] ?? events[0]?.multiValueHeaders?.['x-twice']).toEqual(['a'])
    expect(gone.requestContext.disconnectStatusCode).toBe(4000)
    expect(new Set(events.slice(1, 3).map(({ requestContext }) => requestContext.messageId)).size).toBe(2)
  })

  test('a binary frame ends the connection with 1003 and reaches no function', async () => {
    const { open, heard, events } = await stand()
    const { web, closed } = await open()
    web.send(Buffer.from('{"id":"1","action":"ping"}'))
    expect(await closed).toBe(1003)
    await heard(of('DISCONNECT'))
    expect(events.filter(of('MESSAGE'))).toEqual([])
  })

  test('a frame over 32 KB ends it with 1009; 128 KB in frames of 32 KB arrives whole; a byte more does not', async () => {
    const { open, heard, events } = await stand()
    const one = await open()
    one.web.send('x'.repeat(32 * 1024 + 1))
    expect(await one.closed).toBe(1009)
    expect(events.filter(of('MESSAGE'))).toEqual([])
    const two = await open()
    for (let i = 0; i < 4; i++) two.web.send('y'.repeat(32 * 1024), { fin: i === 3 })
    expect((await heard(of('MESSAGE'))).body).toBe('y'.repeat(128 * 1024))
    for (let i = 0; i < 5; i++) two.web.send('z'.repeat(i === 4 ? 1 : 32 * 1024), { fin: i === 4 })
    expect(await two.closed).toBe(1009)
    expect(events.filter(of('MESSAGE'))).toHaveLength(1)
  })

  test('text that is no UTF-8 ends it', async () => {
    const { open, events } = await stand()
    const { web, closed } = await open()
    web.send(Buffer.from([0xff, 0xfe]), { binary: false })
    expect(await closed).toBe(1007)
    expect(events.filter(of('MESSAGE'))).toEqual([])
  })

  test('silence ends it, and so does age, however busy', async () => {
    const idle = await stand({ idleMs: 150 })
    expect(await (await idle.open()).closed).toBe(1001)
    await idle.heard(of('DISCONNECT'))
    const old = await stand({ longestMs: 2000, idleMs: 1500 })
    const { web, closed } = await old.open()
    const busy = setInterval(() => web.send('x'), 50)
    expect(await closed).toBe(1001)
    clearInterval(busy)
    expect(old.events.filter(of('MESSAGE')).length).toBeGreaterThan(2)
  })

  test('what a client sends before the handshake is answered is served after it, or never', async () => {
    let admit: (status: number) => void = () => {}
    const { port, events, heard } = await stand({ answer: async (event) => of('CONNECT')(event) ? { statusCode: await new Promise<number>((done) => { admit = done }) } : { statusCode: 200 } })
    const frame = Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x68, 0x69])                  // text `hi`, masked with zeros
    const early = () => {
      const socket = connect(port, '127.0.0.1')
      closers.push(() => { socket.destroy() })
      socket.write('GET /v1/socket HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n')
      socket.write(frame)
      return socket
    }
    const refused = early()
    await heard(of('CONNECT'))
    admit(403)
    expect(await new Promise<string>((done) => { refused.on('data', (data) => done(data.toString('latin1'))) })).toContain('HTTP/1.1 403')
    expect(events.filter(of('MESSAGE'))).toEqual([])
    early()
    while (events.filter(of('CONNECT')).length < 2) await new Promise((done) => { setImmediate(done) })
    expect(events.filter(of('MESSAGE'))).toEqual([])
    admit(200)
    expect((await heard(of('MESSAGE'))).body).toBe('hi')
  })

  test('whoever hangs up while the handshake is being answered is reported gone', async () => {
    let admit: (status: number) => void = () => {}
    const { port, heard } = await stand({ answer: async (event) => of('CONNECT')(event) ? { statusCode: await new Promise<number>((done) => { admit = done }) } : { statusCode: 200 } })
    const socket = connect(port, '127.0.0.1', () => socket.write('GET /v1/socket HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n'))
    const { requestContext: { connectionId } } = await heard(of('CONNECT'))
    await new Promise<void>((done) => { socket.on('close', () => done()).destroy() })
    await new Promise((done) => { setTimeout(done, 50) })
    admit(200)
    expect((await heard(of('DISCONNECT'))).requestContext.connectionId).toBe(connectionId)
  })

  test('a connection past its end is ended by whoever is in charge of that', async () => {
    const { open, ended } = await stand({ endOf: () => Date.now() + 50 })
    const { closed, id } = await open()
    await closed
    expect(ended).toEqual([id])
  })

  test('a function that fails answers the frame, and the connection stays', async () => {
    const { open } = await stand({ answer: async (event) => { if (of('MESSAGE')(event)) throw new Error('secret'); return { statusCode: 200 } } })
    const { web } = await open()
    const answer = new Promise<string>((done) => { web.on('message', (data: Buffer) => done(data.toString('utf8'))) })
    web.send('x')
    expect(JSON.parse(await answer)).toMatchObject({ message: 'Internal server error' })
    expect(web.readyState).toBe(WebSocket.OPEN)
  })
})

describe('the Management API', () => {
  test('sends text, in frames a client may read, and is told when a connection is gone', async () => {
    const { open, push } = await stand()
    const { web, id, closed } = await open()
    const text = `${'€'.repeat(40_000)}`
    const answer = new Promise<string>((done) => { web.on('message', (data: Buffer) => done(data.toString('utf8'))) })
    expect(await push.push(id, text)).toBe('sent')
    expect(await answer).toBe(text)
    await expect(push.push(id, 'x'.repeat(128 * 1024 + 1))).rejects.toThrow('413')
    await push.close(id)
    await closed
    expect(await push.push(id, 'x')).toBe('gone')
    await push.close(id)
    expect(await push.push('../@connections/x', 'x')).toBe('gone')
  })

  test.each([
    ['no signature', {}], ['another body', { body: 'other' }], ['another connection', { path: 'other' }], ['another method', { method: 'DELETE' }], ['another secret', { secret: 'x'.repeat(48) }], ['an old one', { at: -6 * 60_000 }], ['a page of a browser', { origin: 'http://127.0.0.1' }],
  ])('%s is refused', async (name, how: { body?: string; path?: string; method?: string; secret?: string; at?: number; origin?: string }) => {
    const { open, gateway, credentials } = await stand()
    const { web, id } = await open()
    web.on('message', () => { throw new Error('arrived') })
    const url = new URL(gateway.url)
    const pathOf = (of: string) => `${url.pathname}/@connections/${encodeURIComponent(of)}`
    const headers = signature({ region: 'local', host: url.host, credentials: { ...credentials, ...(how.secret ? { secretAccessKey: how.secret } : {}) } }, 'POST', pathOf(how.path ?? id), how.body ?? 'text', Date.now() + (how.at ?? 0))
    const status = await new Promise((done, fail) => {
      request({ host: url.hostname, port: url.port, method: how.method ?? 'POST', path: pathOf(id), headers: { 'content-length': '4', ...(name === 'no signature' ? {} : headers), ...(how.origin ? { origin: how.origin } : {}) } }, (response) => { response.resume(); done(response.statusCode) }).on('error', fail).end('text')
    })
    expect(status).toBe(403)
    expect(web.readyState).toBe(WebSocket.OPEN)
  })

  test('a reader that does not read is cut, and what waits for it is bounded', async () => {
    const { open, push, heard, gateway } = await stand()
    const { web, id } = await open()
    web.pause()
    let sent = 0
    while (await push.push(id, 'x'.repeat(120 * 1024)) === 'sent') sent++
    await heard(of('DISCONNECT'))
    expect(sent).toBeLessThan(200)
    expect(gateway.count()).toBe(0)
  })
})

test('a frame\'s size is read wherever the bytes are cut', () => {
  const frame = (length: number) => {
    const head = length < 126 ? [0x81, 0x80 | length] : length < 65_536 ? [0x81, 0xfe, length >> 8, length & 255] : [0x81, 0xff, 0, 0, 0, 0, 0, length >> 16, (length >> 8) & 255, length & 255]
    return Buffer.concat([Buffer.from(head), Buffer.alloc(4 + length)])
  }
  for (const cut of [1, 3, 7, 1000, 100_000]) {
    for (const [lengths, fits] of [[[0, 1, 125, 126, 32_768], true], [[5, 32_769], false], [[200, 70_000], false]] as const) {
      const bytes = Buffer.concat(lengths.map(frame))
      const read = createFraming(32_768)
      let all = true
      for (let at = 0; all && at < bytes.length; at += cut) all = read(bytes.subarray(at, at + cut))
      expect(all, `${lengths.join()} in pieces of ${cut}`).toBe(fits)
    }
  }
})
