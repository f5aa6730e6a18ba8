import { mailAddress } from '../../schema/policy.ts'
import { Fault, type Post } from '../ports.ts'
import type { Credentials } from './dynamo.ts'

export interface MailPlace { readonly region: string; readonly credentials: Credentials; /** Left out: SES of the region. */ readonly endpoint?: string; /** A verified identity of SES. */ readonly from: string }
const patienceMs = 5000

/** `Post.mail` by SES version 2, its SDK loaded with the first mail. Throws within 5 s, and was then perhaps sent all the same. */
export function createMail({ region, credentials: { accessKeyId, secretAccessKey, sessionToken }, endpoint, from }: MailPlace): NonNullable<Post['mail']> {
  const sender = mailAddress.parse(from)
  const load = async () => {
    const sdk = await import('@aws-sdk/client-sesv2')
    const client = new sdk.SESv2Client({
      region, maxAttempts: 1, credentials: { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) }, ...(endpoint === undefined ? {} : { endpoint }),
      requestHandler: { requestTimeout: patienceMs, connectionTimeout: patienceMs, throwOnRequestTimeout: true },
    })
    return { sdk, client }
  }
  let loaded: ReturnType<typeof load> | null = null

  return async ({ to, subject, text, html }) => {
    // Recipients are a list in SES, but it reads each entry as a header's value would be.
    const address = mailAddress.safeParse(to)
    if (!address.success || /[\r\n]/.test(subject)) throw new Fault('internal', 'not a mail that may be sent')
    loaded ??= load()
    const { sdk, client } = await loaded
    const utf8 = (Data: string) => ({ Data, Charset: 'UTF-8' })
    await client.send(new sdk.SendEmailCommand({
      FromEmailAddress: `Sluice <${sender}>`, Destination: { ToAddresses: [address.data] },
      Content: { Simple: { Subject: utf8(subject), Body: { Text: utf8(text), Html: utf8(html) }, Headers: [{ Name: 'Auto-Submitted', Value: 'auto-generated' }] } },
    }))
  }
}
