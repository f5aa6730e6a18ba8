import { createServer, request, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createIdentity, type Identity } from '../../functions/local/identity.ts'

/** The local identity provider on a port of its own, with the one open page of a gate that `sluice login` reads. */
export async function stand(directory: string | null = null, now: () => number = Date.now): Promise<{ url: string; identity: Identity; close: () => Promise<void> }> {
  let identity: Identity | null = null
  let url = ''
  const server = createServer((req, res) => {
    if (req.url === '/.well-known/oauth-protected-resource') res.end(JSON.stringify({ resource: url, authorization_servers: [`${url}/dev/oidc`] }))
    else identity?.handler(req, res)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const made = identity = await createIdentity({ directory, url, console: url, audience: url, now })
  return {
    url, identity: made,
    close: async () => {
      await made.close()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** A request with headers that `fetch` would not let one set. */
export function raw(url: string, headers: Record<string, string>, method = 'GET', body = ''): Promise<{ status: number; body: string; headers: IncomingMessage['headers'] }> {
  return new Promise((resolve, reject) => {
    const req = request(url, { method, headers, agent: false }, (res) => {
      let text = ''
      res.setEncoding('utf8').on('data', (chunk: string) => (text += chunk)).on('end', () => resolve({ status: res.statusCode ?? 0, body: text, headers: res.headers }))
    })
    req.on('error', reject).end(body)
  })
}

/** A browser, as far as signing in needs one: cookies by path, redirects followed by hand. */
export function createBrowser() {
  const jar: { name: string; value: string; path: string }[] = []
  return async (url: string, form?: Record<string, string>): Promise<Response> => {
    const { pathname } = new URL(url)
    const cookie = jar.filter((one) => pathname.startsWith(one.path)).map((one) => `${one.name}=${one.value}`).join('; ')
    const response = await fetch(url, {
      redirect: 'manual', method: form ? 'POST' : 'GET', headers: { cookie, ...(form ? { origin: new URL(url).origin } : {}) },
      ...(form ? { body: new URLSearchParams(form) } : {}),
    })
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      jar.push({ name, value, path: /path=([^;]+)/i.exec(line)?.[1] ?? '/' })
    }
    return response
  }
}

/** Walks from the authorization page to the client's callback as the person of that form; returns the callback's url. */
export async function signIn(page: string, form: Record<string, string>): Promise<string> {
  const browse = createBrowser()
  let at = page
  for (let step = 0; step < 8; step++) {
    const response = await browse(at)
    if (response.status === 200) {
      const posted = await browse(at, form)
      if (posted.status !== 303 && posted.status !== 302) throw new Error(`the form was answered ${posted.status}: ${await posted.text()}`)
      at = new URL(posted.headers.get('location') ?? '', at).href
    } else if (response.headers.has('location')) at = new URL(response.headers.get('location') ?? '', at).href
    else throw new Error(`${at} was answered ${response.status}: ${await response.text()}`)
    if (new URL(at).pathname === '/callback') return at
  }
  throw new Error('no callback')
}
