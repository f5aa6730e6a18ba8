import { createServer, type Server } from 'node:http'
import { connect } from 'node:net'
import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { letterOf } from '../../functions/approve/letter.ts'
import { messageOf } from '../../functions/approve/message.ts'
import { startInbox, type Inbox } from '../../functions/local/inbox.ts'
import { createMail } from '../../functions/local/mail.ts'
import { asked, saying } from '../approve/asked.ts'

let inbox: Inbox
let mail: ReturnType<typeof createMail>
let server: Server
let url = ''
beforeAll(async () => {
  server = createServer((req, res) => { if (inbox.handles(req.url)) inbox.handler(req, res); else res.writeHead(404).end() }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  url = `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`
  inbox = await startInbox({ url, now: Date.now })
  mail = createMail({ port: inbox.port, from: 'sluice@acme.dev' })
})
afterAll(async () => { mail.close(); await inbox.close(); server.close(); server.closeAllConnections() })
interface Shown { readonly id: number; readonly to: readonly string[]; readonly subject: string; readonly text: string; readonly html: string; readonly headers: readonly string[] }
const mails = async (): Promise<readonly Shown[]> => ((await (await fetch(`${url}/dev/inbox`)).json()) as { mails: readonly Shown[] }).mails
const last = async (): Promise<Shown> => (await mails()).at(-1) ?? expect.unreachable()

describe('a mail', () => {
  test('arrives as it was written, in text and in HTML, at one address', async () => {
    const letter = letterOf(messageOf(asked({ ...saying('select 1 -- ünï <b>'), purpose: 'Grüße <https://evil.example|x>' }), { full: true, console: 'https://pages.acme.dev' }))
    await mail.mail({ to: 'leads@acme.dev', ...letter })
    const shown = await last()
    expect(shown.to).toEqual(['leads@acme.dev'])
    expect(shown.subject).toBe(letter.subject)
    expect(shown.text.trimEnd()).toBe(letter.text.trimEnd())
    expect(shown.html.trimEnd()).toBe(letter.html.trimEnd())
    expect([...shown.headers].sort()).toEqual(['auto-submitted', 'content-type', 'date', 'from', 'message-id', 'mime-version', 'subject', 'to'])
  })
  test.each(['a@acme.dev\r\nbcc: b@acme.dev', 'a@acme.dev, b@acme.dev', 'A <a@acme.dev>', 'a@acme.dev\n', '"a,b"@acme.dev', 'a@acme.dev;b@acme.dev', 'leads: a@acme.dev;'])('to %j is not sent', async (to) => {
    const before = (await mails()).length
    await expect(mail.mail({ to, subject: 'x', text: 'x', html: 'x' })).rejects.toThrow()
    expect((await mails()).length).toBe(before)
  })
  test('a line end in a subject makes no header', async () => {
    await mail.mail({ to: 'a@acme.dev', subject: 'x\r\nBcc: b@acme.dev\r\n\r\nbody', text: 'real', html: '<p>real</p>' })
    const shown = await last()
    expect(shown.headers).not.toContain('bcc')
    expect(shown.to).toEqual(['a@acme.dev'])
    expect(shown.text.trim()).toBe('real')
  })
  test('a lone full stop in a text ends nothing', async () => {
    await mail.mail({ to: 'a@acme.dev', subject: 'x', text: 'a\r\n.\r\nQUIT\r\nb', html: '<p>\r\n.\r\n</p>' })
    expect((await last()).text.replaceAll('\r', '')).toBe('a\n.\nQUIT\nb\n')
  })
  test('to a server that is gone fails', async () => {
    const none = createMail({ port: 1, from: 'sluice@acme.dev' })
    await expect(none.mail({ to: 'a@acme.dev', subject: 'x', text: 'x', html: 'x' })).rejects.toThrow()
    none.close()
  })
})

describe('the inbox', () => {
  test('shows a browser a page in which a mail is text', async () => {
    await mail.mail({ to: 'a@acme.dev', subject: '<script>alert(1)</script>', text: '<img src=x>', html: '<script>alert(2)</script><p>hello</p>' })
    const response = await fetch(`${url}/dev/inbox`, { headers: { accept: 'text/html' } })
    const page = await response.text()
    expect(page).toContain('&lt;script&gt;alert(1)')
    for (const tag of ['h2', 'pre']) expect(page).toMatch(new RegExp(`<${tag} style="[^"]*overflow-wrap:anywhere`))       // a phone's width
    expect(page).not.toMatch(/<script|<img/)
    expect(response.headers.get('content-security-policy')).toContain('default-src \'none\'')
  })
  test('draws a mail where nothing of it runs', async () => {
    const response = await fetch(`${url}/dev/inbox/${(await last()).id}.html`)
    expect(await response.text()).toContain('<p>hello</p>')
    expect(response.headers.get('content-security-policy')).toMatch(/default-src 'none';.*sandbox/)
    expect(response.headers.get('content-security-policy')).not.toMatch(/allow-(scripts|same-origin|forms)/)
  })
  test('answers this machine only, and takes nothing', async () => {
    expect((await fetch(`${url}/dev/inbox`, { headers: { origin: 'https://evil.example' } })).status).toBe(403)
    expect((await fetch(`${url}/dev/inbox`, { method: 'POST' })).status).toBe(405)
    expect((await fetch(`${url}/dev/inbox/999.html`)).status).toBe(404)
    expect((await fetch(`${url}/dev/inboxes`)).status).toBe(404)
  })
  test('survives a client that leaves in the middle', async () => {
    const socket = connect(inbox.port, '127.0.0.1')
    await once(socket, 'data')
    socket.write('HELO x\r\nMAIL FROM:<a@acme.dev>\r\n')
    socket.destroy()
    await mail.mail({ to: 'after@acme.dev', subject: 'x', text: 'x', html: 'x' })
    expect((await last()).to).toEqual(['after@acme.dev'])
  })
})
