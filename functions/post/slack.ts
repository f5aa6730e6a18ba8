import * as z from 'zod'
import type { Post, Secrets } from '../ports.ts'

export interface SlackOptions {
  /** Without a slash at the end: `https://slack.com/api`. */
  readonly api: string
  /** What a `response_url` must begin with: `https://hooks.slack.com/`. The bot's token is never sent there. */
  readonly answers: string
  readonly secrets: Secrets
}
export const botToken = 'slack-bot-token'
const patienceMs = 5000
const maxBytes = 256 * 1024
const reply = z.object({ ok: z.boolean(), error: z.string().optional(), channel: z.string().max(64).optional(), ts: z.string().max(64).optional() })
/** The message is gone, or no longer ours to change: there is nothing left that could mislead, and trying again would not help. */
const gone = new Set(['message_not_found', 'cant_update_message', 'edit_window_closed', 'is_inactive'])
/** Slack reads nothing into what is sent: no links, names or previews. */
const asItIs = { mrkdwn: false, parse: 'none', link_names: false, unfurl_links: false, unfurl_media: false }

/** `Post.slack` and `Post.answer` over Slack's Web API. Throws within 5 s, with Slack's own word for what is wrong and never a token. */
export function createSlackPost({ api, answers, secrets }: SlackOptions): { readonly slack: NonNullable<Post['slack']>; readonly answer: NonNullable<Post['answer']> } {
  return {
    async slack({ channel, text, blocks, place }) {
      const method = place ? 'chat.update' : 'chat.postMessage'
      const body = place ? { channel: place.channel, ts: place.message, text, blocks, parse: 'none', link_names: false } : { channel, text, blocks, ...asItIs }
      const response = await post(`${api}/${method}`, body, { authorization: `Bearer ${await secrets.get(botToken)}` })
      const { data } = reply.safeParse(response.json)
      if (response.status !== 200 || !data) throw new Error(`slack answered ${method} with status ${response.status}`)
      if (!data.ok && place && gone.has(data.error ?? '')) return place
      if (!data.ok) throw new Error(`slack refused ${method}: ${(data.error ?? 'unknown').replaceAll(/[^a-z0-9_]/gi, '').slice(0, 64)}`)
      if (data.channel === undefined || data.ts === undefined) throw new Error(`slack did not say where ${method} put it`)
      return { channel: data.channel, message: data.ts }
    },
    async answer(to, text) {
      const url = URL.parse(to)
      if (url === null || url.href !== to || !to.startsWith(answers)) throw new Error('not an address of Slack')
      const { status } = await post(to, { response_type: 'ephemeral', replace_original: false, text, ...asItIs }, {})
      if (status !== 200) throw new Error(`slack took no answer: status ${status}`)
    },
  }
}

/** Never follows a redirect, which could carry the token elsewhere. */
async function post(url: string, body: object, headers: Readonly<Record<string, string>>): Promise<{ readonly status: number; readonly json: unknown }> {
  const response = await fetch(url, {
    method: 'POST', redirect: 'error', signal: AbortSignal.timeout(patienceMs), body: JSON.stringify(body), headers: { 'content-type': 'application/json; charset=utf-8', ...headers },
  })
  const parts: Uint8Array[] = []
  let bytes = 0
  for await (const part of response.body ?? []) {
    if ((bytes += part.byteLength) > maxBytes) throw new Error('slack answered with more than 256 KB')
    parts.push(part)
  }
  const text = Buffer.concat(parts).toString('utf8')
  try {
    return { status: response.status, json: JSON.parse(text) as unknown }
  } catch {
    return { status: response.status, json: null }
  }
}
