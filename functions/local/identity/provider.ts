import type { IncomingMessage, ServerResponse } from 'node:http'
import Provider, { errors, interactionPolicy, type Context } from 'oidc-provider'
import { createAdapter } from './adapter.ts'
import { cast } from './cast.ts'
import { clients } from './discovery.ts'
import type { IdentityKey } from './key.ts'
import { pageHeaders, readPerson, signInPage } from './page.ts'
import { readBody } from './rim.ts'

const tokenSeconds = 3600
const maxPeople = 1000
const mount = '/dev/oidc'

/** The authorization code flow for people, on oidc-provider: loaded when the first person signs in. Sign-ins live in memory, keys do not. */
export function createProvider(key: IdentityKey, issuer: { readonly issuer: string; readonly audience: string }, console: string): (req: IncomingMessage, res: ServerResponse) => Promise<void> {
  /** Groups by subject, as last signed in: the code flow carries only the subject. */
  const people = new Map<string, readonly string[]>(cast.map((person) => [person.subject, person.groups]))
  const provider = new Provider(issuer.issuer, configuration(key, issuer.audience, console, people))
  const flow = provider.callback()

  async function interact(req: IncomingMessage, res: ServerResponse, path: string): Promise<void> {
    // The cookie of this very interaction is looked for first: without it the page neither shows nor takes anything.
    const details = await provider.interactionDetails(req, res).catch(() => null)
    if (!details) return void res.writeHead(400, pageHeaders).end('<!doctype html><title>Sluice</title><p>This sign-in is over or was begun elsewhere. Begin it again where you came from.')
    const client = String(details.params['client_id'])
    if (req.method !== 'POST') return void res.writeHead(200, pageHeaders).end(signInPage(path, client, null))
    const person = readPerson(new URLSearchParams(await readBody(req, 'application/x-www-form-urlencoded')))
    if (!person) return void res.writeHead(400, pageHeaders).end(signInPage(path, client, 'A name is needed, without spaces.'))
    if (!people.has(person.subject) && people.size >= maxPeople) people.clear()
    people.set(person.subject, person.groups)
    await provider.interactionFinished(req, res, { login: { accountId: person.subject } }, { mergeWithLastSubmission: false })
  }

  return async (req, res) => {
    const original = req.url ?? ''
    const path = original.split('?')[0] ?? ''
    if (path.startsWith(`${mount}/interaction/`)) return interact(req, res, path)
    // No sign-in outlives its flow: finding another person's, the provider would have a script end that one first, by a page it does not serve here.
    req.headers.cookie = (req.headers.cookie ?? '').split(';').filter((pair) => !/^\s*_session[.=]/.test(pair)).join(';')
    // As a mounting framework would: the provider finds its own path by comparing the two.
    Object.assign(req, { originalUrl: original, url: original.slice(mount.length) })
    await flow(req, res)
  }
}

function configuration(key: IdentityKey, audience: string, console: string, people: ReadonlyMap<string, readonly string[]>): object {
  const shared = { token_endpoint_auth_method: 'none', grant_types: ['authorization_code'], response_types: ['code'], id_token_signed_response_alg: 'ES256' }
  const policy = interactionPolicy.base()
  // Asked every time: on one machine the same browser is another person a minute later.
  policy.get('login')?.checks.add(new interactionPolicy.Check('who_today', 'somebody must be chosen', (context) => context.oidc.result?.login === undefined))
  policy.remove('consent')
  return {
    clients: [
      { ...shared, client_id: clients.cli, application_type: 'native', redirect_uris: ['http://127.0.0.1/callback', 'http://[::1]/callback'] },
      { ...shared, client_id: clients.console, redirect_uris: [`${console}/signin/callback/local`] },
    ],
    adapter: createAdapter(),
    jwks: { keys: [key.private] },
    cookies: { keys: [key.cookieSecret], short: { sameSite: 'lax' }, long: { sameSite: 'lax' } },
    scopes: ['openid'], responseTypes: ['code'], clientAuthMethods: ['none'], enabledJWA: { idTokenSigningAlgValues: ['ES256'] },
    interactions: { policy, url: (_context: Context, { uid }: { readonly uid: string }) => `${mount}/interaction/${uid}` },
    findAccount: async (_context: Context, subject: string) => ({ accountId: subject, claims: async () => ({ sub: subject }) }),
    extraTokenClaims: async ({ oidc }: Context, token: { readonly accountId?: string }) => ({ groups: people.get(token.accountId ?? '') ?? [], auth_time: oidc.entities.AuthorizationCode?.authTime }),
    loadExistingGrant: async ({ oidc }: Context) => {
      const grant = new oidc.provider.Grant({ accountId: oidc.session?.accountId ?? '', clientId: oidc.client?.clientId ?? '' })
      grant.addOIDCScope('openid')
      await grant.save()
      return grant
    },
    features: {
      devInteractions: { enabled: false }, rpInitiatedLogout: { enabled: false }, userinfo: { enabled: false },
      resourceIndicators: {
        enabled: true, defaultResource: async () => audience, useGrantedResource: async () => true,
        getResourceServerInfo: async (_context: Context, resource: string) => {
          if (resource !== audience) throw new errors.InvalidTarget('tokens are made for the gate only')
          return { scope: '', audience, accessTokenFormat: 'jwt', accessTokenTTL: tokenSeconds, jwt: { sign: { alg: 'ES256' } } }
        },
      },
    },
    ttl: { AccessToken: tokenSeconds, AuthorizationCode: 60, Grant: tokenSeconds, IdToken: tokenSeconds, Interaction: 600, Session: tokenSeconds },
    renderError: (context: { type: string; body: string }, out: Readonly<Record<string, unknown>>) => {
      context.type = 'json'
      context.body = JSON.stringify(out)
    },
  }
}
