import type { Post, Secrets } from '../ports.ts'
import { createSlackPost } from '../post/slack.ts'
import { placeOf } from './dynamo.ts'
import { createMail } from './mail.ts'

/**
 * Ways to reach people as a Lambda function has them. Slack where the deployment says that its secret store has the bot's token (`SLUICE_SLACK`, or the token itself in `SLUICE_SECRET_SLACK_BOT_TOKEN`), mail where it names a
 * sender that SES has verified (`SLUICE_MAIL_FROM`). Throws for a sender that is no address, so that a deployment fails and not the first mail.
 */
export function createPost(secrets: Secrets, env: Readonly<Record<string, string | undefined>> = process.env): Post {
  const from = env['SLUICE_MAIL_FROM']
  const slack = createChat(secrets, env)
  if (!from) return slack
  const { region, credentials } = placeOf(env)
  const endpoint = env['AWS_ENDPOINT_URL_SESV2']
  return { ...slack, mail: createMail({ region, credentials, from, ...(endpoint ? { endpoint } : {}) }) }
}

/** The same of a function that mails nobody, whatever the deployment names. */
export const createChat = (secrets: Secrets, env: Readonly<Record<string, string | undefined>> = process.env): Post =>
  ({ ...(env['SLUICE_SLACK'] || env['SLUICE_SECRET_SLACK_BOT_TOKEN'] ? createSlackPost({ api: 'https://slack.com/api', answers: 'https://hooks.slack.com/', secrets }) : { slack: null }), mail: null })
