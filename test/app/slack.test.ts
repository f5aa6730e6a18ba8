import { createServer, type Server } from 'node:http'
import { once } from 'node:events'
import { getRequestListener } from '@hono/node-server'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createAnnouncer } from '../../functions/announce.ts'
import { createApp } from '../../functions/app.ts'
import { createGate } from '../../functions/gate.ts'
import { newSlackSecrets, startPost, type LocalPost } from '../../functions/local/post.ts'
import type { Approvals, Ports } from '../../functions/ports.ts'
import type { PolicyDocument } from '../../schema/policy.ts'
import { asked, lead, refund, say } from '../support/approvals.ts'
import { createGateway } from '../support/caller.ts'
import { demo } from '../support/policy.ts'
import { createWorld } from '../support/ports.ts'
import { createMemoryRequests } from '../support/requests.ts'

const agent = { subject: 'agent:support-bot', groups: ['support-agents'] }
const notify: PolicyDocument = {
  version: 1, kind: 'notify', name: 'leads', group: 'support-leads', slack: 'C0SUPPORT', mail: ['leads@acme.dev'],
  people: { U0LENA00: 'user:lena@acme.dev', U0OWNER0: 'user:owner@acme.dev' },
}
const role = demo['roles/support-agent.yaml'] as Extract<PolicyDocument, { kind: 'role' }>
const documents = { ...demo, 'notify.yaml': notify, 'notify2.yaml': { ...notify, name: 'ops', group: 'ops', people: { U0OPS000: 'user:otto@acme.dev' } }, 'roles/support-agent.yaml': { ...role, members: [...role.members, { subject: 'agent:support-bot', owner: 'user:owner@acme.dev' }] } }

let server: Server
let post: LocalPost
let at: Awaited<ReturnType<typeof open>>
/** A gate on a real socket, a Slack and an inbox beside it, requests in memory. */
async function open() {
  const world = createWorld(documents)
  let listen: ((req: Parameters<LocalPost['handle']>[0], res: Parameters<LocalPost['handle']>[1]) => unknown) | null = null
  server = createServer((req, res) => void listen?.(req, res)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const url = `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`
  const memory = createMemoryRequests({ now: world.ports.now, events: world.events })
  const made = newSlackSecrets()
  const secrets: Ports['secrets'] = { get: async (name) => made[name] ?? await world.ports.secrets.get(name) }
  post = await startPost({ url, secrets, now: world.ports.now })
  const workflow: Approvals['workflow'] = { start: async () => {}, wake: async () => {} }
  const ports = { ...world.ports, secrets, approvals: { requests: memory.requests, workflow, post: post.post } }
  const gate = createGate(ports)
  const app = createApp(ports, gate)
  const api = getRequestListener(app.fetch)
  listen = (req, res) => post.handle(req, res) || api(req, res)
  const { as } = createGateway({ ...world, ports }, app)
  const get = async (path: string) => (await fetch(url + path)).json() as Promise<{ messages: { ts: string; text: string; blocks: object[]; updates: number }[]; answers: { text: string }[]; mails: { subject: string; text: string; to: string[] }[] }>
  const press = async (action: string, user: string, message?: string) => {
    const ts = message ?? (await get('/dev/slack')).messages.at(-1)?.ts
    return (await fetch(`${url}/dev/slack/press`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ message: ts, action, user }) })).json() as Promise<{ status: number; body: string }>
  }
  return { world, memory, as, app, url, get, press, announcer: createAnnouncer(ports, gate.standing.current) }
}
beforeEach(async () => { at = await open() })
afterEach(async () => { await post.close(); server.close(); server.closeAllConnections() })
async function announced() {
  const request = await asked(await at.as(agent))
  await at.announcer.announce(request.id)
  return request
}
const status = async (id: string) => (await at.memory.requests.get(id as `arq_${string}`))?.status

describe('a request that waits', () => {
  test('reaches the people who decide in Slack and by mail, without its parameters', async () => {
    const request = await announced()
    const [slack, inbox] = [await at.get('/dev/slack'), await at.get('/dev/inbox')]
    expect(slack.messages.map(({ text }) => text)).toEqual([`Approval wanted: shop (${request.id})`])
    expect(inbox.mails.map(({ subject, to }) => [subject, to])).toEqual([[`Approval wanted: shop (${request.id})`, ['leads@acme.dev']]])
    expect(JSON.stringify(slack.messages)).toContain(request.url)
    expect(inbox.mails[0]?.text).toContain(`\n${request.url}\n`)
    expect(JSON.stringify([slack, inbox])).not.toContain(refund.sql)
  })
  test('says in its own answer who was told', async () => {
    const request = await announced()
    const shown = await (await at.as(lead)).call('GET', `/v1/requests/${request.id}`)
    expect(shown.json).toMatchObject({ request: { notices: [{ to: 'mail leads@acme.dev', sent: true, attempts: 1 }, { to: 'slack C0SUPPORT', sent: true, attempts: 1 }] } })
  })
})

