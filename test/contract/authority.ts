import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openssl } from '../lambda/gate.ts'

/** Where it is reached, with a path and a query that must arrive as they are; what it says next; its certificate, which names 127.0.0.1 alone; what was asked of it, and over how many connections. */
export interface Authority {
  readonly url: string
  answer: (request: IncomingMessage, response: ServerResponse) => void
  readonly certificate: string
  readonly asked: IncomingMessage[]
  connections: number
  close(): void
}

/** An issuer over TLS with a certificate of its own, which nobody vouches for until a test does. */
export async function startAuthority(): Promise<Authority> {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-issuer-'))
  const [keyFile, certFile] = [join(directory, 'key.pem'), join(directory, 'cert.pem')]
  execFileSync(openssl ?? '', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', '/CN=issuer', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', keyFile, '-out', certFile], { stdio: 'ignore' })
  const [key, certificate] = [readFileSync(keyFile), readFileSync(certFile, 'utf8')]
  rmSync(directory, { recursive: true })
  const server = createServer({ key, cert: certificate }, (request, response) => { authority.asked.push(request); authority.answer(request, response) }).listen(0, '127.0.0.1')
  server.on('secureConnection', () => { authority.connections++ })
  await new Promise((resolve) => { server.once('listening', resolve) })
  const authority: Authority = {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}/.well-known/x?y=1`, answer: (_, response) => { response.end('{}') }, certificate, asked: [], connections: 0,
    close() { server.closeAllConnections(); server.close() },
  }
  return authority
}
