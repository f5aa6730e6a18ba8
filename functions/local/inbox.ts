import type { IncomingMessage, ServerResponse } from 'node:http'
import { html } from 'hono/html'
import PostalMime from 'postal-mime'
import { SMTPServer } from 'smtp-server'
import { page } from '../console/page.ts'
import { answer, fromHere } from './identity/rim.ts'

const mount = '/dev/inbox'
const kept = 500
const maxBytes = 1024 * 1024

interface Mail { readonly id: number; readonly at: string; readonly from: string; readonly to: readonly string[]; readonly subject: string; readonly text: string; readonly html: string; readonly headers: readonly string[] }
export interface Inbox {
  /** Of the SMTP server, on 127.0.0.1. */
  readonly port: number
  handles(path: string | undefined): boolean
  handler(req: IncomingMessage, res: ServerResponse): void
  close(): Promise<void>
}

/**
 * Every mail of this machine's gate, and no farther: an SMTP server that keeps the last 500 in memory, taken apart by another reader than wrote them.
 * `GET /dev/inbox` shows them, to a browser as a page, else as JSON; `/dev/inbox/7.html` is one as its reader would draw it. `url`: the gate's base URL.
 */
export async function startInbox({ url, now }: { readonly url: string; readonly now: () => number }): Promise<Inbox> {
  const mails: Mail[] = []
  let count = 0
  const server = new SMTPServer({
    disabledCommands: ['AUTH', 'STARTTLS'], authOptional: true, size: maxBytes, disableReverseLookup: true, logger: false,
    onData(stream, session, reply) {
      const chunks: Buffer[] = []
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      stream.on('end', () => {
        if (stream.sizeExceeded) return reply(new Error('over 1 MB'))
        const { mailFrom, rcptTo } = session.envelope
        void take(Buffer.concat(chunks), mailFrom ? mailFrom.address : '', rcptTo.map(({ address }) => address)).then(reply)
      })
    },
  })
  /** null: it is kept. */
  async function take(raw: Buffer, from: string, to: readonly string[]): Promise<Error | null> {
    try {
      const { subject = '', text = '', html = '', headers } = await PostalMime.parse(raw)
      mails.push({ id: ++count, at: new Date(now()).toISOString(), from, to, subject, text, html, headers: headers.map(({ key }) => key) })
      if (mails.length > kept) mails.shift()
      return null
    } catch {
      return new Error('not a mail')
    }
  }
  server.on('error', () => {})                                // a client that went away in the middle
  await new Promise<void>((done) => { server.listen(0, '127.0.0.1', done) })
  const address = server.server.address()

  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    handles: (path) => path !== undefined && (path === mount || path.startsWith(`${mount}/`) || path.startsWith(`${mount}?`)),
    handler(req, res) {
      if (!fromHere(req, url)) return answer(res, 403, { error: 'only from this machine' })
      if (req.method !== 'GET') return answer(res, 405, { error: 'mails are read here' })
      const path = (req.url ?? '').split('?')[0] ?? ''
      const one = mails.find(({ id }) => path === `${mount}/${id}.html`)
      if (one) return void res.writeHead(200, headersOf('')).end(one.html)
      if (path !== mount) return answer(res, 404, { error: 'no such mail' })
      if (!(req.headers.accept ?? '').includes('text/html')) return answer(res, 200, { mails })
      res.writeHead(200, headersOf(" style-src 'unsafe-inline';")).end(listPage(mails))
    },
    close: () => new Promise((done) => { server.close(() => done()) }),
  }
}

/** A mail is a stranger's page: no script, no form, nothing fetched, and an origin of its own. Its links work. */
const headersOf = (more: string) => ({
  'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store', 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer',
  'content-security-policy': `default-src 'none';${more} base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox allow-top-navigation-by-user-activation allow-popups`,
})

function listPage(mails: readonly Mail[]): string {
  return page('Inbox', html`<h1>Inbox</h1>
<p class="quiet">Mails this machine's gate sent. They went nowhere else.</p>
${mails.length === 0 ? html`<p>None yet.</p>` : ''}
${mails.toReversed().map(({ id, at, to, subject, text }) => html`<h2 style="overflow-wrap:anywhere">${subject}</h2><p class="quiet">to ${to.join(', ')}, ${at}, <a href="${mount}/${id}.html">as HTML</a></p><pre style="white-space:pre-wrap;overflow-wrap:anywhere">${text}</pre>`)}`)
}
