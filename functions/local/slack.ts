import { createHmac } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import * as z from 'zod'
import type { Secrets } from '../ports.ts'
import { signingSecret } from '../slack.ts'
import { botToken } from '../post/slack.ts'
import { answer, fromHere, OutOfBounds, readBody } from './identity/rim.ts'

const mount = '/dev/slack'
const kept = 500

interface Message { readonly channel: string; readonly ts: string; readonly text: string; readonly blocks: readonly object[]; readonly updates: number }

const text = z.looseObject({ type: z.enum(['plain_text', 'mrkdwn']), text: z.string().min(1).max(3000) })
const button = z.looseObject({ type: z.literal('button'), action_id: z.string().max(255), text, url: z.string().max(3000).optional(), value: z.string().max(2000).optional() })
/** Slack's own limits, so that a message it would refuse is refused here. */
const blocks = z.array(z.discriminatedUnion('type', [
  z.looseObject({ type: z.literal('header'), text: text.extend({ text: z.string().min(1).max(150) }) }),
  z.looseObject({ type: z.literal('section'), text: text.optional(), fields: z.array(text.extend({ text: z.string().min(1).max(2000) })).max(10).optional() }),
  z.looseObject({ type: z.literal('context'), elements: z.array(text).min(1).max(10) }),
  z.looseObject({ type: z.literal('actions'), elements: z.array(button).min(1).max(25) }),
])).max(50)
const sent = z.looseObject({ channel: z.string(), text: z.string().max(40_000), blocks, ts: z.string().optional() })
const press = z.strictObject({ message: z.string(), action: z.string().max(255), user: z.string() })

/**
 * What of Slack a gate speaks to, on this machine: `chat.postMessage`, `chat.update` and answers to a press below /dev/slack/; `GET /dev/slack` shows all of
 * it as JSON. `POST /dev/slack/press` with `{message, action, user}` presses a button as that user, signed as Slack signs. `url`: the gate's own base URL.
 */
export function createSlackStub({ url, secrets, now }: { readonly url: string; readonly secrets: Secrets; readonly now: () => number }) {
  const messages: Message[] = []
  const answers: { readonly text: string; readonly at: string }[] = []
  let count = 0
  const keep = <T>(list: T[], item: T) => { list.push(item); if (list.length > kept) list.shift() }
  const stamp = () => `${Math.floor(now() / 1000)}.${String(++count).padStart(6, '0')}`

  function write(method: string, body: string): object {
    const parsed = sent.safeParse(JSON.parse(body))
    if (!parsed.success) return { ok: false, error: parsed.error.issues[0]?.path[0] === 'blocks' ? 'invalid_blocks' : 'invalid_arguments' }
    const { channel, text, blocks } = parsed.data
    if (method === 'chat.postMessage') {
      const ts = stamp()
      keep(messages, { channel, ts, text, blocks, updates: 0 })
      return { ok: true, channel, ts }
    }
    const at = messages.findIndex((message) => message.channel === channel && message.ts === parsed.data.ts)
    const before = messages[at]
    if (!before) return { ok: false, error: 'message_not_found' }
    messages[at] = { ...before, text, blocks, updates: before.updates + 1 }
    return { ok: true, channel, ts: before.ts }
  }

  async function pressed(body: string): Promise<object> {
    const { message: ts, action, user } = press.parse(JSON.parse(body))
    const message = messages.find((one) => one.ts === ts)
    if (!message) throw new OutOfBounds(404, 'no such message')
    const found = message.blocks.flatMap((block) => ('elements' in block && Array.isArray(block.elements) ? block.elements as { action_id?: string; value?: string }[] : [])).find((element) => element.action_id === action)
    const payload = {
      type: 'block_actions', user: { id: user, username: 'someone', team_id: 'T0LOCAL00' }, api_app_id: 'A0LOCAL00', container: { type: 'message', message_ts: ts, channel_id: message.channel }, trigger_id: stamp(),
      message: { type: 'message', ts, text: message.text, blocks: message.blocks }, response_url: `${url}${mount}/answers/${count}`, actions: [{ type: 'button', action_id: action, block_id: 'b', ...(found?.value === undefined ? {} : { value: found.value }), action_ts: ts }],
    }
    const form = `payload=${encodeURIComponent(JSON.stringify(payload))}`
    const at = Math.floor(now() / 1000)
    const headers = { 'content-type': 'application/x-www-form-urlencoded', 'x-slack-request-timestamp': String(at), 'x-slack-signature': `v0=${createHmac('sha256', await secrets.get(signingSecret)).update(`v0:${at}:${form}`).digest('hex')}` }
    const response = await fetch(`${url}/v1/slack`, { method: 'POST', body: form, headers, redirect: 'error' })
    return { status: response.status, body: await response.text() }
  }

  async function route(req: IncomingMessage): Promise<object> {
    const path = (req.url ?? '').split('?')[0] ?? ''
    if (req.method === 'GET' && path === mount) return { messages, answers }
    if (req.method !== 'POST') throw new OutOfBounds(405, 'nothing here')
    if (path === `${mount}/press`) return pressed(await readBody(req, 'application/json'))
    if (path.startsWith(`${mount}/answers/`)) {
      keep(answers, { text: z.object({ text: z.string() }).parse(JSON.parse(await readBody(req, 'application/json'))).text, at: new Date(now()).toISOString() })
      return { ok: true }
    }
    const method = path.slice(`${mount}/api/`.length)
    if (!path.startsWith(`${mount}/api/`) || (method !== 'chat.postMessage' && method !== 'chat.update')) throw new OutOfBounds(404, 'nothing here')
    return req.headers.authorization === `Bearer ${await secrets.get(botToken)}` ? write(method, await readBody(req, 'application/json')) : { ok: false, error: 'invalid_auth' }
  }

  return {
    api: `${url}${mount}/api`, answers: `${url}${mount}/answers/`,
    handles: (path: string | undefined): boolean => path !== undefined && (path === mount || path.startsWith(`${mount}/`) || path.startsWith(`${mount}?`)),
    async handler(req: IncomingMessage, res: ServerResponse): Promise<void> {
      if (!fromHere(req, url)) return answer(res, 403, { error: 'only from this machine' })
      try {
        answer(res, 200, await route(req))
      } catch (error) {
        answer(res, error instanceof OutOfBounds ? error.status : 400, { error: error instanceof OutOfBounds ? error.message : 'not understood' })
      }
    },
  }
}
