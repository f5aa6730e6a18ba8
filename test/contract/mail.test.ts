import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createMail as createSes } from '../../functions/aws/mail.ts'
import { startInbox } from '../../functions/local/inbox.ts'
import { createMail } from '../../functions/local/mail.ts'
import type { Post } from '../../functions/ports.ts'
import { credentials } from './rig.ts'

interface Sent { readonly to: readonly string[]; readonly from: string; readonly subject: string; readonly text: string; readonly html: string }
interface Rig { readonly mail: NonNullable<Post['mail']>; sent(): Promise<readonly Sent[]>; /** Nobody takes a mail any more. */ down(): Promise<void>; close(): Promise<void> }
const one = { to: 'leads@acme.dev', subject: 'Approval wanted: shöp', text: 'line 1\nline 2 ü\n', html: '<p>ü &amp; <b>bold</b></p>' }

function mailContract(by: string, create: () => Promise<Rig>): void {
  describe(`mail by ${by}`, () => {
    let rig: Rig
    beforeEach(async () => { rig = await create() })
    afterEach(() => rig.close())
    test('one mail to one address, its subject, text and page as they were', async () => {
      await rig.mail(one)
      const [mail, ...rest] = await rig.sent()
      expect(rest).toEqual([])
      expect(mail).toMatchObject({ to: [one.to], from: expect.stringContaining('sluice@acme.dev') as string, subject: one.subject })
      expect([mail?.text.trim(), mail?.html.trim()]).toEqual([one.text.trim(), one.html])
    })
    test.each(['a@acme.dev\r\nbcc: b@acme.dev', 'a@acme.dev,b@acme.dev', 'A <a@acme.dev>', 'a@acme.dev b@acme.dev', ''])('what is not one plain address is sent to nobody: %j', async (to) => {
      await expect(rig.mail({ ...one, to })).rejects.toThrow()
      expect(await rig.sent()).toEqual([])
    })
    test('a subject of two lines brings no header and no recipient', async () => {
      const taken = await rig.mail({ ...one, subject: 'x\r\nbcc: b@acme.dev' }).then(() => 1, () => 0)
      const sent = await rig.sent()
      expect([sent.length, sent.map(({ to }) => to)]).toEqual([taken, Array.from({ length: taken }, () => [one.to])])
      expect(JSON.stringify(sent.map(({ subject }) => subject))).not.toMatch(/\\[rn]/)
    })
    test('where nobody takes it, it throws, and is not sent twice', async () => {
      await rig.down()
      await expect(rig.mail(one)).rejects.toThrow()
      expect(await rig.sent()).toEqual([])
    })
  })
}

mailContract('SMTP on this machine', async () => {
  const inbox = await startInbox({ url: 'http://127.0.0.1', now: Date.now })
  const post = createMail({ port: inbox.port, from: 'sluice@acme.dev' })
  let open = true
  const shown = createServer((request, response) => inbox.handler(request, response))
  await new Promise<void>((resolve) => { shown.listen(0, '127.0.0.1', resolve) })
  const down = async () => { if (open) await inbox.close(); open = false }
  return {
    mail: post.mail, down,
    sent: async () => ((await (await fetch(`http://127.0.0.1:${(shown.address() as AddressInfo).port}/dev/inbox`, { headers: { accept: 'application/json' } })).json()) as { mails: Sent[] }).mails,
    close: async () => { post.close(); await down(); shown.close(); shown.closeAllConnections() },
  }
})
mailContract('SES', async () => {
  const sent: Sent[] = []
  let works = true
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    if (!works) return void response.writeHead(500).end('{}')
    const { FromEmailAddress: from, Destination: { ToAddresses: to }, Content: { Simple: { Subject, Body } } } = JSON.parse(Buffer.concat(chunks).toString()) as { FromEmailAddress: string; Destination: { ToAddresses: string[] }; Content: { Simple: { Subject: { Data: string }; Body: { Text: { Data: string }; Html: { Data: string } } } } }
    sent.push({ from, to, subject: Subject.Data, text: Body.Text.Data, html: Body.Html.Data })
    response.setHeader('content-type', 'application/json').end('{"MessageId":"m"}')
  })
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  return {
    mail: createSes({ region: 'eu-central-1', credentials, endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, from: 'sluice@acme.dev' }), sent: async () => sent,
    down: async () => { works = false }, close: async () => { server.close(); server.closeAllConnections() },
  }
})
