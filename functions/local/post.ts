import { randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Post, Secrets } from '../ports.ts'
import { botToken, createSlackPost } from '../post/slack.ts'
import { signingSecret } from '../slack.ts'
import { startInbox } from './inbox.ts'
import { createMail } from './mail.ts'
import { createSlackStub } from './slack.ts'

export interface LocalPost {
  readonly post: Post
  /** Answers what is below /dev/inbox and /dev/slack. false: it is not there. */
  handle(req: IncomingMessage, res: ServerResponse): boolean
  close(): Promise<void>
}

/** Of this run: no Slack but the one on this machine has them. */
export const newSlackSecrets = (): Readonly<Record<string, string>> => ({ [botToken]: `xoxb-local-${randomBytes(16).toString('hex')}`, [signingSecret]: randomBytes(32).toString('hex') })

/** Ways to reach people that end on this machine: production's Slack adapter against a Slack of ours, and mail by SMTP into an inbox. `url`: the gate's own. */
export async function startPost({ url, secrets, now }: { readonly url: string; readonly secrets: Secrets; readonly now: () => number }): Promise<LocalPost> {
  const inbox = await startInbox({ url, now })
  const mail = createMail({ port: inbox.port, from: 'sluice@localhost.localdomain' })
  const stub = createSlackStub({ url, secrets, now })
  return {
    post: { ...createSlackPost({ api: stub.api, answers: stub.answers, secrets }), mail: mail.mail },
    handle(req, res) {
      if (inbox.handles(req.url)) inbox.handler(req, res)
      else if (stub.handles(req.url)) void stub.handler(req, res)
      else return false
      return true
    },
    async close() {
      mail.close()
      await inbox.close()
    },
  }
}
