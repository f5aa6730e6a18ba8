import { createServer, request, type IncomingMessage, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import { createAlarm } from '../../functions/local/alarm.ts'
import { fetchJson } from '../../functions/local/fetch.ts'
import { openFront } from '../../functions/local/front.ts'

const status = (url: string, headers: Record<string, string> = {}) => new Promise<number>((done) => {
  request(url, { headers, agent: false }, (response: IncomingMessage) => {
    response.resume()
    done(response.statusCode ?? 0)
  }).on('error', () => done(0)).end()
})
async function serving<T>(listener: RequestListener, work: (url: string) => Promise<T>): Promise<T> {
  const server = createServer(listener)
  await new Promise<void>((done) => { server.listen(0, '127.0.0.1', done) })
  try {
    return await work(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  } finally {
    server.closeAllConnections()
    await new Promise((done) => server.close(done))
  }
}

describe('the gate\'s front on one machine', () => {
  it('answers 503 until there is a gate, then as the gate does', async () => {
    const front = await openFront(0)
    expect(await status(front.url)).toBe(503)
    front.serve((_request, response) => { response.end('x') })
    expect(await status(front.url)).toBe(200)
    await front.close()
    await front.close()
    expect(await status(front.url)).toBe(0)
  })

  it('answers to no other name than a loopback one', async () => {
    const front = await openFront(0)
    front.serve((_request, response) => { response.end('x') })
    for (const [host, answer] of [['localhost', 200], ['127.0.0.1:1', 200], ['[::1]:8787', 200], ['evil.example', 421], ['localhost.evil.example', 421], ['127.0.0.1.nip.io', 421], ['127.0.0.1@evil.example', 421], ['0.0.0.0', 421], [' ', 421]] as const) {
      expect([host, await status(front.url, { host })]).toEqual([host, answer])
    }
    await front.close()
  })

  it('says who has the port in one line', async () => {
    const front = await openFront(0)
    await expect(openFront(Number(new URL(front.url).port))).rejects.toThrow(/^port \d+ is in use by another program; PORT=… chooses others: that one and the two after it$/)
    await front.close()
  })

  it('closes though a request hangs', async () => {
    const front = await openFront(0)
    const arrived = new Promise<void>((done) => { front.serve(() => { done() }) })
    const hanging = status(front.url)
    await arrived
    await front.close()
    expect(await hanging).toBe(0)
  })
})

describe('fetching json for the local assembly', () => {
  it('reads from this machine', () => serving((_request, response) => response.end('{"keys": []}'), async (url) => {
    expect(await fetchJson(url)).toEqual({ keys: [] })
  }))

  it('takes plain http from nowhere else, and no other scheme', async () => {
    for (const url of ['http://example.com/', 'http://127.0.0.1.example.com/', 'http://169.254.169.254/latest', 'file:///etc/passwd', 'ftp://127.0.0.1/', 'nonsense', '']) {
      await expect(fetchJson(url)).rejects.toMatchObject({ code: 'issuer-unavailable', message: expect.stringContaining('only https') as string })
    }
  })

  it('follows no redirect, takes no error page, no other text, nothing over 256 KB', async () => {
    const answers: RequestListener[] = [
      (_request, response) => response.writeHead(302, { location: 'http://169.254.169.254/' }).end(),
      (_request, response) => response.writeHead(500).end('{}'),
      (_request, response) => response.end('<html>'),
      (_request, response) => response.end(JSON.stringify('x'.repeat(300_000))),
      (_request, response) => { response.write('{'); response.destroy() },
      (request_) => { request_.socket.destroy() },
    ]
    for (const listener of answers) await serving(listener, async (url) => { await expect(fetchJson(url)).rejects.toMatchObject({ code: 'issuer-unavailable' }) })
  })
})

describe('an alarm', () => {
  it('is one line, whatever is in it, and the same one is not repeated for ten seconds', () => {
    const lines: string[] = []
    let time = 0
    const alarm = createAlarm((line) => lines.push(line), () => time)
    alarm('one\nalarm: forged', { name: 'a\u2028b\u001b[2J' })
    alarm('two', {})
    alarm('two', {})
    alarm('two', {})
    time = 10_001
    alarm('two', { n: 1 })
    expect(lines).toEqual(['alarm: one alarm: forged {"name":"a b\\u001b[2J"}', 'alarm: two {}', 'alarm: two {"n":1} (and 2 more since)'])
  })

  it('never throws', () => {
    const lines: string[] = []
    const alarm = createAlarm((line) => lines.push(line), () => 0)
    const loop: Record<string, unknown> = {}
    loop['self'] = loop
    alarm('loop', loop)
    alarm('big', { n: 1n })
    expect(lines).toEqual(['alarm: loop', 'alarm: big'])
  })
})
