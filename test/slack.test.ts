import { createHmac } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { createSlack } from '../functions/slack.ts'
import { Fault, type Ports } from '../functions/ports.ts'
import type { AccessRequest } from '../schema/approval.ts'
import type { Refusal } from '../schema/refusal.ts'
import { asked } from './approve/asked.ts'
import { createWorld } from './support/ports.ts'

const secret = '8f742231b10e8888abcd99yyyzzz85a5'
const id = asked().id
const people: Readonly<Record<string, { subject: string; groups: readonly string[] }>> = {
  U0LENA00: { subject: 'user:lena@acme.dev', groups: ['support-leads'] }, U0OPS000: { subject: 'user:otto@acme.dev', groups: ['ops'] }, U0ANN000: { subject: 'user:ann@acme.dev', groups: [] },
}

function rig({ stored = asked() as AccessRequest | null, refusal = null as Refusal | null } = {}) {
  const world = createWorld()
  const rejected: unknown[] = []
  const answers: string[] = []
  const ports: Ports = {
    ...world.ports, secrets: { get: async (name) => { if (name !== 'slack-signing-secret') throw new Fault('secret-missing', name); return secret } },
    approvals: { requests: { get: async () => stored } as unknown as NonNullable<Ports['approvals']>['requests'], workflow: { start: async () => {}, wake: async () => {} },
      post: { slack: async () => ({ channel: 'C', message: '1' }), mail: null, answer: async (to, text) => { answers.push(`${to} ${text}`) } } },
  }
  const pressed = createSlack(ports, async (id, word) => { rejected.push([id, word]); return { result: refusal ? { ok: false, refusal } : { ok: true, value: null } } }, async () => ({ ok: true, value: { policy: { chatPerson: (user) => people[user] ?? null } } }))
  const at = () => Math.floor(world.clock.ms / 1000)
  const run = async (request: Request) => { const result = await pressed(request); return result.ok ? 'ok' : result.refusal.reason }
  return { ...world, ports, pressed, run, at, rejected, answers }
}
const press = (user = 'U0LENA00', action = 'sluice_reject', value: string = id, more: object = {}) =>
  ({ type: 'block_actions', user: { id: user, team_id: 'T1' }, response_url: 'https://hooks.slack.com/actions/T1/2/3', actions: [{ action_id: action, type: 'button', value, block_id: 'x' }], ...more })
const form = (payload: unknown) => `payload=${encodeURIComponent(typeof payload === 'string' ? payload : JSON.stringify(payload)).replaceAll('%20', '+')}`
const sign = (body: string, at: number | string, key = secret) => `v0=${createHmac('sha256', key).update(`v0:${at}:${body}`).digest('hex')}`
function send(body: string, at: number | string, headers: Readonly<Record<string, string>> = {}): Request {
  return new Request('https://gate/v1/slack', { method: 'POST', body, headers: { 'content-type': 'application/x-www-form-urlencoded', 'x-slack-request-timestamp': String(at), 'x-slack-signature': sign(body, at), ...headers } })
}

