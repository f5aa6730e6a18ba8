import { createHmac } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { once } from 'node:events'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { slackOf } from '../../functions/approve/blocks.ts'
import { messageOf } from '../../functions/approve/message.ts'
import { createSlackStub } from '../../functions/local/slack.ts'
import { createSlackPost } from '../../functions/post/slack.ts'
import { Fault } from '../../functions/ports.ts'
import { asked, saying } from '../approve/asked.ts'

const token = 'xoxb-local-test'
const secret = 'signing'
let server: Server
let url = ''
let stub: ReturnType<typeof createSlackStub>
let gate: { readonly headers: IncomingMessage['headers']; readonly body: string }[] = []
let other: ((req: IncomingMessage, res: ServerResponse) => void) | null = null
beforeEach(async () => {
  gate = []
  other = null
  server = createServer((req, res) => {
    if (other) return other(req, res)
    if (stub.handles(req.url)) return void stub.handler(req, res)
    const chunks: Buffer[] = []
    req.on('data', (chunk: Buffer) => chunks.push(chunk)).on('end', () => { gate.push({ headers: req.headers, body: Buffer.concat(chunks).toString() }); res.writeHead(200).end('') })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  url = `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`
  stub = createSlackStub({ url, secrets: { get: async (name) => name === 'slack-signing-secret' ? secret : token }, now: Date.now })
})
afterEach(() => { server.close(); server.closeAllConnections() })
const secrets = (value = token) => ({ get: async (name: string) => { if (name !== 'slack-bot-token') throw new Fault('secret-missing', name); return value } })
const slack = (value?: string) => createSlackPost({ api: stub.api, answers: stub.answers, secrets: secrets(value) })
const seen = async () => (await (await fetch(`${url}/dev/slack`)).json()) as { messages: { channel: string; ts: string; text: string; blocks: unknown[]; updates: number }[]; answers: { text: string }[] }
const message = (full = true) => slackOf(messageOf(asked(saying('select 1 where a < 2')), { full, console: 'https://pages.acme.dev' }))
const replying = (status: number, body: string, headers: Readonly<Record<string, string>> = {}) => { other = (_req, res) => void res.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body) }

describe('a message', () => {
  test('is posted, and later replaced where it stands', async () => {
    const { slack: post } = slack()
    const place = await post({ channel: 'C0SUPPORT', ...message() })
    expect(place.channel).toBe('C0SUPPORT')
    expect(await post({ channel: 'C0SUPPORT', ...message(false), text: 'after', place })).toEqual(place)
    expect((await seen()).messages).toEqual([expect.objectContaining({ channel: 'C0SUPPORT', ts: place.message, text: 'after', updates: 1 })])
  })
  test('is sent as it is: no links, names or previews made of it', async () => {
    let body: unknown
    other = (req, res) => {
      const chunks: Buffer[] = []
      req.on('data', (chunk: Buffer) => chunks.push(chunk)).on('end', () => { body = JSON.parse(Buffer.concat(chunks).toString()); res.end('{"ok":true,"channel":"C1","ts":"1.2"}') })
    }
    await slack().slack({ channel: 'C0SUPPORT', ...message() })
    expect(body).toMatchObject({ mrkdwn: false, parse: 'none', link_names: false, unfurl_links: false, unfurl_media: false })
  })
  test('every kind of it is within what Slack takes', async () => {
    for (const text of ['x', '<'.repeat(60_000), '\n'.repeat(60_000), '\u{1f600}'.repeat(20_000)]) {
      for (const request of [asked({ ...saying(text), purpose: text.slice(0, 500) }), asked({ purpose: null })]) await slack().slack({ channel: 'C0SUPPORT', ...slackOf(messageOf(request, { full: true, console: 'https://pages.acme.dev' })) })
    }
    expect((await seen()).messages.length).toBe(8)
  })
  test('that was deleted meanwhile needs no update', async () => {
    const place = { channel: 'C0SUPPORT', message: '1.000001' }
    expect(await slack().slack({ channel: 'C0SUPPORT', ...message(), place })).toEqual(place)
  })
  test('that Slack refuses fails with its word', async () => {
    await expect(slack('xoxb-wrong').slack({ channel: 'C0SUPPORT', ...message() })).rejects.toThrow('slack refused chat.postMessage: invalid_auth')
    await expect(slack().slack({ channel: 'C0SUPPORT', text: 'x', blocks: [{ type: 'section', text: { type: 'plain_text', text: 'x'.repeat(3001) } }] })).rejects.toThrow('invalid_blocks')
  })
  test.each([[500, '{}'], [429, '{"ok":false,"error":"ratelimited"}'], [200, 'not json'], [200, '[]'], [200, '{"ok":true}'], [200, '{"ok":"true","channel":"C","ts":"1"}'], [200, `{"ok":false,"error":"${'<x>'.repeat(99)}"}`], [200, `"${'x'.repeat(300_000)}"`]])('is not sent where the answer is %i %s', async (status, body) => {
    replying(status, body)
    const error: unknown = await slack().slack({ channel: 'C0SUPPORT', ...message() }).catch((one: unknown) => one)
    expect(error).toBeInstanceOf(Error)
    expect(String(error)).not.toMatch(/xoxb|<x>/)
    expect(String(error).length).toBeLessThan(200)
  })
  test('never follows a redirect with the token', async () => {
    let visited = false
    const elsewhere = createServer((_req, res) => { visited = true; res.end('{"ok":true,"channel":"C","ts":"1"}') }).listen(0, '127.0.0.1')
    await once(elsewhere, 'listening')
    const address = elsewhere.address()
    replying(307, '', { location: `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}/` })
    await expect(slack().slack({ channel: 'C0SUPPORT', ...message() })).rejects.toThrow()
    expect(visited).toBe(false)
    elsewhere.close()
  })
})

describe('an answer to a press', () => {
  test('goes to its address, without the token', async () => {
    let headers: IncomingMessage['headers'] = {}
    other = (req, res) => { ({ headers } = req); res.end('ok') }
    await slack().answer(`${stub.answers}1`, 'hello')
    expect(headers.authorization).toBeUndefined()
  })
  test('is kept by the stub', async () => {
    await slack().answer(`${stub.answers}1`, 'hello')
    expect((await seen()).answers).toEqual([expect.objectContaining({ text: 'hello' })])
  })
  test('goes nowhere else', async () => {
    const { answer } = createSlackPost({ api: 'https://slack.com/api', answers: 'https://hooks.slack.com/', secrets: secrets() })
    for (const to of ['https://hooks.slack.com.evil.example/', 'https://evil.example/https://hooks.slack.com/', 'http://hooks.slack.com/x', 'https://hooks.slack.com@evil.example/', 'https:\\\\hooks.slack.com/', 'HTTPS://hooks.slack.com/', 'https://hooks.slack.com/a\nb', 'https://hooks.slack.com/a/../b', '', 'x', 'file:///etc/passwd', 'http://169.254.169.254/']) {
      await expect(answer(to, 'x')).rejects.toThrow('not an address of Slack')
    }
  })
})

describe('the stub', () => {
  const press = (body: object, headers: Readonly<Record<string, string>> = {}) => fetch(`${url}/dev/slack/press`, { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json', ...headers } })
  test('presses a button as Slack would, signed over the very bytes', async () => {
    const place = await slack().slack({ channel: 'C0SUPPORT', ...message() })
    expect(await (await press({ message: place.message, action: 'sluice_reject', user: 'U0LENA00' })).json()).toEqual({ status: 200, body: '' })
    const [{ headers, body } = expect.unreachable()] = gate
    expect(headers['x-slack-signature']).toBe(`v0=${createHmac('sha256', secret).update(`v0:${String(headers['x-slack-request-timestamp'])}:${body}`).digest('hex')}`)
    expect(JSON.parse(decodeURIComponent(body.slice('payload='.length)))).toMatchObject({ type: 'block_actions', user: { id: 'U0LENA00' }, actions: [{ action_id: 'sluice_reject', value: asked().id }] })
  })
  test('presses nothing for a page of somebody else', async () => {
    const place = await slack().slack({ channel: 'C0SUPPORT', ...message() })
    const body = { message: place.message, action: 'sluice_reject', user: 'U0LENA00' }
    expect((await press(body, { origin: 'https://evil.example' })).status).toBe(403)
    expect((await press(body, { 'content-type': 'text/plain' })).status).toBe(415)
    expect((await press({ ...body, message: '1.2' })).status).toBe(404)
    expect((await press({ ...body, more: 1 })).status).toBe(400)
    expect((await fetch(`${url}/dev/slack/api/users.list`, { method: 'POST' })).status).toBe(404)
    expect(gate).toEqual([])
  })
})
