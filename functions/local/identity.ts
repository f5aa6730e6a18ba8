import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Self } from '../ports.ts'
import { metadata } from './identity/discovery.ts'
import { loadKey } from './identity/key.ts'
import { answer, fromHere, OutOfBounds } from './identity/rim.ts'
import { mintToken } from './identity/token.ts'

/**
 * The identity provider of the machine's own user: it signs whatever it is asked to, so it protects nothing from whoever can reach this port. It is an
 * issuer like any other to the gate, with keys, metadata and the authorization code flow, so that nothing in the gate knows it is local.
 */
export interface Identity {
  readonly issuer: NonNullable<Self['localIssuer']>
  /** For every request whose path is `/dev/token` or begins with `/dev/oidc`. Answers always, never throws. */
  readonly handler: (req: IncomingMessage, res: ServerResponse) => void
  close(): Promise<void>
}

/**
 * `directory`: where the signing key lives (`identity.json`, 0600), or null for one of this run only. `url`: the gate's base URL, `console`: the pages', no slash at the end.
 * Rejects with one clear line when the key file cannot be read. Minted tokens outlive a restart; sign-ins in progress do not.
 */
export async function createIdentity(options: { readonly directory: string | null; readonly url: string; readonly console: string; readonly audience: string; readonly now: () => number }): Promise<Identity> {
  const issuer = { name: 'local', issuer: `${options.url}/dev/oidc`, audience: options.audience } as const
  const key = await loadKey(options.directory)
  // 24 MB and a quarter of a second of CPU, needed only when a person signs in: tokens, keys and metadata are served without it.
  let provider: Promise<(req: IncomingMessage, res: ServerResponse) => Promise<void>> | null = null
  const signIn = () => (provider ??= import('./identity/provider.ts').then(({ createProvider }) => createProvider(key, issuer, options.console)))

  async function serve(req: IncomingMessage, res: ServerResponse): Promise<void> {
    if (!fromHere(req, options.url)) return answer(res, 403, { error: 'access_denied', error_description: 'the local identity provider answers this machine only, by a loopback name and from its own pages' })
    const path = (req.url ?? '').split('?')[0]
    if (path === '/dev/token') return mintToken(req, res, { key, issuer, now: options.now })
    if (path === '/dev/oidc/jwks' && req.method === 'GET') return answer(res, 200, { keys: [key.public] })
    if (path === '/dev/oidc/.well-known/openid-configuration' && req.method === 'GET') return answer(res, 200, metadata(issuer.issuer))
    if (path?.startsWith('/dev/oidc/')) return (await signIn())(req, res)
    return answer(res, 404, { error: 'not_found' })
  }
  return {
    issuer,
    handler: (req, res) => {
      serve(req, res).catch((error: unknown) => {
        if (res.headersSent) res.destroy()
        else if (error instanceof OutOfBounds) answer(res, error.status, { error: 'invalid_request', error_description: error.message })
        else answer(res, 500, { error: 'server_error', error_description: 'the local identity provider failed' })
      })
    },
    close: async () => {
      provider = null
    },
  }
}