describe('a press that Slack signed', () => {
  test('rejects, in the name the policy gives, and says so to whoever pressed', async () => {
    const { run, at, rejected, answers, events } = rig()
    expect(await run(send(form(press()), at()))).toBe('ok')
    expect(rejected).toEqual([[id, { subject: 'user:lena@acme.dev', groups: ['support-leads'], via: 'slack', reason: 'rejected in Slack by U0LENA00' }]])
    expect(answers).toEqual([expect.stringMatching(new RegExp(`^https://hooks.slack.com/actions/T1/2/3 Rejected\\. Nothing will run\\. \\S+/requests/${id}$`))])
    expect(events).toEqual([])
  })
  test('agrees with the example of Slack\'s documentation', () => {
    const body = 'token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c'
    expect(sign(body, 1531420618, '8f742231b10e8888abcd99yyyzzz85a5')).toBe('v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503')
  })
  test('to open the page does nothing', async () => {
    const { run, at, rejected, alarms } = rig()
    expect(await run(send(form(press('U0LENA00', 'sluice_open')), at()))).toBe('ok')
    expect([rejected, alarms]).toEqual([[], []])
  })
  test.each(['sluice_approve', 'approve', 'SLUICE_REJECT', 'sluice_reject ', ''])('to `%s` is refused and alarmed', async (action) => {
    const { run, at, rejected, alarms } = rig()
    expect(await run(send(form(press('U0LENA00', action)), at()))).toBe('not_in_chat')
    expect(rejected).toEqual([])
    expect(alarms.map(({ detail }) => detail)).toEqual([{ user: 'U0LENA00', action, request: id }])
  })
  test.each([['nobody the policy knows', 'U0STRANGE'], ['of another group', 'U0OPS000'], ['of no group', 'U0ANN000']])('by one who is %s decides nothing and shows the page', async (_, user) => {
    const { run, at, rejected, answers } = rig()
    expect(await run(send(form(press(user)), at()))).toBe('ok')
    expect(rejected).toEqual([])
    expect(answers.join()).toMatch(/Open the page and sign in\. \S+\/requests\/arq_/)
  })
  test('by a person whom a rule names counts', async () => {
    const { run, at, rejected } = rig({ stored: asked({ demands: [{ by: ['user:ann@acme.dev'], quorum: 1, withinMs: 1, rule: 'a.rules[0]' }] }) })
    await run(send(form(press('U0ANN000')), at()))
    expect(rejected.length).toBe(1)
  })
  test.each([['request-settled', 'decided before'], ['approval-expired', 'decided before'], ['denied', 'You may not decide'], ['not-found', 'did not work'], ['policy-unavailable', 'did not work']] as const)('that the gate answers with %s is told in words of ours', async (slug, words) => {
    const { run, at, answers } = rig({ refusal: { slug, reason: 'x', detail: 'with `<!channel>`', next: 'none' } })
    expect(await run(send(form(press()), at()))).toBe('ok')
    expect(answers.join()).toContain(words)
    expect(answers.join()).not.toContain('channel')
  })
  test.each(['', 'arq_x', '../../x', `${id}x`, '<!channel>'])('for `%s` names no request', async (value) => {
    const { run, at, rejected, answers } = rig()
    await run(send(form(press('U0LENA00', 'sluice_reject', value)), at()))
    expect(rejected).toEqual([])
    expect(answers).toEqual(['https://hooks.slack.com/actions/T1/2/3 There is no such request any more.'])
  })
  test('stands when the answer does not get through', async () => {
    const { ports, at, alarms, clock } = rig()
    const failing = createSlack({ ...ports, approvals: { ...ports.approvals!, post: { ...ports.approvals!.post, answer: async () => { throw new Error('410') } } } }, async () => ({ result: { ok: true, value: null } }), async () => ({ ok: true, value: { policy: { chatPerson: (user) => people[user] ?? null } } }))
    expect(await failing(send(form(press()), at()))).toEqual({ ok: true, value: null })
    expect(alarms.length).toBe(1)
    expect(clock.ms).toBeGreaterThan(0)
  })
})

describe('sent again', () => {
  test('the same signature counts once', async () => {
    const { run, at, rejected } = rig()
    const body = form(press())
    const first = at()
    expect(await run(send(body, first))).toBe('ok')
    expect(await run(send(body, first))).toBe('replayed')
    expect(rejected.length).toBe(1)
  })
  test('two at the same moment count once', async () => {
    const { run, at, rejected } = rig()
    const body = form(press())
    expect((await Promise.all([run(send(body, at())), run(send(body, at()))])).sort()).toEqual(['ok', 'replayed'])
    expect(rejected.length).toBe(1)
  })
  test('a store that fails leaves everything undone', async () => {
    const { run, at, rejected, broken } = rig()
    broken.add('idempotency')
    await expect(run(send(form(press()), at()))).rejects.toThrow('ECONNREFUSED')
    expect(rejected).toEqual([])
  })
})