test('whoever asked learns that people were told, not where', async () => {
  const request = await announced()
  const shown = await (await at.as(agent)).call('GET', `/v1/requests/${request.id}`)
  expect(shown.json).toMatchObject({ request: { notices: [{ to: 'mail', sent: true }, { to: 'slack', sent: true }] } })
  expect(shown.text).not.toMatch(/leads@acme\.dev|C0SUPPORT/)
})

describe('pressed in Slack', () => {
  test('to reject: it is rejected, on record as from Slack, and every place hears of it', async () => {
    const request = await announced()
    expect(await at.press('sluice_reject', 'U0LENA00')).toEqual({ status: 200, body: '' })
    expect(await status(request.id)).toBe('rejected')
    expect(at.world.events.filter(({ kind }) => kind === 'rejection')).toEqual([expect.objectContaining({ request: request.id, who: expect.objectContaining({ subject: 'user:lena@acme.dev', issuer: 'slack' }), change: expect.objectContaining({ via: 'slack', reason: 'rejected in Slack by U0LENA00' }) })])
    await at.announcer.tell(request.id)
    const { messages, answers } = await at.get('/dev/slack')
    expect(messages).toEqual([expect.objectContaining({ text: `Rejected: shop (${request.id})`, updates: 1 })])
    expect(JSON.stringify(messages)).toContain('rejected by user:lena@acme.dev')
    expect(JSON.stringify(messages)).not.toContain('sluice_reject')
    expect(answers.map(({ text }) => text)).toEqual([`Rejected. Nothing will run. ${request.url}`])
    expect((await at.get('/dev/inbox')).mails.map(({ subject }) => subject.split(':')[0])).toEqual(['Approval wanted', 'Rejected'])
  })
  test.each([['a stranger', 'U0STRANGE'], ['a person of other approvers', 'U0OPS000'], ['the owner of the agent that asks', 'U0OWNER0']])('by %s: nothing is decided', async (_, user) => {
    const request = await announced()
    expect(await at.press('sluice_reject', user)).toEqual({ status: 200, body: '' })
    expect(await status(request.id)).toBe('pending')
    const { answers } = await at.get('/dev/slack')
    expect(answers).toHaveLength(1)
    expect(answers[0]?.text).toContain(request.url)
  })
  test('to approve: refused, alarmed, nothing decided', async () => {
    const request = await announced()
    expect((await at.press('sluice_approve', 'U0LENA00')).status).toBe(403)
    expect(await status(request.id)).toBe('pending')
    expect(at.world.alarms.map(({ what }) => what)).toEqual(['a Slack button that this gate never shows was pressed'])
  })
  test('after it was approved: it is still rejected, because nothing ran yet', async () => {
    const request = await announced()
    expect((await say(await at.as(lead), 'approve', request)).status).toBe(200)
    await at.press('sluice_reject', 'U0LENA00')
    expect(await status(request.id)).toBe('rejected')
  })
  test('twice: the second changes nothing', async () => {
    const request = await announced()
    await at.press('sluice_reject', 'U0LENA00')
    const before = await at.memory.requests.get(request.id)
    expect((await at.press('sluice_reject', 'U0LENA00')).status).toBe(200)
    expect(await at.memory.requests.get(request.id)).toEqual(before)
  })
  test('by a locked person: nothing is decided', async () => {
    const request = await announced()
    await at.world.ports.policies.lock({ target: 'subject:user:lena@acme.dev', by: 'user:x', at: '', reason: null, until: null })
    at.world.clock.ms += 3000
    await at.press('sluice_reject', 'U0LENA00')
    expect(await status(request.id)).toBe('pending')
  })
})

describe('the route', () => {
  test('takes nothing that Slack did not sign, and no token makes up for it', async () => {
    const request = await announced()
    const payload = encodeURIComponent(JSON.stringify({ type: 'block_actions', user: { id: 'U0LENA00' }, actions: [{ action_id: 'sluice_reject', type: 'button', value: request.id }] }))
    for (const headers of [{}, { authorization: `Bearer ${await at.world.token(lead)}` }, { 'x-slack-request-timestamp': String(Math.floor(at.world.clock.ms / 1000)), 'x-slack-signature': `v0=${'0'.repeat(64)}` }]) {
      const reply = await fetch(`${at.url}/v1/slack`, { method: 'POST', body: `payload=${payload}`, headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers } })
      expect(reply.status).toBe(401)
    }
    expect(await status(request.id)).toBe('pending')
  })
  test('is for POST', async () => expect((await fetch(`${at.url}/v1/slack`)).status).toBe(405))
})
