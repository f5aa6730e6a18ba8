import { createTransport } from 'nodemailer'
import { mailAddress } from '../../schema/policy.ts'
import type { Post } from '../ports.ts'

const patienceMs = 5000

/** `Post.mail` by SMTP, to the inbox of this machine. Throws for what is not one plain address, and where the server does not take it within 5 s. */
export function createMail({ port, from }: { readonly port: number; readonly from: string }): { readonly mail: NonNullable<Post['mail']>; close(): void } {
  const transport = createTransport({
    host: '127.0.0.1', port, secure: false, ignoreTLS: true, disableFileAccess: true, disableUrlAccess: true, connectionTimeout: patienceMs, greetingTimeout: patienceMs, socketTimeout: patienceMs,
  })
  return {
    async mail({ to, subject, text, html }) {
      const address = mailAddress.parse(to)                    // a list, a name or a line end here would be more recipients
      await transport.sendMail({ from: { name: 'Sluice', address: from }, to: { name: '', address }, subject, text, html, headers: { 'Auto-Submitted': 'auto-generated' } })
    },
    close: () => transport.close(),
  }
}