describe('what Slack did not sign', () => {
  const refused = async (make: (at: number) => Request, reason: string) => {
    const { run, at, rejected, alarms, answers } = rig()
    expect(await run(make(at()))).toBe(reason)
    expect([rejected, alarms, answers]).toEqual([[], [], []])
  }
  const body = form(press())
  test.each([
    ['no signature', { 'x-slack-signature': '' }, 'unsigned'], ['no timestamp', { 'x-slack-request-timestamp': '' }, 'unsigned'], ['a signature of another version', { 'x-slack-signature': `v1=${'0'.repeat(64)}` }, 'unsigned'],
    ['a short signature', { 'x-slack-signature': 'v0=00' }, 'unsigned'], ['a signature in capitals', { 'x-slack-signature': `v0=${'A'.repeat(64)}` }, 'unsigned'], ['a wrong signature', { 'x-slack-signature': `v0=${'0'.repeat(64)}` }, 'signature'],
    ['two signatures', { 'x-slack-signature': `v0=${'0'.repeat(64)}, v0=${'0'.repeat(64)}` }, 'unsigned'], ['a timestamp that is none', { 'x-slack-request-timestamp': '1e9' }, 'unsigned'], ['a negative timestamp', { 'x-slack-request-timestamp': '-1531420618' }, 'unsigned'],
    ['a type of json', { 'content-type': 'application/json' }, 'content_type'], ['a multipart form', { 'content-type': 'multipart/form-data; boundary=x' }, 'content_type'], ['two types', { 'content-type': 'application/x-www-form-urlencoded, application/json' }, 'content_type'],
    ['compression', { 'content-encoding': 'gzip' }, 'content_type'],
  ])('%s is refused', (_, headers, reason) => refused((at) => send(body, at, headers), reason))
  test.each([[-301, 'signed_at'], [301, 'signed_at'], [-299, 'ok'], [299, 'ok'], [86_400, 'signed_at']])('signed %i s from now: %s', async (seconds, expected) => {
    const { run, at } = rig()
    expect(await run(send(body, at() + seconds))).toBe(expected)
  })
  test('a signature of another body', () => refused((at) => send(form(press('U0OPS000')), at, { 'x-slack-signature': sign(body, at) }), 'signature'))
  test('a signature of another time', () => refused((at) => send(body, at, { 'x-slack-signature': sign(body, at - 1) }), 'signature'))
  test('a signature by another secret', () => refused((at) => send(body, at, { 'x-slack-signature': sign(body, at, 'other') }), 'signature'))
  test('what was signed, divided elsewhere between time and body', () => refused((at) => send(`1:${body}`, at, { 'x-slack-signature': sign(body, `${at}:1`) }), 'form'))
  test('a body over 256 KB', () => refused((at) => send(`payload=${'x'.repeat(300_000)}`, at), 'body_too_large'))
  test('nothing at all', () => refused(() => new Request('https://gate/v1/slack', { method: 'POST' }), 'content_type'))
  test('without the secret nothing is taken for signed', async () => {
    const { ports, at } = rig()
    const open = createSlack({ ...ports, secrets: { get: async () => { throw new Fault('secret-missing', 'none') } } }, async () => ({ result: { ok: true, value: null } }), async () => { throw new Error('not asked') })
    await expect(open(send(body, at(), { 'x-slack-signature': sign(body, at(), '') }))).rejects.toThrow('none')
  })
  test('a gate without Slack has no such route', async () => {
    const { ports, at } = rig()
    for (const approvals of [null, { ...ports.approvals!, post: { slack: null, mail: null } }]) {
      const none = createSlack({ ...ports, approvals }, async () => ({ result: { ok: true, value: null } }), async () => { throw new Error('not asked') })
      expect(await none(send(body, at()))).toMatchObject({ ok: false, refusal: { slug: 'not-found' } })
    }
  })
})

describe('signed, and still not a press of one button', () => {
  const one = JSON.stringify(press())
  test.each([
    ['two payloads', `${form(press('U0STRANGE'))}&${form(press())}`, 'form'], ['a payload and more', `${form(press())}&user=U0LENA00`, 'form'], ['more before it', `a=1&${form(press())}`, 'form'], ['another name', form(press()).replace('payload', 'Payload'), 'form'],
    ['an encoded name', form(press()).replace('payload', '%70ayload'), 'form'], ['a semicolon between two', `${form(press())};payload=x`, 'form'], ['nothing', '', 'form'], ['an empty payload', 'payload=', 'not_json'], ['bad escapes', 'payload=%zz', 'form'], ['bad utf-8', 'payload=%ff', 'form'],
    ['a line end', `${form(press())}\n`, 'form'], ['not json', 'payload=x', 'not_json'], ['a member twice', form(one.replace('"user":', '"user":{"id":"U0STRANGE"},"user":')), 'duplicate_member'],
    ['a list', form('[]'), 'payload'], ['null', form('null'), 'payload'], ['another type', form(press('U0LENA00', 'sluice_reject', id, { type: 'view_submission' })), 'payload'], ['no user', form({ ...press(), user: undefined }), 'payload'], ['a user by name', form({ ...press(), user: { name: 'U0LENA00' } }), 'payload'],
    ['no action', form({ ...press(), actions: [] }), 'payload'], ['two actions', form({ ...press(), actions: [...press().actions, ...press().actions] }), 'payload'], ['a menu', form({ ...press(), actions: [{ ...press().actions[0], type: 'static_select' }] }), 'payload'],
  ])('%s', async (_, body, reason) => {
    const { run, at, rejected, answers } = rig()
    expect(await run(send(body, at()))).toBe(reason)
    expect([rejected, answers]).toEqual([[], []])
  })
  test('a user named deeper in it is not who pressed', async () => {
    const { run, at, rejected } = rig()
    const inner = { id: 'U0LENA00', user: { id: 'U0LENA00' } }
    await run(send(form({ ...press('U0STRANGE'), message: inner, container: inner, state: inner, actions: [{ ...press().actions[0], user: inner }], original_user: inner }), at()))
    expect(rejected).toEqual([])
  })
  test('names every object has are nobody', async () => {
    for (const user of ['__proto__', 'constructor', 'toString']) {
      const { run, at } = rig()
      expect(await run(send(form(press(user)), at()))).toBe('payload')
    }
  })
})
